//! What a Baton driver is written against, and the stable ABI beneath it.

pub mod abi;
mod datatype;
pub mod description;
mod error;
mod value;

pub use abi::array::{Array, Element, ElementType};
pub use datatype::{DEFAULT_MAX_LENGTH, Datatype, Field, Member};
pub use error::{Error, ErrorKind, Result};
pub use value::Value;
