//! The permit of a call, which holds its targets until the call is resolved (L4, L7).

use std::sync::Arc;

use super::{Aftermath, Arbiter, Effects, Key, TargetSet};
use crate::{
    arbiter::table::{Doing, Hold},
    clock::Time,
    failure::Refusal,
    owner::OwnerId,
};

/// The right of one write or command to run. Its targets are held until it is dropped, or
/// [ended](Permit::end).
#[must_use = "a permit that is dropped ends"]
#[derive(Debug)]
pub struct Permit {
    arbiter: Arc<Arbiter>,
    hold: Option<Key>,
}

impl Arbiter {
    /// The permit of a write or command that holds these, from [`write_set`](Self::write_set) or
    /// [`command_set`](Self::command_set). `now` is when it was asked for.
    ///
    /// # Errors
    /// [`Refusal::Locked`], [`Refusal::Broken`] or [`Refusal::Protected`]: somebody else has its target, or is about to.
    pub fn permit_call(
        self: &Arc<Self>,
        owner: &OwnerId,
        set: &TargetSet,
        what: Doing,
        now: Time,
    ) -> Result<Permit, Refusal> {
        let recovery = *what.member == *"clear_errors";
        self.permit(owner, set, what, now, recovery)
    }

    /// What a write holds while it runs.
    pub fn write_set(&self, device: usize, parameter: usize) -> &TargetSet {
        self.targets.write(device, parameter)
    }

    /// What a command holds while it runs (L5).
    pub fn command_set(&self, device: usize, command: usize) -> &TargetSet {
        self.targets.command(device, command)
    }

    /// Whether a call of a composite may act on a set, which it then holds: its members, and theirs, are all of it (C7).
    pub fn reaches(&self, composite: usize, set: &TargetSet) -> bool {
        self.targets.reaches(composite, set)
    }

    /// The permit of what changes a target without calling its driver: user limits, poll interval, the host's error.
    /// `recovery` is not kept from what is protected (L10).
    ///
    /// # Errors
    /// As [`permit_call`](Self::permit_call).
    pub fn permit_change(
        self: &Arc<Self>,
        owner: &OwnerId,
        target: super::Target,
        what: Doing,
        recovery: bool,
    ) -> Result<Permit, Refusal> {
        let set = self.targets.alone(target);
        self.permit(owner, &set, what, self.clock.now(), recovery)
    }

    fn permit(
        self: &Arc<Self>,
        owner: &OwnerId,
        set: &TargetSet,
        what: Doing,
        now: Time,
        recovery: bool,
    ) -> Result<Permit, Refusal> {
        let hold = Hold {
            owner: owner.clone(),
            set: set.clone(),
            what,
            since: now,
        };
        let mut state = self.lock();
        match state.table.hold(hold, recovery) {
            Ok(hold) => Ok(Permit {
                arbiter: Arc::clone(self),
                hold: Some(hold),
            }),
            Err(denial) => Err(self.explain_denial(&state, denial, owner, set, now)),
        }
    }

    fn release(&self, hold: Key) -> Aftermath {
        let mut state = self.lock();
        let now = match state.table.has_waits() {
            true => self.clock.now(),
            // Nothing is granted over it.
            false => Time::from_nanoseconds(0),
        };
        let mut effects = Effects::at(now);
        state.table.release(hold, &mut effects);
        let mut after = Aftermath::default();
        if !state.draining.is_empty() {
            let state = &mut *state;
            let over = |draining: &mut super::Draining| !state.table.runs(draining.owner, &draining.set);
            after
                .wakers
                .extend(state.draining.extract_if(.., over).map(|draining| draining.waker));
        }
        self.digest(state, effects, after)
    }
}

impl Permit {
    /// Ends it. What that leads to happens when the aftermath is finished, for which no lock may be held.
    pub(crate) fn end(mut self) -> Ended {
        let after = self.hold.take().map(|hold| self.arbiter.release(hold));
        Ended {
            arbiter: Arc::clone(&self.arbiter),
            after: after.unwrap_or_default(),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            let after = self.arbiter.release(hold);
            self.arbiter.finish(after);
        }
    }
}

/// A permit that has ended, and what is left to be done about it.
#[must_use = "somebody may wait for it"]
pub(crate) struct Ended {
    arbiter: Arc<Arbiter>,
    after: Aftermath,
}

impl Ended {
    /// Wakes whoever is next.
    pub(crate) fn finish(self) {
        self.arbiter.finish(self.after);
    }
}
