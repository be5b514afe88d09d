//! The shell around the table: a mutex, wakers, and what is due when (L11).

#[path = "shell/agenda.rs"]
mod agenda;
#[path = "shell/asking.rs"]
mod asking;
#[path = "shell/blocking.rs"]
mod blocking;
#[path = "shell/events.rs"]
mod events;
#[path = "shell/explain.rs"]
mod explain;
#[path = "shell/held.rs"]
mod held;
#[path = "shell/look.rs"]
mod look;
#[path = "shell/permit.rs"]
mod permit;
#[path = "shell/rights.rs"]
mod rights;

use std::{
    sync::{
        Arc, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use agenda::{Agenda, NEVER};
pub use asking::{Asking, Terms};
use events::Log;
pub use events::{Happened, LockEvent};
pub use held::{Held, Release};
pub use permit::Permit;

use super::{
    refusal::{BrokenBy, CycleLink, Deadlock, InTheWay, Locked, ProtectedBy},
    slab::{Key, Slab},
    sync::{Mutex, MutexGuard},
    table::{Effects, Row, Table},
    targets::{DeviceTargets, Target, TargetSet, Targets},
};
use crate::{
    clock::{Clock, Time},
    failure::Refusal,
    owner::OwnerId,
};

/// See the [module](super).
pub struct Arbiter {
    targets: Arc<Targets>,
    clock: Clock,
    state: Mutex<State>,
    /// When there is next something due, in nanoseconds, for those who look often; written under the mutex.
    next_due: Arc<AtomicU64>,
    hooks: OnceLock<Box<dyn Hooks>>,
}

/// What the arbiter has others do, because it knows names only.
pub trait Hooks: Send + Sync {
    /// Stops what `owner` has on its way on the device of that place in the lab (L6).
    fn stop(&self, device: usize, owner: &OwnerId);

    /// Something is due earlier than anything was before; see [`Arbiter::next_due`].
    fn alarm(&self);

    /// Runs the lab on this thread until `done` or that time, where it runs on no other (I4). Else returns `false`.
    fn run_here(&self, until: Option<Time>, done: &mut dyn FnMut() -> bool) -> bool;
}

struct State {
    table: Table,
    tickets: Slab<Ticket>,
    due: Agenda,
    /// Those that wait until an owner's calls on a set have ended.
    draining: Vec<Draining>,
    log: Log,
}

/// A request that waits, or whose answer has not been fetched.
struct Ticket {
    /// In the table.
    wait: Option<Key>,
    lease: Option<std::time::Duration>,
    /// When it gives up.
    until: Option<Time>,
    waker: Option<Waker>,
    outcome: Option<Result<Key, Refusal>>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A ticket's patience ends.
    Patience(Key),
    /// A grant's lease is over.
    Lease(Key),
}

struct Draining {
    owner: u64,
    set: TargetSet,
    waker: Waker,
}

/// What is to be done after the mutex is released.
#[must_use = "somebody may wait for it"]
#[derive(Default)]
pub(crate) struct Aftermath {
    wakers: Vec<Waker>,
    stops: Vec<(usize, OwnerId)>,
    alarm: bool,
    tell: bool,
}

type Guard<'a> = MutexGuard<'a, State>;

impl Arbiter {
    /// An arbiter over the devices of a lab, in their order there, that goes by this clock.
    pub fn new(devices: Vec<DeviceTargets>, clock: Clock) -> Arc<Arbiter> {
        let targets = Arc::new(Targets::new(devices));
        let next_due = Arc::new(AtomicU64::new(NEVER));
        let state = State {
            table: Table::new(Arc::clone(&targets)),
            tickets: Slab::default(),
            due: Agenda::new(Arc::clone(&next_due)),
            draining: Vec::new(),
            log: Log::default(),
        };
        Arc::new(Arbiter {
            targets,
            clock,
            state: Mutex::new(state),
            next_due,
            hooks: OnceLock::new(),
        })
    }

    /// Sets, once, who does what the arbiter cannot.
    pub fn set_hooks(&self, hooks: impl Hooks + 'static) {
        self.hooks.get_or_init(|| Box::new(hooks));
    }

    /// The place of a device in the lab, by its name.
    pub fn find(&self, device: &str) -> Option<usize> {
        self.targets.find(device)
    }

    /// Targets that are locked together. Cheap to keep for the next time.
    pub fn set(&self, targets: impl IntoIterator<Item = Target>) -> TargetSet {
        self.targets.set(targets)
    }

    /// `stage` or `stage.position`, for each that was asked for.
    pub fn names(&self, set: &TargetSet) -> Vec<String> {
        self.targets.names(set)
    }

    /// Who has what, since when and why, and who waits for it: locks first, then calls of owners without a lock, then what
    /// is protected.
    pub fn who(&self) -> Vec<Row> {
        self.lock().table.who()
    }

    /// The lock on a target, or on a part of it; of several of one owner, the oldest.
    pub fn holder_of(&self, target: Target) -> Option<Row> {
        self.lock().table.holder_of(target)
    }

    /// Ends all locks and waits of an owner, as the end of its session does (O2, L3). What its calls do is theirs until
    /// they are resolved, or is stopped, as the config of each device says (L6).
    pub fn leave(&self, owner: &OwnerId) {
        let mut state = self.lock();
        let mut effects = Effects::at(self.clock.now());
        let (grants, waits) = state.table.leave(owner.number(), &mut effects);
        let mut after = Aftermath::default();
        for (key, grant) in grants {
            if let Some(lease) = grant.lease {
                state.due.remove(lease, Due::Lease(key));
            }
            self.note(&mut state, Happened::Released, &grant.owner, &grant.set, grant.note);
        }
        for wait in waits {
            let request = wait.request;
            let refusal = Refusal::Withdrawn {
                path: self.targets.names(&request.set).join(", "),
                owner: request.owner.to_string(),
            };
            self.note(
                &mut state,
                Happened::Withdrawn,
                &request.owner,
                &request.set,
                request.note,
            );
            self.answer(&mut state, request.ticket, Err(refusal), &mut after);
        }
        self.conclude(state, effects, after);
    }

    /// When there is next something due that nobody asks for: somebody's patience, or a lease.
    pub fn next_due(&self) -> Option<Time> {
        let due = self.next_due.load(Ordering::Acquire);
        (due != NEVER).then_some(Time::from_nanoseconds(due))
    }

    /// Ends what is due. `true` if anything was.
    pub fn run_due(&self) -> bool {
        if self.next_due().is_none() {
            return false;
        }
        let now = self.clock.now();
        let mut any = false;
        loop {
            let mut state = self.lock();
            let Some((due, what)) = state.due.first().filter(|(due, _)| *due <= now) else {
                return any;
            };
            any = true;
            state.due.remove(due, what);
            match what {
                Due::Patience(ticket) => self.run_out(state, ticket, now),
                Due::Lease(grant) => self.expire(state, grant, now),
            }
        }
    }

    /// Whether anybody waits for a lock.
    pub fn has_waits(&self) -> bool {
        self.lock().table.has_waits()
    }

    fn lock(&self) -> Guard<'_> {
        // Nobody's code runs while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody's patience has ended.
    fn run_out(&self, mut state: Guard<'_>, ticket: Key, now: Time) {
        let mut after = Aftermath::default();
        let mut effects = Effects::at(now);
        if let Some(wait) = state.tickets.get(ticket).and_then(|ticket| ticket.wait)
            && let Some(refusal) = self.explain_wait(&state, wait, now)
            && let Some(wait) = state.table.withdraw(wait, &mut effects)
        {
            let request = wait.request;
            self.note(
                &mut state,
                Happened::Withdrawn,
                &request.owner,
                &request.set,
                request.note.clone(),
            );
            self.note_refused(&mut state, &request.owner, &request.set, request.note, &refusal);
            self.answer(&mut state, ticket, Err(refusal), &mut after);
        }
        self.conclude(state, effects, after);
    }

    /// A lease is over (L6).
    fn expire(&self, mut state: Guard<'_>, grant: Key, now: Time) {
        let mut effects = Effects::at(now);
        if let Some(grant) = state.table.end(grant, false, &mut effects) {
            self.note(&mut state, Happened::Expired, &grant.owner, &grant.set, grant.note);
        }
        self.conclude(state, effects, Aftermath::default());
    }

    /// Gives a ticket its answer.
    fn answer(&self, state: &mut State, ticket: Key, outcome: Result<Key, Refusal>, after: &mut Aftermath) {
        let Some(ticket_state) = state.tickets.get_mut(ticket) else {
            return;
        };
        ticket_state.wait = None;
        ticket_state.outcome = Some(outcome);
        after.wakers.extend(ticket_state.waker.take());
        if let Some(until) = ticket_state.until {
            state.due.remove(until, Due::Patience(ticket));
        }
    }

    /// Does what an event leads to: the answers under the mutex, the rest after it.
    fn conclude(&self, state: Guard<'_>, effects: Effects, after: Aftermath) {
        let after = self.digest(state, effects, after);
        self.finish(after);
    }

    fn digest(&self, mut state: Guard<'_>, effects: Effects, mut after: Aftermath) -> Aftermath {
        let first = state.due.first();
        for (ticket, grant) in effects.granted {
            self.granted(&mut state, ticket, grant);
            self.answer(&mut state, ticket, Ok(grant), &mut after);
        }
        for (request, cycle) in effects.refused {
            let refusal = self.deadlock(&request.set, &cycle);
            self.note(
                &mut state,
                Happened::Withdrawn,
                &request.owner,
                &request.set,
                request.note.clone(),
            );
            self.note_refused(&mut state, &request.owner, &request.set, request.note, &refusal);
            self.answer(&mut state, request.ticket, Err(refusal), &mut after);
        }
        after.alarm |= state.due.is_before(first);
        after.stops.extend(effects.stops);
        after.tell |= state.log.is_waiting();
        after
    }

    /// A wait has become a grant.
    fn granted(&self, state: &mut State, ticket: Key, grant: Key) {
        let lease = state.tickets.get(ticket).and_then(|ticket| ticket.lease);
        self.lease(state, grant, lease);
        self.note_grant(state, Happened::Acquired, grant);
    }

    /// Lets a grant end by itself after so long, or no longer. `false` if it has ended.
    fn lease(&self, state: &mut State, grant: Key, lease: Option<std::time::Duration>) -> bool {
        if lease.is_none() && state.table.grant_at(grant).is_some_and(|grant| grant.lease.is_none()) {
            return true;
        }
        let until = lease.map(|lease| self.clock.now() + lease);
        let Some(before) = state.table.set_lease(grant, until) else {
            return false;
        };
        if let Some(before) = before {
            state.due.remove(before, Due::Lease(grant));
        }
        if let Some(until) = until {
            state.due.insert(until, Due::Lease(grant));
        }
        true
    }

    /// Wakes, stops and tells.
    pub(crate) fn finish(&self, after: Aftermath) {
        after.wakers.into_iter().for_each(Waker::wake);
        if let Some(hooks) = self.hooks.get() {
            if after.alarm {
                hooks.alarm();
            }
            for (device, owner) in &after.stops {
                hooks.stop(*device, owner);
            }
        }
        if after.tell {
            self.tell();
        }
    }
}

impl std::fmt::Debug for Arbiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Arbiter")
    }
}
