//! Reading a file once, whatever it turns out to be.

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::row::Rejection;
use super::trust::{self, Rights};

/// Larger than any driver, smaller than a data file that somebody left in the folder.
const SIZE_MAX: u64 = 1 << 30;
const ELF_MAGIC: &[u8] = b"\x7fELF";

/// The bytes of a trusted regular file that begins like an ELF file.
#[derive(Debug)]
pub(super) struct Source {
    /// The folder it lies in, with all links resolved.
    pub(super) folder: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) warnings: Vec<String>,
}

/// Reads `path`. Rights are those of the file that was opened, so it cannot be exchanged in between.
pub(super) fn read(path: &Path) -> Result<Source, Rejection> {
    let real = resolve(path)?;
    // Looked at before it is opened: opening a device or a pipe can already do something.
    only_regular(&std::fs::metadata(&real).map_err(|error| unreadable(&error))?)?;
    let (mut file, metadata) = open(&real)?;
    let folder = real.parent().unwrap_or(Path::new("/")).to_owned();
    let folder_rights = std::fs::metadata(&folder).map_err(|error| unreadable(&error))?;
    let me = rustix::process::geteuid().as_raw();
    let warnings = trust::check(Rights::from(&metadata), Rights::from(&folder_rights), me)?;
    let bytes = content(&mut file, metadata.len())?;
    Ok(Source {
        folder,
        bytes,
        warnings,
    })
}

/// Opens a regular file without ever waiting for the other end of a pipe.
pub(super) fn open(path: &Path) -> Result<(File, Metadata), Rejection> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let flags = i32::try_from(flags.bits()).expect("the flags of open fit in an int");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| unreadable(&error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&error))?;
    only_regular(&metadata)?;
    Ok((file, metadata))
}

/// The path with all links resolved.
fn resolve(path: &Path) -> Result<PathBuf, Rejection> {
    path.canonicalize()
        .map_err(|error| match (error.kind(), path.read_link()) {
            (ErrorKind::NotFound, Ok(target)) => {
                Rejection::unreadable(format!("a dangling link: {} does not exist", target.display()))
            }
            (_, Ok(_)) if is_loop(&error) => Rejection::unreadable("a link that leads back to itself"),
            _ => unreadable(&error),
        })
}

fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

fn unreadable(error: &io::Error) -> Rejection {
    Rejection::unreadable(match error.kind() {
        ErrorKind::NotFound => "it does not exist".to_owned(),
        ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => format!("it cannot be read: {error}"),
    })
}

fn only_regular(metadata: &Metadata) -> Result<(), Rejection> {
    match kind(metadata.file_type()) {
        None => Ok(()),
        Some(kind) => Err(Rejection::not_a_driver(kind)),
    }
}

/// What the thing is called, unless it is a regular file.
fn kind(file_type: FileType) -> Option<&'static str> {
    if file_type.is_file() {
        None
    } else if file_type.is_dir() {
        Some("a folder; folders within a folder are not searched")
    } else if file_type.is_fifo() {
        Some("a named pipe")
    } else if file_type.is_socket() {
        Some("a socket")
    } else {
        Some("a device file")
    }
}

/// Reads all of a file that begins like an ELF file, and nothing more than the beginning of any other.
fn content(file: &mut File, size: u64) -> Result<Vec<u8>, Rejection> {
    if size > SIZE_MAX {
        let reason = format!("{size} bytes: larger than any driver (the bound is {SIZE_MAX})");
        return Err(Rejection::not_a_driver(reason));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    let mut take = |limit: u64, bytes: &mut Vec<u8>| {
        let read = file.take(limit).read_to_end(bytes);
        read.map_err(|error| unreadable(&error))
    };
    take(ELF_MAGIC.len() as u64, &mut bytes)?;
    if bytes.is_empty() {
        return Err(Rejection::not_a_driver("an empty file"));
    }
    if bytes != ELF_MAGIC {
        let start = bytes.escape_ascii();
        return Err(Rejection::not_a_driver(format!(
            "not a shared library: it begins with \"{start}\""
        )));
    }
    take(SIZE_MAX, &mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::super::row::State;
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn rejection(path: &Path) -> String {
        let Rejection { state, reason } = read(path).unwrap_err();
        format!("{}: {reason}", state.name())
    }

    #[test]
    fn whatever_is_no_regular_file_is_named_and_never_waited_for() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub.so")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe.so"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let _listener = UnixListener::bind(at("socket.so")).unwrap();
        assert_eq!(
            rejection(&at("sub.so")),
            "not a driver: a folder; folders within a folder are not searched"
        );
        assert_eq!(rejection(&at("pipe.so")), "not a driver: a named pipe");
        assert_eq!(rejection(&at("socket.so")), "not a driver: a socket");
        assert_eq!(rejection(Path::new("/dev/null")), "not a driver: a device file");
    }

    #[test]
    fn links_that_lead_nowhere_say_so() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        symlink("gone.so", at("dangling.so")).unwrap();
        symlink("two.so", at("one.so")).unwrap();
        symlink("one.so", at("two.so")).unwrap();
        assert_eq!(
            rejection(&at("dangling.so")),
            "unreadable: a dangling link: gone.so does not exist"
        );
        assert_eq!(rejection(&at("one.so")), "unreadable: a link that leads back to itself");
        assert_eq!(rejection(&at("never.so")), "unreadable: it does not exist");
    }

    #[test]
    fn only_the_beginning_of_other_files_is_read() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("empty.so"), "").unwrap();
        fs::write(at("text.so"), "hello").unwrap();
        fs::File::create(at("huge.so")).unwrap().set_len(SIZE_MAX + 1).unwrap();
        assert_eq!(rejection(&at("empty.so")), "not a driver: an empty file");
        assert_eq!(
            rejection(&at("text.so")),
            "not a driver: not a shared library: it begins with \"hell\""
        );
        assert!(rejection(&at("huge.so")).contains("larger than any driver"));
    }

    #[test]
    fn a_link_is_judged_by_the_folder_of_its_target() {
        let folder = folder();
        let open = folder.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::write(open.join("driver.so"), ELF_MAGIC).unwrap();
        let link = folder.path().join("driver.so");
        symlink(open.join("driver.so"), &link).unwrap();
        assert_eq!(read(&link).unwrap().folder, open.canonicalize().unwrap());
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(read(&link).unwrap_err().state, State::Refused);
    }
}
