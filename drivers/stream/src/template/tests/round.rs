//! What is written is what is parsed back.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::text::{decode, encode};

/// What is written by a template, and parsed by the same.
fn round(kind: &str, encoding: Encoding, template: &str, value: &Value) -> Option<(Vec<u8>, Result<Value, String>)> {
    let format = bind(kind, encoding, template).unwrap_or_else(|wrong| panic!("{wrong}"));
    let line = format.print(Given::own(value)).ok()?;
    let scanned = format.scan(&line).map_err(|mismatch| mismatch.explain(&format, &line));
    Some((line, scanned.map(|scanned| scanned.own.expect("a value comes back"))))
}

fn affix() -> impl Strategy<Value = (String, String)> {
    // Not what a number would swallow.
    ("[A-Z=:#!]{0,4}", "[ ,;%°]{0,3}").prop_filter("no hexadecimal digits", |(before, _)| {
        !before.chars().any(|c| c.is_ascii_hexdigit())
    })
}

fn float_spec() -> impl Strategy<Value = String> {
    let side = select(vec!["", "<", ">"]);
    let plus = select(vec!["", "+"]);
    let width = select(vec!["", "24", "40"]);
    let precision = select(vec!["", ".0", ".3", ".12"]);
    (side, plus, width, precision, select(vec!['f', 'e', 'E', 'g']))
        .prop_filter("`g` has no precision", |(.., precision, letter)| {
            *letter != 'g' || precision.is_empty()
        })
        .prop_map(|(side, plus, width, precision, letter)| format!("{side}{plus}{width}{precision}{letter}"))
}

fn whole_spec() -> impl Strategy<Value = String> {
    let text = (
        select(vec!["", "20", "020", "<20", "+"]),
        select(vec!['d', 'x', 'X', 'o', 'b']),
    )
        .prop_filter("no sign but in decimals", |(width, letter)| {
            *width != "+" || *letter == 'd'
        })
        .prop_map(|(width, letter)| format!("{width}{letter}"));
    let raw = (select(vec!['u', 'i']), 1_u32..=8, select(vec!["be", "le"]))
        .prop_map(|(letter, bytes, order)| format!("{letter}{}{order}", bytes * 8));
    let bcd = (1_u32..=16, select(vec!["", "le"])).prop_map(|(digits, order)| format!("{digits}bcd{order}"));
    prop_oneof![text, raw, bcd]
}

/// Integers of every size, so that narrow formats get something, too.
fn integer() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0_u32..64).prop_map(|(n, shift)| n >> shift)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_float_comes_back_within_its_digits((before, after) in affix(), spec in float_spec(), x in any::<f64>()) {
        let template = format!("{before}{{:{spec}}}{after}");
        prop_assume!(x.is_finite());
        if let Some((line, back)) = round("number", Encoding::Utf8, &template, &Value::Float(x)) {
            let Ok(Value::Float(back)) = back else { panic!("{template} of {x}: {line:?} gives {back:?}") };
            let within = format("number", &template).codec().unwrap().notation().unwrap().rounding(Some(x.abs()));
            let within = within.unwrap_or(0.0) * 1.000_001 + x.abs() * 1e-15;
            prop_assert!((back - x).abs() <= within, "{template} of {x}: {back}");
        }
    }

    #[test]
    fn an_integer_comes_back_to_the_last_digit((before, after) in affix(), spec in whole_spec(), n in integer()) {
        let template = format!("{before}{{:{spec}}}{after}");
        match round("int", Encoding::Utf8, &template, &Value::Int(n)) {
            Some((line, back)) => prop_assert_eq!(back, Ok(Value::Int(n)), "{}: {:?}", template, line),
            None => {
                let is_decimal = spec.ends_with('d') && !spec.ends_with("bcd");
                prop_assert!(!is_decimal || n.to_string().len() > 19, "{} of {} was refused", template, n);
            }
        }
    }

    #[test]
    fn scaled_integers_are_exact(n in any::<i64>()) {
        let value = Value::Int(n);
        match round("fives", Encoding::Utf8, "{:d}", &value) {
            Some((_, back)) => prop_assert_eq!(back, Ok(value)),
            None => prop_assert!((i128::from(n) - 1) % 5 != 0),
        }
    }

    #[test]
    fn floats_as_bytes_come_back(x in any::<f32>(), order in select(vec!["be", "le"])) {
        prop_assume!(x.is_finite());
        for bits in [32, 64] {
            let (_, back) = round("number", Encoding::Utf8, &format!("{{:f{bits}{order}}}"), &Value::Float(x.into())).unwrap();
            prop_assert_eq!(back, Ok(Value::Float(x.into())));
        }
    }

    #[test]
    fn text_comes_back(
        text in "\\PC{0,20}",
        template in select(vec!["{}", "<{}>", "{:q}", "T={:q},{_}", "{}{!crc16-xmodem}", "{}\\r{!sum8:02X}"]),
        encoding in select(vec![Encoding::Utf8, Encoding::Latin1, Encoding::Ascii, Encoding::Bytes]),
    ) {
        let template = template.replace(",{_}", "");
        if let Some((line, back)) = round("text", encoding, &template, &Value::from(text.as_str())) {
            let canonical = match encoding {
                // There are two ways to write what can be seen.
                Encoding::Bytes => decode(&encode(&text, encoding).unwrap(), encoding).unwrap(),
                _ => text.clone(),
            };
            prop_assert_eq!(back, Ok(Value::from(canonical)), "{} in {:?}: {:?}", template, encoding, line);
        } else if encoding == Encoding::Utf8 {
            prop_assert!(text.contains('\r'), "{:?} was refused", text);
        }
    }

    #[test]
    fn bytes_come_back(bytes in vec(any::<u8>(), 0..40)) {
        let value = Value::Array(bytes.clone().into());
        for template in ["{}", "<{}>", "<{}{!crc32}"] {
            if let Some((_, back)) = round("bytes", Encoding::Utf8, template, &value) {
                prop_assert_eq!(back, Ok(value.clone()));
            }
        }
        let template = format!("{{:{}}}", bytes.len().max(1));
        if let Some((_, back)) = round("bytes", Encoding::Utf8, &template, &value) {
            prop_assert_eq!(back, Ok(value));
        }
    }

    #[test]
    fn members_come_back(
        kind in select(vec!["enum", "bool"]),
        which in any::<bool>(),
        template in select(vec!["{}", "M={}", "{:d}", "{:02x}", "{:u8}", "{:8}", "{:u16le}"]),
    ) {
        let value = match kind {
            "bool" => Value::Bool(which),
            _ => Value::from(if which { "boost" } else { "off" }),
        };
        let (_, back) = round(kind, Encoding::Utf8, template, &value).unwrap();
        prop_assert_eq!(back, Ok(value));
    }

    /// What a format takes is what it would print itself, but for spaces before numbers, signs, leading zeros and the case
    /// of letters: read, written and read again, it is the same value.
    #[test]
    fn whatever_is_read_can_be_written_and_read_again(
        kind in select(vec!["number", "int", "text", "enum", "bool", "bytes", "tenths"]),
        template in select(vec!["{}", "A{}B", "{:8}", "{:d}", "{:x}", "{:u16be}", "{:4bcd}", "{}{!sum8:02X}"]),
        reply in prop_oneof![vec(any::<u8>(), 0..12), "[-+0-9.eEA-F ]{0,12}".prop_map(String::into_bytes)],
    ) {
        let Ok(format) = bind(kind, Encoding::Bytes, template) else { return Ok(()) };
        let Ok(Scanned { own: Some(value), .. }) = format.scan(&reply) else { return Ok(()) };
        if let Ok(line) = format.print(Given::own(&value)) {
            let again = format.scan(&line).unwrap_or_else(|m| panic!("{template}: {}", m.explain(&format, &line)));
            let is_same = match (&again.own, &value) {
                (Some(Value::Float(a)), Value::Float(b)) => (a - b).abs() <= 0.5 + b.abs() * 1e-12,
                (a, b) => a.as_ref() == Some(b),
            };
            prop_assert!(is_same, "{} of {:?}: {:?} became {:?}", template, reply, value, again.own);
        }
    }

    /// No reply, however odd, is more than an error, and no template more than a list of slips.
    #[test]
    fn nothing_panics(template in "\\PC{0,30}", reply in vec(any::<u8>(), 0..40)) {
        let _ = parse(&template, Encoding::Utf8);
        for template in ["{:f}", "{:4d}{_:2}{_:w}", "{:q}", "{_:u64le}{:d}", "{}{!crc16-arc:04x}", "{:16bcd}", "{:<8.2f}{_}"] {
            for kind in ["number", "int", "text", "bytes", "enum"] {
                if let Ok(format) = bind(kind, Encoding::Utf8, template) {
                    let _ = format.scan(&reply);
                }
            }
        }
    }
}
