//! Changes of what a user may set besides values: limits and zero.

use std::sync::Arc;

use baton_plugin_api::{Time, Value};

use super::{Change, Payload};
use crate::{
    config::{Bound, Limits, StatedLimits},
    device::{AcceptedLimits, Reading, Way, bounds::Live},
    executor::Call,
    failure::Refusal,
};

impl Change<'_> {
    /// Sets the user's limits, or takes them back, and sends those that count.
    ///
    /// # Errors
    /// `NoRoom`, if nothing could be set any more.
    pub(crate) fn set_limits(
        &mut self,
        index: usize,
        limits: Option<StatedLimits>,
        now: Time,
    ) -> Result<AcceptedLimits, Refusal> {
        let parameter = &self.device.parameters[index];
        let live = parameter.with_user_limits(limits.clone())?;
        let mut warnings = Vec::new();
        if let Some(limits) = &limits {
            let kept = [
                ("lower", &live.effective.lower, limits.lower),
                ("upper", &live.effective.upper, limits.upper),
            ];
            for (which, bound, asked) in kept {
                warnings.extend(self.stays(index, which, bound.as_ref(), asked));
            }
        }
        let effective = live.effective.clone();
        self.set_live(index, live, now);
        warnings.extend(self.excluded(index));
        Ok(AcceptedLimits {
            limits: effective,
            warnings,
        })
    }

    /// That a limit is narrower than the one that was asked for.
    fn stays(&self, index: usize, which: &str, bound: Option<&Bound>, asked: f64) -> Option<String> {
        let bound = bound.filter(|bound| asked.is_finite() && bound.value != asked)?;
        let parameter = &self.device.parameters[index];
        let limit = parameter.show(bound.value);
        Some(format!("the {which} limit stays {limit}, set by the {}", bound.whose))
    }

    /// What lies outside the limits that count by now: it stays where it is.
    fn excluded(&self, index: usize) -> Option<String> {
        let parameter = &self.device.parameters[index];
        let is_outside = |value: &Value| parameter.recheck(value).is_err();
        let (path, show) = (parameter.path(), |value: &Value| parameter.format(value));
        let under_way = self.is_written(index);
        match (&self.state.targets[index], &self.state.readings[index]) {
            (Some(target), _) if under_way && is_outside(&target.value) => Some(format!(
                "{path} is on its way to {}, outside these limits, and goes on unless it is stopped",
                show(&target.value)
            )),
            (_, Some(Ok(reading))) if is_outside(&reading.value) => Some(format!(
                "{path} is at {} now, outside these limits; it stays there until it is set",
                show(&reading.value)
            )),
            _ => None,
        }
    }

    /// Whether a write of the parameter is on its way.
    fn is_written(&self, index: usize) -> bool {
        let name = self.device.parameters[index].name();
        let written =
            |call: &crate::executor::CallCore<Reading>| call.label.verb == "write" && call.label.member == *name;
        self.state.ways.iter().any(|(_, call)| written(call))
    }

    /// Whether a parameter may be given another zero: not while it is on its way.
    ///
    /// # Errors
    /// `Down`, `Busy`.
    pub(crate) fn may_set_zero(&self, index: usize, call: &Call, now: Time) -> Result<(), Refusal> {
        let way = match self.device.moves(&self.device.parameters[index]) {
            true => Way::Motion,
            false => Way::Parameter(index),
        };
        self.may_begin(way, call.core(), false, now)
    }

    /// Lets the place of a reading be called `wanted`: reading, target and limits move along.
    ///
    /// # Errors
    /// `NoRoom`, if nothing could be set any more.
    pub(crate) fn set_zero(
        &mut self,
        index: usize,
        reading: Reading,
        wanted: Value,
        now: Time,
    ) -> Result<Reading, Refusal> {
        let parameter = &self.device.parameters[index];
        let number = |value: &Value| value.as_f64().unwrap_or_default();
        let (is, wants) = (number(&reading.value), number(&wanted));
        let live = parameter.with_zero(is, wants)?;
        self.set_live(index, live, now);
        // A write that was accepted since means the new zero already.
        let target = self.state.targets[index].clone().filter(|_| !self.is_written(index));
        if let Some(target) = target {
            let moved = match target.value {
                Value::Int(n) => Value::Int(n + (wants - is) as i64),
                ref value => Value::Float(number(value) + (wants - is)),
            };
            self.target(index, moved, now);
        }
        let reading = Reading {
            value: wanted,
            ..reading
        };
        self.record(index, Ok(reading.clone()), now, true);
        Ok(reading)
    }

    fn set_live(&mut self, index: usize, live: Live, now: Time) {
        let parameter = &self.device.parameters[index];
        let limits: Arc<Limits> = Arc::new(live.effective.clone());
        parameter.set_live(live);
        let device = self.device;
        self.send(&device.topics.parameters[index].limits, now, || Payload::Limits(limits));
    }
}
