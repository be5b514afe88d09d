//! Jobs: what callers asked for.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use baton_plugin_api::{
    Error, Status, StatusCode, Value,
    abi::{BoxDevice, RawResult, RawValue, RefContext},
};

use super::{Body, Entering, poll::sensible};
use crate::{
    clock::Time,
    device::{Device, Reading, SetBy, TimeLimit, Way},
    executor::{
        CallCore, Label,
        inbox::{Action, Job},
        motion::Motion,
        running::Running,
        stopper::Stopper,
    },
    failure::{Failure, Refusal},
};

impl Body {
    /// Runs one job, unless its time is over or it was stopped while it waited.
    pub(super) fn run_job(&mut self, job: Job, since: Time) {
        let stopping = matches!(job.action, Action::Stop { .. } | Action::Reopen { .. });
        if !stopping && job.call.is_resolved() {
            // Superseded while it waited (C5).
            return;
        }
        if !stopping && let Some(failure) = self.void(&job) {
            return self.settle(job.slot, &job.call, Err(failure));
        }
        if let Err(failure) = self.guard(&job) {
            return self.settle(job.slot, &job.call, Err(failure));
        }
        match job.action {
            Action::Read(_) => self.run_read(job, since),
            Action::Write { .. } => self.run_write(job),
            Action::Run { .. } => self.run_command(job),
            Action::Zero { .. } => self.run_zero(job, since),
            Action::Status => self.run_status(job, since),
            Action::Stop { call_driver } => self.run_stop(&job, call_driver),
            Action::Reopen { again } => self.run_reopen(&job, again),
        }
    }

    /// Why a job must not begin any more.
    fn void(&self, job: &Job) -> Option<Failure> {
        let device = &self.instances[job.slot].device;
        let path = || job.call.label.path();
        if job.call.is_cancelled() {
            return Some(Failure::Cancelled { path: path() });
        }
        let moves = matches!(job.action, Action::Write { .. } | Action::Run { .. });
        if moves && job.epoch != device.current_epoch() {
            return Some(Failure::Stopped {
                path: path(),
                by: device.stopped_by(),
            });
        }
        if moves && job.chain.as_ref().is_some_and(|chain| chain.was_stopped()) {
            return Some(Failure::Cancelled { path: path() });
        }
        if let Some(deadline) = job.deadline
            && self.now() >= deadline
        {
            let (device, waited) = (device.name().to_string(), self.now().since(job.call.accepted));
            return Some(Failure::Refused(Refusal::Expired {
                path: path(),
                device,
                waited,
            }));
        }
        if self.instances[job.slot].raw.is_none() {
            return Some(Failure::Refused(device.down_refusal(self.now())));
        }
        None
    }

    /// Asks the driver whether the device is in a state in which the job is allowed (D6): what the host knows of it may be
    /// as old as the last poll.
    fn guard(&mut self, job: &Job) -> Result<(), Failure> {
        let device = Arc::clone(&self.instances[job.slot].device);
        let allowed = allowed_in(&device, &job.action);
        if allowed.is_empty() {
            return Ok(());
        }
        let entering = self.entering(job, self.now(), super::STOP_LIMIT, false);
        match self.status(job.slot, Some((&job.call, entering))) {
            // Inside `enter` it is the driver's word that counts; its own call has made the shown status busy.
            Some(Ok(status)) => device
                .allows(&job.call.label.path(), allowed, &status)
                .map_err(Failure::Refused),
            Some(Err(error)) => Err(self.ended(job, error)),
            None => Ok(()),
        }
    }

    pub(super) fn entering(&self, job: &Job, since: Time, limit: Duration, long: bool) -> Entering {
        let ends = since + limit;
        let ends = job.call.ends().map_or(ends, |of_caller| of_caller.min(ends));
        // What a caller has the patience for is the beginning; only a nested call has to end with the outermost (S3).
        let nested = job.chain.as_ref().and(job.deadline);
        Entering {
            epoch: job.epoch,
            epochs: job.epochs.clone(),
            began: since,
            ends: nested.map_or(ends, |deadline| deadline.min(ends)),
            long,
            asks: true,
            chain: job.chain.clone(),
        }
    }

    fn run_read(&mut self, job: Job, since: Time) {
        let Action::Read(index) = job.action else { return };
        let device = Arc::clone(&self.instances[job.slot].device);
        let limit = job
            .call
            .time_limit(device.parameters()[index].time_limit(), false, since);
        let entering = self.entering(&job, since, limit.duration, false);
        let reading = self.read(job.slot, index, Some((&job.call, entering)));
        self.resolve(&job.call, reading.map_err(|error| driver(&job.call, error)));
    }

    /// Reads where a parameter is, and lets that be what the user calls it (D8).
    fn run_zero(&mut self, job: Job, since: Time) {
        let Action::Zero {
            parameter: index,
            ref wanted,
        } = job.action
        else {
            return;
        };
        let device = Arc::clone(&self.instances[job.slot].device);
        let limit = job
            .call
            .time_limit(device.parameters()[index].time_limit(), false, since);
        let entering = self.entering(&job, since, limit.duration, false);
        let reading = self.read(job.slot, index, Some((&job.call, entering)));
        let now = self.now();
        if job.call.is_cancelled() || job.call.is_resolved() {
            // Whoever asked was told that nothing came of it.
            let path = job.call.label.path();
            return self.resolve(&job.call, Err(Failure::Cancelled { path }));
        }
        let outcome = match reading {
            Ok(reading) => device
                .change(|change| change.set_zero(index, reading, wanted.clone(), now))
                .map_err(Failure::Refused),
            Err(error) => Err(driver(&job.call, error)),
        };
        self.resolve(&job.call, outcome);
    }

    fn run_status(&mut self, job: Job, since: Time) {
        let device = Arc::clone(&self.instances[job.slot].device);
        let entering = self.entering(&job, since, super::STOP_LIMIT, false);
        let outcome = match self.status(job.slot, Some((&job.call, entering))) {
            Some(Err(error)) => Err(driver(&job.call, error)),
            _ => Ok(status_reading(&device.status().0, self.now())),
        };
        self.resolve(&job.call, outcome);
    }

    fn run_write(&mut self, job: Job) {
        let Action::Write {
            parameter: index,
            ref value,
            way,
        } = job.action
        else {
            return;
        };
        let device = Arc::clone(&self.instances[job.slot].device);
        let parameter = &device.parameters()[index];
        let estimate = match self.estimate(job.slot, index, value) {
            Ok(estimate) => estimate,
            Err(error) => return self.settle(job.slot, &job.call, Err(driver(&job.call, error))),
        };
        if job.call.is_resolved() {
            // Given up while the driver estimated: whoever asked was told that it is over.
            return;
        }
        let declared = estimate.unwrap_or_else(|| parameter.motion_limit().clone());
        let motion_limit = job.call.time_limit(&declared, true, self.now());
        if let Some(ramp) = parameter.ramp() {
            return self.begin_ramp(job, ramp, motion_limit);
        }
        let blocking = parameter.description().blocking;
        let limit = match blocking {
            true => motion_limit.clone(),
            false => job.call.time_limit(parameter.time_limit(), false, self.now()),
        };
        // Limits may have been narrowed while it waited, and while the driver estimated (D3).
        let hardware = match parameter.for_driver(value) {
            Ok(hardware) => hardware,
            Err(refusal) => return self.settle(job.slot, &job.call, Err(Failure::Refused(refusal))),
        };
        let raw = RawValue::from(hardware);
        let written = self.enter_for(&job, limit, blocking, |device, cx| device.write(index as u32, raw, cx));
        match written {
            Err(failure) => self.settle(job.slot, &job.call, Err(failure)),
            Ok(()) if way == Way::Motion && job.call.is_timed_out() => {
                // It moves now, and nobody waits for it any more (S3).
                self.stop_given_up(job.slot);
            }
            Ok(()) => {
                let mut motion = Motion::new(&job, way, motion_limit, self.now());
                motion.written = Some((index, value.clone()));
                motion.was_busy = blocking;
                self.watch(job.slot, motion);
            }
        }
    }

    fn run_command(&mut self, job: Job) {
        let Action::Run {
            command: index,
            ref argument,
            way,
        } = job.action
        else {
            return;
        };
        let device = Arc::clone(&self.instances[job.slot].device);
        let command = &device.commands()[index];
        let long = command.description().long;
        let limit = job.call.time_limit(command.time_limit(), long, self.now());
        let raw = RawValue::from(argument.clone());
        let outcome = self.enter_for(&job, limit.clone(), long, |device, cx| {
            device.run(index as u32, raw, cx)
        });
        let outcome = outcome.and_then(|value| {
            let value = Value::try_from(value).and_then(|value| sensible(&command.description().result, value));
            value.map_err(|error| driver(&job.call, error))
        });
        self.poll_soon(job.slot);
        let states = command.description();
        if !long && (!states.allowed_in.is_empty() || states.leads_to.is_some()) {
            // What it has set going is known before the next one is allowed. An error shows at the next poll.
            let _ = self.status(job.slot, None);
        }
        match outcome {
            Err(failure) => self.settle(job.slot, &job.call, Err(failure)),
            Ok(result) if long => {
                let mut motion = Motion::new(&job, way, limit, self.now());
                motion.result = result;
                self.watch(job.slot, motion);
            }
            Ok(result) => {
                let reading = Reading::good(result, self.now());
                self.settle(job.slot, &job.call, Ok(reading));
            }
        }
    }

    /// Enters the driver for a write or command. One that stays inside until it is done is taken at its entry, and asked
    /// to end at its limit (S4); any other is taken when it returns.
    fn enter_for<T>(
        &mut self,
        job: &Job,
        limit: TimeLimit,
        long: bool,
        entry: impl FnOnce(&mut BoxDevice, RefContext<'_>) -> RawResult<T>,
    ) -> Result<T, Failure> {
        let began = self.now();
        self.worker.inbox.set_limit(began, limit.clone());
        if long {
            job.call.take();
        }
        let entering = self.entering(job, began, limit.duration, long);
        let outcome = self.enter(job.slot, Some(&job.call), entering, entry);
        if outcome.is_ok() {
            job.call.take();
        }
        let now = self.now();
        let overran = long && now.since(began) >= limit.duration;
        if overran || self.was_stopped(job) {
            self.stop_again(job.slot, overran);
        }
        if overran && !job.call.is_cancelled() {
            return Err(job.call.overrun(&limit, began, now));
        }
        outcome.map_err(|error| self.ended(job, error))
    }

    fn was_stopped(&self, job: &Job) -> bool {
        job.epoch != self.instances[job.slot].device.current_epoch()
            || job.call.is_cancelled()
            || job.chain.as_ref().is_some_and(|chain| chain.was_stopped())
    }

    /// Stops a device after a write or command: its stopper may have been called before the driver had begun to move it.
    /// One without a stopper has its stop at the head of the queue, unless nobody but us stops it.
    pub(super) fn stop_again(&mut self, slot: usize, by_us: bool) {
        let device = Arc::clone(&self.instances[slot].device);
        let limit = super::STOP_LIMIT;
        let stopped = match self.worker.stopper(slot) {
            Some(stopper) => self.call_stopper(&device, &stopper),
            None if by_us && device.has_stop() => {
                self.enter_alone(slot, &"".into(), "stop", limit, |device, cx| device.stop(cx))
            }
            None => Ok(()),
        };
        if let Err(error) = stopped {
            tracing::warn!(device = %device.name(), "{}: stop: {}", device.name(), error.message());
        }
    }

    /// Calls a stopper from here, between two entries: what comes next on this worker comes after it.
    pub(super) fn call_stopper(&self, device: &Device, stopper: &Stopper) -> Result<(), Error> {
        let limit = super::STOP_LIMIT;
        let (name, member) = (Arc::clone(device.name()), "".into());
        let label = Label {
            device: name,
            member,
            verb: "stop",
        };
        self.begin(Running::alone(device.slot(), label, self.now(), limit));
        let stopped = stopper.stop(limit);
        self.returned();
        self.leave();
        stopped
    }

    /// How long a motion may take by the driver's own estimate: twice that, and some seconds. One that it cannot give is
    /// done without, unless the device is lost with it.
    fn estimate(&mut self, slot: usize, index: usize, value: &Value) -> Result<Option<TimeLimit>, Error> {
        let device = Arc::clone(&self.instances[slot].device);
        let parameter = &device.parameters()[index];
        if !parameter.description().estimate || matches!(parameter.motion_limit().set_by, SetBy::Config(_)) {
            return Ok(None);
        }
        let Ok(hardware) = parameter.for_driver(value) else {
            // The write itself is refused for this.
            return Ok(None);
        };
        let raw = RawValue::from(hardware);
        let epoch = device.current_epoch();
        let entering = Entering {
            asks: false,
            ..Entering::alone(epoch, self.now(), parameter.timeout())
        };
        let estimate = self.enter(slot, None, entering, |device, cx| {
            device.estimate(index as u32, raw, cx)
        });
        let estimate = match estimate {
            Err(error) if self.instances[slot].raw.is_none() => return Err(error),
            estimate => estimate.unwrap_or(0),
        };
        Ok((estimate > 0).then(|| TimeLimit {
            duration: Duration::from_nanos(estimate).saturating_mul(2) + Duration::from_secs(5),
            set_by: SetBy::Estimate,
        }))
    }

    /// What an error of the driver means for the call: if it was stopped meanwhile, that is why.
    fn ended(&self, job: &Job, error: Error) -> Failure {
        let device = &self.instances[job.slot].device;
        let path = job.call.label.path();
        if job.call.is_cancelled() {
            return Failure::Cancelled { path };
        }
        if job.epoch != device.current_epoch() {
            return Failure::Stopped {
                path,
                by: device.stopped_by(),
            };
        }
        Failure::Driver { path, error }
    }

    /// Stops a device. Where its stopper was called, out of band, that resolves the call.
    fn run_stop(&mut self, job: &Job, call_driver: bool) {
        let slot = job.slot;
        let device = Arc::clone(&self.instances[slot].device);
        if call_driver {
            let mut outcome = Ok(Reading::good(Value::Unit, self.now()));
            if device.has_stop() && self.instances[slot].raw.is_some() {
                let entering = Entering::alone(device.current_epoch(), self.now(), super::STOP_LIMIT);
                if let Err(error) = self.enter(slot, Some(&job.call), entering, |device, cx| device.stop(cx)) {
                    outcome = Err(driver(&job.call, error));
                }
            }
            self.resolve(&job.call, outcome);
        }
        self.tick(slot);
    }

    fn run_reopen(&mut self, job: &Job, again: bool) {
        if again {
            self.close_instance(job.slot);
            self.open(job.slot);
        }
        let device = &self.instances[job.slot].device;
        let outcome = match self.instances[job.slot].raw.is_some() {
            true => {
                let now = self.now();
                // Whoever has it opened again has seen what went wrong before (D6).
                device.change(|change| change.clear_error(now));
                Ok(Reading::good(Value::Unit, now))
            }
            false => Err(Failure::Refused(device.down_refusal(self.now()))),
        };
        self.resolve(&job.call, outcome);
    }

    /// Ends a write or command: final readback first, then the status, then the call itself (W1).
    pub(super) fn settle(&mut self, slot: usize, call: &Arc<CallCore<Reading>>, outcome: Result<Reading, Failure>) {
        let device = Arc::clone(&self.instances[slot].device);
        let now = self.now();
        if matches!(outcome, Err(Failure::Timeout { .. })) {
            device.counts().timeouts.fetch_add(1, Ordering::Relaxed);
        }
        let outcome = device.change(|change| change.settle(call, outcome, now));
        self.resolve(call, outcome);
    }

    fn resolve(&self, call: &Arc<CallCore<Reading>>, outcome: Result<Reading, Failure>) {
        self.executor.resolve(call, outcome);
    }
}

/// The states in which a job is allowed; empty for any.
fn allowed_in<'d>(device: &'d Device, action: &Action) -> &'d [StatusCode] {
    match action {
        Action::Write { parameter, .. } => &device.parameters()[*parameter].description().allowed_in,
        Action::Run { command, .. } => &device.commands()[*command].description().allowed_in,
        _ => &[],
    }
}

pub(super) fn driver(call: &Arc<CallCore<Reading>>, error: Error) -> Failure {
    Failure::Driver {
        path: call.label.path(),
        error,
    }
}

/// A status as a reading.
pub(in crate::executor) fn status_reading(status: &Status, now: Time) -> Reading {
    Reading::good(Value::Json(serde_json::json!([status.code.number(), status.text])), now)
}
