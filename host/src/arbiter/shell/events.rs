//! What happens to locks, told to whoever observes it: in order, and on no lock of ours.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{Arbiter, Key, State, TargetSet};
use crate::{clock::Time, failure::Refusal, owner::OwnerId};

/// Something that happened to a lock, or to write protection.
#[derive(Clone, Debug)]
pub struct LockEvent {
    /// When.
    pub time: Time,
    /// What.
    pub what: Happened,
    /// Whose lock or request it is.
    pub owner: OwnerId,
    /// To what.
    pub targets: Vec<String>,
    /// The places in the lab of the devices that are concerned, members of composites included.
    pub devices: Vec<usize>,
    /// Why they have it, in their words.
    pub note: Option<Arc<str>>,
}

/// What happened to a lock.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// It was granted.
    Acquired,
    /// It waits.
    Waiting,
    /// It waits no longer: it was withdrawn, or its patience has ended.
    Withdrawn,
    /// It was asked for and not given. What has waited was also [withdrawn](Self::Withdrawn).
    Refused {
        /// Why.
        why: String,
    },
    /// It ended, all of it or these targets.
    Released,
    /// Its lease was over, or its owner not heard.
    Expired,
    /// Somebody broke it.
    Broken {
        /// Who.
        by: OwnerId,
    },
    /// Nobody writes any more, by this owner's word.
    Protected {
        /// Whether until the host ends.
        permanent: bool,
    },
    /// It may be written again, by this owner's word.
    Unprotected,
}

impl LockEvent {
    /// For programs: `{"event", "owner", "targets", "note"}`, and `by` if it was broken.
    pub fn to_json(&self) -> Json {
        let mut json = json!({
            "event": self.what.word(),
            "owner": self.owner.to_json(),
            "targets": self.targets,
            "note": self.note.as_deref(),
        });
        if let Happened::Broken { by } = &self.what {
            json["by"] = by.to_json();
        }
        json
    }
}

impl Happened {
    /// In one word: `acquired`, `waiting`, `withdrawn`, `refused`, `released`, `expired`, `broken`, `protected`, `unprotected`.
    pub fn word(&self) -> &'static str {
        match self {
            Happened::Acquired => "acquired",
            Happened::Waiting => "waiting",
            Happened::Withdrawn => "withdrawn",
            Happened::Refused { .. } => "refused",
            Happened::Released => "released",
            Happened::Expired => "expired",
            Happened::Broken { .. } => "broken",
            Happened::Protected { .. } => "protected",
            Happened::Unprotected => "unprotected",
        }
    }
}

pub(super) type Observer = Arc<dyn Fn(&LockEvent) + Send + Sync>;

/// What is to be told, and to whom.
#[derive(Default)]
pub(super) struct Log {
    events: VecDeque<LockEvent>,
    observers: Vec<Observer>,
    /// Somebody tells it already, and tells what comes meanwhile as well: so the order is kept.
    telling: bool,
}

impl Log {
    pub(super) fn is_waiting(&self) -> bool {
        !self.events.is_empty()
    }
}

impl Arbiter {
    /// Has an observer told of everything from now on, in the order in which it happens, on the thread by which it does or
    /// one that was there just before. It may ask the arbiter whatever it likes; one that panics is told the next all the
    /// same.
    pub fn observe(&self, observer: impl Fn(&LockEvent) + Send + Sync + 'static) {
        self.lock().log.observers.push(Arc::new(observer));
    }

    /// Notes what happened, if anybody wants to know.
    pub(super) fn note(
        &self,
        state: &mut State,
        what: Happened,
        owner: &OwnerId,
        set: &TargetSet,
        note: Option<Arc<str>>,
    ) {
        if state.log.observers.is_empty() {
            return;
        }
        state.log.events.push_back(LockEvent {
            time: self.clock.now(),
            what,
            owner: owner.clone(),
            targets: self.targets.names(set),
            devices: set.devices(),
            note,
        });
    }

    /// Notes that a request was refused.
    pub(super) fn note_refused(
        &self,
        state: &mut State,
        owner: &OwnerId,
        set: &TargetSet,
        note: Option<Arc<str>>,
        refusal: &Refusal,
    ) {
        if !state.log.observers.is_empty() {
            let why = refusal.to_string();
            self.note(state, Happened::Refused { why }, owner, set, note);
        }
    }

    /// Notes what happened to a grant that is there.
    pub(super) fn note_grant(&self, state: &mut State, what: Happened, grant: Key) {
        if state.log.observers.is_empty() {
            return;
        }
        if let Some(grant) = state.table.grant_at(grant) {
            let (owner, set, note) = (grant.owner.clone(), grant.set.clone(), grant.note.clone());
            self.note(state, what, &owner, &set, note);
        }
    }

    /// Tells what was noted, unless somebody else is about it.
    pub(super) fn tell(&self) {
        let mut state = self.lock();
        while !state.log.telling && !state.log.events.is_empty() {
            state.log.telling = true;
            let events = std::mem::take(&mut state.log.events);
            let observers = state.log.observers.clone();
            drop(state);
            for event in &events {
                for observer in &observers {
                    if catch_unwind(AssertUnwindSafe(|| observer(event))).is_err() {
                        tracing::error!("an observer of locks panicked");
                    }
                }
            }
            state = self.lock();
            state.log.telling = false;
        }
    }
}
