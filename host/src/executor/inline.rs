//! Inline execution: the thread that asks runs the drivers, in a fixed order, on the lab's clock (RULES.md I).

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

use super::{Call, Executor, body::Step};
use crate::{clock::Time, failure::Failure};

/// What inline execution keeps besides the workers.
#[derive(Debug, Default)]
pub(super) struct Inline {
    /// A server pumps the workers between its requests; these start calls and never drive them (I6).
    pumped: AtomicBool,
    /// A request has come in since the pump last looked.
    called: AtomicBool,
    /// How many workers are doing a step, one inside the other.
    entered: AtomicUsize,
    waker: futures_util::task::AtomicWaker,
}

/// What a turn of inline execution came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Something was done.
    Ran,
    /// Nothing is due before that.
    Idle(Option<Time>),
}

impl Executor {
    /// Lets a server drive the workers from now on.
    pub(crate) fn set_pumped(&self) {
        self.inline.pumped.store(true, Ordering::Release);
    }

    /// Resolves when a request has come in since the last time.
    pub(crate) async fn something_to_pump(&self) {
        std::future::poll_fn(|cx| {
            self.inline.waker.register(cx.waker());
            match self.inline.called.swap(false, Ordering::AcqRel) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await
    }

    /// Whether anybody waits for anything.
    pub(crate) fn is_anything_under_way(&self) -> bool {
        self.load().0 > 0 || self.devices().all().iter().any(|device| device.is_under_way())
    }

    /// Runs workers until `call` is resolved, moving the clock on when nothing is due (I2). The outermost call then runs
    /// what else is due (I3).
    pub(super) fn drive(self: &Arc<Self>, call: &Call) {
        if self.inline.pumped.load(Ordering::Acquire) && !self.is_inside_driver() {
            self.inline.called.store(true, Ordering::Release);
            self.inline.waker.wake();
            return;
        }
        while !call.is_resolved() {
            match self.turn() {
                Turn::Ran => {}
                Turn::Idle(Some(until)) => self.clock.reach(until),
                Turn::Idle(None) => {
                    // Only a worker that is entered further up this stack could resolve it.
                    let path = call.core().label.path();
                    call.core().resolve(Err(Failure::Cancelled { path }));
                }
            }
        }
        if !self.is_inside_driver() {
            self.run_due();
        }
    }

    /// Runs all that is due now, without moving the clock.
    pub(crate) fn run_due(&self) {
        while self.turn() == Turn::Ran {}
    }

    /// Runs all that is due up to `then`, and sets the clock there.
    pub(crate) fn run_until(&self, then: Time) {
        loop {
            match self.turn() {
                Turn::Ran => {}
                Turn::Idle(Some(until)) if until <= then => self.clock.reach(until),
                Turn::Idle(_) => return self.clock.reach(then),
            }
        }
    }

    /// Lets the first worker that has something to do, in the lab's order, do one thing.
    pub(crate) fn turn(&self) -> Turn {
        let mut next: Option<Time> = None;
        for worker in &self.workers {
            // A worker that is entered further up this stack has its body taken out.
            let Some(mut body) = worker.body.lock().unwrap_or_else(PoisonError::into_inner).take() else {
                continue;
            };
            self.inline.entered.fetch_add(1, Ordering::AcqRel);
            let step = body.step();
            self.inline.entered.fetch_sub(1, Ordering::AcqRel);
            *worker.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
            match step {
                Step::Ran => return Turn::Ran,
                Step::Wait(Some(until)) => next = Some(next.map_or(until, |next| next.min(until))),
                Step::Wait(None) | Step::Closed => {}
            }
        }
        // A virtual clock stands still between two calls of it: what became due meanwhile runs first.
        match next {
            Some(until) if until <= self.now() => Turn::Ran,
            next => Turn::Idle(next),
        }
    }

    fn is_inside_driver(&self) -> bool {
        self.inline.entered.load(Ordering::Acquire) > 0
    }
}
