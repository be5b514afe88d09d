//! The datatype of a serde type, from its JSON Schema.

use serde_json::Value as Json;

use crate::{DEFAULT_MAX_LENGTH, Datatype, Field};

/// The datatype that a schema without references describes; `None` if there is none like it.
pub(super) fn datatype_of(schema: &Json) -> Option<Datatype> {
    if let Some(names) = enum_names(schema) {
        return Some(Datatype::enumeration(names));
    }
    if let Some(inner) = of_option(schema) {
        return datatype_of(inner);
    }
    match type_of(schema)? {
        "boolean" => Some(Datatype::Bool),
        "number" => Some(Datatype::Float),
        "integer" => {
            let (min, max) = integer_range(schema);
            Some(Datatype::Int { min, max })
        }
        "string" => Some(Datatype::Text {
            max_chars: schema.get("maxLength").and_then(Json::as_u64),
        }),
        "array" => {
            let max = schema
                .get("maxItems")
                .and_then(Json::as_u64)
                .unwrap_or(DEFAULT_MAX_LENGTH);
            match datatype_of(schema.get("items")?)? {
                Datatype::Array { element, mut shape } => {
                    shape.insert(0, max);
                    Some(Datatype::Array { element, shape })
                }
                element => Some(Datatype::Array {
                    element: Box::new(element),
                    shape: vec![max],
                }),
            }
        }
        "object" => {
            let required: Vec<_> = schema
                .get("required")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .collect();
            let properties = schema.get("properties").and_then(Json::as_object)?;
            let field = |(name, schema): (&String, &Json)| {
                let unit = schema.get("unit").and_then(Json::as_str).unwrap_or_default().to_owned();
                let optional = !required.iter().any(|r| r.as_str() == Some(name));
                Some(Field {
                    name: name.clone(),
                    datatype: datatype_of(schema)?,
                    unit,
                    limits: limits_of(schema),
                    optional,
                })
            };
            Some(Datatype::Record {
                fields: properties.iter().map(field).collect::<Option<_>>()?,
            })
        }
        _ => None,
    }
}

/// What an `Option` is of, where schemars writes it as `anyOf` with `null`.
fn of_option(schema: &Json) -> Option<&Json> {
    let [inner, null] = schema.get("anyOf")?.as_array()?.as_slice() else {
        return None;
    };
    (null.get("type")?.as_str()? == "null").then_some(inner)
}

/// The one type that a schema names besides `null`.
fn type_of(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

/// What `#[schemars(range(min = …, max = …))]` says of a number, or of the elements of an array. The bounds that schemars
/// gives every unsigned integer are part of its datatype.
fn limits_of(schema: &Json) -> Option<(f64, f64)> {
    let schema = of_option(schema).unwrap_or(schema);
    let schema = schema.get("items").unwrap_or(schema);
    let bound = |key: &str| schema.get(key).and_then(Json::as_f64);
    let (lower, upper) = (bound("minimum"), bound("maximum"));
    if type_of(schema) == Some("integer") && upper.is_none() && lower == Some(0.0) || lower.or(upper).is_none() {
        return None;
    }
    // JSON has no infinity.
    Some((lower.unwrap_or(f64::MIN), upper.unwrap_or(f64::MAX)))
}

fn integer_range(schema: &Json) -> (i64, i64) {
    let bits = match schema.get("format").and_then(Json::as_str) {
        Some("uint8") => (0, u8::MAX.into()),
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint64") | Some("uint") => (0, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    };
    let bound = |key, default| schema.get(key).and_then(Json::as_i64).unwrap_or(default);
    (bound("minimum", bits.0), bound("maximum", bits.1))
}

/// The names of an enum without fields; schemars writes those with doc comments as `oneOf` with `const`.
pub(super) fn enum_names(schema: &Json) -> Option<Vec<String>> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    if let Some(names) = schema.get("enum").and_then(Json::as_array) {
        return names.iter().map(text).collect();
    }
    let alternatives = schema.get("oneOf").and_then(Json::as_array)?;
    let names = alternatives.iter().map(
        |one| match (one.get("const"), one.get("enum").and_then(Json::as_array)) {
            (Some(name), _) => text(name).map(|name| vec![name]),
            (None, Some(names)) => names.iter().map(text).collect(),
            (None, None) => None,
        },
    );
    Some(names.collect::<Option<Vec<_>>>()?.concat())
}
