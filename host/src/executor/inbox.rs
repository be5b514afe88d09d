//! The inbox of a worker: what waits for it, and which of it runs.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use baton_plugin_api::Value;

use super::{
    CallCore,
    chain::{Chain, Epochs},
    running::{Nested, Running, Stuck},
    tenure::Tenure,
};
use crate::{
    clock::Time,
    config::Execution,
    device::{Device, Reading, TimeLimit, Way},
    failure::Refusal,
};

/// The most that may wait for one worker.
const CAPACITY: usize = 100_000;

/// One request for a driver, checked and accepted.
pub(super) struct Job {
    /// Which of the worker's devices.
    pub(super) slot: usize,
    pub(super) action: Action,
    pub(super) call: Arc<CallCore<Reading>>,
    /// The device's epoch at acceptance (S1).
    pub(super) epoch: u64,
    /// Those of its members; `None` if it has none.
    pub(super) epochs: Option<Epochs>,
    /// When the caller's time is over.
    pub(super) deadline: Option<Time>,
    /// The calls that this one was made from, inside a driver (C7).
    pub(super) chain: Option<Arc<Chain>>,
}

/// What a job asks for.
pub(super) enum Action {
    Read(usize),
    Write {
        parameter: usize,
        value: Value,
        way: Way,
    },
    Run {
        command: usize,
        argument: Value,
        way: Way,
    },
    /// Let the place where a parameter is be what the user calls this.
    Zero {
        parameter: usize,
        wanted: Value,
    },
    Status,
    /// Stop, at the head of the queue; calls the driver unless its stopper was called already.
    Stop {
        call_driver: bool,
    },
    /// Close the device and open it again; or only say whether it is open, where the worker has just begun with that.
    Reopen {
        again: bool,
    },
}

/// What takes the worker's time next.
pub(super) enum Next {
    /// A job, and when it begins.
    Job(Job, Time),
    /// A device that moves is to be looked at.
    Tick(usize),
    /// Somebody waits for a parameter of a device, or (`None`) for its status.
    Look(usize, Option<usize>),
    /// The process of the driver has died.
    Died,
    Nothing,
    Closed,
}

enum Entry {
    Job(Job),
    Tick(usize),
    Look(usize, Option<usize>),
}

#[derive(Default)]
pub(super) struct State {
    urgent: VecDeque<Job>,
    queue: VecDeque<Entry>,
    /// Devices with a tick in the queue.
    ticking: Vec<usize>,
    /// The process of the driver has died, and the worker has not seen to it.
    died: bool,
    pub(super) running: Option<Running>,
    pub(super) stuck: Option<Stuck>,
    /// That of the body that takes from here.
    pub(super) tenure: Arc<Tenure>,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
}

/// What ended when a body left its driver.
pub(super) enum Left {
    /// What ran.
    Running,
    /// What it was stuck in: it has come back after all.
    Stuck(Stuck),
    /// Nothing that is its own any more: the body was left behind meanwhile.
    Behind,
}

impl Inbox {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of others runs while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a job, which is made under the lock: no stop comes between the epoch that it sees and its place (S1).
    ///
    /// # Errors
    /// `Closed`, `Stuck` or `QueueFull`.
    pub(super) fn push(
        &self,
        device: &Device,
        now: impl FnOnce() -> Time,
        job: impl FnOnce() -> Job,
    ) -> Result<(), Refusal> {
        let mut state = self.lock();
        state.accepts(device, now)?;
        state.queue.push_back(Entry::Job(job()));
        Ok(())
    }

    /// Puts a job at the head.
    pub(super) fn push_urgent(&self, device: &Device, job: Job, now: impl FnOnce() -> Time) -> Result<(), Refusal> {
        let mut state = self.lock();
        state.accepts(device, now)?;
        state.urgent.push_back(job);
        Ok(())
    }

    /// Puts a job at the head, for when the worker is back, if it is stuck.
    pub(super) fn push_though_stuck(&self, device: &Device, job: Job) -> Result<(), Refusal> {
        let mut state = self.lock();
        if state.closed {
            let device = device.name().to_string();
            return Err(Refusal::Closed { device });
        }
        state.urgent.push_back(job);
        Ok(())
    }

    /// Queues a look at a moving device like a call, so that it takes its turn among them (D2).
    pub(super) fn push_tick(&self, slot: usize) {
        let mut state = self.lock();
        if !state.ticking.contains(&slot) {
            state.ticking.push(slot);
            state.queue.push_back(Entry::Tick(slot));
        }
    }

    /// Has a parameter of a device, or its status, polled soon, because somebody waits for it.
    pub(super) fn push_look(&self, slot: usize, what: Option<usize>) {
        let mut state = self.lock();
        let known = |entry: &Entry| matches!(entry, Entry::Look(s, w) if (*s, *w) == (slot, what));
        if !state.closed && !state.queue.back().is_some_and(known) {
            state.queue.push_back(Entry::Look(slot, what));
        }
    }

    /// Has the worker see to it that the process of its driver has died.
    pub(super) fn note_death(&self) {
        self.lock().died = true;
    }

    /// Takes what is next. `begin` says how long it may be inside the driver.
    pub(super) fn next(&self, begin: impl FnOnce(&Job) -> Running) -> Next {
        let mut state = self.lock();
        state.tenure.entered();
        if let Some(job) = state.urgent.pop_front() {
            return state.run(job, begin);
        }
        if state.closed {
            return Next::Closed;
        }
        if std::mem::take(&mut state.died) {
            return Next::Died;
        }
        match state.queue.pop_front() {
            Some(Entry::Job(job)) => state.run(job, begin),
            Some(Entry::Tick(slot)) => {
                state.ticking.retain(|ticking| *ticking != slot);
                Next::Tick(slot)
            }
            Some(Entry::Look(slot, what)) => Next::Look(slot, what),
            None => Next::Nothing,
        }
    }

    /// Begins an entry of the driver that no job asks for: a poll, an opening.
    pub(super) fn begin(&self, running: Running) {
        let mut state = self.lock();
        state.tenure.entered();
        state.running = Some(running);
    }

    /// The driver is about to be entered for the job that runs: its limit counts from here.
    pub(super) fn set_limit(&self, since: Time, limit: TimeLimit) {
        if let Some(running) = &mut self.lock().running {
            (running.since, running.limit) = (since, limit);
        }
    }

    /// Ends what ran for the body of this tenure. Whatever the watchdog decided of it, it decided before: if the worker was
    /// given up, that is over now, unless the body was left behind.
    pub(super) fn leave(&self, tenure: &Tenure) -> Left {
        let mut state = self.lock();
        if tenure.is_over() {
            return Left::Behind;
        }
        state.running = None;
        tenure.unstick();
        state.stuck.take().map_or(Left::Running, Left::Stuck)
    }

    /// Ends the tenure of a body that is stuck and begins another; gives what the worker was stuck in, or nothing if it is
    /// not.
    pub(super) fn succeed(&self) -> Option<Stuck> {
        let mut state = self.lock();
        let stuck = state.stuck.take()?;
        state.tenure.end();
        state.tenure = Arc::default();
        state.running = None;
        Some(stuck)
    }

    /// Whether it is still stuck in what it entered then.
    pub(super) fn is_stuck_since(&self, since: Time) -> bool {
        self.lock().stuck.as_ref().is_some_and(|stuck| stuck.since == since)
    }

    /// Notes that the call inside the driver waits for a member, or, with `None`, that it does so no longer.
    pub(super) fn note_nested(&self, nested: Option<Nested>) {
        let mut state = self.lock();
        let Some(running) = &mut state.running else { return };
        match nested {
            Some(nested) => running.nested.push(nested),
            None => drop(running.nested.pop()),
        }
    }

    /// Whether a job or a look at something that moves waits.
    pub(super) fn has_work(&self) -> bool {
        let state = self.lock();
        state.died || !state.urgent.is_empty() || !state.queue.is_empty()
    }

    /// Removes the jobs that `which` picks.
    pub(super) fn remove(&self, mut which: impl FnMut(&Job) -> bool) -> Vec<Job> {
        let mut state = self.lock();
        let mut removed = Vec::new();
        let mut kept = VecDeque::with_capacity(state.queue.len());
        for entry in state.queue.drain(..) {
            match entry {
                Entry::Job(job) if which(&job) => removed.push(job),
                other => kept.push_back(other),
            }
        }
        state.queue = kept;
        removed
    }

    /// Takes no more calls; gives what waits, for the caller to refuse.
    pub(super) fn close(&self) -> Vec<Job> {
        let mut state = self.lock();
        state.closed = true;
        state.drain()
    }
}

impl super::Executor {
    /// When a job begins. Inline it begins where it was accepted, which spares a look at the clock, unless a server has
    /// queued it.
    pub(super) fn begins(&self, job: &Job) -> Time {
        match self.mode() {
            Execution::Inline if !self.is_pumped() => job.call.accepted,
            _ => self.clock().now(),
        }
    }
}

impl State {
    fn run(&mut self, job: Job, begin: impl FnOnce(&Job) -> Running) -> Next {
        let running = begin(&job);
        let since = running.since;
        self.running = Some(running);
        Next::Job(job, since)
    }

    /// Gives the worker up: it does not come back from its driver (S3). `false` if it just has.
    pub(super) fn stick(&mut self, stuck: Stuck) -> bool {
        let gone = self.tenure.stick();
        if gone {
            self.stuck = Some(stuck);
        }
        gone
    }

    fn accepts(&self, device: &Device, now: impl FnOnce() -> Time) -> Result<(), Refusal> {
        if self.closed {
            return Err(Refusal::Closed {
                device: device.name().to_string(),
            });
        }
        if let Some(stuck) = &self.stuck {
            return Err(stuck.refusal(device, now()));
        }
        if self.queue.len() >= CAPACITY {
            return Err(Refusal::QueueFull {
                device: device.name().to_string(),
                waiting: self.queue.len(),
            });
        }
        Ok(())
    }

    /// How many calls wait or run.
    pub(super) fn pending(&self) -> usize {
        let jobs = self.queue.iter().filter(|entry| matches!(entry, Entry::Job(_))).count();
        let running = self.running.as_ref().is_some_and(|running| running.call().is_some());
        self.urgent.len() + jobs + usize::from(running)
    }

    /// Everything that waits, urgent or not.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        self.ticking.clear();
        let queued = self.queue.drain(..).filter_map(|entry| match entry {
            Entry::Job(job) => Some(job),
            Entry::Tick(_) | Entry::Look(..) => None,
        });
        self.urgent.drain(..).chain(queued).collect()
    }

    /// Takes out the jobs whose caller waits no longer.
    pub(super) fn take_expired(&mut self, now: Time) -> Vec<Job> {
        let expired =
            |entry: &Entry| matches!(entry, Entry::Job(Job { deadline: Some(deadline), .. }) if *deadline <= now);
        if !self.queue.iter().any(expired) {
            return Vec::new();
        }
        let (gone, kept): (Vec<_>, Vec<_>) = self.queue.drain(..).partition(expired);
        self.queue = kept.into();
        gone.into_iter()
            .filter_map(|entry| match entry {
                Entry::Job(job) => Some(job),
                Entry::Tick(_) | Entry::Look(..) => None,
            })
            .collect()
    }
}
