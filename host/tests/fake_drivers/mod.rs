//! Two drivers that are only descriptions.

use std::io;

use baton_host::config::Catalogue;
use baton_plugin_api::{
    DeviceRef, Error, FilePath, ParameterRef,
    description::{LibraryDescription, TableDescription},
    diagnostic::to_error,
    source::Source,
};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Motor {
    /// Greatest speed.
    #[schemars(extend("unit" = "mm/s"), range(min = 0))]
    velocity: Option<f64>,
    /// Where the limit switches are.
    #[schemars(extend("unit" = "mm"))]
    switches: Option<(f64, f64)>,
    /// How it gets there.
    profile: Option<Profile>,
    /// Length of each step of a staircase.
    #[serde(default)]
    #[schemars(extend("unit" = "mm"))]
    steps: Vec<f64>,
    /// Name on the label.
    label: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "only the schema is of interest")]
enum Profile {
    /// Constant acceleration.
    Trapezoid,
    /// Constant jerk.
    Sine,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Supply {
    /// How it is connected.
    line: Line,
    /// Password of the instrument.
    password: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
enum Line {
    /// Over the network.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// Over a serial port.
    Serial {
        /// The port's file.
        path: String,
        /// Bits a second.
        baud: Option<u32>,
    },
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Detector {
    /// What it looks at.
    position: ParameterRef,
    /// What is in front of it.
    shutter: Option<DeviceRef>,
    /// How far its temperature may be off.
    #[schemars(extend("unit" = "K", "difference" = true), range(min = 0))]
    drift: Option<f64>,
    /// How cold it is.
    #[schemars(extend("unit" = "K"))]
    cooling: Option<f64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Rack {
    /// Address of the rack.
    address: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Axis {
    /// Number on the rack.
    #[schemars(range(min = 1, max = 8))]
    number: u8,
    /// An axis that moves with it.
    follows: Option<DeviceRef>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct Instrument {
    /// The instrument file.
    instrument: FilePath,
    /// Address and port.
    address: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only the schema is of interest")]
struct InstrumentFile {
    /// What it is called.
    name: String,
    /// Ends a line.
    terminator: Option<String>,
}

pub(crate) struct FakeDrivers {
    libraries: Vec<LibraryDescription>,
    /// The text of an instrument file.
    read: fn(&str) -> io::Result<String>,
}

impl FakeDrivers {
    #[allow(dead_code, reason = "some have no files")]
    pub(crate) fn new() -> Self {
        Self::reading(|path| std::fs::read_to_string(path))
    }

    /// Drivers that read their files from where the function says.
    pub(crate) fn reading(read: fn(&str) -> io::Result<String>) -> Self {
        let libraries = [sim(), stream()].map(|json| serde_json::from_value(json).expect("it is a description"));
        Self {
            libraries: libraries.into(),
            read,
        }
    }
}

impl Catalogue for FakeDrivers {
    fn driver(&self, name: &str) -> Option<&LibraryDescription> {
        self.libraries.iter().find(|library| library.name == name)
    }

    fn drivers(&self) -> Vec<&LibraryDescription> {
        self.libraries.iter().collect()
    }

    fn describe_device(&self, _: &str, _: Option<&str>, _: &str, options: &Json) -> Result<TableDescription, Error> {
        if options["address"] == "" {
            return Err(Error::impossible("the address is empty"));
        }
        let path = options["instrument"].as_str().expect("the option is checked already");
        let text = (self.read)(path)?;
        let tree = Source::new(path, text).parse().map_err(|errors| to_error(&errors))?;
        tree.read::<InstrumentFile>().map_err(|errors| to_error(&errors))?;
        let temperature = float("temperature", "degC", true, Some((-20.0, 120.0)));
        Ok(table(Some("temperature"), true, vec![temperature], &[]))
    }
}

fn table(main: Option<&str>, status: bool, parameters: Vec<Json>, commands: &[&str]) -> TableDescription {
    let command = |name: &&str| json!({ "name": name, "argument": { "kind": "unit" }, "result": { "kind": "unit" } });
    let commands: Vec<Json> = commands.iter().map(command).collect();
    let table =
        json!({ "main": main, "status": status, "stop": status, "parameters": parameters, "commands": commands });
    serde_json::from_value(table).expect("it is a description")
}

fn parameter(name: &str, datatype: Json, unit: &str, writable: bool, limits: Option<(f64, f64)>) -> Json {
    json!({
        "name": name, "doc": format!("The {name}."), "datatype": datatype, "unit": unit, "readable": true,
        "writable": writable, "limits": limits,
    })
}

fn float(name: &str, unit: &str, writable: bool, limits: Option<(f64, f64)>) -> Json {
    parameter(name, json!({ "kind": "float" }), unit, writable, limits)
}

fn device(name: &str, options: Schema, table: TableDescription) -> Json {
    json!({ "name": name, "options": options, "table": table })
}

fn motor_table() -> TableDescription {
    let mode = json!({ "kind": "enum", "members": [{ "name": "fast", "value": 0 }, { "name": "quiet", "value": 1 }] });
    let offsets = json!({ "kind": "array", "element": { "kind": "float" }, "shape": [4] });
    let parameters = vec![
        float("position", "mm", true, Some((0.0, 100.0))),
        float("velocity", "mm/s", true, Some((0.0, 10.0))),
        parameter("mode", mode, "", true, None),
        parameter("repeats", json!({ "kind": "int", "min": 0, "max": 9 }), "", true, None),
        parameter("offsets", offsets, "um", true, Some((-50.0, 50.0))),
        float("load", "%", false, None),
    ];
    table(Some("position"), true, parameters, &["home", "reset"])
}

fn sim() -> Json {
    let supply = table(
        Some("voltage"),
        false,
        vec![float("voltage", "V", true, Some((0.0, 30.0)))],
        &[],
    );
    let detector = table(
        Some("counts"),
        false,
        vec![float("counts", "", false, None)],
        &["clear"],
    );
    let logger = table(None, false, vec![float("level", "", true, None)], &[]);
    json!({
        "name": "sim", "version": "1.0.0", "plugin_api": "0.1.0", "rustc": "1.95", "panic": "unwind",
        "devices": [
            device("motor", schema_for!(Motor), motor_table()),
            device("supply", schema_for!(Supply), supply),
            device("detector", schema_for!(Detector), detector),
            device("logger", Schema::default(), logger),
        ],
        "controllers": [{
            "name": "rack", "options": schema_for!(Rack), "devices": [device("axis", schema_for!(Axis), motor_table())],
        }],
    })
}

fn stream() -> Json {
    let mut instrument = device("instrument", schema_for!(Instrument), TableDescription::default());
    instrument["dynamic"] = true.into();
    json!({
        "name": "stream", "version": "1.0.0", "plugin_api": "0.1.0", "rustc": "1.95", "panic": "unwind",
        "devices": [instrument],
    })
}
