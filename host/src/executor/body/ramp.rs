//! Ramps: the host writes one step after the other, and watches.

use std::sync::Arc;

use baton_plugin_api::{Value, abi::RawValue};

use super::{Body, Entering, run::driver};
use crate::{
    config::RampConfig,
    device::{Quality, Reading, TimeLimit},
    executor::{
        inbox::{Action, Job},
        motion::Motion,
        ramp::Ramp,
        running::Running,
    },
    failure::Failure,
};

impl Body {
    /// Begins a ramp where the readback is. Its first step is written at the first look at it, which is now, unless the
    /// device is still busy with a step of a ramp that this one takes the place of.
    pub(super) fn begin_ramp(&mut self, job: Job, config: &RampConfig, limit: TimeLimit) {
        let Action::Write {
            parameter: index,
            ref value,
            way,
        } = job.action
        else {
            return;
        };
        let start = match self.whereabouts(&job, index) {
            Ok(start) => start,
            Err(failure) => return self.settle(job.slot, &job.call, Err(failure)),
        };
        let device = Arc::clone(&self.instances[job.slot].device);
        let parameter = &device.parameters()[index];
        let now = self.now();
        let start = start.or_else(|| {
            tracing::warn!(device = %device.name(), "{}: nobody knows where it is, so there is no ramp", parameter.path());
            value.as_f64()
        });
        let mut ramp = Ramp::new(config, parameter, start.unwrap_or_default(), value, now);
        ramp.epochs = job.epochs.clone();
        ramp.chain = job.chain.clone();
        let mut motion = Motion::new(&job, way, limit.clone(), now);
        motion.step_limit = limit.duration;
        motion.written = Some((index, value.clone()));
        motion.ramp = Some(Box::new(ramp));
        self.watch(job.slot, motion);
    }

    /// Where a parameter is: its readback, or what was written last where it cannot be read. `None` if nobody knows.
    fn whereabouts(&mut self, job: &Job, index: usize) -> Result<Option<f64>, Failure> {
        let device = Arc::clone(&self.instances[job.slot].device);
        let parameter = &device.parameters()[index];
        if !parameter.description().readable {
            let last = device.last(index).and_then(Result::ok);
            return Ok(last.and_then(|reading| reading.value.as_f64()));
        }
        let entering = self.entering(job, self.now(), parameter.timeout(), false);
        let readback = self.read(job.slot, index, Some((&job.call, entering)));
        readback
            .map(|reading| reading.value.as_f64())
            .map_err(|error| driver(&job.call, error))
    }

    /// Writes the next step of a ramp, if it is within the limits, which may have changed since the ramp began.
    pub(super) fn write_step(&mut self, slot: usize, at: usize, step: Value) {
        let device = Arc::clone(&self.instances[slot].device);
        let motion = &self.instances[slot].motions[at];
        let (Some(ramp), Some(index)) = (&motion.ramp, motion.parameter()) else {
            return;
        };
        let (call, parameter) = (Arc::clone(&motion.call), &device.parameters()[index]);
        let (epochs, chain, epoch) = (ramp.epochs.clone(), ramp.chain.clone(), motion.epoch);
        let blocking = parameter.description().blocking;
        let limit = match blocking {
            true => TimeLimit {
                duration: motion.step_limit,
                ..motion.limit.clone()
            },
            false => parameter.time_limit().clone(),
        };
        let began = self.now();
        let written = match parameter.for_driver(&step) {
            Err(refusal) => Err(Failure::Refused(refusal)),
            Ok(hardware) => {
                self.begin(Running::for_call(
                    slot,
                    Arc::clone(&call),
                    began,
                    limit.clone(),
                    blocking,
                ));
                let entering = Entering {
                    epoch,
                    epochs,
                    began,
                    ends: began + limit.duration,
                    long: blocking,
                    asks: true,
                    chain: chain.clone(),
                };
                let raw = RawValue::from(hardware);
                let written = self.enter(slot, Some(&call), entering, |device, cx| {
                    device.write(index as u32, raw, cx)
                });
                self.leave();
                written.map_err(|error| driver(&call, error))
            }
        };
        if epoch != device.current_epoch() || call.is_cancelled() || chain.is_some_and(|chain| chain.was_stopped()) {
            self.stop_again(slot, false);
        }
        let now = self.now();
        // The device may be lost meanwhile, and the motion with it.
        let same = |motion: &Motion| Arc::ptr_eq(&motion.call, &call);
        let Some(at) = self.instances[slot].motions.iter().position(same) else {
            return;
        };
        match written {
            Ok(()) => {
                call.take();
                self.instances[slot].motions[at].wrote_step(now);
                if !parameter.description().readable {
                    let reading = Reading {
                        value: step,
                        time: now,
                        quality: Quality::NotVerified,
                    };
                    device.change(|change| change.record(index, Ok(reading), now, false));
                }
            }
            Err(failure) => {
                let motion = self.instances[slot].motions.remove(at);
                let stopped = motion.epoch != device.current_epoch() || call.is_cancelled();
                let failure = match stopped {
                    true => motion.told_to_end(&device.stopped_by()),
                    false => motion.explain(&device, failure),
                };
                self.settle(slot, &call, Err(failure));
            }
        }
    }
}
