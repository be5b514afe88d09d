//! Where a device comes from: its driver, or its controller and that one's driver.

use baton_plugin_api::description::{ControllerDescription, LibraryDescription, TypeDescription};

use super::{Lookup, Resolver, Section, controller::Controller};
use crate::config::raw::RawDevice;

/// Where a device comes from.
pub(super) struct Home<'a> {
    /// Name of the driver.
    pub(super) driver: String,
    /// Name of the controller.
    pub(super) controller: Option<String>,
    /// The type of the controller.
    pub(super) controller_type: Option<&'a str>,
    /// What the driver says of the device's type.
    pub(super) device_type: Lookup<&'a TypeDescription>,
}

impl<'a> Resolver<'a> {
    /// Where a device comes from; `None` if that cannot be said, which is reported.
    pub(super) fn home(
        &self,
        section: &Section<'a>,
        raw: &RawDevice,
        controllers: &[Controller<'a>],
    ) -> Option<Home<'a>> {
        match (&raw.driver, &raw.controller) {
            (Some(_), Some(controller)) => {
                let error = section.key_error(&["driver"], "a device on a controller has the controller's driver");
                self.report(error.help(format!("leave it out, or `controller = \"{controller}\"`")));
                None
            }
            (Some(driver), None) => Some(self.home_alone(section, raw, driver)),
            (None, Some(controller)) => self.home_on_controller(section, raw, controller, controllers),
            (None, None) => {
                if section.is_clean(&["driver"]) && section.is_clean(&["controller"]) && section.has_no_slip("driver") {
                    let message = format!("the device `{}` has neither driver nor controller", section.name());
                    let error = section.key_error(&[], message);
                    self.report(error.help("add `driver = \"…\"`, or `controller = \"…\"`"));
                }
                None
            }
        }
    }

    fn home_alone(&self, section: &Section<'a>, raw: &RawDevice, driver: &str) -> Home<'a> {
        let device_type = self.driver(driver, section);
        Home {
            driver: driver.to_owned(),
            controller: None,
            controller_type: None,
            device_type: device_type.and_then(|library| self.type_of_driver(section, raw, library)),
        }
    }

    fn type_of_driver(
        &self,
        section: &Section<'a>,
        raw: &RawDevice,
        library: &'a LibraryDescription,
    ) -> Lookup<&'a TypeDescription> {
        let Some(wanted) = &raw.r#type else {
            return Lookup::Wrong;
        };
        let has = |types: &[TypeDescription]| types.iter().position(|t| t.name == *wanted);
        if let Some(found) = has(&library.devices) {
            return Lookup::There(&library.devices[found]);
        }
        let message = format!("the driver `{}` has no device type `{wanted}`", library.name);
        let error = section.error(&["type"], message);
        self.report(match library.controllers.iter().find(|c| has(&c.devices).is_some()) {
            Some(controller) => error.help(format!(
                "it belongs to the controller type `{}`: define a controller and write `controller = \"…\"`",
                controller.name
            )),
            None => error.help_names(wanted, "device types", library.devices.iter().map(|t| t.name.as_str())),
        });
        Lookup::Wrong
    }

    fn home_on_controller(
        &self,
        section: &Section<'a>,
        raw: &RawDevice,
        name: &str,
        controllers: &[Controller<'a>],
    ) -> Option<Home<'a>> {
        let Some(controller) = controllers.iter().find(|controller| controller.name == name) else {
            // A file that could not be read may have it.
            if self.everything_is_read {
                let error = section.error(&["controller"], format!("there is no controller `{name}`"));
                self.report(error.help_names(name, "controllers", controllers.iter().map(|c| c.name)));
            }
            return None;
        };
        let description = controller.description;
        Some(Home {
            driver: controller.driver.clone()?,
            controller: Some(name.to_owned()),
            controller_type: description.there().map(|description| description.name.as_str()),
            device_type: description.and_then(|description| self.type_of_controller(section, raw, description)),
        })
    }

    fn type_of_controller(
        &self,
        section: &Section<'a>,
        raw: &RawDevice,
        controller: &'a ControllerDescription,
    ) -> Lookup<&'a TypeDescription> {
        let Some(wanted) = &raw.r#type else {
            return Lookup::Wrong;
        };
        if let Some(found) = controller.devices.iter().find(|t| t.name == *wanted) {
            return Lookup::There(found);
        }
        let message = format!(
            "a controller of type `{}` has no device type `{wanted}`",
            controller.name
        );
        let types = controller.devices.iter().map(|t| t.name.as_str());
        self.report(
            section
                .error(&["type"], message)
                .help_names(wanted, "device types", types),
        );
        Lookup::Wrong
    }
}
