//! What templates print and scan.

mod checksums;
mod round;

use baton_plugin_api::Value;
use expect_test::{Expect, expect};

use super::*;
use crate::file::{Encoding, Kind, Subject, bound};

/// A template bound as that of a parameter of a kind, or why it cannot be.
fn bind(kind: &str, encoding: Encoding, text: &str) -> Result<Format, String> {
    let mut subject = Subject::plain(match kind {
        "number" | "tenths" => Kind::Number,
        "int" | "fives" => Kind::Integer,
        "text" => Kind::Text,
        "bytes" => Kind::Bytes,
        "bool" => Kind::Bool,
        "enum" => Kind::Enum,
        other => panic!("no kind {other}"),
    });
    let members: &[(&str, &str)] = match kind {
        "bool" => &[("false", "0"), ("true", "1")],
        "enum" => &[("off", "0"), ("on", "1"), ("boost", "10")],
        _ => &[],
    };
    subject.members = members
        .iter()
        .map(|(name, bytes)| (name.to_string(), bytes.as_bytes().to_vec()))
        .collect();
    if kind == "tenths" {
        subject.scale.factor = 0.1;
    }
    if kind == "fives" {
        subject.whole = WholeScale { factor: 5, offset: 1 };
    }
    let format = bound(text, encoding, &subject)?;
    match format.unclear() {
        Some(parts) => Err(format!("{text}: {parts:?} are unclear")),
        None => Ok(Format {
            terminator: b"\r".to_vec(),
            ..format
        }),
    }
}

fn format(kind: &str, template: &str) -> Format {
    bind(kind, Encoding::Utf8, template).unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[track_caller]
fn check_print(lines: &[(&str, &str, Value)], expected: Expect) {
    let mut out = String::new();
    for (kind, template, value) in lines {
        let printed = format(kind, template).print(Given::own(value));
        let told = printed.map_or_else(|error| format!("error: {error}"), |line| crate::text::show(&line));
        out.push_str(&format!("{template} of {}: {told}\n", told_value(value)));
    }
    expected.assert_eq(&out);
}

fn told_value(value: &Value) -> String {
    match value {
        Value::Array(_) => format!("Bytes({})", crate::text::show_value(value)),
        value => format!("{value:?}"),
    }
}

#[track_caller]
fn check_scan(lines: &[(&str, &str, &[u8])], wanted: Expect) {
    let mut out = String::new();
    for (kind, template, reply) in lines {
        let format = format(kind, template);
        out.push_str(&match format.scan(reply) {
            Ok(Scanned { own, .. }) => {
                let value = own.map_or("nothing".to_owned(), |value| told_value(&value));
                format!("{template} {}: {value}\n", crate::text::show(reply))
            }
            Err(mismatch) => format!("{}\n", mismatch.explain(&format, reply)),
        });
    }
    wanted.assert_eq(&out);
}

#[test]
fn values_are_printed_as_the_placeholder_says() {
    check_print(
        &[
            ("number", "OUT_SP_00 {:.2f}", Value::Float(24.567)),
            ("number", "{}", Value::Float(0.1)),
            ("number", "{:+.1f}", Value::Float(3.0)),
            ("number", "{:.2f}", Value::Float(-0.001)),
            ("number", "{:08.3f}", Value::Float(-1.5)),
            ("number", "{:8.3f}|", Value::Float(-1.5)),
            ("number", "{:.3e}", Value::Float(12345.0)),
            ("number", "{:.1e}", Value::Float(-2.5e-120)),
            ("number", "{:d}", Value::Float(2.6)),
            ("number", "{:d}", Value::Float(1e300)),
            ("number", "{:.0e}", Value::Float(1.7e308)),
            ("number", "{:f}", Value::Float(f64::NAN)),
            ("int", "{:04d}", Value::Int(-7)),
            ("int", "{:X}", Value::Int(255)),
            ("int", "{:x}", Value::Int(-1)),
            ("enum", "MODE {}", Value::Text("boost".into())),
            ("enum", "MODE {}", Value::Text("turbo".into())),
            ("text", "NAME {}", Value::Text("a\rSTOP".into())),
            ("text", "{{{}}}\\x02", Value::Text("µ".into())),
        ],
        expect![[r#"
            OUT_SP_00 {:.2f} of Float(24.567): `OUT_SP_00 24.57`
            {} of Float(0.1): `0.1`
            {:+.1f} of Float(3.0): `+3.0`
            {:.2f} of Float(-0.001): `0.00`
            {:08.3f} of Float(-1.5): `-001.500`
            {:8.3f}| of Float(-1.5): `  -1.500|`
            {:.3e} of Float(12345.0): `1.234e+04`
            {:.1e} of Float(-2.5e-120): `-2.5e-120`
            {:d} of Float(2.6): `3`
            {:d} of Float(1e300): error: 1e300 cannot be written as a whole number
            {:.0e} of Float(1.7e308): error: 1.7e308 cannot be written as a number
            {:f} of Float(NaN): error: NaN cannot be written as a number
            {:04d} of Int(-7): `-007`
            {:X} of Int(255): `FF`
            {:x} of Int(-1): error: -1 cannot be written as a hexadecimal number
            MODE {} of Text("boost"): `MODE 10`
            MODE {} of Text("turbo"): error: `turbo` is none of its values
            NAME {} of Text("a\rSTOP"): error: `NAME a\rSTOP` has the end of the line, `\r`, within it
            {{{}}}\x02 of Text("µ"): `{µ}\x02`
        "#]],
    );
}

#[test]
fn replies_are_taken_apart_to_the_last_byte() {
    check_scan(
        &[
            ("number", "{:f}", b"24.0"),
            ("number", "{:f}", b"  -1.25E+01"),
            ("number", "{:f}", b".5"),
            ("number", "{:f}", b"+5."),
            ("number", "{} degC", b"24 degC"),
            ("number", "{:f}e", b"2e"),
            ("number", "{:d} {_}", b"03 REMOTE START"),
            ("number", "{:x}", b"ff"),
            ("int", "{:d}", b"-007"),
            ("enum", "{}", b"10"),
            ("enum", "{},{_}", b"1,OK"),
            ("text", "\"{}\"", b"\"a \"quoted\" word\""),
            ("text", "<{}>", b"<>"),
            ("text", "{_}:{}", b"ID:a:b"),
            ("text", "", b""),
        ],
        expect![[r#"
            {:f} `24.0`: Float(24.0)
            {:f} `  -1.25E+01`: Float(-12.5)
            {:f} `.5`: Float(0.5)
            {:f} `+5.`: Float(5.0)
            {} degC `24 degC`: Float(24.0)
            {:f}e `2e`: Float(2.0)
            {:d} {_} `03 REMOTE START`: Float(3.0)
            {:x} `ff`: Float(255.0)
            {:d} `-007`: Int(-7)
            {} `10`: Text("boost")
            {},{_} `1,OK`: Text("on")
            "{}" `"a "quoted" word"`: Text("a \"quoted\" word")
            <{}> `<>`: Text("")
            {_}:{} `ID:a:b`: Text("a:b")
             ``: nothing
        "#]],
    );
}

#[test]
fn what_does_not_fit_is_shown_with_what_was_expected() {
    check_scan(
        &[
            ("number", "T={:f}", b"err: not idle"),
            ("number", "{:f}", b""),
            ("number", "{:f}", b"24.0C\x02"),
            ("number", "{:f}", b"\xff\xfe"),
            ("number", "{:f}", b"1e999"),
            ("number", "{:f}", b"nan"),
            ("number", "{:f}", b"-"),
            ("int", "{:d}", b"1.5"),
            ("int", "{:d}", b"99999999999999999999"),
            ("enum", "{}", b"2"),
            ("text", "<{}>", b"<a"),
            ("text", "{}", b"\xff"),
            ("text", "", b"?"),
        ],
        expect![[r#"
            expected `T={:f}`, got `err: not idle` (`T=` is missing at its start)
            expected `{:f}`, got an empty line
            expected `{:f}`, got `24.0C\x02` (`C\x02` is too much)
            expected `{:f}`, got `\xff\xfe` (a number is missing at its start)
            expected `{:f}`, got `1e999` (`1e999` is too great)
            expected `{:f}`, got `nan` (a number is missing at its start)
            expected `{:f}`, got `-` (a number is missing at its start)
            expected `{:d}`, got `1.5` (`.5` is too much)
            expected `{:d}`, got `99999999999999999999` (`99999999999999999999` is too great)
            expected `{}`, got `2` (one of `0`, `1`, `10` is missing at its start)
            expected `<{}>`, got `<a` (`>` is missing at its end)
            expected `{}`, got `\xff` (`\xff` is no text)
            expected an empty line, got `?` (`?` is too much)
        "#]],
    );
}

#[test]
fn the_tolerance_is_half_a_unit_of_the_last_digit() {
    let within = |text: &str, most| format("number", text).codec()?.notation()?.rounding(most);
    assert_eq!(within("{:.2f}", None), Some(0.005));
    assert_eq!(within("{:.0f}", None), Some(0.5));
    assert_eq!(within("{:f}", None), Some(0.0));
    assert_eq!(within("{:d}", None), Some(0.5));
    assert_eq!(within("{:.2e}", None), None);
    assert_eq!(within("{:.2e}", Some(250.0)), Some(0.5));
    assert_eq!(within("{:.2e}", Some(0.0)), None);
}

#[test]
fn slips_are_found_all_at_once() {
    let slips = parse("\\q {%f} {:5.} {x} °} {:f", Encoding::Ascii).unwrap_err();
    let told: Vec<String> = slips
        .iter()
        .map(|slip| {
            format!(
                "{:?} {} ({})",
                slip.span,
                slip.message,
                slip.help.as_deref().unwrap_or("")
            )
        })
        .collect();
    expect![[r#"
        0..2 unknown escape `\q` (escapes: `\r` `\n` `\t` `\e` `\0` `\xHH` and `\\` for a backslash)
        3..7 unknown placeholder `{%f}` (did you mean `{:f}`?)
        8..13 unknown placeholder `{:5.}` (placeholders: `{}` the value, `{:.2f}` a number, `{:d}` `{:x}` a whole number, `{:u16be}` one as bytes, `{:s}` text, `{name}` the value of another parameter, `{_}` anything, `{!sum8}` a checksum)
        18..20 `°` is no character of this encoding (set `encoding` in `[line]`, or write its bytes as `\xHH`)
        20..21 a brace closes nothing (write `}}` for a brace)
        22..25 a placeholder is not closed (close it with `}`, or write `{{` for a brace)"#]]
    .assert_eq(&told.join("\n"));
}
