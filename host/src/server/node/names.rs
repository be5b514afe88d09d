//! What each accessible of a module is called, and what it stands for.

use baton_plugin_api::{DeviceClass, description::CommandDescription};

use super::Accessible;
use crate::device::{Device, Parameter};

/// The parameter that shows who has locked a module (W4).
pub(in crate::server) const LOCKED_BY: &str = "_locked_by";

/// What an accessible stands for. The numbers are places in the driver's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Role {
    /// The readback of the main parameter.
    Value(usize),
    /// The status, of a device without a main parameter.
    StatusValue,
    /// The status.
    Status,
    /// The target of the main parameter.
    Target(usize),
    /// Another parameter.
    Parameter(usize),
    /// The limits of a parameter that count, which may be narrower than the driver's (W3).
    Limits(usize),
    /// How often the main parameter is polled.
    PollInterval(usize),
    /// Who has locked the device, or parts of it.
    LockedBy,
    /// Stops the device.
    Stop,
    /// Takes back an error.
    ClearErrors,
    /// A command of the driver.
    Command(usize),
}

impl Role {
    /// Whether it is a command.
    pub(in crate::server) fn is_command(self) -> bool {
        matches!(self, Role::Stop | Role::ClearErrors | Role::Command(_))
    }
}

/// The accessibles of a device in the order of the description: existing clients want `value` and `status` before
/// `target`.
pub(super) fn accessibles(device: &Device) -> Vec<Accessible> {
    let mut list = List::default();
    let main = device.main();
    match main {
        Some(main) => list.add("value", Role::Value(main.index())),
        None if device.class() != DeviceClass::Communicator => list.add("value", Role::StatusValue),
        None => {}
    }
    list.add("status", Role::Status);
    if let Some(main) = main.filter(|main| main.description().writable) {
        list.add("target", Role::Target(main.index()));
    }
    let moves = |command: &CommandDescription| command.long || command.leads_to.is_some();
    let long = device.commands().iter().any(|command| moves(command.description()));
    if device.class() == DeviceClass::Drivable || device.has_stop() || long {
        list.add("stop", Role::Stop);
    }
    if let Some(main) = main.filter(|main| main.can_have_limits()) {
        list.add("target_limits", Role::Limits(main.index()));
    }
    for parameter in device.parameters() {
        if main.is_none_or(|main| main.index() != parameter.index()) {
            list.add(&own(parameter.name()), Role::Parameter(parameter.index()));
        }
    }
    for command in device.commands() {
        let name = match &**command.name() {
            name @ "communicate" if device.class() == DeviceClass::Communicator => name.to_owned(),
            "clear_errors" => continue,
            name => own(name),
        };
        list.add(&name, Role::Command(command.index()));
    }
    if let Some(main) = main.filter(|main| main.poll().is_some()) {
        list.add("pollinterval", Role::PollInterval(main.index()));
    }
    if device.class() == DeviceClass::Drivable || long || device.command("clear_errors").is_ok() {
        list.add("clear_errors", Role::ClearErrors);
    }
    for parameter in device.parameters() {
        if main.is_none_or(|main| main.index() != parameter.index()) && has_limits(device, parameter) {
            let name = format!("{}_limits", own(parameter.name()));
            list.add(&name, Role::Limits(parameter.index()));
        }
    }
    list.add(LOCKED_BY, Role::LockedBy);
    list.accessibles
}

/// The underscore that SECoP demands of names that it does not know.
fn own(name: &str) -> String {
    format!("_{name}")
}

/// Whether somebody has said what may be written; the range of an integer type is nobody's word.
fn has_limits(device: &Device, parameter: &Parameter) -> bool {
    let description = parameter.description();
    let configured = device.config().parameters.get(&description.name);
    let by_config = configured.is_some_and(|config| config.limits.is_some() || config.dial_limits.is_some());
    parameter.can_have_limits() && (description.limits.is_some() || by_config)
}

#[derive(Default)]
struct List {
    accessibles: Vec<Accessible>,
}

impl List {
    /// Adds an accessible, unless one of that name came before: a driver's `flow_limits` hides the host's.
    fn add(&mut self, name: &str, role: Role) {
        let known = self
            .accessibles
            .iter()
            .any(|known| known.name.eq_ignore_ascii_case(name));
        if !known {
            self.accessibles.push(Accessible {
                name: name.to_owned(),
                role,
            });
        }
    }
}
