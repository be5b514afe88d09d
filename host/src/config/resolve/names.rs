//! Names of devices and controllers (D5).

use std::collections::HashMap;

use baton_plugin_api::{RESERVED, is_name};

use super::{Parsed, Resolver, Section};

/// What messages come from that are not those of a device.
const SENDERS: [&str; 2] = ["host", "client"];

/// Checks the names of all devices and controllers, which share one space of names.
pub(super) fn check<'a>(resolver: &Resolver<'_>, parsed: &[Parsed], sections: impl Iterator<Item = &'a Section<'a>>) {
    let mut sections: Vec<_> = sections.collect();
    sections.sort_by_key(|section| section.position(parsed));
    let mut seen: HashMap<String, &Section<'_>> = HashMap::new();
    for section in sections {
        check_name(resolver, section);
        let Some(first) = seen.get(&section.name().to_ascii_lowercase()) else {
            seen.insert(section.name().to_ascii_lowercase(), section);
            continue;
        };
        let message = format!("{} is defined twice", what(section));
        let error = section
            .key_error(&[], message)
            .related(first.key_place(&[]), format!("{} is first defined here", what(first)));
        let is_same = first.name() == section.name();
        resolver.report(match first.is_device() == section.is_device() {
            true if is_same => error,
            true => error.help("names must differ in more than upper and lower case"),
            false => error.help("a device and a controller cannot share a name"),
        });
    }
}

fn check_name(resolver: &Resolver<'_>, section: &Section<'_>) {
    let name = section.name();
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        let error = section.key_error(&[], format!("{} has a name that the host uses itself", what(section)));
        resolver.report(error.help(format!("reserved: {}", RESERVED.join(", "))));
    } else if section.is_device() && SENDERS.contains(&name.to_ascii_lowercase().as_str()) {
        let error = section.key_error(&[], format!("{} has a name by which messages are sent", what(section)));
        resolver.report(error.help("messages of the host come from `host`, those of clients from `client:NAME`"));
    } else if !is_name(name) {
        let error = section.key_error(&[], format!("{} has a name that clients cannot use", what(section)));
        let help = "a name has letters a to z, digits and `_`, does not begin with a digit, and is at most 63 long";
        resolver.report(error.help(help));
    }
}

fn what(section: &Section<'_>) -> String {
    let noun = if section.is_device() {
        "the device"
    } else {
        "the controller"
    };
    format!("{noun} `{}`", section.name())
}
