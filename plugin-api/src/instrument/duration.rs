//! Durations in an instrument file: `"500 ms"`.

use crate::{
    diagnostic::Diagnostic,
    source::{Checked, MarkKind, Tree},
};

/// Turns each duration into a number of seconds, and tells which are none.
pub fn resolve(tree: &Tree, checked: &mut Checked) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for mark in checked.marks.clone() {
        let MarkKind::Quantity { minimum, maximum, .. } = mark.kind else {
            continue;
        };
        let outcome = seconds(&mark.text).and_then(|seconds| {
            let (least, most) = (minimum.unwrap_or(0.0), maximum.unwrap_or(f64::MAX));
            match (least..=most).contains(&seconds) {
                true => Ok(seconds),
                false => Err(format!("`{}` is not between {least} s and {most} s", mark.text)),
            }
        });
        let seconds = outcome.unwrap_or_else(|wrong| {
            let place = tree.source().place(mark.span.clone());
            let help = "write a number with `us`, `ms`, `s`, `min` or `h`, such as `\"500 ms\"`";
            found.push(Diagnostic::error(wrong).at(place).help(help));
            // So that the rest of the table is looked at, too.
            minimum.unwrap_or(1.0)
        });
        checked.replace(&mark.path, seconds.into());
    }
    found
}

fn seconds(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let start = text.find(|c: char| c.is_alphabetic() && c != 'e' && c != 'E');
    let (number, unit) = text.split_at(start.unwrap_or(text.len()));
    let factor = match unit {
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{text}` is no duration")),
    };
    let number: Option<f64> = number.trim().parse().ok();
    match number.filter(|x| x.is_finite() && *x >= 0.0) {
        Some(number) => Ok(number * factor),
        None => Err(format!("`{text}` is no duration")),
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn a_duration_is_a_number_with_a_unit() {
        assert_eq!(seconds("500 ms"), Ok(0.5));
        assert_eq!(seconds("2min"), Ok(120.0));
        assert_eq!(seconds("1e3 ms"), Ok(1.0));
        for wrong in ["5", "-1 s", "5 parsecs", "s", "", "inf s"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
