//! The guard of a lock.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{Aftermath, Arbiter, Draining, Due, Effects, Happened, Key, Row, State, TargetSet};
use crate::{failure::Refusal, owner::OwnerId};

/// A lock that is held (L3). Dropped, it ends: what its owner's calls do there is theirs until they are resolved, or is
/// stopped at once, as the config of the device says (L6); then whoever is next has it.
///
/// It may have ended before: its lease is over, its owner is gone, or somebody broke it; see [`is_held`](Self::is_held).
#[must_use = "a lock that is dropped ends"]
pub struct Held {
    arbiter: Arc<Arbiter>,
    grant: Key,
}

impl Arbiter {
    /// Ends a grant that may have ended.
    pub(super) fn end_in(
        &self,
        state: &mut State,
        grant: Key,
        deliberate: bool,
        effects: &mut Effects,
    ) -> Option<(OwnerId, TargetSet)> {
        let ended = state.table.end(grant, deliberate, effects)?;
        if let Some(lease) = ended.lease {
            state.due.remove(lease, Due::Lease(grant));
        }
        self.note(state, Happened::Released, &ended.owner, &ended.set, ended.note);
        Some((ended.owner, ended.set))
    }

    fn end(&self, grant: Key, deliberate: bool) -> Option<(OwnerId, TargetSet)> {
        let mut state = self.lock();
        let now = match state.table.has_waits() {
            true => self.clock.now(),
            // Nothing is granted over it.
            false => crate::clock::Time::from_nanoseconds(0),
        };
        let mut effects = Effects::at(now);
        let ended = self.end_in(&mut state, grant, deliberate, &mut effects);
        self.conclude(state, effects, Aftermath::default());
        ended
    }
}

impl Held {
    pub(super) fn new(arbiter: Arc<Arbiter>, grant: Key) -> Held {
        Held { arbiter, grant }
    }

    /// Whether any of it is still its owner's.
    pub fn is_held(&self) -> bool {
        let state = self.arbiter.lock();
        state
            .table
            .grant_at(self.grant)
            .is_some_and(|grant| !grant.set.is_empty())
    }

    /// What is still held, since when and why, and who waits for it; `None` if it has ended.
    pub fn row(&self) -> Option<Row> {
        let state = self.arbiter.lock();
        let grant = state.table.grant_at(self.grant)?;
        Some(state.table.row_of_grant(grant))
    }

    /// Gives these targets back, and keeps the others. What it does not have is none of its business.
    ///
    /// # Errors
    /// [`Refusal::PartOf`] if one of them is held only as a part of something greater; then nothing changes.
    pub fn narrow(&self, gone: &TargetSet) -> Result<(), Refusal> {
        let arbiter = &self.arbiter;
        let mut state = arbiter.lock();
        let mut effects = Effects::at(arbiter.clock.now());
        let before = state.table.grant_at(self.grant).map(|grant| grant.set.clone());
        let narrowed = state.table.narrow(self.grant, gone, &mut effects);
        let outcome = match narrowed {
            Some(Err(greater)) => Err(Refusal::PartOf {
                path: arbiter.targets.names(gone).join(", "),
                whole: arbiter.targets.name(greater),
            }),
            Some(Ok(())) => {
                let changed = state.table.grant_at(self.grant);
                if let Some(grant) = changed.filter(|grant| before.as_ref() != Some(&grant.set)) {
                    let (owner, note) = (grant.owner.clone(), grant.note.clone());
                    arbiter.note(&mut state, Happened::Released, &owner, gone, note);
                }
                Ok(())
            }
            None => Ok(()),
        };
        arbiter.conclude(state, effects, Aftermath::default());
        outcome
    }

    /// Lets it end by itself so long from now, or, with `None`, no longer. `false` if it has ended.
    pub fn renew(&self, lease: Option<Duration>) -> bool {
        let mut state = self.arbiter.lock();
        let first = state.due.first();
        let held = self.arbiter.lease(&mut state, self.grant, lease);
        let alarm = state.due.is_before(first);
        drop(state);
        self.arbiter.finish(Aftermath {
            alarm,
            ..Aftermath::default()
        });
        held
    }

    /// Ends it because its owner has not kept a promise, to be heard for instance (L8): as if its lease were over.
    pub fn expire(self) {
        let arbiter = Arc::clone(&self.arbiter);
        let state = arbiter.lock();
        arbiter.expire(state, self.grant, arbiter.clock.now());
    }

    /// Ends it by its owner's own word: nothing is stopped. What comes back resolves when those of its owner's calls that
    /// still run there have been resolved; nobody has to wait for that.
    pub fn release(self) -> Release {
        let ended = self.arbiter.end(self.grant, true);
        Release {
            arbiter: Arc::clone(&self.arbiter),
            ended,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.arbiter.end(self.grant, false);
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.row() {
            Some(row) => write!(f, "Held({} by {})", row.targets.join(", "), row.owner),
            None => f.write_str("Held(nothing any more)"),
        }
    }
}

/// A lock that has ended, and whose owner's calls may still run: a future that resolves when they do not.
///
/// # Cancel safety
/// The lock has ended already; dropping this changes nothing.
pub struct Release {
    pub(super) arbiter: Arc<Arbiter>,
    ended: Option<(OwnerId, TargetSet)>,
}

impl Release {
    /// Whether none of its owner's calls runs there any more.
    pub fn is_over(&self) -> bool {
        let state = self.arbiter.lock();
        let runs = |(owner, set): &(OwnerId, TargetSet)| state.table.runs(owner.number(), set);
        !self.ended.as_ref().is_some_and(runs)
    }
}

impl Future for Release {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some((owner, set)) = &self.ended else {
            return Poll::Ready(());
        };
        let mut state = self.arbiter.lock();
        if !state.table.runs(owner.number(), set) {
            return Poll::Ready(());
        }
        let mine = |other: &Draining| other.owner == owner.number() && other.waker.will_wake(cx.waker());
        if !state.draining.iter().any(|other| mine(other) && other.set == *set) {
            state.draining.push(Draining {
                owner: owner.number(),
                set: set.clone(),
                waker: cx.waker().clone(),
            });
        }
        Poll::Pending
    }
}
