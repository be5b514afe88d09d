//! Which drivers run in processes of their own (RULES.md P).

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// Where the driver of a device, or of a controller with all its devices, runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// In the host.
    #[default]
    None,
    /// In a process of its own, so that whatever it does harms nobody else.
    Process {
        /// How many bytes of memory it may use.
        memory: u64,
    },
}

impl Isolation {
    /// How much memory a driver's process may use if nothing is said: four gibibytes.
    pub const MEMORY: u64 = 4 << 30;

    /// Whether it has a process of its own.
    pub fn is_process(self) -> bool {
        matches!(self, Isolation::Process { .. })
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Isolation::None => f.write_str("none"),
            Isolation::Process { memory } => write!(f, "process, of at most {} MiB", memory >> 20),
        }
    }
}

/// The key `isolation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Isolation")]
pub enum RawIsolation {
    /// In the host.
    #[default]
    None,
    /// In a process of its own.
    Process,
}

/// What holds of a device or controller that says nothing of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Defaults {
    pub(super) isolation: RawIsolation,
    /// In bytes.
    pub(super) memory: u64,
}

impl Default for Defaults {
    fn default() -> Self {
        Defaults::of(None, None)
    }
}

impl Defaults {
    /// What `[host]` says of it; the limit is in mebibytes.
    pub(super) fn of(isolation: Option<RawIsolation>, memory_mib: Option<f64>) -> Self {
        Defaults {
            isolation: isolation.unwrap_or_default(),
            memory: memory_mib.map_or(Isolation::MEMORY, bytes),
        }
    }

    /// What a device or controller gets that says this.
    pub(super) fn or(self, isolation: Option<RawIsolation>, memory_mib: Option<f64>) -> Isolation {
        match isolation.unwrap_or(self.isolation) {
            RawIsolation::None => Isolation::None,
            RawIsolation::Process => Isolation::Process {
                memory: memory_mib.map_or(self.memory, bytes),
            },
        }
    }
}

fn bytes(mebibytes: f64) -> u64 {
    (mebibytes * f64::from(1 << 20)) as u64
}
