//! Jobs: what callers asked for.

use std::sync::Arc;

use baton_plugin_api::{Error, Status, Value, abi::RawValue};

use super::{Body, Entering};
use crate::{
    clock::Time,
    device::Reading,
    executor::{
        CallCore,
        inbox::{Action, Job},
        motion::Motion,
    },
    failure::{Failure, Refusal},
};

impl Body {
    /// Runs one job, unless its time is over or it was stopped while it waited.
    pub(super) fn run_job(&mut self, job: Job, since: Time) {
        let stopping = matches!(job.action, Action::Stop { .. } | Action::Reopen);
        if !stopping && let Some(failure) = self.void(&job) {
            return self.settle(job.slot, &Arc::clone(&job.call), None, Err(failure));
        }
        match job.action {
            Action::Read(_) => self.run_read(job, since),
            Action::Write { .. } => self.run_write(job, since),
            Action::Run { .. } => self.run_command(job, since),
            Action::Status => self.run_status(job, since),
            Action::Stop { call_driver } => self.run_stop(&job, call_driver),
            Action::Reopen => self.run_reopen(&job),
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
        let now = self.now();
        if job.deadline.is_some_and(|deadline| deadline <= now) {
            let (device, waited) = (device.name().to_string(), now.since(job.call.accepted));
            return Some(Failure::Refused(Refusal::Expired {
                path: path(),
                device,
                waited,
            }));
        }
        if self.instances[job.slot].raw.is_none() {
            return Some(Failure::Refused(device.down_refusal(now)));
        }
        None
    }

    fn entering(&self, job: &Job, since: Time, limit: std::time::Duration) -> Entering {
        let ends = since + limit;
        let ends = job.deadline.map_or(ends, |deadline| deadline.min(ends));
        Entering {
            epoch: job.epoch,
            epochs: job.epochs.clone(),
            ends,
            chain: job.chain.clone(),
        }
    }

    fn run_read(&mut self, job: Job, since: Time) {
        let Action::Read(index) = job.action else { return };
        let device = Arc::clone(&self.instances[job.slot].device);
        let entering = self.entering(&job, since, device.parameters()[index].timeout());
        let reading = self.read(job.slot, index, Some((&job.call, entering)));
        self.resolve(&job.call, reading.map_err(|error| driver(&job.call, error)));
    }

    fn run_status(&mut self, job: Job, since: Time) {
        let device = Arc::clone(&self.instances[job.slot].device);
        let entering = self.entering(&job, since, super::STOP_LIMIT);
        let outcome = match self.status(job.slot, Some((&job.call, entering))) {
            Some(Err(error)) => Err(driver(&job.call, error)),
            _ => Ok(status_reading(&device.status().0, self.now())),
        };
        self.resolve(&job.call, outcome);
    }

    fn run_write(&mut self, job: Job, since: Time) {
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
        let blocking = parameter.description().blocking;
        let limit = if blocking {
            parameter.motion_timeout()
        } else {
            parameter.timeout()
        };
        let motion_limit = self
            .estimate(job.slot, index, value)
            .unwrap_or(parameter.motion_timeout());
        if blocking {
            job.call.take();
        }
        let entering = self.entering(&job, since, limit);
        let raw = RawValue::from(value.clone());
        let written = self.enter(job.slot, Some(&job.call), entering, |device, cx| {
            device.write(index as u32, raw, cx)
        });
        if let Err(error) = written {
            let failure = self.ended(&job, error);
            return self.settle(job.slot, &job.call, Some(index), Err(failure));
        }
        job.call.take();
        let Action::Write { value, .. } = job.action else {
            return;
        };
        self.watch(
            job.slot,
            Motion {
                call: job.call,
                way,
                parameter: Some(index),
                target: Some(value),
                result: Value::Unit,
                taken: self.executor.now(),
                limit: motion_limit,
                epoch: job.epoch,
                was_busy: blocking,
                errors: 0,
                ending: None,
            },
        );
    }

    fn run_command(&mut self, job: Job, since: Time) {
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
        if long {
            job.call.take();
        }
        let entering = self.entering(&job, since, command.timeout());
        let raw = RawValue::from(argument.clone());
        let outcome = self.enter(job.slot, Some(&job.call), entering, |device, cx| {
            device.run(index as u32, raw, cx)
        });
        let outcome = outcome.and_then(Value::try_from);
        self.poll_soon(job.slot);
        match outcome {
            Err(error) => {
                let failure = self.ended(&job, error);
                self.settle(job.slot, &job.call, None, Err(failure));
            }
            Ok(result) if long => self.watch(
                job.slot,
                Motion {
                    call: job.call,
                    way,
                    parameter: None,
                    target: None,
                    result,
                    taken: self.executor.now(),
                    limit: command.timeout(),
                    epoch: job.epoch,
                    was_busy: false,
                    errors: 0,
                    ending: None,
                },
            ),
            Ok(result) => {
                let reading = Reading::good(result, self.now());
                self.settle(job.slot, &job.call, None, Ok(reading));
            }
        }
    }

    /// How long a motion may take by the driver's own estimate: twice that, and some seconds.
    fn estimate(&mut self, slot: usize, index: usize, value: &Value) -> Option<std::time::Duration> {
        let device = Arc::clone(&self.instances[slot].device);
        let parameter = &device.parameters()[index];
        if !parameter.description().estimate || parameter.has_own_motion_timeout() {
            return None;
        }
        let raw = RawValue::from(value.clone());
        let epoch = device.current_epoch();
        let entering = Entering::alone(epoch, self.now() + parameter.timeout());
        let estimate = self
            .enter(slot, None, entering, |device, cx| {
                device.estimate(index as u32, raw, cx)
            })
            .ok()?;
        (estimate > 0).then(|| std::time::Duration::from_nanos(estimate) * 2 + std::time::Duration::from_secs(5))
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

    fn run_stop(&mut self, job: &Job, call_driver: bool) {
        let slot = job.slot;
        let device = Arc::clone(&self.instances[slot].device);
        let mut outcome = Ok(Reading::good(Value::Unit, self.now()));
        if call_driver && device.has_stop() && self.instances[slot].raw.is_some() {
            let entering = Entering::alone(device.current_epoch(), self.now() + super::STOP_LIMIT);
            if let Err(error) = self.enter(slot, Some(&job.call), entering, |device, cx| device.stop(cx)) {
                outcome = Err(driver(&job.call, error));
            }
        }
        self.resolve(&job.call, outcome);
        self.tick(slot);
    }

    fn run_reopen(&mut self, job: &Job) {
        self.close_instance(job.slot);
        self.open(job.slot);
        let device = &self.instances[job.slot].device;
        let outcome = match self.instances[job.slot].raw.is_some() {
            true => Ok(Reading::good(Value::Unit, self.now())),
            false => Err(Failure::Refused(device.down_refusal(self.now()))),
        };
        self.resolve(&job.call, outcome);
    }

    /// Ends a write or command: final readback first, then the status, then the call itself (W1).
    pub(super) fn settle(
        &mut self,
        slot: usize,
        call: &Arc<CallCore<Reading>>,
        parameter: Option<usize>,
        outcome: Result<Reading, Failure>,
    ) {
        let device = Arc::clone(&self.instances[slot].device);
        let now = self.now();
        let outcome = device.change(|change| change.settle(call, parameter, outcome, now));
        self.resolve(call, outcome);
    }

    pub(super) fn resolve(&self, call: &Arc<CallCore<Reading>>, outcome: Result<Reading, Failure>) {
        self.executor.counters.count(outcome.is_ok());
        call.resolve(outcome);
    }
}

fn driver(call: &Arc<CallCore<Reading>>, error: Error) -> Failure {
    Failure::Driver {
        path: call.label.path(),
        error,
    }
}

/// A status as a reading.
pub(in crate::executor) fn status_reading(status: &Status, now: Time) -> Reading {
    Reading::good(Value::Json(serde_json::json!([status.code.number(), status.text])), now)
}
