//! The body of a worker: everything that it does, one step at a time, on whatever thread calls it.

mod listen;
mod open;
mod poll;
mod process;
mod ramp;
mod run;
mod watch;

pub(super) use poll::sensible;
pub(super) use run::status_reading;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use abi_stable::{sabi_trait::TD_Opaque, sabi_types::RRef};
use baton_plugin_api::{
    Error, ErrorKind, Status, StatusCode,
    abi::{BoxDevice, RawContext_TO, RawResult, RefContext},
};

use super::{
    CallCore, Executor, Label, Worker,
    chain::{Chain, Epochs},
    context::CallContext,
    inbox::{Action, Job, Left, Next},
    instance::{ControllerSlot, Instance, Plan},
    running::{Running, Stuck},
    source::Source,
    tenure::Tenure,
};
use crate::{
    clock::Time,
    config::Execution,
    device::{Connection, Device, Reading, TimeLimit, Unstuck, Way},
    failure::{Failure, panic_text, seconds},
};

/// How long opening a device may take.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
/// How long a stop may take (S1).
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(2);

/// What an entry is called that asks nothing of the instrument.
const LISTENING: &str = "listening";

/// See the module.
pub(super) struct Body {
    executor: Arc<Executor>,
    worker: Arc<Worker>,
    /// Until it is over, this body is the worker's.
    tenure: Arc<Tenure>,
    source: Source,
    controller: Option<ControllerSlot>,
    instances: Vec<Instance>,
    timers: BinaryHeap<Reverse<Timer>>,
    /// Idle polls that are due, oldest first.
    polls: VecDeque<Timer>,
    /// Counts timers, so that those of one moment keep their order.
    count: u64,
}

/// Something to do at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Timer {
    due: Time,
    count: u64,
    slot: usize,
    task: Task,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Task {
    Open,
    /// Look at what moves.
    Tick,
    PollStatus,
    Poll(usize),
    /// Hear what an instrument says by itself.
    Listen,
}

/// What a step came to.
#[derive(Debug)]
pub(super) enum Step {
    /// Something was done; there may be more.
    Ran,
    /// Nothing to do until then, or until something comes into the inbox.
    Wait(Option<Time>),
    /// The inbox is closed.
    Closed,
}

impl Body {
    pub(super) fn new(executor: Arc<Executor>, worker: Arc<Worker>, plan: Plan) -> Self {
        let instance = |device: Arc<Device>| Instance {
            // Another body may have tried it before.
            first: matches!(device.connection(), Connection::Opening),
            device,
            raw: None,
            retry: Default::default(),
            cost: Duration::ZERO,
            planned: false,
            motions: Vec::new(),
            next_tick: None,
            silence: Default::default(),
        };
        let tenure = Arc::clone(&worker.inbox.lock().tenure);
        let mut body = Body {
            executor,
            worker,
            tenure,
            source: plan.source,
            controller: plan.controller.map(|config| ControllerSlot { config, raw: None }),
            instances: plan.devices.into_iter().map(instance).collect(),
            timers: BinaryHeap::new(),
            polls: VecDeque::new(),
            count: 0,
        };
        // Not yet a try to open again: the first of these, when a device was lost, comes at once.
        let now = body.now();
        for slot in 0..body.instances.len() {
            body.instances[slot].planned = true;
            body.plan(now, slot, Task::Open);
        }
        body
    }

    /// Works until the inbox is closed, then closes what is open.
    pub(super) fn run(mut self) {
        loop {
            match self.guarded_step() {
                Step::Ran => {}
                Step::Wait(None) => std::thread::park(),
                Step::Wait(Some(until)) => {
                    let rest = self.executor.clock().until(until);
                    if !rest.is_zero() {
                        std::thread::park_timeout(rest);
                    }
                }
                Step::Closed => break,
            }
        }
        self.end();
    }

    /// Ends what is still on its way, and closes what is open.
    pub(super) fn end(mut self) {
        for slot in 0..self.instances.len() {
            let by = self.instances[slot].device.stopped_by();
            for motion in std::mem::take(&mut self.instances[slot].motions) {
                let (path, by) = (motion.call.label.path(), by.clone());
                let failure = motion.ended_by(Failure::Stopped { path, by });
                self.settle(slot, &motion.call, Err(failure));
            }
            self.close_instance(slot);
        }
        self.close_controller();
        self.end_process();
    }

    /// A step that may panic: an error of ours, or of a subscriber's sink, ends the call that ran, not the worker.
    pub(super) fn guarded_step(&mut self) -> Step {
        match catch_unwind(AssertUnwindSafe(|| self.step())) {
            Ok(step) => step,
            Err(payload) => {
                self.survive(&panic_text(&*payload));
                Step::Ran
            }
        }
    }

    fn survive(&mut self, panic: &str) {
        tracing::error!(worker = %self.worker.name, "{}: the host panicked: {panic}", self.worker.name);
        let running = self.worker.inbox.lock().running.take();
        if let Some(call) = running.as_ref().and_then(Running::call) {
            let error = Error::new(ErrorKind::InternalError, format!("the host panicked: {panic}"));
            let path = call.label.path();
            let slot = running.as_ref().map_or(0, |running| running.slot);
            self.settle(slot, call, Err(Failure::Driver { path, error }));
        }
        self.leave();
        let soon = self.now() + Duration::from_millis(100);
        for slot in 0..self.instances.len() {
            self.plan_tick(slot, soon);
        }
    }

    /// When the next thing is due that no job asks for; what is overdue counts.
    pub(super) fn next_due(&self) -> Option<Time> {
        let timer = self.timers.peek().map(|timer| timer.0.due);
        let poll = self.polls.front().map(|poll| poll.due);
        timer.into_iter().chain(poll).min()
    }

    /// Does one thing: what is urgent first, then openings, then calls and looks at what moves in turn, then polls (D2).
    pub(super) fn step(&mut self) -> Step {
        if self.open_due() {
            return Step::Ran;
        }
        let Body {
            worker,
            instances,
            executor,
            ..
        } = self;
        match worker
            .inbox
            .next(|job| running(job, &instances[job.slot].device, executor.begins(job)))
        {
            Next::Job(job, since) => {
                self.run_job(job, since);
                self.leave();
                self.poll_if_twice_overdue();
                Step::Ran
            }
            Next::Tick(slot) => {
                self.tick(slot);
                Step::Ran
            }
            Next::Look(slot, what) => {
                self.poll_now(slot, what);
                Step::Ran
            }
            Next::Died => {
                self.process_died();
                Step::Ran
            }
            Next::Closed => Step::Closed,
            Next::Nothing => match self.polls.pop_front() {
                Some(poll) => {
                    self.poll(poll);
                    Step::Ran
                }
                None => Step::Wait(self.timers.peek().map(|timer| timer.0.due)),
            },
        }
    }

    fn now(&self) -> Time {
        self.executor.now()
    }

    fn plan(&mut self, due: Time, slot: usize, task: Task) {
        self.count += 1;
        self.timers.push(Reverse(Timer {
            due,
            count: self.count,
            slot,
            task,
        }));
    }

    /// Moves what is due to where it waits for its turn; opens what has to be opened. `true` if it did that.
    fn open_due(&mut self) -> bool {
        if self.timers.is_empty() {
            return false;
        }
        let now = self.now();
        while let Some(timer) = self.timers.peek().map(|timer| timer.0).filter(|timer| timer.due <= now) {
            self.timers.pop();
            match timer.task {
                Task::Open => {
                    self.instances[timer.slot].planned = false;
                    // Somebody may have had it opened meanwhile.
                    if self.instances[timer.slot].raw.is_none() && !self.executor.is_closing() {
                        self.open(timer.slot);
                    }
                    return true;
                }
                // One that is not the next was overtaken by an earlier one.
                Task::Tick if self.instances[timer.slot].next_tick == Some(timer.due) => {
                    self.instances[timer.slot].next_tick = None;
                    self.worker.inbox.push_tick(timer.slot);
                }
                Task::Tick => {}
                Task::Poll(_) | Task::PollStatus | Task::Listen => self.polls.push_back(timer),
            }
        }
        false
    }

    /// Calls one entry of a device that is open. Counts it, and notices when the device was lost.
    fn enter<T>(
        &mut self,
        slot: usize,
        call: Option<&Arc<CallCore<Reading>>>,
        job: Entering,
        entry: impl FnOnce(&mut BoxDevice, RefContext<'_>) -> RawResult<T>,
    ) -> Result<T, Error> {
        let instance = &mut self.instances[slot];
        let device = Arc::clone(&instance.device);
        let Some(raw) = &mut instance.raw else {
            return Err(Error::communication(format!("{} is not open", device.name())));
        };
        let (began, ends) = (job.began, job.ends);
        let context = CallContext {
            executor: &self.executor,
            device: &device,
            call,
            epoch: job.epoch,
            epochs: job.epochs,
            ends: job.ends,
            long: job.long,
            chain: job.chain,
            worker: self.worker.index,
            tenure: &self.tenure,
        };
        let cx = RawContext_TO::from_ptr(RRef::new(&context), TD_Opaque);
        if self.tenure.is_over() {
            self.stay_behind();
        }
        self.tenure.entered();
        let outcome = super::result(entry(raw, cx));
        if self.executor.mode() == Execution::Inline && self.now() >= ends {
            // Nobody else could have noticed that it took too long.
            super::watchdog::look(&self.executor, &self.worker);
        }
        self.returned();
        if job.asks {
            self.note_answer(slot, began, outcome.as_ref().err());
            device.counts().calls.fetch_add(1, Ordering::Relaxed);
        }
        if let Err(error) = &outcome {
            device.counts().errors.fetch_add(1, Ordering::Relaxed);
            if error.kind() == ErrorKind::Timeout {
                device.counts().timeouts.fetch_add(1, Ordering::Relaxed);
            }
            if matches!(error.kind(), ErrorKind::CommunicationFailed | ErrorKind::Panic) {
                self.lost(slot, error);
            }
        }
        outcome
    }

    /// An entry that no call asked for: a poll, or an estimate.
    fn enter_alone<T>(
        &mut self,
        slot: usize,
        member: &Arc<str>,
        verb: &'static str,
        limit: Duration,
        entry: impl FnOnce(&mut BoxDevice, RefContext<'_>) -> RawResult<T>,
    ) -> Result<T, Error> {
        let device = Arc::clone(&self.instances[slot].device);
        let now = self.now();
        let label = Label {
            device: Arc::clone(device.name()),
            member: Arc::clone(member),
            verb,
        };
        let entering = Entering {
            // What a poll moves is stopped like what a call moves (S1).
            epochs: self.executor.epochs_below(&device),
            asks: verb != LISTENING,
            ..Entering::alone(device.current_epoch(), now, limit)
        };
        self.begin(Running::alone(slot, label, now, limit));
        let outcome = self.enter(slot, None, entering, entry);
        self.leave();
        outcome
    }

    /// Begins an entry that no job asks for.
    fn begin(&self, running: Running) {
        // What ran before ends here; it may just have been given up.
        self.leave();
        self.worker.inbox.begin(running);
    }

    /// Ends what `begin`, or the inbox with a job, has begun.
    fn leave(&self) {
        match self.worker.inbox.leave(&self.tenure) {
            Left::Running => {}
            Left::Stuck(stuck) => self.came_back(&stuck),
            Left::Behind => self.stay_behind(),
        }
    }

    /// The driver has returned, from whatever it is. Does not return itself where the body was left behind meanwhile.
    fn returned(&self) {
        if self.tenure.returned() || self.tenure.is_over() {
            self.leave();
        }
    }

    /// What was left behind stays as it is for ever: nothing of it is called again, not even to free it (S6).
    fn stay_behind(&self) -> ! {
        tracing::info!(
            worker = %self.worker.name,
            "{}: what was left behind has returned from its driver; nothing of it is used any more",
            self.worker.name
        );
        loop {
            std::thread::park();
        }
    }

    /// A call that overran its limit has returned after all (S3).
    fn came_back(&self, stuck: &Stuck) {
        // Counted before it is told: whoever hears of it finds it counted.
        self.executor.counters.came_back.fetch_add(1, Ordering::Relaxed);
        let now = self.now();
        for device in self.worker.devices() {
            device.change(|change| change.unstick(now, &stuck.inside, stuck.since, Unstuck::CameBack));
        }
        for slot in 0..self.instances.len() {
            let motions = &self.instances[slot].motions;
            if motions
                .iter()
                .any(|motion| motion.way == Way::Motion && motion.call.is_resolved())
            {
                self.stop_given_up(slot);
            }
        }
        tracing::info!(
            worker = %self.worker.name,
            "{}: {}, but has come back after {}",
            self.worker.name, stuck.text(), seconds(now.since(stuck.since))
        );
    }
}

/// What one entry knows of its call.
struct Entering {
    epoch: u64,
    epochs: Option<Epochs>,
    began: Time,
    ends: Time,
    /// Whether the driver is asked to end at `ends` (S4).
    long: bool,
    /// Whether it says something of the instrument when the entry goes well.
    asks: bool,
    chain: Option<Arc<Chain>>,
}

impl Entering {
    /// An entry that belongs to no caller.
    fn alone(epoch: u64, began: Time, limit: Duration) -> Self {
        Entering {
            epoch,
            epochs: None,
            began,
            ends: began + limit,
            long: false,
            asks: true,
            chain: None,
        }
    }
}

/// What a worker is inside of while it runs a job.
fn running(job: &Job, device: &Device, now: Time) -> Running {
    let parameter = |index: usize| &device.parameters()[index];
    let own;
    let (limit, long) = match &job.action {
        Action::Read(index) | Action::Zero { parameter: index, .. } => (parameter(*index).time_limit(), false),
        Action::Write { parameter: index, .. } => match parameter(*index).description().blocking {
            true => (parameter(*index).motion_limit(), true),
            false => (parameter(*index).time_limit(), false),
        },
        Action::Run { command, .. } => {
            let command = &device.commands()[*command];
            (command.time_limit(), command.description().long)
        }
        Action::Status | Action::Stop { .. } | Action::Reopen { .. } => {
            own = TimeLimit::of_host(match (&job.action, device.main()) {
                (Action::Status, Some(main)) => main.timeout(),
                (Action::Reopen { .. }, _) => OPEN_LIMIT,
                _ => STOP_LIMIT,
            });
            (&own, false)
        }
    };
    let limit = job.call.time_limit(limit, long, now);
    Running::for_call(job.slot, Arc::clone(&job.call), now, limit, long)
}

/// A status as it crosses: the JSON text `[code,"text"]`.
pub(super) fn parse_status(value: baton_plugin_api::Value) -> Result<Status, Error> {
    match serde_json::from_value::<(u32, String)>(value.to_json()) {
        Ok((code, text)) => Ok(Status::new(StatusCode::from_number(code), text)),
        Err(error) => Err(Error::new(
            ErrorKind::InternalError,
            format!("the driver's status is none: {error}"),
        )),
    }
}
