//! What a placeholder stands for: the kind of a value, its members, its scale.

use baton_plugin_api::{DEFAULT_MAX_LENGTH, Datatype, Value};
use serde_json::Number as JsonNumber;

use super::{Kind, reader::Reader, values::enumeration};
use crate::template::{Codec, Member, Notation, NumberFormat, Radix, Scale, WholeScale};

/// What a placeholder stands for.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) kind: Kind,
    /// Members of an enum or a bool, each with what stands for it on the line.
    pub(crate) members: Vec<(String, Vec<u8>)>,
    pub(crate) scale: Scale,
    /// The scale of an integer.
    pub(crate) whole: WholeScale,
}

impl Subject {
    /// A kind of value, with nothing else to say.
    pub(crate) const fn plain(kind: Kind) -> Self {
        Subject {
            kind,
            members: Vec::new(),
            scale: Scale::NONE,
            whole: WholeScale::NONE,
        }
    }

    /// What the host knows it as.
    pub(super) fn datatype(&self) -> Datatype {
        match self.kind {
            Kind::Number => Datatype::Float,
            Kind::Integer => Datatype::ANY_INT,
            Kind::Text => Datatype::ANY_TEXT,
            Kind::Enum => enumeration(&self.members),
            Kind::Bool => Datatype::Bool,
            Kind::Bytes => Datatype::Bytes {
                max_bytes: DEFAULT_MAX_LENGTH,
            },
        }
    }

    /// Members with their values.
    pub(super) fn choices(&self) -> Vec<Member<Vec<u8>>> {
        let member = |(name, bytes): &(String, Vec<u8>)| Member {
            value: self.member_value(name),
            stands: bytes.clone(),
        };
        self.members.iter().map(member).collect()
    }

    /// Members with the numbers that stand for them; `None` if something else stands for one.
    pub(super) fn numbered(&self) -> Option<Vec<Member<i128>>> {
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.trim().parse().ok();
        let member = |(name, bytes): &(String, Vec<u8>)| {
            Some(Member {
                value: self.member_value(name),
                stands: number(bytes)?,
            })
        };
        self.members.iter().map(member).collect()
    }

    fn member_value(&self, name: &str) -> Value {
        match self.kind {
            Kind::Bool => Value::Bool(name == "true"),
            _ => Value::from(name),
        }
    }

    /// How bits of a whole number become a value; `None` if they cannot.
    pub(super) fn of_bits(&self) -> Option<Codec> {
        let whole = Notation::Text(NumberFormat::plain(Radix::Decimal));
        match self.kind {
            Kind::Number => Some(Codec::Number(whole, self.scale)),
            Kind::Integer => Some(Codec::Integer(whole, self.whole)),
            Kind::Enum | Kind::Bool => Some(Codec::Numbered(self.numbered()?, whole)),
            Kind::Text | Kind::Bytes => None,
        }
    }
}

impl Reader<'_> {
    /// The subject of a table that may have `type`, `values`, `scale` and `offset`.
    pub(super) fn subject(
        &mut self,
        path: &[&str],
        kind: Kind,
        values: Option<&std::collections::BTreeMap<String, String>>,
        scale: (Option<&JsonNumber>, Option<&JsonNumber>),
    ) -> Subject {
        let members = self.members(path, kind, values);
        let mut subject = Subject {
            members,
            ..Subject::plain(kind)
        };
        self.scale(path, &mut subject, scale);
        subject
    }

    fn scale(
        &mut self,
        path: &[&str],
        subject: &mut Subject,
        (scale, offset): (Option<&JsonNumber>, Option<&JsonNumber>),
    ) {
        for (key, number) in [("scale", scale), ("offset", offset)] {
            let Some(number) = number else { continue };
            let here = [path, &[key]].concat();
            match subject.kind {
                Kind::Number | Kind::Integer if key == "scale" && number.as_f64() == Some(0.0) => {
                    let error = self.error(&here, "a scale of zero makes all numbers the same");
                    self.push(error.help("leave it out for a scale of 1"));
                }
                Kind::Number => {}
                Kind::Integer if number.as_i64().is_some() => {}
                Kind::Integer => {
                    let error = self.error(&here, format!("the {key} of an integer is a whole number"));
                    self.push(error.help("write a whole number, or `type = \"number\"`"));
                }
                _ => {
                    let error = self.key_error(&here, format!("only a number has `{key}`"));
                    self.push(error.help("leave it out"));
                }
            }
        }
        let float = |number: Option<&JsonNumber>, default: f64| number.and_then(JsonNumber::as_f64).unwrap_or(default);
        let whole = |number: Option<&JsonNumber>, default: i64| number.and_then(JsonNumber::as_i64).unwrap_or(default);
        subject.scale = Scale {
            factor: float(scale, 1.0),
            offset: float(offset, 0.0),
        };
        subject.whole = WholeScale {
            factor: whole(scale, 1),
            offset: whole(offset, 0),
        };
    }
}
