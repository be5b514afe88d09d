//! Parameters: what is fixed about them, and the checks before a driver is called.

use std::{
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use baton_plugin_api::{Datatype, Value, description::ParameterDescription};
use serde_json::Value as Json;

use super::{
    TimeLimit,
    bounds::{self, Live, Outside},
    format_value,
    quantity::{self, Slack, Taken},
};
use crate::{
    config::{
        Bound, DeviceConfig, Frame, HostConfig, Limits, ParameterConfig, RampConfig, Setting, StatedLimits, Whose,
    },
    failure::Refusal,
    units::{Converted, Unit},
};

/// Limits that a user has set, and what there is to say about that.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedLimits {
    /// Those that count now: the narrowest of driver, config and user.
    pub limits: Limits,
    /// What the user may not expect: that a limit of somebody else is narrower, that the present value is outside.
    pub warnings: Vec<String>,
}

/// A parameter of a device.
#[derive(Debug)]
pub struct Parameter {
    index: usize,
    name: Arc<str>,
    path: Arc<str>,
    description: ParameterDescription,
    unit: Unit,
    /// Its datatype, with integers of any size: those that do not fit are outside the driver's limits.
    accepts: Datatype,
    /// Its datatype as the driver has it.
    driver_datatype: Datatype,
    /// What may change while the lab runs. Taken last of all locks, and only to look or to replace it.
    live: RwLock<Live>,
    tolerance: Option<f64>,
    poll: Option<Duration>,
    fresh_for: Duration,
    timeout: TimeLimit,
    motion_timeout: TimeLimit,
    initial: Option<Value>,
    restores: bool,
    ramp: Option<RampConfig>,
    history: usize,
}

pub(super) fn time(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// How many times slower than the main parameter the others are polled.
const SIDE_POLL: f64 = 5.0;

impl Parameter {
    pub(super) fn new(device: &str, config: &DeviceConfig, host: &HostConfig, index: usize) -> Self {
        let description = config.describe(index);
        let driver_datatype = config.table.parameters[index].datatype.clone();
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
            restore,
            ramp,
            history,
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
            accepts: widened(&description.datatype),
            driver_datatype,
            live: RwLock::new(Live::new(
                config.frame(&description.name),
                config.stated_limits(&description.name),
            )),
            tolerance: value(tolerance).or(description.tolerance),
            poll: polled.then(|| time(poll)),
            fresh_for: time(value(fresh_for).unwrap_or(description.fresh_for)),
            timeout: TimeLimit::of(timeout.as_ref(), description.timeout, host.timeout),
            motion_timeout: TimeLimit::of(motion_timeout.as_ref(), description.motion_timeout, host.motion_timeout),
            initial: initial.as_ref().map(|setting| setting.value.clone()),
            restores: restore.as_ref().is_some_and(|setting| setting.value),
            ramp: ramp.as_ref().map(|setting| setting.value),
            history: history.as_ref().map_or(host.history, |setting| setting.value),
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

    /// How many of its readings are kept for those who come late.
    pub fn history(&self) -> usize {
        self.history
    }

    /// What the driver says of it, in the user's frame.
    pub fn description(&self) -> &ParameterDescription {
        &self.description
    }

    /// Its unit.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The limits that count, in the user's frame.
    pub fn limits(&self) -> Limits {
        self.live().effective.clone()
    }

    /// All limits that anybody has set, the driver's first and the user's last; those that do not count, too.
    pub fn stated_limits(&self) -> Vec<StatedLimits> {
        self.live().stated.clone()
    }

    /// The frame in which the user sees it.
    pub fn frame(&self) -> Frame {
        self.live().frame
    }

    /// Whether it is a number, or an array of them, that can be written: what can have limits.
    pub fn can_have_limits(&self) -> bool {
        self.description.writable && self.description.datatype.is_numeric()
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
        self.timeout.duration
    }

    /// The same, and who says so.
    pub fn time_limit(&self) -> &TimeLimit {
        &self.timeout
    }

    /// After how long a motion is overdue, where the driver has no estimate.
    pub fn motion_timeout(&self) -> Duration {
        self.motion_timeout.duration
    }

    /// The same, and who says so. What the config says goes before what the driver estimates.
    pub fn motion_limit(&self) -> &TimeLimit {
        &self.motion_timeout
    }

    /// How a write is taken there in steps, if it is.
    pub fn ramp(&self) -> Option<&RampConfig> {
        self.ramp.as_ref()
    }

    /// What is written when the device opens (D7).
    pub(crate) fn initial(&self) -> Option<&Value> {
        self.initial.as_ref()
    }

    /// Whether what was written last is written again when the device was lost and is back (D7).
    pub(crate) fn restores(&self) -> bool {
        self.restores
    }

    /// A value of it as people read it.
    pub fn format(&self, value: &Value) -> String {
        format_value(value, self.unit.as_str(), self.description.digits)
    }

    /// Brings a value into the parameter's datatype and unit and checks it against all limits. Pure; the driver is not
    /// called. A text with a number and a unit is converted, also as an element of an array or the field of a record (D4).
    ///
    /// What was converted, and misses a limit by no more than rounding, is that limit: 1.1811023622 in are 30 mm. A number
    /// in the declared unit is meant as it is.
    ///
    /// # Errors
    /// `ReadOnly`, `WrongType`, `WrongUnit`, `NotFinite` or `Limit`.
    pub fn check(&self, value: Value) -> Result<Value, Refusal> {
        if !self.description.writable {
            return Err(Refusal::ReadOnly {
                path: self.path.to_string(),
            });
        }
        let taken = quantity::take(value, &self.accepts, &self.unit, &self.path)?;
        self.place(taken, &self.live())
    }

    /// Checks a value that has been [checked](Self::check) before, against the limits that count by now.
    ///
    /// # Errors
    /// `Limit`.
    pub(crate) fn recheck(&self, value: &Value) -> Result<(), Refusal> {
        let live = self.live();
        let outside = live.place(value, &Slack::default()).err();
        outside.map_or(Ok(()), |outside| Err(self.outside(&outside, None, &live)))
    }

    fn place(&self, taken: Taken, live: &Live) -> Result<Value, Refusal> {
        bounds::check_finite(&taken.value, &self.path)?;
        match live.place(&taken.value, &taken.slack) {
            Ok(None) => bounds::check_fields(taken, &self.description.datatype, &self.path),
            Ok(Some(placed)) => Ok(placed),
            Err(outside) => Err(self.outside(&outside, taken.converted.as_ref(), live)),
        }
    }

    /// A value in the parameter's datatype and unit, whether or not it may be written.
    ///
    /// # Errors
    /// `WrongType`, `WrongUnit` or `NotFinite`.
    pub(crate) fn value_of(&self, value: Value) -> Result<Value, Refusal> {
        let value = quantity::take(value, &self.accepts, &self.unit, &self.path)?.value;
        bounds::check_finite(&value, &self.path)?;
        Ok(value)
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

    /// A value that has been checked as the driver gets it: checked once more, and in the hardware's frame (D8).
    ///
    /// # Errors
    /// `Limit`, if the limits have changed since.
    pub(crate) fn for_driver(&self, value: &Value) -> Result<Value, Refusal> {
        let live = self.live();
        let refused = |outside: Outside| self.outside(&outside, None, &live);
        let placed = live.place(value, &Slack::default()).map_err(refused)?;
        let placed = placed.unwrap_or_else(|| value.clone());
        live.to_hardware(placed, &self.driver_datatype).ok_or_else(|| {
            let number = value.as_f64().unwrap_or(f64::NAN);
            refused(Outside { index: None, number })
        })
    }

    /// What the driver returned, or published, in the user's frame.
    pub(crate) fn as_user(&self, value: Value) -> Value {
        self.live().frame.value_to_user(value)
    }

    /// Its datatype on the other side of the frame.
    pub(crate) fn driver_datatype(&self) -> &Datatype {
        &self.driver_datatype
    }

    fn live(&self) -> RwLockReadGuard<'_, Live> {
        // What is in it is replaced as a whole.
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes limits or frame.
    pub(super) fn set_live(&self, live: Live) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
    }

    fn outside(&self, outside: &Outside, converted: Option<&Converted>, live: &Live) -> Refusal {
        let Outside { index, number } = outside;
        let converted = converted.filter(|converted| converted.is_foreign());
        let show = |x: f64| self.show(x);
        // In the words of whoever asked, and in ours.
        let value = match converted {
            Some(converted) => format!("{} ({})", given(converted.given, &converted.unit), show(*number)),
            None => show(*number),
        };
        let Limits { lower, upper } = &live.effective;
        let bound = |bound: &Option<Bound>| bound.as_ref().map_or("any".to_owned(), |bound| show(bound.value));
        let theirs = |unit: &Unit, bound: &Option<Bound>| match bound {
            Some(bound) => Some(given(unit.convert(bound.value, &self.unit).ok()?, unit)),
            None => Some("any".to_owned()),
        };
        let allowed = |unit| Some(format!("{} to {}", theirs(unit, lower)?, theirs(unit, upper)?));
        let is_low = lower.as_ref().is_some_and(|bound| *number < bound.value);
        let met = if is_low { lower } else { upper };
        let whose = |bound: &Option<Bound>| bound.as_ref().map_or(String::new(), |bound| bound.whose.to_string());
        let is_one = lower.is_none() || upper.is_none() || whose(lower) == whose(upper);
        Refusal::Limit {
            path: format!("{}{}", self.path, index.as_deref().unwrap_or_default()),
            value,
            lower: bound(lower),
            upper: bound(upper),
            allowed: converted.and_then(|converted| allowed(&converted.unit)),
            which: if is_one {
                ""
            } else if is_low {
                "lower"
            } else {
                "upper"
            },
            whose: whose(met),
        }
    }

    /// A number of it, such as a limit, as people read it.
    pub(super) fn show(&self, x: f64) -> String {
        given(x, &self.unit)
    }

    /// The user's limits on their way in: numbers in the declared unit or texts with one; infinite for none on that side.
    ///
    /// # Errors
    /// `ReadOnly`, `WrongType`, `WrongUnit`, `NotFinite`, `Reversed`.
    pub(crate) fn check_limits(
        &self,
        limits: Option<(Value, Value)>,
        who: &str,
    ) -> Result<Option<StatedLimits>, Refusal> {
        let path = || self.path.to_string();
        if !self.description.writable {
            return Err(Refusal::ReadOnly { path: path() });
        }
        if !self.description.datatype.is_numeric() {
            let why = format!("a value of kind {} has no limits", self.description.datatype.noun());
            return Err(Refusal::WrongType { path: path(), why });
        }
        let Some((lower, upper)) = limits else { return Ok(None) };
        let (lower, upper) = (self.bound(lower)?, self.bound(upper)?);
        if lower == f64::NEG_INFINITY && upper == f64::INFINITY {
            return Ok(None);
        }
        if lower > upper {
            let (lower, upper) = (self.show(lower), self.show(upper));
            return Err(Refusal::Reversed {
                path: path(),
                lower,
                upper,
            });
        }
        Ok(Some(StatedLimits {
            lower,
            upper,
            is_dial: false,
            whose: Whose::User(who.into()),
        }))
    }

    fn bound(&self, value: Value) -> Result<f64, Refusal> {
        match quantity::take(value, &Datatype::Float, &self.unit, &self.path)?.value {
            // What is sent where there is no limit comes back from some clients.
            Value::Float(f64::MAX) => Ok(f64::INFINITY),
            Value::Float(f64::MIN) => Ok(f64::NEG_INFINITY),
            Value::Float(x) if !x.is_nan() => Ok(x),
            other => Err(Refusal::NotFinite {
                path: self.path.to_string(),
                value: other.as_f64().unwrap_or(f64::NAN),
            }),
        }
    }

    /// What the user wants to call the place where it is.
    ///
    /// # Errors
    /// `WrongType` if it is not a single number that can be read; `WrongUnit`, `NotFinite`.
    pub(crate) fn check_zero(&self, value: Value) -> Result<Value, Refusal> {
        let is_number = matches!(self.description.datatype, Datatype::Float | Datatype::Int { .. });
        if !is_number || !self.description.readable {
            let why = "only a single number that can be read has a zero".to_owned();
            let path = self.path.to_string();
            return Err(Refusal::WrongType { path, why });
        }
        let taken = quantity::take(value, &self.accepts, &self.unit, &self.path)?;
        bounds::check_finite(&taken.value, &self.path)?;
        Ok(taken.value)
    }

    /// With these limits of the user.
    ///
    /// # Errors
    /// `NoRoom`, if that leaves nothing.
    pub(super) fn with_user_limits(&self, limits: Option<StatedLimits>) -> Result<Live, Refusal> {
        let live = self.live().with_user(limits);
        self.with_room(live, "these limits")
    }

    /// In the frame in which what is called `is` is called `wanted`.
    ///
    /// # Errors
    /// `NoRoom`, if that leaves nothing.
    pub(super) fn with_zero(&self, is: f64, wanted: f64) -> Result<Live, Refusal> {
        let live = self.live();
        let live = live.with_frame(live.frame.shifted(is, wanted));
        self.with_room(live, "this zero")
    }

    fn with_room(&self, live: Live, what: &str) -> Result<Live, Refusal> {
        let (Some(lower), Some(upper)) = (&live.effective.lower, &live.effective.upper) else {
            return Ok(live);
        };
        match live.is_empty() {
            false => Ok(live),
            true => Err(Refusal::NoRoom {
                path: self.path.to_string(),
                what: what.to_owned(),
                lower: format!("at least {} by the {}", self.show(lower.value), lower.whose),
                upper: format!("at most {} by the {}", self.show(upper.value), upper.whose),
            }),
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
                (None, _) => default_tolerance(target),
            }
    }

    /// Whether `actual` counts as `target` (C3).
    pub(crate) fn arrived(&self, target: &Value, actual: &Value) -> bool {
        self.deviation(target, actual).is_none()
    }

    /// How far `actual` is from `target`, if it does not count as arrived (C3); `Some("")` where that is no matter of far and near.
    pub(crate) fn deviation(&self, target: &Value, actual: &Value) -> Option<String> {
        let off = |t: f64, a: f64| Some((t - a).abs()).filter(|off| off.is_nan() || *off > self.tolerance_at(t));
        match (target, actual) {
            (Value::Array(t), Value::Array(a)) if t.shape() == a.shape() => {
                let (shape, t, a) = (t.shape(), t.to_f64(), a.to_f64());
                let far = t.iter().zip(&a).enumerate();
                let far = far.filter_map(|(at, (t, a))| Some((at, off(*t, *a)?)));
                let (at, most) = far.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
                Some(format!(
                    "{} at {}",
                    self.show_difference(most),
                    bounds::index(at, &shape)
                ))
            }
            (Value::Json(target), Value::Json(actual)) => json_deviation(target, actual, ""),
            _ => match (target.as_f64(), actual.as_f64()) {
                (Some(t), Some(a)) => off(t, a).map(|off| self.show_difference(off)),
                _ => (target != actual).then(String::new),
            },
        }
    }

    /// A difference of two values; in a unit with a zero of its own, such as °C, it is one of kelvins.
    fn show_difference(&self, difference: f64) -> String {
        self.format(&Value::Float(difference))
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

/// One part in a million.
fn default_tolerance(target: f64) -> f64 {
    1e-6 * target.abs().max(1e-3)
}

/// Where a record, or an array of anything, is first unlike another; its numbers may differ by one part in a million.
fn json_deviation(target: &Json, actual: &Json, at: &str) -> Option<String> {
    match (target, actual) {
        (Json::Object(target), Json::Object(actual)) => target.iter().find_map(|(name, target)| {
            let at = format!("{at}.{name}");
            json_deviation(target, actual.get(name).unwrap_or(&Json::Null), &at)
        }),
        (Json::Array(target), Json::Array(actual)) if target.len() == actual.len() => {
            let mut items = target.iter().zip(actual).enumerate();
            items.find_map(|(place, (target, actual))| json_deviation(target, actual, &format!("{at}[{place}]")))
        }
        (Json::Number(t), Json::Number(a)) if t.is_f64() || a.is_f64() => {
            let (t, a) = (t.as_f64()?, a.as_f64()?);
            let off = (t - a).abs();
            (off > default_tolerance(t)).then(|| format!("{off} at {}", at.trim_start_matches('.')))
        }
        (target, actual) if target == actual => None,
        _ if at.is_empty() => Some(String::new()),
        _ => Some(format!("what is at {}", at.trim_start_matches('.'))),
    }
}

/// A number with its unit.
fn given(x: f64, unit: &Unit) -> String {
    format_value(&Value::Float(x), unit.as_str(), None)
}

/// The datatype with integers of any size.
fn widened(datatype: &Datatype) -> Datatype {
    match datatype {
        Datatype::Int { .. } => Datatype::ANY_INT,
        Datatype::Array { element, shape } => Datatype::Array {
            element: Box::new(widened(element)),
            shape: shape.clone(),
        },
        other => other.clone(),
    }
}
