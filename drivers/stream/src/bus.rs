//! A line that several instruments share: RS-485, an adapter with GPIB instruments, a chain of axes.
//!
//! ```toml
//! [controllers.rs485]
//! driver = "stream"
//! type = "line"
//! options = { address = "serial:///dev/ttyUSB0?baud=19200" }
//!
//! [devices.oven]
//! controller = "rs485"
//! type = "instrument"
//! options = { file = "controller.toml", station = 3 }
//! ```
//! The station is what `{$station}` stands for in the instrument file, and `{station}` in the line's `select`. All
//! instruments are spoken to by one worker over one connection. One that does not answer costs the others the time that
//! it is waited for, and no more: the time-out is its own, nothing is connected anew for it, and the host asks it more and
//! more rarely.

use std::time::Duration;

use baton_plugin_api::{
    Controller, Devices, Error, ErrorKind, FilePath, Host, Result, Shared, Table,
    line::{Address, Limits},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    connect, file,
    instrument::{Instrument, Place},
    line::{Line, Speaker, Uncancelled},
    manner::{Manner, ReplyEnd},
    parse_address,
    script::Script,
    seconds,
    select::{Select, Template},
    table,
};

/// How long connecting may take, and how long sending.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Options of a line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineOptions {
    /// Where the line is: `"serial:///dev/ttyUSB0?baud=9600&data=8&parity=none&stop=1&flow=none"`,
    /// `"tcp://192.168.1.20:5000"`, `"udp://192.168.1.20:2000"`, `"unix:///run/bath.socket"`, or `"pty:///tmp/bath"` for a
    /// pseudo-terminal.
    address: String,
    /// How long connecting may take. Three seconds if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    connect_timeout: Option<f64>,
    /// What is sent before another instrument than the last is spoken to, where the line has to be told: `"++addr
    /// {station}"`. `{station:02}` is a number with leading zeros, `{station:02X}` a hexadecimal one.
    select: Option<String>,
    /// Lines for the adapter itself, sent once after connecting: `["++mode 1", "++auto 1"]`.
    #[serde(default)]
    init: Vec<String>,
    /// What ends the lines of `select` and `init`; `"\n"` if not said.
    terminator: Option<String>,
    /// How long the adapter needs after each of them. No time if not said.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 60.0))]
    pause: Option<f64>,
}

/// Options of an instrument on a line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StationOptions {
    /// The instrument file, which says what to send and what comes back.
    #[schemars(extend("fileSchema" = file::schema()))]
    file: FilePath,
    /// Its address on the line: what `{$station}` stands for in the instrument file, and `{station}` in the line's
    /// `select`.
    station: Option<Station>,
    /// How long it may take to reply, instead of what the instrument file says.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    reply_timeout: Option<f64>,
    /// What the instrument file leaves open in its `[settings]`: `{ channel = 2 }`.
    #[serde(default)]
    settings: file::Given,
}

/// The address of an instrument on its line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Station {
    /// A number.
    Number(i64),
    /// Letters, or a number as it is sent.
    Text(String),
}

impl StationOptions {
    fn script(&self) -> Result<Script> {
        let mut given = self.settings.clone();
        if let Some(station) = &self.station {
            given.entry(file::STATION.to_owned()).or_insert_with(|| match station {
                Station::Number(n) => (*n).into(),
                Station::Text(text) => text.as_str().into(),
            });
        }
        let mut script = file::read(self.file.as_path(), &given)?;
        if let Some(limit) = seconds(self.reply_timeout)? {
            script.manner.reply_timeout = limit;
        }
        Ok(script)
    }
}

/// A line that was connected, for several instruments.
pub struct Bus {
    line: Shared<Line>,
    select: Option<(Template, Manner)>,
    /// How many instruments were opened on it.
    count: Speaker,
}

impl LineOptions {
    fn address(&self) -> Result<Address> {
        parse_address(&self.address)
    }

    /// How the adapter is spoken to.
    fn manner(&self) -> Result<Manner> {
        let terminator = self.terminator.as_deref().unwrap_or("\n").as_bytes().to_vec();
        Ok(Manner {
            send_terminator: terminator.clone(),
            reply_end: ReplyEnd::Terminator(if terminator.is_empty() {
                b"\n".to_vec()
            } else {
                terminator
            }),
            reply_timeout: SEND_TIMEOUT,
            char_timeout: None,
            pause: seconds(self.pause)?.unwrap_or_default(),
            echo: false,
            retries: 0,
        })
    }
}

impl Controller for Bus {
    type Options = LineOptions;

    const TYPE: &'static str = "line";

    fn open(options: LineOptions, host: Host) -> Result<Self> {
        let manner = options.manner()?;
        let select = options.select.as_deref().map(Template::parse).transpose()?;
        let limits = Limits {
            connect: seconds(options.connect_timeout)?.unwrap_or(CONNECT_TIMEOUT),
            send: SEND_TIMEOUT,
        };
        let mut line = connect(&options.address()?, &limits, host)?.shared();
        for text in &options.init {
            let init = Select::new(text.as_bytes().to_vec(), manner.clone());
            init.tell(&mut line, &Uncancelled::OPENING)?;
        }
        Ok(Bus {
            line: Shared::new(line),
            select: select.map(|template| (template, manner)),
            count: 0,
        })
    }

    fn devices(devices: &mut Devices<Self>) {
        devices.device_from_options(
            "instrument",
            Bus::instrument,
            |options: &StationOptions, table: &mut Table<_>| {
                table::describe(options.script()?, table);
                Ok(())
            },
        );
    }

    fn doc() -> &'static str {
        "A line that several instruments share, each described in a file"
    }
}

impl Bus {
    fn instrument(&mut self, options: StationOptions, host: Host) -> Result<Instrument> {
        let script = options.script()?;
        let select = match (&self.select, &options.station) {
            (None, _) => None,
            (Some((template, manner)), Some(station)) => Some(Select::new(template.print(station)?, manner.clone())),
            (Some((template, _)), None) if template.needs_station() => {
                let what = "the line selects its instruments by their station; say which one this is, `station = 3`";
                return Err(Error::new(ErrorKind::WrongType, what));
            }
            (Some((template, manner)), None) => Some(Select::new(template.print(&Station::Number(0))?, manner.clone())),
        };
        self.count += 1;
        let place = Place {
            line: self.line.clone(),
            speaker: self.count,
            select,
        };
        Instrument::open(place, script, host, &Uncancelled::OPENING)
    }
}
