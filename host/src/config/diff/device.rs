//! Devices and controllers.

use std::collections::BTreeSet;

use baton_plugin_api::description::ParameterDescription;

use super::{Change, Comparison, Way, options, parameter};
use crate::config::{ControllerConfig, DeviceConfig, Isolation, OnDisconnect, OnExit};

/// What has changed in a device. A key that is added to the config shows up here as a field that nobody looks at.
pub(super) fn changes(old: &DeviceConfig, new: &DeviceConfig) -> Vec<Change> {
    let DeviceConfig {
        name: _,
        description,
        driver,
        controller,
        device_type,
        options: _,
        sources: _,
        table: _,
        parameters: _,
        commands: _,
        on_exit,
        on_disconnect,
        isolation,
        // What the options say.
        members: _,
        origin,
    } = new;
    let mut found = Comparison::new(origin);
    found.text("description", Way::AtOnce, &old.description, description);
    let named = |name: &Option<String>| name.clone().unwrap_or_default();
    if old.controller != *controller {
        found.text("controller", Way::Reopen, &named(&old.controller), &named(controller));
    } else if controller.is_none() {
        found.text("driver", Way::Reopen, &old.driver, driver);
    }
    found.text("type", Way::Reopen, &old.device_type, device_type);
    options::compare(&mut found, &old.given(), &new.given());
    if found.changes.iter().all(|change| change.way < Way::Reopen) && old.table != new.table {
        // The same options in the same files, and yet another device: so its driver has changed.
        found.push("driver", Way::Reopen, Some(describe(old)), Some(describe(new)), None);
    }
    found.key("on_exit", Way::AtOnce, &old.on_exit, on_exit, exit_word);
    found.key(
        "on_disconnect",
        Way::AtOnce,
        &old.on_disconnect,
        on_disconnect,
        disconnect_word,
    );
    if controller.is_none() {
        found.key(
            "isolation",
            Way::Reopen,
            &old.isolation,
            isolation,
            Isolation::to_string,
        );
    }
    commands(&mut found, old, new);
    let names: BTreeSet<&String> = old.parameters.keys().chain(new.parameters.keys()).collect();
    for name in names {
        parameter::compare(&mut found, name, old, new);
    }
    found.changes
}

/// What has changed in a controller.
pub(super) fn controller_changes(old: &ControllerConfig, new: &ControllerConfig) -> Vec<Change> {
    let ControllerConfig {
        name: _,
        description,
        driver,
        controller_type,
        options: _,
        sources: _,
        exclusive,
        isolation,
        origin,
    } = new;
    let mut found = Comparison::new(origin);
    found.text("description", Way::AtOnce, &old.description, description);
    found.text("driver", Way::Reopen, &old.driver, driver);
    found.text("type", Way::Reopen, &old.controller_type, controller_type);
    found.key("exclusive", Way::AtOnce, &old.exclusive, exclusive, bool::to_string);
    found.key(
        "isolation",
        Way::Reopen,
        &old.isolation,
        isolation,
        Isolation::to_string,
    );
    options::compare(&mut found, &old.given(), &new.given());
    found.changes
}

/// Whether a client that knows the old device would be wrong about the new one.
pub(super) fn is_retyped(old: &DeviceConfig, new: &DeviceConfig) -> bool {
    let kept = |old: &ParameterDescription, new: &ParameterDescription| {
        old.name == new.name
            && old.datatype == new.datatype
            && old.unit == new.unit
            && old.readable == new.readable
            && (old.writable == new.writable)
    };
    let described = |config: &DeviceConfig| -> Vec<_> {
        let parameters = 0..config.table.parameters.len();
        parameters.map(|index| config.describe(index)).collect()
    };
    let parameters = described(new);
    let commands = &new.table.commands;
    old.table.class() != new.table.class()
        || old.table.main != new.table.main
        || described(old)
            .iter()
            .any(|old| !parameters.iter().any(|new| kept(old, new)))
        || old.table.commands.iter().any(|old| {
            !commands
                .iter()
                .any(|new| (&old.name, &old.argument, &old.result) == (&new.name, &new.argument, &new.result))
        })
}

fn commands(found: &mut Comparison<'_>, old: &DeviceConfig, new: &DeviceConfig) {
    let names: BTreeSet<&String> = old.commands.keys().chain(new.commands.keys()).collect();
    for name in names {
        let (old, new) = (old.commands.get(name), new.commands.get(name));
        let key = format!("commands.{name}.timeout");
        parameter::setting(found, key, Way::AtOnce, old, new, |seconds| {
            parameter::seconds(*seconds)
        });
    }
}

fn describe(config: &DeviceConfig) -> String {
    format!("{} as it was read with that config", config.driver)
}

fn exit_word(on_exit: &OnExit) -> String {
    match on_exit {
        OnExit::Stop => "stop",
        OnExit::Keep => "keep",
    }
    .to_owned()
}

fn disconnect_word(on_disconnect: &OnDisconnect) -> String {
    match on_disconnect {
        OnDisconnect::Stop => "stop",
        OnDisconnect::Keep => "keep",
    }
    .to_owned()
}
