//! What a driver library says of itself, as JSON: the one part of the ABI that may grow freely.
//!
//! A reader takes what it knows and ignores keys that came later, so a new key must never change what an old one means.

use schemars::Schema;
use serde::{Deserialize, Serialize};

use crate::{Datatype, StatusCode};

/// What a library offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LibraryDescription {
    /// The driver's name, by which a config refers to it: the package's without `baton-driver-`.
    pub name: String,
    /// Version of the driver's package.
    pub version: String,
    /// Version of `baton-plugin-api` it was built with.
    pub plugin_api: String,
    /// The compiler it was built with.
    pub rustc: String,
    /// `unwind`, or `abort` if a panic of this driver ends the process.
    pub panic: String,
    /// Types of devices that stand alone.
    pub devices: Vec<TypeDescription>,
    /// Types of controllers.
    #[serde(default)]
    pub controllers: Vec<ControllerDescription>,
    /// Mistakes in the author's tables, one line each. A host refuses a library that has any.
    #[serde(default)]
    pub mistakes: Vec<String>,
}

/// A type of device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeDescription {
    /// Name, by which a config refers to it.
    pub name: String,
    /// JSON Schema of the options.
    pub options: Schema,
    /// Its parameters and commands. With `dynamic`, those that every device of the type has.
    pub table: TableDescription,
    /// Whether the real table depends on the options; then ask `describe_device`.
    #[serde(default)]
    pub dynamic: bool,
}

/// A type of controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ControllerDescription {
    /// Name, by which a config refers to it.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub doc: String,
    /// JSON Schema of the options.
    pub options: Schema,
    /// Types of devices that belong to it.
    pub devices: Vec<TypeDescription>,
}

/// What a client may do with a device; SECoP's interface classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "SECoP's names, section \"Interface classes\"")]
pub enum DeviceClass {
    Readable,
    Writable,
    Drivable,
    Communicator,
}

/// The parameters, commands and messages of a device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableDescription {
    /// One sentence for people.
    #[serde(default)]
    pub doc: String,
    /// Name of the main parameter. A device without one is a Communicator, or has only commands and side parameters.
    #[serde(default)]
    pub main: Option<String>,
    /// Whether there is no hardware behind it; its readings then say so.
    #[serde(default)]
    pub simulated: bool,
    /// The class, where the author chose another than would follow from the table.
    #[serde(default)]
    pub class: Option<DeviceClass>,
    /// Whether the device reports its own status.
    #[serde(default)]
    pub status: bool,
    /// Whether the device can be stopped by a function of its table.
    #[serde(default)]
    pub stop: bool,
    /// Seconds after which it listens again while nobody asks anything of it; `None` if it never does.
    #[serde(default)]
    pub listen: Option<f64>,
    /// Parameters in the author's order.
    #[serde(default)]
    pub parameters: Vec<ParameterDescription>,
    /// Commands in the author's order.
    #[serde(default)]
    pub commands: Vec<CommandDescription>,
    /// Messages it may send.
    #[serde(default)]
    pub messages: Vec<MessageDescription>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterDescription {
    /// Name.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub doc: String,
    /// Kind of value.
    pub datatype: Datatype,
    /// Unit of its numbers in UCUM or a lab spelling; empty if they have none.
    #[serde(default)]
    pub unit: String,
    /// Whether the hardware can be asked for it.
    pub readable: bool,
    /// Whether it can be written.
    pub writable: bool,
    /// The driver's limits, inclusive, in `unit`; they hold for each element of an array.
    #[serde(default)]
    pub limits: Option<(f64, f64)>,
    /// How far the readback may be from the target, in `unit`.
    #[serde(default)]
    pub tolerance: Option<f64>,
    /// Seconds between polls; `None` leaves it to the host, 0 means never.
    #[serde(default)]
    pub poll: Option<f64>,
    /// For so many seconds a reading answers for the hardware; 0 for never.
    #[serde(default)]
    pub fresh_for: f64,
    /// Seconds after which a call is overdue, from its entry into the driver.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// Seconds after which a motion of it is overdue.
    #[serde(default)]
    pub motion_timeout: Option<f64>,
    /// Whether the write stays in the driver until it is done, instead of starting something.
    #[serde(default)]
    pub blocking: bool,
    /// Whether a new write replaces one that is still on its way.
    #[serde(default)]
    pub retarget: bool,
    /// Whether the driver can say how long a motion to a given target takes.
    #[serde(default)]
    pub estimate: bool,
    /// Digits after the point that are worth showing.
    #[serde(default)]
    pub digits: Option<u8>,
    /// Whether the driver publishes its readings by itself.
    #[serde(default)]
    pub published: bool,
    /// The states of the device in which it can be written; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_in: Vec<StatusCode>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandDescription {
    /// Name.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub doc: String,
    /// Kind of its argument; [`Datatype::Unit`] if it has none.
    pub argument: Datatype,
    /// Unit of the argument's numbers.
    #[serde(default)]
    pub argument_unit: String,
    /// Kind of its result; [`Datatype::Unit`] if it has none.
    pub result: Datatype,
    /// Unit of the result's numbers.
    #[serde(default)]
    pub result_unit: String,
    /// Whether it takes as long as a motion.
    #[serde(default)]
    pub long: bool,
    /// Seconds after which it is overdue.
    #[serde(default)]
    pub timeout: Option<f64>,
    /// The only parameters it touches; empty means the whole device.
    #[serde(default)]
    pub touches: Vec<String>,
    /// The states of the device in which it can be run; empty means any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_in: Vec<StatusCode>,
    /// The state of the device from its acceptance until it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leads_to: Option<StatusCode>,
}

/// A message that a device may send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageDescription {
    /// Name.
    pub name: String,
    /// One sentence for people.
    #[serde(default)]
    pub doc: String,
    /// Kind of the payload.
    pub payload: Datatype,
}

impl TableDescription {
    /// What SECoP calls the device.
    ///
    /// A main parameter that can be written makes it Writable, and Drivable if the device also reports its status: then
    /// a write starts something that takes time. Without a main parameter it is a Communicator if it has the command
    /// `communicate`, else a Readable of its status.
    pub fn class(&self) -> DeviceClass {
        if let Some(chosen) = self.class {
            return chosen;
        }
        match self.main_parameter() {
            Some(main) if main.writable && self.status => DeviceClass::Drivable,
            Some(main) if main.writable => DeviceClass::Writable,
            Some(_) => DeviceClass::Readable,
            None if self.commands.iter().any(|c| c.name == "communicate") => DeviceClass::Communicator,
            None => DeviceClass::Readable,
        }
    }

    /// The main parameter.
    pub fn main_parameter(&self) -> Option<&ParameterDescription> {
        let name = self.main.as_deref()?;
        self.parameters.iter().find(|p| p.name == name)
    }
}
