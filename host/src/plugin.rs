//! Loading driver libraries, as if every file were out to get us.
//!
//! The way of one file:
//! 1. [`SearchPath`] finds it; in folders that the user named, whatever it is (X1).
//! 2. `source` reads its bytes once, if it is a regular file that X2 trusts.
//! 3. `elf` holds the headers of those bytes against their length, since a library that was cut short would end the process
//!    as soon as it is mapped, and reads how the driver was built. A driver of another epoch ends here.
//! 4. `private` writes the same bytes to a folder of our own, under a name that was never used, with the vendor's libraries
//!    beside it (X3).
//! 5. [`Probe`], if the loader has one, has a child process open the copy first: a library that crashes there is quarantined.
//! 6. `library` opens the copy, compares the layout of its types with ours, and asks what it offers. It stays open for ever.
//!
//! Each file ends in one [`Row`] that says what became of it. `unsafe` is found in `library` alone.

mod allowed;
mod catalogue;
mod elf;
mod info;
mod layout;
mod library;
mod private;
pub mod probe;
mod row;
mod search;
mod siblings;
mod source;
mod trust;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use baton_plugin_api::abi::BuildInfo;
use sha2::{Digest, Sha256};

pub use allowed::{Allow, Allowed};
#[cfg(any(test, fuzzing))]
pub(crate) use elf::fuzzing;
pub use library::Library;
pub(crate) use library::{CopyPaths, Entries};
use private::{Copy, PrivateFolder};
pub use probe::{Probe, Quarantined};
use row::Rejection;
pub(crate) use row::seems_to_be;
pub use row::{Row, State};
pub use search::SearchPath;
use source::Source;

/// Loads driver libraries, each content once. A lab has one of its own.
pub struct Loader {
    folder: Arc<PrivateFolder>,
    host: BuildInfo,
    /// What became of each content that was opened, by its hash: nothing is opened twice, good or bad.
    opened: HashMap<String, Result<Library, Rejection>>,
    /// How contents are tried before they are opened, if they are.
    probe: Option<Probe>,
    /// Which contents may be opened; all, if there is no list.
    allowed: Option<Allowed>,
    /// How many copies were made; no two have the same name.
    copies: usize,
}

/// A file that may be opened.
struct Candidate {
    hash: String,
    /// The copy of a content that was not seen before.
    new: Option<(Copy, elf::Image)>,
}

/// The outcome of one search: a row for each file, and the drivers that are in use.
#[derive(Clone, Debug, Default)]
pub struct Drivers {
    rows: Vec<Row>,
    libraries: Vec<Library>,
}

impl Drivers {
    /// What became of each file, in the order of the search path.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The drivers in use, in the order of the search path.
    pub fn libraries(&self) -> &[Library] {
        &self.libraries
    }

    /// The driver of that name.
    pub fn library(&self, name: &str) -> Option<&Library> {
        self.libraries.iter().find(|library| library.description().name == name)
    }

    /// The row of the file that the driver of that name came from.
    fn row(&self, name: &str) -> Option<&Row> {
        let mut used = self.rows.iter().filter(|row| row.state == State::Ok);
        used.find(|row| row.name.as_deref() == Some(name))
    }
}

impl Loader {
    /// A loader with a private folder in the system's folder for temporary files. Where nothing may be executed from there,
    /// its copies are kept in memory.
    ///
    /// # Errors
    /// If that folder cannot be made.
    pub fn new() -> io::Result<Self> {
        Ok(Self::with(PrivateFolder::new(&std::env::temp_dir())?))
    }

    /// A loader that keeps its copies in memory in any case.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn in_memory() -> io::Result<Self> {
        Ok(Self::with(PrivateFolder::new(&std::env::temp_dir())?.in_memory()))
    }

    fn with(folder: PrivateFolder) -> Self {
        Self {
            folder: Arc::new(folder),
            host: info::host(),
            opened: HashMap::new(),
            probe: None,
            allowed: None,
            copies: 0,
        }
    }

    /// Opens these contents alone, if there is such a list; others are refused before any code of theirs runs.
    #[must_use]
    pub fn allowing(self, allowed: Option<Allowed>) -> Self {
        Self { allowed, ..self }
    }

    /// Has each new content tried in a process of its own before it is opened in this one. Without this, a library that
    /// crashes while it is opened takes this process along.
    #[must_use]
    pub fn probing(self, probe: Probe) -> Self {
        Self {
            probe: Some(probe),
            ..self
        }
    }

    /// Looks at every file of the search path and opens the drivers among them. It reads files and runs code of the
    /// drivers, so it blocks. Called again, it opens only what is new; what was in use before stays valid.
    pub fn scan(&mut self, path: &SearchPath) -> Drivers {
        let mut coming = HashSet::new();
        let mut found = Vec::new();
        for search::Candidate { file, trouble } in path.candidates() {
            let mut row = Row::new(file);
            let candidate = match trouble {
                Some(rejection) => Err(rejection),
                None => self.prepare(&mut row, &mut coming),
            };
            found.push((row, candidate));
        }
        let bad = self.try_out(&found);
        let mut drivers = Drivers::default();
        for (mut row, candidate) in found {
            let library = candidate.and_then(|candidate| self.library(&mut row, candidate, &bad));
            let row = match library {
                Ok(library) => take_in(row, library, &mut drivers),
                Err(rejection) => row.rejected(rejection),
            };
            log(&row);
            drivers.rows.push(row);
        }
        drivers
    }

    /// Takes one file as far as it gets without running any of it; notes in the row what is learnt on the way. `coming` are
    /// the contents that are to be opened in this search.
    fn prepare(&mut self, row: &mut Row, coming: &mut HashSet<String>) -> Result<Candidate, Rejection> {
        let source = source::read(&row.file)?;
        row.warnings.extend(source.warnings.iter().cloned());
        let image = elf::check(&source.bytes)?;
        row.plugin_api = Some(image.info.plugin_api.clone());
        row.rustc = Some(image.info.rustc.clone());
        row.warnings.extend(info::warning(&image.info));
        let hash = sha256(&source.bytes);
        row.hash = Some(hash.clone());
        info::check_epoch(&image.info, &self.host)?;
        if let Some(allowed) = &self.allowed {
            allowed.check(row, &hash)?;
        }
        let is_known = self.opened.contains_key(&hash) || !coming.insert(hash.clone());
        let new = match is_known {
            true => None,
            false => Some((self.copy(row, &source, &image, &hash)?, image)),
        };
        Ok(Candidate { hash, new })
    }

    fn copy(&mut self, row: &mut Row, source: &Source, image: &elf::Image, hash: &str) -> Result<Copy, Rejection> {
        let name = private_name(&row.file, hash, self.copies);
        self.copies += 1;
        let copy = self.folder.copy(&source.bytes, &name, &source.folder, image);
        let copy = copy.map_err(|error| Rejection::refused(format!("no private copy of it could be made: {error}")))?;
        row.warnings.extend(copy.warnings.iter().cloned());
        Ok(copy)
    }

    /// Has all contents tried that are new; gives those that are quarantined, by hash.
    fn try_out(&mut self, found: &[(Row, Result<Candidate, Rejection>)]) -> HashMap<String, Rejection> {
        let Some(probe) = &mut self.probe else {
            return HashMap::new();
        };
        let (mut bad, mut unknown) = (HashMap::new(), Vec::new());
        for (row, candidate) in found {
            let Ok(Candidate {
                hash,
                new: Some((copy, _)),
            }) = candidate
            else {
                continue;
            };
            match probe.known(hash) {
                Some(Ok(())) => {}
                Some(Err(rejection)) => drop(bad.insert(hash.clone(), rejection)),
                None => unknown.push((hash.as_str(), row.file.as_path(), copy)),
            }
        }
        bad.extend(probe.try_out(&unknown));
        bad
    }

    /// The library that a file holds, opened if it is new.
    fn library(
        &mut self,
        row: &mut Row,
        candidate: Candidate,
        bad: &HashMap<String, Rejection>,
    ) -> Result<Library, Rejection> {
        let Candidate { hash, new } = candidate;
        if let Some(rejection) = bad.get(&hash) {
            return Err(rejection.clone());
        }
        if let Some(known) = self.opened.get(&hash) {
            return known.clone();
        }
        // The first file of its content could not be copied, so nor is it for the others.
        let Some((copy, image)) = new else {
            return Err(Rejection::refused("no private copy of it could be made"));
        };
        let outcome = Library::open(&copy, &self.folder, &row.file, &hash, &image.info);
        self.opened.insert(hash, outcome.clone());
        outcome
    }
}

/// Notes what a library is; it is in use, unless another of its name came first.
fn take_in(mut row: Row, library: Library, drivers: &mut Drivers) -> Row {
    let description = library.description();
    row.name = Some(description.name.clone());
    row.version = Some(description.version.clone());
    row.devices = description.devices.iter().map(|kind| kind.name.clone()).collect();
    row.warnings.extend(info::lenient(description));
    row.controllers = description.controllers.iter().map(|kind| kind.name.clone()).collect();
    match drivers.row(&description.name) {
        Some(first) => {
            let what = if first.hash == row.hash {
                "the same driver"
            } else {
                "a driver of this name"
            };
            let reason = format!("{what} came first: {}", first.file.display());
            row.rejected(Rejection::new(State::Shadowed, reason))
        }
        None => {
            drivers.libraries.push(library);
            row
        }
    }
}

/// `libbaton_driver_sim-0123abcd-g0.so`: says in a debugger what it is, and is never used twice.
fn private_name(file: &Path, hash: &str, generation: usize) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    // Room for the rest: a file name has at most 255 bytes.
    let stem: String = stem.chars().take(50).collect();
    format!("{stem}-{}-g{generation}.so", &hash[..8])
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn log(row: &Row) {
    let file = row.file.display();
    match &row.reason {
        None => tracing::debug!(%file, driver = row.name.as_deref(), "driver loaded"),
        Some(reason) if matches!(row.state, State::Refused | State::Quarantined) => {
            tracing::warn!(%file, "driver {}: {reason}", row.state.name());
        }
        Some(reason) => tracing::debug!(%file, state = row.state.name(), "{reason}"),
    }
    for warning in &row.warnings {
        tracing::warn!(%file, "{warning}");
    }
}
