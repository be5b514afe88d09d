//! Types for the fields of a driver's options that mean something to the host.
//!
//! Options are an ordinary serde struct that also derives `JsonSchema`. The doc comments of its fields become the
//! descriptions that an editor shows. A number with a unit says so:
//!
//! ```
//! use baton_plugin_api::{DeviceRef, schemars::{self, JsonSchema}};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Options {
//!     /// Greatest speed. The config says `velocity = "2 mm/s"`, the driver gets 2.0.
//!     #[schemars(extend("unit" = "mm/s"))]
//!     velocity: f64,
//!     /// How much the readback scatters. It is a difference: `"0.5 degC"` is `"0.5 K"`, and not 273.65 K.
//!     #[schemars(extend("unit" = "K", "difference" = true))]
//!     noise: f64,
//!     /// The shutter in front of it.
//!     shutter: Option<DeviceRef>,
//! }
//! ```

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

macro_rules! reference {
    ($(#[$doc:meta])* $name:ident, $title:literal, $format:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name {
            path: String,
        }

        impl $name {
            /// A reference to what is called so in the lab.
            pub fn new(path: impl Into<String>) -> Self {
                Self { path: path.into() }
            }

            /// The name as the config has it.
            pub fn as_str(&self) -> &str {
                &self.path
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.path)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $title.into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "format": $format })
            }
        }
    };
}

reference! {
    /// Another device of the lab, which becomes a member of this one: `shutter = "shutter2"`.
    ///
    /// A member is reached through the [`Context`](crate::Context) of a call. The host checks that it exists and that
    /// references form no cycle.
    DeviceRef, "DeviceRef", "baton-device"
}

reference! {
    /// A parameter of another device of the lab: `readback = "stage.position"`, or `"stage"` for the main one.
    ///
    /// The device becomes a member, see [`DeviceRef`].
    ParameterRef, "ParameterRef", "baton-parameter"
}

/// A file that the device reads when it opens. The config gives it relative to the folder that the config itself is in;
/// the driver gets an absolute path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FilePath {
    path: PathBuf,
}

impl FilePath {
    /// The absolute path.
    pub fn as_path(&self) -> &Path {
        &self.path
    }
}

impl From<PathBuf> for FilePath {
    fn from(path: PathBuf) -> Self {
        Self { path }
    }
}

impl JsonSchema for FilePath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FilePath".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "baton-file" })
    }
}
