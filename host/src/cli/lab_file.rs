//! A config with its drivers, read from this machine's files: what `run`, `check` and `schema` begin with.

use std::path::{Path, PathBuf};

use baton_plugin_api::diagnostic::Diagnostic;

use super::failure::Failure;
use crate::{
    config::{Files, NoDrivers, Resolution, System, resolve},
    owner,
    plugin::{Allowed, Drivers, Loader, Probe, SearchPath},
};

/// A config as it came out.
pub(super) struct LabFile {
    pub(super) drivers: Drivers,
    pub(super) resolution: Resolution,
}

/// Whether drivers are loaded to check a config against them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// Those that the config allows.
    Drivers,
    /// All that there are, whatever it allows.
    AllDrivers,
    /// Only what the config says by itself.
    Nothing,
}

/// A loader that tries each new library in a process of its own first.
pub(super) fn loader() -> Result<Loader, Failure> {
    let loader = Loader::new().map_err(|error| Failure::Request(format!("cannot load drivers: {error}")))?;
    // This program knows how, whatever it is called, and also when its file was replaced since.
    Ok(loader.probing(Probe::default().with_runner("/proc/self/exe")))
}

/// Loads the drivers: of the folders given, then of the config's, of `BATON_DRIVER_PATH`, and beside this program.
/// `allowed` are those that may be opened, if not all.
pub(super) fn load_drivers(
    folders: &[PathBuf],
    of_config: Vec<PathBuf>,
    allowed: Option<Allowed>,
) -> Result<Drivers, Failure> {
    let mut loader = loader()?.allowing(allowed);
    let named = folders.iter().cloned().chain(of_config);
    Ok(loader.scan(&SearchPath::named(named).with_variable().with_executable()))
}

/// Reads a config and resolves it for this machine, or for another that the user names: that one has to have a table of
/// its own, or its name is a slip.
pub(super) fn read(
    path: &Path,
    folders: &[PathBuf],
    machine: Option<&str>,
    against: Against,
) -> Result<LabFile, Failure> {
    let own = owner::machine();
    let named = machine.filter(|named| !named.is_empty() && *named != own);
    let machine = named.unwrap_or(&own);
    let files = match Files::read(path) {
        Ok(files) => files,
        Err(diagnostics) => return Ok(LabFile::unread(diagnostics)),
    };
    let mut file = match against {
        Against::Nothing => LabFile {
            drivers: Drivers::default(),
            resolution: resolve(&files, &NoDrivers, &System, Some(machine)),
        },
        Against::Drivers | Against::AllDrivers => {
            let allowed = files.allowed_drivers().filter(|_| against == Against::Drivers);
            let drivers = load_drivers(folders, files.driver_folders(Some(machine)), allowed)?;
            let resolution = resolve(&files, &drivers, &System, Some(machine));
            LabFile { drivers, resolution }
        }
    };
    if let Some(error) = named.and_then(|named| files.missing_overlay(named)) {
        file.resolution.config = None;
        file.resolution.diagnostics.insert(0, error);
    }
    Ok(file)
}

impl LabFile {
    fn unread(diagnostics: Vec<Diagnostic>) -> Self {
        let resolution = Resolution {
            config: None,
            diagnostics,
        };
        LabFile {
            drivers: Drivers::default(),
            resolution,
        }
    }
}
