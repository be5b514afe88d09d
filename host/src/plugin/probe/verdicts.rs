//! What trials came to, kept by the hash of the content: a small file for each, in a folder of this user's.

use std::{
    collections::HashMap,
    env, fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};

/// So many verdicts are kept; whoever builds drivers all day does not fill the disk.
const VERDICTS_MAX: usize = 500;
/// A verdict of another version of the host counts for nothing.
const HOST: &str = env!("CARGO_PKG_VERSION");

/// A content that is not opened any more.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quarantined {
    /// SHA-256 of the content in hexadecimal digits.
    pub hash: String,
    /// The file that it was first found in.
    pub file: PathBuf,
    /// What happened when it was tried.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    host: String,
    file: PathBuf,
    /// Why it is quarantined; `None` if it is good.
    reason: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// `None` if they are forgotten with the loader.
    folder: Option<PathBuf>,
    /// Those that are not in the folder.
    unkept: HashMap<String, (PathBuf, Option<String>)>,
}

/// Where they are kept: in the state folder that systemd gives a service, or that of this user; `None` if there is neither.
pub(super) fn folder() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let of_service = env::var_os("STATE_DIRECTORY").and_then(|all| env::split_paths(&all).next());
    let of_user = || env::var_os("XDG_STATE_HOME").map(PathBuf::from).and_then(absolute);
    let at_home = || Some(PathBuf::from(env::var_os("HOME")?).join(".local/state")).and_then(absolute);
    let of_service = of_service.and_then(absolute);
    let folder = of_service.or_else(|| Some(of_user().or_else(at_home)?.join("baton")))?;
    Some(folder.join("drivers"))
}

impl Verdicts {
    pub(super) fn in_folder(folder: Option<PathBuf>) -> Verdicts {
        Verdicts {
            folder,
            unkept: HashMap::new(),
        }
    }

    /// What is known of a content: good, or why it is quarantined.
    pub(super) fn of(&self, hash: &str) -> Option<Result<(), String>> {
        let kept = self.folder.as_deref().and_then(|folder| read(&path(folder, hash)));
        let reason = match (kept, self.unkept.get(hash)) {
            (Some(record), _) => record.reason,
            (None, Some((_, reason))) => reason.clone(),
            (None, None) => return None,
        };
        Some(reason.map_or(Ok(()), Err))
    }

    /// Keeps what a trial of the content of `file` came to.
    pub(super) fn keep(&mut self, hash: &str, file: &Path, verdict: Result<(), &str>) {
        let record = Record {
            host: HOST.to_owned(),
            file: file.to_owned(),
            reason: verdict.err().map(str::to_owned),
        };
        let kept = self.folder.as_deref().map(|folder| write(folder, hash, &record));
        match kept {
            Some(Ok(())) => return,
            Some(Err(error)) => tracing::debug!("the verdict on {} is not kept: {error}", file.display()),
            None => {}
        }
        self.unkept.insert(hash.to_owned(), (record.file, record.reason));
    }

    /// Those that are quarantined, by file.
    pub(super) fn quarantined(&self) -> Vec<Quarantined> {
        let entries = self.folder.as_deref().map(fs::read_dir).and_then(Result::ok);
        let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
        let kept = paths.filter_map(|path| {
            let hash = path.file_stem()?.to_str()?.to_owned();
            let Record { file, reason, .. } = read(&path)?;
            Some((hash, file, reason?))
        });
        let unkept = self.unkept.iter();
        let unkept = unkept.filter_map(|(hash, (file, reason))| Some((hash.clone(), file.clone(), reason.clone()?)));
        let all = kept
            .chain(unkept)
            .map(|(hash, file, reason)| Quarantined { hash, file, reason });
        let mut all: Vec<_> = all.collect();
        all.sort_by(|a, b| (&a.file, &a.hash).cmp(&(&b.file, &b.hash)));
        all
    }

    /// Forgets a verdict.
    pub(super) fn clear(&mut self, hash: &str) -> io::Result<()> {
        self.unkept.remove(hash);
        match self.folder.as_deref().map(|folder| fs::remove_file(path(folder, hash))) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn path(folder: &Path, hash: &str) -> PathBuf {
    folder.join(hash).with_extension("json")
}

/// A verdict of this version of the host. What cannot be read is none.
fn read(path: &Path) -> Option<Record> {
    let record: Record = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (record.host == HOST).then_some(record)
}

/// Writes it whole or not at all.
fn write(folder: &Path, hash: &str, record: &Record) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, record)?;
    file.persist(path(folder, hash)).map_err(|error| error.error)?;
    sweep(folder);
    Ok(())
}

/// Removes the oldest verdicts where there are too many.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let written = |entry: &fs::DirEntry| entry.metadata().and_then(|metadata| metadata.modified());
    let mut all: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| Some((written(&entry).ok()?, entry.path())))
        .collect();
    if all.len() <= VERDICTS_MAX {
        return;
    }
    all.sort();
    for (_, path) in &all[..all.len() - VERDICTS_MAX] {
        // Another host may have done so meanwhile.
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_outlives_its_loader_until_it_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Verdicts::in_folder(Some(folder.path().join("baton/drivers")));
        let mut verdicts = open();
        assert_eq!(verdicts.of("aa"), None);
        verdicts.keep("aa", Path::new("/good.so"), Ok(()));
        verdicts.keep("bb", Path::new("/bad.so"), Err("it crashed"));
        let mut later = open();
        assert_eq!(later.of("aa"), Some(Ok(())));
        assert_eq!(later.of("bb"), Some(Err("it crashed".to_owned())));
        assert_eq!(later.quarantined().len(), 1);
        assert_eq!(later.quarantined()[0].file, Path::new("/bad.so"));
        later.clear("bb").unwrap();
        later.clear("bb").unwrap();
        assert_eq!((verdicts.of("bb"), verdicts.quarantined()), (None, Vec::new()));
    }

    #[test]
    fn a_verdict_of_another_host_or_a_damaged_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let verdicts = Verdicts::in_folder(Some(folder.path().to_owned()));
        fs::write(
            folder.path().join("aa.json"),
            r#"{"host":"0.0.0","file":"/a.so","reason":null}"#,
        )
        .unwrap();
        fs::write(folder.path().join("bb.json"), r#"{"host":"#).unwrap();
        assert_eq!((verdicts.of("aa"), verdicts.of("bb")), (None, None));
    }

    #[test]
    fn what_cannot_be_written_is_known_as_long_as_the_loader() {
        let mut verdicts = Verdicts::in_folder(Some("/proc/no/such/folder".into()));
        verdicts.keep("aa", Path::new("/bad.so"), Err("it crashed"));
        assert_eq!(verdicts.of("aa"), Some(Err("it crashed".to_owned())));
        assert_eq!(verdicts.quarantined().len(), 1);
        verdicts.clear("aa").unwrap();
        assert_eq!(verdicts.of("aa"), None);
    }

    #[test]
    fn old_verdicts_go() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..VERDICTS_MAX + 20 {
            fs::write(folder.path().join(format!("{n}.json")), "{}").unwrap();
        }
        sweep(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), VERDICTS_MAX);
    }
}
