//! The small language of `send` and `expect`: text with placeholders for values.
//!
//! `IN_PV_00`, `T={:.2f}`, `{:d} {_}`. A [`Template`] is what the file says; the parser knows nothing of the parameter
//! yet. A [`Format`] is a template together with what its placeholders stand for, and can [print](Format::print) a value
//! or [scan](Format::scan) a reply.

mod format;
mod number;
mod parse;
mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use format::{Codec, Format};
pub(crate) use number::{FloatStyle, NumberFormat, Radix};
pub(crate) use parse::{Slip, literal, parse};

/// A text with placeholders, as the file has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    /// As it is written, for messages.
    pub(crate) text: String,
    /// Literal text and placeholders in turn; no two literals side by side.
    pub(crate) pieces: Vec<Piece>,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    /// Bytes that are sent as they are, or have to come so.
    Literal(Vec<u8>),
    /// A value.
    Placeholder(Placeholder),
}

/// `{…}` in a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placeholder {
    /// Bytes of the template's text, both braces included.
    pub(crate) span: Range<usize>,
    /// What it asks for.
    pub(crate) conversion: Conversion,
}

/// What a placeholder asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Conversion {
    /// `{}`: whatever the parameter is.
    Own,
    /// `{:.2f}`, `{:e}`, `{:d}`, `{:04x}`.
    Number(NumberFormat),
    /// `{:s}`.
    Text,
    /// `{_}`: something of no interest, in `expect` only.
    Skip,
}

impl Template {
    /// The placeholders that stand for a value.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Placeholder> {
        self.placeholders().filter(|p| p.conversion != Conversion::Skip)
    }

    /// All placeholders.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Placeholder(placeholder) => Some(placeholder),
            Piece::Literal(_) => None,
        })
    }

    /// Whether `bytes` stand somewhere in the literal text.
    pub(crate) fn contains(&self, bytes: &[u8]) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Literal(literal) => find(literal, bytes).is_some(),
            Piece::Placeholder(_) => false,
        })
    }
}

/// Where `needle` begins in `haystack`; nowhere if it is empty.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return None;
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}
