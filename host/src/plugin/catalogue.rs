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

    fn rejected(&self, name: &str) -> Option<String> {
        let row = self
            .rows()
            .iter()
            .find(|row| row.is_rejected() && row.seems_to_be(name))?;
        let reason = row.reason.as_deref().unwrap_or_default();
        Some(format!("{} is {}: {reason}", row.file.display(), row.state.name()))
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
