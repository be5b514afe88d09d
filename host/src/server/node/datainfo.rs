//! Datatypes as SECoP describes them, with everything that it makes mandatory. Pure.

use baton_plugin_api::Datatype;
use serde_json::{Map, Value as Json, json};

/// What is said of the numbers in a datatype.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers<'a> {
    /// Their unit; empty if they have none.
    pub(super) unit: &'a str,
    /// Smallest and greatest.
    pub(super) limits: Option<(f64, f64)>,
    /// Digits after the point that are worth showing.
    pub(super) digits: Option<u8>,
}

/// The datainfo of a value.
pub(super) fn datainfo(datatype: &Datatype, numbers: Numbers<'_>) -> Json {
    match datatype {
        Datatype::Bool => json!({ "type": "bool" }),
        Datatype::Int { min, max } => int(*min, *max, numbers),
        Datatype::Float => double(numbers),
        Datatype::Enum { members } => {
            let members: Map<_, _> = members
                .iter()
                .map(|member| (member.name.clone(), member.value.into()))
                .collect();
            json!({ "type": "enum", "members": members })
        }
        Datatype::Text { max_chars } => {
            let mut info = text();
            if let Some(max) = max_chars {
                info["maxchars"] = json!(max);
            }
            info
        }
        Datatype::Bytes { max_bytes } => json!({ "type": "blob", "maxbytes": max_bytes }),
        Datatype::Array { element, shape } => {
            // SECoP's `matrix` would drop the whole node from a client of today; nested arrays do not (W5).
            let element = datainfo(element, numbers);
            let nest = |inner: Json, length: &u64| json!({ "type": "array", "members": inner, "maxlen": length });
            shape.iter().rev().fold(element, nest)
        }
        Datatype::Record { fields } => {
            let of_field = |unit| Numbers {
                unit,
                ..Numbers::default()
            };
            let members: Map<_, _> = fields
                .iter()
                .map(|field| (field.name.clone(), datainfo(&field.datatype, of_field(&field.unit))))
                .collect();
            let optional: Vec<_> = fields.iter().filter(|f| f.optional).map(|f| &f.name).collect();
            let mut info = json!({ "type": "struct", "members": members });
            if !optional.is_empty() {
                info["optional"] = json!(optional);
            }
            info
        }
        // Only commands have nothing as a value, and they leave it out.
        _ => json!({ "type": "struct", "members": {} }),
    }
}

/// The datainfo of a text. SECoP takes a text for ASCII unless told otherwise.
pub(super) fn text() -> Json {
    json!({ "type": "string", "isUTF8": true })
}

/// The datainfo of a command; what is [`Datatype::Unit`] is left out.
pub(super) fn command(argument: (&Datatype, &str), result: (&Datatype, &str)) -> Json {
    let mut info = json!({ "type": "command" });
    for (key, (datatype, unit)) in [("argument", argument), ("result", result)] {
        if *datatype != Datatype::Unit {
            let numbers = Numbers {
                unit,
                ..Numbers::default()
            };
            info[key] = datainfo(datatype, numbers);
        }
    }
    info
}

fn double(numbers: Numbers<'_>) -> Json {
    let mut info = json!({ "type": "double" });
    add_unit(&mut info, numbers.unit);
    if let Some((min, max)) = numbers.limits {
        info["min"] = json!(min);
        info["max"] = json!(max);
    }
    if let Some(digits) = numbers.digits {
        info["fmtstr"] = json!(format!("%.{digits}f"));
    }
    info
}

fn int(min: i64, max: i64, numbers: Numbers<'_>) -> Json {
    // Conversions from a float saturate.
    let (lower, upper) = numbers
        .limits
        .map_or((min, max), |(lower, upper)| (lower.ceil() as i64, upper.floor() as i64));
    let mut info = json!({ "type": "int", "min": min.max(lower), "max": max.min(upper) });
    add_unit(&mut info, numbers.unit);
    info
}

fn add_unit(info: &mut Json, unit: &str) {
    if !unit.is_empty() {
        info["unit"] = json!(unit);
    }
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::Field;
    use expect_test::{Expect, expect};

    use super::*;

    fn check(datatype: Datatype, expected: Expect) {
        let numbers = Numbers {
            unit: "mm",
            limits: Some((-1.5, 50.0)),
            digits: Some(3),
        };
        expected.assert_eq(&datainfo(&datatype, numbers).to_string());
    }

    #[test]
    fn every_kind_has_what_secop_makes_mandatory() {
        check(
            Datatype::Float,
            expect![[r#"{"type":"double","unit":"mm","min":-1.5,"max":50.0,"fmtstr":"%.3f"}"#]],
        );
        check(
            Datatype::Int { min: 0, max: 255 },
            expect![[r#"{"type":"int","min":0,"max":50,"unit":"mm"}"#]],
        );
        check(
            Datatype::enumeration(["closed", "open"]),
            expect![[r#"{"type":"enum","members":{"closed":0,"open":1}}"#]],
        );
        check(
            Datatype::Text { max_chars: Some(9) },
            expect![[r#"{"type":"string","isUTF8":true,"maxchars":9}"#]],
        );
        check(
            Datatype::Bytes { max_bytes: 4 },
            expect![[r#"{"type":"blob","maxbytes":4}"#]],
        );
        let image = Datatype::Array {
            element: Box::new(Datatype::Int { min: 0, max: 9 }),
            shape: vec![2, 3],
        };
        check(
            image,
            expect![[
                r#"{"type":"array","members":{"type":"array","members":{"type":"int","min":0,"max":9,"unit":"mm"},"maxlen":3},"maxlen":2}"#
            ]],
        );
    }

    #[test]
    fn a_record_is_a_struct_with_a_unit_for_each_field() {
        let field = |name: &str, unit: &str, optional| Field {
            name: name.into(),
            datatype: Datatype::Float,
            unit: unit.into(),
            limits: None,
            optional,
        };
        let record = Datatype::Record {
            fields: vec![field("volume", "ml", false), field("rate", "ml/min", true)],
        };
        expect![[
            r#"{"type":"command","argument":{"type":"struct","members":{"volume":{"type":"double","unit":"ml"},"rate":{"type":"double","unit":"ml/min"}},"optional":["rate"]}}"#
        ]]
        .assert_eq(&command((&record, ""), (&Datatype::Unit, "")).to_string());
    }
}
