//! The keys of a config as they are written. Their doc comments are the documentation that editors show.

use std::{collections::BTreeMap, sync::LazyLock};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::isolation::RawIsolation;
use super::lab::{Execution, OnDisconnect, OnExit};

/// A lab: its host, its controllers and its devices.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Config", title = "Baton lab")]
pub struct RawConfig {
    /// What the lab is called.
    pub lab: RawLab,
    /// How the host works. A table within, `[host.NAME]`, holds what is different on the machine called NAME.
    pub host: RawHost,
    /// Which drivers may be used.
    pub drivers: RawDrivers,
    /// What several devices share, under names of your own: a serial bus, a motion controller, a rack.
    pub controllers: BTreeMap<String, RawController>,
    /// The devices, under names of your own.
    pub devices: BTreeMap<String, RawDevice>,
}

/// What the lab is called.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Lab")]
pub struct RawLab {
    /// Name of the lab. Without it, it is called as the file or the folder is.
    pub name: Option<String>,
    /// One sentence for people.
    pub description: Option<String>,
}

/// How the host works.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Host")]
pub struct RawHost {
    /// Address and port of the SECoP server, such as `"127.0.0.1:10767"`, which it is if neither this nor `socket` is
    /// given. Port 0 takes a free one.
    pub listen: Option<String>,
    /// Path of a Unix socket to serve on, relative to the folder of the config.
    pub socket: Option<String>,
    /// Secret that clients have to know where `listen` is open to other machines: `{ file = "token" }`, or
    /// `{ env = "VARIABLE" }`. Who connects from this machine, to `127.0.0.1` or the Unix socket, is not asked.
    pub token: Option<RawLookedUp>,
    /// The most connections at a time; 800 if not given.
    #[schemars(range(min = 1))]
    pub connections: Option<usize>,
    /// The most connections at a time from one address, or of one user over the Unix socket; 600 if not given.
    #[schemars(range(min = 1))]
    pub connections_per_peer: Option<usize>,
    /// The longest line that a client may send, in bytes; 1048576 if not given.
    #[schemars(range(min = 1000))]
    pub line_bytes: Option<usize>,
    /// How long a client may take for its first line, for the end of a line that it has begun, and to show its token;
    /// `"60 s"` if not given.
    #[schemars(extend("unit" = "s"), range(min = 0.1, max = 86400))]
    pub line_within: Option<f64>,
    /// The most requests of a connection that may wait for their answers, those that stop something aside; 1000 if not
    /// given.
    #[schemars(range(min = 1))]
    pub pending: Option<usize>,
    /// The most subscriptions to messages that a connection may have; 1000 if not given.
    #[schemars(range(min = 1))]
    pub subscriptions: Option<usize>,
    /// File in which every write, command, stop and lock is noted with who did it and how it ended, one JSON object on each
    /// line; relative to the folder of the config. None if not given.
    pub audit: Option<String>,
    /// Folders with drivers, relative to the folder of the config. They are searched before all others.
    pub drivers: Option<Vec<String>>,
    /// Whether devices have worker threads. `false` runs every call where it is made, for tests.
    pub r#async: Option<bool>,
    /// Time between two polls of a parameter, such as `"1 s"`, where neither driver nor parameter say otherwise.
    #[schemars(extend("unit" = "s"), range(min = 0))]
    pub poll: Option<f64>,
    /// Time after which a call of a driver is overdue, such as `"5 s"`.
    #[schemars(extend("unit" = "s"), range(min = 0.001))]
    pub timeout: Option<f64>,
    /// Time after which a motion is overdue, such as `"10 min"`.
    #[schemars(extend("unit" = "s"), range(min = 0.001))]
    pub motion_timeout: Option<f64>,
    /// How many readings of each parameter are kept in memory for those who ask for the last minutes, where the parameter
    /// does not say otherwise; 0 for none. 600 if not given.
    pub history: Option<u16>,
    /// Where drivers run of which nothing else is said: `"none"` is the host itself, as if this were not given; `"process"`
    /// is a process of its own for each device that stands alone, and for each controller with its devices.
    pub isolation: Option<RawIsolation>,
    /// How much memory such a process may use, where nothing else is said: `"512 MiB"`. 4 GiB if this is not given.
    #[schemars(extend("unit" = "MiB"), range(min = 16))]
    pub memory_limit: Option<f64>,
}

/// Which drivers may be used.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Drivers")]
pub struct RawDrivers {
    /// The content that is allowed for each driver: `sim = "sha256:…"`. With such a list no other is opened, whatever lies
    /// in the folders; `baton drivers --pin CONFIG` writes it.
    pub allow: BTreeMap<String, String>,
}

/// What several devices share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Controller")]
pub struct RawController {
    /// Name of the driver.
    pub driver: String,
    /// Type of the controller, one of those that the driver offers.
    pub r#type: String,
    /// One sentence for people.
    pub description: Option<String>,
    /// Options of the driver. A value may be looked up: `{ env = "VARIABLE" }`, `{ file = "path" }`.
    #[serde(default)]
    pub options: Map<String, Json>,
    /// Whether its line can be open only once, so that a changed controller is closed before it is opened anew.
    #[serde(default = "yes")]
    pub exclusive: bool,
    /// Where the driver runs, and with it all devices of the controller: `"process"` is a process of its own, so that whatever it does (crash, hang, exit, eat all memory)
    /// harms nobody else, and the device comes back by itself; `"none"` is the host itself.
    pub isolation: Option<RawIsolation>,
    /// How much memory such a process may use: `"512 MiB"`.
    #[schemars(extend("unit" = "MiB"), range(min = 16))]
    pub memory_limit: Option<f64>,
}

fn yes() -> bool {
    true
}

/// A device.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Device")]
pub struct RawDevice {
    /// Name of the driver, for a device that stands alone.
    pub driver: Option<String>,
    /// Name of the controller that it belongs to, instead of a driver.
    pub controller: Option<String>,
    /// Type of the device, one of those that the driver or the controller offers.
    #[schemars(required)]
    pub r#type: Option<String>,
    /// One sentence for people.
    pub description: Option<String>,
    /// Options of the driver. A value may be looked up: `{ env = "VARIABLE" }`, `{ file = "path" }`.
    #[serde(default)]
    pub options: Map<String, Json>,
    /// Settings of its parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, RawParameter>,
    /// Settings of its commands.
    #[serde(default)]
    pub commands: BTreeMap<String, RawCommand>,
    /// What happens to it when the host ends. Drivables are stopped if this is not given.
    pub on_exit: Option<OnExit>,
    /// What happens to what runs there when the lock of whoever started it ends by itself: they are gone, or its lease is
    /// over. It runs on if this is not given.
    pub on_disconnect: Option<OnDisconnect>,
    /// Where the driver runs: `"process"` is a process of its own, so that whatever it does (crash, hang, exit, eat all memory)
    /// harms nobody else, and the device comes back by itself; `"none"` is the host itself.
    pub isolation: Option<RawIsolation>,
    /// How much memory such a process may use: `"512 MiB"`.
    #[schemars(extend("unit" = "MiB"), range(min = 16))]
    pub memory_limit: Option<f64>,
}

/// Settings of a parameter.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Parameter")]
pub struct RawParameter {
    /// Smallest and greatest value, inclusive, within the driver's own limits: `["0 mm", "50 mm"]`. As the user counts,
    /// where `sign`, `scale` or `zero` are set.
    pub limits: Option<(RawQuantity, RawQuantity)>,
    /// The same as the hardware counts, whatever `sign`, `scale` and `zero` are: `["-10 mm", "40 mm"]`.
    pub dial_limits: Option<(RawQuantity, RawQuantity)>,
    /// `-1` if the user counts in the other direction than the hardware.
    #[schemars(extend("enum" = [1, -1]))]
    pub sign: Option<f64>,
    /// What one of the hardware's units is for the user: `2`, or with a unit that the user then sees, `"25 mbar"`.
    pub scale: Option<RawQuantity>,
    /// Where the user's zero lies, as the hardware counts: `"3 mm"`.
    pub zero: Option<RawQuantity>,
    /// How far the readback may be from the target: `"10 um"`.
    pub tolerance: Option<RawQuantity>,
    /// Time between two polls: `"1 s"`; `"0 s"` for never.
    #[schemars(extend("unit" = "s"), range(min = 0))]
    pub poll: Option<f64>,
    /// Time after which a call is overdue, from its entry into the driver.
    #[schemars(extend("unit" = "s"), range(min = 0.001))]
    pub timeout: Option<f64>,
    /// Time after which a motion is overdue.
    #[schemars(extend("unit" = "s"), range(min = 0.001))]
    pub motion_timeout: Option<f64>,
    /// For this long a reading answers for the hardware: `"1 s"`.
    #[schemars(extend("unit" = "s"), range(min = 0))]
    pub fresh_for: Option<f64>,
    /// How many of its readings are kept in memory for those who ask for the last minutes; 0 for none. Of arrays no more
    /// than 4 MiB are kept.
    pub history: Option<u16>,
    /// Has a write taken there in steps of at most this: `"1 K"`.
    pub step: Option<RawQuantity>,
    /// Has a write taken there no faster than this, in steps: `"2 K/min"`.
    pub rate: Option<RawQuantity>,
    /// How long the readback has to be at each step of a ramp before the next: `"5 s"`.
    #[schemars(extend("unit" = "s"), range(min = 0))]
    pub settle: Option<f64>,
    /// Value that is written when the device is opened. A value may be looked up: `{ env = "VARIABLE" }`,
    /// `{ file = "path" }`.
    pub initial: Option<Json>,
    /// Whether the value that was written last is written again when the device was lost and is back; otherwise it is
    /// `initial`, or nothing. It is not kept beyond the end of the host.
    pub restore: Option<bool>,
}

/// Settings of a command.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Command")]
pub struct RawCommand {
    /// Time after which it is overdue.
    #[schemars(extend("unit" = "s"), range(min = 0.001))]
    pub timeout: Option<f64>,
}

/// A number in the unit of a parameter that the schema does not know: text with a unit, or a bare number where the
/// parameter has none.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct RawQuantity(pub Json);

impl JsonSchema for RawQuantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

/// A value that is looked up, and never written into the config itself.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct RawLookedUp(#[allow(dead_code, reason = "it is looked up where it is written")] pub Json);

impl JsonSchema for RawLookedUp {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LookedUp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "env": { "type": "string", "description": "Name of an environment variable." },
                "file": {
                    "type": "string",
                    "description": "Path of a file with the value, relative to the folder of the config.",
                },
            },
            "additionalProperties": false,
        })
    }
}

/// The schema of the keys, without the options of any driver. It is the same for every config, and made once.
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(make_schema);
    &SCHEMA
}

fn make_schema() -> Schema {
    let mut schema = schemars::schema_for!(RawConfig);
    let definitions = schema
        .get_mut("$defs")
        .and_then(Json::as_object_mut)
        .expect("the keys have definitions");
    // `[host.NAME]`: the keys of `[host]` again, which then has tables of any name beside its own keys.
    let overlay = definitions["Host"].clone();
    definitions["Host"]["additionalProperties"] = serde_json::json!({ "$ref": "#/$defs/HostOverlay" });
    definitions.insert("HostOverlay".into(), overlay);
    schema
}

impl RawHost {
    /// Where calls run.
    pub fn execution(&self) -> Execution {
        match self.r#async {
            Some(false) => Execution::Inline,
            _ => Execution::Threaded,
        }
    }
}
