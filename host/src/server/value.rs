//! Values in the form of the wire: enum members as numbers, bytes as base64, arrays nested. Pure.

use std::fmt::{Display, Write};

use baton_plugin_api::{Array, Datatype, Value};
use serde_json::Value as Json;

use super::base64;

/// Appends a value of this datatype.
pub(super) fn push(out: &mut String, value: &Value, datatype: &Datatype) {
    match value {
        Value::Float(x) => push_float(out, *x),
        Value::Int(n) => push_display(out, n),
        Value::Bool(b) => push_display(out, b),
        Value::Text(text) => push_text(out, text, datatype),
        Value::Array(array) if matches!(datatype, Datatype::Bytes { .. }) => push_bytes(out, array.bytes()),
        Value::Array(array) => push_array(out, array),
        Value::Json(json) => push_json(out, json, datatype),
        // A kind from a later version of the API has no place on the wire.
        _ => out.push_str("null"),
    }
}

/// A value as text.
pub(super) fn to_string(value: &Value, datatype: &Datatype) -> String {
    let mut out = String::new();
    push(&mut out, value, datatype);
    out
}

/// What a client has sent for this datatype, before it is checked.
///
/// # Errors
/// Bytes that are not base64.
pub(super) fn parse(json: Json, datatype: &Datatype) -> Result<Value, String> {
    match (json, datatype) {
        (Json::String(text), Datatype::Bytes { .. }) => {
            let bytes = base64::decode(&text).ok_or("expected bytes as base64")?;
            Ok(Value::Array(Array::new(bytes)))
        }
        (json, _) => Ok(Value::from_json(json)),
    }
}

fn push_display(out: &mut String, item: impl Display) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{item}");
}

fn push_float(out: &mut String, x: f64) {
    match x.is_finite() {
        // The shortest form that reads back as the same number; JSON takes all that Rust writes.
        true => {
            let _ = write!(out, "{x:?}");
        }
        false => out.push_str("null"),
    }
}

fn push_text(out: &mut String, text: &str, datatype: &Datatype) {
    match datatype {
        Datatype::Enum { members } => match members.iter().find(|member| member.name == text) {
            Some(member) => push_display(out, member.value),
            None => push_display(out, Json::from(text)),
        },
        _ => push_display(out, Json::from(text)),
    }
}

fn push_bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    base64::encode(out, bytes);
    out.push('"');
}

fn push_array(out: &mut String, array: &Array) {
    let shape = array.shape();
    macro_rules! each {
        ($($element:ty => $push:expr),* $(,)?) => {
            $(if let Some(elements) = array.as_slice::<$element>() {
                return push_nested(out, &mut elements.iter(), &shape, &$push);
            })*
        };
    }
    each! {
        f64 => |out: &mut String, x: &f64| push_float(out, *x),
        // The digits of the short number, not those of its neighbour with 64 bits.
        f32 => |out: &mut String, x: &f32| match x.is_finite() {
            true => { let _ = write!(out, "{x:?}"); }
            false => out.push_str("null"),
        },
        u8 => push_display, i8 => push_display, u16 => push_display, i16 => push_display,
        u32 => push_display, i32 => push_display, u64 => push_display, i64 => push_display,
    }
    out.push_str("null");
}

fn push_nested<'a, T: 'a>(
    out: &mut String,
    elements: &mut impl Iterator<Item = &'a T>,
    shape: &[usize],
    push: &impl Fn(&mut String, &'a T),
) {
    let Some((length, rest)) = shape.split_first() else {
        return elements.next().map_or_else(|| {}, |element| push(out, element));
    };
    out.push('[');
    for index in 0..*length {
        if index > 0 {
            out.push(',');
        }
        push_nested(out, elements, rest, push);
    }
    out.push(']');
}

/// Records, and arrays of anything but numbers.
fn push_json(out: &mut String, json: &Json, datatype: &Datatype) {
    match (json, datatype) {
        (Json::String(text), datatype) => push_text(out, text, datatype),
        (Json::Array(items), Datatype::Bytes { .. }) => {
            let bytes: Vec<u8> = items.iter().filter_map(|item| item.as_u64()?.try_into().ok()).collect();
            push_bytes(out, &bytes);
        }
        (Json::Array(items), Datatype::Array { element, shape }) => {
            let inner = match shape.split_first() {
                Some((_, rest)) if !rest.is_empty() => &Datatype::Array {
                    element: element.clone(),
                    shape: rest.to_vec(),
                },
                _ => &**element,
            };
            push_list(out, '[', items.iter(), ']', |out, item| push_json(out, item, inner));
        }
        (Json::Object(map), Datatype::Record { fields }) => {
            push_list(out, '{', map.iter(), '}', |out, (name, item)| {
                let field = fields.iter().find(|field| field.name == *name);
                push_display(out, Json::from(name.as_str()));
                out.push(':');
                push_json(out, item, field.map_or(&Datatype::Unit, |field| &field.datatype));
            });
        }
        (json, _) => push_display(out, json),
    }
}

fn push_list<T>(
    out: &mut String,
    open: char,
    items: impl Iterator<Item = T>,
    close: char,
    push: impl Fn(&mut String, T),
) {
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::Field;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_read_back_as_they_are() {
        let show = |x: f64| to_string(&Value::Float(x), &Datatype::Float);
        assert_eq!(
            [show(2.0), show(0.1 + 0.2), show(1e300), show(-1e-7), show(f64::NAN)],
            ["2.0", "0.30000000000000004", "1e300", "-1e-7", "null"]
        );
    }

    #[test]
    fn enums_are_numbers_out_and_names_or_numbers_in() {
        let colour = Datatype::enumeration(["red", "green"]);
        assert_eq!(to_string(&Value::Text("green".into()), &colour), "1");
        for sent in [json!("green"), json!(1)] {
            let value = parse(sent, &colour).unwrap().conform(&colour);
            assert_eq!(value, Ok(Value::Text("green".into())));
        }
    }

    #[test]
    fn bytes_are_base64_both_ways() {
        let bytes = Datatype::Bytes { max_bytes: 10 };
        let value = parse(json!("AP8Q"), &bytes).unwrap().conform(&bytes).unwrap();
        assert_eq!(to_string(&value, &bytes), "\"AP8Q\"");
        assert!(parse(json!("no base64!"), &bytes).is_err());
    }

    #[test]
    fn arrays_are_nested_and_records_go_by_their_fields() {
        let array = Array::from_owner(vec![1.0_f32, 0.1, 3.0, 4.0], &[2, 2]).unwrap();
        let grid = Datatype::Array {
            element: Box::new(Datatype::Float),
            shape: vec![2, 2],
        };
        assert_eq!(to_string(&Value::Array(array), &grid), "[[1.0,0.1],[3.0,4.0]]");
        let field = |name: &str, datatype| Field {
            name: name.into(),
            datatype,
            unit: String::new(),
            limits: None,
            optional: false,
        };
        let colours = Datatype::Array {
            element: Box::new(Datatype::enumeration(["red", "green"])),
            shape: vec![3],
        };
        let record = Datatype::Record {
            fields: vec![field("n", Datatype::Float), field("colours", colours)],
        };
        let value = Value::Json(json!({ "n": 1, "colours": ["green", "red"] }));
        assert_eq!(to_string(&value, &record), r#"{"n":1,"colours":[1,0]}"#);
    }
}
