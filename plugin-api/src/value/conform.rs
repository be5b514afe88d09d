//! One converter between the forms that a value may come in and the one that a datatype is kept in.

use serde_json::Value as Json;

use super::Value;
use crate::{Array, Datatype, ElementType, datatype::Field};

pub(super) fn conform(value: Value, datatype: &Datatype) -> Result<Value, String> {
    let found = value.noun();
    let expected = |what: String| format!("expected {what}, found {found}");
    match (datatype, value) {
        (Datatype::Unit, Value::Unit | Value::Json(Json::Null)) => Ok(Value::Unit),
        (Datatype::Bool, Value::Bool(b)) => Ok(Value::Bool(b)),
        (Datatype::Bool, Value::Int(n @ (0 | 1))) => Ok(Value::Bool(n == 1)),
        (Datatype::Int { min, max }, value @ (Value::Int(_) | Value::Float(_))) => {
            let n = whole(&value).ok_or_else(|| expected("an integer".into()))?;
            if n < *min || n > *max {
                return Err(format!("{n} is outside {min} to {max}"));
            }
            Ok(Value::Int(n))
        }
        (Datatype::Float, Value::Int(n)) => Ok(Value::Float(n as f64)),
        (Datatype::Float, Value::Float(x)) => Ok(Value::Float(x)),
        (Datatype::Enum { members }, value) => match &value {
            Value::Text(name) if members.iter().any(|m| m.name == *name) => Ok(value),
            Value::Int(_) | Value::Float(_) => whole(&value)
                .and_then(|n| members.iter().find(|m| m.value == n))
                .map(|m| Value::Text(m.name.clone()))
                .ok_or_else(|| one_of(members, &format!("{}", value.as_f64().unwrap_or(f64::NAN)))),
            Value::Bool(on) => {
                // `on` and `off`, `true` and `false` as TOML and shells like to write them.
                let wanted = if *on { ["on", "true"] } else { ["off", "false"] };
                let member = members.iter().find(|m| wanted.contains(&m.name.as_str()));
                member
                    .map(|m| Value::Text(m.name.clone()))
                    .ok_or_else(|| one_of(members, &on.to_string()))
            }
            Value::Text(name) => Err(one_of(members, &format!("`{name}`"))),
            _ => Err(one_of(members, found)),
        },
        (Datatype::Text { max_chars }, Value::Text(text)) => match max_chars {
            Some(max) if text.chars().count() as u64 > *max => Err(format!(
                "the text has {} characters, at most {max} are allowed",
                text.chars().count()
            )),
            _ => Ok(Value::Text(text)),
        },
        (Datatype::Bytes { max_bytes }, Value::Array(array)) if array.element_type() == ElementType::U8 => {
            if array.len() as u64 > *max_bytes {
                return Err(format!("{} bytes, at most {max_bytes} are allowed", array.len()));
            }
            Ok(Value::Array(array))
        }
        (Datatype::Array { element, shape }, Value::Array(array)) => {
            if !element.is_numeric() {
                return Err(expected(format!("an array of {}", element.noun())));
            }
            check_shape(&array.shape(), shape)?;
            if let Datatype::Int { min, max } = **element {
                if array.element_type().is_float() {
                    return Err("expected an array of integers, found an array of numbers".into());
                }
                if let Some(x) = array.to_f64().into_iter().find(|x| *x < min as f64 || *x > max as f64) {
                    return Err(format!("{x} is outside {min} to {max}"));
                }
            }
            Ok(Value::Array(array))
        }
        (Datatype::Array { element, shape }, Value::Json(json @ Json::Array(_))) => json_array(json, element, shape),
        (Datatype::Record { fields }, Value::Json(Json::Object(map))) => record(map, fields),
        (datatype, _) => Err(expected(with_article(datatype.noun()))),
    }
}

fn with_article(noun: &str) -> String {
    match noun {
        "text" | "bytes" | "nothing" => noun.to_owned(),
        _ if noun.starts_with(['a', 'e', 'i', 'o']) => format!("an {noun}"),
        _ => format!("a {noun}"),
    }
}

fn one_of(members: &[crate::datatype::Member], found: &str) -> String {
    let names: Vec<_> = members.iter().map(|m| format!("`{}`", m.name)).collect();
    format!("expected one of {}, found {found}", names.join(", "))
}

/// The integer that a value is without loss.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        // 2^63 itself is no i64, and every float below it that has no fraction is one.
        Value::Float(x) if x.fract() == 0.0 && x.abs() < 9_223_372_036_854_775_808.0 => Some(*x as i64),
        _ => None,
    }
}

fn check_shape(found: &[usize], greatest: &[u64]) -> Result<(), String> {
    if found.len() != greatest.len() {
        return Err(format!("expected {} dimensions, found {}", greatest.len(), found.len()));
    }
    match found.iter().zip(greatest).find(|(n, max)| **n as u64 > **max) {
        Some((n, max)) => Err(format!("the array has {n} elements, at most {max} are allowed")),
        None => Ok(()),
    }
}

/// From JSON, as config and wire have it.
fn json_array(json: Json, element: &Datatype, shape: &[u64]) -> Result<Value, String> {
    if !element.is_numeric() {
        return conform_json(
            json,
            &Datatype::Array {
                element: Box::new(element.clone()),
                shape: shape.to_vec(),
            },
        )
        .map(Value::Json);
    }
    let mut lengths = Vec::new();
    let mut level = &json;
    while let Json::Array(items) = level {
        lengths.push(items.len());
        match items.first() {
            Some(first) => level = first,
            None => break,
        }
    }
    check_shape(&lengths, shape)?;
    let mut numbers = Vec::new();
    flatten(&json, &lengths, &mut numbers)?;
    let array = if let Datatype::Int { .. } = element {
        let whole: Option<Vec<i64>> = numbers.iter().map(serde_json::Number::as_i64).collect();
        let whole = whole.ok_or("expected an array of integers")?;
        Array::from_owner(whole, &lengths)
    } else {
        Array::from_owner(
            numbers
                .iter()
                .filter_map(serde_json::Number::as_f64)
                .collect::<Vec<_>>(),
            &lengths,
        )
    };
    let array = array.map_err(|error| error.message().to_owned())?;
    conform(
        Value::Array(array),
        &Datatype::Array {
            element: Box::new(element.clone()),
            shape: shape.to_vec(),
        },
    )
}

fn flatten(json: &Json, lengths: &[usize], numbers: &mut Vec<serde_json::Number>) -> Result<(), String> {
    match (json, lengths) {
        (Json::Array(items), [length, rest @ ..]) if items.len() == *length => {
            items.iter().try_for_each(|item| flatten(item, rest, numbers))
        }
        (Json::Number(number), []) => {
            numbers.push(number.clone());
            Ok(())
        }
        (Json::Array(_), _) => Err("the rows of the array differ in length".into()),
        _ => Err("expected an array of numbers".into()),
    }
}

/// Checks JSON that stays JSON: records, and arrays of anything but numbers.
fn conform_json(json: Json, datatype: &Datatype) -> Result<Json, String> {
    match (datatype, json) {
        (Datatype::Array { element, shape }, Json::Array(items)) => {
            let (max, rest) = shape.split_first().ok_or("an array has at least one dimension")?;
            if items.len() as u64 > *max {
                return Err(format!(
                    "the array has {} elements, at most {max} are allowed",
                    items.len()
                ));
            }
            let inner = match rest {
                [] => (**element).clone(),
                rest => Datatype::Array {
                    element: element.clone(),
                    shape: rest.to_vec(),
                },
            };
            items
                .into_iter()
                .map(|item| conform_json(item, &inner))
                .collect::<Result<_, _>>()
                .map(Json::Array)
        }
        (Datatype::Record { fields }, Json::Object(map)) => match record(map, fields)? {
            Value::Json(json) => Ok(json),
            _ => unreachable!("a record is kept as JSON"),
        },
        (datatype, json) => Ok(conform(Value::from_json(json), datatype)?.to_json()),
    }
}

fn record(mut map: serde_json::Map<String, Json>, fields: &[Field]) -> Result<Value, String> {
    let mut out = serde_json::Map::new();
    for field in fields {
        match map.remove(&field.name) {
            Some(Json::Null) | None if field.optional => {}
            None => return Err(format!("the field `{}` is missing", field.name)),
            Some(json) => {
                let json = conform_json(json, &field.datatype).map_err(|why| format!("{}: {why}", field.name))?;
                out.insert(field.name.clone(), json);
            }
        }
    }
    match map.keys().next() {
        Some(name) => {
            let known: Vec<_> = fields.iter().map(|f| format!("`{}`", f.name)).collect();
            Err(format!(
                "there is no field `{name}`; the fields are {}",
                known.join(", ")
            ))
        }
        None => Ok(Value::Json(Json::Object(out))),
    }
}

impl Value {
    /// The value that JSON stands for, before a datatype was asked (see [`Value::conform`]).
    pub fn from_json(json: Json) -> Value {
        match json {
            Json::Null => Value::Unit,
            Json::Bool(b) => Value::Bool(b),
            Json::Number(n) => match n.as_i64() {
                Some(n) => Value::Int(n),
                None => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text),
            json => Value::Json(json),
        }
    }

    /// As JSON for people and programs: enum members by name, bytes and arrays as arrays of numbers. A float that is
    /// not finite is `null`.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Unit => Json::Null,
            Value::Bool(b) => Json::from(*b),
            Value::Int(n) => Json::from(*n),
            Value::Float(x) => Json::from(*x),
            Value::Text(text) => Json::from(text.as_str()),
            Value::Array(array) => {
                let shape = array.shape();
                let numbers: Vec<Json> = if array.element_type().is_float() {
                    array.to_f64().into_iter().map(Json::from).collect()
                } else {
                    integers(array)
                };
                nest(&mut numbers.into_iter(), &shape)
            }
            Value::Json(json) => json.clone(),
        }
    }
}

fn integers(array: &Array) -> Vec<Json> {
    macro_rules! each {
        ($($type:ty),*) => {
            $(if let Some(slice) = array.as_slice::<$type>() {
                return slice.iter().map(|&n| Json::from(n)).collect();
            })*
        };
    }
    each!(u8, i8, u16, i16, u32, i32, u64, i64);
    Vec::new()
}

fn nest(numbers: &mut std::vec::IntoIter<Json>, shape: &[usize]) -> Json {
    match shape {
        [] => numbers.next().unwrap_or(Json::Null),
        [length, rest @ ..] => (0..*length).map(|_| nest(numbers, rest)).collect(),
    }
}

#[cfg(test)]
mod tests;
