//! How a lab is, for people and programs.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::Lab;
use crate::{audit::AuditStatus, config::Execution, device::Connection, executor::LeftBehind, process::ProcessStatus};

/// How a lab is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabStatus {
    /// Its name.
    pub lab: String,
    /// When it was opened, in seconds since the Unix epoch.
    pub since: f64,
    /// `threaded` or `inline`.
    pub execution: &'static str,
    /// Whether all devices can be used: `ok`, `opening` if some have not been tried yet, or `degraded`.
    pub state: &'static str,
    /// How many devices there are, and how many can be used.
    pub devices: DeviceCount,
    /// Those that are being opened for the first time.
    pub opening: Vec<String>,
    /// Those that are not connected.
    pub down: Vec<Down>,
    /// Calls that a driver is inside of now.
    pub inside: Vec<Inside>,
    /// Workers that do not come back from their driver.
    pub stuck: Vec<StuckWorker>,
    /// What was stuck and has been left behind, with its thread.
    pub left_behind: Vec<LeftBehind>,
    /// The processes of drivers that have one of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<ProcessStatus>,
    /// Calls since it was opened.
    pub calls: CallCount,
    /// How the audit log is doing, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditStatus>,
}

/// How many devices there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceCount {
    /// In the config.
    pub total: usize,
    /// Connected, and not stuck.
    pub up: usize,
}

/// A device that is not connected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Down {
    /// Its name.
    pub device: String,
    /// Since when, in seconds since the Unix epoch.
    pub since: f64,
    /// Why.
    pub cause: String,
}

/// A call that a driver is inside of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inside {
    /// Name of the device or controller.
    pub worker: String,
    /// Since when, in seconds since the Unix epoch.
    pub since: f64,
    /// The call: `write of stage.position`.
    pub call: String,
}

/// A worker that does not come back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StuckWorker {
    /// Name of the device or controller.
    pub worker: String,
    /// Since when, in seconds since the Unix epoch.
    pub since: f64,
    /// Inside what.
    pub inside: String,
}

/// Calls that have ended, and that have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CallCount {
    /// Done.
    pub done: u64,
    /// Ended with a failure.
    pub failed: u64,
    /// Waiting, or inside a driver.
    pub pending: usize,
    /// Calls that were given up and returned after all.
    pub came_back: u64,
}

impl Lab {
    /// How it is now.
    pub fn status(&self) -> LabStatus {
        let down: Vec<_> = self
            .devices()
            .iter()
            .filter_map(|device| match device.connection() {
                Connection::Down { since, cause } => Some(Down {
                    device: device.name().to_string(),
                    since: since.as_seconds(),
                    cause,
                }),
                _ => None,
            })
            .collect();
        let up = self
            .devices()
            .iter()
            .filter(|device| device.is_up() && !device.is_stuck())
            .count();
        let opening: Vec<_> = self
            .devices()
            .iter()
            .filter(|device| device.connection() == Connection::Opening)
            .collect();
        let opening: Vec<_> = opening.iter().map(|device| device.name().to_string()).collect();
        let total = self.devices().len();
        let state = match up {
            up if up == total => "ok",
            // What is left are those that are not down, either.
            up if up + opening.len() == total => "opening",
            _ => "degraded",
        };
        let counters = self.executor().counters();
        let (pending, inside, stuck) = self.executor().load();
        LabStatus {
            lab: self.config().name.clone(),
            since: self.inner.since.as_seconds(),
            execution: match self.execution() {
                Execution::Threaded => "threaded",
                Execution::Inline => "inline",
            },
            state,
            devices: DeviceCount { total, up },
            opening,
            down,
            inside,
            stuck,
            left_behind: self.executor().left_behind(),
            processes: self.executor().processes(),
            calls: CallCount {
                done: counters.done.load(Ordering::Relaxed),
                failed: counters.failed.load(Ordering::Relaxed),
                came_back: counters.came_back.load(Ordering::Relaxed),
                pending,
            },
            audit: self.executor().audit().map(|audit| audit.status()),
        }
    }
}
