//! Where drivers are looked for (X1).

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::elf;
use super::row::Rejection;
use super::source;

/// Folders (or single files) in the order in which they are searched.
///
/// The user names some: by `--drivers`, in the config, in `BATON_DRIVER_PATH`. Each file of those gets a row, whatever it
/// is. Others go without saying: the folder of the executable and `drivers` within it. Of those only libraries that export
/// what a driver exports are looked at.
#[derive(Clone, Debug, Default)]
pub struct SearchPath {
    named: Vec<PathBuf>,
    implied: Vec<PathBuf>,
}

/// A file to look at, or the reason why a place that the user named cannot be searched.
pub(super) struct Candidate {
    pub(super) file: PathBuf,
    pub(super) trouble: Option<Rejection>,
}

impl SearchPath {
    /// The variable that names folders, separated by colons.
    pub const VARIABLE: &str = "BATON_DRIVER_PATH";

    /// Searches these folders and files alone. Relative ones are relative to the current folder.
    pub fn named(places: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            named: places.into_iter().map(Into::into).collect(),
            implied: Vec::new(),
        }
    }

    /// Adds what the environment variable [`VARIABLE`](Self::VARIABLE) names.
    #[must_use]
    pub fn with_variable(mut self) -> Self {
        let value = std::env::var_os(Self::VARIABLE).unwrap_or_default();
        let folders = std::env::split_paths(&value).filter(|folder| !folder.as_os_str().is_empty());
        self.named.extend(folders);
        self
    }

    /// Adds the folder of the running executable and `drivers` within it.
    #[must_use]
    pub fn with_executable(mut self) -> Self {
        let executable = std::env::current_exe().and_then(|path| path.canonicalize());
        if let Some(folder) = executable.as_deref().ok().and_then(Path::parent) {
            self.implied.extend([folder.to_owned(), folder.join("drivers")]);
        }
        self
    }

    /// All files to look at, in order; those of one folder by name, each folder once.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let mut seen = Vec::new();
        let mut is_new = |place: &Path| {
            let real = place.canonicalize().unwrap_or_else(|_| place.to_owned());
            let new = !seen.contains(&real);
            seen.push(real);
            new
        };
        let mut candidates = Vec::new();
        for place in self.named.iter().filter(|place| is_new(place)) {
            candidates.extend(named(place));
        }
        let before = candidates.len();
        for folder in self.implied.iter().filter(|folder| is_new(folder)) {
            candidates.extend(implied(folder));
        }
        if candidates.len() == before {
            // Cargo puts the drivers that it built only for tests and benchmarks there.
            let deps = self.implied.first().map(|folder| folder.join("deps"));
            candidates.extend(deps.iter().filter(|deps| is_new(deps)).flat_map(|deps| implied(deps)));
        }
        candidates
    }
}

/// Everything in a place that the user named.
fn named(place: &Path) -> Vec<Candidate> {
    let place = std::path::absolute(place).unwrap_or_else(|_| place.to_owned());
    if place.is_file() {
        return vec![Candidate::new(place)];
    }
    match files(&place) {
        Ok(files) => files.into_iter().map(Candidate::new).collect(),
        Err(error) => {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => "no such folder".to_owned(),
                std::io::ErrorKind::NotADirectory => "neither a folder nor a regular file".to_owned(),
                _ => format!("the folder cannot be read: {error}"),
            };
            vec![Candidate {
                file: place,
                trouble: Some(Rejection::unreadable(reason)),
            }]
        }
    }
}

/// The drivers in a folder that nobody named. It may well not exist.
fn implied(folder: &Path) -> Vec<Candidate> {
    let library = |file: &PathBuf| file.extension() == Some(OsStr::new("so"));
    let driver = |file: &PathBuf| source::open(file).is_ok_and(|(file, _)| elf::exports_driver(&file));
    let files = files(folder).unwrap_or_default().into_iter();
    files.filter(library).filter(driver).map(Candidate::new).collect()
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries: Result<Vec<_>, _> = fs::read_dir(folder)?.collect();
    let mut files: Vec<PathBuf> = entries?.iter().map(fs::DirEntry::path).collect();
    files.sort();
    Ok(files)
}

impl Candidate {
    fn new(file: PathBuf) -> Self {
        Self { file, trouble: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_a_named_folder_is_looked_at_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.so", "a.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("c")).unwrap();
        let twice = SearchPath::named([
            folder.path().to_owned(),
            folder.path().join("c/.."),
            folder.path().join("x"),
        ]);
        let found: Vec<_> = twice.candidates();
        let names: Vec<_> = found
            .iter()
            .map(|c| c.file.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["a.txt", "b.so", "c", "x"]);
        assert_eq!(found[3].trouble, Some(Rejection::unreadable("no such folder")));
    }

    #[test]
    fn a_single_file_can_be_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("driver.so");
        fs::write(&file, "").unwrap();
        assert_eq!(SearchPath::named([&file]).candidates()[0].file, file);
        let found = SearchPath::named(["/dev/null"]).candidates();
        assert!(
            found[0]
                .trouble
                .as_ref()
                .unwrap()
                .reason
                .starts_with("neither a folder")
        );
    }

    #[test]
    fn of_implied_folders_only_drivers_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("text.so"), "text").unwrap();
        fs::copy("/proc/self/exe", folder.path().join("program.so")).unwrap();
        let path = SearchPath {
            named: Vec::new(),
            implied: vec![folder.path().to_owned(), folder.path().join("drivers")],
        };
        assert!(path.candidates().is_empty());
    }
}
