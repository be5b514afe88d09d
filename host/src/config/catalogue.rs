//! What resolving asks of the world outside the config.

use std::{io, path::Path};

use baton_plugin_api::{
    Error,
    description::{LibraryDescription, TableDescription},
};

/// The drivers there are.
///
/// With an empty catalogue everything that needs a driver is passed over, with a warning for each driver.
pub trait Catalogue {
    /// The driver of a name.
    fn driver(&self, name: &str) -> Option<&LibraryDescription>;

    /// Which file seems to hold the driver of a name and is not taken, and why.
    fn rejected(&self, _name: &str) -> Option<String> {
        None
    }

    /// All drivers.
    fn drivers(&self) -> Vec<&LibraryDescription>;

    /// The table of a device whose type is [`dynamic`](baton_plugin_api::description::TypeDescription::dynamic), with the
    /// options as the driver will get them. `controller` is the controller's *type*, if the device belongs to one.
    ///
    /// # Errors
    /// The driver's. Diagnostics in its detail (see [`baton_plugin_api::diagnostic`]) are passed on one by one.
    fn describe_device(
        &self,
        driver: &str,
        controller: Option<&str>,
        device_type: &str,
        options: &serde_json::Value,
    ) -> Result<TableDescription, Error>;
}

/// No drivers at all: for a check of the config's form alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDrivers;

impl Catalogue for NoDrivers {
    fn driver(&self, _: &str) -> Option<&LibraryDescription> {
        None
    }

    fn drivers(&self) -> Vec<&LibraryDescription> {
        Vec::new()
    }

    fn describe_device(
        &self,
        driver: &str,
        _: Option<&str>,
        _: &str,
        _: &serde_json::Value,
    ) -> Result<TableDescription, Error> {
        Err(not_there(driver))
    }
}

pub(crate) fn not_there(driver: &str) -> Error {
    Error::impossible(format!("the driver `{driver}` is not there"))
}

/// The little that resolving asks of the machine.
pub trait Surroundings {
    /// The value of an environment variable; `None` if it is not set or no text.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file that holds a value.
    ///
    /// # Errors
    /// If it cannot be read or is no text.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The SHA-256 of what is in the file of this name, in hexadecimal digits; `None` if there is no such file, or it
    /// cannot be read.
    fn content_hash(&self, path: &Path) -> Option<String>;
}

/// This process on this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Surroundings for System {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn content_hash(&self, path: &Path) -> Option<String> {
        // A pipe or a terminal would be read for ever.
        let file = path.is_file().then(|| std::fs::read(path).ok()).flatten()?;
        Some(crate::plugin::sha256(&file))
    }
}
