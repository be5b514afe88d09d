//! Which Rust types can be the value of a parameter, an argument or a result.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Array, DEFAULT_MAX_LENGTH, Datatype, Element, Error, ErrorKind, Result, Value};

mod schema;
mod variants;

/// A type that a driver's functions may take and return.
///
/// Numbers, `bool`, `String`, `&'static str` (results only), `()`, `Vec` of numbers, [`Array`] and [`Value`] are there;
/// every serde type becomes one by `impl Structured for …`.
pub trait Datum: Sized + 'static {
    /// The kind of value that it is. For [`Array`] and [`Value`] the table has to say.
    fn datatype() -> Datatype;

    /// Takes a value that the host has checked against the datatype.
    ///
    /// # Errors
    /// If it is of another kind all the same.
    fn from_value(value: Value) -> Result<Self>;

    /// Makes a value of it.
    ///
    /// # Errors
    /// If it cannot be one: a map with keys that are no text, say.
    fn into_value(self) -> Result<Value>;
}

/// Makes a [`Datum`] of a type that derives `Serialize`, `Deserialize` and `JsonSchema`: a struct becomes a record, an
/// enum without fields an enum.
///
/// ```
/// use baton_plugin_api::{Structured, schemars::{self, JsonSchema}};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, JsonSchema)]
/// #[serde(rename_all = "snake_case")]
/// enum Blade {
///     Closed,
///     Open,
/// }
///
/// impl Structured for Blade {}
/// ```
pub trait Structured: Serialize + DeserializeOwned + JsonSchema + 'static {}

fn mismatch(expected: &str, found: &Value) -> Error {
    Error::new(
        ErrorKind::WrongType,
        format!("expected {expected}, found {}", found.noun()),
    )
}

impl Datum for () {
    fn datatype() -> Datatype {
        Datatype::Unit
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Unit => Ok(()),
            other => Err(mismatch("nothing", &other)),
        }
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Unit)
    }
}

impl Datum for bool {
    fn datatype() -> Datatype {
        Datatype::Bool
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Bool(b) => Ok(b),
            other => Err(mismatch("a bool", &other)),
        }
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Bool(self))
    }
}

macro_rules! floats {
    ($($type:ty),*) => {$(
        impl Datum for $type {
            fn datatype() -> Datatype {
                Datatype::Float
            }

            fn from_value(value: Value) -> Result<Self> {
                value.as_f64().map(|x| x as $type).ok_or_else(|| mismatch("a number", &value))
            }

            fn into_value(self) -> Result<Value> {
                Ok(Value::Float(self.into()))
            }
        }
    )*};
}

floats!(f32, f64);

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Datum for $type {
            fn datatype() -> Datatype {
                let (min, max) = <$type as Element>::RANGE.expect("integers have a range");
                Datatype::Int { min, max }
            }

            fn from_value(value: Value) -> Result<Self> {
                match value {
                    Value::Int(n) => n.try_into().map_err(|_| {
                        let (type_, min, max) = (stringify!($type), <$type>::MIN, <$type>::MAX);
                        Error::range(format!("{n} is outside {min} to {max} ({type_})"))
                    }),
                    other => Err(mismatch("an integer", &other)),
                }
            }

            fn into_value(self) -> Result<Value> {
                let n = i64::try_from(self).map_err(|_| {
                    Error::new(ErrorKind::OutOfRange, format!("{self} does not fit into a 64-bit signed integer"))
                })?;
                Ok(Value::Int(n))
            }
        }
    )*};
}

integers!(u8, i8, u16, i16, u32, i32, u64, i64);

impl Datum for String {
    fn datatype() -> Datatype {
        Datatype::ANY_TEXT
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Text(text) => Ok(text),
            other => Err(mismatch("text", &other)),
        }
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Text(self))
    }
}

impl Datum for &'static str {
    fn datatype() -> Datatype {
        Datatype::ANY_TEXT
    }

    fn from_value(_: Value) -> Result<Self> {
        Err(Error::new(
            ErrorKind::InternalError,
            "a `&'static str` can be returned, not taken; use `String`",
        ))
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Text(self.to_owned()))
    }
}

impl<T: Element + Datum> Datum for Vec<T> {
    fn datatype() -> Datatype {
        Datatype::Array {
            element: Box::new(T::datatype()),
            shape: vec![DEFAULT_MAX_LENGTH],
        }
    }

    fn from_value(value: Value) -> Result<Self> {
        let Value::Array(array) = &value else {
            return Err(mismatch("an array", &value));
        };
        if let Some(elements) = array.as_slice::<T>() {
            return Ok(elements.to_vec());
        }
        // What came from a client is made of `i64` and `f64`.
        if let (Some(integers), Some(_)) = (array.as_slice::<i64>(), T::RANGE) {
            return integers.iter().map(|&n| T::from_value(Value::Int(n))).collect();
        }
        array
            .to_f64()
            .into_iter()
            .map(|x| T::from_value(Value::Float(x)))
            .collect()
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Array(Array::new(self)))
    }
}

impl Datum for Array {
    fn datatype() -> Datatype {
        Datatype::Array {
            element: Box::new(Datatype::Float),
            shape: vec![DEFAULT_MAX_LENGTH],
        }
    }

    fn from_value(value: Value) -> Result<Self> {
        match value {
            Value::Array(array) => Ok(array),
            other => Err(mismatch("an array", &other)),
        }
    }

    fn into_value(self) -> Result<Value> {
        Ok(Value::Array(self))
    }
}

impl Datum for Value {
    fn datatype() -> Datatype {
        Datatype::Unit
    }

    fn from_value(value: Value) -> Result<Self> {
        Ok(value)
    }

    fn into_value(self) -> Result<Value> {
        Ok(self)
    }
}

impl<T: Structured> Datum for T {
    fn datatype() -> Datatype {
        let mut generator = SchemaSettings::draft2020_12()
            .with(|s| s.inline_subschemas = true)
            .into_generator();
        let schema = generator.root_schema_for::<T>();
        if schema::enum_names(schema.as_value()).is_some()
            && let Some(names) = variants::of::<T>()
        {
            return Datatype::enumeration(names.iter().copied());
        }
        schema::datatype_of(schema.as_value()).unwrap_or(Datatype::Record { fields: Vec::new() })
    }

    fn from_value(value: Value) -> Result<Self> {
        serde_json::from_value(value.to_json()).map_err(|e| Error::new(ErrorKind::WrongType, e.to_string()))
    }

    fn into_value(self) -> Result<Value> {
        let json = serde_json::to_value(self).map_err(|e| Error::new(ErrorKind::InternalError, e.to_string()))?;
        Ok(Value::from_json(json))
    }
}

#[cfg(test)]
mod tests;
