//! What became of each file, for `baton drivers`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What became of one file of the search path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The file as the search path names it; links are not resolved. A folder that cannot be read has a row of its own.
    pub file: PathBuf,
    /// The driver's name, if it is known.
    pub name: Option<String>,
    /// Version of the driver's package, if it is known.
    pub version: Option<String>,
    /// What became of it.
    pub state: State,
    /// Why it is not in use, and what to do; `None` for [`State::Ok`].
    pub reason: Option<String>,
    /// Version of `baton-plugin-api` it was built with.
    pub plugin_api: Option<String>,
    /// The compiler it was built with.
    pub rustc: Option<String>,
    /// SHA-256 of the content in hexadecimal digits, if the content was a driver.
    pub hash: Option<String>,
    /// Types of devices that stand alone.
    pub devices: Vec<String>,
    /// Types of controllers.
    pub controllers: Vec<String>,
    /// What somebody should look at although the driver is in use.
    pub warnings: Vec<String>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Loaded and in use.
    Ok,
    /// A good driver, but one of the same name, or the same content, came first in the search path.
    Shadowed,
    /// A driver, or what looks like one, that this host does not take.
    Refused,
    /// It did not survive being tried, so it is not opened; see [`Probe`](super::Probe).
    Quarantined,
    /// The file could not be read.
    Unreadable,
    /// Something else altogether.
    #[serde(rename = "not a driver")]
    NotADriver,
}

impl State {
    /// The word that stands for the state in tables and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Shadowed => "shadowed",
            State::Refused => "refused",
            State::Quarantined => "quarantined",
            State::Unreadable => "unreadable",
            State::NotADriver => "not a driver",
        }
    }
}

impl Row {
    /// A row that knows nothing but its file yet.
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            name: None,
            version: None,
            state: State::Ok,
            reason: None,
            plugin_api: None,
            rustc: None,
            hash: None,
            devices: Vec::new(),
            controllers: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Whether the file is of no use to the host; what is shadowed is of use elsewhere.
    pub(super) fn is_rejected(&self) -> bool {
        !matches!(self.state, State::Ok | State::Shadowed)
    }

    /// Whether the name of the file is what cargo makes of a driver called `name`; what is refused has no name yet.
    pub(super) fn seems_to_be(&self, name: &str) -> bool {
        seems_to_be(&self.file, name)
    }

    /// The row with the reason why its file is not in use.
    pub(super) fn rejected(mut self, rejection: Rejection) -> Self {
        self.state = rejection.state;
        self.reason = Some(rejection.reason);
        self
    }
}

/// Whether the name of a file is what cargo makes of a driver called `name`.
pub(crate) fn seems_to_be(file: &Path, name: &str) -> bool {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.strip_prefix("lib").unwrap_or(&stem);
    let stem = stem.strip_prefix("baton_driver_").unwrap_or(stem);
    stem == name.replace('-', "_")
}

/// Why a file is not in use: one line for a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rejection {
    pub(super) state: State,
    pub(super) reason: String,
}

impl Rejection {
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::new(State::Refused, reason)
    }

    pub(super) fn unreadable(reason: impl Into<String>) -> Self {
        Self::new(State::Unreadable, reason)
    }

    pub(super) fn not_a_driver(reason: impl Into<String>) -> Self {
        Self::new(State::NotADriver, reason)
    }

    pub(super) fn new(state: State, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { state, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_seems_to_be_the_driver_that_its_name_says() {
        let row = |file: &str| Row::new(file.into());
        assert!(row("/lab/libbaton_driver_cold_head.so").seems_to_be("cold-head"));
        assert!(row("/lab/psu.so").seems_to_be("psu"));
        assert!(!row("/lab/libbaton_driver_psu2.so").seems_to_be("psu"));
    }

    #[test]
    fn a_state_has_the_same_name_everywhere() {
        for state in [
            State::Ok,
            State::Shadowed,
            State::Refused,
            State::Quarantined,
            State::Unreadable,
            State::NotADriver,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
