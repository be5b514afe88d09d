//! What happens to locks, told to whoever looks at the devices, and to the audit log.

use std::sync::{Arc, Weak};

use serde_json::json;

use super::Lab;
use crate::{
    arbiter::{Arbiter, Happened, LockEvent},
    audit::{Audit, Entry},
    executor::Executor,
};

impl Lab {
    /// Has every device show who has locked it, or parts of it, from now on: see
    /// [`Device::locked_by`](crate::device::Device::locked_by). Subscribers are told of each change.
    pub fn publish_locks(&self) {
        let executor = self.executor();
        let weak = Arc::downgrade(executor);
        self.observe_locks(move |event| {
            if let Some(executor) = Weak::upgrade(&weak) {
                event.devices.iter().for_each(|place| show(&executor, *place));
            }
        });
        (0..self.devices().len()).for_each(|place| show(executor, place));
    }
}

impl Lab {
    /// Has every device send news of its locks from now on, as the message `lock`.
    pub(super) fn send_lock_news(&self) {
        if self.inner.lock_news.set(()).is_err() {
            return;
        }
        let weak = Arc::downgrade(self.executor());
        self.observe_locks(move |event| {
            let Some(executor) = Weak::upgrade(&weak) else { return };
            let devices = executor.devices().all();
            for device in event.devices.iter().filter_map(|place| devices.get(*place)) {
                device.change(|change| change.lock_event(event));
            }
        });
    }
}

/// Shows who has a device. What that is now counts, not what has just happened: whoever comes last here knows the most.
fn show(executor: &Executor, place: usize) {
    if let Some(device) = executor.devices().all().get(place) {
        let now = executor.clock().now();
        device.change(|change| change.locked_by(&executor.arbiter().locked_by(place), now));
    }
}

/// Has the audit log told of locks (X5). Of waiting it is not: nothing has come of that yet.
pub(super) fn note_in(audit: &Arc<Audit>, arbiter: &Arbiter) {
    let audit = Arc::clone(audit);
    arbiter.observe(move |event| {
        if let Some(entry) = entry(event) {
            audit.record(entry);
        }
    });
}

fn entry(event: &LockEvent) -> Option<Entry> {
    let word = match &event.what {
        Happened::Waiting | Happened::Withdrawn => return None,
        // The end of a lock of which others have broken all.
        Happened::Released if event.targets.is_empty() => return None,
        Happened::Acquired | Happened::Refused { .. } => "lock",
        Happened::Released => "unlock",
        Happened::Expired => "expire",
        Happened::Broken { .. } => "break",
        Happened::Protected { .. } => "protect",
        Happened::Unprotected => "unprotect",
    };
    let by = match &event.what {
        Happened::Broken { by } => by,
        _ => &event.owner,
    };
    let entry = Entry::new(word, by.clone(), event.targets.join(", "), event.time);
    let entry = match &event.what {
        Happened::Refused { why } => entry.refused(why.clone()),
        Happened::Broken { .. } => entry.with("holder", event.owner.label()),
        Happened::Protected { permanent } => entry.with("permanent", *permanent),
        _ => entry,
    };
    Some(match &event.note {
        Some(note) => entry.with("note", json!(**note)),
        None => entry,
    })
}
