//! What is due when.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Due;
use crate::clock::Time;

/// What is due when.
pub(super) struct Agenda {
    entries: BTreeSet<(Time, Due)>,
    /// See [`Arbiter::next_due`](super::Arbiter::next_due).
    next: Arc<AtomicU64>,
}

/// A time that does not come.
pub(super) const NEVER: u64 = u64::MAX;

impl Agenda {
    /// An empty one, whose next time is written to `next`.
    pub(super) fn new(next: Arc<AtomicU64>) -> Agenda {
        Agenda {
            entries: BTreeSet::new(),
            next,
        }
    }

    pub(super) fn first(&self) -> Option<(Time, Due)> {
        self.entries.first().copied()
    }

    pub(super) fn insert(&mut self, time: Time, due: Due) {
        self.entries.insert((time, due));
        self.publish();
    }

    pub(super) fn remove(&mut self, time: Time, due: Due) {
        self.entries.remove(&(time, due));
        self.publish();
    }

    fn publish(&self) {
        let next = self.first().map_or(NEVER, |(due, _)| due.as_nanoseconds());
        self.next.store(next, Ordering::Release);
    }

    /// Whether something is due earlier than what was first before.
    pub(super) fn is_before(&self, first: Option<(Time, Due)>) -> bool {
        self.first().is_some_and(|due| first.is_none_or(|first| due < first))
    }
}
