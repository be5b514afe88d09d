//! From what the user types as a value to what goes over the wire.

use serde_json::{Map, Number as JsonNumber, Value as Json};

use super::client::{Datainfo, Number};
use super::failure::Failure;
use super::names::suggest;

/// The wire's form of a value that the user typed for `path`.
///
/// A number may carry a unit. The declared one is taken off; any other goes to the host, which converts it, if
/// `host_converts`.
///
/// # Errors
/// Says what is expected, with the names to choose from where there are some.
pub(crate) fn encode(path: &str, datainfo: &Datainfo, typed: &str, host_converts: bool) -> Result<Json, Failure> {
    let expected = |what: &str| Failure::Request(format!("{path}: {typed:?} is not {what}"));
    match datainfo {
        Datainfo::Double(number) | Datainfo::Int(number) | Datainfo::Scaled(number) => {
            quantity(path, datainfo, number, typed.trim(), host_converts)
        }
        Datainfo::Bool => boolean(typed).map(Json::Bool).ok_or_else(|| expected("true or false")),
        Datainfo::Enum { members } => member(path, members, typed),
        Datainfo::String => Ok(Json::String(unquoted(typed))),
        Datainfo::Blob => Ok(Json::String(typed.to_owned())),
        Datainfo::Array { .. } | Datainfo::Tuple { .. } => {
            json(typed, Json::is_array).ok_or_else(|| expected(&format!("a JSON array, for {}", datainfo.noun())))
        }
        Datainfo::Struct { .. } => {
            json(typed, Json::is_object).ok_or_else(|| expected(&format!("a JSON object, for {}", datainfo.noun())))
        }
        Datainfo::Command { .. } | Datainfo::Other => {
            Ok(serde_json::from_str(typed).unwrap_or_else(|_| Json::String(typed.to_owned())))
        }
    }
}

fn quantity(path: &str, datainfo: &Datainfo, number: &Number, typed: &str, converts: bool) -> Result<Json, Failure> {
    let bare = typed
        .strip_suffix(&number.unit)
        .filter(|_| !number.unit.is_empty())
        .unwrap_or(typed)
        .trim();
    if let Some(json) = bare_number(datainfo, number, bare) {
        return Ok(json);
    }
    let starts_as_number = typed.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    if converts && starts_as_number && bare.parse::<f64>().is_err() {
        return Ok(Json::String(typed.to_owned()));
    }
    let unit = if number.unit.is_empty() {
        String::new()
    } else {
        format!(" in {}", number.unit)
    };
    let noun = match datainfo {
        Datainfo::Int(_) => "an integer",
        _ => "a number",
    };
    Err(Failure::Request(format!("{path}: {typed:?} is not {noun}{unit}")))
}

fn bare_number(datainfo: &Datainfo, number: &Number, text: &str) -> Option<Json> {
    match datainfo {
        Datainfo::Int(_) => text.trim_start_matches('+').parse::<i64>().ok().map(Json::from),
        Datainfo::Scaled(_) => {
            let steps = (text.parse::<f64>().ok()? / number.scale).round();
            (steps.abs() < 9e15).then(|| Json::from(steps as i64))
        }
        _ => JsonNumber::from_f64(text.parse().ok()?).map(Json::Number),
    }
}

fn json(typed: &str, is_expected: fn(&Json) -> bool) -> Option<Json> {
    serde_json::from_str(typed).ok().filter(is_expected)
}

fn boolean(typed: &str) -> Option<bool> {
    match typed.trim().to_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// The number of an enum's member, by its name or number.
fn member(path: &str, members: &Map<String, Json>, typed: &str) -> Result<Json, Failure> {
    let typed = typed.trim();
    let name = unquoted(typed);
    let by_name = members.get(&name).or_else(|| {
        let alike = members.iter().find(|(member, _)| member.eq_ignore_ascii_case(&name));
        alike.map(|(_, number)| number)
    });
    let number = typed.parse::<i64>().ok();
    let by_number = || {
        members
            .values()
            .find(|member| number.is_some() && member.as_i64() == number)
    };
    by_name.or_else(by_number).cloned().ok_or_else(|| {
        let names: Vec<&str> = members.keys().map(String::as_str).collect();
        let hint = suggest(typed, &names, "values");
        Failure::Request(format!("{path}: {typed:?} is none of its values{hint}"))
    })
}

/// Text in JSON's quotes without them, anything else as it is.
fn unquoted(typed: &str) -> String {
    match typed.starts_with('"') {
        true => serde_json::from_str(typed).unwrap_or_else(|_| typed.to_owned()),
        false => typed.to_owned(),
    }
}

/// Seconds of a duration such as `500 ms`, `2s`, `1 min`, `30m`, or bare seconds.
///
/// # Errors
/// Says what is expected.
pub(crate) fn duration(typed: &str) -> Result<f64, String> {
    let digits = typed.trim_end_matches(|c: char| c.is_alphabetic() || c == ' ');
    let factor = match typed[digits.len()..].trim() {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => f64::NAN,
    };
    let seconds = digits.parse::<f64>().map_or(f64::NAN, |number| number * factor);
    // A year is more than anybody waits, and less than what the clocks of the system can add.
    match (0.0..=31_536_000.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("expected a duration such as \"500 ms\", \"2 s\" or \"1 min\"".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn check(datainfo: Json, typed: &str, converts: bool, expected: Expect) {
        let encoded = encode("dev.p", &Datainfo::parse(&datainfo), typed, converts);
        expected.assert_eq(&encoded.map_or_else(|failure| failure.to_string(), |json| json.to_string()));
    }

    #[test]
    fn a_number_may_carry_its_unit_and_another_is_left_to_the_host() {
        let mm = json!({"type": "double", "unit": "mm"});
        check(mm.clone(), "2", true, expect!["2.0"]);
        check(mm.clone(), "-1e-3mm", true, expect!["-0.001"]);
        check(mm.clone(), "2000 um", true, expect![[r#""2000 um""#]]);
        check(
            mm.clone(),
            "2000 um",
            false,
            expect![[r#"dev.p: "2000 um" is not a number in mm"#]],
        );
        check(
            mm.clone(),
            "far",
            true,
            expect![[r#"dev.p: "far" is not a number in mm"#]],
        );
        check(mm, "nan", true, expect![[r#"dev.p: "nan" is not a number in mm"#]]);
        check(json!({"type": "int"}), "+3", true, expect!["3"]);
        check(
            json!({"type": "int"}),
            "3.5",
            true,
            expect![[r#"dev.p: "3.5" is not an integer"#]],
        );
        check(
            json!({"type": "scaled", "scale": 0.1, "unit": "K"}),
            "1.5 K",
            false,
            expect!["15"],
        );
    }

    #[test]
    fn words_become_what_the_wire_wants() {
        let shutter = json!({"type": "enum", "members": {"closed": 0, "open": 1}});
        check(shutter.clone(), "Open", true, expect!["1"]);
        check(shutter.clone(), "0", true, expect!["0"]);
        check(
            shutter,
            "opne",
            true,
            expect![[r#"dev.p: "opne" is none of its values; did you mean "open"?"#]],
        );
        check(json!({"type": "bool"}), "on", true, expect!["true"]);
        check(
            json!({"type": "bool"}),
            "2",
            true,
            expect![[r#"dev.p: "2" is not true or false"#]],
        );
        check(json!({"type": "string"}), "a b", true, expect![[r#""a b""#]]);
        check(json!({"type": "string"}), "\"12\"", true, expect![[r#""12""#]]);
        check(
            json!({"type": "array", "members": {"type": "double"}}),
            "1 2",
            true,
            expect![[r#"dev.p: "1 2" is not a JSON array, for array of number"#]],
        );
    }

    #[test]
    fn a_duration_has_a_unit_or_is_in_seconds() {
        assert_eq!(duration("2"), Ok(2.0));
        assert_eq!(duration("500 ms"), Ok(0.5));
        assert_eq!((duration("1.5min"), duration("30m")), (Ok(90.0), Ok(1800.0)));
        assert!(duration("-1").is_err() && duration("soon").is_err() && duration("1 parsec").is_err());
        assert!(duration("inf").is_err());
    }
}
