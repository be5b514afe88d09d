//! A template whose placeholders are bound to what they stand for.

use baton_plugin_api::{Error, Result, Value};

use super::{NumberFormat, Piece, Placeholder, Template, find};
use crate::{
    file::Encoding,
    text::{encode, show, show_value},
};

/// A template that can print a value or scan a reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Format {
    /// As the file has it, for messages.
    pub(crate) text: String,
    pub(crate) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Part {
    Literal(Vec<u8>),
    Value(Codec),
    /// Anything up to the literal that follows, or to the end.
    Skip,
}

/// How a value and the bytes of a line turn into each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Codec {
    /// A number.
    Number(NumberFormat),
    /// An integer.
    Integer(NumberFormat),
    /// Text, up to the literal that follows, or to the end.
    Text,
    /// An enum: the names of its members, and what stands for each on the line.
    Enum(Vec<(String, Vec<u8>)>),
}

impl Format {
    /// Binds each placeholder of a template; `None` for those of no interest.
    pub(crate) fn bind(template: Template, mut codec: impl FnMut(&Placeholder) -> Option<Codec>) -> Format {
        let bind = |piece| match piece {
            Piece::Literal(bytes) => Part::Literal(bytes),
            Piece::Placeholder(placeholder) => codec(&placeholder).map_or(Part::Skip, Part::Value),
        };
        Format {
            text: template.text,
            parts: template.pieces.into_iter().map(bind).collect(),
        }
    }

    /// How the value in it is written or read, if there is one.
    pub(crate) fn codec(&self) -> Option<&Codec> {
        self.parts.iter().find_map(|part| match part {
            Part::Value(codec) => Some(codec),
            Part::Literal(_) | Part::Skip => None,
        })
    }

    /// The line that carries `value`, without its terminator.
    ///
    /// # Errors
    /// If the value cannot be written so: a character that the encoding lacks, the terminator within a text, a negative
    /// hexadecimal number. Nothing was sent then.
    pub(crate) fn print(&self, value: &Value, encoding: Encoding, terminator: &[u8]) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        for part in &self.parts {
            match part {
                Part::Literal(bytes) => line.extend_from_slice(bytes),
                Part::Value(codec) => line.extend(codec.print(value, encoding)?),
                Part::Skip => {}
            }
        }
        // Otherwise a text could carry commands of its own.
        if find(&line, terminator).is_some() {
            return Err(Error::range(format!(
                "{} has the end of the line, {}, within it",
                show(&line),
                show(terminator)
            )));
        }
        Ok(line)
    }
}

impl Codec {
    fn print(&self, value: &Value, encoding: Encoding) -> Result<Vec<u8>> {
        let printed = match (self, value) {
            (Codec::Number(format), Value::Int(n)) => format.print_float(*n as f64),
            (Codec::Number(format), Value::Float(x)) if x.is_finite() => format.print_float(*x),
            (Codec::Integer(format), Value::Int(n)) => format.print_integer(*n),
            (Codec::Text, Value::Text(text)) => {
                let bytes = encode(text, encoding);
                return bytes.map_err(|c| Error::range(format!("the instrument's encoding has no `{c}`")));
            }
            (Codec::Enum(members), Value::Text(name)) => {
                let member = members.iter().find(|(member, _)| member == name);
                let bytes = member.map(|(_, bytes)| bytes.clone());
                return bytes.ok_or_else(|| Error::range(format!("`{name}` is none of its values")));
            }
            _ => None,
        };
        let text = printed
            .ok_or_else(|| Error::range(format!("{} cannot be written as {}", show_value(value), self.noun())))?;
        Ok(text.into_bytes())
    }

    /// What people call what it reads.
    pub(crate) fn noun(&self) -> String {
        match self {
            Codec::Number(format) | Codec::Integer(format) => format.noun().to_owned(),
            Codec::Text => "text".to_owned(),
            Codec::Enum(members) => {
                let spellings: Vec<_> = members.iter().map(|(_, bytes)| show(bytes)).collect();
                format!("one of {}", spellings.join(", "))
            }
        }
    }
}
