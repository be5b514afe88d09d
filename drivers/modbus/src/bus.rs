//! Several instruments on one line: the units of an RS-485 bus, or those behind a gateway.

use baton_plugin_api::{Controller, Devices, FilePath, Host, Result, Shared, Table};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Instrument, describe, file,
    line::Line,
    options::{Connecting, Mode, script},
};

/// A line with several instruments, which are told apart by their numbers.
pub struct Bus {
    line: Shared<Line>,
    connecting: Connecting,
}

/// Options of a bus.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusOptions {
    /// Where the line is: `"serial:///dev/ttyUSB0?baud=19200&parity=even"`, or a gateway, `"tcp://10.0.0.7:502"`. For RTU
    /// through a serial device server, `"tcp://…"` with `mode = "rtu"`.
    address: String,
    /// How frames are made: `tcp`, with a header, or `rtu`, with a checksum. If not said, `rtu` on serial ports, else
    /// `tcp`.
    mode: Option<Mode>,
    /// Whether the line sends back what is sent, as some RS-485 adapters do. It is noticed anyway when something is read.
    #[serde(default)]
    echo: bool,
    /// How long connecting may take. Three seconds if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    connect_timeout: Option<f64>,
}

/// Options of an instrument on a bus.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitOptions {
    /// The instrument file, which says what is in the registers.
    #[schemars(extend("fileSchema" = file::schema()))]
    file: FilePath,
    /// Number of the instrument on the line, 1 to 247 as a rule.
    unit: u8,
    /// How long it may take to answer, instead of what the instrument file says.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    reply_timeout: Option<f64>,
}

impl Controller for Bus {
    type Options = BusOptions;

    const TYPE: &'static str = "bus";

    fn open(options: BusOptions, _: Host) -> Result<Self> {
        let connecting = Connecting::new(&options.address, options.mode, options.echo, options.connect_timeout)?;
        let line = Shared::new(connecting.connect()?);
        Ok(Bus { line, connecting })
    }

    fn devices(devices: &mut Devices<Self>) {
        devices.device_from_options("instrument", Bus::instrument, Bus::table);
    }

    fn doc() -> &'static str {
        "A line with several Modbus instruments: an RS-485 bus, or a gateway"
    }
}

impl Bus {
    fn instrument(&mut self, options: UnitOptions, host: Host) -> Result<Instrument> {
        let unit = self.connecting.unit(options.unit)?;
        let script = script(&options.file, options.reply_timeout)?;
        Instrument::open(self.line.clone(), false, unit, script, host)
    }

    fn table(options: &UnitOptions, table: &mut Table<Instrument>) -> Result<()> {
        let script = script(&options.file, options.reply_timeout)?;
        // Connecting anew, as far as that is up to an instrument, takes no longer than this by any sensible setting.
        describe::describe(script, std::time::Duration::from_secs(5), table);
        Ok(())
    }
}
