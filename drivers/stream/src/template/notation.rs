//! How a number stands on the line: in characters, or as bytes.

use super::{Number, NumberFormat, Raw, RawKind};

/// How a number stands on the line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Notation {
    /// In characters.
    Text(NumberFormat),
    /// As bytes.
    Raw(Raw),
}

/// Why bytes are no such number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum NoNumber {
    /// There is none.
    Missing,
    /// There is one that cannot be used.
    Unusable(String),
}

impl Notation {
    /// Bytes that it takes, if that is always the same.
    pub(crate) fn size(&self) -> Option<usize> {
        match self {
            Notation::Text(format) => Some(usize::from(format.width)).filter(|width| *width > 0),
            Notation::Raw(raw) => Some(raw.size()),
        }
    }

    /// Whether it is for whole numbers only.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Notation::Text(format) => format.is_whole(),
            Notation::Raw(raw) => raw.kind != RawKind::Float,
        }
    }

    /// Digits after the point, if it says how many.
    pub(crate) fn precision(&self) -> Option<u8> {
        match self {
            Notation::Text(format) => format.precision,
            Notation::Raw(_) => None,
        }
    }

    /// What people call it.
    pub(crate) fn noun(&self) -> String {
        match self {
            Notation::Text(format) => match format.width {
                0 => format.noun().to_owned(),
                width => format!("{} of {width} characters", format.noun()),
            },
            Notation::Raw(raw) => raw.noun(),
        }
    }

    /// As [`NumberFormat::rounding`].
    pub(crate) fn rounding(&self, most: Option<f64>) -> Option<f64> {
        match self {
            Notation::Text(format) => format.rounding(most),
            // A float of four bytes keeps seven digits, and the host does not ask for more.
            Notation::Raw(raw) => Some(if raw.kind == RawKind::Float { 0.0 } else { 0.5 }),
        }
    }

    /// The bytes of a finite number, rounded as the notation is; `None` if it does not fit.
    pub(crate) fn print_float(&self, x: f64) -> Option<Vec<u8>> {
        match self {
            Notation::Text(format) => format.print_float(x).map(String::into_bytes),
            Notation::Raw(raw) => raw.print_float(x),
        }
    }

    /// The bytes of a whole number, to the last digit; `None` if it does not fit.
    pub(crate) fn print_whole(&self, n: i128) -> Option<Vec<u8>> {
        match self {
            Notation::Text(format) => format.print_whole(n).map(String::into_bytes),
            Notation::Raw(raw) => raw.print_whole(n),
        }
    }

    /// The number at the start of `bytes`, and how many of them it takes.
    pub(crate) fn scan(&self, bytes: &[u8]) -> Result<(Number, usize), NoNumber> {
        match self {
            Notation::Text(format) => {
                let (text, taken) = format.measure(bytes).ok_or(NoNumber::Missing)?;
                let number = format.parse(text);
                let number = number.ok_or_else(|| NoNumber::Unusable(format!("`{text}` is too great")))?;
                Ok((number, taken))
            }
            Notation::Raw(raw) => {
                let field = bytes.get(..raw.size()).ok_or(NoNumber::Missing)?;
                Ok((raw.scan(field).map_err(NoNumber::Unusable)?, raw.size()))
            }
        }
    }

    /// The whole number that these bytes are, all of them.
    pub(crate) fn whole(&self, bytes: &[u8]) -> Option<i128> {
        match self.scan(bytes) {
            Ok((Number::Whole(n), taken)) if taken == bytes.len() => Some(n),
            _ => None,
        }
    }
}
