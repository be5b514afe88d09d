//! The kinds of values that JSON Schema knows, beside those of TOML.

use serde_json::Value as Json;

use super::{Node, NodeValue};

/// The names in a schema's `type`; none if it does not say.
pub(super) fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(name) => vec![name.as_str()],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether a node may be of the type that a schema calls `name`.
pub(super) fn accepts(node: &Node, name: &str) -> bool {
    match &node.value {
        NodeValue::Bool(_) => name == "boolean",
        NodeValue::Int(_) => matches!(name, "integer" | "number"),
        NodeValue::Float(x) => name == "number" || (name == "integer" && x.fract() == 0.0),
        NodeValue::Text(_) => name == "string",
        NodeValue::Loose(text) => spelled(text, &[name]).is_some(),
        NodeValue::Datetime(_) => false,
        NodeValue::Array(_) => name == "array",
        NodeValue::Table(_) => name == "object",
    }
}

/// The type that a schema calls `name`, for people; `None` for null, which TOML does not have.
pub(super) fn noun(name: &str) -> Option<&'static str> {
    Some(match name {
        "boolean" => "`true` or `false`",
        "integer" => "an integer",
        "number" => "a number",
        "string" => "a string",
        "array" => "an array",
        "object" => "a table",
        _ => return None,
    })
}

/// The value of one of `types` that a text spells.
pub(super) fn spelled(text: &str, types: &[&str]) -> Option<Json> {
    let text = text.trim();
    types.iter().find_map(|name| match *name {
        "string" => Some(Json::from(text)),
        "boolean" => text.parse::<bool>().ok().map(Json::from),
        "integer" => text.parse::<i64>().ok().map(Json::from),
        "number" => text.parse::<f64>().ok().filter(|x| x.is_finite()).map(Json::from),
        _ => None,
    })
}
