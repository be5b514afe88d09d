//! Refusals, from what the table says.

use std::time::Duration;

use super::{Arbiter, BrokenBy, CycleLink, Deadlock, InTheWay, Key, Locked, ProtectedBy, State, Target, TargetSet};
use crate::{
    arbiter::table::{Blocker, Denial, Link, Protection},
    clock::Time,
    failure::Refusal,
    owner::OwnerId,
};

impl Arbiter {
    fn path(&self, set: &TargetSet) -> String {
        self.targets.names(set).join(", ")
    }

    /// Why a request was not granted.
    pub(super) fn explain(
        &self,
        state: &State,
        blocker: Blocker,
        wanted: &TargetSet,
        now: Time,
        waited: Duration,
    ) -> Refusal {
        match blocker {
            Blocker::Grant(grant, target) => self.locked(state, grant, target, wanted, now, waited),
            Blocker::Waiter(wait, target) => self.awaited(state, wait, target, wanted, now, waited),
            Blocker::Hold(hold, target) => self.running(state, hold, target, wanted, now, waited),
        }
    }

    /// Why a request that waits has not been granted.
    pub(super) fn explain_wait(&self, state: &State, wait: Key, now: Time) -> Option<Refusal> {
        let (blocker, request) = state.table.blocker_of(wait)?;
        let waited = now.since(request.time);
        Some(self.explain(state, blocker, &request.set, now, waited))
    }

    /// Why somebody may not write.
    pub(super) fn explain_denial(
        &self,
        state: &State,
        denial: Denial,
        owner: &OwnerId,
        wanted: &TargetSet,
        now: Time,
    ) -> Refusal {
        let at_once = Duration::ZERO;
        match denial {
            Denial::Locked(grant, target) => self.locked(state, grant, target, wanted, now, at_once),
            Denial::Awaited(wait, target) => self.awaited(state, wait, target, wanted, now, at_once),
            Denial::Moving(hold, target) => self.running(state, hold, target, wanted, now, at_once),
            Denial::Protected(key, target) => self.protected(state, key, target, wanted, now),
            Denial::Broken(target) => {
                let broken = state.table.broken_at(owner.number(), target);
                let broken = broken.expect("what was denied over it is there");
                Refusal::Broken(Box::new(BrokenBy {
                    path: self.path(wanted),
                    target: self.targets.name(target),
                    owner: broken.by.clone(),
                    time: broken.time,
                    age: now.since(broken.time),
                }))
            }
        }
    }

    /// Somebody has it locked.
    pub(super) fn locked(
        &self,
        state: &State,
        grant: Key,
        target: Target,
        wanted: &TargetSet,
        now: Time,
        waited: Duration,
    ) -> Refusal {
        let grant = state.table.grant_at(grant).expect("what is in the way is there");
        // As its holder asked for it: `slit`, if that is why a blade cannot be had.
        let named = self.targets.named_for(&grant.set, target);
        let running = state.table.running_on(grant.owner.number(), &grant.set);
        Refusal::Locked(Box::new(Locked {
            path: self.path(wanted),
            by: InTheWay::Lock,
            target: self.targets.name(named),
            owner: grant.owner.clone(),
            since: grant.since,
            age: now.since(grant.since),
            note: grant.note.as_deref().map(str::to_owned),
            running: running.iter().map(ToString::to_string).collect(),
            waited,
        }))
    }

    fn awaited(
        &self,
        state: &State,
        wait: Key,
        target: Target,
        wanted: &TargetSet,
        now: Time,
        waited: Duration,
    ) -> Refusal {
        let request = &state.table.wait_at(wait).expect("what is in the way is there").request;
        Refusal::Locked(Box::new(Locked {
            path: self.path(wanted),
            by: InTheWay::Waiter,
            target: self.targets.name(self.targets.named_for(&request.set, target)),
            owner: request.owner.clone(),
            since: request.time,
            age: now.since(request.time),
            note: request.note.as_deref().map(str::to_owned),
            running: Vec::new(),
            waited,
        }))
    }

    fn running(
        &self,
        state: &State,
        hold: Key,
        target: Target,
        wanted: &TargetSet,
        now: Time,
        waited: Duration,
    ) -> Refusal {
        let hold = state.table.hold_at(hold).expect("what is in the way is there");
        Refusal::Locked(Box::new(Locked {
            path: self.path(wanted),
            by: InTheWay::Call,
            target: self.targets.name(target),
            owner: hold.owner.clone(),
            since: hold.since,
            age: now.since(hold.since),
            note: None,
            running: vec![hold.what.to_string()],
            waited,
        }))
    }

    pub(super) fn protected(&self, state: &State, key: Key, target: Target, wanted: &TargetSet, now: Time) -> Refusal {
        let protection = state.table.protection_at(key).expect("what is in the way is there");
        let Protection {
            by,
            set,
            note,
            since,
            permanent,
        } = protection;
        Refusal::Protected(Box::new(ProtectedBy {
            path: self.path(wanted),
            target: self.targets.name(self.targets.named_for(set, target)),
            owner: by.clone(),
            since: *since,
            age: now.since(*since),
            note: note.as_deref().map(str::to_owned),
            permanent: *permanent,
        }))
    }

    pub(super) fn deadlock(&self, path: &TargetSet, cycle: &[Link]) -> Refusal {
        let link = |link: &Link| CycleLink {
            waiter: link.waiter.clone(),
            target: self.targets.name(link.target),
            holder: link.holder.clone(),
        };
        Refusal::WouldDeadlock(Box::new(Deadlock {
            path: self.path(path),
            cycle: cycle.iter().map(link).collect(),
        }))
    }
}
