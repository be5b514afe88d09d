//! What changes about a device.

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use baton_plugin_api::{Status, StatusCode, Time, Value};
use serde::Serialize;

use super::{LastReading, Reading, history::History, wait::Wait};
use crate::{executor::CallCore, failure::Refusal};

/// Whether a device's driver is connected.
#[derive(Clone, Debug, PartialEq)]
pub enum Connection {
    /// It is being opened for the first time.
    Opening,
    /// It is open.
    Up {
        /// Since when.
        since: Time,
    },
    /// It could not be opened, or was lost; the host tries again by itself.
    Down {
        /// Since when.
        since: Time,
        /// Why.
        cause: String,
    },
}

/// What has been counted of a device since the host began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Entries into the driver.
    pub calls: u64,
    /// Of these, how many returned an error.
    pub errors: u64,
    /// Calls and motions that overran their limit, and exchanges that the driver says took too long.
    pub timeouts: u64,
    /// How often it was opened, the first time included.
    pub opened: u64,
}

/// Counts, without taking the device's lock.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) opened: AtomicU64,
}

impl Counts {
    pub(super) fn read(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (calls, errors) = (read(&self.calls), read(&self.errors));
        Counters {
            calls,
            errors,
            timeouts: read(&self.timeouts),
            opened: read(&self.opened),
        }
    }
}

/// What a write or command keeps busy until it resolves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The device as a whole: a write of a Drivable's main parameter, or a long command.
    Motion,
    /// One parameter.
    Parameter(usize),
    /// One command.
    Command(usize),
}

/// See [`Device`](super::Device).
pub(crate) struct State {
    pub(super) readings: Vec<Option<LastReading>>,
    /// When each reading was last sent.
    pub(super) sent: Vec<Option<Time>>,
    /// When the driver last told each by itself, since all was read the last time.
    pub(super) told: Vec<Option<Time>>,
    pub(super) targets: Vec<Option<Reading>>,
    /// The values that were written last and arrived, in the hardware's frame, of those parameters that are restored (D7).
    pub(super) written: Vec<Option<Value>>,
    pub(super) driver_status: Status,
    /// What the host knows better than the driver: busy from acceptance to resolution, and the error of a motion that
    /// failed, until the next one is accepted (W1).
    pub(super) host_status: Option<Status>,
    /// That the worker does not come back from its driver; hides all else.
    pub(super) stuck: Option<Status>,
    pub(super) status_since: Time,
    pub(super) connection: Connection,
    /// Whether a lost device is being opened again at once: calls wait for that instead of being refused (D6).
    pub(super) reopening: bool,
    /// What is on its way. Few at a time.
    pub(super) ways: Vec<(Way, Arc<CallCore<Reading>>)>,
    /// Whether the last look at status or main parameter failed.
    pub(super) failing: bool,
    /// Who stopped it last.
    pub(super) stopped_by: String,
    /// Those who wait for a reading of a parameter, or (`None`) for a status.
    pub(super) waits: Vec<(Option<usize>, Weak<Wait>)>,
    /// Who has locked it, or parts of it, and since when that is so; `None` where nobody wants to know.
    pub(super) locked_by: Option<(Arc<str>, Time)>,
    /// What was sent of each parameter, as far as it is kept.
    pub(super) history: Vec<History>,
}

impl State {
    /// What is known of a device before it is opened, with how much is to be kept of each parameter.
    pub(super) fn new(history: impl Iterator<Item = usize>, now: Time) -> Self {
        let history: Vec<_> = history.map(History::new).collect();
        let parameters = history.len();
        State {
            readings: vec![None; parameters],
            sent: vec![None; parameters],
            told: vec![None; parameters],
            targets: vec![None; parameters],
            written: vec![None; parameters],
            driver_status: Status::idle(),
            host_status: None,
            stuck: None,
            status_since: now,
            connection: Connection::Opening,
            reopening: false,
            ways: Vec::new(),
            failing: false,
            stopped_by: String::new(),
            waits: Vec::new(),
            locked_by: None,
            history,
        }
    }

    /// Refuses what cannot begin because the driver is not connected, and not about to be.
    pub(super) fn refuse_if_down(&self, device: &str, now: impl FnOnce() -> Time) -> Result<(), Refusal> {
        match &self.connection {
            Connection::Down { since, cause } if !self.reopening => Err(Refusal::Down {
                device: device.to_owned(),
                cause: cause.clone(),
                down_for: now().since(*since),
            }),
            _ => Ok(()),
        }
    }

    /// The worse of what driver, host and connection say.
    pub(super) fn shown(&self) -> Status {
        if let Some(stuck) = &self.stuck {
            return stuck.clone();
        }
        if let Connection::Down { cause, .. } = &self.connection {
            return Status::error(format!("not connected: {cause}"));
        }
        let driver = match &self.connection {
            Connection::Opening => Status::new(StatusCode::Disabled, "opening"),
            _ => self.driver_status.clone(),
        };
        match &self.host_status {
            Some(host) if host.code > driver.code || host.code == driver.code && driver.text.is_empty() => host.clone(),
            _ => driver,
        }
    }
}
