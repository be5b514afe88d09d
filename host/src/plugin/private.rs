//! The private folder: what is mapped is a copy that nobody else writes to.
//!
//! Overwriting a mapped library in place ends the process with SIGSEGV, and `dlopen` of a path that was opened before
//! returns the old library whatever the file holds now. A copy under a name of its own has neither trouble.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, MemfdFlags, SealFlags, StatVfsMountFlags};

use super::elf::Image;
use super::siblings;

const PREFIX: &str = "baton-drivers-";
/// A folder that its maker has not locked yet is never that old.
const LEFT_BEHIND_AFTER: Duration = Duration::from_secs(60);

/// A folder of mode 0700, removed with the last library that came from it.
pub(super) struct PrivateFolder {
    folder: tempfile::TempDir,
    /// Nothing may be executed from its file system, so libraries go into memory.
    in_memory: bool,
    /// Locked as long as the folder is in use, so that other hosts know.
    _lock: File,
}

/// A copy of a library, ready to be opened.
pub(super) struct Copy {
    /// An absolute path that no other library has had in this process.
    pub(super) path: PathBuf,
    /// Libraries to open first, because the copy could not find them itself.
    pub(super) first: Vec<PathBuf>,
    /// What of its surroundings could not be brought along.
    pub(super) warnings: Vec<String>,
}

impl PrivateFolder {
    /// Makes a folder within `parent`, and clears away those of hosts that were killed.
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        sweep(parent);
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(permissions)
            .tempdir_in(parent.canonicalize()?)?;
        let lock = File::open(folder.path())?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let in_memory = rustix::fs::fstatvfs(&lock)?.f_flag.contains(StatVfsMountFlags::NOEXEC);
        Ok(Self {
            folder,
            in_memory,
            _lock: lock,
        })
    }

    /// Keeps the copies in memory wherever the folder lies.
    pub(super) fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Copies a library that came from `origin` under the name `name`, which must be new.
    pub(super) fn copy(&self, bytes: &[u8], name: &str, origin: &Path, image: &Image) -> io::Result<Copy> {
        if self.in_memory {
            return Ok(Copy {
                path: sealed(bytes, name)?,
                first: siblings::needed(origin, image),
                warnings: Vec::new(),
            });
        }
        let mut warnings = Vec::new();
        let folder = if siblings::wanted(image) {
            // One per library: two vendors may call different libraries by one name.
            let mirror = self.folder.path().join(name).with_extension("d");
            DirBuilder::new().mode(0o700).create(&mirror)?;
            siblings::link(&mirror, origin, image, &mut warnings)?
        } else {
            self.folder.path().to_owned()
        };
        let path = folder.join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o500)
            .open(&path)?;
        file.write_all(bytes)?;
        Ok(Copy {
            path,
            first: Vec::new(),
            warnings,
        })
    }
}

/// A copy in memory that nobody can change any more.
///
/// It stays open until the process ends: its path is the number of the descriptor, and for a number that is used again
/// `dlopen` would return the library that had it before.
fn sealed(bytes: &[u8], name: &str) -> io::Result<PathBuf> {
    let mut file = File::from(memory(name)?);
    file.write_all(bytes)?;
    rustix::fs::fcntl_add_seals(
        &file,
        SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
    )?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let _ = file.into_raw_fd();
    Ok(path)
}

fn memory(name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Linux before 6.3 does not know the flag, and needs none.
    rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC).or_else(|_| rustix::fs::memfd_create(name, flags))
}

/// Removes the folders of hosts that had no time to do so themselves. What fails is left for the next one.
fn sweep(parent: &Path) {
    let me = rustix::process::geteuid().as_raw();
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata
            .modified()
            .ok()
            .and_then(|at| SystemTime::now().duration_since(at).ok());
        if metadata.is_dir() && metadata.uid() == me && age.is_some_and(|age| age > LEFT_BEHIND_AFTER) {
            remove_unless_locked(&entry.path());
        }
    }
}

fn remove_unless_locked(folder: &Path) {
    let Ok(handle) = File::open(folder) else { return };
    if rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive).is_ok() {
        let _ = fs::remove_dir_all(folder);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn image() -> Image {
        Image {
            info: super::super::info::host(),
            needed: Vec::new(),
            run_paths: Vec::new(),
        }
    }

    #[test]
    fn a_copy_is_out_of_reach_for_others_and_gone_afterwards() {
        let parent = tempfile::tempdir().unwrap();
        let private = PrivateFolder::new(parent.path()).unwrap();
        let copy = private.copy(b"bytes", "a-1.so", parent.path(), &image()).unwrap();
        assert_eq!(fs::read(&copy.path).unwrap(), b"bytes");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&copy.path), 0o500);
        assert_eq!(mode(copy.path.parent().unwrap()), 0o700);
        assert!(private.copy(b"other", "a-1.so", parent.path(), &image()).is_err());
        drop(private);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn where_nothing_may_be_executed_the_copy_is_sealed_in_memory() {
        let parent = tempfile::tempdir().unwrap();
        let private = PrivateFolder::new(parent.path()).unwrap().in_memory();
        let copy = private.copy(b"bytes", "a-1.so", parent.path(), &image()).unwrap();
        assert!(copy.path.starts_with("/proc/self/fd"));
        assert_eq!(fs::read(&copy.path).unwrap(), b"bytes");
        let write = || OpenOptions::new().write(true).open(&copy.path)?.write_all(b"x");
        assert!(write().is_err());
        let other = private.copy(b"bytes", "a-2.so", parent.path(), &image()).unwrap();
        assert_ne!(copy.path, other.path);
    }

    #[test]
    fn only_old_folders_that_nobody_has_locked_are_cleared_away() {
        let parent = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 2 * LEFT_BEHIND_AFTER;
        let make = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("x.so"), "").unwrap();
            let folder = File::open(&path).unwrap();
            folder.set_times(fs::FileTimes::new().set_modified(old)).unwrap();
            folder
        };
        make("baton-drivers-dead");
        make("somebody-else");
        let alive = make("baton-drivers-alive");
        rustix::fs::flock(&alive, FlockOperation::NonBlockingLockExclusive).unwrap();
        fs::create_dir(parent.path().join("baton-drivers-new")).unwrap();
        sweep(parent.path());
        let mut left: Vec<_> = fs::read_dir(parent.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["baton-drivers-alive", "baton-drivers-new", "somebody-else"]);
    }
}
