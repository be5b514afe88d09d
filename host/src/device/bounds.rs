//! What of a parameter may change while the lab runs: its limits and its frame. Checks against them are pure.

use baton_plugin_api::{Array, Datatype, Field, Value};
use serde_json::Value as Json;

use super::quantity::{Slack, Taken, element};
use crate::{
    config::{Bound, Frame, Limits, StatedLimits, Whose},
    failure::Refusal,
};

/// Limits and frame of a parameter, with all that follows from them.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) frame: Frame,
    /// All that has been said, the user's last.
    pub(super) stated: Vec<StatedLimits>,
    /// What counts of it.
    pub(super) effective: Limits,
    /// The same as plain numbers, for the check of a write.
    window: Window,
}

/// A range, infinite where there is no bound.
#[derive(Clone, Copy, Debug)]
struct Window {
    lower: f64,
    upper: f64,
    /// How far rounding in the frame may have moved each.
    lower_slack: f64,
    upper_slack: f64,
}

/// A number that is outside.
#[derive(Debug)]
pub(super) struct Outside {
    /// Which element of an array it is: `[1][3]`.
    pub(super) index: Option<String>,
    pub(super) number: f64,
}

impl Live {
    pub(super) fn new(frame: Frame, stated: Vec<StatedLimits>) -> Live {
        let effective = Limits::of(&stated, &frame);
        let bound = |bound: &Option<Bound>, none: f64| bound.as_ref().map_or(none, |bound| bound.value);
        let (lower, upper) = (
            bound(&effective.lower, f64::NEG_INFINITY),
            bound(&effective.upper, f64::INFINITY),
        );
        let slack = |bound: f64| if bound.is_finite() { frame.rounding(bound) } else { 0.0 };
        let window = Window {
            lower_slack: slack(lower),
            upper_slack: slack(upper),
            lower,
            upper,
        };
        Live {
            frame,
            stated,
            effective,
            window,
        }
    }

    /// With other limits of the user, or none.
    pub(super) fn with_user(&self, limits: Option<StatedLimits>) -> Live {
        let others = self
            .stated
            .iter()
            .filter(|stated| !matches!(stated.whose, Whose::User(_)));
        Live::new(self.frame, others.cloned().chain(limits).collect())
    }

    /// In another frame.
    pub(super) fn with_frame(&self, frame: Frame) -> Live {
        Live::new(frame, self.stated.clone())
    }

    /// Whether no number is left that could be set.
    pub(super) fn is_empty(&self) -> bool {
        self.window.lower > self.window.upper + self.window.upper_slack.max(self.window.lower_slack)
    }

    /// Checks all numbers of a value. `None` if it can stay as it is; else the value with the numbers that rounding has
    /// moved beyond a limit brought back to it.
    pub(super) fn place(&self, value: &Value, slack: &Slack) -> Result<Option<Value>, Outside> {
        match value {
            Value::Float(x) => self.place_number(*x, slack).map(|placed| placed.map(Value::Float)),
            Value::Int(n) => self
                .place_number(*n as f64, slack)
                .map(|placed| placed.map(|x| Value::Int(x as i64))),
            Value::Array(array) if !self.is_unlimited() => self.place_array(array, slack),
            _ => Ok(None),
        }
    }

    fn is_unlimited(&self) -> bool {
        self.window.lower == f64::NEG_INFINITY && self.window.upper == f64::INFINITY
    }

    fn place_number(&self, x: f64, slack: &Slack) -> Result<Option<f64>, Outside> {
        match self.window.place(x, slack) {
            Some(placed) => Ok((placed != x).then_some(placed)),
            None => Err(Outside { index: None, number: x }),
        }
    }

    fn place_array(&self, array: &Array, slack: &Slack) -> Result<Option<Value>, Outside> {
        let mut numbers = array.to_f64();
        let mut moved = false;
        for (at, x) in numbers.iter_mut().enumerate() {
            let placed = self.window.place(*x, slack).ok_or_else(|| Outside {
                index: Some(index(at, &array.shape())),
                number: *x,
            })?;
            moved |= placed != *x;
            *x = placed;
        }
        Ok(moved.then(|| like(numbers, array)))
    }

    /// A value within the limits as the driver gets it; `None` if the hardware has no number that is.
    pub(super) fn to_hardware(&self, value: Value, datatype: &Datatype) -> Option<Value> {
        if self.frame.is_identity() {
            return Some(value);
        }
        let (lower, upper) = self.frame.range_to_hardware((self.window.lower, self.window.upper));
        let is_int = matches!(datatype.element(), Datatype::Int { .. });
        let turn = |x: f64| {
            let x = self.frame.to_hardware(x);
            match is_int {
                // The nearest step that is not beyond a limit, but for rounding.
                true => clamped(x.round(), (lower - 1e-6).ceil(), (upper + 1e-6).floor()),
                false => clamped(x, lower, upper),
            }
        };
        match value {
            Value::Float(x) if !is_int => turn(x).map(Value::Float),
            Value::Array(array) => {
                let numbers: Option<Vec<f64>> = array.to_f64().into_iter().map(turn).collect();
                let (numbers, shape) = (numbers?, array.shape());
                let turned = match is_int {
                    true => Array::from_owner(numbers.into_iter().map(|x| x as i64).collect::<Vec<_>>(), &shape),
                    false => Array::from_owner(numbers, &shape),
                };
                Some(Value::Array(turned.expect("it has as many elements as before")))
            }
            value => match value.as_f64() {
                Some(x) => turn(x).map(|x| Value::Int(x as i64)),
                None => Some(value),
            },
        }
    }
}

fn clamped(x: f64, lower: f64, upper: f64) -> Option<f64> {
    (lower <= upper).then(|| x.clamp(lower, upper))
}

/// Numbers as an array with the shape of another, and integers if that has them.
fn like(numbers: Vec<f64>, other: &Array) -> Value {
    let array = match other.element_type().is_float() {
        true => Array::from_owner(numbers, &other.shape()),
        false => Array::from_owner(
            numbers.into_iter().map(|x| x as i64).collect::<Vec<_>>(),
            &other.shape(),
        ),
    };
    Value::Array(array.expect("it has as many elements as before"))
}

impl Window {
    /// The number, or the limit that it misses by no more than rounding; `None` if it is outside.
    fn place(&self, x: f64, slack: &Slack) -> Option<f64> {
        if self.lower <= x && x <= self.upper {
            return Some(x);
        }
        let given = slack.of(x);
        match x < self.lower {
            true => (x >= self.lower - self.lower_slack.max(given) && self.lower <= self.upper).then_some(self.lower),
            false => (x <= self.upper + self.upper_slack.max(given) && self.lower <= self.upper).then_some(self.upper),
        }
    }
}

/// The place of an element of an array for people: `[1][3]`.
pub(super) fn index(at: usize, shape: &[usize]) -> String {
    let mut rest = at;
    let mut places = Vec::new();
    for length in shape.iter().rev() {
        places.push(rest % (*length).max(1));
        rest /= (*length).max(1);
    }
    places.iter().rev().map(|place| format!("[{place}]")).collect()
}

/// Refuses NaN and infinities (D3).
pub(super) fn check_finite(value: &Value, path: &str) -> Result<(), Refusal> {
    let refusal = |path: String, value: f64| Refusal::NotFinite { path, value };
    match value {
        Value::Float(x) if !x.is_finite() => Err(refusal(path.to_owned(), *x)),
        Value::Array(array) if array.element_type().is_float() => {
            let found = array.to_f64().into_iter().enumerate().find(|(_, x)| !x.is_finite());
            found.map_or(Ok(()), |(at, x)| Err(refusal(element(path, at, &array.shape()), x)))
        }
        _ => Ok(()),
    }
}

/// Checks the fields of a record against the limits that its type declares, and those of records within.
pub(super) fn check_fields(taken: Taken, datatype: &Datatype, path: &str) -> Result<Value, Refusal> {
    let Taken { value, slack, .. } = taken;
    match (value, datatype) {
        (Value::Json(mut json), Datatype::Record { .. } | Datatype::Array { .. }) => {
            place_fields(&mut json, datatype, &slack, path)?;
            Ok(Value::Json(json))
        }
        (value, _) => Ok(value),
    }
}

fn place_fields(json: &mut Json, datatype: &Datatype, slack: &Slack, path: &str) -> Result<(), Refusal> {
    match (datatype, json) {
        (Datatype::Record { fields }, Json::Object(map)) => {
            for field in fields {
                let Some(item) = map.get_mut(&field.name) else { continue };
                let path = format!("{path}.{}", field.name);
                place_field(item, field, slack, &path)?;
                place_fields(item, &field.datatype, slack, &path)?;
            }
            Ok(())
        }
        (Datatype::Array { element, .. }, Json::Array(items))
            if matches!(**element, Datatype::Record { .. } | Datatype::Array { .. }) =>
        {
            for (at, item) in items.iter_mut().enumerate() {
                place_fields(item, element, slack, &format!("{path}[{at}]"))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// One field, or each element of it.
fn place_field(json: &mut Json, field: &Field, slack: &Slack, path: &str) -> Result<(), Refusal> {
    let Some((lower, upper)) = field.limits else {
        return Ok(());
    };
    if let Json::Array(items) = json {
        let mut items = items.iter_mut().enumerate();
        return items.try_for_each(|(at, item)| place_field(item, field, slack, &format!("{path}[{at}]")));
    }
    let Some(x) = json.as_f64() else { return Ok(()) };
    let window = Window {
        lower,
        upper,
        lower_slack: 0.0,
        upper_slack: 0.0,
    };
    let show = |x: f64| super::format_value(&Value::Float(x), &field.unit, None);
    match window.place(x, slack) {
        Some(placed) if placed == x => Ok(()),
        Some(placed) => {
            *json = match field.datatype.element() {
                Datatype::Int { .. } => Json::from(placed as i64),
                _ => Json::from(placed),
            };
            Ok(())
        }
        None => Err(Refusal::Limit {
            path: path.to_owned(),
            value: show(x),
            lower: show(lower),
            upper: show(upper),
            allowed: None,
            which: "",
            whose: Whose::Driver.to_string(),
        }),
    }
}
