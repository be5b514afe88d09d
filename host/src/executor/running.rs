//! What a worker is inside of, and what it is stuck in.

use std::{sync::Arc, time::Duration};

use super::{CallCore, Label};
use crate::{
    clock::Time,
    device::{Device, Reading, TimeLimit},
    failure::{Refusal, clock_time},
};

/// What a worker is inside of.
pub(super) struct Running {
    pub(super) slot: usize,
    pub(super) what: What,
    pub(super) since: Time,
    pub(super) limit: TimeLimit,
    /// Whether it is cancelled and stopped at its limit, and given two seconds more (S4).
    pub(super) long: bool,
    pub(super) cancelled: bool,
    /// Whether its caller was told that it takes too long.
    pub(super) given_up: bool,
    /// When its driver was killed, if it was.
    pub(super) killed: Option<Time>,
    /// The nested calls that it waits for (C7).
    pub(super) nested: Vec<Nested>,
}

/// A nested call that a worker waits for.
pub(super) struct Nested {
    pub(super) member: Arc<Device>,
    /// Whether it may move the member: not if it only reads.
    pub(super) moves: bool,
}

/// For whom a worker is inside its driver.
pub(super) enum What {
    /// A call.
    Call(Arc<CallCore<Reading>>),
    /// Nobody: a poll, an opening.
    Own(Label),
}

impl Running {
    pub(super) fn for_call(
        slot: usize,
        call: Arc<CallCore<Reading>>,
        since: Time,
        limit: TimeLimit,
        long: bool,
    ) -> Self {
        Running {
            slot,
            what: What::Call(call),
            since,
            limit,
            long,
            cancelled: false,
            given_up: false,
            killed: None,
            nested: Vec::new(),
        }
    }

    pub(super) fn alone(slot: usize, label: Label, since: Time, limit: Duration) -> Self {
        Running {
            slot,
            what: What::Own(label),
            since,
            limit: TimeLimit::of_host(limit),
            long: false,
            cancelled: false,
            given_up: false,
            killed: None,
            nested: Vec::new(),
        }
    }

    pub(super) fn label(&self) -> &Label {
        match &self.what {
            What::Call(call) => &call.label,
            What::Own(label) => label,
        }
    }

    /// Whether it is a write or a command.
    pub(super) fn is_action(&self) -> bool {
        self.call()
            .is_some_and(|call| matches!(call.label.verb, "write" | "command"))
    }

    pub(super) fn call(&self) -> Option<&Arc<CallCore<Reading>>> {
        match &self.what {
            What::Call(call) => Some(call),
            What::Own(_) => None,
        }
    }
}

/// A worker that does not come back.
#[derive(Clone)]
pub(super) struct Stuck {
    pub(super) slot: usize,
    pub(super) since: Time,
    pub(super) inside: String,
}

impl Stuck {
    pub(super) fn refusal(&self, device: &Device, now: Time) -> Refusal {
        let worker = device.worker();
        let scope = if worker.shared {
            format!("controller {}, and with it all its devices,", worker.name)
        } else {
            "its driver".to_owned()
        };
        Refusal::Stuck {
            device: device.name().to_string(),
            scope,
            inside: self.inside.clone(),
            since: self.since,
            stuck_for: now.since(self.since),
        }
    }

    /// What devices say of it, as long as it lasts.
    pub(super) fn text(&self) -> String {
        format!("stuck since {} in {}", clock_time(self.since), self.inside)
    }
}
