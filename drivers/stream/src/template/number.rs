//! Numbers as instruments write them.

/// How a number is written: `{:+08.3f}`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumberFormat {
    /// Notation.
    pub(crate) radix: Radix,
    /// Digits after the point; `None` for as many as it takes to read the same number back.
    pub(crate) precision: Option<u8>,
    /// Least number of characters.
    pub(crate) width: u8,
    /// Whether the width is filled with zeros instead of spaces.
    pub(crate) zeros: bool,
    /// Whether positive numbers have a sign, too.
    pub(crate) plus: bool,
}

/// The notation of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Radix {
    /// With a point or an exponent.
    Float(FloatStyle),
    /// Whole, decimal.
    Decimal,
    /// Whole, hexadecimal; never negative.
    Hexadecimal {
        /// Whether it is sent in capitals; both are read.
        upper: bool,
    },
}

/// How a number with a fraction is sent; both are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FloatStyle {
    /// `12.50`
    Fixed,
    /// `1.250e+01`
    Exponent,
}

impl NumberFormat {
    /// In this notation, with nothing else to say.
    pub(crate) const fn plain(radix: Radix) -> Self {
        NumberFormat {
            radix,
            precision: None,
            width: 0,
            zeros: false,
            plus: false,
        }
    }

    /// Whether it is for whole numbers only.
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(self.radix, Radix::Float(_))
    }

    /// What people call it.
    pub(crate) fn noun(&self) -> &'static str {
        match self.radix {
            Radix::Float(_) => "a number",
            Radix::Decimal => "a whole number",
            Radix::Hexadecimal { .. } => "a hexadecimal number",
        }
    }

    /// By how much at most what is sent may differ from a number not greater than `most`; `None` if that depends on the
    /// number and `most` is not known.
    pub(crate) fn rounding(&self, most: Option<f64>) -> Option<f64> {
        match (self.radix, self.precision) {
            (Radix::Float(_), None) => Some(0.0),
            (Radix::Float(FloatStyle::Fixed), Some(digits)) => Some(half_unit(-i32::from(digits))),
            (Radix::Float(FloatStyle::Exponent), Some(digits)) => {
                let magnitude = most.filter(|most| *most > 0.0)?.log10().floor();
                Some(half_unit(magnitude as i32 - i32::from(digits)))
            }
            (Radix::Decimal | Radix::Hexadecimal { .. }, _) => Some(0.5),
        }
    }

    /// Writes a finite number with a fraction.
    pub(crate) fn print_float(&self, x: f64) -> Option<String> {
        let digits = match (self.radix, self.precision) {
            (Radix::Float(FloatStyle::Fixed), Some(digits)) => format!("{:.*}", usize::from(digits), x.abs()),
            (Radix::Float(FloatStyle::Fixed), None) => format!("{}", x.abs()),
            (Radix::Float(FloatStyle::Exponent), Some(digits)) => {
                two_digit_exponent(&format!("{:.*e}", usize::from(digits), x.abs()))
            }
            (Radix::Float(FloatStyle::Exponent), None) => two_digit_exponent(&format!("{:e}", x.abs())),
            (Radix::Decimal | Radix::Hexadecimal { .. }, _) => {
                // 2^63 itself is no i64.
                let whole = Some(x.round()).filter(|whole| whole.abs() < 9_223_372_036_854_775_808.0)?;
                return self.print_integer(whole as i64);
            }
        };
        // What is rounded to zero has no sign: instruments refuse `-0.00`.
        let mantissa = digits.split('e').next().unwrap_or_default();
        let is_zero = mantissa.bytes().all(|b| matches!(b, b'0' | b'.'));
        Some(self.pad(x < 0.0 && !is_zero, &digits))
    }

    /// Writes an integer; `None` if the notation has no sign and it needs one.
    pub(crate) fn print_integer(&self, n: i64) -> Option<String> {
        match self.radix {
            Radix::Float(_) => self.print_float(n as f64),
            Radix::Decimal => Some(self.pad(n < 0, &n.unsigned_abs().to_string())),
            Radix::Hexadecimal { .. } if n < 0 => None,
            Radix::Hexadecimal { upper: true } => Some(self.pad(false, &format!("{n:X}"))),
            Radix::Hexadecimal { upper: false } => Some(self.pad(false, &format!("{n:x}"))),
        }
    }

    fn pad(&self, negative: bool, digits: &str) -> String {
        let sign = match (negative, self.plus) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        let width = usize::from(self.width);
        if self.zeros {
            let width = width.saturating_sub(sign.len());
            format!("{sign}{digits:0>width$}")
        } else {
            format!("{:>width$}", format!("{sign}{digits}"))
        }
    }

    /// How many of these bytes are one number in this notation; spaces before it count, and `None` is returned if there
    /// is none.
    pub(crate) fn measure(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let start = bytes.iter().take_while(|b| **b == b' ').count();
        let rest = &bytes[start..];
        let length = match self.radix {
            Radix::Float(_) => measure_float(rest),
            Radix::Decimal => {
                let sign = usize::from(matches!(rest.first(), Some(b'+' | b'-')));
                match digits(&rest[sign..]) {
                    0 => 0,
                    digits => sign + digits,
                }
            }
            Radix::Hexadecimal { .. } => rest.iter().take_while(|b| b.is_ascii_hexdigit()).count(),
        };
        (length > 0).then_some((start, start + length))
    }

    /// The integer that such bytes are, if it fits.
    pub(crate) fn parse_integer(&self, text: &str) -> Option<i64> {
        match self.radix {
            Radix::Hexadecimal { .. } => i64::from_str_radix(text, 16).ok(),
            Radix::Decimal | Radix::Float(_) => text.parse().ok(),
        }
    }

    /// The number that such bytes are, if it is finite.
    pub(crate) fn parse_float(&self, text: &str) -> Option<f64> {
        match self.radix {
            Radix::Hexadecimal { .. } => self.parse_integer(text).map(|n| n as f64),
            Radix::Decimal | Radix::Float(_) => text.parse().ok().filter(|x: &f64| x.is_finite()),
        }
    }
}

/// Half of 10 to the power of `exponent`, as near as a number can be to what people write for it.
fn half_unit(exponent: i32) -> f64 {
    format!("5e{}", exponent - 1).parse().unwrap_or(0.0)
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// `12`, `-12.5`, `.5`, `5.`, `+1.25E+01`.
fn measure_float(bytes: &[u8]) -> usize {
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(&bytes[sign..]);
    let mut end = sign + whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits(&bytes[end + 1..]);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if end == sign {
        return 0;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(&bytes[end + 1 + sign..]);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    end
}

/// `1.25e1` as C writes it, `1.25e+01`: there are instruments that take no other form.
fn two_digit_exponent(text: &str) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}
