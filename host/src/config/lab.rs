//! A config with nothing left to look up.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
};

use baton_plugin_api::{
    Datatype, Value,
    description::{ParameterDescription, TableDescription},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClientLimits, Frame, Isolation, Limits, Secret, StatedLimits, Whose};

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
    /// What the config was read from: a file, or a folder of them; absolute.
    pub path: PathBuf,
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
    /// What clients from elsewhere have to know; without it, the server listens to this machine alone.
    pub token: Option<Secret>,
    /// What clients may take of the host.
    pub clients: ClientLimits,
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
    /// How many readings of each parameter are kept.
    pub history: usize,
    /// The program that runs drivers in processes of their own: `baton` in some form, see
    /// [`runner::COMMAND`](crate::process::runner::COMMAND). `None` for the one of that name beside this program, or in the
    /// search path. No key of a config sets it.
    pub runner: Option<PathBuf>,
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
    /// What stands behind its options.
    pub sources: Sources,
    /// Whether its line can be open only once (R2).
    pub exclusive: bool,
    /// Where its driver runs, and with it all its devices.
    pub isolation: Isolation,
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
    /// What stands behind its values.
    pub sources: Sources,
    /// Its parameters and commands, as the driver describes them.
    pub table: TableDescription,
    /// Settings of its parameters; those that the config does not mention are left out.
    pub parameters: BTreeMap<String, ParameterConfig>,
    /// Seconds after which a command is overdue, for those that the config mentions.
    pub commands: BTreeMap<String, Setting<f64>>,
    /// What happens to it when the host ends.
    pub on_exit: OnExit,
    /// What happens to what runs there when a lock of its owner ends by itself.
    pub on_disconnect: OnDisconnect,
    /// Where its driver runs; on a controller, as that says.
    pub isolation: Isolation,
    /// The devices that its options refer to (C7), each once, in the order of the file.
    pub members: Vec<MemberConfig>,
    /// Where it is written.
    pub origin: Origin,
}

/// What stands behind the values of a device or a controller, by JSON pointers (RFC 6901) from its table in the config:
/// `/options/password`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Values that were looked up, in the environment or in a file: they may be secrets, and are not shown.
    pub looked_up: BTreeSet<String>,
    /// The files that options name, with the SHA-256 of what was in them, in hexadecimal digits.
    pub files: BTreeMap<String, String>,
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

/// What happens to what runs on a device when a lock of its owner ends by itself (L6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnDisconnect {
    /// It is stopped at once.
    Stop,
    /// It runs to its end; then the next owner has the device.
    #[default]
    Keep,
}

/// Settings of a parameter. Numbers are in its unit, in the user's frame where nothing else is said; times in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParameterConfig {
    /// Smallest and greatest value, in the user's frame.
    pub limits: Option<Setting<(f64, f64)>>,
    /// Smallest and greatest value, in the hardware's frame and unit.
    pub dial_limits: Option<Setting<(f64, f64)>>,
    /// 1 or -1: whether the user counts in the other direction than the hardware.
    pub sign: Option<Setting<f64>>,
    /// What one of the hardware's units is for the user.
    pub scale: Option<Setting<Scale>>,
    /// Where the user's zero lies, in the hardware's frame and unit.
    pub zero: Option<Setting<f64>>,
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
    /// How a write is taken there in steps.
    pub ramp: Option<Setting<RampConfig>>,
    /// Value that is written when the device is opened, as its datatype keeps it.
    pub initial: Option<Setting<Value>>,
    /// Whether the value that was written last is written again when the device is opened again.
    pub restore: Option<Setting<bool>>,
    /// How many readings of it are kept.
    pub history: Option<Setting<usize>>,
}

/// What one of the hardware's units is for the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// So many of the user's units.
    pub factor: f64,
    /// The user's unit, where it is not the driver's.
    pub unit: Option<String>,
}

/// How a write is taken to its target in steps. There is a step or a rate, or both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RampConfig {
    /// Greatest step, in the parameter's unit.
    pub step: Option<f64>,
    /// Greatest rate, in the parameter's unit per second.
    pub rate: Option<f64>,
    /// Seconds for which the readback has to be at each step before the next is written; with a rate and 0, steps are
    /// not waited for.
    pub settle: f64,
}

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub origin: Origin,
}

/// A place in a config.
///
/// Two origins are always equal: where something stands is no part of what it is, and a config whose lines have only
/// moved is the same config.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Name of the file.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Origin) -> bool {
        true
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl LabConfig {
    /// Has every driver run in a process of its own, whatever the config says.
    pub fn isolate_all(&mut self) {
        let everywhere = self.controllers.iter_mut().map(|controller| &mut controller.isolation);
        for isolation in everywhere.chain(self.devices.iter_mut().map(|device| &mut device.isolation)) {
            if !isolation.is_process() {
                *isolation = Isolation::Process {
                    memory: Isolation::MEMORY,
                };
            }
        }
    }
}

impl DeviceConfig {
    /// The limits of a parameter that count: of those of driver and config the narrowest, in the user's frame. Empty if it
    /// has none.
    pub fn limits(&self, parameter: &str) -> Limits {
        Limits::of(&self.stated_limits(parameter), &self.frame(parameter))
    }

    /// All limits that driver and config set for a parameter.
    pub fn stated_limits(&self, parameter: &str) -> Vec<StatedLimits> {
        let description = self.table.parameters.iter().find(|p| p.name == parameter);
        let settings = self.parameters.get(parameter);
        let stated = |(lower, upper), is_dial, whose| StatedLimits {
            lower,
            upper,
            is_dial,
            whose,
        };
        let range = match description.map(|p| p.datatype.element()) {
            Some(Datatype::Int { min, max }) => Some((*min as f64, *max as f64)),
            _ => None,
        };
        let driver = [description.and_then(|p| p.limits), range].into_iter().flatten();
        let driver = driver.map(|limits| stated(limits, true, Whose::Driver));
        let config = [
            settings.and_then(|s| Some((s.dial_limits.as_ref()?, true))),
            settings.and_then(|s| Some((s.limits.as_ref()?, false))),
        ];
        let config = config.into_iter().flatten();
        let config =
            config.map(|(setting, is_dial)| stated(setting.value, is_dial, Whose::Config(setting.origin.clone())));
        driver.chain(config).collect()
    }

    /// The frame in which the user sees a parameter.
    pub fn frame(&self, parameter: &str) -> Frame {
        self.parameters
            .get(parameter)
            .map_or(Frame::IDENTITY, ParameterConfig::frame)
    }

    /// What the driver says of a parameter, in the user's frame.
    pub fn describe(&self, index: usize) -> ParameterDescription {
        let hardware = &self.table.parameters[index];
        match self.parameters.get(&hardware.name) {
            Some(settings) => settings.frame().describe(hardware, settings.unit()),
            None => hardware.clone(),
        }
    }
}

impl ParameterConfig {
    /// The frame in which the user sees it.
    pub fn frame(&self) -> Frame {
        let number = |setting: &Option<Setting<f64>>, default| setting.as_ref().map_or(default, |s| s.value);
        let scale = self.scale.as_ref().map_or(1.0, |scale| scale.value.factor);
        Frame::new(number(&self.sign, 1.0) * scale, number(&self.zero, 0.0))
    }

    /// The user's unit, where it is not the driver's.
    pub fn unit(&self) -> Option<&str> {
        self.scale.as_ref()?.value.unit.as_deref()
    }
}

impl Serialize for Origin {
    /// As `file:line:column`.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
