//! Values as people read them.

use baton_plugin_api::Value;

/// A value with so many digits after the point, where it is a number, and its unit.
pub fn format_value(value: &Value, unit: &str, digits: Option<u8>) -> String {
    let number = match (value, digits) {
        (Value::Float(x), Some(digits)) => format!("{x:.*}", usize::from(digits)),
        (Value::Float(x), None) => short(*x),
        (Value::Text(text), _) => return text.clone(),
        (value, _) => value.to_json().to_string(),
    };
    if unit.is_empty() {
        number
    } else {
        format!("{number} {unit}")
    }
}

/// A float as short as it can be without telling a lie, and without the noise of the last digits.
fn short(x: f64) -> String {
    let rounded: f64 = format!("{x:.9e}").parse().unwrap_or(x);
    if rounded != 0.0 && !(1e-4..1e9).contains(&rounded.abs()) {
        format!("{rounded:e}")
    } else {
        format!("{rounded}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_carry_their_unit() {
        let show = |x: f64, digits| format_value(&Value::Float(x), "mm", digits);
        assert_eq!(show(0.1 + 0.2, None), "0.3 mm");
        assert_eq!(show(2.0, Some(3)), "2.000 mm");
        assert_eq!(show(1.5e-7, None), "1.5e-7 mm");
        assert_eq!(format_value(&Value::Int(3), "", None), "3");
        assert_eq!(format_value(&Value::Text("open".into()), "", None), "open");
    }
}
