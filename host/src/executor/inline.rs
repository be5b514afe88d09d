//! Inline execution: the thread that asks runs the drivers, in a fixed order, on the lab's clock (RULES.md I).

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
    thread::ThreadId,
};

use baton_plugin_api::{Error, ErrorKind};

use super::{Call, Executor, Worker, body::Step};
use crate::{clock::Time, config::Execution, failure::Failure, lab::StuckWorker};

/// What inline execution keeps besides the workers.
#[derive(Debug, Default)]
pub(super) struct Inline {
    /// A server pumps the workers between its requests; these start calls and never drive them (I6).
    pumped: AtomicBool,
    /// A request has come in since the pump last looked.
    called: AtomicBool,
    waker: futures_util::task::AtomicWaker,
    /// How many drivers are entered, one inside the other.
    entered: AtomicUsize,
    /// Who runs the workers now. Any thread may ask; one at a time runs.
    runner: Mutex<Runner>,
    ran: Condvar,
}

#[derive(Debug, Default)]
struct Runner {
    /// The thread, and how many times over.
    thread: Option<(ThreadId, usize)>,
    /// How many others wait for their turn; without any, nobody has to be told when it ends.
    waiting: usize,
}

/// The right to run the workers.
struct Run<'a>(&'a Inline);

impl Inline {
    /// Waits until no other thread runs the workers.
    fn run(&self) -> Run<'_> {
        self.run_inside().0
    }

    /// As [`run`](Self::run); and whether this thread runs them already, further up its stack.
    fn run_inside(&self) -> (Run<'_>, bool) {
        let me = std::thread::current().id();
        let mut runner = self.runner.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match &mut runner.thread {
                None => runner.thread = Some((me, 1)),
                Some((thread, times)) if *thread == me => *times += 1,
                Some(_) => {
                    runner.waiting += 1;
                    runner = self.ran.wait(runner).unwrap_or_else(PoisonError::into_inner);
                    runner.waiting -= 1;
                    continue;
                }
            }
            let inside = runner.thread.is_some_and(|(_, times)| times > 1);
            return (Run(self), inside);
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        let mut runner = self.0.runner.lock().unwrap_or_else(PoisonError::into_inner);
        runner.thread = runner
            .thread
            .filter(|(_, times)| *times > 1)
            .map(|(thread, times)| (thread, times - 1));
        if runner.thread.is_none() && runner.waiting > 0 {
            self.0.ran.notify_one();
        }
    }
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
    /// Lets a server drive the workers from now on, or no longer.
    pub(crate) fn set_pumped(&self, pumped: bool) {
        self.inline.pumped.store(pumped, Ordering::Release);
    }

    /// Something has come in for the pump to see to.
    pub(super) fn tell_pump(&self) {
        self.inline.called.store(true, Ordering::Release);
        self.inline.waker.wake();
    }

    pub(crate) fn is_pumped(&self) -> bool {
        self.inline.pumped.load(Ordering::Acquire)
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

    /// Runs the lab on this thread until `done`, or until that time, if it runs on no other (I4). `false` if it does.
    pub(crate) fn run_here(&self, until: Option<Time>, done: &mut dyn FnMut() -> bool) -> bool {
        if self.mode() == Execution::Threaded || self.is_pumped() {
            return false;
        }
        let _run = self.inline.run();
        while !done() {
            let now = self.now();
            if until.is_some_and(|until| until <= now) {
                break;
            }
            let due = match self.turn() {
                Turn::Ran => continue,
                Turn::Idle(due) => due,
            };
            match (due, until) {
                (Some(due), Some(until)) => self.clock.reach(due.min(until)),
                (None, Some(until)) => self.clock.reach(until),
                (Some(due), None) if self.is_anything_under_way() => self.clock.reach(due),
                // Nothing is left that could end it.
                (_, None) => break,
            }
        }
        true
    }

    /// Whether anybody waits for anything.
    pub(crate) fn is_anything_under_way(&self) -> bool {
        self.load().0 > 0 || self.waits.is_any() || self.devices().all().iter().any(|device| device.is_under_way())
    }

    /// Runs workers until `call`, which waits for `worker`, is resolved, moving the clock on when nothing is due (I2).
    /// Then runs what else is due (I3). A call to a worker that is entered further up this stack is left to that; from
    /// inside a driver nothing else is run.
    pub(super) fn drive(&self, call: &Call, worker: &Worker) {
        if self.is_pumped() {
            return self.tell_pump();
        }
        let (_run, inside) = self.inline.run_inside();
        if worker.body().is_none() {
            return;
        }
        if inside && self.is_entered() {
            return self.drive_nested(call, worker, None);
        }
        while !call.is_resolved() {
            match self.turn() {
                Turn::Ran => {}
                Turn::Idle(Some(until)) => self.clock.reach(until),
                Turn::Idle(None) => self.nobody_can(call),
            }
        }
        // Of calls within calls, which handlers make, the outermost runs what is left.
        if !inside {
            self.run_due();
        }
    }

    /// Whether a driver is entered further up the stack of whoever runs the lab.
    fn is_entered(&self) -> bool {
        self.inline.entered.load(Ordering::Relaxed) > 0
    }

    /// Inline: runs what is due, handlers among it, where nobody does so further up this stack, or a server beside it.
    pub(crate) fn drain(&self) {
        if self.mode() == Execution::Threaded || self.is_pumped() {
            return;
        }
        let (_run, inside) = self.inline.run_inside();
        if !inside {
            self.run_due();
        }
    }

    /// Inline: runs the handlers of messages, also from inside of one of them, where nothing else would be run.
    pub(crate) fn drain_handlers(&self) {
        self.drain();
        if self.mode() == Execution::Inline && !self.is_pumped() {
            let _run = self.inline.run();
            while !self.is_entered() && self.dispatcher.run_one() {}
        }
    }

    /// Runs the worker of a member until the call that a driver waits for is resolved, or its time ends; nothing else,
    /// which would go on its account.
    pub(super) fn drive_nested(&self, call: &Call, worker: &Worker, ends: Option<Time>) {
        let _run = self.inline.run();
        let is_over = || ends.is_some_and(|ends| ends <= self.now());
        while !call.is_resolved() && !is_over() {
            match self.step_inline(worker) {
                Some(Step::Ran) => {}
                Some(Step::Wait(Some(until))) => self.clock.reach(ends.map_or(until, |ends| ends.min(until))),
                Some(Step::Wait(None) | Step::Closed) | None => self.nobody_can(call),
            }
        }
    }

    /// A call that nobody is left to run: its worker is closed, or waits itself, further up this stack.
    fn nobody_can(&self, call: &Call) {
        let path = call.core().label.path();
        let error = Error::new(ErrorKind::Impossible, "it waits for a device that itself waits for it");
        self.resolve(call.core(), Err(Failure::Driver { path, error }));
    }

    /// Runs all that is due now. What becomes due while it runs, because drivers take their time, waits for the next call.
    pub(crate) fn run_due(&self) {
        let mut now = None;
        while self.turn_until(|| *now.get_or_insert_with(|| self.now())) == Turn::Ran {}
    }

    /// Runs all that is due up to `then`, and sets the clock there.
    pub(crate) fn run_until(&self, then: Time) {
        let _run = self.inline.run();
        loop {
            match self.turn_until(|| then) {
                Turn::Ran => {}
                Turn::Idle(Some(until)) if until <= then => self.clock.reach(until),
                Turn::Idle(_) => return self.clock.reach(then),
            }
        }
    }

    /// Lets one worker do one thing: the first in the lab's order for which a call or something that moves waits, else
    /// the one for which something has been due for longest.
    pub(crate) fn turn(&self) -> Turn {
        self.turn_until(|| self.now())
    }

    /// As [`turn`](Self::turn), but leaves to later what is due after `horizon`.
    fn turn_until(&self, horizon: impl FnOnce() -> Time) -> Turn {
        let _run = self.inline.run();
        if self.hear_children() | self.arbiter.run_due() {
            return Turn::Ran;
        }
        // No handler runs while a driver is entered (I3).
        if !self.is_entered() && self.dispatcher.run_one() {
            return Turn::Ran;
        }
        for worker in self.workers.iter().filter(|worker| worker.inbox.has_work()) {
            if let Some(Step::Ran) = self.step_inline(worker) {
                return Turn::Ran;
            }
        }
        if self.judge_one() {
            return Turn::Ran;
        }
        let due = |worker: &Arc<Worker>| Some((worker.body().as_ref()?.next_due()?, worker.index));
        let next = self.workers.iter().filter_map(due).min();
        let next_wait = self.next_wait();
        let next_lock = self.arbiter.next_due();
        let others = next_wait.into_iter().chain(next_lock);
        let Some(first) = next.map(|(due, _)| due).into_iter().chain(others).min() else {
            return Turn::Idle(None);
        };
        let horizon = horizon().min(self.now());
        if first > horizon {
            return Turn::Idle(Some(first));
        }
        let Some((_, index)) = next.filter(|(due, _)| *due <= horizon) else {
            // What is due at the same time is read first: it may be what is waited for.
            self.look_at_waits(horizon);
            return Turn::Ran;
        };
        // What a step moves to the inbox, without running it, comes next.
        self.step_inline(&self.workers[index]);
        Turn::Ran
    }

    /// One step of a worker; `None` if it is entered further up this stack, or closed.
    fn step_inline(&self, worker: &Worker) -> Option<Step> {
        let mut body = worker.body().take()?;
        self.inline.entered.fetch_add(1, Ordering::Relaxed);
        let step = body.guarded_step();
        self.inline.entered.fetch_sub(1, Ordering::Relaxed);
        *worker.body() = Some(body);
        Some(step)
    }

    /// Closes the bodies.
    pub(super) fn end_inline(&self) -> Vec<StuckWorker> {
        let _run = self.inline.run();
        let mut entered = Vec::new();
        for worker in &self.workers {
            let body = worker.body().take();
            match body {
                Some(body) => body.end(),
                None => entered.push(StuckWorker {
                    worker: worker.name.to_string(),
                    since: self.now().as_seconds(),
                    inside: "its driver".to_owned(),
                }),
            }
        }
        entered
    }
}
