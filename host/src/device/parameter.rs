//! Parameters and commands: what is fixed about them, and the checks before a driver is called.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{
    Datatype, Value,
    description::{CommandDescription, ParameterDescription},
};

use super::format_value;
use crate::{
    config::{Bound, DeviceConfig, HostConfig, Limits, ParameterConfig, Setting, Whose},
    failure::Refusal,
    units::Unit,
};

/// A parameter of a device.
#[derive(Debug)]
pub struct Parameter {
    index: usize,
    name: Arc<str>,
    path: Arc<str>,
    description: ParameterDescription,
    unit: Unit,
    limits: Limits,
    tolerance: Option<f64>,
    poll: Option<Duration>,
    fresh_for: Duration,
    timeout: Duration,
    motion_timeout: Duration,
    /// Whether the config says how long a motion may take; then the driver's estimate does not count.
    own_motion_timeout: bool,
    initial: Option<Value>,
}

fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// How many times slower than the main parameter the others are polled.
const SIDE_POLL: f64 = 5.0;

impl Parameter {
    pub(super) fn new(device: &str, config: &DeviceConfig, host: &HostConfig, index: usize) -> Self {
        let description = config.table.parameters[index].clone();
        let settings = config.parameters.get(&description.name).cloned().unwrap_or_default();
        let is_main = config.table.main.as_ref() == Some(&description.name);
        let value = |setting: &Option<Setting<f64>>| setting.as_ref().map(|setting| setting.value);
        let ParameterConfig {
            tolerance,
            poll,
            timeout,
            motion_timeout,
            fresh_for,
            initial,
            ..
        } = &settings;
        let default_poll = if is_main { host.poll } else { host.poll * SIDE_POLL };
        let poll = value(poll).or(description.poll).unwrap_or(default_poll);
        let polled = description.readable && !description.published && poll > 0.0;
        Parameter {
            index,
            name: description.name.as_str().into(),
            path: format!("{device}.{}", description.name).into(),
            unit: Unit::parse(&description.unit),
            limits: config.limits(&description.name),
            tolerance: value(tolerance).or(description.tolerance),
            poll: polled.then(|| time(poll)),
            fresh_for: time(value(fresh_for).unwrap_or(description.fresh_for)),
            timeout: time(value(timeout).or(description.timeout).unwrap_or(host.timeout)),
            motion_timeout: time(
                value(motion_timeout)
                    .or(description.motion_timeout)
                    .unwrap_or(host.motion_timeout),
            ),
            own_motion_timeout: motion_timeout.is_some(),
            initial: initial.as_ref().map(|setting| setting.value.clone()),
            description,
        }
    }

    /// Its place in the driver's table.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its full name, `stage.position`.
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// What the driver says of it.
    pub fn description(&self) -> &ParameterDescription {
        &self.description
    }

    /// Its unit.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The limits that count.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Time between two polls; `None` if it is not polled.
    pub fn poll(&self) -> Option<Duration> {
        self.poll
    }

    /// For so long a reading answers for the hardware.
    pub fn fresh_for(&self) -> Duration {
        self.fresh_for
    }

    /// After how long a call is overdue.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// After how long a motion is overdue, where the driver has no estimate.
    pub fn motion_timeout(&self) -> Duration {
        self.motion_timeout
    }

    /// Whether the config says how long a motion may take.
    pub(crate) fn has_own_motion_timeout(&self) -> bool {
        self.own_motion_timeout
    }

    /// What is written when the device opens (D7).
    pub(crate) fn initial(&self) -> Option<&Value> {
        self.initial.as_ref()
    }

    /// A value of it as people read it.
    pub fn format(&self, value: &Value) -> String {
        format_value(value, self.unit.as_str(), self.description.digits)
    }

    /// Brings a value into the parameter's datatype and unit and checks it against all limits. Pure; the driver is not
    /// called. A text with a number and a unit is converted (D4).
    ///
    /// # Errors
    /// `ReadOnly`, `WrongType`, `WrongUnit`, `NotFinite` or `Limit`.
    pub fn check(&self, value: Value) -> Result<Value, Refusal> {
        if !self.description.writable {
            return Err(Refusal::ReadOnly {
                path: self.path.to_string(),
            });
        }
        let value = in_unit(value, &self.description.datatype, &self.unit, &self.path)?;
        let value = value
            .conform(&self.description.datatype)
            .map_err(|why| Refusal::WrongType {
                path: self.path.to_string(),
                why,
            })?;
        match &value {
            Value::Float(x) => self.check_number(*x)?,
            Value::Int(n) => self.check_number(*n as f64)?,
            Value::Array(array) if self.description.datatype.is_numeric() => {
                array.to_f64().into_iter().try_for_each(|x| self.check_number(x))?;
            }
            _ => {}
        }
        Ok(value)
    }

    /// A value in the parameter's datatype and unit, whether or not it may be written.
    ///
    /// # Errors
    /// `WrongType`, `WrongUnit` or `NotFinite`.
    pub(crate) fn value_of(&self, value: Value) -> Result<Value, Refusal> {
        let value = in_unit(value, &self.description.datatype, &self.unit, &self.path)?;
        if let Some(value) = value.as_f64().filter(|value| !value.is_finite()) {
            let path = self.path.to_string();
            return Err(Refusal::NotFinite { path, value });
        }
        let why = |why| Refusal::WrongType {
            path: self.path.to_string(),
            why,
        };
        value.conform(&self.description.datatype).map_err(why)
    }

    /// How far two values may be apart: a number in the parameter's unit, or a text with a unit, whose zero does not
    /// count.
    ///
    /// # Errors
    /// `WrongType`, `WrongUnit` or `NotFinite`; `WrongType` also for what is no number, and below zero.
    pub(crate) fn difference_of(&self, difference: &Value) -> Result<f64, Refusal> {
        let path = || self.path.to_string();
        let wrong = |why: &str| Refusal::WrongType {
            path: path(),
            why: why.to_owned(),
        };
        if !self.description.datatype.is_numeric() {
            return Err(wrong("it is no number, so nothing is near it"));
        }
        let number = match difference {
            Value::Text(text) => self
                .unit
                .difference(text)
                .map_err(|error| Refusal::WrongUnit { path: path(), error })?,
            value => value.as_f64().ok_or_else(|| wrong("a distance is a number"))?,
        };
        match number {
            value if !value.is_finite() => Err(Refusal::NotFinite { path: path(), value }),
            value if value < 0.0 => Err(wrong("a distance is not below zero")),
            value => Ok(value),
        }
    }

    fn check_number(&self, x: f64) -> Result<(), Refusal> {
        if !x.is_finite() {
            return Err(Refusal::NotFinite {
                path: self.path.to_string(),
                value: x,
            });
        }
        let low = self.limits.lower.as_ref().filter(|bound| x < bound.value);
        match low.or(self.limits.upper.as_ref().filter(|bound| x > bound.value)) {
            None => Ok(()),
            Some(met) => Err(self.outside(x, met)),
        }
    }

    fn outside(&self, x: f64, met: &Bound) -> Refusal {
        let show = |x: f64| format_value(&Value::Float(x), self.unit.as_str(), None);
        let bound = |bound: &Option<Bound>| bound.as_ref().map_or("any".to_owned(), |bound| show(bound.value));
        Refusal::Limit {
            path: self.path.to_string(),
            value: show(x),
            lower: bound(&self.limits.lower),
            upper: bound(&self.limits.upper),
            whose: match &met.whose {
                Whose::Driver => "driver".to_owned(),
                Whose::Config(origin) => format!("config at {origin}"),
            },
        }
    }

    /// How far from the target the readback may be. Without a word of driver or config, a float has to agree to one part
    /// in a million, and everything else exactly.
    pub fn tolerance(&self) -> Option<f64> {
        self.tolerance
    }

    fn tolerance_at(&self, target: f64) -> f64 {
        // A little more than was asked: 0.3 is not 0.1 + 0.2.
        let rounding = 4.0 * f64::EPSILON * target.abs();
        rounding
            + match (self.tolerance, &self.description.datatype) {
                (Some(tolerance), _) => tolerance,
                (None, Datatype::Int { .. }) => 0.0,
                (None, _) => 1e-6 * target.abs().max(1e-3),
            }
    }

    /// Whether `actual` counts as `target` (C3).
    pub(crate) fn arrived(&self, target: &Value, actual: &Value) -> bool {
        let near = |t: f64, a: f64| (t - a).abs() <= self.tolerance_at(t);
        match (target, actual) {
            (Value::Array(target), Value::Array(actual)) => {
                let (target, actual) = (target.to_f64(), actual.to_f64());
                target.len() == actual.len() && target.iter().zip(&actual).all(|(t, a)| near(*t, *a))
            }
            _ => match (target.as_f64(), actual.as_f64()) {
                (Some(t), Some(a)) => near(t, a),
                _ => target == actual,
            },
        }
    }

    /// The tolerance at `target` as people read it.
    pub(crate) fn show_tolerance(&self, target: &Value) -> String {
        match target.as_f64() {
            Some(t) => format_value(&Value::Float(self.tolerance_at(t)), self.unit.as_str(), None),
            None if matches!(target, Value::Array(_)) => match self.tolerance {
                Some(tolerance) => format_value(&Value::Float(tolerance), self.unit.as_str(), None),
                None => "one part in a million".to_owned(),
            },
            None => "none".to_owned(),
        }
    }
}

/// A text with a number and a unit as a number in `unit`, where a number is due.
fn in_unit(value: Value, datatype: &Datatype, unit: &Unit, path: &str) -> Result<Value, Refusal> {
    match value {
        Value::Text(text) if matches!(datatype, Datatype::Float | Datatype::Int { .. }) => unit
            .quantity(&text)
            .map(Value::Float)
            .map_err(|error| Refusal::WrongUnit {
                path: path.to_owned(),
                error,
            }),
        value => Ok(value),
    }
}

/// A command of a device.
#[derive(Debug)]
pub struct Command {
    index: usize,
    name: Arc<str>,
    path: Arc<str>,
    description: CommandDescription,
    unit: Unit,
    timeout: Duration,
}

impl Command {
    pub(super) fn new(device: &str, config: &DeviceConfig, host: &HostConfig, index: usize) -> Self {
        let description = config.table.commands[index].clone();
        let configured = config.commands.get(&description.name).map(|setting| setting.value);
        let default = if description.long {
            host.motion_timeout
        } else {
            host.timeout
        };
        Command {
            index,
            name: description.name.as_str().into(),
            path: format!("{device}.{}", description.name).into(),
            unit: Unit::parse(&description.argument_unit),
            timeout: time(configured.or(description.timeout).unwrap_or(default)),
            description,
        }
    }

    /// Its place in the driver's table.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its full name, `stage.home`.
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// What the driver says of it.
    pub fn description(&self) -> &CommandDescription {
        &self.description
    }

    /// After how long it is overdue.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Brings an argument into the command's datatype and unit.
    ///
    /// # Errors
    /// `WrongType`, `WrongUnit` or `NotFinite`.
    pub fn check(&self, argument: Value) -> Result<Value, Refusal> {
        let argument = in_unit(argument, &self.description.argument, &self.unit, &self.path)?;
        let argument = argument
            .conform(&self.description.argument)
            .map_err(|why| Refusal::WrongType {
                path: self.path.to_string(),
                why,
            })?;
        match argument {
            Value::Float(value) if !value.is_finite() => Err(Refusal::NotFinite {
                path: self.path.to_string(),
                value,
            }),
            argument => Ok(argument),
        }
    }
}
