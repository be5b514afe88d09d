//! Waiting without a runtime.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use super::{Arbiter, Asking, Deadlock, Held, Release};
use crate::{clock::Time, failure::Refusal};

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Asking {
    /// Blocks until it is granted or refused. Not for async code: `await` it there.
    ///
    /// # Errors
    /// As the future. In inline execution, where this thread runs everything, the clock is run until the wait ends;
    /// what is not free by then never will be: [`Refusal::WouldDeadlock`] (I4).
    pub fn wait(mut self) -> Result<Held, Refusal> {
        if let Poll::Ready(outcome) = self.look(None) {
            return outcome;
        }
        let (arbiter, until) = (Arc::clone(&self.arbiter), self.until());
        let mut outcome = None;
        let ran_here = arbiter.run_here(until, &mut || {
            if let Poll::Ready(ready) = self.look(None) {
                outcome = Some(ready);
            }
            outcome.is_some()
        });
        match (outcome, ran_here) {
            (Some(Err(Refusal::Locked(locked))), true) => Err(never(locked.path)),
            (Some(outcome), _) => outcome,
            (None, true) => Err(never(self.path())),
            (None, false) => block_on(&arbiter, until, &mut self),
        }
    }
}

impl Release {
    /// Blocks until none of its owner's calls runs there any more. Not for async code: `await` it there.
    pub fn wait(mut self) {
        let arbiter = Arc::clone(&self.arbiter);
        if !self.is_over() && !arbiter.run_here(None, &mut || self.is_over()) {
            block_on(&arbiter, None, &mut self);
        }
    }
}

impl Arbiter {
    /// Runs the lab on this thread until `done`, if it runs nowhere else; else `false`.
    fn run_here(&self, until: Option<Time>, done: &mut dyn FnMut() -> bool) -> bool {
        self.hooks.get().is_some_and(|hooks| hooks.run_here(until, done))
    }
}

fn never(path: String) -> Refusal {
    let cycle = Vec::new();
    Refusal::WouldDeadlock(Box::new(Deadlock { path, cycle }))
}

/// Blocks the thread until the future is ready, and looks again at `until`.
fn block_on<F: Future + Unpin>(arbiter: &Arbiter, until: Option<Time>, future: &mut F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut cx) {
            return output;
        }
        match until {
            Some(until) => std::thread::park_timeout(arbiter.clock.until(until)),
            None => std::thread::park(),
        }
    }
}
