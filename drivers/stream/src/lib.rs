//! A driver for instruments that speak lines of text, described in a TOML file: no code, no compiler.
//!
//! The instrument file, `bath.toml`:
//! ```toml
//! [instrument]
//! name = "Julabo FP50"
//!
//! [line]
//! terminator = { send = "\r", reply = "\r\n" }
//!
//! [parameters.temperature]
//! unit = "degC"
//! read = { send = "IN_PV_00", expect = "{:f}" }
//! ```
//! and the device in the lab's config:
//! ```toml
//! [devices.bath]
//! driver = "stream"
//! type = "instrument"
//! options = { file = "bath.toml", address = "tcp://10.0.0.7:4001" }
//! ```
//!
//! The way of one read:
//! 1. [`mod@file`] has read the instrument file once, when the table was asked for: structure against the schema of its
//!    serde structs, then meaning, and either every mistake with its place or a [`script`].
//! 2. [`instrument`] makes sure that the line owes no answer to an earlier question, and prints the question.
//! 3. [`mod@line`] throws away what came unasked, sends, and waits in slices for a whole line.
//! 4. [`template`] takes the reply apart; what does not fit is an error that shows expected and got. What looks like one
//!    of the file's `[errors]` is that error.
//! 5. The value is returned; what the same reply tells of other parameters is published, and the host does not ask for it
//!    again.
#![forbid(unsafe_code)]

mod bus;
#[cfg(test)]
mod fake;
pub mod file;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod instrument;
mod line;
mod manner;
mod script;
mod select;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod text;

use std::time::Duration;

use baton_plugin_api::{
    Device, Error, ErrorKind, FilePath, Host, Result, Table, export_driver,
    line::{Address, BadAddress, Limits, Traced},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub use bus::{Bus, LineOptions};
pub use instrument::Instrument;
use instrument::Place;
use line::{Line, Uncancelled};
use script::Script;

/// Options of an instrument.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The instrument file, which says what to send and what comes back.
    #[schemars(extend("fileSchema" = file::schema()))]
    file: FilePath,
    /// Where the instrument is: `"tcp://192.168.1.20:5000"`, `"udp://192.168.1.20:2000"`,
    /// `"serial:///dev/ttyUSB0?baud=9600&data=8&parity=none&stop=1&flow=none"`, `"unix:///run/bath.socket"`, or
    /// `"pty:///tmp/bath"` for a pseudo-terminal.
    address: String,
    /// How long it may take to reply, instead of what the instrument file says.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    reply_timeout: Option<f64>,
    /// How long connecting may take, instead of what the instrument file says.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    connect_timeout: Option<f64>,
    /// What the instrument file leaves open in its `[settings]`: `{ channel = 2 }`.
    #[serde(default)]
    settings: file::Given,
}

impl Options {
    fn script(&self) -> Result<Script> {
        let mut script = file::read(self.file.as_path(), &self.settings)?;
        if let Some(limit) = seconds(self.reply_timeout)? {
            script.manner.reply_timeout = limit;
        }
        if let Some(limit) = seconds(self.connect_timeout)? {
            script.connect_timeout = limit;
        }
        Ok(script)
    }

    fn address(&self) -> Result<Address> {
        parse_address(&self.address)
    }
}

fn parse_address(address: &str) -> Result<Address> {
    let read = address.parse();
    read.map_err(|wrong: BadAddress| Error::new(ErrorKind::WrongType, wrong.to_string()))
}

/// Connects, and lets the host see what goes over the line.
fn connect(address: &Address, limits: &Limits, host: Host) -> Result<Line> {
    let transport = address
        .connect(limits)
        .map_err(|error| Error::communication(format!("cannot connect to {address}: {error}")))?;
    let traced = Traced::new(transport, move |direction, bytes: &[u8]| host.traffic(direction, bytes));
    Ok(Line::new(address.to_string(), Box::new(traced)))
}

fn seconds(option: Option<f64>) -> Result<Option<Duration>> {
    let duration = option.map(Duration::try_from_secs_f64).transpose();
    duration.map_err(|error| Error::new(ErrorKind::WrongType, format!("a timeout of {option:?} s: {error}")))
}

impl Device for Instrument {
    type Options = Options;

    const TYPE: &'static str = "instrument";
    const TABLE_FROM_OPTIONS: bool = true;

    fn open(options: Options, host: Host) -> Result<Self> {
        let (script, address) = (options.script()?, options.address()?);
        let limits = Limits {
            connect: script.connect_timeout,
            send: script.manner.reply_timeout,
        };
        let place = Place::alone(connect(&address, &limits, host.clone())?);
        Instrument::open(place, script, host, &Uncancelled::OPENING)
    }

    fn table(table: &mut Table<Self>) {
        table.doc("An instrument that speaks lines of text, described in a file");
    }

    fn table_for(options: &Options, table: &mut Table<Self>) -> Result<()> {
        options.address()?;
        table::describe(options.script()?, table);
        Ok(())
    }
}

export_driver!(Instrument; controllers: Bus);
