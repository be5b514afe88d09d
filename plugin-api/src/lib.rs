//! What a Baton driver is written against, and the stable ABI beneath it.

pub mod abi;
mod around;
mod context;
mod datatype;
mod datum;
pub mod description;
mod device;
#[cfg(feature = "toml")]
pub mod diagnostic;
mod error;
mod mistakes;
mod options;
mod shared;
#[cfg(feature = "toml")]
pub mod source;
mod status;
mod table;
#[cfg(feature = "testkit")]
pub mod testkit;
mod value;

pub use abi::array::{Array, Element, ElementType};
pub use around::{Body, Entry};
pub use context::{Context, Host, Level, Time};
pub use datatype::{DEFAULT_MAX_LENGTH, Datatype, Field, Member};
pub use datum::{Datum, Structured};
pub use description::DeviceClass;
pub use device::{Controller, Device, Devices, Part, Stopper};
pub use error::{Error, ErrorKind, Result};
pub use mistakes::{RESERVED, is_name};
pub use options::{DeviceRef, FilePath, ParameterRef};
pub use schemars;
pub use shared::Shared;
pub use status::{Status, StatusCode};
pub use table::{Bound, Command, Limited, Parameter, RunCommand, Table};
pub use value::Value;
