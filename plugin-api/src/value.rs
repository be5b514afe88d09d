//! Values on their way between driver, host and client.

use crate::{Array, Datatype};

/// A value without its unit; the parameter that it belongs to knows that.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Nothing.
    Unit,
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Text, or the name of an enum's member.
    Text(String),
    /// Bytes, or an array of numbers.
    Array(Array),
    /// A record, or an array of anything but numbers.
    Json(serde_json::Value),
}

impl Value {
    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The kind in one word, for messages to people.
    pub fn noun(&self) -> &'static str {
        match self {
            Value::Unit => "nothing",
            Value::Bool(_) => "bool",
            Value::Int(_) => "integer",
            Value::Float(_) => "number",
            Value::Text(_) => "text",
            Value::Array(_) => "array",
            Value::Json(serde_json::Value::Array(_)) => "array",
            Value::Json(_) => "record",
        }
    }

    /// Brings a value into the form that `datatype` is kept in, or says why it is none.
    ///
    /// An integer becomes a float where one is due; a number of an enum becomes its name; a JSON array of numbers becomes
    /// an [`Array`]. Bounds of integers and lengths are checked; limits are the host's.
    ///
    /// # Errors
    /// One sentence that names what was expected and what was found.
    pub fn conform(self, datatype: &Datatype) -> Result<Value, String> {
        conform::conform(self, datatype)
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Value::$variant(value.into())
            }
        }
    )*};
}

from! { bool => Bool, i32 => Int, i64 => Int, u32 => Int, u16 => Int, u8 => Int, f32 => Float, f64 => Float,
&str => Text, String => Text, Array => Array }

impl From<()> for Value {
    fn from((): ()) -> Self {
        Value::Unit
    }
}

mod conform;
