//! Waits of a lab: how they begin and end, and who looks at the clock for them.
//!
//! While somebody waits for a parameter it is polled more often than its config says ([`WAIT_POLL`]), idle or not asked
//! for at all: a wait is a repeated `get`. Such polls have the rank of all polls (D2): they run when no call waits. A
//! reading that itself takes long is asked for less often, so that a wait takes a quarter of a line's time at most.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{Call, CallCore, Caller, Cancelling, Executor, Label, Worker, call::Canceller, inline::Turn};
use crate::{
    clock::Time,
    condition::Condition,
    config::Execution,
    device::{Device, Reading, Wait},
    failure::{Failure, Refusal},
};

/// What is waited for is read so often, unless its own poll is more frequent.
pub(super) const WAIT_POLL: Duration = Duration::from_millis(200);
/// A reading that takes long is repeated after so many times what it took.
pub(super) const PART_OF_THE_LINE: u32 = 4;

/// See the module.
#[derive(Default)]
pub(super) struct Waits {
    /// How many are not over.
    active: AtomicUsize,
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    all: Vec<Weak<Wait>>,
    /// Those that a function of the user's has to look at.
    to_judge: VecDeque<Arc<Wait>>,
    has_thread: bool,
    closed: bool,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of others runs while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_any(&self) -> bool {
        self.active.load(Ordering::Relaxed) > 0
    }

    fn add(&self, wait: &Arc<Wait>) {
        let mut state = self.lock();
        if state.all.len() >= 64 && state.all.len() >= 2 * self.active.load(Ordering::Relaxed) {
            state.all.retain(|wait| wait.strong_count() > 0);
        }
        state.all.push(Arc::downgrade(wait));
    }

    fn all(&self) -> Vec<Arc<Wait>> {
        self.lock().all.iter().filter_map(Weak::upgrade).collect()
    }

    fn judge_later(&self, waits: Vec<Arc<Wait>>) {
        self.lock().to_judge.extend(waits);
        self.filled.notify_one();
    }

    fn next_to_judge(&self) -> Option<Arc<Wait>> {
        self.lock().to_judge.pop_front()
    }

    /// Blocks until there is something to judge; `None` when there never will be again.
    fn wait_to_judge(&self) -> Option<Arc<Wait>> {
        let mut state = self.lock();
        loop {
            if let Some(wait) = state.to_judge.pop_front() {
                return Some(wait);
            }
            if state.closed {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Executor {
    /// Waits until a parameter, or the status, is what `condition` wants. What is seen on the way can be asked of the
    /// second.
    pub(crate) fn submit_wait(
        self: &Arc<Self>,
        device: &Arc<Device>,
        name: &str,
        condition: Condition,
        caller: &Caller,
    ) -> Result<(Call, Arc<Wait>), Refusal> {
        let status = name.eq_ignore_ascii_case("status") || condition.is_about_status();
        let parameter = match status {
            true => None,
            false => Some(device.parameter(name)?),
        };
        if self.is_closing() {
            let device = device.name().to_string();
            return Err(Refusal::Closed { device });
        }
        let (what, now) = (parameter.map(|parameter| parameter.index()), self.now());
        let judged = condition.asks_a_function();
        let wait = Wait::new(device, what, condition, now)?;
        let label = Label {
            device: Arc::clone(device.name()),
            member: parameter.map_or_else(|| "status".into(), |parameter| Arc::clone(parameter.name())),
            verb: "wait",
        };
        let canceller = Some(Arc::clone(&wait) as Arc<dyn Canceller<Reading>>);
        let call = match self.mode() {
            Execution::Threaded => Call::new(label, caller.owner.clone(), now, canceller),
            // Nobody else would let time pass.
            Execution::Inline => Call::driven(label, caller.owner.clone(), now, canceller),
        };
        call.core().take();
        wait.belongs_to(call.core());
        if judged {
            self.start_judging();
        }
        self.waits.active.fetch_add(1, Ordering::AcqRel);
        device.waited(what).fetch_add(1, Ordering::AcqRel);
        self.waits.add(&wait);
        let max_age = parameter.map_or(Duration::ZERO, |parameter| parameter.fresh_for());
        device.change(|change| change.await_with(&wait, max_age, now));
        if !call.is_resolved() {
            device.worker().inbox.push_look(device.slot(), what);
            match self.mode() {
                Execution::Threaded => device.worker().wake(),
                Execution::Inline => self.tell_pump(),
            }
        }
        Ok((call, wait))
    }

    /// Resolves the call of a wait that is over.
    fn finish_wait(&self, wait: &Arc<Wait>, outcome: Result<Reading, Failure>) {
        self.release(wait);
        if let Some(call) = wait.call() {
            call.resolve(outcome, self.now());
        }
    }

    /// It needs no polls any more.
    fn release(&self, wait: &Wait) {
        if wait.release() {
            self.waits.active.fetch_sub(1, Ordering::AcqRel);
            if let Some(device) = wait.device() {
                device.waited(wait.what()).fetch_sub(1, Ordering::AcqRel);
            }
        }
    }

    /// Ends the waits whose time is over; whether there was one.
    pub(super) fn look_at_waits(&self, now: Time) -> bool {
        if !self.waits.is_any() {
            return false;
        }
        let mut any = false;
        for wait in self.waits.all() {
            if let Some(outcome) = wait.look(now) {
                any = true;
                self.finish_wait(&wait, outcome);
            }
        }
        any
    }

    /// When time alone may end one of them.
    pub(super) fn next_wait(&self) -> Option<Time> {
        if !self.waits.is_any() {
            return None;
        }
        self.waits.all().iter().filter_map(|wait| wait.due()).min()
    }

    /// Inline: asks the user's function of one wait; whether there was one.
    pub(super) fn judge_one(&self) -> bool {
        if !self.waits.is_any() {
            return false;
        }
        let Some(wait) = self.waits.next_to_judge() else {
            return false;
        };
        if let Some(outcome) = wait.judge() {
            self.finish_wait(&wait, outcome);
        }
        true
    }

    /// Threaded: the thread on which functions of the user's are asked, from the first of them on.
    fn start_judging(self: &Arc<Self>) {
        if self.mode() == Execution::Inline || std::mem::replace(&mut self.waits.lock().has_thread, true) {
            return;
        }
        let (waits, executor) = (Arc::clone(&self.waits), Arc::downgrade(self));
        let judge = move || {
            while let Some(wait) = waits.wait_to_judge() {
                let outcome = wait.judge();
                let Some(executor) = executor.upgrade() else { return };
                if let Some(outcome) = outcome {
                    executor.finish_wait(&wait, outcome);
                }
            }
        };
        match std::thread::Builder::new().name("baton waits".into()).spawn(judge) {
            Ok(thread) => self.threads().push((None, thread)),
            Err(error) => {
                tracing::error!("the system gave no thread for those who wait: {error}");
                self.waits.lock().has_thread = false;
            }
        }
    }

    /// Ends all of them: the lab is closed.
    pub(super) fn close_waits(&self) {
        self.waits.lock().closed = true;
        self.waits.filled.notify_all();
        for wait in self.waits.all() {
            if wait.end_now() {
                let device = wait
                    .device()
                    .map_or_else(String::new, |device| device.name().to_string());
                self.finish_wait(&wait, Err(Failure::Refused(Refusal::Closed { device })));
            }
        }
    }

    /// Inline: runs the lab until the call is resolved or `timeout` of its time is over.
    fn drive_wait(&self, call: &CallCore<Reading>, timeout: Duration) {
        let end = self.now() + timeout;
        while !call.is_resolved() {
            match self.turn() {
                Turn::Ran => {}
                Turn::Idle(Some(until)) if until <= end => self.clock().reach(until),
                Turn::Idle(_) => {
                    self.clock().reach(end);
                    self.look_at_waits(end);
                    return;
                }
            }
            if self.now() > end {
                return;
            }
        }
    }
}

impl Worker {
    /// What a change of a device has meant for those who wait for it.
    pub(crate) fn finish_waits(&self, ended: Vec<(Arc<Wait>, Result<Reading, Failure>)>, to_judge: Vec<Arc<Wait>>) {
        let Some(executor) = self.executor.get().and_then(Weak::upgrade) else {
            return;
        };
        for (wait, outcome) in ended {
            executor.finish_wait(&wait, outcome);
        }
        if !to_judge.is_empty() {
            executor.waits.judge_later(to_judge);
        }
    }

    fn executor(&self) -> Option<Arc<Executor>> {
        self.executor.get().and_then(Weak::upgrade)
    }
}

impl Canceller<Reading> for Wait {
    fn cancel(&self, call: &Arc<CallCore<Reading>>) -> Cancelling {
        let Some(executor) = self.device().and_then(|device| device.worker().executor()) else {
            return Cancelling::Over;
        };
        if !self.end_now() {
            return Cancelling::Over;
        }
        executor.release(self);
        let path = self.path();
        call.resolve(Err(Failure::Cancelled { path }), executor.now());
        Cancelling::Ended
    }

    fn drive(&self, call: &CallCore<Reading>, timeout: Duration) -> bool {
        match self.device().and_then(|device| device.worker().executor()) {
            Some(executor) if !executor.is_pumped() => {
                executor.drive_wait(call, timeout);
                true
            }
            _ => false,
        }
    }

    fn turn(&self) -> bool {
        let Some(executor) = self.device().and_then(|device| device.worker().executor()) else {
            return false;
        };
        if executor.is_pumped() {
            return false;
        }
        match executor.turn() {
            Turn::Ran => true,
            Turn::Idle(Some(until)) => {
                executor.clock().reach(until);
                true
            }
            Turn::Idle(None) => false,
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(executor) = self.device().and_then(|device| device.worker().executor()) {
            executor.release(self);
        }
    }
}
