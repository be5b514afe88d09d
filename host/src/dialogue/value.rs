//! Values as a person writes them in a dialogue or on the command line, and as they are recorded.

use baton_plugin_api::{Array, Datatype, Value};
use serde_json::Value as Json;

use crate::{
    traffic::{escape, unescape},
    units::Unit,
};

/// How far apart two numbers may be, as a part of the greater one, and count as the same.
const ROUNDING: f64 = 1e-9;

/// The value of this datatype that a text stands for. A number may carry a unit and is converted to `unit`; without one
/// it is in `unit`. Text may stand in JSON's quotes; arrays and records are JSON.
///
/// # Errors
/// What is wrong with it, in one sentence.
pub fn parse_value(text: &str, datatype: &Datatype, unit: &Unit) -> Result<Value, String> {
    let text = text.trim();
    let value = match datatype {
        Datatype::Unit if text.is_empty() => Value::Unit,
        Datatype::Unit => return Err(format!("nothing is expected, found `{text}`")),
        Datatype::Int { .. } | Datatype::Float => number(text, datatype, unit)?,
        Datatype::Text { .. } | Datatype::Enum { .. } => named(text, datatype),
        Datatype::Bool => Value::Bool(match text {
            "true" | "on" | "yes" | "1" => true,
            "false" | "off" | "no" | "0" => false,
            _ => return Err(format!("`{text}` is not true or false")),
        }),
        Datatype::Bytes { .. } => {
            let bytes = unescape(text).map_err(|wrong| format!("`{}` is no escape", &text[wrong.span]))?;
            Value::Array(Array::new(bytes))
        }
        _ => {
            let json: Json = serde_json::from_str(text).map_err(|error| format!("`{text}` is not JSON: {error}"))?;
            Value::from_json(json)
        }
    };
    value.conform(datatype)
}

fn number(text: &str, datatype: &Datatype, unit: &Unit) -> Result<Value, String> {
    if let (Datatype::Int { .. }, Ok(n)) = (datatype, text.parse()) {
        return Ok(Value::Int(n));
    }
    match text.parse::<f64>() {
        Ok(x) => Ok(Value::Float(x)),
        Err(_) => unit.quantity(text).map(Value::Float).map_err(|error| error.to_string()),
    }
}

fn named(text: &str, datatype: &Datatype) -> Value {
    let quoted = text
        .starts_with('"')
        .then(|| serde_json::from_str::<String>(text).ok())
        .flatten();
    match (quoted, datatype, text.parse()) {
        (Some(text), _, _) => Value::Text(text),
        (None, Datatype::Enum { members }, Ok(n)) if members.iter().all(|member| member.name != text) => Value::Int(n),
        (None, _, _) => Value::Text(text.to_owned()),
    }
}

/// A value with all its digits, so that [`parse_value`] gives it back.
pub fn show_value(value: &Value, unit: &str) -> String {
    let number = match value {
        Value::Unit => return String::new(),
        Value::Float(x) => format!("{x}"),
        Value::Int(n) => n.to_string(),
        Value::Text(text) if is_plain(text) => return text.clone(),
        Value::Array(array) if array.element_type() == baton_plugin_api::ElementType::U8 => {
            return escape(array.bytes());
        }
        other => return other.to_json().to_string(),
    };
    match unit {
        "" => number,
        unit => format!("{number} {unit}"),
    }
}

/// Whether a text can stand without quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.trim() == text && !text.starts_with('"') && !text.chars().any(char::is_control)
}

/// Whether two values of one parameter are the same but for rounding.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(a), Some(b)) => a == b || (a - b).abs() <= ROUNDING * a.abs().max(b.abs()),
        _ => one == other,
    }
}
