//! The file of an audit log: appended to, begun anew when it has gone or grown too large.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// A file that would grow larger than this moves away, to a name with `.1`; the one before to `.2`, and so on.
const BYTES_MAX: u64 = 64 << 20;
/// So many are kept besides the one that is written.
pub(super) const OLD_FILES: u32 = 8;

pub(super) struct LogFile {
    path: PathBuf,
    /// `None` after an error.
    file: Option<Open>,
    /// Why it cannot be written.
    error: Option<String>,
    bytes_max: u64,
}

struct Open {
    file: File,
    /// Device and number of the file.
    identity: (u64, u64),
    bytes: u64,
}

impl LogFile {
    /// Opens it to be appended to.
    pub(super) fn open(path: &Path) -> io::Result<LogFile> {
        Ok(LogFile {
            path: path.to_owned(),
            file: Some(Open::at(path)?),
            error: None,
            bytes_max: BYTES_MAX,
        })
    }

    /// Why it cannot be written at the moment.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// How long the file is; 0 while it cannot be written.
    pub(super) fn bytes(&self) -> u64 {
        self.file.as_ref().map_or(0, |open| open.bytes)
    }

    /// Appends whole lines; `false` if they are lost. What is wrong goes to the host's log once, until it is right again.
    pub(super) fn append(&mut self, lines: &str) -> bool {
        let outcome = self.try_append(lines);
        let path = self.path.display();
        match (outcome, &self.error) {
            (Ok(()), None) => true,
            (Ok(()), Some(_)) => {
                tracing::warn!("{path}: the audit log is written again");
                self.error = None;
                true
            }
            (Err(error), None) => {
                tracing::error!("{path}: the audit log cannot be written: {error}");
                self.error = Some(error.to_string());
                false
            }
            (Err(_), Some(_)) => false,
        }
    }

    fn try_append(&mut self, lines: &str) -> io::Result<()> {
        let is_there = |open: &Open| fs::metadata(&self.path).is_ok_and(|file| identity(&file) == open.identity);
        // Somebody has moved it away, or it could not be written the last time.
        let mut open = match self.file.take().filter(is_there) {
            Some(open) => open,
            None => Open::at(&self.path)?,
        };
        if open.bytes > 0 && open.bytes + lines.len() as u64 > self.bytes_max {
            self.move_away()?;
            open = Open::at(&self.path)?;
        }
        open.file.write_all(lines.as_bytes())?;
        open.bytes += lines.len() as u64;
        self.file = Some(open);
        Ok(())
    }

    fn move_away(&self) -> io::Result<()> {
        let numbered = |n: u32| numbered(&self.path, n);
        for n in (1..OLD_FILES).rev() {
            match fs::rename(numbered(n), numbered(n + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fs::rename(&self.path, numbered(1))
    }
}

/// The name of the file that moved away so many times.
pub(super) fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    PathBuf::from(name)
}

impl Open {
    fn at(path: &Path) -> io::Result<Open> {
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
        let metadata = file.metadata()?;
        let mut bytes = metadata.len();
        if bytes > 0 && !ends_in_a_line(&file, bytes)? {
            // Whoever wrote it last was cut off.
            file.write_all(b"\n")?;
            bytes += 1;
        }
        Ok(Open {
            identity: identity(&metadata),
            file,
            bytes,
        })
    }
}

fn ends_in_a_line(file: &File, bytes: u64) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let mut last = [0];
    file.read_exact_at(&mut last, bytes - 1)?;
    Ok(last == *b"\n")
}

fn identity(file: &fs::Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin() -> (tempfile::TempDir, PathBuf, LogFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = LogFile::open(&path).unwrap();
        (folder, path, log)
    }

    #[test]
    fn x5_a_file_that_was_moved_away_is_begun_anew() {
        let (folder, path, mut log) = begin();
        assert!(log.append("one\n"));
        fs::rename(&path, folder.path().join("yesterday")).unwrap();
        assert!(log.append("two\n"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(folder.path().join("yesterday")).unwrap(), "one\n");
    }

    #[test]
    fn x5_a_file_does_not_grow_for_ever() {
        let (_folder, path, mut log) = begin();
        log.bytes_max = 10;
        for n in 0..20 {
            assert!(log.append(&format!("entry {n}\n")));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "entry 19\n");
        let old = |n: u32| fs::read_to_string(format!("{}.{n}", path.display())).ok();
        assert_eq!(old(1).as_deref(), Some("entry 18\n"));
        assert_eq!(old(OLD_FILES).as_deref(), Some("entry 11\n"));
        assert_eq!(old(OLD_FILES + 1), None);
    }

    #[test]
    fn x5_a_disk_error_is_no_end_and_a_torn_line_stays_alone() {
        let (folder, path, mut log) = begin();
        assert!(log.append("one\n"));
        let away = folder.path().with_extension("away");
        fs::rename(folder.path(), &away).unwrap();
        assert!(!log.append("two\n"));
        assert!(log.error().is_some_and(|error| error.contains("No such file")));
        fs::rename(&away, folder.path()).unwrap();
        fs::write(&path, "one\ntor").unwrap();
        assert!(log.append("three\n"));
        assert_eq!(log.error(), None);
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntor\nthree\n");
    }
}
