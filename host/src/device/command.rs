//! Commands: what is fixed about them, and the checks before a driver is called.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Value, description::CommandDescription};

use super::{TimeLimit, bounds, quantity};
use crate::{
    config::{DeviceConfig, HostConfig},
    failure::Refusal,
    units::Unit,
};

/// A command of a device.
#[derive(Debug)]
pub struct Command {
    index: usize,
    name: Arc<str>,
    path: Arc<str>,
    description: CommandDescription,
    unit: Unit,
    timeout: TimeLimit,
}

impl Command {
    pub(super) fn new(device: &str, config: &DeviceConfig, host: &HostConfig, index: usize) -> Self {
        let description = config.table.commands[index].clone();
        let configured = config.commands.get(&description.name);
        let default = if description.long {
            host.motion_timeout
        } else {
            host.timeout
        };
        Command {
            index,
            name: description.name.as_str().into(),
            path: format!("{device}.{}", description.name).into(),
            unit: Unit::parse(&description.argument_unit),
            timeout: TimeLimit::of(configured, description.timeout, default),
            description,
        }
    }

    /// Its place in the driver's table.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its full name, `stage.home`.
    pub fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// What the driver says of it.
    pub fn description(&self) -> &CommandDescription {
        &self.description
    }

    /// After how long it is overdue.
    pub fn timeout(&self) -> Duration {
        self.timeout.duration
    }

    /// The same, and who says so.
    pub fn time_limit(&self) -> &TimeLimit {
        &self.timeout
    }

    /// Brings an argument into the command's datatype and unit; what it is made of may carry units of its own (D4).
    ///
    /// # Errors
    /// `WrongType`, `WrongUnit`, `NotFinite`, or `Limit` for a field that has limits.
    pub fn check(&self, argument: Value) -> Result<Value, Refusal> {
        let taken = quantity::take(argument, &self.description.argument, &self.unit, &self.path)?;
        bounds::check_finite(&taken.value, &self.path)?;
        bounds::check_fields(taken, &self.description.argument, &self.path)
    }
}
