use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(text: &str, unit: &str, expected: Expect) {
    expected.assert_eq(&match Unit::parse(unit).quantity(text) {
        Ok(number) => format!("{number} {unit}"),
        Err(error) => format!("{error}; {}", error.help().unwrap_or_default()),
    });
}

#[test]
fn quantities_are_converted_to_the_declared_unit() {
    check("12.5 mm", "mm", expect!["12.5 mm"]);
    check("5 um", "mm", expect!["0.005 mm"]);
    check("5µm", "mm", expect!["0.005 mm"]);
    check("-1.5e-3 m", "mm", expect!["-1.5 mm"]);
    check("1 in", "mm", expect!["25.4 mm"]);
    check("200 ms", "s", expect!["0.2 s"]);
    check("10 min", "s", expect!["600 s"]);
    check("1 Å", "nm", expect!["0.1 nm"]);
    check("90 °", "rad", expect!["1.5707963267948966 rad"]);
    check("600 rpm", "Hz", expect!["10 Hz"]);
    check("1 bar", "psi", expect!["14.503773773020926 psi"]);
    check("760 Torr", "Pa", expect!["101325 Pa"]);
    check("3 kΩ", "Ohm", expect!["3000 Ohm"]);
    check("1 l/min", "ml/min", expect!["1000 ml/min"]);
    check("5 mm/s", "m/s", expect!["0.005 m/s"]);
    check("9.81 m/s^2", "mm/s²", expect!["9810 mm/s²"]);
    check("5 eV", "meV", expect!["5000 meV"]);
    check("50 %", "", expect!["0.5 "]);
    check("3", "", expect!["3 "]);
    check("1 mmol/L", "mol/l", expect!["0.001 mol/l"]);
    check("20 dB", "1", expect!["100 1"]);
}

#[test]
fn temperatures_have_a_zero_and_their_differences_have_none() {
    check("20 degC", "K", expect!["293.15 K"]);
    check("293.15 K", "°C", expect!["20 °C"]);
    check("68 degF", "degC", expect!["20 degC"]);
    check("1 °C/min", "K/min", expect!["1 K/min"]);
    check("9 degF/h", "K/h", expect!["5 K/h"]);
    let difference = |text, unit| Unit::parse(unit).difference(text).unwrap();
    assert_eq!(difference("0.5 K", "degC"), 0.5);
    assert_eq!(difference("0.5 °C", "K"), 0.5);
    assert!((difference("9 degF", "K") - 5.0).abs() < 1e-12);
    assert_eq!(difference("5 um", "mm"), 0.005);
    assert!(Unit::parse("1").difference("20 dB").is_err());
}

#[test]
fn an_unknown_unit_equals_itself_alone() {
    check("20 sccm", "sccm", expect!["20 sccm"]);
    check("20 slm", "sccm", expect!["unknown unit `slm`; write it in `sccm`"]);
    check(
        "20 ml/min",
        "sccm",
        expect!["`ml/min` cannot be converted to `sccm`; write it in `sccm`"],
    );
    check(
        "20 sccm",
        "ml/min",
        expect!["unknown unit `sccm`; write it in `ml/min`, or in a unit that converts to it"],
    );
    check("3 [iU]", "[iU]", expect!["3 [iU]"]);
    assert_ne!(Unit::parse("sccm"), Unit::parse("slm"));
    assert_eq!(Unit::parse("µm"), Unit::parse("um"));
}

#[test]
fn what_is_wrong_is_told_apart() {
    check("12.5", "mm", expect![[r#"`12.5` has no unit; write `"12.5 mm"`"#]]);
    check(
        "12.5 s",
        "mm",
        expect!["`s` is a time, not a length; write it in `mm`, or in a unit that converts to it"],
    );
    check(
        "12.5 millimeter",
        "mm",
        expect!["unknown unit `millimeter`; write it in `mm`, or in a unit that converts to it"],
    );
    check("12.5 mmm", "mm", expect!["unknown unit `mmm`; did you mean `mm`?"]);
    check(
        "20 C",
        "degC",
        expect!["`C` is a charge, not a temperature; degrees are written `degC`"],
    );
    check(
        "fast",
        "mm/s",
        expect![[r#"`fast` is no number with a unit; write a number with its unit, such as `"5 mm/s"`"#]],
    );
    check(
        "inf mm",
        "mm",
        expect![[r#"`inf mm` is no number with a unit; write a number with its unit, such as `"5 mm"`"#]],
    );
    check(
        "1e999 mm",
        "mm",
        expect![[r#"`1e999 mm` is no number with a unit; write a number with its unit, such as `"5 mm"`"#]],
    );
    check(
        "5 mm",
        "",
        expect!["`mm` is a length, not a plain number; write the number without a unit"],
    );
    check(
        "5 mol",
        "",
        expect!["`mol` is a unit, where a plain number is due; write the number without a unit"],
    );
    check(
        "",
        "mm",
        expect![[r#"`` is no number with a unit; write a number with its unit, such as `"5 mm"`"#]],
    );
    check(
        "mm",
        "mm",
        expect![[r#"`mm` is no number with a unit; write a number with its unit, such as `"5 mm"`"#]],
    );
    check(
        "5 mm mm/",
        "mm",
        expect!["unknown unit `mm mm/`; write it in `mm`, or in a unit that converts to it"],
    );
}

/// Every pair of units in use that convert to one another.
fn pairs() -> Vec<(&'static str, &'static str)> {
    let more = [
        "degF", "in", "Torr", "mol/l", "mmol/l", "l/min", "ml/s", "%", "ppm", "meV", "eV", "G", "T", "K/min",
    ];
    let units: Vec<_> = spelling::COMMON.into_iter().chain(more).collect();
    let convert = |one: &&str, other: &&str| Unit::parse(one).kind() == Unit::parse(other).kind();
    let pairs: Vec<_> = units
        .iter()
        .flat_map(|one| units.iter().map(move |other| (*one, *other)))
        .filter(|(one, other)| one != other && convert(one, other))
        .collect();
    assert!(pairs.len() > 150, "{}", pairs.len());
    pairs
}

proptest! {
    #[test]
    fn there_and_back_is_the_same(
        number in -1e6..1e6f64,
        pair in prop::sample::select(pairs()),
    ) {
        let (one, other) = (Unit::parse(pair.0), Unit::parse(pair.1));
        let back = one.convert(other.convert(number, &one)?, &other)?;
        prop_assert!((back - number).abs() <= 1e-9 * number.abs().max(0.1), "{:?} {} {}", pair, number, back);
        let back = one.convert_difference(other.convert_difference(number, &one)?, &other)?;
        prop_assert!((back - number).abs() <= 1e-12 * number.abs(), "{:?} {} {}", pair, number, back);
    }

    #[test]
    fn no_text_upsets_the_parser(text in "\\PC{0,24}", unit in "\\PC{0,12}") {
        let _ = Unit::parse(&unit).quantity(&text);
        let _ = Unit::parse(&unit).difference(&format!("1 {text}"));
    }
}
