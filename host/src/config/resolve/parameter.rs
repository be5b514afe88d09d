//! `parameters.NAME` and `commands.NAME` of a device.

use baton_plugin_api::{
    Value,
    description::{DeviceClass, ParameterDescription},
    diagnostic::Diagnostic,
};
use serde_json::Value as Json;

use super::{Resolver, Section, quantity};
use crate::{
    config::{
        DeviceConfig, Limits, ParameterConfig, Setting,
        raw::{RawDevice, RawParameter, RawQuantity},
    },
    device::format_value,
    units::{ROUNDING, Unit, UnitError},
};

/// Names by which clients know the main parameter.
const MAIN: [&str; 2] = ["value", "target"];

impl<'a> Resolver<'a> {
    /// Settings of parameters and commands. With `is_known` the table is the real one: what is not in it is an error.
    pub(super) fn parameters(&self, section: &Section<'a>, raw: &RawDevice, config: &mut DeviceConfig, is_known: bool) {
        for (name, raw) in &raw.parameters {
            let table = &config.table;
            let Some(description) = table.parameters.iter().find(|p| p.name == *name).cloned() else {
                if is_known {
                    self.unknown_parameter(section, name, config);
                }
                continue;
            };
            let is_main_of_drivable = table.class() == DeviceClass::Drivable && table.main.as_ref() == Some(name);
            let mut settings = Settings {
                resolver: self,
                section,
                unit: Unit::parse(&description.unit),
                hardware_unit: Unit::parse(&description.unit),
                is_main_of_drivable,
                description,
                is_ramped: raw.step.is_some() || raw.rate.is_some(),
            };
            settings.resolve(raw, config);
        }
        for (name, raw) in &raw.commands {
            if config.table.commands.iter().all(|command| command.name != *name) {
                if is_known {
                    self.unknown_command(section, name, config);
                }
            } else if let Some(timeout) = raw.timeout {
                let origin = section.origin(&["commands", name, "timeout"]);
                config.commands.insert(name.clone(), Setting { value: timeout, origin });
            }
        }
    }

    fn unknown_parameter(&self, section: &Section<'a>, name: &str, config: &DeviceConfig) {
        let device_type = &config.device_type;
        let message = format!("a device of type `{device_type}` has no parameter `{name}`");
        let error = section.key_error(&["parameters", name], message);
        self.report(match &config.table.main {
            Some(main) if MAIN.contains(&name) => error.help(format!("the main parameter is called `{main}` here")),
            _ => error.help_names(
                name,
                "parameters",
                config.table.parameters.iter().map(|p| p.name.as_str()),
            ),
        });
    }

    fn unknown_command(&self, section: &Section<'a>, name: &str, config: &DeviceConfig) {
        let message = format!("a device of type `{}` has no command `{name}`", config.device_type);
        let error = section.key_error(&["commands", name], message);
        self.report(error.help_names(name, "commands", config.table.commands.iter().map(|c| c.name.as_str())));
    }
}

/// The JSON pointer of a path.
pub(super) fn pointer(path: &[&str]) -> String {
    let steps = path.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
    steps.fold(String::new(), |pointer, step| pointer + "/" + &step)
}

/// The settings of one parameter on their way.
pub(super) struct Settings<'r, 'a> {
    pub(super) resolver: &'r Resolver<'a>,
    pub(super) section: &'r Section<'a>,
    /// What the driver says of it; in the user's frame, as soon as that is known.
    pub(super) description: ParameterDescription,
    /// Its unit in the user's frame.
    pub(super) unit: Unit,
    /// Its unit in the hardware's.
    pub(super) hardware_unit: Unit,
    /// Whether writing it moves something.
    pub(super) is_main_of_drivable: bool,
    /// Whether a write is taken there in steps.
    pub(super) is_ramped: bool,
}

impl Settings<'_, '_> {
    fn resolve(&mut self, raw: &RawParameter, config: &mut DeviceConfig) {
        let frame = self.frame(raw);
        let limits = raw.limits.as_ref();
        let resolved = ParameterConfig {
            limits: limits.and_then(|(lower, upper)| self.limits("limits", &self.unit, lower, upper)),
            tolerance: raw.tolerance.as_ref().and_then(|tolerance| self.tolerance(tolerance)),
            poll: self.setting("poll", raw.poll),
            timeout: self.setting("timeout", raw.timeout),
            motion_timeout: self.setting("motion_timeout", raw.motion_timeout),
            fresh_for: self.setting("fresh_for", raw.fresh_for),
            history: self.setting("history", raw.history.map(usize::from)),
            ramp: self.ramp(raw),
            initial: None,
            restore: self.restore(raw.restore),
            ..frame
        };
        config.parameters.insert(self.description.name.clone(), resolved);
        let limits = config.limits(&self.description.name);
        self.check_room(&limits);
        // Checked against the limits that are effective by now.
        let initial = self.initial(&limits);
        if initial.as_ref().is_some_and(|(_, looked_up)| *looked_up) {
            config.sources.looked_up.insert(pointer(&self.path("initial")));
        }
        if let Some(resolved) = config.parameters.get_mut(&self.description.name) {
            resolved.initial = initial.and_then(|(value, _)| self.setting("initial", Some(value)));
        }
    }

    /// Path of one of the keys, below the device.
    pub(super) fn path<'p>(&'p self, key: &'p str) -> [&'p str; 3] {
        ["parameters", &self.description.name, key]
    }

    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.resolver.report(diagnostic);
    }

    pub(super) fn setting<T>(&self, key: &str, value: Option<T>) -> Option<Setting<T>> {
        value.map(|value| Setting {
            value,
            origin: self.section.origin(&self.path(key)),
        })
    }

    /// `limits` or `dial_limits`, whose numbers are in `unit`.
    pub(super) fn limits(
        &self,
        key: &str,
        unit: &Unit,
        lower: &RawQuantity,
        upper: &RawQuantity,
    ) -> Option<Setting<(f64, f64)>> {
        if !self.is_numeric(key) {
            return None;
        }
        let number = |index, raw| self.number_in(unit, &["parameters", &self.description.name, key, index], raw, false);
        // Both, so that what is wrong with either is reported.
        let (lower, upper) = (number("0", lower), number("1", upper));
        let (lower, upper) = (lower?, upper?);
        if lower > upper {
            let message = format!("the {key} of `{}` are reversed", self.description.name);
            let error = self.section.error(&self.path(key), message);
            self.report(error.help("the smallest value comes first"));
            return None;
        }
        self.check_inside(key, unit, ("0", "lower"), lower);
        self.check_inside(key, unit, ("1", "upper"), upper);
        if !self.description.writable {
            self.warn_read_only(key);
        }
        self.setting(key, Some((lower, upper)))
    }

    /// The config narrows what the driver allows, and widens nothing (D3).
    fn check_inside(&self, key: &str, unit: &Unit, (index, which): (&str, &str), limit: f64) {
        let Some((lower, upper)) = self.description.limits else {
            return;
        };
        let rounding = ROUNDING * limit.abs().max(lower.abs()).max(upper.abs());
        if (lower - rounding..=upper + rounding).contains(&limit) {
            return;
        }
        let show = |number: f64| show(number, unit);
        let message = format!("the {which} limit {} is outside the driver's limits", show(limit));
        let path = ["parameters", &self.description.name, key, index];
        let driver = format!("the driver allows {} to {}", show(lower), show(upper));
        self.report(self.section.error(&path, message).help(driver));
    }

    /// Limits in two frames may leave nothing between them.
    fn check_room(&self, limits: &Limits) {
        let (Some(lower), Some(upper)) = (&limits.lower, &limits.upper) else {
            return;
        };
        if lower.value <= upper.value {
            return;
        }
        let message = format!(
            "the limits of `{}` leave nothing that could be set",
            self.description.name
        );
        let place = self.section.key_error(&["parameters", &self.description.name], message);
        let (low, high) = (self.show(lower.value), self.show(upper.value));
        self.report(place.help(format!(
            "it is at least {low} by the {}, but at most {high} by the {}",
            lower.whose, upper.whose
        )));
    }

    fn tolerance(&self, raw: &RawQuantity) -> Option<Setting<f64>> {
        if !self.is_numeric("tolerance") {
            return None;
        }
        let tolerance = self.number_in(&self.unit, &self.path("tolerance"), raw, true)?;
        if tolerance < 0.0 {
            self.report(
                self.section
                    .error(&self.path("tolerance"), "a tolerance cannot be negative"),
            );
            return None;
        }
        if !self.description.writable {
            self.warn_read_only("tolerance");
        }
        self.setting("tolerance", Some(tolerance))
    }

    pub(super) fn is_numeric(&self, key: &str) -> bool {
        let numeric = self.description.datatype.is_numeric();
        if !numeric {
            let kind = self.description.datatype.noun();
            let message = format!(
                "`{}` has no {key}: it is no number but of kind {kind}",
                self.description.name
            );
            self.report(self.section.key_error(&self.path(key), message));
        }
        numeric
    }

    fn warn_read_only(&self, key: &str) {
        let message = format!("`{}` cannot be written, so `{key}` does nothing", self.description.name);
        self.report(Diagnostic::warning(message).at(self.section.key_place(&self.path(key))));
    }

    /// A number in `unit`; with `is_difference` the zero of the unit does not count.
    pub(super) fn number_in(&self, unit: &Unit, path: &[&str], raw: &RawQuantity, is_difference: bool) -> Option<f64> {
        let number = match &raw.0 {
            Json::String(text) if is_difference => unit.difference(text),
            Json::String(text) => unit.quantity(text),
            number if unit.is_none() => Ok(number.as_f64()?),
            number => Err(UnitError::MissingUnit {
                number: number.to_string(),
                unit: unit.to_string(),
            }),
        };
        // The key is what is wrong, and not the parameter; within `limits` it is the one above the index.
        let key = path.iter().rfind(|step| step.parse::<usize>().is_err());
        let key = key.copied().unwrap_or(&self.description.name);
        let explain = |error| quantity::explain(key, &error).at(self.section.place(path));
        number.map_err(|error| self.report(explain(error))).ok()
    }

    /// A number with the parameter's unit, for people.
    pub(super) fn show(&self, number: f64) -> String {
        show(number, &self.unit)
    }
}

fn show(number: f64, unit: &Unit) -> String {
    format_value(&Value::Float(number), unit.as_str(), None)
}
