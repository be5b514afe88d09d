//! An instrument that has a line of its own.

use std::time::Duration;

use baton_plugin_api::{
    Device, Error, ErrorKind, FilePath, Host, Result, Shared, Table,
    line::{Address, BadAddress, Limits},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Instrument, describe, file,
    line::{Framing, Line},
    script::Script,
};

const CONNECT_TIMEOUT: f64 = 3.0;

/// Options of an instrument.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The instrument file, which says what is in the registers.
    #[schemars(extend("fileSchema" = file::schema()))]
    file: FilePath,
    /// Where the instrument is: `"tcp://10.0.0.7:502"`, or `"serial:///dev/ttyUSB0?baud=19200&parity=even"`. For RTU
    /// through a serial device server, `"tcp://…"` with `mode = "rtu"`.
    address: String,
    /// How frames are made: `tcp`, with a header, or `rtu`, with a checksum. If not said, `rtu` on serial ports, else
    /// `tcp`.
    mode: Option<Mode>,
    /// Number of the instrument on its line, or behind its gateway. 1 if not said.
    unit: Option<u8>,
    /// Whether the line sends back what is sent, as some RS-485 adapters do. It is noticed anyway when something is read.
    #[serde(default)]
    echo: bool,
    /// How long it may take to answer, instead of what the instrument file says.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    reply_timeout: Option<f64>,
    /// How long connecting may take. Three seconds if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    connect_timeout: Option<f64>,
}

/// How frames are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// With a header that numbers requests, as over TCP.
    Tcp,
    /// With a checksum, as on serial lines.
    Rtu,
}

/// Where a line is, and how it is spoken.
pub(crate) struct Connecting {
    pub(crate) address: Address,
    pub(crate) framing: Framing,
    pub(crate) echoes: bool,
    pub(crate) timeout: Duration,
}

impl Connecting {
    /// Reads what options say.
    ///
    /// # Errors
    /// `WrongType`, with what is wrong.
    pub(crate) fn new(address: &str, mode: Option<Mode>, echoes: bool, timeout: Option<f64>) -> Result<Self> {
        let read = address.parse();
        let address: Address = read.map_err(|wrong: BadAddress| Error::new(ErrorKind::WrongType, wrong.to_string()))?;
        let is_serial = matches!(address, Address::Serial(_) | Address::Pty { .. });
        let framing = match mode {
            Some(Mode::Tcp) => Framing::Tcp,
            Some(Mode::Rtu) => Framing::rtu(&address),
            None if is_serial => Framing::rtu(&address),
            None => Framing::Tcp,
        };
        let timeout = seconds(Some(timeout.unwrap_or(CONNECT_TIMEOUT)))?.unwrap_or_default();
        Ok(Connecting {
            address,
            framing,
            echoes,
            timeout,
        })
    }

    /// Connects.
    ///
    /// # Errors
    /// `CommunicationFailed`, with why not.
    pub(crate) fn connect(&self) -> Result<Line> {
        let address = &self.address;
        let limits = Limits {
            connect: self.timeout,
            ..Limits::default()
        };
        let transport = address.connect(&limits);
        let transport =
            transport.map_err(|error| Error::communication(format!("cannot connect to {address}: {error}")))?;
        Ok(Line::new(address.to_string(), transport, self.framing, self.echoes))
    }

    /// The number of a unit, if it can be one.
    ///
    /// # Errors
    /// `WrongType`, with what can be.
    pub(crate) fn unit(&self, unit: u8) -> Result<u8> {
        match (self.framing, unit) {
            (Framing::Rtu { .. }, 0 | 248..) => {
                let message = format!("unit {unit} cannot be on a serial line: they are 1 to 247");
                Err(Error::new(ErrorKind::WrongType, message))
            }
            _ => Ok(unit),
        }
    }
}

/// The script of a file, with what the options say otherwise.
pub(crate) fn script(file: &FilePath, reply_timeout: Option<f64>) -> Result<Script> {
    let mut script = file::read(file.as_path())?;
    if let Some(limit) = seconds(reply_timeout)? {
        script.reply_timeout = limit;
    }
    Ok(script)
}

fn seconds(option: Option<f64>) -> Result<Option<Duration>> {
    let duration = option.map(Duration::try_from_secs_f64).transpose();
    duration.map_err(|error| Error::new(ErrorKind::WrongType, format!("a timeout of {option:?} s: {error}")))
}

impl Options {
    fn connecting(&self) -> Result<Connecting> {
        Connecting::new(&self.address, self.mode, self.echo, self.connect_timeout)
    }

    fn unit(&self) -> u8 {
        self.unit.unwrap_or(1)
    }
}

impl Device for Instrument {
    type Options = Options;

    const TYPE: &'static str = "instrument";
    const TABLE_FROM_OPTIONS: bool = true;

    fn open(options: Options, host: Host) -> Result<Self> {
        let connecting = options.connecting()?;
        let (unit, script) = (
            connecting.unit(options.unit())?,
            script(&options.file, options.reply_timeout)?,
        );
        let line = Shared::new(connecting.connect()?);
        Instrument::open(line, true, unit, script, host)
    }

    fn table(table: &mut Table<Self>) {
        table.doc("An instrument that speaks Modbus, described in a file");
    }

    fn table_for(options: &Options, table: &mut Table<Self>) -> Result<()> {
        let connecting = options.connecting()?;
        connecting.unit(options.unit())?;
        let script = script(&options.file, options.reply_timeout)?;
        describe::describe(script, connecting.timeout, table);
        Ok(())
    }
}
