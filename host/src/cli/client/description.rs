//! A node's description as typed data, with the names that people use.
//!
//! Our hosts say in `_name` and `_main` what a driver calls its parameters. On other nodes a name is the wire's, less
//! a leading underscore, and the main parameter is called `value`.

use serde_json::{Map, Value as Json};

use super::Datainfo;

/// Everything a node describes.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) equipment_id: String,
    pub(crate) description: String,
    pub(crate) firmware: String,
    pub(crate) devices: Vec<Device>,
}

/// A module.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// Name, here and on the wire.
    pub(crate) name: String,
    pub(crate) doc: String,
    /// SECoP's interface class; empty if it has none.
    pub(crate) class: String,
    /// Driver, version and type, which only our hosts say.
    pub(crate) driver: Option<String>,
    pub(crate) driver_version: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) members: Vec<String>,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) commands: Vec<Command>,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) doc: String,
    /// Accessible that is read.
    pub(crate) wire: String,
    /// Accessible that is written, if any is: `target` for the main parameter.
    pub(crate) wire_target: Option<String>,
    /// Kind of the readback.
    pub(crate) datainfo: Datainfo,
    /// Kind of what is written; its limits are those of a target.
    pub(crate) target_datainfo: Datainfo,
    /// Digits after the point that are worth showing.
    pub(crate) digits: Option<u8>,
    /// Everything that was said of it, for those who want to know.
    pub(crate) properties: Map<String, Json>,
}

/// A command.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) wire: String,
    pub(crate) argument: Option<Datainfo>,
    pub(crate) result: Option<Datainfo>,
    /// Whether it takes as long as a motion.
    pub(crate) long: bool,
}

impl Node {
    /// Reads the data of a `describing` message.
    ///
    /// # Errors
    /// Only if there are no modules to be found in it; what is odd inside a module is left out.
    pub(crate) fn parse(json: &Json) -> Result<Node, String> {
        let modules = json
            .get("modules")
            .and_then(Json::as_object)
            .ok_or("it has no object `modules`")?;
        Ok(Node {
            equipment_id: text(json, "equipment_id").unwrap_or_default(),
            description: text(json, "description").unwrap_or_default(),
            firmware: text(json, "firmware").unwrap_or_default(),
            devices: modules
                .iter()
                .map(|(name, module)| Device::parse(name, module))
                .collect(),
        })
    }

    /// Whether it is a host of ours, which takes units and knows calls.
    pub(crate) fn is_baton(&self) -> bool {
        self.devices.iter().any(|device| device.driver.is_some())
    }
}

impl Device {
    fn parse(name: &str, module: &Json) -> Device {
        let accessibles = module
            .get("accessibles")
            .and_then(Json::as_object)
            .cloned()
            .unwrap_or_default();
        let main = text(module, "_main");
        let strings = |key: &str| -> Vec<String> {
            let list = module.get(key).and_then(Json::as_array).into_iter().flatten();
            list.filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let is_command = |accessible: &Json| matches!(datainfo(accessible), Datainfo::Command { .. });
        let (commands, parameters): (Vec<_>, Vec<_>) = accessibles.iter().partition(|(_, json)| is_command(json));
        let target = accessibles.get("target").filter(|target| is_writable(target));
        Device {
            name: name.to_owned(),
            doc: text(module, "description").unwrap_or_default(),
            class: strings("interface_classes").into_iter().next().unwrap_or_default(),
            driver: text(module, "_driver"),
            driver_version: text(module, "_driver_version"),
            kind: text(module, "_type"),
            members: strings("_members"),
            parameters: parameters
                .into_iter()
                .map(|(wire, json)| Parameter::parse(wire, json, main.as_deref(), target))
                .collect(),
            commands: commands
                .into_iter()
                .map(|(wire, json)| Command::parse(wire, json))
                .collect(),
        }
    }

    /// The parameter that the device is about.
    pub(crate) fn main(&self) -> Option<&Parameter> {
        self.accessible("value")
    }

    /// The parameter with this name on the wire.
    pub(crate) fn accessible(&self, wire: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.wire == wire)
    }

    /// Whether it has the standard command `stop`.
    pub(crate) fn has_stop(&self) -> bool {
        self.commands.iter().any(|command| command.wire == "stop")
    }

    /// `driver/type`, or the interface class of a node that names no driver.
    pub(crate) fn type_name(&self) -> String {
        match (&self.driver, &self.kind) {
            (Some(driver), Some(kind)) => format!("{driver}/{kind}"),
            (Some(name), None) | (None, Some(name)) => name.clone(),
            (None, None) => self.class.clone(),
        }
    }

    /// The path of a parameter or command of this device, as people write it.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Specifier of an accessible.
    pub(crate) fn on(&self, wire: &str) -> String {
        format!("{}:{wire}", self.name)
    }
}

impl Parameter {
    fn parse(wire: &str, json: &Json, main: Option<&str>, target: Option<&Json>) -> Parameter {
        let own = datainfo(json);
        let target = target.filter(|_| wire == "value");
        let wire_target = match target {
            Some(_) => Some("target".to_owned()),
            None => is_writable(json).then(|| wire.to_owned()),
        };
        Parameter {
            name: parameter_name(wire, json, main),
            doc: text(json, "description").unwrap_or_default(),
            wire: wire.to_owned(),
            wire_target,
            target_datainfo: target.map_or_else(|| own.clone(), datainfo),
            datainfo: own,
            digits: json
                .get("_digits")
                .and_then(Json::as_u64)
                .and_then(|digits| digits.try_into().ok()),
            properties: json.as_object().cloned().unwrap_or_default(),
        }
    }

    /// How far its readback may be from its target.
    pub(crate) fn tolerance(&self) -> Option<f64> {
        self.properties.get("_tolerance").and_then(Json::as_f64)
    }

    /// Unit of its numbers; empty if they have none.
    pub(crate) fn unit(&self) -> &str {
        self.datainfo.unit()
    }
}

/// `value` has the driver's own name; `target` keeps the wire's, or the two could not be told apart.
fn parameter_name(wire: &str, json: &Json, main: Option<&str>) -> String {
    let own = text(json, "_name").or_else(|| main.filter(|_| wire == "value").map(str::to_owned));
    match own {
        Some(own) if wire != "target" => own,
        _ => wire.trim_start_matches('_').to_owned(),
    }
}

impl Command {
    fn parse(wire: &str, json: &Json) -> Command {
        let (argument, result) = match datainfo(json) {
            Datainfo::Command { argument, result } => (argument, result),
            _ => (None, None),
        };
        Command {
            name: text(json, "_name").unwrap_or_else(|| wire.trim_start_matches('_').to_owned()),
            doc: text(json, "description").unwrap_or_default(),
            wire: wire.to_owned(),
            argument: argument.map(|argument| *argument),
            result: result.map(|result| *result),
            long: json.get("_long").and_then(Json::as_bool).unwrap_or(false),
        }
    }

    /// As one would call it: `dispense(volume: number mL) -> integer`.
    pub(crate) fn signature(&self) -> String {
        let kind = |datainfo: &Datainfo| format!("{} {}", datainfo.noun(), datainfo.unit()).trim_end().to_owned();
        let argument = match &self.argument {
            None => String::new(),
            Some(argument @ Datainfo::Struct { .. }) => argument.fields().join(", "),
            Some(argument) => kind(argument),
        };
        let result = self.result.as_ref().map(|result| format!(" -> {}", kind(result)));
        format!("{}({argument}){}", self.name, result.unwrap_or_default())
    }
}

fn is_writable(json: &Json) -> bool {
    json.get("readonly").and_then(Json::as_bool) == Some(false)
}

fn datainfo(json: &Json) -> Datainfo {
    json.get("datainfo").map_or(Datainfo::Other, Datainfo::parse)
}

fn text(json: &Json, key: &str) -> Option<String> {
    json.get(key).and_then(Json::as_str).map(str::to_owned)
}
