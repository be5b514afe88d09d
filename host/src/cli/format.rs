//! Values and times as people read them.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::client::{Datainfo, Number, Parameter};

/// A value of `parameter` as the wire has it, without its unit.
pub(crate) fn value(parameter: &Parameter, value: &Json) -> String {
    match parameter.wire.as_str() {
        "status" => super::readings::Status::parse(value).label(),
        _ => text(&parameter.datainfo, parameter.digits, value),
    }
}

/// A value of any kind, without its unit. `digits` after the point are shown, if that is known; else what the
/// datainfo's `fmtstr` says, and SECoP's default `%.6g` without one.
pub(crate) fn text(datainfo: &Datainfo, digits: Option<u8>, value: &Json) -> String {
    match (datainfo, value) {
        (_, Json::Null) => "-".to_owned(),
        (Datainfo::Double(number), Json::Number(_)) => decimal(number, digits, value.as_f64().unwrap_or(f64::NAN)),
        (Datainfo::Scaled(number), Json::Number(_)) => {
            let digits = digits.or_else(|| number.fmtstr.is_none().then(|| decimals(number.scale)));
            decimal(number, digits, value.as_f64().unwrap_or(f64::NAN) * number.scale)
        }
        // A bound that was counted with as a double is a whole number all the same.
        (Datainfo::Int(_), Json::Number(number)) if number.is_f64() => fixed(number.as_f64().unwrap_or(f64::NAN), 0),
        (Datainfo::Enum { members }, _) => member_name(members, value),
        (Datainfo::String | Datainfo::Blob, Json::String(text)) => text.clone(),
        (Datainfo::Array { members, .. }, Json::Array(items)) => {
            let items: Vec<_> = items.iter().map(|item| text(members, digits, item)).collect();
            format!("[{}]", items.join(", "))
        }
        (Datainfo::Tuple { members }, Json::Array(items)) => {
            let items = members.iter().zip(items);
            let items: Vec<_> = items.map(|(member, item)| text(member, None, item)).collect();
            format!("({})", items.join(", "))
        }
        (Datainfo::Struct { members, .. }, Json::Object(fields)) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| field(members.get(name), name, value))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        (_, Json::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    }
}

/// `name: value unit` of a field of a struct.
fn field(datainfo: Option<&Json>, name: &str, value: &Json) -> String {
    let datainfo = datainfo.map_or(Datainfo::Other, Datainfo::parse);
    let shown = format!("{name}: {} {}", text(&datainfo, None, value), datainfo.unit());
    shown.trim_end().to_owned()
}

fn member_name(members: &serde_json::Map<String, Json>, value: &Json) -> String {
    let name = members
        .iter()
        .find(|(_, number)| *number == value)
        .map(|(name, _)| name.clone());
    name.unwrap_or_else(|| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn decimal(number: &Number, digits: Option<u8>, value: f64) -> String {
    match (digits, &number.fmtstr) {
        (Some(digits), _) => fixed(value, digits.into()),
        (None, Some(fmtstr)) => printf(fmtstr, value),
        (None, None) => general(value, 6),
    }
}

/// How many decimals a step needs.
fn decimals(scale: f64) -> u8 {
    (0..12u8)
        .find(|&n| (scale * 10f64.powi(n.into())).fract().abs() < 1e-9)
        .unwrap_or(12)
}

/// A number as C's `printf` writes it with `%.3f`, `%.2e`, `%.4g` or `%d`; anything else counts as `%.6g`.
fn printf(fmtstr: &str, value: f64) -> String {
    let spec = fmtstr.trim_start_matches('%').trim_start_matches('.');
    let kind = spec.chars().last().unwrap_or('g');
    let digits = match spec.trim_end_matches(kind) {
        "" => Some(6),
        digits => digits.parse::<usize>().ok().filter(|digits| *digits <= 30),
    };
    match (kind, digits) {
        ('f', Some(digits)) => fixed(value, digits),
        ('e', Some(digits)) => exponent(value, digits),
        ('g', Some(digits)) => general(value, digits),
        ('d', _) => fixed(value, 0),
        _ => general(value, 6),
    }
}

/// Fixed point, where a rounded zero has no sign.
fn fixed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        _ => text,
    }
}

/// `1.50e-05`, with at least two digits in the exponent.
fn exponent(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return text;
    };
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{mantissa}e-{exponent:0>2}"),
        None => format!("{mantissa}e+{exponent:0>2}"),
    }
}

/// So many significant digits, whichever form is shorter, without trailing zeros.
fn general(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 {
            "0".to_owned()
        } else {
            value.to_string()
        };
    }
    let digits = digits.max(1);
    let scientific = exponent(value, digits - 1);
    let (mantissa, power) = scientific.split_once('e').expect("a finite number has an exponent");
    let power: i32 = power.parse().expect("the exponent is a number");
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if power < -4 || power >= digits as i32 {
        let mark = &scientific[mantissa.len()..];
        return format!("{}{mark}", trim(mantissa));
    }
    trim(&fixed(value, (digits as i32 - 1 - power).max(0) as usize))
}

/// How the word for a status looks: what needs a look stands out.
pub(crate) fn status_style(word: &str) -> Style {
    match word {
        "busy" => AnsiColor::Cyan.on_default(),
        "warn" => AnsiColor::Yellow.on_default(),
        "error" => AnsiColor::Red.on_default().bold(),
        "disabled" => Style::new().dimmed(),
        _ => Style::new(),
    }
}

/// Unix seconds as local time, to the millisecond: `2026-03-01 14:02:03.250`.
pub(crate) fn local_time(seconds: Option<f64>) -> String {
    let Some(time) = seconds.and_then(timestamp) else {
        return "-".to_owned();
    };
    time.to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M:%S%.3f")
        .to_string()
}

/// Unix seconds as local time, as short as it can be today: `14:02:03`, or `2026-03-01 14:02`.
pub(crate) fn brief_time(seconds: Option<f64>) -> String {
    let Some(time) = seconds.and_then(timestamp) else {
        return "-".to_owned();
    };
    let (time, now) = (time.to_zoned(TimeZone::system()), jiff::Zoned::now());
    let form = if time.date() == now.date() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M"
    };
    time.strftime(form).to_string()
}

/// A span of seconds for people: `12 s`, `3 min`, `2.5 h`.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        ..0.0 => "0 s".to_owned(),
        ..120.0 => format!("{seconds:.0} s"),
        ..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Unix seconds as RFC 3339 with nanoseconds, for programs: `2026-03-01T14:02:03.250000000Z`.
pub(crate) fn rfc3339(seconds: Option<f64>) -> Json {
    let time = seconds.and_then(timestamp);
    time.map_or(Json::Null, |time| Json::String(format!("{time:.9}")))
}

fn timestamp(seconds: f64) -> Option<Timestamp> {
    // A double holds today's seconds to a quarter of a microsecond; more digits would be noise.
    let micros = (seconds * 1e6).round();
    (micros.abs() < 1e17)
        .then(|| Timestamp::from_microsecond(micros as i64).ok())
        .flatten()
}

/// Text on one line: control characters, which could also play with the terminal, are escaped.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => write!(line, "{}", c.escape_default()).expect("a String takes everything"),
            false => line.push(c),
        }
    }
    line
}

/// Text cut to `chars`, with an ellipsis where something is missing.
pub(crate) fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars - 1).collect();
    format!("{kept}…")
}

/// Longest array, in characters, that people get to see whole.
const ARRAY_CHARS: usize = 160;

/// The `text` of an array, cut to its beginning and its shape where it is long: `[0, 1, 0, 3, … (64 × 1024)`.
pub(crate) fn abridged(text: String, array: &Json) -> String {
    if text.chars().count() <= ARRAY_CHARS {
        return text;
    }
    let mut shape = Vec::new();
    let mut part = Some(array);
    while let Some(Json::Array(items)) = part {
        shape.push(items.len().to_string());
        part = items.first();
    }
    let beginning: String = text.chars().take(ARRAY_CHARS / 4).collect();
    let whole_items = beginning
        .rsplit_once(", ")
        .map_or(beginning.as_str(), |(items, _)| items);
    let items = if shape.len() == 1 { " items" } else { "" };
    format!("{whole_items}, … ({}{items})", shape.join(" × "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_written_as_printf_does() {
        let show = |fmtstr: &str, value: f64| printf(fmtstr, value);
        assert_eq!(show("%.3f", 2.0), "2.000");
        assert_eq!(show("%.1f", -0.01), "0.0");
        assert_eq!(show("%.2e", 0.000_015), "1.50e-05");
        assert_eq!(show("%.6g", 1234.5), "1234.5");
        assert_eq!(show("%.6g", 1_234_567.0), "1.23457e+06");
        assert_eq!(show("%.6g", 0.000_012), "1.2e-05");
        assert_eq!(show("%.6g", 999_999.9), "1e+06");
        assert_eq!(show("%g", 100.0), "100");
        assert_eq!(show("%d", 3.0), "3");
        assert_eq!(show("nonsense", 0.5), "0.5");
        assert_eq!(show("%.6g", f64::NAN), "NaN");
    }

    #[test]
    fn every_kind_of_value_has_a_short_form() {
        let show = |datainfo: Json, value: Json| text(&Datainfo::parse(&datainfo), None, &value);
        assert_eq!(show(json!({"type": "bool"}), json!(true)), "true");
        assert_eq!(show(json!({"type": "int"}), json!(-3)), "-3");
        assert_eq!(show(json!({"type": "int"}), json!(65535.0)), "65535");
        assert_eq!(
            show(json!({"type": "scaled", "scale": 0.01, "min": 0, "max": 9}), json!(150)),
            "1.50"
        );
        assert_eq!(
            show(json!({"type": "enum", "members": {"off": 0, "on": 1}}), json!(1)),
            "on"
        );
        assert_eq!(show(json!({"type": "enum", "members": {"off": 0}}), json!(7)), "7");
        assert_eq!(show(json!({"type": "string"}), json!("a b")), "a b");
        assert_eq!(
            show(json!({"type": "array", "members": {"type": "double"}}), json!([1.5, 2])),
            "[1.5, 2]"
        );
        assert_eq!(
            show(
                json!({"type": "struct", "members": {"v": {"type": "double", "unit": "mL"}}}),
                json!({"v": 2.0})
            ),
            "{v: 2 mL}"
        );
        assert_eq!(show(json!({"type": "double"}), Json::Null), "-");
    }

    #[test]
    fn times_are_local_for_people_and_rfc_3339_for_programs() {
        assert_eq!(rfc3339(Some(1_700_000_000.25)), json!("2023-11-14T22:13:20.250000000Z"));
        assert_eq!(rfc3339(Some(f64::NAN)), Json::Null);
        assert_eq!(local_time(None), "-");
    }

    #[test]
    fn a_long_array_is_cut_to_its_beginning_and_its_shape() {
        let show = |array: Json| abridged(array.to_string().replace(',', ", "), &array);
        assert_eq!(show(json!([1, 2, 3])), "[1, 2, 3]");
        assert_eq!(
            show(json!(vec![1024; 300])),
            "[1024, 1024, 1024, 1024, 1024, 1024, … (300 items)"
        );
        assert_eq!(
            show(json!(vec![vec![0; 100]; 64])),
            "[[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, … (64 × 100)"
        );
    }

    #[test]
    fn text_stays_on_one_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m"), "a\\nb\\u{1b}[31m");
        assert_eq!(shortened("abcdef", 4), "abc…");
    }
}
