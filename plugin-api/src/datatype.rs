//! What kind of value a parameter, an argument, a result or a message has.

use serde::{Deserialize, Serialize};

/// The kind of a value, as a driver describes it and SECoP shows it.
///
/// It crosses the ABI as JSON, tagged with `kind`. A kind that a host does not know makes it refuse the driver, with both
/// versions in the message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Datatype {
    /// Nothing: a command without argument or result.
    Unit,
    /// True or false.
    Bool,
    /// An integer; both bounds inclusive.
    Int {
        /// Smallest value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// A finite floating-point number.
    Float,
    /// One of several names.
    Enum {
        /// The names, each with its number.
        members: Vec<Member>,
    },
    /// UTF-8 text.
    Text {
        /// Longest text, in characters; `None` if there is no bound.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_chars: Option<u64>,
    },
    /// Bytes, shown as base64 on the wire.
    Bytes {
        /// Longest value, in bytes.
        max_bytes: u64,
    },
    /// An array of equal elements.
    Array {
        /// The kind of one element.
        element: Box<Datatype>,
        /// Greatest length of each dimension, the slowest first; one entry for each dimension.
        shape: Vec<u64>,
    },
    /// Named fields.
    Record {
        /// The fields in order.
        fields: Vec<Field>,
    },
}

/// A name of an enum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// As people read and write it.
    pub name: String,
    /// As SECoP sends it.
    pub value: i64,
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Name of the field.
    pub name: String,
    /// Its kind.
    pub datatype: Datatype,
    /// Unit of its numbers; empty if they have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Smallest and greatest number, inclusive, in `unit`; they hold for each element of an array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<(f64, f64)>,
    /// Whether it may be left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// The largest array that is assumed where a driver gives no length, per dimension.
pub const DEFAULT_MAX_LENGTH: u64 = 1 << 24;

impl Datatype {
    /// An integer with the whole range of `i64`.
    pub const ANY_INT: Datatype = Datatype::Int {
        min: i64::MIN,
        max: i64::MAX,
    };

    /// Text without a bound.
    pub const ANY_TEXT: Datatype = Datatype::Text { max_chars: None };

    /// An enum whose members are numbered from 0.
    pub fn enumeration<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let members = names
            .into_iter()
            .zip(0..)
            .map(|(name, value)| Member {
                name: name.into(),
                value,
            })
            .collect();
        Datatype::Enum { members }
    }

    /// Whether it is a number or an array of numbers, which is what can have a unit and limits.
    pub fn is_numeric(&self) -> bool {
        match self {
            Datatype::Int { .. } | Datatype::Float => true,
            Datatype::Array { element, .. } => element.is_numeric(),
            _ => false,
        }
    }

    /// What an array is of; of anything else, itself.
    pub fn element(&self) -> &Datatype {
        match self {
            Datatype::Array { element, .. } => element.element(),
            other => other,
        }
    }

    /// The kind in one word, for messages to people.
    pub fn noun(&self) -> &'static str {
        match self {
            Datatype::Unit => "nothing",
            Datatype::Bool => "bool",
            Datatype::Int { .. } => "integer",
            Datatype::Float => "number",
            Datatype::Enum { .. } => "enum",
            Datatype::Text { .. } => "text",
            Datatype::Bytes { .. } => "bytes",
            Datatype::Array { .. } => "array",
            Datatype::Record { .. } => "record",
        }
    }
}
