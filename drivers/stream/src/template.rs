//! The small language of `send` and `expect`: text with placeholders for values.
//!
//! `IN_PV_00`, `T={:.2f}`, `{voltage:f},{current:f}`, `\x02{:u16be}{!crc16-modbus}`. A [`Template`] is what the file says;
//! the [parser](parse()) knows nothing of the parameter yet. A [`Format`] is a template together with what its
//! placeholders stand for, and can [print](Format::print) values or [scan](Format::scan) a reply. How one value and its
//! bytes turn into each other is its [`Codec`]; how a number stands on the line its [`Notation`], in characters
//! ([`NumberFormat`]) or as bytes ([`Raw`]).

mod checksum;
mod codec;
mod format;
mod mismatch;
mod notation;
mod number;
mod parse;
mod raw;
mod scale;
mod scan;
mod spec;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(crate) use checksum::Checksum;
pub(crate) use codec::{Codec, Member};
pub(crate) use format::{Field, Format, Given, Part, Slot};
pub(crate) use mismatch::Mismatch;
pub(crate) use notation::{NoNumber, Notation};
pub(crate) use number::{Fill, FloatStyle, NumberFormat, Radix};
pub(crate) use parse::{Slip, literal, parse};
pub(crate) use raw::{Number, Order, Raw, RawKind};
pub(crate) use scale::{Scale, WholeScale};
pub(crate) use scan::Scanned;
pub(crate) use spec::{conversion_of, notation_of};

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
    /// A value, or something that follows from the bytes around it.
    Placeholder(Placeholder),
}

/// `{…}` in a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placeholder {
    /// Bytes of the template's text, both braces included.
    pub(crate) span: Range<usize>,
    /// Whose value it is.
    pub(crate) whose: Whose,
    /// How it is written.
    pub(crate) conversion: Conversion,
}

/// Whose value a placeholder stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Whose {
    /// `{:f}`: of the parameter, or command, that the template belongs to.
    Own,
    /// `{current:f}`: of the parameter of that name.
    Of(String),
    /// `{_}`: something of no interest, in `expect` only.
    Nobody,
    /// `{$channel:d}`: of a setting, which the lab's config gives to the device.
    Setting(String),
    /// `{!…}`: of nothing but the bytes around it.
    Frame,
}

/// How a placeholder wants its value written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Conversion {
    /// `{}`: however values of that kind are.
    Plain,
    /// `{:8}`: so, in this many bytes.
    Width(u16),
    /// `{:.2f}`, `{:04x}`, `{:u16be}`.
    Number(Notation),
    /// `{:s}`, `{:8s}`.
    Text(TextFormat),
    /// `{:q}`: text in double quotes; one within it is doubled.
    Quoted,
    /// `{_:w}`: spaces and tabs, if any.
    Blank,
    /// `{!start}`: here begins what a checksum is of.
    Start,
    /// `{!end}`: here it ends.
    End,
    /// `{!sum8:02X}`.
    Checksum(Checksum),
}

/// How text is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextFormat {
    /// Exact number of bytes; 0 for as many as it takes.
    pub(crate) width: u16,
    /// Whether it stands at the right end of its width, behind the spaces.
    pub(crate) right: bool,
}

impl Template {
    /// All placeholders.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Placeholder(placeholder) => Some(placeholder),
            Piece::Literal(_) => None,
        })
    }

    /// The placeholders of the parameter, or command, that it belongs to.
    pub(crate) fn own(&self) -> impl Iterator<Item = &Placeholder> {
        self.placeholders().filter(|p| p.whose == Whose::Own)
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
