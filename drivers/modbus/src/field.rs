//! A value in registers or bits: which it is, and how it is got out and in.

mod registers;
mod scaling;
#[cfg(test)]
mod tests;

use baton_plugin_api::{Datatype, Error, ErrorKind, Member, Result, Value};

pub(crate) use registers::{Bits, Kind, Order, Registers};
pub(crate) use scaling::Scaling;

use crate::place::Place;

/// A value, and where it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) place: Place,
    pub(crate) layout: Layout,
    pub(crate) meaning: Meaning,
}

/// What it is made of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Layout {
    /// A coil or discrete input.
    Bit,
    /// One register or several.
    Registers(Registers),
}

/// What it stands for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning {
    /// False for zero, true for anything else.
    Bool,
    /// The whole number itself.
    Integer,
    /// A number, perhaps a multiple of what is in the registers.
    Number(Scaling),
    /// A name for each number.
    Enum(Vec<(String, i64)>),
    Text,
}

/// What a request reads or writes: the items of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Items {
    Bits(Vec<bool>),
    Words(Vec<u16>),
}

/// What is in the registers, before it means anything.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    Integer(i128),
    Float(f64),
    Text(String),
}

impl Items {
    /// Some of them.
    pub(crate) fn part(&self, from: u16, count: u16) -> Items {
        let range = usize::from(from)..usize::from(from) + usize::from(count);
        match self {
            Items::Bits(bits) => Items::Bits(bits[range].to_vec()),
            Items::Words(words) => Items::Words(words[range].to_vec()),
        }
    }

    /// As registers; none if they are bits.
    pub(crate) fn words(&self) -> &[u16] {
        match self {
            Items::Words(words) => words,
            Items::Bits(_) => &[],
        }
    }
}

impl Field {
    /// How many items of its table it takes.
    pub(crate) fn count(&self) -> u16 {
        match &self.layout {
            Layout::Bit => 1,
            Layout::Registers(registers) => registers.count,
        }
    }

    /// Whether it is a part of its registers, so that a write has to leave the rest as it is.
    pub(crate) fn is_part(&self) -> bool {
        matches!(&self.layout, Layout::Registers(registers) if registers.bits.is_some())
    }

    /// The value that the items have.
    ///
    /// # Errors
    /// `ReadFailed` if they stand for none, with what they are.
    pub(crate) fn decode(&self, items: &Items) -> Result<Value> {
        let raw = match (&self.layout, items) {
            (Layout::Bit, Items::Bits(bits)) => Ok(Raw::Integer(bits.first().copied().unwrap_or_default().into())),
            (Layout::Registers(registers), Items::Words(words)) => registers.decode(words),
            _ => Err("the answer is about another table".to_owned()),
        };
        raw.and_then(|raw| self.understand(raw))
            .map_err(|why| Error::new(ErrorKind::ReadFailed, format!("{}: {why}", self.place_of_it())))
    }

    fn understand(&self, raw: Raw) -> Result<Value, String> {
        match (&self.meaning, raw) {
            (Meaning::Text, Raw::Text(text)) => Ok(Value::Text(text)),
            (Meaning::Bool, Raw::Integer(n)) => Ok(Value::Bool(n != 0)),
            (Meaning::Integer, Raw::Integer(n)) => {
                let fits = i64::try_from(n).map(Value::Int);
                fits.map_err(|_| format!("{n} does not fit into a 64-bit signed integer"))
            }
            (Meaning::Number(scaling), Raw::Integer(n)) => Ok(Value::Float(scaling.value_of(n as f64))),
            (Meaning::Number(scaling), Raw::Float(x)) => Ok(Value::Float(scaling.value_of(x))),
            (Meaning::Enum(members), Raw::Integer(n)) => {
                match members.iter().find(|(_, value)| i128::from(*value) == n) {
                    Some((name, _)) => Ok(Value::Text(name.clone())),
                    None => Err(format!("{n} is none of {}", list(members))),
                }
            }
            (_, raw) => Err(format!("{raw:?} is of another kind")),
        }
    }

    /// The items for a value. Of a field that is a part of its registers, `current` are the registers as they are.
    ///
    /// # Errors
    /// `RangeError` if it does not fit, with what would.
    pub(crate) fn encode(&self, value: &Value, current: &[u16]) -> Result<Items> {
        let raw = self.raw_of(value)?;
        match &self.layout {
            Layout::Bit => Ok(Items::Bits(vec![raw != Raw::Integer(0)])),
            Layout::Registers(registers) => registers.encode(&raw, current).map(Items::Words).map_err(Error::range),
        }
    }

    /// The mask of the bits of its register that it is not, and what the others become.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub(crate) fn encode_masked(&self, value: &Value) -> Result<(u16, u16)> {
        let (set, unset) = (self.encode(value, &[0])?, self.encode(value, &[u16::MAX])?);
        let word = |items: &Items| items.words().first().copied().unwrap_or_default();
        // What differs between the two is not the field's, and stays.
        Ok((word(&set) ^ word(&unset), word(&set)))
    }

    fn raw_of(&self, value: &Value) -> Result<Raw> {
        match (&self.meaning, value) {
            (Meaning::Text, Value::Text(text)) => Ok(Raw::Text(text.clone())),
            (Meaning::Bool, Value::Bool(on)) => self.integer(i128::from(*on)),
            (Meaning::Integer, Value::Int(n)) => self.integer((*n).into()),
            (Meaning::Number(scaling), value) if value.as_f64().is_some() => {
                let x = value.as_f64().unwrap_or_default();
                let raw = scaling.raw_of(x);
                match self.is_float() {
                    true => Ok(Raw::Float(raw)),
                    // A number beyond 128 bits is beyond any register; the conversion stops at the bounds.
                    false => self.integer(raw.round() as i128).map_err(|_| self.does_not_fit(x)),
                }
            }
            (Meaning::Enum(members), Value::Text(name)) => match members.iter().find(|(member, _)| member == name) {
                Some((_, n)) => self.integer((*n).into()),
                None => Err(Error::range(format!("`{name}` is none of {}", list(members)))),
            },
            (_, other) => Err(Error::new(
                ErrorKind::WrongType,
                format!("{} cannot be written to {}", other.noun(), self.place_of_it()),
            )),
        }
    }

    fn integer(&self, n: i128) -> Result<Raw> {
        let (min, max) = self.raw_range();
        match (min..=max).contains(&n) {
            true => Ok(Raw::Integer(n)),
            false => Err(Error::range(format!(
                "{n} does not fit into {}: {min} to {max}",
                self.place_of_it()
            ))),
        }
    }

    fn does_not_fit(&self, x: f64) -> Error {
        let (lower, upper) = self.range().unwrap_or((f64::MIN, f64::MAX));
        Error::range(format!(
            "{x} does not fit into {}: {lower} to {upper}",
            self.place_of_it()
        ))
    }

    fn is_float(&self) -> bool {
        matches!(&self.layout, Layout::Registers(registers) if registers.kind == Kind::Float)
    }

    /// Smallest and greatest whole number that fits.
    pub(crate) fn raw_range(&self) -> (i128, i128) {
        match &self.layout {
            Layout::Bit => (0, 1),
            Layout::Registers(registers) => registers.range(),
        }
    }

    /// Smallest and greatest number that can be written, in the parameter's unit; `None` if it is none, or a float.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let (min, max) = self.raw_range();
        match &self.meaning {
            Meaning::Number(_) if self.is_float() => None,
            Meaning::Number(scaling) => Some(scaling.range(min, max)),
            Meaning::Integer => Some((min as f64, max as f64)),
            _ => None,
        }
    }

    /// Its kind for the host.
    pub(crate) fn datatype(&self) -> Datatype {
        match &self.meaning {
            Meaning::Bool => Datatype::Bool,
            Meaning::Number(_) => Datatype::Float,
            Meaning::Integer => {
                let (min, max) = self.raw_range();
                let bound = |n: i128| n.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
                Datatype::Int {
                    min: bound(min),
                    max: bound(max),
                }
            }
            Meaning::Enum(members) => Datatype::Enum {
                members: members
                    .iter()
                    .map(|(name, value)| Member {
                        name: name.clone(),
                        value: *value,
                    })
                    .collect(),
            },
            Meaning::Text => Datatype::Text {
                max_chars: Some(u64::from(self.count()) * 2),
            },
        }
    }

    /// How far a readback may be from what was written, if rounding alone makes it differ.
    pub(crate) fn rounding(&self) -> Option<f64> {
        match &self.meaning {
            Meaning::Number(scaling) if !self.is_float() => Some(scaling.step() / 2.0),
            _ => None,
        }
    }

    /// Digits after the point that are worth showing, as far as that is known.
    pub(crate) fn digits(&self) -> Option<u8> {
        match &self.meaning {
            Meaning::Number(scaling) if !self.is_float() => scaling.digits(),
            _ => None,
        }
    }

    fn place_of_it(&self) -> String {
        let place = crate::place::describe(self.place, self.count());
        match &self.layout {
            Layout::Registers(Registers { bits: Some(bits), .. }) => format!("{bits} of {place}"),
            _ => place,
        }
    }
}

fn list(members: &[(String, i64)]) -> String {
    let names: Vec<String> = members.iter().map(|(name, n)| format!("`{name}` ({n})")).collect();
    names.join(", ")
}
