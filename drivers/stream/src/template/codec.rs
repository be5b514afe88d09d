//! How one value and its bytes turn into each other.

use baton_plugin_api::{Array, Error, Result, Value};

use super::{Mismatch, NoNumber, Notation, Number, Scale, TextFormat, WholeScale};
use crate::{
    file::Encoding,
    text::{decode, encode, show, show_value},
};

/// How a value and the bytes of a line turn into each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Codec {
    /// A number.
    Number(Notation, Scale),
    /// An integer, exactly.
    Integer(Notation, WholeScale),
    /// Text; without a width up to what follows.
    Text(TextFormat),
    /// Text in double quotes.
    Quoted,
    /// Bytes; without a width up to what follows.
    Bytes(usize),
    /// One of several, each with what stands for it on the line, filled up with spaces to a width that may be 0.
    Choice(Vec<Member<Vec<u8>>>, usize),
    /// One of several, each with its number.
    Numbered(Vec<Member<i128>>, Notation),
    /// What is of no interest: so many bytes, or with 0 all up to what follows.
    Anything(usize),
    /// Spaces and tabs, if any.
    Blank,
}

/// One of several values, and what stands for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member<T> {
    pub(crate) value: Value,
    pub(crate) stands: T,
}

impl Codec {
    /// Bytes that it takes, if that is always the same.
    pub(crate) fn size(&self) -> Option<usize> {
        let width = |width: usize| Some(width).filter(|width| *width > 0);
        match self {
            Codec::Number(notation, _) | Codec::Integer(notation, _) | Codec::Numbered(_, notation) => notation.size(),
            Codec::Text(format) => width(format.width.into()),
            Codec::Bytes(bytes) | Codec::Anything(bytes) => width(*bytes),
            Codec::Choice(members, 0) => {
                let first = members.first()?.stands.len();
                members
                    .iter()
                    .all(|member| member.stands.len() == first)
                    .then_some(first)
            }
            Codec::Choice(_, bytes) => width(*bytes),
            Codec::Quoted | Codec::Blank => None,
        }
    }

    /// Whether it goes on until something else tells where it ends.
    pub(crate) fn is_open(&self) -> bool {
        let has_size = self.size().is_some();
        matches!(self, Codec::Text(_) | Codec::Bytes(_) | Codec::Anything(_)) && !has_size
    }

    /// How a number stands on the line, if it is one.
    pub(crate) fn notation(&self) -> Option<&Notation> {
        match self {
            Codec::Number(notation, _) | Codec::Integer(notation, _) | Codec::Numbered(_, notation) => Some(notation),
            _ => None,
        }
    }

    /// The value that a whole number on the line means, if it means one.
    pub(crate) fn of_whole(&self, n: i128) -> Option<Value> {
        match self {
            Codec::Number(_, scale) => Some(Value::Float(scale.value(Number::Whole(n)))),
            Codec::Integer(_, scale) => scale.value(n).map(Value::Int),
            Codec::Numbered(members, _) => {
                let member = members.iter().find(|member| member.stands == n);
                member.map(|member| member.value.clone())
            }
            _ => None,
        }
    }

    /// Whether its bytes mean something by themselves, so that a terminator among them is none.
    pub(crate) fn is_raw(&self) -> bool {
        matches!(self.notation(), Some(Notation::Raw(_))) || matches!(self, Codec::Bytes(1..))
    }

    /// The bytes of a value.
    ///
    /// # Errors
    /// `RangeError` if it cannot be written so.
    pub(crate) fn print(&self, value: &Value, encoding: Encoding) -> Result<Vec<u8>> {
        let printed = match (self, value) {
            (Codec::Number(notation, scale), value @ (Value::Int(_) | Value::Float(_))) => {
                print_number(notation, scale, value)
            }
            (Codec::Integer(notation, scale), Value::Int(n)) => {
                let Some(number) = scale.number(*n) else {
                    let WholeScale { factor, offset } = scale;
                    let offset = if *offset == 0 {
                        String::new()
                    } else {
                        format!(" and {offset}")
                    };
                    return Err(Error::range(format!("{n} is no multiple of {factor}{offset}")));
                };
                notation.print_whole(number)
            }
            (Codec::Text(format), Value::Text(text)) => return print_text(text, *format, encoding),
            (Codec::Quoted, Value::Text(text)) => {
                let doubled = encode(&text.replace('"', "\"\""), encoding).map_err(no_character)?;
                Some([b"\"", &doubled[..], b"\""].concat())
            }
            (Codec::Bytes(width), Value::Array(array)) => print_bytes(array, *width)?,
            (Codec::Choice(members, width), value) => print_choice(members, *width, value)?,
            (Codec::Numbered(members, notation), value) => notation.print_whole(*stands_for(members, value)?),
            (Codec::Blank, _) => Some(Vec::new()),
            _ => None,
        };
        printed.ok_or_else(|| Error::range(format!("{} cannot be written as {}", show_value(value), self.noun())))
    }

    /// The value at byte `at` of a reply, and how many bytes it takes. What is open goes to byte `end`.
    pub(super) fn scan(
        &self,
        reply: &[u8],
        at: usize,
        end: Option<usize>,
        encoding: Encoding,
    ) -> Result<(Value, usize), Mismatch> {
        let rest = &reply[at..];
        match self {
            Codec::Number(notation, scale) => {
                let (number, taken) = self.number(notation, rest, at)?;
                let value = scale.value(number);
                let too_great = || Mismatch::unusable(format!("{} is too great", show(&rest[..taken])), at);
                value
                    .is_finite()
                    .then_some((Value::Float(value), taken))
                    .ok_or_else(too_great)
            }
            Codec::Integer(notation, scale) => {
                let (number, taken) = self.number(notation, rest, at)?;
                let value = whole(number).and_then(|n| scale.value(n));
                let too_great = || Mismatch::unusable(format!("{} is too great", show(rest[..taken].trim_ascii())), at);
                Ok((Value::Int(value.ok_or_else(too_great)?), taken))
            }
            Codec::Numbered(_, notation) => {
                let (number, taken) = self.number(notation, rest, at)?;
                let value = whole(number).and_then(|n| self.of_whole(n));
                Ok((value.ok_or_else(|| Mismatch::missing(self.noun(), at))?, taken))
            }
            Codec::Choice(members, width) => self.scan_choice(members, *width, rest, at),
            Codec::Quoted => scan_quoted(rest, at, encoding),
            Codec::Blank => Ok((
                Value::Unit,
                rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count(),
            )),
            Codec::Text(_) | Codec::Bytes(_) | Codec::Anything(_) => {
                let taken = self.size().or(end.map(|end| end - at)).unwrap_or(rest.len());
                let field = rest
                    .get(..taken)
                    .ok_or_else(|| Mismatch::missing(self.noun(), reply.len()))?;
                Ok((self.open_value(field, at, encoding)?, taken))
            }
        }
    }

    fn open_value(&self, field: &[u8], at: usize, encoding: Encoding) -> Result<Value, Mismatch> {
        match self {
            Codec::Text(format) => {
                let text = decode(field, encoding).ok_or_else(|| no_text(field, at))?;
                Ok(Value::Text(match (format.width, format.right) {
                    (0, _) => text,
                    (_, true) => text.trim_start_matches(' ').to_owned(),
                    (_, false) => text.trim_end_matches(' ').to_owned(),
                }))
            }
            Codec::Bytes(_) => Ok(Value::Array(field.to_vec().into())),
            _ => Ok(Value::Unit),
        }
    }

    fn number(&self, notation: &Notation, rest: &[u8], at: usize) -> Result<(Number, usize), Mismatch> {
        notation.scan(rest).map_err(|wrong| match wrong {
            NoNumber::Missing => Mismatch::missing(self.noun(), at),
            NoNumber::Unusable(why) => Mismatch::unusable(why, at),
        })
    }

    fn scan_choice(
        &self,
        members: &[Member<Vec<u8>>],
        width: usize,
        rest: &[u8],
        at: usize,
    ) -> Result<(Value, usize), Mismatch> {
        let missing = || Mismatch::missing(self.noun(), at);
        if width > 0 {
            let field = rest.get(..width).ok_or_else(missing)?.trim_ascii();
            let member = members.iter().find(|member| member.stands.trim_ascii() == field);
            return Ok((member.ok_or_else(missing)?.value.clone(), width));
        }
        // The longest, so that `10` is not taken for `1` with something behind it.
        let fits = members.iter().filter(|member| rest.starts_with(&member.stands));
        let member = fits.max_by_key(|member| member.stands.len()).ok_or_else(missing)?;
        Ok((member.value.clone(), member.stands.len()))
    }

    /// What people call what it reads.
    pub(crate) fn noun(&self) -> String {
        let width = |noun: &str, width: usize| match width {
            0 => noun.to_owned(),
            width => format!("{noun} of {width} bytes"),
        };
        match self {
            Codec::Number(notation, _) | Codec::Integer(notation, _) => notation.noun(),
            Codec::Text(format) => width("text", format.width.into()),
            Codec::Quoted => "text in quotes".to_owned(),
            Codec::Bytes(bytes) => width("a field", *bytes),
            Codec::Anything(bytes) => width("anything", *bytes),
            Codec::Blank => "white space".to_owned(),
            Codec::Choice(members, _) => {
                let spellings: Vec<_> = members.iter().map(|member| show(&member.stands)).collect();
                format!("one of {}", spellings.join(", "))
            }
            Codec::Numbered(members, _) => {
                let numbers: Vec<_> = members.iter().map(|member| member.stands.to_string()).collect();
                format!("one of {}", numbers.join(", "))
            }
        }
    }
}

fn whole(number: Number) -> Option<i128> {
    match number {
        Number::Whole(n) => Some(n),
        Number::Fraction(_) => None,
    }
}

fn print_number(notation: &Notation, scale: &Scale, value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Int(n) if *scale == Scale::NONE => notation.print_whole((*n).into()),
        value => {
            let x = value.as_f64().filter(|x| x.is_finite())?;
            notation.print_float(Some(scale.number(x)).filter(|x| x.is_finite())?)
        }
    }
}

fn print_text(text: &str, format: TextFormat, encoding: Encoding) -> Result<Vec<u8>> {
    let bytes = encode(text, encoding).map_err(no_character)?;
    let width = usize::from(format.width);
    if width == 0 {
        return Ok(bytes);
    }
    let Some(spaces) = width.checked_sub(bytes.len()) else {
        return Err(Error::range(format!(
            "{} is longer than {width} bytes",
            show(text.as_bytes())
        )));
    };
    let spaces = vec![b' '; spaces];
    Ok(match format.right {
        true => [spaces, bytes].concat(),
        false => [bytes, spaces].concat(),
    })
}

fn print_bytes(array: &Array, width: usize) -> Result<Option<Vec<u8>>> {
    let Some(bytes) = array.as_slice::<u8>() else {
        return Ok(None);
    };
    if width > 0 && bytes.len() != width {
        let length = bytes.len();
        return Err(Error::range(format!(
            "{length} bytes where the instrument takes {width}"
        )));
    }
    Ok(Some(bytes.to_vec()))
}

fn print_choice(members: &[Member<Vec<u8>>], width: usize, value: &Value) -> Result<Option<Vec<u8>>> {
    let mut bytes = stands_for(members, value)?.clone();
    if bytes.len() > width && width > 0 {
        return Ok(None);
    }
    bytes.resize(width.max(bytes.len()), b' ');
    Ok(Some(bytes))
}

fn stands_for<'m, T>(members: &'m [Member<T>], value: &Value) -> Result<&'m T> {
    let member = members.iter().find(|member| member.value == *value);
    let member = member.ok_or_else(|| Error::range(format!("{} is none of its values", show_value(value))))?;
    Ok(&member.stands)
}

fn scan_quoted(rest: &[u8], at: usize, encoding: Encoding) -> Result<(Value, usize), Mismatch> {
    if rest.first() != Some(&b'"') {
        return Err(Mismatch::missing("a quote", at));
    }
    let mut text = Vec::new();
    let mut next = 1;
    loop {
        match (rest.get(next), rest.get(next + 1)) {
            (Some(b'"'), Some(b'"')) => {
                text.push(b'"');
                next += 2;
            }
            (Some(b'"'), _) => break,
            (Some(byte), _) => {
                text.push(*byte);
                next += 1;
            }
            (None, _) => return Err(Mismatch::missing("a closing quote", at + rest.len())),
        }
    }
    let decoded = decode(&text, encoding).ok_or_else(|| no_text(&text, at + 1))?;
    Ok((Value::Text(decoded), next + 1))
}

fn no_text(bytes: &[u8], at: usize) -> Mismatch {
    Mismatch::unusable(format!("{} is no text", show(bytes)), at)
}

fn no_character(c: char) -> Error {
    Error::range(format!("the instrument's encoding has no `{}`", c.escape_debug()))
}
