//! Units: the one converter of the host (D4).
//!
//! A unit is parsed once and kept; converting with it afterwards is arithmetic. UCUM's codes are understood, and the
//! spellings that labs use beside them (`degC`, `°C`, `Å`, `µm`, `psi`, …). A unit that is neither is opaque: it equals
//! itself and nothing else, so a driver may call its unit `sccm` and clients may say `"20 sccm"`.
//!
//! ```
//! use baton_host::units::{Unit, UnitError};
//!
//! let mm = Unit::parse("mm");
//! assert_eq!(mm.quantity("2.5 µm"), Ok(0.0025));
//! assert!(matches!(mm.quantity("2.5"), Err(UnitError::MissingUnit { .. })));
//! assert!(matches!(mm.quantity("2.5 s"), Err(UnitError::WrongDimension { .. })));
//!
//! // Temperatures have their zero in different places, and differences of temperatures have none.
//! let celsius = Unit::parse("°C");
//! assert_eq!(celsius.quantity("300 K"), Ok(26.85));
//! assert_eq!(celsius.difference("0.5 K"), Ok(0.5));
//! ```

mod dimension;
mod error;
mod spelling;

use std::{fmt, sync::Arc};

use ucum::Dimension;

pub use error::UnitError;

/// How far, for its size, a number may move when it is converted: people write ten digits at most, and 1.1811023622 in are
/// meant to be 30 mm.
pub(crate) const ROUNDING: f64 = 1e-9;

/// A unit, parsed. Cheap to clone.
#[derive(Clone)]
pub struct Unit {
    /// As it was written.
    text: Arc<str>,
    scale: Scale,
}

/// How numbers in a unit relate to numbers in another.
#[derive(Clone, Debug, PartialEq)]
enum Scale {
    /// `base = factor * number + offset`, in UCUM's base units.
    Linear { factor: f64, offset: f64, kind: Kind },
    /// A logarithmic unit; UCUM converts it, by its code.
    Special { code: Arc<str>, kind: Kind },
    /// Not known: equal only to itself.
    Opaque,
}

/// A quantity that was brought into the unit that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The number in the unit that is due.
    pub number: f64,
    /// How far it may be from what was meant; 0 if it came in the unit that is due, for then it is meant as it is.
    pub slack: f64,
    /// The number as it was written.
    pub given: f64,
    /// Its unit as it was written.
    pub unit: Unit,
}

impl Converted {
    /// Whether it came in another unit than the one that is due.
    pub fn is_foreign(&self) -> bool {
        self.slack > 0.0
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    dimension: Dimension,
    /// Whether it counts in moles. UCUM takes the mole for a plain number, which would make `1 %` of something moles.
    amount: bool,
}

impl Unit {
    /// Parses a unit. An empty text is a plain number; a unit that is not known is opaque.
    pub fn parse(text: &str) -> Unit {
        let text = text.trim();
        Unit {
            text: text.into(),
            scale: Scale::parse(text),
        }
    }

    /// The unit as it was written; empty for a plain number.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is no unit: a plain number.
    pub fn is_none(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether it is known, so that it can be converted.
    pub fn is_known(&self) -> bool {
        self.scale != Scale::Opaque
    }

    /// The number, in this unit, of a quantity such as `"12.5 mm"`.
    ///
    /// # Errors
    /// See [`UnitError`]. A text without a unit is an error, unless this is no unit.
    pub fn quantity(&self, text: &str) -> Result<f64, UnitError> {
        let (number, unit) = self.split(text)?;
        self.convert(number, &unit)
    }

    /// Number and unit of a text such as `"25 mbar"`; no unit if it has none.
    ///
    /// # Errors
    /// [`UnitError::NotAQuantity`].
    pub fn split_quantity(text: &str) -> Result<(f64, Unit), UnitError> {
        Unit::parse("").split(text)
    }

    /// As [`quantity`](Self::quantity), with what there is to know of how it was written.
    ///
    /// # Errors
    /// As [`quantity`](Self::quantity).
    pub fn converted(&self, text: &str) -> Result<Converted, UnitError> {
        let (given, unit) = self.split(text)?;
        let number = self.convert(given, &unit)?;
        let slack = match *self == unit {
            true => 0.0,
            false => ROUNDING * number.abs().max(self.shift(&unit)).max(f64::MIN_POSITIVE / ROUNDING),
        };
        Ok(Converted {
            number,
            slack,
            given,
            unit,
        })
    }

    /// How far apart the zeros of two units are, in this one.
    fn shift(&self, unit: &Unit) -> f64 {
        match (&self.scale, &unit.scale) {
            (Scale::Linear { factor, offset, .. }, Scale::Linear { offset: other, .. }) => {
                ((other - offset) / factor).abs()
            }
            _ => 0.0,
        }
    }

    /// The number, in this unit, of a difference of two values, such as a tolerance: where the zero lies does not count.
    ///
    /// # Errors
    /// See [`UnitError`]. A text without a unit is an error, unless this is no unit.
    pub fn difference(&self, text: &str) -> Result<f64, UnitError> {
        let (number, unit) = self.split(text)?;
        self.convert_difference(number, &unit)
    }

    /// `number` of `unit` in this unit.
    ///
    /// # Errors
    /// [`UnitError::UnknownUnit`] or [`UnitError::WrongDimension`].
    pub fn convert(&self, number: f64, unit: &Unit) -> Result<f64, UnitError> {
        if self.text == unit.text || self.scale == unit.scale && self.is_known() {
            return Ok(number);
        }
        match (&unit.scale, &self.scale) {
            (
                Scale::Linear { factor, offset, kind },
                Scale::Linear {
                    factor: to,
                    offset: zero,
                    kind: wanted,
                },
            ) if kind == wanted => Ok(rescale(number, *factor, *to, offset - zero)),
            (Scale::Opaque, _) => Err(UnitError::unknown(unit, self)),
            _ => self.convert_special(number, unit),
        }
    }

    /// A difference of two values, `number` of `unit`, in this unit.
    ///
    /// # Errors
    /// [`UnitError::UnknownUnit`] or [`UnitError::WrongDimension`].
    pub fn convert_difference(&self, number: f64, unit: &Unit) -> Result<f64, UnitError> {
        match (&unit.scale, &self.scale) {
            (
                Scale::Linear { factor, kind, .. },
                Scale::Linear {
                    factor: to,
                    kind: wanted,
                    ..
                },
            ) if kind == wanted => Ok(rescale(number, *factor, *to, 0.0)),
            // A difference on a logarithmic scale is none on another.
            _ if self.text == unit.text => Ok(number),
            (Scale::Opaque, _) => Err(UnitError::unknown(unit, self)),
            _ => Err(UnitError::wrong_dimension(unit, self)),
        }
    }

    fn convert_special(&self, number: f64, unit: &Unit) -> Result<f64, UnitError> {
        let wrong = || UnitError::wrong_dimension(unit, self);
        if unit.kind() != self.kind() {
            return Err(wrong());
        }
        let code = |unit: &Unit| match unit.is_none() {
            true => "1".to_owned(),
            false => spelling::to_ucum(&unit.text),
        };
        ucum::convert(number, &code(unit), &code(self)).map_err(|_| wrong())
    }

    fn kind(&self) -> Option<Kind> {
        match &self.scale {
            Scale::Linear { kind, .. } | Scale::Special { kind, .. } => Some(*kind),
            Scale::Opaque => None,
        }
    }

    /// Number and unit of a text that is to be in this unit.
    fn split(&self, text: &str) -> Result<(f64, Unit), UnitError> {
        let not_a_quantity = || UnitError::NotAQuantity {
            text: text.trim().to_owned(),
            unit: self.text.to_string(),
        };
        let (number, unit) = split_number(text.trim()).ok_or_else(not_a_quantity)?;
        if unit.is_empty() && !self.is_none() {
            return Err(UnitError::MissingUnit {
                number: text.trim().to_owned(),
                unit: self.text.to_string(),
            });
        }
        Ok((number, Unit::parse(unit)))
    }
}

/// Two units are equal if numbers in them mean the same: `µm` and `um` are.
impl PartialEq for Unit {
    fn eq(&self, other: &Unit) -> bool {
        self.text == other.text || (self.scale == other.scale && self.is_known())
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unit({:?})", self.text)
    }
}

impl Scale {
    fn parse(text: &str) -> Scale {
        if text.is_empty() {
            let kind = Kind {
                dimension: Dimension::DIMENSIONLESS,
                amount: false,
            };
            return Scale::Linear {
                factor: 1.0,
                offset: 0.0,
                kind,
            };
        }
        let code = spelling::to_ucum(text);
        let Ok(analysis) = ucum::analyze(&code) else {
            return Scale::Opaque;
        };
        let kind = Kind {
            dimension: analysis.dimension,
            amount: spelling::counts_moles(&code),
        };
        // UCUM's arbitrary units, `[iU]` and the like, are not even converted to themselves.
        let converts = !analysis.is_special || ucum::convert(1.0, &code, &code).is_ok();
        match (analysis.is_special, analysis.offset != 0.0) {
            _ if !converts => Scale::Opaque,
            (true, false) => Scale::Special {
                code: code.into(),
                kind,
            },
            _ => Scale::Linear {
                factor: analysis.factor,
                offset: analysis.offset,
                kind,
            },
        }
    }
}

/// `(number * from + offset) / to`. Where the ratio of the two is a plain decimal number, it is taken as such, so that
/// 5 µm are 0.005 mm and 1 in is 25.4 mm, and not nearly so.
fn rescale(number: f64, from: f64, to: f64, offset: f64) -> f64 {
    let scaled = match (decimal(from / to), decimal(to / from)) {
        (Some(times), _) => number * times,
        (_, Some(part)) => number / part,
        _ => number * (from / to),
    };
    if offset == 0.0 {
        return scaled;
    }
    let shift = offset / to;
    // What is left of two large numbers has their rounding, not its own: 32 degF are 0 degC and no 4e-14.
    let digits = 13.0 - scaled.abs().max(shift.abs()).log10().floor();
    let scale = 10_f64.powi(digits.clamp(-300.0, 300.0) as i32);
    let rounded = ((scaled + shift) * scale).round() / scale;
    if rounded.is_finite() { rounded } else { scaled + shift }
}

/// The decimal number of at most four digits after the point that a ratio above 1 is, but for the last bits.
fn decimal(ratio: f64) -> Option<f64> {
    let rounded = (ratio * 1e4).round() / 1e4;
    (ratio > 0.999 && (ratio - rounded).abs() <= ratio * 1e-13).then_some(rounded)
}

/// The number at the start of a text, and what follows it; `None` if it does not start with a finite number.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let mut end = digits(usize::from(matches!(bytes.first(), Some(b'+' | b'-'))));
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1);
    }
    // `5e3 mm` has an exponent, `5 eV` and `5eV` have none.
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        if bytes.get(end + 1 + sign).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1 + sign);
        }
    }
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then(|| (number, text[end..].trim()))
}

#[cfg(test)]
mod tests;
