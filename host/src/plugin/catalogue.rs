//! The loaded drivers as the config's resolver sees them.

use baton_plugin_api::{
    Error,
    description::{LibraryDescription, TableDescription},
};

use super::{Drivers, Library};
use crate::config::{Catalogue, not_there};

impl Catalogue for Drivers {
    fn driver(&self, name: &str) -> Option<&LibraryDescription> {
        self.library(name).map(Library::description)
    }

    fn drivers(&self) -> Vec<&LibraryDescription> {
        self.libraries().iter().map(Library::description).collect()
    }

    fn describe_device(
        &self,
        driver: &str,
        controller: Option<&str>,
        device_type: &str,
        options: &serde_json::Value,
    ) -> Result<TableDescription, Error> {
        match self.library(driver) {
            Some(library) => library.describe_device(controller, device_type, &options.to_string()),
            None => Err(not_there(driver)),
        }
    }
}
