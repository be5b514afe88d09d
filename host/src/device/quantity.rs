//! Values on their way in: whatever carries a unit becomes a number in the unit that is due (D4). Pure.

use baton_plugin_api::{Datatype, Field, Value};
use serde_json::{Number, Value as Json};

use super::bounds::index;
use crate::{
    failure::Refusal,
    units::{Converted, ROUNDING, Unit},
};

/// A value in its datatype and unit, and what that took.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) value: Value,
    /// How it was written, if it is a single number that was given with a unit.
    pub(super) converted: Option<Converted>,
    pub(super) slack: Slack,
}

/// How far conversion may have moved a number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slack {
    /// For its size.
    relative: f64,
    /// The least size that counts: how far apart the zeros of the units are.
    shift: f64,
}

impl Slack {
    pub(super) fn of(&self, x: f64) -> f64 {
        self.relative * x.abs().max(self.shift)
    }

    fn note(&mut self, converted: &Converted) {
        if converted.is_foreign() {
            self.relative = ROUNDING;
            self.shift = self.shift.max(converted.slack / ROUNDING);
        }
    }
}

/// Brings a value that anybody may have sent into `datatype`, and its numbers into `unit`, or the units of its fields.
///
/// # Errors
/// `WrongUnit` and `WrongType`, with the path of the element or field that is wrong.
pub(super) fn take(value: Value, datatype: &Datatype, unit: &Unit, path: &str) -> Result<Taken, Refusal> {
    let mut slack = Slack::default();
    let mut converted = None;
    let value = match value {
        Value::Text(text) if is_number(datatype) => {
            let (number, how) = number(&text, datatype, unit, path)?;
            slack.note(&how);
            converted = Some(how);
            number
        }
        Value::Json(mut json) => {
            json_numbers(&mut json, datatype, unit, &mut slack, path)?;
            Value::Json(json)
        }
        value => value,
    };
    let value = value.conform(datatype).map_err(|why| Refusal::WrongType {
        path: path.to_owned(),
        why,
    })?;
    Ok(Taken {
        value,
        converted,
        slack,
    })
}

fn is_number(datatype: &Datatype) -> bool {
    matches!(datatype, Datatype::Float | Datatype::Int { .. })
}

/// The number of a text. Where an integer is due it has to be whole, but for rounding.
fn number(text: &str, datatype: &Datatype, unit: &Unit, path: &str) -> Result<(Value, Converted), Refusal> {
    let converted = unit.converted(text).map_err(|error| Refusal::WrongUnit {
        path: path.to_owned(),
        error,
    })?;
    let number = converted.number;
    if *datatype == Datatype::Float || !matches!(datatype, Datatype::Int { .. }) {
        return Ok((Value::Float(number), converted));
    }
    let whole = number.round();
    if (number - whole).abs() > converted.slack {
        let shown = super::format_value(&Value::Float(number), unit.as_str(), None);
        let why = match converted.is_foreign() {
            true => format!("`{}` is {shown}, which is no whole number", text.trim()),
            false => format!("{shown} is no whole number"),
        };
        let path = path.to_owned();
        return Err(Refusal::WrongType { path, why });
    }
    Ok((Value::Float(whole), converted))
}

/// Replaces the texts in an array or a record that stand for numbers.
fn json_numbers(
    json: &mut Json,
    datatype: &Datatype,
    unit: &Unit,
    slack: &mut Slack,
    path: &str,
) -> Result<(), Refusal> {
    match (datatype, json) {
        (Datatype::Array { element, .. }, Json::Array(items)) => {
            for (at, item) in items.iter_mut().enumerate() {
                // The rows of an array have its own datatype here: what counts is the element.
                let inner = if item.is_array() { datatype } else { element };
                if item.is_number() {
                    continue;
                }
                json_numbers(item, inner, unit, slack, &format!("{path}[{at}]"))?;
            }
            Ok(())
        }
        (Datatype::Record { fields }, Json::Object(map)) => {
            for Field {
                name, datatype, unit, ..
            } in fields
            {
                if let Some(item) = map.get_mut(name).filter(|item| !item.is_number()) {
                    json_numbers(item, datatype, &Unit::parse(unit), slack, &format!("{path}.{name}"))?;
                }
            }
            Ok(())
        }
        (datatype, json @ Json::String(_)) if is_number(datatype) => {
            let text = json.as_str().unwrap_or_default();
            let (value, converted) = number(text, datatype, unit, path)?;
            slack.note(&converted);
            *json = as_json(&value, datatype);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn as_json(value: &Value, datatype: &Datatype) -> Json {
    let number = value.as_f64().unwrap_or(f64::NAN);
    match datatype {
        Datatype::Int { .. } => Json::from(number as i64),
        _ => Number::from_f64(number).map_or(Json::Null, Json::Number),
    }
}

/// The path of an element of an array: `camera.offsets[1][3]`.
pub(super) fn element(path: &str, at: usize, shape: &[usize]) -> String {
    format!("{path}{}", index(at, shape))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn field(name: &str, datatype: Datatype, unit: &str) -> Field {
        Field {
            name: name.into(),
            datatype,
            unit: unit.into(),
            optional: true,
            limits: None,
        }
    }

    #[track_caller]
    fn check(value: impl Into<Value>, datatype: &Datatype, expected: Expect) {
        let taken = take(value.into(), datatype, &Unit::parse("mm"), "dev.p");
        expected.assert_eq(&match taken {
            Ok(taken) => taken.value.to_json().to_string(),
            Err(refusal) => refusal.to_string(),
        });
    }

    #[test]
    fn d4_a_single_number_may_carry_any_unit_that_fits() {
        check(2.5, &Datatype::Float, expect!["2.5"]);
        check("2500 um", &Datatype::Float, expect!["2.5"]);
        check(
            "2.5",
            &Datatype::Float,
            expect![[r#"dev.p: `2.5` has no unit; write `"2.5 mm"`"#]],
        );
        check(
            "2.5 s",
            &Datatype::Float,
            expect!["dev.p: `s` is a time, not a length; write it in `mm`, or in a unit that converts to it"],
        );
        check(
            "2.5 mmm",
            &Datatype::Float,
            expect!["dev.p: unknown unit `mmm`; did you mean `mm`?"],
        );
    }

    #[test]
    fn d4_an_integer_is_whole_after_its_conversion() {
        let int = Datatype::Int { min: 0, max: 1000 };
        check("0.3 cm", &int, expect!["3"]);
        check("1 m", &int, expect!["1000"]);
        check(
            "1 in",
            &int,
            expect!["dev.p: `1 in` is 25.4 mm, which is no whole number"],
        );
        check("2.5 mm", &int, expect!["dev.p: 2.5 mm is no whole number"]);
    }

    #[test]
    fn d4_elements_and_fields_carry_units_of_their_own() {
        let array = Datatype::Array {
            element: Box::new(Datatype::Float),
            shape: vec![9, 9],
        };
        let json = |json| Value::Json(json);
        check(
            json(json!([["1 cm", 2], [3.5, "4 um"]])),
            &array,
            expect!["[[10.0,2.0],[3.5,0.004]]"],
        );
        check(
            json(json!([[1, 2], [3, "4 s"]])),
            &array,
            expect!["dev.p[1][1]: `s` is a time, not a length; write it in `mm`, or in a unit that converts to it"],
        );
        let record = Datatype::Record {
            fields: vec![
                field("volume", Datatype::Float, "ml"),
                field("steps", Datatype::ANY_INT, "um"),
                field("name", Datatype::ANY_TEXT, ""),
            ],
        };
        check(
            json(json!({ "volume": "1 l", "steps": "2 mm", "name": "5 mm" })),
            &record,
            expect![[r#"{"volume":1000.0,"steps":2000,"name":"5 mm"}"#]],
        );
        check(
            json(json!({ "volume": "1 mm" })),
            &record,
            expect!["dev.p.volume: `mm` is a length, not a volume; write it in `ml`, or in a unit that converts to it"],
        );
    }
}
