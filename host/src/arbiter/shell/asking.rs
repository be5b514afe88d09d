//! Asking for a lock, and waiting for it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{Aftermath, Arbiter, Due, Effects, Happened, Held, Key, State, TargetSet, Ticket};
use crate::{
    arbiter::table::{Answer, Request},
    clock::Time,
    failure::Refusal,
    owner::OwnerId,
};

/// On what terms somebody asks for a lock.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Why, for whoever is kept off.
    pub note: Option<Arc<str>>,
    /// How long to wait; not at all if it is zero.
    pub wait: Duration,
    /// After how long the lock ends by itself (L6).
    pub lease: Option<Duration>,
}

/// A request for a lock: a future that resolves to the guard.
///
/// It asks when it is first polled.
///
/// # Cancel safety
/// Dropping it withdraws the request: nothing is held, and the place in the queue is lost.
#[must_use = "a lock is asked for when this is awaited"]
pub struct Asking {
    pub(super) arbiter: Arc<Arbiter>,
    pub(super) stage: Stage,
}

pub(super) enum Stage {
    New(OwnerId, TargetSet, Terms),
    Waiting(Key),
    Over,
}

/// What came of asking.
enum Asked {
    Granted(Key),
    Waiting(Key),
}

impl Arbiter {
    /// Asks for a lock.
    pub fn ask(self: &Arc<Self>, owner: &OwnerId, set: TargetSet, terms: Terms) -> Asking {
        Asking {
            arbiter: Arc::clone(self),
            stage: Stage::New(owner.clone(), set, terms),
        }
    }

    /// Locks if that can be had at once.
    ///
    /// # Errors
    /// [`Refusal::Locked`] with who is in the way, or [`Refusal::WouldDeadlock`].
    pub fn try_lock(
        self: &Arc<Self>,
        owner: &OwnerId,
        set: &TargetSet,
        note: Option<Arc<str>>,
    ) -> Result<Held, Refusal> {
        let terms = Terms {
            note,
            ..Terms::default()
        };
        match self.begin(owner.clone(), set.clone(), terms)? {
            Asked::Granted(grant) => Ok(Held::new(Arc::clone(self), grant)),
            Asked::Waiting(_) => unreachable!("it does not wait"),
        }
    }

    fn begin(&self, owner: OwnerId, set: TargetSet, terms: Terms) -> Result<Asked, Refusal> {
        if set.is_empty() {
            return Err(Refusal::NoTargets);
        }
        let now = self.clock.now();
        let mut state = self.lock();
        let patient = !terms.wait.is_zero();
        let ticket = match patient {
            true => self.ticket(&mut state, &terms, now),
            false => NOBODY,
        };
        let request = Request {
            owner,
            set,
            note: terms.note,
            time: now,
            ticket,
        };
        let mut effects = Effects::at(now);
        let answer = state.table.request(request, patient, &mut effects);
        let alarm = self.settle_terms(&mut state, &answer, ticket, terms.lease, patient);
        let asked = match answer {
            Answer::Granted(grant) => {
                self.note_grant(&mut state, Happened::Acquired, grant);
                Ok(Asked::Granted(grant))
            }
            // It may have been granted meanwhile, over somebody who waits for this owner.
            Answer::Waiting(wait) => {
                if let Some(request) = state.table.wait_at(wait).map(|wait| wait.request.clone()) {
                    let Request { owner, set, note, .. } = request;
                    self.note(&mut state, Happened::Waiting, &owner, &set, note);
                }
                Ok(Asked::Waiting(ticket))
            }
            Answer::Refused(blocker, request) => {
                let refusal = self.explain(&state, blocker, &request.set, now, Duration::ZERO);
                Err(self.refused(&mut state, request, refusal))
            }
            Answer::Deadlock(cycle, request) => {
                let refusal = self.deadlock(&request.set, &cycle);
                Err(self.refused(&mut state, request, refusal))
            }
        };
        let after = Aftermath {
            alarm,
            ..Aftermath::default()
        };
        self.conclude(state, effects, after);
        asked
    }

    fn refused(&self, state: &mut State, request: Request, refusal: Refusal) -> Refusal {
        let Request { owner, set, note, .. } = request;
        self.note_refused(state, &owner, &set, note, &refusal);
        refusal
    }

    fn ticket(&self, state: &mut State, terms: &Terms, now: Time) -> Key {
        let until = now + terms.wait;
        // A clock that can never get there need not be looked at.
        let until = (until.since(now) == terms.wait).then_some(until);
        state.tickets.insert(Ticket {
            wait: None,
            lease: terms.lease,
            until,
            waker: None,
            outcome: None,
        })
    }

    /// Keeps the ticket of what waits, and sets the lease of what does not. Whether anything is due earlier than before.
    fn settle_terms(
        &self,
        state: &mut State,
        answer: &Answer,
        ticket: Key,
        lease: Option<Duration>,
        patient: bool,
    ) -> bool {
        let first = state.due.first();
        match answer {
            Answer::Waiting(wait) => {
                let record = &mut state.tickets[ticket];
                record.wait = Some(*wait);
                if let Some(until) = record.until {
                    state.due.insert(until, Due::Patience(ticket));
                }
            }
            _ if patient => drop(state.tickets.remove(ticket)),
            _ => {}
        }
        if let (Answer::Granted(grant), Some(lease)) = (answer, lease) {
            self.lease(state, *grant, Some(lease));
        }
        state.due.is_before(first)
    }

    /// The answer of a ticket, if there is one; it is then forgotten. Else `waker` is woken when there is.
    fn fetch(&self, ticket: Key, cx: Option<&Context<'_>>) -> Poll<Result<Key, Refusal>> {
        let mut state = self.lock();
        if let Some(until) = state.tickets[ticket].until
            && state.tickets[ticket].outcome.is_none()
            && self.clock.now() >= until
        {
            state.due.remove(until, Due::Patience(ticket));
            self.run_out(state, ticket, until);
            state = self.lock();
        }
        let record = &mut state.tickets[ticket];
        match record.outcome.take() {
            Some(outcome) => {
                state.tickets.remove(ticket);
                Poll::Ready(outcome)
            }
            None => {
                if let Some(cx) = cx
                    && !record.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()))
                {
                    record.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// Nobody wants the answer of a ticket any more.
    fn forget(&self, ticket: Key) {
        let mut state = self.lock();
        let Some(record) = state.tickets.remove(ticket) else {
            return;
        };
        if let Some(until) = record.until {
            state.due.remove(until, Due::Patience(ticket));
        }
        let mut effects = Effects::at(self.clock.now());
        if let Some(wait) = record.wait.and_then(|wait| state.table.withdraw(wait, &mut effects)) {
            let request = wait.request;
            self.note(
                &mut state,
                Happened::Withdrawn,
                &request.owner,
                &request.set,
                request.note,
            );
        }
        if let Some(Ok(grant)) = record.outcome {
            self.end_in(&mut state, grant, false, &mut effects);
        }
        self.conclude(state, effects, Aftermath::default());
    }
}

/// The ticket of a request that does not wait.
const NOBODY: Key = Key::NONE;

impl Asking {
    /// Asks, if that has not been done, and waits no longer than it takes to decide. The answer, if there is one.
    pub(crate) fn look(&mut self, cx: Option<&Context<'_>>) -> Poll<Result<Held, Refusal>> {
        let outcome = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::New(owner, set, terms) => match self.arbiter.begin(owner, set, terms) {
                Ok(Asked::Granted(grant)) => Poll::Ready(Ok(grant)),
                Err(refusal) => Poll::Ready(Err(refusal)),
                Ok(Asked::Waiting(ticket)) => {
                    self.stage = Stage::Waiting(ticket);
                    return self.look(cx);
                }
            },
            Stage::Waiting(ticket) => {
                let outcome = self.arbiter.fetch(ticket, cx);
                if outcome.is_pending() {
                    self.stage = Stage::Waiting(ticket);
                }
                outcome
            }
            Stage::Over => panic!("a lock was asked for after it was given or refused"),
        };
        outcome.map_ok(|grant| Held::new(Arc::clone(&self.arbiter), grant))
    }

    /// Gives up: whoever asked has waited long enough. Granted, if that came first; refused, if anybody is in the way still.
    pub(crate) fn give_up(mut self, waited: Duration) -> Option<Result<Held, Refusal>> {
        let refusal = self.in_the_way(waited);
        match (self.look(None), refusal) {
            (Poll::Ready(outcome), _) => Some(outcome),
            (Poll::Pending, Some(refusal)) => {
                self.note_given_up(&refusal);
                Some(Err(refusal))
            }
            (Poll::Pending, None) => None,
        }
    }

    /// Has it noted that this was the end of it; it is told with the withdrawal that follows.
    fn note_given_up(&self, refusal: &Refusal) {
        let Stage::Waiting(ticket) = &self.stage else { return };
        let mut state = self.arbiter.lock();
        let wait = state.tickets.get(*ticket).and_then(|ticket| ticket.wait);
        let request = wait
            .and_then(|wait| state.table.wait_at(wait))
            .map(|wait| wait.request.clone());
        if let Some(request) = request {
            let Request { owner, set, note, .. } = request;
            self.arbiter.note_refused(&mut state, &owner, &set, note, refusal);
        }
    }

    /// When its patience ends; `None` if it does not wait, or for ever.
    pub(crate) fn until(&self) -> Option<Time> {
        match &self.stage {
            Stage::Waiting(ticket) => self.arbiter.lock().tickets[*ticket].until,
            _ => None,
        }
    }

    /// What it waits for, by name; nothing if it does not.
    pub(super) fn path(&self) -> String {
        let Stage::Waiting(ticket) = self.stage else {
            return String::new();
        };
        let state = self.arbiter.lock();
        let wait = state.tickets.get(ticket).and_then(|ticket| ticket.wait);
        let wait = wait.and_then(|wait| state.table.wait_at(wait));
        wait.map(|wait| self.arbiter.names(&wait.request.set).join(", "))
            .unwrap_or_default()
    }

    /// On what terms it is asked for.
    pub(crate) fn terms(&mut self) -> Option<&mut Terms> {
        match &mut self.stage {
            Stage::New(_, _, terms) => Some(terms),
            _ => None,
        }
    }
}

impl Future for Asking {
    type Output = Result<Held, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.look(Some(cx))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Stage::Waiting(ticket) = &self.stage {
            self.arbiter.forget(*ticket);
        }
    }
}
