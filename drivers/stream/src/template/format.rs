//! A template whose placeholders are bound to what they stand for.

use std::{collections::BTreeMap, ops::Range};

use baton_plugin_api::{Error, Result, Value};

use super::{Checksum, Codec, Notation, Radix};
use crate::{file::Encoding, text::show};

/// A template that can print values or scan a reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Format {
    /// As the file has it, for messages.
    pub(crate) text: String,
    /// One for each piece of the template.
    pub(crate) parts: Vec<Part>,
    /// How characters become bytes.
    pub(crate) encoding: Encoding,
    /// What must not come into the line by way of a text: it would end the line, and begin another.
    pub(crate) terminator: Vec<u8>,
}

/// A part of a format.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    /// Bytes that are sent as they are, or have to come so.
    Literal(Vec<u8>),
    /// A value.
    Field(Field),
    /// Here begins what a checksum is of.
    Start,
    /// Here it ends.
    End,
    /// A checksum of what stands before it.
    Checksum(Checksum),
}

/// The place of a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) slot: Slot,
    pub(crate) codec: Codec,
}

/// Whose value a field has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    /// Of the parameter, or command, whose exchange it is.
    Own,
    /// Of another parameter.
    Of(String),
    /// Of nobody: it is passed over.
    Nobody,
}

/// The values that a line is to carry.
#[derive(Clone, Copy)]
pub(crate) struct Given<'v> {
    pub(crate) own: &'v Value,
    pub(crate) others: &'v BTreeMap<String, Value>,
}

#[cfg(any(test, fuzzing))]
impl<'v> Given<'v> {
    /// One value alone.
    pub(crate) fn own(own: &'v Value) -> Self {
        static NONE: BTreeMap<String, Value> = BTreeMap::new();
        Given { own, others: &NONE }
    }
}

impl Format {
    /// The fields of a format.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(field) => Some(field),
            _ => None,
        })
    }

    /// How the value of its own is written or read, if it has one.
    pub(crate) fn codec(&self) -> Option<&Codec> {
        let own = self.fields().find(|field| field.slot == Slot::Own);
        own.map(|field| &field.codec)
    }

    /// The other parameters that it has values of.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        self.fields().filter_map(|field| match &field.slot {
            Slot::Of(name) => Some(name.as_str()),
            Slot::Own | Slot::Nobody => None,
        })
    }

    /// Bytes of the whole, if that is always the same.
    pub(crate) fn size(&self) -> Option<usize> {
        self.parts.iter().map(Part::size).sum()
    }

    /// Whether it is the same bytes each time.
    pub(crate) fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// Whether a terminator may come by chance among its bytes, which is no end of the line then.
    pub(crate) fn is_raw(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Field(field) => field.codec.is_raw(),
            Part::Checksum(checksum) => matches!(checksum.notation, Notation::Raw(_)),
            Part::Literal(_) | Part::Start | Part::End => false,
        })
    }

    /// Two parts of which nothing tells where the first ends and the second begins, by their numbers.
    pub(crate) fn unclear(&self) -> Option<(usize, usize)> {
        (0..self.parts.len()).find_map(|index| {
            let next = (index + 1..self.parts.len()).find(|next| self.parts[*next].size() != Some(0))?;
            let clear = match (&self.parts[index], &self.parts[next]) {
                (Part::Field(field), _) if self.tail_size(index + 1).is_some() && field.codec.is_open() => true,
                (Part::Field(field), Part::Literal(bytes)) if !field.codec.is_open() => {
                    !digits_go_on(&field.codec, bytes)
                }
                (Part::Field(field), Part::Field(follower)) => match field.codec.notation() {
                    _ if field.codec.size().is_some() => true,
                    Some(Notation::Text(_)) => follower.codec.notation().is_none_or(|n| matches!(n, Notation::Raw(_))),
                    _ => !field.codec.is_open(),
                },
                (Part::Field(field), Part::Checksum(_)) => field.codec.size().is_some() || !field.codec.is_open(),
                _ => true,
            };
            (!clear).then_some((index, next))
        })
    }

    /// Bytes of everything from a part on, if that is always the same.
    pub(super) fn tail_size(&self, from: usize) -> Option<usize> {
        self.parts[from..].iter().map(Part::size).sum()
    }

    /// The line that carries the values, without its terminator.
    ///
    /// # Errors
    /// If a value cannot be written so: a character that the encoding lacks, the terminator within a text, a number that
    /// does not fit. Nothing was sent then.
    pub(crate) fn print(&self, given: Given<'_>) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        let mut texts = Vec::new();
        let (mut start, mut end) = (0, None);
        for part in &self.parts {
            match part {
                Part::Literal(bytes) => line.extend_from_slice(bytes),
                Part::Field(field) => {
                    let before = line.len();
                    line.extend(self.print_field(field, given)?);
                    if !field.codec.is_raw() {
                        texts.push(before..line.len());
                    }
                }
                Part::Start => start = line.len(),
                Part::End => end = Some(line.len()),
                Part::Checksum(checksum) => {
                    let of = checksum
                        .algorithm
                        .of(&line[start..end.unwrap_or(line.len()).max(start)]);
                    let bytes = checksum.notation.print_whole(of.into());
                    line.extend(bytes.ok_or_else(|| {
                        Error::range(format!(
                            "the checksum {of} does not fit into {}",
                            checksum.notation.noun()
                        ))
                    })?);
                }
            }
        }
        self.check_terminator(&line, &texts)?;
        Ok(line)
    }

    fn print_field(&self, field: &Field, given: Given<'_>) -> Result<Vec<u8>> {
        let value = match &field.slot {
            Slot::Own => given.own,
            Slot::Of(name) => given
                .others
                .get(name)
                .ok_or_else(|| Error::impossible(format!("the value of `{name}` is not known")))?,
            Slot::Nobody => return Ok(Vec::new()),
        };
        let printed = field.codec.print(value, self.encoding);
        printed.map_err(|error| match &field.slot {
            Slot::Of(name) => error.context(name),
            Slot::Own | Slot::Nobody => error,
        })
    }

    /// Otherwise a text could carry commands of its own.
    fn check_terminator(&self, line: &[u8], texts: &[Range<usize>]) -> Result<()> {
        let length = self.terminator.len();
        if length == 0 {
            return Ok(());
        }
        let by_a_text = |at: usize| texts.iter().any(|text| text.start < at + length && at < text.end);
        let mut found = line
            .windows(length)
            .enumerate()
            .filter(|(_, bytes)| *bytes == self.terminator);
        match found.any(|(at, _)| by_a_text(at)) {
            true => Err(Error::range(format!(
                "{} has the end of the line, {}, within it",
                show(line),
                show(&self.terminator)
            ))),
            false => Ok(()),
        }
    }
}

impl Part {
    /// Whether anything at all fits.
    pub(crate) fn is_anything(&self) -> bool {
        matches!(self, Part::Field(field) if field.codec.is_open())
    }

    /// Bytes that it takes, if that is always the same.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Part::Literal(bytes) => Some(bytes.len()),
            Part::Field(field) => field.codec.size(),
            Part::Start | Part::End => Some(0),
            Part::Checksum(checksum) => checksum.notation.size(),
        }
    }
}

/// Whether a number, as long as it pleases, swallows the beginning of the literal behind it.
fn digits_go_on(codec: &Codec, literal: &[u8]) -> bool {
    let Some(Notation::Text(format)) = codec.notation().filter(|_| codec.size().is_none()) else {
        return false;
    };
    let radix = match format.radix {
        Radix::Hexadecimal { .. } => 16,
        Radix::Octal => 8,
        Radix::Binary => 2,
        Radix::Decimal | Radix::Float(_) => 10,
    };
    let goes_on = |byte: u8| char::from(byte).is_digit(radix);
    let point = matches!(format.radix, Radix::Float(_)) && literal.starts_with(b".");
    literal.first().is_some_and(|byte| goes_on(*byte)) || point
}
