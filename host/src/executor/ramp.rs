//! Ramps: a write that the host takes there in steps (`step`, `rate` and `settle` of the config). Pure.
//!
//! The first step is written at once, each later one when the last has had its time: as long as the rate gives it, and,
//! where `settle` is given or there is no rate, until the readback is there and has been for `settle`. The last step has
//! its time as well, so a ramp of 10 K at 2 K/min takes five minutes, and never less.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Datatype, Value};

use super::chain::{Chain, Epochs};
use crate::{clock::Time, config::RampConfig, device::Parameter};

/// Without a step, a ramp is made of so many, as far as [`TICK_MIN`] and [`TICK_MAX`] let it.
const STEPS: f64 = 50.0;
/// The least time between two of them, in s.
const TICK_MIN: f64 = 0.1;
/// The greatest.
const TICK_MAX: f64 = 1.0;

/// A ramp on its way.
pub(super) struct Ramp {
    start: f64,
    target: Value,
    end: f64,
    /// Towards the target; 0 if that is one step away.
    step: f64,
    /// How many steps there are, the last one to the target.
    steps: u64,
    /// How many have been written.
    written: u64,
    /// Seconds per unit; 0 without a rate.
    pace: f64,
    settle: Duration,
    /// Whether a step has to arrive before the next.
    arrives: bool,
    /// Whether a step may be written while the last is on its way.
    retarget: bool,
    integer: bool,
    written_at: Time,
    arrived_at: Option<Time>,
    /// What a nested write needs to know of the outermost call.
    pub(super) epochs: Option<Epochs>,
    pub(super) chain: Option<Arc<Chain>>,
}

/// What is next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// Nothing yet.
    Wait,
    /// This is to be written.
    Write(Value),
    /// The last step has had its time: it is there, or it is not.
    Arrive,
}

impl Ramp {
    /// A ramp of `parameter` from where it is to a target that has been checked.
    pub(super) fn new(config: &RampConfig, parameter: &Parameter, start: f64, target: &Value, now: Time) -> Ramp {
        let description = parameter.description();
        let integer = matches!(description.datatype, Datatype::Int { .. });
        Ramp::of(config, (start, target.clone()), description.retarget, integer, now)
    }

    fn of(config: &RampConfig, (start, target): (f64, Value), retarget: bool, integer: bool, now: Time) -> Ramp {
        let end = target.as_f64().unwrap_or(start);
        let way = (end - start).abs();
        let rate = config.rate.unwrap_or(f64::INFINITY);
        let tick = || rate * (way / rate / STEPS).clamp(TICK_MIN, TICK_MAX);
        let step = config.step.unwrap_or_else(tick);
        // A step that differs from a whole number of them by rounding alone is none.
        let steps = (way / step * (1.0 - 1e-12)).ceil().max(1.0);
        Ramp {
            start,
            target,
            end,
            step: step.copysign(end - start),
            steps: steps as u64,
            written: 0,
            pace: 1.0 / rate,
            settle: Duration::try_from_secs_f64(config.settle).unwrap_or(Duration::MAX),
            arrives: config.settle > 0.0 || config.rate.is_none(),
            retarget,
            integer,
            written_at: now,
            arrived_at: None,
            epochs: None,
            chain: None,
        }
    }

    /// The value of a step; the last is the target itself.
    fn value(&self, step: u64) -> Value {
        let value = self.start + self.step * step as f64;
        match step >= self.steps {
            true => self.target.clone(),
            false if self.integer => Value::Int(value.round() as i64),
            false => Value::Float(value),
        }
    }

    /// The step that was written last; `None` before the first.
    pub(super) fn reached(&self) -> Option<Value> {
        (self.written > 0).then(|| self.value(self.written))
    }

    /// Whether any was written.
    pub(super) fn has_begun(&self) -> bool {
        self.written > 0
    }

    /// The share of the way that was written.
    pub(super) fn progress(&self) -> f64 {
        self.written as f64 / self.steps as f64
    }

    /// How long the last step that was written has at least.
    fn time(&self) -> Duration {
        let from = self.start + self.step * self.written.saturating_sub(1) as f64;
        let to = self.value(self.written).as_f64().unwrap_or(self.end);
        Duration::try_from_secs_f64((to - from).abs() * self.pace).unwrap_or(Duration::MAX)
    }

    /// How long a step may take that itself takes `limit` to arrive at the longest.
    pub(super) fn limit(&self, limit: Duration) -> Duration {
        limit.saturating_add(self.time()).saturating_add(self.settle)
    }

    /// The last step that [`next`](Self::next) gave has been taken by the driver.
    pub(super) fn wrote(&mut self, now: Time) {
        self.written += 1;
        self.written_at = now;
        self.arrived_at = None;
    }

    /// When to look at it, if nothing is waited for but time.
    pub(super) fn due(&self) -> Time {
        self.arrived_at.map_or(self.written_at + self.time(), |at| {
            (at + self.settle).max(self.written_at + self.time())
        })
    }

    /// Decides what is next. `arrived` says whether the readback is at a value.
    pub(super) fn next(&mut self, busy: bool, arrived: impl FnOnce(&Value) -> bool, now: Time) -> Next {
        if self.written > 0 && !self.has_had_its_time(busy, arrived, now) {
            return Next::Wait;
        }
        match self.written < self.steps {
            true if busy && !self.retarget => Next::Wait,
            true => Next::Write(self.value(self.written + 1)),
            false => Next::Arrive,
        }
    }

    fn has_had_its_time(&mut self, busy: bool, arrived: impl FnOnce(&Value) -> bool, now: Time) -> bool {
        let rested = now.since(self.written_at) >= self.time();
        if !self.arrives {
            return rested;
        }
        if busy || !arrived(&self.value(self.written)) {
            self.arrived_at = None;
            return false;
        }
        let since = *self.arrived_at.get_or_insert(now);
        rested && now.since(since) >= self.settle
    }

    /// Whether the readback has to be at each step for a while.
    pub(super) fn settles(&self) -> bool {
        !self.settle.is_zero()
    }

    /// Whether it waits for the readback of a step.
    pub(super) fn awaits_arrival(&self) -> bool {
        self.arrives && self.written > 0 && self.arrived_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ramp(config: RampConfig, start: f64, end: f64) -> Ramp {
        Ramp::of(
            &config,
            (start, Value::Float(end)),
            false,
            false,
            Time::from_nanoseconds(0),
        )
    }

    /// Runs a ramp whose device is there at once, and gives what was written when.
    fn run(mut ramp: Ramp) -> Vec<(f64, f64)> {
        let (mut now, mut written) = (Time::from_nanoseconds(0), Vec::new());
        loop {
            match ramp.next(false, |_| true, now) {
                Next::Write(step) => {
                    written.push((now.as_seconds(), step.as_f64().unwrap()));
                    ramp.wrote(now);
                }
                Next::Wait => now = ramp.due().max(now + Duration::from_nanos(1)),
                Next::Arrive => {
                    written.push((now.as_seconds(), f64::NAN));
                    return written;
                }
            }
        }
    }

    #[test]
    fn each_step_has_its_time_and_the_last_as_well() {
        let config = RampConfig {
            step: Some(1.0),
            rate: Some(2.0),
            settle: 0.0,
        };
        let written = run(ramp(config, 20.0, 17.5));
        assert_eq!(written[..3], [(0.0, 19.0), (0.5, 18.0), (1.0, 17.5)]);
        assert_eq!(written[3].0, 1.25);
        let config = RampConfig {
            step: Some(1.0),
            rate: None,
            settle: 5.0,
        };
        assert_eq!(run(ramp(config, 0.0, 2.0))[..2], [(0.0, 1.0), (5.0, 2.0)]);
        assert_eq!(run(ramp(config, 2.0, 2.0))[0], (0.0, 2.0));
    }

    #[test]
    fn a_step_that_has_not_arrived_or_is_busy_is_waited_for() {
        let config = RampConfig {
            step: Some(1.0),
            rate: None,
            settle: 5.0,
        };
        let mut ramp = ramp(config, 0.0, 2.0);
        let at = |seconds: u64| Time::from_nanoseconds(seconds * 1_000_000_000);
        assert_eq!(ramp.next(true, |_| true, at(0)), Next::Wait);
        assert_eq!(ramp.next(false, |_| true, at(1)), Next::Write(Value::Float(1.0)));
        ramp.wrote(at(1));
        assert_eq!(ramp.next(false, |step| *step != Value::Float(1.0), at(9)), Next::Wait);
        assert_eq!(ramp.next(false, |_| true, at(10)), Next::Wait);
        assert_eq!(ramp.next(true, |_| true, at(14)), Next::Wait);
        assert_eq!(ramp.next(false, |_| true, at(16)), Next::Wait);
        assert_eq!(ramp.next(false, |_| true, at(21)), Next::Write(Value::Float(2.0)));
    }

    proptest! {
        #[test]
        fn no_step_is_too_great_nor_too_soon_and_the_last_is_the_target(
            start in -1e3..1e3, end in -1e3..1e3,
            step in proptest::option::of(0.5..500.0), rate in proptest::option::of(0.5..1e4), settle in 0.0..10.0,
        ) {
            prop_assume!(step.is_some() || rate.is_some());
            let config = RampConfig { step, rate, settle };
            let written = run(ramp(config, start, end));
            let (done, written) = written.split_last().unwrap();
            prop_assert_eq!(written.last().unwrap().1, end);
            let mut last = start;
            for (time, value) in written {
                prop_assert!((value - end).abs() <= (last - end).abs());
                if let Some(step) = step {
                    prop_assert!((value - last).abs() <= step * (1.0 + 1e-9));
                }
                if let Some(rate) = rate {
                    // Where it was before this step was earned.
                    prop_assert!((last - start).abs() <= rate * time * (1.0 + 1e-6) + 1e-6);
                }
                last = *value;
            }
            if let Some(rate) = rate {
                prop_assert!(done.0 >= (end - start).abs() / rate * (1.0 - 1e-6) - 1e-6);
            }
        }
    }
}
