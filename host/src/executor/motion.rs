//! What is on its way: written or commanded, taken by the driver, and watched until it has arrived.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Error, Status, Value};

use super::{
    CallCore,
    inbox::Job,
    ramp::{Next, Ramp},
};
use crate::{
    clock::Time,
    device::{Device, Quality, Reading, TimeLimit, Way},
    failure::Failure,
};

/// A device may be slow to say that it is busy; for so long after the driver took the target, idle is not believed.
const SLOW_START: Duration = Duration::from_millis(600);
/// So many errors in a row while it moves are the end of it.
const ERRORS: u32 = 3;
/// A device that was stopped may take so long to come to rest.
const COMING_TO_REST: Duration = Duration::from_secs(10);

/// A call that the driver has taken and that is not resolved yet.
pub(super) struct Motion {
    pub(super) call: Arc<CallCore<Reading>>,
    pub(super) way: Way,
    /// The parameter that was written, and what to; `None` for a command.
    pub(super) written: Option<(usize, Value)>,
    /// What a command returned.
    pub(super) result: Value,
    pub(super) taken: Time,
    pub(super) limit: TimeLimit,
    /// How long a step of a ramp may take to arrive.
    pub(super) step_limit: Duration,
    pub(super) epoch: u64,
    pub(super) was_busy: bool,
    pub(super) errors: u32,
    /// The steps that it is taken there by.
    pub(super) ramp: Option<Box<Ramp>>,
    /// Why it will not be done, decided while it still moves, and when.
    pub(super) ending: Option<(Failure, Time)>,
}

/// What a look at a motion found.
pub(super) enum Look {
    /// It goes on.
    Wait,
    /// The next step of its ramp is to be written.
    Write(Value),
    /// It has to be stopped; then it ends as `ending` says.
    Stop,
    /// It ends.
    End(Result<Reading, Failure>),
}

impl Motion {
    /// What the driver has just taken.
    pub(super) fn new(job: &Job, way: Way, limit: TimeLimit, now: Time) -> Self {
        Motion {
            call: Arc::clone(&job.call),
            way,
            written: None,
            result: Value::Unit,
            taken: now,
            step_limit: limit.duration,
            limit,
            epoch: job.epoch,
            was_busy: false,
            errors: 0,
            ramp: None,
            ending: None,
        }
    }

    /// Which parameter was written.
    pub(super) fn parameter(&self) -> Option<usize> {
        self.written.as_ref().map(|(parameter, _)| *parameter)
    }

    /// How long until the next look: soon at first, then ten times a second.
    pub(super) fn interval(&self, now: Time) -> Duration {
        let soon = (now.since(self.taken) / 4).clamp(Duration::from_millis(5), Duration::from_millis(100));
        match &self.ramp {
            // The next step is written when it is due, and not up to a tenth of a second later.
            Some(ramp) => match ramp.due().since(now) {
                Duration::ZERO => soon,
                rest => rest.min(Duration::from_millis(100)),
            },
            None => soon,
        }
    }

    /// Decides, after the status and (where it is not busy) the readback were read.
    pub(super) fn look(
        &mut self,
        device: &Device,
        status: Option<&Result<Status, Error>>,
        readback: Option<&Result<Reading, Error>>,
        now: Time,
    ) -> Look {
        // The status is about what moves; a parameter that is written meanwhile has its readback.
        let status = status.filter(|_| self.way == Way::Motion);
        if let Some(error) = [
            status.and_then(|s| s.as_ref().err()),
            readback.and_then(|r| r.as_ref().err()),
        ]
        .into_iter()
        .flatten()
        .next()
        {
            return self.lost_sight(error.clone(), now);
        }
        self.errors = 0;
        let status = status.and_then(|s| s.as_ref().ok());
        let busy = self.way == Way::Motion && status.is_some_and(Status::is_busy);
        if let Some((failure, since)) = &self.ending {
            let rest = now.since(*since) >= COMING_TO_REST;
            return if busy && !rest {
                Look::Wait
            } else {
                Look::End(Err(failure.clone()))
            };
        }
        if self.ramp.is_some() && self.call.out_of_time(now).is_some() {
            return self.overdue(now);
        }
        if let Some(ramp) = &mut self.ramp {
            let parameter = self
                .written
                .as_ref()
                .map(|(parameter, _)| &device.parameters()[*parameter]);
            let readback = readback.and_then(|readback| readback.as_ref().ok());
            let arrived = |step: &Value| match (parameter, readback) {
                (Some(parameter), Some(readback)) => parameter.arrived(step, &readback.value),
                // What cannot be read back is there.
                _ => true,
            };
            self.was_busy |= busy && ramp.has_begun();
            match ramp.next(busy, arrived, now) {
                Next::Write(step) => return Look::Write(step),
                Next::Arrive => {}
                Next::Wait if busy || !ramp.has_begun() => return self.overdue(now),
                Next::Wait => {
                    return match status.filter(|status| status.is_error()) {
                        Some(status) if self.way == Way::Motion => {
                            Look::End(Err(self.driver(Error::hardware(status.text.clone()))))
                        }
                        _ => self.step_missed(device, status.is_some(), readback, now),
                    };
                }
            }
        }
        if busy {
            self.was_busy = true;
            return self.overdue(now);
        }
        if self.way == Way::Motion
            && let Some(status) = status.filter(|status| status.is_error())
        {
            return Look::End(Err(self.driver(Error::hardware(status.text.clone()))));
        }
        self.arrival(device, readback.and_then(|r| r.as_ref().ok()), now)
    }

    /// Status or readback could not be read. What moves and cannot be watched is stopped, and then waited for as far as it
    /// lets itself be watched again: whoever is told of the failure finds the device at rest.
    fn lost_sight(&mut self, error: Error, now: Time) -> Look {
        self.errors += 1;
        if self.errors < ERRORS {
            return Look::Wait;
        }
        let failure = self.ended_by(self.driver(error));
        if self.ending.is_some() || !self.was_busy {
            return Look::End(Err(failure));
        }
        self.errors = 0;
        self.ending = Some((failure, now));
        Look::Stop
    }

    /// It is not busy: has it arrived?
    fn arrival(&mut self, device: &Device, readback: Option<&Reading>, now: Time) -> Look {
        let Some((parameter, target)) = &self.written else {
            return Look::End(Ok(Reading::good(self.result.clone(), now)));
        };
        let parameter = &device.parameters()[*parameter];
        let Some(actual) = readback else {
            return Look::End(Ok(Reading {
                value: target.clone(),
                time: now,
                quality: Quality::NotVerified,
            }));
        };
        let Some(off) = parameter.deviation(target, &actual.value) else {
            return Look::End(Ok(actual.clone()));
        };
        // A slow instrument has not begun yet, or shows an old value for a moment.
        if !self.was_busy && now.since(self.taken) < SLOW_START {
            return Look::Wait;
        }
        Look::End(Err(Failure::Missed {
            path: parameter.path().to_string(),
            target: parameter.format(target),
            actual: parameter.format(&actual.value),
            tolerance: parameter.show_tolerance(target),
            off,
        }))
    }

    /// A step of a ramp is not there, although nothing is busy: has it missed? Where no status tells, it may be on its way
    /// all the same, if the config says that it settles.
    fn step_missed(&mut self, device: &Device, says_idle: bool, readback: Option<&Reading>, now: Time) -> Look {
        let ramp = self.ramp.as_ref().filter(|ramp| ramp.awaits_arrival());
        let Some(ramp) = ramp else { return Look::Wait };
        let (Some(step), Some((parameter, _)), Some(actual)) = (ramp.reached(), &self.written, readback) else {
            return Look::Wait;
        };
        let patience = match says_idle || !ramp.settles() {
            true if self.was_busy => Duration::ZERO,
            true => SLOW_START,
            false => self.limit.duration,
        };
        if now.since(self.taken) < patience {
            return Look::Wait;
        }
        let parameter = &device.parameters()[*parameter];
        let Some(off) = parameter.deviation(&step, &actual.value) else {
            return Look::Wait;
        };
        Look::End(Err(Failure::Missed {
            path: parameter.path().to_string(),
            target: parameter.format(&step),
            actual: parameter.format(&actual.value),
            tolerance: parameter.show_tolerance(&step),
            off,
        }))
    }

    /// What a failure means for a ramp: how far it got. What somebody asked for says enough by itself.
    pub(super) fn explain(&self, device: &Device, failure: Failure) -> Failure {
        let (Some(ramp), Some((parameter, target))) = (&self.ramp, &self.written) else {
            return failure;
        };
        let asked_for = matches!(
            failure,
            Failure::Stopped { .. } | Failure::Cancelled { .. } | Failure::Superseded { .. }
        );
        if asked_for {
            return failure;
        }
        let parameter = &device.parameters()[*parameter];
        let reached = ramp
            .reached()
            .map_or_else(|| "its start".to_owned(), |step| parameter.format(&step));
        Failure::Ramp {
            path: parameter.path().to_string(),
            target: parameter.format(target),
            reached,
            cause: Box::new(failure),
        }
    }

    fn overdue(&mut self, now: Time) -> Look {
        let out_of_time = match self.call.ends() {
            Some(_) => self.call.out_of_time(now),
            None => {
                (now.since(self.taken) >= self.limit.duration).then(|| self.call.overrun(&self.limit, self.taken, now))
            }
        };
        let Some(failure) = out_of_time else { return Look::Wait };
        self.ending = Some((failure, now));
        Look::Stop
    }

    /// The device was stopped: by whom, or by the caller's own cancelling.
    pub(super) fn stopped(&mut self, by: &str, now: Time) {
        if self.ending.is_none() {
            self.ending = Some((self.told_to_end(by), now));
        }
    }

    /// What becomes of a call that was stopped, or cancelled.
    pub(super) fn told_to_end(&self, by: &str) -> Failure {
        let path = self.call.label.path();
        match self.call.is_cancelled() {
            true => Failure::Cancelled { path },
            false => Failure::Stopped {
                path,
                by: by.to_owned(),
            },
        }
    }

    /// The driver has taken a step of the ramp, which has its own time to arrive.
    pub(super) fn wrote_step(&mut self, now: Time) {
        let Some(ramp) = &mut self.ramp else { return };
        ramp.wrote(now);
        self.call.set_progress(ramp.progress());
        self.limit.duration = ramp.limit(self.step_limit);
        self.taken = now;
        self.was_busy = false;
    }

    fn driver(&self, error: Error) -> Failure {
        Failure::Driver {
            path: self.call.label.path(),
            error,
        }
    }

    /// Why it ends with a failure: what was decided while it still moved, or else this.
    pub(super) fn ended_by(&self, failure: Failure) -> Failure {
        self.ending.as_ref().map_or(failure, |(ending, _)| ending.clone())
    }
}
