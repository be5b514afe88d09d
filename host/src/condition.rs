//! Conditions: what somebody waits for, with [`Owner::wait_for`](crate::lab::Owner::wait_for).
//!
//! A condition is checked against its parameter before the waiting begins: numbers are brought into the declared unit,
//! names of enums are looked up, and what can never be true is refused. After that, looking at a reading is pure.

use std::{fmt, time::Duration};

use baton_plugin_api::{StatusCode, Value};

use crate::{
    device::{Parameter, format_value},
    failure::{Refusal, seconds},
};

/// What to wait for: what a value shall be, for how long, and for how long to wait at most.
///
/// ```
/// use std::time::Duration;
/// use baton_host::condition::Condition;
///
/// let stable = Condition::near("80 degC", "0.5 K").held_for(Duration::from_secs(30)).timeout(Duration::from_secs(600));
/// assert_eq!(stable.to_string(), "80 degC ± 0.5 K for 30.0 s");
/// assert_eq!(Condition::parse(">= 5 mbar").to_string(), ">= 5 mbar");
/// ```
#[must_use = "a condition waits for nothing by itself; give it to `wait_for`"]
pub struct Condition {
    pub(crate) wanted: Wanted,
    pub(crate) hold: Duration,
    pub(crate) timeout: Option<Duration>,
    pub(crate) fails_on_error: bool,
}

/// What a value shall be, as it was asked for.
pub(crate) enum Wanted {
    Is(Value),
    Near(Value, Value),
    Compare(Relation, Value),
    Status(StatusCode),
    When(Predicate),
}

/// A function of the user's.
pub(crate) type Predicate = Box<dyn FnMut(&Value) -> bool + Send>;

/// How a value shall compare to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `<`
    Below,
    /// `!=`: anything but this, to within the parameter's tolerance.
    Not,
}

impl Relation {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Relation::AtLeast => ">=",
            Relation::AtMost => "<=",
            Relation::Above => ">",
            Relation::Below => "<",
            Relation::Not => "!=",
        }
    }

    /// The relation of a sign at the start of a text, and what follows it.
    pub fn split(text: &str) -> (Option<Relation>, &str) {
        use Relation::{Above, AtLeast, AtMost, Below, Not};
        let text = text.trim();
        // The longer signs first.
        for relation in [AtLeast, AtMost, Not, Above, Below] {
            if let Some(rest) = text.strip_prefix(relation.sign()) {
                return (Some(relation), rest.trim_start());
            }
        }
        let rest = text.strip_prefix("==").or_else(|| text.strip_prefix('='));
        (None, rest.map_or(text, str::trim_start))
    }
}

impl Condition {
    fn new(wanted: Wanted) -> Self {
        Condition {
            wanted,
            hold: Duration::ZERO,
            timeout: None,
            fails_on_error: false,
        }
    }

    /// `value`, to within the parameter's tolerance: a number in the declared unit, a text with a unit, a name.
    pub fn is(value: impl Into<Value>) -> Self {
        Condition::new(Wanted::Is(value.into()))
    }

    /// `value` ± `within`, both numbers in the declared unit or texts with a unit. `within` is a difference: of a
    /// temperature in degC it may be `"0.5 K"`. Of arrays, each element counts.
    pub fn near(value: impl Into<Value>, within: impl Into<Value>) -> Self {
        Condition::new(Wanted::Near(value.into(), within.into()))
    }

    /// A value that compares like this to `value`.
    pub fn compare(relation: Relation, value: impl Into<Value>) -> Self {
        Condition::new(Wanted::Compare(relation, value.into()))
    }

    /// The device's status, whatever parameter the path names.
    pub fn status(code: StatusCode) -> Self {
        Condition::new(Wanted::Status(code))
    }

    /// A value for which `predicate` is true.
    ///
    /// It gets every reading in order, on a thread of the lab (inline: between two steps of it), and should not take
    /// long: other predicates wait for it. If it panics, the call ends as
    /// [`Panicked`](crate::failure::Failure::Panicked).
    pub fn when(predicate: impl FnMut(&Value) -> bool + Send + 'static) -> Self {
        Condition::new(Wanted::When(Box::new(predicate)))
    }

    /// A condition as people write it: `80 degC`, `>= 5 mbar`, `< 1e-6 mbar`, `!= closed`, `open`.
    pub fn parse(text: &str) -> Self {
        match Relation::split(text) {
            (Some(relation), rest) => Condition::compare(relation, value_of(rest)),
            (None, rest) => Condition::is(value_of(rest)),
        }
    }

    /// It has to be so for `hold` without a break. A reading that fails, or that is lost, is one.
    pub fn held_for(self, hold: Duration) -> Self {
        Condition { hold, ..self }
    }

    /// The call fails as [`NotReached`](crate::failure::Failure::NotReached) after `timeout` on the lab's clock. Without
    /// one it waits for as long as somebody has the call.
    pub fn timeout(self, timeout: Duration) -> Self {
        Condition {
            timeout: Some(timeout),
            ..self
        }
    }

    /// A reading that fails, or a device that is lost, ends the waiting with that failure. Without this it goes on: a
    /// device that was lost is opened again by itself.
    pub fn failing_on_errors(self) -> Self {
        Condition {
            fails_on_error: true,
            ..self
        }
    }

    /// Whether it is about the status, whatever the path says.
    pub(crate) fn is_about_status(&self) -> bool {
        matches!(self.wanted, Wanted::Status(_))
    }

    /// Whether a function of the user's decides.
    pub(crate) fn asks_a_function(&self) -> bool {
        matches!(self.wanted, Wanted::When(_))
    }

    /// Checks what is wanted against the parameter.
    pub(crate) fn test(&self, parameter: &Parameter) -> Result<Test, Refusal> {
        match &self.wanted {
            Wanted::Is(value) => Ok(Test::Is(parameter.value_of(value.clone())?)),
            Wanted::Near(value, within) => Ok(Test::Near {
                target: parameter.value_of(value.clone())?,
                within: parameter.difference_of(within)?,
            }),
            Wanted::Compare(Relation::Not, value) => Ok(Test::Not(parameter.value_of(value.clone())?)),
            Wanted::Compare(relation, value) => {
                let value = parameter.value_of(value.clone())?;
                let number = value.as_f64().ok_or_else(|| Refusal::WrongType {
                    path: parameter.path().to_string(),
                    why: format!(
                        "`{}` is for numbers, and it is of kind {}",
                        relation.sign(),
                        value.noun()
                    ),
                })?;
                Ok(Test::Compare(*relation, number))
            }
            Wanted::Status(code) => Ok(Test::Status(*code)),
            Wanted::When(_) => Ok(Test::When),
        }
    }

    /// What status is wanted; `None` if the condition is about something else.
    ///
    /// # Errors
    /// `WrongType` if a value is wanted that no status is.
    pub(crate) fn status_wanted(&self, path: &str) -> Result<Option<StatusCode>, Refusal> {
        use StatusCode::{Busy, Disabled, Error, Idle, Warn};
        let word = match &self.wanted {
            Wanted::Status(code) => return Ok(Some(*code)),
            Wanted::Is(Value::Text(word)) => word.as_str(),
            Wanted::When(_) => return Ok(None),
            _ => "",
        };
        let code = [Disabled, Idle, Warn, Busy, Error]
            .into_iter()
            .find(|code| code.word().eq_ignore_ascii_case(word));
        code.map(Some).ok_or_else(|| Refusal::WrongType {
            path: path.to_owned(),
            why: "a status is `disabled`, `idle`, `warn`, `busy` or `error`".to_owned(),
        })
    }

    /// In words, for what it is about.
    pub(crate) fn describe(&self, parameter: Option<&Parameter>) -> String {
        let unit = parameter.map_or("", |parameter| parameter.unit().as_str());
        let show = |value: &Value| match value {
            Value::Text(text) => text.clone(),
            value => format_value(value, unit, None),
        };
        let wanted = match &self.wanted {
            Wanted::Is(value) => show(value),
            Wanted::Near(value, within) => format!("{} ± {}", show(value), show(within)),
            Wanted::Compare(relation, value) => format!("{} {}", relation.sign(), show(value)),
            Wanted::Status(code) => code.word().to_owned(),
            Wanted::When(_) => "what was asked for".to_owned(),
        };
        match self.hold.is_zero() {
            true => wanted,
            false => format!("{wanted} for {}", seconds(self.hold)),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(None))
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({self})")
    }
}

/// A number, `true` or `false`, or a text: a name, or a number with a unit.
fn value_of(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => text
            .parse()
            .map_or_else(|_| Value::Text(text.to_owned()), |number: f64| number.into()),
    }
}

/// What a value shall be, in the parameter's datatype and unit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Is(Value),
    Near {
        target: Value,
        within: f64,
    },
    Not(Value),
    Compare(Relation, f64),
    Status(StatusCode),
    /// A function of the user's decides.
    When,
}

impl Test {
    /// Whether a reading of `parameter` is what is wanted. Pure.
    pub(crate) fn is_met(&self, parameter: &Parameter, value: &Value) -> bool {
        match self {
            Test::Is(wanted) => parameter.arrived(wanted, value),
            Test::Not(unwanted) => !parameter.arrived(unwanted, value),
            Test::Near { .. } => self.distance(value).is_some_and(|distance| distance <= 0.0),
            Test::Compare(relation, number) => value.as_f64().is_some_and(|value| match relation {
                Relation::AtLeast => value >= *number,
                Relation::AtMost => value <= *number,
                Relation::Above => value > *number,
                Relation::Below => value < *number,
                Relation::Not => value != *number,
            }),
            Test::Status(_) | Test::When => false,
        }
    }

    /// How far a value is from what is wanted, in the parameter's unit; 0 if it is there, `None` if that is no matter of
    /// distance. Of an array, the farthest element counts.
    pub(crate) fn distance(&self, value: &Value) -> Option<f64> {
        let off = match self {
            Test::Is(wanted) => farthest(wanted, value)?,
            Test::Near { target, within } => {
                let off = farthest(target, value)? - within;
                // 0.3 is not 0.1 + 0.2.
                if off <= 4.0 * f64::EPSILON * size(target) {
                    0.0
                } else {
                    off
                }
            }
            Test::Compare(Relation::AtLeast | Relation::Above, number) => number - value.as_f64()?,
            Test::Compare(Relation::AtMost | Relation::Below, number) => value.as_f64()? - number,
            _ => return None,
        };
        Some(off.max(0.0))
    }
}

fn farthest(wanted: &Value, value: &Value) -> Option<f64> {
    match (wanted, value) {
        (Value::Array(wanted), Value::Array(value)) => {
            let (wanted, value) = (wanted.to_f64(), value.to_f64());
            let pairs = wanted.iter().zip(&value);
            (wanted.len() == value.len()).then(|| pairs.map(|(w, v)| (w - v).abs()).fold(0.0, f64::max))
        }
        _ => Some((wanted.as_f64()? - value.as_f64()?).abs()),
    }
}

fn size(value: &Value) -> f64 {
    match value {
        Value::Array(array) => array.to_f64().iter().fold(0.0, |size: f64, x| size.max(x.abs())),
        value => value.as_f64().unwrap_or(0.0).abs(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_written_as_people_say_it() {
        let parse = |text: &str| Condition::parse(text).to_string();
        for text in [">= 5 mbar", "< 1e-6 mbar", "80 degC", "open", "!= closed", "> 3"] {
            assert_eq!(parse(text), text);
        }
        assert_eq!(parse("<=5 mbar"), "<= 5 mbar");
        assert_eq!(parse("== open"), "open");
        assert_eq!(parse(" = 5"), "5");
    }

    #[test]
    fn a_distance_ends_where_the_condition_is_met() {
        let near = Test::Near {
            target: Value::Float(0.3),
            within: 0.0,
        };
        assert_eq!(near.distance(&Value::Float(0.1 + 0.2)), Some(0.0));
        let near = Test::Near {
            target: Value::Float(80.0),
            within: 0.5,
        };
        assert_eq!(near.distance(&Value::Float(79.5)), Some(0.0));
        assert_eq!(near.distance(&Value::Float(78.5)), Some(1.0));
        assert_eq!(
            Test::Compare(Relation::AtLeast, 5.0).distance(&Value::Int(3)),
            Some(2.0)
        );
        assert_eq!(Test::Compare(Relation::Below, 5.0).distance(&Value::Int(3)), Some(0.0));
        assert_eq!(
            Test::Is(Value::Text("open".into())).distance(&Value::Text("closed".into())),
            None
        );
    }
}
