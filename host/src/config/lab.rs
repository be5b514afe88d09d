//! A config with nothing left to look up.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use baton_plugin_api::{Datatype, Value, description::TableDescription};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A lab.
#[derive(Clone, Debug, PartialEq)]
pub struct LabConfig {
    /// Its name.
    pub name: String,
    /// One sentence for people; may be empty.
    pub description: String,
    /// How the host works.
    pub host: HostConfig,
    /// The controllers in the order of the files.
    pub controllers: Vec<ControllerConfig>,
    /// The devices: members before their composites, otherwise in the order of the files.
    pub devices: Vec<DeviceConfig>,
    /// Every file that the config depends on, absolute: its own, and those that options and looked-up values name.
    pub files: Vec<PathBuf>,
    /// Drivers that the config names and that were not there to check it. Such a config cannot be run.
    pub missing_drivers: Vec<String>,
}

/// How the host works.
#[derive(Clone, Debug, PartialEq)]
pub struct HostConfig {
    /// Address and port of the SECoP server; `None` if it serves on the Unix socket alone.
    pub listen: Option<String>,
    /// Path of the Unix socket, absolute.
    pub socket: Option<PathBuf>,
    /// File of the audit log, absolute; `None` for no audit log.
    pub audit: Option<PathBuf>,
    /// Folders with drivers, absolute.
    pub drivers: Vec<PathBuf>,
    /// Where calls run.
    pub execution: Execution,
    /// Seconds between two polls; 0 for never.
    pub poll: f64,
    /// Seconds after which a call is overdue.
    pub timeout: f64,
    /// Seconds after which a motion is overdue.
    pub motion_timeout: f64,
}

/// Where calls of drivers run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Execution {
    /// On a worker thread per device or controller.
    #[default]
    Threaded,
    /// Where they are made, for tests (I1).
    Inline,
}

/// What several devices share.
#[derive(Clone, Debug, PartialEq)]
pub struct ControllerConfig {
    /// Its name.
    pub name: String,
    /// One sentence for people; may be empty.
    pub description: String,
    /// Name of the driver.
    pub driver: String,
    /// Its type.
    pub controller_type: String,
    /// Options as the driver gets them. They may hold secrets that were looked up, so they are not for logs.
    pub options: serde_json::Value,
    /// Whether its line can be open only once (R2).
    pub exclusive: bool,
    /// Where it is written.
    pub origin: Origin,
}

/// A device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceConfig {
    /// Its name.
    pub name: String,
    /// One sentence for people; may be empty.
    pub description: String,
    /// Name of the driver, its own or its controller's.
    pub driver: String,
    /// Name of the controller that it belongs to.
    pub controller: Option<String>,
    /// Its type.
    pub device_type: String,
    /// Options as the driver gets them. They may hold secrets that were looked up, so they are not for logs.
    pub options: serde_json::Value,
    /// Its parameters and commands, as the driver describes them.
    pub table: TableDescription,
    /// Settings of its parameters; those that the config does not mention are left out.
    pub parameters: BTreeMap<String, ParameterConfig>,
    /// Seconds after which a command is overdue, for those that the config mentions.
    pub commands: BTreeMap<String, Setting<f64>>,
    /// What happens to it when the host ends.
    pub on_exit: OnExit,
    /// The devices that its options refer to (C7), each once, in the order of the file.
    pub members: Vec<MemberConfig>,
    /// Where it is written.
    pub origin: Origin,
}

/// A device that a composite refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberConfig {
    /// Name of the device.
    pub device: String,
    /// The parameter, if the reference is to one.
    pub parameter: Option<String>,
}

/// What happens to a device when the host ends (S5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnExit {
    /// It is stopped.
    Stop,
    /// It is left as it is.
    Keep,
}

/// Settings of a parameter. Numbers are in its declared unit, times in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParameterConfig {
    /// Smallest and greatest value.
    pub limits: Option<Setting<(f64, f64)>>,
    /// How far the readback may be from the target.
    pub tolerance: Option<Setting<f64>>,
    /// Time between two polls; 0 for never.
    pub poll: Option<Setting<f64>>,
    /// Time after which a call is overdue.
    pub timeout: Option<Setting<f64>>,
    /// Time after which a motion is overdue.
    pub motion_timeout: Option<Setting<f64>>,
    /// For this long a reading answers for the hardware.
    pub fresh_for: Option<Setting<f64>>,
    /// Value that is written when the device is opened, as its datatype keeps it.
    pub initial: Option<Setting<Value>>,
}

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub origin: Origin,
}

/// A line of a config.
///
/// Two origins are always equal: where something stands is no part of what it is, and a config whose lines have only
/// moved is the same config.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Name of the file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Origin) -> bool {
        true
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The limits of a parameter that count, inclusive (D3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// The lower one.
    pub lower: Option<Bound>,
    /// The upper one.
    pub upper: Option<Bound>,
}

/// One limit and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The limit, in the declared unit.
    pub value: f64,
    /// Whose it is.
    pub whose: Whose,
}

/// Who has set a limit.
#[derive(Clone, Debug, PartialEq)]
pub enum Whose {
    /// The driver.
    Driver,
    /// The config, there.
    Config(Origin),
}

impl DeviceConfig {
    /// The limits of a parameter that count: of those of driver and config the narrower. Empty if it has none.
    pub fn limits(&self, parameter: &str) -> Limits {
        let description = self.table.parameters.iter().find(|p| p.name == parameter);
        let mut limits = Limits::default();
        if let Some((lower, upper)) = description.and_then(|p| p.limits) {
            limits.narrow(lower, upper, &Whose::Driver);
        }
        if let Some(Datatype::Int { min, max }) = description.map(|p| &p.datatype) {
            limits.narrow(*min as f64, *max as f64, &Whose::Driver);
        }
        if let Some(config) = self.parameters.get(parameter).and_then(|p| p.limits.as_ref()) {
            limits.narrow(config.value.0, config.value.1, &Whose::Config(config.origin.clone()));
        }
        limits
    }
}

impl Limits {
    /// Takes each bound that is narrower than what there is.
    pub fn narrow(&mut self, lower: f64, upper: f64, whose: &Whose) {
        let bound = |value| {
            Some(Bound {
                value,
                whose: whose.clone(),
            })
        };
        if self.lower.as_ref().is_none_or(|old| old.value < lower) {
            self.lower = bound(lower);
        }
        if self.upper.as_ref().is_none_or(|old| old.value > upper) {
            self.upper = bound(upper);
        }
    }
}
