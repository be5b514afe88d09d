//! A value with its unit, as a file keeps it.

use serde_json::{Map, Value as Json};

use super::{quoted, to_toml};
use crate::{
    cli::client::{Datainfo, Parameter},
    cli::format,
    units::Unit,
};

/// Without a tolerance, numbers that differ by so small a part are the same: it is less than what formatting costs.
const ROUNDING: f64 = 1e-9;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    /// Enums by their names, scaled numbers scaled.
    pub(crate) value: Json,
    /// Of its numbers; empty if they have none, or the value is a text that holds its unit.
    pub(crate) unit: String,
}

impl Stored {
    /// What the wire says of a parameter.
    pub(crate) fn of(parameter: &Parameter, value: &Json) -> Stored {
        Stored {
            value: plain(&parameter.datainfo, value),
            unit: parameter.unit().to_owned(),
        }
    }

    /// From a file: a value, or a table of `value` and `unit`.
    pub(super) fn parse(value: &toml::Value) -> Result<Stored, String> {
        if let Some(table) = value.as_table()
            && let (Some(value), Some(unit)) = (table.get("value"), table.get("unit"))
            && table.len() == 2
        {
            return Ok(Stored {
                value: from_toml(value)?,
                unit: unit.as_str().ok_or("its unit is no text")?.to_owned(),
            });
        }
        Ok(Stored {
            value: from_toml(value)?,
            unit: String::new(),
        })
    }

    /// As the file has it.
    pub(super) fn to_toml(&self) -> String {
        match &self.value {
            _ if self.unit.is_empty() => inline(&self.value),
            Json::Number(_) => quoted(&self.to_string()),
            value => format!("{{ value = {}, unit = {} }}", inline(value), quoted(&self.unit)),
        }
    }

    /// As one would type it.
    pub(crate) fn typed(&self, datainfo: &Datainfo) -> String {
        match (&self.value, datainfo) {
            // Where any text is good, quotes keep it what it is.
            (Json::String(_), Datainfo::String) => self.value.to_string(),
            (Json::Array(_) | Json::Object(_), _) => self.value.to_string(),
            _ => self.to_string(),
        }
    }

    /// Its number and unit, if it is one.
    fn quantity(&self) -> Option<(f64, &str)> {
        match &self.value {
            Json::Number(number) => Some((number.as_f64()?, self.unit.as_str())),
            Json::String(text) => {
                let text = text.trim();
                let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
                Some((number.parse().ok()?, unit.trim()))
            }
            _ => None,
        }
    }

    /// Whether two values are the same: numbers to within `tolerance`, in the unit of the first, which may not be that of
    /// the other.
    pub(crate) fn is_same(&self, other: &Stored, tolerance: Option<f64>) -> bool {
        match (self.quantity(), other.quantity()) {
            (Some((a, unit)), Some((b, other_unit))) => {
                let b = match unit == other_unit {
                    true => Ok(b),
                    false => Unit::parse(unit).convert(b, &Unit::parse(other_unit)),
                };
                b.is_ok_and(|b| near(a, b, tolerance))
            }
            _ => same(&self.value, &other.value, tolerance),
        }
    }
}

fn near(a: f64, b: f64, tolerance: Option<f64>) -> bool {
    (a - b).abs() <= tolerance.unwrap_or(0.0) + ROUNDING * a.abs().max(b.abs())
}

fn same(a: &Json, b: &Json, tolerance: Option<f64>) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| near(a, b, tolerance))
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b, tolerance)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| same(a, b, tolerance)))
        }
        _ => a == b,
    }
}

impl std::fmt::Display for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match &self.value {
            Json::String(text) => text.clone(),
            Json::Number(number) => match number.as_f64() {
                // Nobody writes `5.0 mm`.
                Some(whole) if whole.fract() == 0.0 && whole.abs() < 1e15 => format!("{whole:.0}"),
                _ => number.to_string(),
            },
            value => value.to_string(),
        };
        f.write_str(format!("{text} {}", self.unit).trim_end())
    }
}

/// A value of the wire without what only the wire knows.
fn plain(datainfo: &Datainfo, value: &Json) -> Json {
    match (datainfo, value) {
        (Datainfo::Enum { .. }, _) => Json::String(format::text(datainfo, None, value)),
        (Datainfo::Scaled(number), Json::Number(steps)) => {
            let steps = steps.as_f64().unwrap_or(f64::NAN);
            serde_json::Number::from_f64(steps * number.scale).map_or(Json::Null, Json::Number)
        }
        (Datainfo::Array { members, .. }, Json::Array(items)) => {
            Json::Array(items.iter().map(|item| plain(members, item)).collect())
        }
        _ => value.clone(),
    }
}

/// TOML on one line.
fn inline(json: &Json) -> String {
    match json {
        Json::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{} = {}", super::key(name), inline(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        plain => to_toml(plain).to_string(),
    }
}

fn from_toml(value: &toml::Value) -> Result<Json, String> {
    Ok(match value {
        toml::Value::String(text) => Json::String(text.clone()),
        toml::Value::Integer(number) => Json::from(*number),
        toml::Value::Float(number) => {
            let number = serde_json::Number::from_f64(*number).ok_or("a number that is not finite")?;
            Json::Number(number)
        }
        toml::Value::Boolean(value) => Json::from(*value),
        toml::Value::Datetime(_) => return Err("a date is no value of a parameter; put it in quotes".to_owned()),
        toml::Value::Array(items) => Json::Array(items.iter().map(from_toml).collect::<Result<_, _>>()?),
        toml::Value::Table(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), from_toml(value)?)));
            Json::Object(fields.collect::<Result<Map<_, _>, String>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_the_same_within_tolerance_and_across_units() {
        let stored = |value: Json, unit: &str| Stored {
            value,
            unit: unit.to_owned(),
        };
        let text = |text: &str| stored(json!(text), "");
        assert!(text("12.5 mm").is_same(&stored(json!(12.5), "mm"), None));
        assert!(text("1.25 cm").is_same(&stored(json!(12.5), "mm"), None));
        assert!(!text("12.5 mm").is_same(&stored(json!(12.6), "mm"), Some(0.01)));
        assert!(text("12.5 mm").is_same(&stored(json!(12.6), "mm"), Some(0.2)));
        assert!(!text("12.5 mm").is_same(&stored(json!(12.5), "s"), None));
        assert!(!text("open").is_same(&text("closed"), Some(9.0)));
        assert!(stored(json!([1, 2.5]), "um").is_same(&stored(json!([1.0, 2.5]), ""), None));
    }
}
