//! The config of a lab with one device, made up around an instrument file.

use baton_plugin_api::{
    diagnostic::Diagnostic,
    source::{Node, NodeValue, Source},
};
use serde_json::Value as Json;

use super::{DEVICE, kind::Kind};
use crate::config::{Files, Resolution, System, resolve};
use crate::plugin::Drivers;

/// What the config is called in diagnostics.
const OPTIONS: &str = "options";
/// What options of the line that several instruments share begin with.
const OF_LINE: &str = "line.";

/// What a station is called: by drivers, and by those who write files.
const STATIONS: [&str; 6] = ["station", "unit", "node", "id", "slave", "address"];

/// The text of a config, and which of its lines are the user's.
struct Text {
    text: String,
    lines: usize,
    users: Vec<usize>,
}

impl Text {
    fn ours(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.lines += 1;
    }

    fn option(&mut self, name: &str, value: &str) {
        self.ours(&format!("{name} = {value}"));
        self.users.push(self.lines);
    }
}

/// The lab of the device of that `file` at that address.
pub(super) fn lab(
    kind: &Kind,
    drivers: &Drivers,
    file: &str,
    address: &str,
    options: &[(String, String)],
) -> Resolution {
    let text = text(kind, file, address, options);
    let here = std::env::current_dir().unwrap_or_default();
    let files = Files::from_sources(here, [Source::new(OPTIONS, text.text)]);
    let mut resolution = resolve(&files, drivers, &System, None);
    resolution
        .diagnostics
        .iter_mut()
        .for_each(|found| hide_our_lines(found, &text.users));
    resolution
}

fn text(kind: &Kind, file: &str, address: &str, options: &[(String, String)]) -> Text {
    let mut text = Text {
        text: String::new(),
        lines: 0,
        users: Vec::new(),
    };
    let driver = quoted(&kind.driver);
    let of_line = options
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(OF_LINE)?, value)));
    let of_device = options.iter().filter(|(name, _)| !name.starts_with(OF_LINE));
    let described = match kind.shared.as_ref().filter(|_| is_shared(options)) {
        None => {
            text.ours(&format!("[devices.{DEVICE}]\ndriver = {driver}"));
            text.lines += 1;
            &kind.alone
        }
        Some((controller, described)) => {
            text.ours("[controllers.line]");
            text.ours(&format!("driver = {driver}"));
            text.ours(&format!("type = {}", quoted(controller)));
            text.ours("[controllers.line.options]");
            text.ours(&format!("address = {}", quoted(address)));
            of_line.for_each(|(name, value)| text.option(name, value));
            text.ours(&format!("[devices.{DEVICE}]"));
            text.ours("controller = \"line\"");
            described
        }
    };
    text.ours(&format!("type = {}", quoted(&described.device_type)));
    text.ours(&format!("[devices.{DEVICE}.options]"));
    text.ours(&format!("{} = {}", described.file, quoted(file)));
    if !is_shared(options) {
        text.ours(&format!("address = {}", quoted(address)));
    }
    of_device.for_each(|(name, value)| text.option(name, value));
    text
}

/// Whether the device is on a line that several share.
fn is_shared(options: &[(String, String)]) -> bool {
    options.iter().any(|(name, _)| name.starts_with(OF_LINE))
}

/// What is wrong with an address is told without a line that nobody wrote.
fn hide_our_lines(diagnostic: &mut Diagnostic, users: &[usize]) {
    let place = diagnostic.place.take();
    diagnostic.place = place.filter(|place| place.file != OPTIONS || users.contains(&place.line));
}

/// A text as TOML has it; what JSON escapes, TOML escapes in the same way.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

/// The option that says which station the instrument is: one of the driver's own, or a setting of the file.
pub(super) fn station(kind: &Kind, source: &Source, options: &[(String, String)]) -> Option<String> {
    let known = |names: &[String]| {
        let mut stations = STATIONS.iter().filter(|name| names.iter().any(|found| found == *name));
        stations.next().copied()
    };
    let described = match &kind.shared {
        Some((_, described)) if is_shared(options) => described,
        _ => &kind.alone,
    };
    // The address of a device is where its line is.
    if let Some(own) = known(&described.options).filter(|name| *name != "address") {
        return Some(own.to_owned());
    }
    let (tree, _) = source.parse_recoverable();
    let settings = tree.get(&["settings"])?.entries().iter();
    let settings: Vec<String> = settings.map(|entry| entry.key.clone()).collect();
    match settings.as_slice() {
        [only] => Some(format!("settings.{only}")),
        several => known(several).map(|name| format!("settings.{name}")),
    }
}

/// Something for each setting of the file that has no default, so that the rest of the file can be checked.
pub(super) fn invented(source: &Source, options: &[(String, String)]) -> Vec<(String, String)> {
    let (tree, _) = source.parse_recoverable();
    let Some(settings) = tree.get(&["settings"]) else {
        return Vec::new();
    };
    let open = settings
        .entries()
        .iter()
        .filter(|entry| entry.node.get("default").is_none());
    let named = open.map(|entry| (format!("settings.{}", entry.key), invent(&entry.node)));
    named
        .filter(|(name, _)| options.iter().all(|(given, _)| given != name && given != "settings"))
        .collect()
}

fn invent(setting: &Node) -> String {
    let kind = setting.get("type").and_then(Node::as_str);
    if let Some(first) = setting.get("values").and_then(|values| values.entries().first()) {
        return quoted(&first.key);
    }
    let least = setting.get("limits").and_then(|limits| match &limits.value {
        NodeValue::Array(bounds) => bounds.first().map(|bound| bound.to_json().to_string()),
        _ => None,
    });
    match kind {
        Some("integer" | "number") => least.unwrap_or_else(|| "1".to_owned()),
        Some("bool") => "false".to_owned(),
        _ => quoted("x"),
    }
}
