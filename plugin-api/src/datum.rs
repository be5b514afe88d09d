//! Which Rust types can be the value of a parameter, an argument or a result.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use crate::{Array, DEFAULT_MAX_LENGTH, Datatype, Element, Error, ErrorKind, Field, Result, Value};

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
        if enum_names(schema.as_value()).is_some()
            && let Some(names) = variants::of::<T>()
        {
            return Datatype::enumeration(names.iter().copied());
        }
        datatype_of(schema.as_value()).unwrap_or(Datatype::Record { fields: Vec::new() })
    }

    fn from_value(value: Value) -> Result<Self> {
        serde_json::from_value(value.to_json()).map_err(|e| Error::new(ErrorKind::WrongType, e.to_string()))
    }

    fn into_value(self) -> Result<Value> {
        let json = serde_json::to_value(self).map_err(|e| Error::new(ErrorKind::InternalError, e.to_string()))?;
        Ok(Value::from_json(json))
    }
}

/// The names of an enum in the order of its declaration, which is what numbers them. The schema will not do: it puts
/// variants with a doc comment behind those without.
mod variants {
    use std::fmt;

    use serde::{Deserializer, de::Visitor, forward_to_deserialize_any};

    pub(super) fn of<T: serde::de::DeserializeOwned>() -> Option<&'static [&'static str]> {
        T::deserialize(Tracer).err()?.0
    }

    /// Answers every request with an error, which carries the variants if an enum was asked for.
    struct Tracer;

    #[derive(Debug)]
    struct Found(Option<&'static [&'static str]>);

    impl fmt::Display for Found {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{:?}", self.0)
        }
    }

    impl std::error::Error for Found {}

    impl serde::de::Error for Found {
        fn custom<M: fmt::Display>(_: M) -> Self {
            Found(None)
        }
    }

    impl<'de> Deserializer<'de> for Tracer {
        type Error = Found;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
            Err(Found(None))
        }

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _: &'static str,
            variants: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Found> {
            Err(Found(Some(variants)))
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map struct identifier ignored_any
        }
    }
}

/// The datatype that a schema without references describes; `None` if there is none like it.
fn datatype_of(schema: &Json) -> Option<Datatype> {
    if let Some(names) = enum_names(schema) {
        return Some(Datatype::enumeration(names));
    }
    if let Some(inner) = of_option(schema) {
        return datatype_of(inner);
    }
    match type_of(schema)? {
        "boolean" => Some(Datatype::Bool),
        "number" => Some(Datatype::Float),
        "integer" => {
            let (min, max) = integer_range(schema);
            Some(Datatype::Int { min, max })
        }
        "string" => Some(Datatype::Text {
            max_chars: schema.get("maxLength").and_then(Json::as_u64),
        }),
        "array" => {
            let max = schema
                .get("maxItems")
                .and_then(Json::as_u64)
                .unwrap_or(DEFAULT_MAX_LENGTH);
            match datatype_of(schema.get("items")?)? {
                Datatype::Array { element, mut shape } => {
                    shape.insert(0, max);
                    Some(Datatype::Array { element, shape })
                }
                element => Some(Datatype::Array {
                    element: Box::new(element),
                    shape: vec![max],
                }),
            }
        }
        "object" => {
            let required: Vec<_> = schema
                .get("required")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .collect();
            let properties = schema.get("properties").and_then(Json::as_object)?;
            let field = |(name, schema): (&String, &Json)| {
                let unit = schema.get("unit").and_then(Json::as_str).unwrap_or_default().to_owned();
                let optional = !required.iter().any(|r| r.as_str() == Some(name));
                Some(Field {
                    name: name.clone(),
                    datatype: datatype_of(schema)?,
                    unit,
                    optional,
                })
            };
            Some(Datatype::Record {
                fields: properties.iter().map(field).collect::<Option<_>>()?,
            })
        }
        _ => None,
    }
}

/// What an `Option` is of, where schemars writes it as `anyOf` with `null`.
fn of_option(schema: &Json) -> Option<&Json> {
    let [inner, null] = schema.get("anyOf")?.as_array()?.as_slice() else {
        return None;
    };
    (null.get("type")?.as_str()? == "null").then_some(inner)
}

/// The one type that a schema names besides `null`.
fn type_of(schema: &Json) -> Option<&str> {
    match schema.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).find(|name| *name != "null"),
        _ => None,
    }
}

fn integer_range(schema: &Json) -> (i64, i64) {
    let bits = match schema.get("format").and_then(Json::as_str) {
        Some("uint8") => (0, u8::MAX.into()),
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint64") | Some("uint") => (0, i64::MAX),
        _ => (i64::MIN, i64::MAX),
    };
    let bound = |key, default| schema.get(key).and_then(Json::as_i64).unwrap_or(default);
    (bound("minimum", bits.0), bound("maximum", bits.1))
}

/// The names of an enum without fields; schemars writes those with doc comments as `oneOf` with `const`.
fn enum_names(schema: &Json) -> Option<Vec<String>> {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    if let Some(names) = schema.get("enum").and_then(Json::as_array) {
        return names.iter().map(text).collect();
    }
    let alternatives = schema.get("oneOf").and_then(Json::as_array)?;
    let names = alternatives.iter().map(
        |one| match (one.get("const"), one.get("enum").and_then(Json::as_array)) {
            (Some(name), _) => text(name).map(|name| vec![name]),
            (None, Some(names)) => names.iter().map(text).collect(),
            (None, None) => None,
        },
    );
    Some(names.collect::<Option<Vec<_>>>()?.concat())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        /// Nothing flows.
        Closed,
        WideOpen,
    }
    impl Structured for Mode {}

    #[derive(Serialize, Deserialize, JsonSchema, Debug, PartialEq)]
    struct Ramp {
        /// Where to.
        #[schemars(extend("unit" = "mm"))]
        to: f64,
        steps: u8,
        mode: Mode,
        /// For people.
        note: Option<String>,
        then: Option<Mode>,
    }
    impl Structured for Ramp {}

    #[test]
    fn a_serde_type_says_what_it_is() {
        assert_eq!(Mode::datatype(), Datatype::enumeration(["closed", "wide_open"]));
        let Datatype::Record { fields } = Ramp::datatype() else {
            panic!("a struct is a record")
        };
        let lines: Vec<_> = fields
            .iter()
            .map(|f| format!("{} {} {:?} {}", f.name, f.datatype.noun(), f.unit, f.optional))
            .collect();
        assert_eq!(
            lines,
            [
                r#"to number "mm" false"#,
                r#"steps integer "" false"#,
                r#"mode enum "" false"#,
                r#"note text "" true"#,
                r#"then enum "" true"#
            ]
        );
        assert_eq!(fields[1].datatype, Datatype::Int { min: 0, max: 255 });
    }

    #[test]
    fn values_go_through_their_own_datatype() {
        let ramp = Ramp {
            to: 1.5,
            steps: 3,
            mode: Mode::WideOpen,
            note: None,
            then: None,
        };
        let value = ramp.into_value().unwrap().conform(&Ramp::datatype()).unwrap();
        assert_eq!(Ramp::from_value(value).unwrap().mode, Mode::WideOpen);
        assert_eq!(Mode::Closed.into_value().unwrap(), Value::Text("closed".into()));
        assert_eq!(
            Vec::<u16>::from_value(Value::Array(Array::new(vec![1i64, 2]))).unwrap(),
            [1, 2]
        );
        assert!(Vec::<u8>::from_value(Value::Array(Array::new(vec![-1i64]))).is_err());
        assert_eq!(
            u8::from_value(Value::Int(256)).unwrap_err().kind(),
            ErrorKind::RangeError
        );
    }
}
