//! `[controllers.NAME]`.

use baton_plugin_api::description::{ControllerDescription, LibraryDescription};

use super::{Lookup, Resolver, Section};
use crate::config::{ControllerConfig, Sources, raw::RawController};

/// A controller, and what its devices need to know of it.
pub(super) struct Controller<'a> {
    pub(super) name: &'a str,
    /// Name of its driver; `None` if the section cannot be read.
    pub(super) driver: Option<String>,
    pub(super) description: Lookup<&'a ControllerDescription>,
    /// `None` if something is wrong with it.
    pub(super) config: Option<ControllerConfig>,
}

impl<'a> Resolver<'a> {
    pub(super) fn controller(&self, section: &Section<'a>) -> Controller<'a> {
        let name = section.name();
        let Some(raw) = section.read::<RawController>() else {
            return Controller {
                name,
                driver: None,
                description: Lookup::Wrong,
                config: None,
            };
        };
        let description = self
            .driver(&raw.driver, section)
            .and_then(|library| self.controller_type(section, &raw, library));
        let options = match description {
            Lookup::There(description) => self.controller_options(section, description),
            Lookup::Offline => Some((raw.options.into(), Sources::default())),
            Lookup::Wrong => None,
        };
        let config = options.map(|(options, sources)| ControllerConfig {
            name: name.to_owned(),
            description: raw.description.unwrap_or_default(),
            driver: raw.driver.clone(),
            controller_type: raw.r#type,
            options,
            sources,
            exclusive: raw.exclusive,
            isolation: self.isolation.get().or(raw.isolation, raw.memory_limit),
            origin: section.origin(&[]),
        });
        let driver = Some(raw.driver);
        Controller {
            name,
            driver,
            description,
            config,
        }
    }

    fn controller_type(
        &self,
        section: &Section<'a>,
        raw: &RawController,
        library: &'a LibraryDescription,
    ) -> Lookup<&'a ControllerDescription> {
        if let Some(found) = library.controllers.iter().find(|c| c.name == raw.r#type) {
            return Lookup::There(found);
        }
        let message = format!("the driver `{}` has no controller type `{}`", raw.driver, raw.r#type);
        let types = library.controllers.iter().map(|c| c.name.as_str());
        self.report(
            section
                .error(&["type"], message)
                .help_names(&raw.r#type, "controller types", types),
        );
        Lookup::Wrong
    }

    fn controller_options(
        &self,
        section: &Section<'a>,
        description: &ControllerDescription,
    ) -> Option<(serde_json::Value, Sources)> {
        let options = self.options(section, &description.options);
        for reference in &options.references {
            let error = reference.error(format!("a controller cannot refer to `{}`", reference.text));
            self.report(error.help("only devices that stand alone refer to other devices"));
        }
        options.is_sound.then_some((options.json, options.sources))
    }
}
