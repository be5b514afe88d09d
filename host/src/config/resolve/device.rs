//! `[devices.NAME]`.

use std::path::Path;

use baton_plugin_api::{
    description::{DeviceClass, TableDescription, TypeDescription},
    diagnostic::{Diagnostic, from_error},
};

use super::{
    Lookup, Resolver, Section,
    controller::Controller,
    home::Home,
    options::{Options, Reference},
};
use crate::config::{DeviceConfig, Isolation, OnDisconnect, OnExit, raw::RawDevice};

/// A device, and what is left to check of it when all are known.
pub(super) struct Device<'a> {
    pub(super) section: Section<'a>,
    /// What its options refer to.
    pub(super) references: Vec<Reference>,
    /// Its table, if that is the real one, so that a parameter that is not in it does not exist.
    pub(super) table: Option<TableDescription>,
    /// `None` if something is wrong with it.
    pub(super) config: Option<DeviceConfig>,
}

impl<'a> Resolver<'a> {
    pub(super) fn device(&self, section: &Section<'a>, controllers: &[Controller<'a>]) -> Device<'a> {
        let mut device = Device {
            section: section.clone(),
            references: Vec::new(),
            table: None,
            config: None,
        };
        let Some(raw) = section.read::<RawDevice>() else {
            return device;
        };
        let Some(home) = self.home(section, &raw, controllers) else {
            return device;
        };
        let Some(mut config) = unchecked(section, &raw, &home) else {
            return device;
        };
        config.isolation = self.isolation(section, &raw, controllers);
        let device_type = match home.device_type {
            Lookup::There(device_type) => device_type,
            // Without drivers the form is all that can be checked.
            Lookup::Offline => {
                device.config = Some(config);
                return device;
            }
            Lookup::Wrong => return device,
        };
        let options = self.options(section, &device_type.options);
        let table = self.table(section, &home, device_type, &options);
        let is_complete = options.is_sound && table.is_some();
        let is_known = table.is_some() || !device_type.dynamic;
        config.table = table.unwrap_or_else(|| device_type.table.clone());
        device.table = is_known.then(|| config.table.clone());
        config.sources = options.sources;
        self.parameters(section, &raw, &mut config, is_known);
        self.on_exit(section, &raw, &mut config);
        self.on_disconnect(section, &raw, &config);
        config.options = options.json;
        device.references = options.references;
        device.config = is_complete.then_some(config);
        device
    }

    /// The real table; `None` if it is not known, or the driver finds something wrong, which is reported.
    fn table(
        &self,
        section: &Section<'a>,
        home: &Home<'a>,
        device_type: &TypeDescription,
        options: &Options,
    ) -> Option<TableDescription> {
        if !device_type.dynamic {
            return Some(device_type.table.clone());
        }
        if !options.is_sound {
            return None;
        }
        let described =
            self.catalogue
                .describe_device(&home.driver, home.controller_type, &device_type.name, &options.json);
        let error = match described {
            Ok(table) => return Some(table),
            Err(error) => error,
        };
        let diagnostics = from_error(&error);
        if !diagnostics.iter().any(Diagnostic::is_error) {
            let message = format!(
                "the driver `{}` refuses these options: {}",
                home.driver,
                error.message()
            );
            self.report(section.key_error(&["options"], message));
        }
        diagnostics
            .into_iter()
            .for_each(|diagnostic| self.report(self.with_short_names(diagnostic)));
        None
    }

    /// Drivers know files by absolute paths; people know them as they know the config's.
    fn with_short_names(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        for place in diagnostic
            .place
            .as_deref_mut()
            .into_iter()
            .chain(&mut diagnostic.related)
        {
            place.file = self.files.shown(Path::new(&place.file));
        }
        diagnostic
    }

    /// Drivables are stopped when the host ends, everything else is left alone, unless the config says otherwise (S5).
    fn on_exit(&self, section: &Section<'a>, raw: &RawDevice, config: &mut DeviceConfig) {
        let is_drivable = config.table.class() == DeviceClass::Drivable;
        config.on_exit = match raw.on_exit {
            Some(OnExit::Stop) if !is_drivable && !config.table.stop => {
                let message = format!(
                    "the device `{}` cannot be stopped, so `on_exit` does nothing",
                    config.name
                );
                self.report(Diagnostic::warning(message).at(section.place(&["on_exit"])));
                OnExit::Keep
            }
            Some(on_exit) => on_exit,
            None if is_drivable => OnExit::Stop,
            None => OnExit::Keep,
        };
    }
}

impl Resolver<'_> {
    /// Where its driver runs: on a controller, in the same process as that and all its devices.
    fn isolation(&self, section: &Section<'_>, raw: &RawDevice, controllers: &[Controller<'_>]) -> Isolation {
        let Some(name) = &raw.controller else {
            return self.isolation.get().or(raw.isolation, raw.memory_limit);
        };
        let keys = [
            ("isolation", raw.isolation.is_some()),
            ("memory_limit", raw.memory_limit.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, given)| *given) {
            let error = section.error(&[key], format!("`{key}` is the controller's to say"));
            self.report(error.help(format!(
                "a controller and its devices share one process: set it in [controllers.{name}]"
            )));
        }
        let on = controllers
            .iter()
            .find(|controller| controller.name.eq_ignore_ascii_case(name));
        on.and_then(|on| on.config.as_ref())
            .map(|on| on.isolation)
            .unwrap_or_default()
    }

    fn on_disconnect(&self, section: &Section<'_>, raw: &RawDevice, config: &DeviceConfig) {
        let can_stop = config.table.class() == DeviceClass::Drivable || config.table.stop;
        if raw.on_disconnect == Some(OnDisconnect::Stop) && !can_stop {
            let name = &config.name;
            let message = format!("the device `{name}` cannot be stopped, so `on_disconnect` does nothing");
            self.report(Diagnostic::warning(message).at(section.place(&["on_disconnect"])));
        }
    }
}

/// The device as it is written; `None` if it has no type, which has been reported.
fn unchecked(section: &Section<'_>, raw: &RawDevice, home: &Home<'_>) -> Option<DeviceConfig> {
    Some(DeviceConfig {
        name: section.name().to_owned(),
        description: raw.description.clone().unwrap_or_default(),
        driver: home.driver.clone(),
        controller: home.controller.clone(),
        device_type: raw.r#type.clone()?,
        options: raw.options.clone().into(),
        sources: Default::default(),
        table: TableDescription::default(),
        parameters: Default::default(),
        commands: Default::default(),
        on_exit: raw.on_exit.unwrap_or(OnExit::Keep),
        on_disconnect: raw.on_disconnect.unwrap_or_default(),
        isolation: Default::default(),
        members: Vec::new(),
        origin: section.origin(&[]),
    })
}
