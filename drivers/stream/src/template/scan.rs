//! Takes a reply apart.

use baton_plugin_api::Value;

use super::{Codec, Format, NumberFormat, find, format::Part};
use crate::{
    file::Encoding,
    text::{decode, quote, show},
};

/// Where a reply leaves its format.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mismatch {
    /// Something was due where so many bytes of the reply were left.
    Missing { what: String, left: usize },
    /// What came cannot be taken for what was due.
    Unusable(String),
}

impl Mismatch {
    /// For people: what was expected, what came, and where the two part.
    pub(crate) fn explain(&self, format: &Format, reply: &[u8]) -> String {
        let expected = match format.text.as_str() {
            "" => "an empty line".to_owned(),
            text => quote(text),
        };
        let got = match reply {
            [] => return format!("expected {expected}, got an empty line"),
            reply => show(reply),
        };
        let why = match self {
            Mismatch::Missing { what, left: 0 } => format!("{what} is missing at its end"),
            Mismatch::Missing { what, left } if *left == reply.len() => format!("{what} is missing at its start"),
            Mismatch::Missing { what, left } => {
                format!("{what} is missing before {}", show(&reply[reply.len() - left..]))
            }
            Mismatch::Unusable(why) => why.clone(),
        };
        format!("expected {expected}, got {got} ({why})")
    }

    fn missing(what: impl Into<String>, rest: &[u8]) -> Self {
        Mismatch::Missing {
            what: what.into(),
            left: rest.len(),
        }
    }
}

impl Format {
    /// The value in a reply, if the format has one. Every byte of the reply has to be accounted for.
    pub(crate) fn scan(&self, reply: &[u8], encoding: Encoding) -> Result<Option<Value>, Mismatch> {
        let mut rest = reply;
        let mut found = None;
        for (index, part) in self.parts.iter().enumerate() {
            let taken = match part {
                Part::Literal(bytes) if rest.starts_with(bytes) => bytes.len(),
                Part::Literal(bytes) => return Err(Mismatch::missing(show(bytes), rest)),
                Part::Skip => self.open_end(index, rest)?,
                Part::Value(Codec::Text) => {
                    let end = self.open_end(index, rest)?;
                    let text = decode(&rest[..end], encoding)
                        .ok_or_else(|| Mismatch::Unusable(format!("{} is no text", show(&rest[..end]))))?;
                    found = Some(Value::Text(text));
                    end
                }
                Part::Value(codec) => {
                    let (value, end) = codec.scan(rest)?;
                    found = Some(value);
                    end
                }
            };
            rest = &rest[taken..];
        }
        match rest {
            [] => Ok(found),
            rest => Err(Mismatch::Unusable(format!("{} is too much", show(rest)))),
        }
    }

    /// Where something without an end of its own ends: before the literal that follows it, or at the end of the reply.
    fn open_end(&self, index: usize, rest: &[u8]) -> Result<usize, Mismatch> {
        match self.parts.get(index + 1) {
            Some(Part::Literal(next)) if index + 2 == self.parts.len() => {
                // The last literal stands at the very end, however often it comes before.
                let end = rest.len().checked_sub(next.len()).filter(|_| rest.ends_with(next));
                end.ok_or_else(|| Mismatch::missing(show(next), &[]))
            }
            Some(Part::Literal(next)) => find(rest, next).ok_or_else(|| Mismatch::missing(show(next), rest)),
            _ => Ok(rest.len()),
        }
    }
}

impl Codec {
    /// The value at the start of `bytes`, and how many of them it takes.
    fn scan(&self, bytes: &[u8]) -> Result<(Value, usize), Mismatch> {
        match self {
            Codec::Number(format) => {
                let (text, end) = self.number(format, bytes)?;
                let number = format.parse_float(text).ok_or_else(|| too_great(text))?;
                Ok((Value::Float(number), end))
            }
            Codec::Integer(format) => {
                let (text, end) = self.number(format, bytes)?;
                let number = format.parse_integer(text).ok_or_else(|| too_great(text))?;
                Ok((Value::Int(number), end))
            }
            Codec::Enum(members) => {
                // The longest, so that `10` is not taken for `1` with something behind it.
                let fits = members.iter().filter(|(_, spelling)| bytes.starts_with(spelling));
                let member = fits.max_by_key(|(_, spelling)| spelling.len());
                let (name, spelling) = member.ok_or_else(|| Mismatch::missing(self.noun(), bytes))?;
                Ok((Value::Text(name.clone()), spelling.len()))
            }
            Codec::Text => unreachable!("the format finds where a text ends"),
        }
    }

    fn number<'b>(&self, format: &NumberFormat, bytes: &'b [u8]) -> Result<(&'b str, usize), Mismatch> {
        let missing = || Mismatch::missing(self.noun(), bytes);
        let (start, end) = format.measure(bytes).ok_or_else(missing)?;
        let text = std::str::from_utf8(&bytes[start..end]).map_err(|_| missing())?;
        Ok((text, end))
    }
}

fn too_great(text: &str) -> Mismatch {
    Mismatch::Unusable(format!("`{text}` is too great"))
}
