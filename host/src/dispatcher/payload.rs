//! What a message carries, and its one form for programs.

use std::sync::Arc;

use baton_plugin_api::{Status, Value};
use serde_json::{Value as Json, json};

use crate::{config::Limits, device::LastReading};

/// What a message carries. Its form in JSON is what goes over the wire.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A reading, or why there is none: `{"value", "t", "quality"}` or `{"error": {"class", "text"}, "t"}`, the time in
    /// seconds since the Unix epoch.
    Reading(LastReading),
    /// Limits, inclusive, in the parameter's unit: `{"lower", "upper"}`, `null` for none on that side.
    Limits(Arc<Limits>),
    /// A status: `{"code", "state", "text"}`, the code as SECoP counts.
    Status(Status),
    /// What a driver or a client sent along, and records of the host's: as the value is.
    Value(Value),
}

impl Payload {
    /// A record of the host's.
    pub fn record(json: Json) -> Self {
        Payload::Value(Value::Json(json))
    }

    /// Its form for programs.
    pub fn to_json(&self) -> Json {
        match self {
            Payload::Reading(Ok(reading)) => json!({
                "value": reading.value.to_json(),
                "t": reading.time.as_seconds(),
                "quality": reading.quality,
            }),
            Payload::Reading(Err(error)) => json!({
                "error": { "class": error.error.kind().class(), "text": error.error.message() },
                "t": error.time.as_seconds(),
            }),
            Payload::Limits(limits) => json!({
                "lower": limits.lower.as_ref().map(|bound| bound.value),
                "upper": limits.upper.as_ref().map(|bound| bound.value),
            }),
            Payload::Status(status) => json!({
                "code": status.code.number(),
                "state": status.code.word(),
                "text": status.text,
            }),
            Payload::Value(value) => value.to_json(),
        }
    }

    /// How many bytes it takes, roughly.
    pub fn bytes(&self) -> usize {
        64 + match self {
            Payload::Reading(Ok(reading)) => of_value(&reading.value),
            Payload::Reading(Err(error)) => error.error.message().len(),
            Payload::Limits(_) => 128,
            Payload::Status(status) => status.text.len(),
            Payload::Value(value) => of_value(value),
        }
    }

    /// Whether it may hold a buffer that the driver frees.
    pub(crate) fn may_be_foreign(&self) -> bool {
        matches!(
            self,
            Payload::Value(Value::Array(_) | Value::Json(_)) | Payload::Reading(_)
        )
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Payload::Value(value)
    }
}

fn of_value(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Array(array) => array.bytes().len(),
        Value::Json(json) => of_json(json),
        _ => 8,
    }
}

fn of_json(json: &Json) -> usize {
    8 + match json {
        Json::String(text) => text.len(),
        Json::Array(items) => items.iter().map(of_json).sum(),
        Json::Object(items) => items.iter().map(|(key, item)| 16 + key.len() + of_json(item)).sum(),
        _ => 8,
    }
}
