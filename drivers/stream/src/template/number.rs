//! Numbers as instruments write them in characters.

use super::Number;

/// How a number is written: `{:+08.3f}`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumberFormat {
    /// Notation.
    pub(crate) radix: Radix,
    /// Digits after the point; `None` for as many as it takes to read the same number back.
    pub(crate) precision: Option<u8>,
    /// Exact number of characters; 0 for as many as it takes.
    pub(crate) width: u8,
    /// What the width is filled with.
    pub(crate) fill: Fill,
    /// Whether positive numbers have a sign, too.
    pub(crate) plus: bool,
    /// Whether a negative number is its two's complement in as many digits as the width has; of hexadecimal, octal and
    /// binary ones.
    pub(crate) complement: bool,
}

/// What fills a number up to its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Spaces before it.
    Left,
    /// Spaces after it.
    Right,
    /// Zeros between sign and digits.
    Zeros,
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
    /// Whole, octal; never negative.
    Octal,
    /// Whole, binary; never negative.
    Binary,
}

/// How a number with a fraction is sent; all are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FloatStyle {
    /// `12.50`
    Fixed,
    /// `1.250e+01`
    Exponent {
        /// Whether the `e` is a capital.
        upper: bool,
    },
    /// Whichever is shorter.
    Shortest,
}

impl NumberFormat {
    /// In this notation, with nothing else to say.
    pub(crate) const fn plain(radix: Radix) -> Self {
        NumberFormat {
            radix,
            precision: None,
            width: 0,
            fill: Fill::Left,
            plus: false,
            complement: false,
        }
    }

    /// One more than the greatest number that the width has digits for.
    fn capacity(&self) -> i128 {
        let bits = match self.radix {
            Radix::Hexadecimal { .. } => 4,
            Radix::Octal => 3,
            Radix::Binary | Radix::Decimal | Radix::Float(_) => 1,
        };
        1 << (u32::from(self.width) * bits).min(100)
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
            Radix::Octal => "an octal number",
            Radix::Binary => "a binary number",
        }
    }

    /// By how much at most what is sent may differ from a number not greater than `most`; `None` if that depends on the
    /// number and `most` is not known.
    pub(crate) fn rounding(&self, most: Option<f64>) -> Option<f64> {
        match (self.radix, self.precision) {
            (Radix::Float(FloatStyle::Fixed), Some(digits)) => Some(half_unit(-i32::from(digits))),
            (Radix::Float(FloatStyle::Exponent { .. }), Some(digits)) => {
                let magnitude = most.filter(|most| *most > 0.0)?.log10().floor();
                Some(half_unit(magnitude as i32 - i32::from(digits)))
            }
            (Radix::Float(_), _) => Some(0.0),
            _ => Some(0.5),
        }
    }

    /// Writes a finite number; a whole one is rounded to. `None` if it does not fit.
    pub(crate) fn print_float(&self, x: f64) -> Option<String> {
        let Radix::Float(style) = self.radix else {
            return self.print_whole(to_whole(x)?);
        };
        let digits = match (style, self.precision) {
            (FloatStyle::Fixed, Some(digits)) => format!("{:.*}", usize::from(digits), x.abs()),
            (FloatStyle::Fixed, None) => format!("{}", x.abs()),
            (FloatStyle::Exponent { upper }, Some(digits)) => {
                exponential(&format!("{:.*e}", usize::from(digits), x.abs()), upper)
            }
            (FloatStyle::Exponent { upper }, None) => exponential(&format!("{:e}", x.abs()), upper),
            (FloatStyle::Shortest, _) => {
                let fixed = format!("{}", x.abs());
                let exponent = exponential(&format!("{:e}", x.abs()), false);
                if fixed.len() <= exponent.len() { fixed } else { exponent }
            }
        };
        // What is rounded to zero has no sign: instruments refuse `-0.00`.
        let mantissa = digits.split(['e', 'E']).next().unwrap_or_default();
        let is_zero = mantissa.bytes().all(|b| matches!(b, b'0' | b'.'));
        // What is rounded up may be more than any computer takes for a number.
        let is_finite = digits.parse().is_ok_and(f64::is_finite);
        self.pad(x < 0.0 && !is_zero, &digits).filter(|_| is_finite)
    }

    /// Writes a whole number, to the last digit; `None` if it does not fit, or needs a sign where there is none.
    pub(crate) fn print_whole(&self, n: i128) -> Option<String> {
        let half = self.capacity() / 2;
        let n = match self.complement {
            true if n < -half || n >= half => return None,
            true if n < 0 => n + self.capacity(),
            _ => n,
        };
        let size = n.unsigned_abs();
        match self.radix {
            Radix::Float(FloatStyle::Fixed) => {
                let fraction = match self.precision {
                    None | Some(0) => String::new(),
                    Some(digits) => format!(".{:0>1$}", "", usize::from(digits)),
                };
                self.pad(n < 0, &format!("{size}{fraction}"))
            }
            Radix::Float(_) => self.print_float(n as f64),
            Radix::Decimal => self.pad(n < 0, &size.to_string()),
            _ if n < 0 => None,
            Radix::Hexadecimal { upper: true } => self.pad(false, &format!("{size:X}")),
            Radix::Hexadecimal { upper: false } => self.pad(false, &format!("{size:x}")),
            Radix::Octal => self.pad(false, &format!("{size:o}")),
            Radix::Binary => self.pad(false, &format!("{size:b}")),
        }
    }

    fn pad(&self, negative: bool, digits: &str) -> Option<String> {
        let sign = match (negative, self.plus) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        let width = usize::from(self.width);
        let padded = match self.fill {
            Fill::Zeros => {
                let width = width.saturating_sub(sign.len());
                format!("{sign}{digits:0>width$}")
            }
            Fill::Left => format!("{:>width$}", format!("{sign}{digits}")),
            Fill::Right => format!("{:<width$}", format!("{sign}{digits}")),
        };
        (width == 0 || padded.len() == width).then_some(padded)
    }

    /// Where in these bytes a number in this notation stands, and how many of them belong to it: spaces before it do, and
    /// with a width all of that. `None` if there is no such number.
    pub(crate) fn measure<'b>(&self, bytes: &'b [u8]) -> Option<(&'b str, usize)> {
        let width = usize::from(self.width);
        let field = match width {
            0 => bytes,
            width => bytes.get(..width)?,
        };
        let start = field.iter().take_while(|b| **b == b' ').count();
        let length = self.length(&field[start..]);
        let digits = std::str::from_utf8(&field[start..start + length]).ok()?;
        let after = &field[start + length..];
        match width {
            _ if digits.is_empty() => None,
            0 => Some((digits, start + length)),
            width => after.iter().all(|b| *b == b' ').then_some((digits, width)),
        }
    }

    /// How many of these bytes are one number in this notation.
    fn length(&self, bytes: &[u8]) -> usize {
        let while_in = |radix: u32| bytes.iter().take_while(|b| char::from(**b).is_digit(radix)).count();
        match self.radix {
            Radix::Float(_) => measure_float(bytes),
            Radix::Decimal => {
                let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
                match digits(&bytes[sign..]) {
                    0 => 0,
                    digits => sign + digits,
                }
            }
            Radix::Hexadecimal { .. } => while_in(16),
            Radix::Octal => while_in(8),
            Radix::Binary => while_in(2),
        }
    }

    /// The number that such characters are, if it is finite and not too great.
    pub(crate) fn parse(&self, text: &str) -> Option<Number> {
        let whole = |radix| {
            let n = i128::from_str_radix(text, radix).ok()?;
            let is_negative = self.complement && n >= self.capacity() / 2;
            Some(Number::Whole(if is_negative { n - self.capacity() } else { n }))
        };
        match self.radix {
            Radix::Hexadecimal { .. } => whole(16),
            Radix::Octal => whole(8),
            Radix::Binary => whole(2),
            Radix::Decimal => whole(10),
            Radix::Float(_) => {
                let x: f64 = text.parse().ok()?;
                x.is_finite().then_some(Number::Fraction(x))
            }
        }
    }
}

/// The whole number next to a float, if it is one that an `i128` holds exactly: more than any line of an instrument has.
pub(crate) fn to_whole(x: f64) -> Option<i128> {
    let whole = Some(x.round()).filter(|whole| whole.abs() < 1e38)?;
    Some(whole as i128)
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
fn exponential(text: &str, upper: bool) -> String {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    let e = if upper { 'E' } else { 'e' };
    format!("{mantissa}{e}{sign}{digits:0>2}")
}
