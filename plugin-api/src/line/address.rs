//! Addresses of instruments, as people write them.

mod options;

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use options::{Options, close, listed};

/// Where an instrument is. Read it by [`str::parse`]; it shows itself as it would be written in full.
///
/// ```
/// use baton_plugin_api::line::Address;
///
/// let address: Address = "bath.lab:4001".parse().unwrap();
/// assert_eq!(address.to_string(), "tcp://bath.lab:4001");
/// let wrong = "serial:///dev/ttyUSB0?boud=9600".parse::<Address>().unwrap_err();
/// assert_eq!(
///     wrong.to_string(),
///     "address `serial:///dev/ttyUSB0?boud=9600` has an option `boud` that is not known; did you mean `baud`?"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// `tcp://host:port`.
    Tcp {
        /// Name or number of the host, without brackets.
        host: String,
        /// Port there, never 0.
        port: u16,
    },
    /// `udp://host:port?local=port`.
    Udp {
        /// Name or number of the host, without brackets.
        host: String,
        /// Port there, never 0.
        port: u16,
        /// Port here; any free one if not said.
        local: Option<u16>,
    },
    /// `serial:///dev/…?baud=9600`.
    Serial(SerialAddress),
    /// `pty:///path`: a pseudo-terminal, which has no settings.
    Pty {
        /// The pseudo-terminal, or a link to it.
        path: PathBuf,
    },
    /// `unix:///path`.
    Unix {
        /// The socket.
        path: PathBuf,
    },
}

/// A serial port and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialAddress {
    /// The port, as it was written: a name under `/dev/serial/by-id` stays what it is.
    pub path: PathBuf,
    /// Bits per second.
    pub baud: u32,
    /// Bits of a character, 5 to 8.
    pub data: u8,
    /// What checks a character.
    pub parity: Parity,
    /// Stop bits, 1 or 2.
    pub stop: u8,
    /// How each side asks the other to wait.
    pub flow: Flow,
    /// Whether the wire "data terminal ready" is high; as the system has it, which is high, if not said.
    pub dtr: Option<bool>,
    /// Whether the wire "request to send" is high; as the system has it, which is high, if not said.
    pub rts: Option<bool>,
}

/// What checks a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the usual ones")]
pub enum Parity {
    None,
    Even,
    Odd,
}

/// How each side of a serial line asks the other to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Not at all.
    None,
    /// By the wires RTS and CTS.
    Hardware,
    /// By the characters XON and XOFF.
    Software,
}

/// What is wrong with an address, in one sentence that says how it looks when it is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAddress(String);

impl fmt::Display for BadAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadAddress {}

impl SerialAddress {
    /// A port with the settings that most instruments have: 9600 baud, 8 data bits, no parity, one stop bit, no flow
    /// control.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        SerialAddress {
            path: path.into(),
            baud: 9600,
            data: 8,
            parity: Parity::None,
            stop: 1,
            flow: Flow::None,
            dtr: None,
            rts: None,
        }
    }

    /// The settings, as they are written in an address.
    pub fn settings(&self) -> String {
        let parity = match self.parity {
            Parity::None => "none",
            Parity::Even => "even",
            Parity::Odd => "odd",
        };
        let flow = match self.flow {
            Flow::None => "none",
            Flow::Hardware => "hardware",
            Flow::Software => "software",
        };
        let mut text = format!(
            "baud={}&data={}&parity={parity}&stop={}&flow={flow}",
            self.baud, self.data, self.stop
        );
        for (name, wire) in [("dtr", self.dtr), ("rts", self.rts)] {
            if let Some(high) = wire {
                text.push_str(&format!("&{name}={}", if high { "on" } else { "off" }));
            }
        }
        text
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |host: &str| match host.contains(':') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        match self {
            Address::Tcp { host, port } => write!(f, "tcp://{}:{port}", bracketed(host)),
            Address::Udp { host, port, local } => {
                write!(f, "udp://{}:{port}", bracketed(host))?;
                local.map_or(Ok(()), |local| write!(f, "?local={local}"))
            }
            Address::Serial(serial) => write!(f, "serial://{}?{}", serial.path.display(), serial.settings()),
            Address::Pty { path } => write!(f, "pty://{}", path.display()),
            Address::Unix { path } => write!(f, "unix://{}", path.display()),
        }
    }
}

const SCHEMES: [&str; 5] = ["tcp", "udp", "serial", "pty", "unix"];
const TCP_EXAMPLE: &str = "write `tcp://192.168.1.20:5000`";
const SERIAL_EXAMPLE: &str = "write `serial:///dev/ttyUSB0?baud=9600`";

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let wrong = |what: String| BadAddress(format!("address `{text}` {what}"));
        read(text).map_err(wrong)
    }
}

/// Reads an address. What is wrong is told without the address itself.
fn read(text: &str) -> Result<Address, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return match text.starts_with('/') {
            true => Err(format!(
                "is a path; write `serial://{text}?baud=9600`, or `unix://{text}` for a socket"
            )),
            false => read_tcp(text),
        };
    };
    let (place, options) = match rest.split_once('?') {
        Some((place, options)) => (place, options),
        None => (rest, ""),
    };
    let options = Options::read(options)?;
    match scheme {
        "tcp" => options.none("a TCP address").and_then(|()| read_tcp(place)),
        "udp" => read_udp(place, &options),
        "serial" => read_serial(place, &options),
        "pty" => {
            options.none("a pseudo-terminal")?;
            Ok(Address::Pty {
                path: path(place, "pty:///tmp/bath")?,
            })
        }
        "unix" => {
            options.none("a Unix socket")?;
            Ok(Address::Unix {
                path: path(place, "unix:///run/bath.socket")?,
            })
        }
        scheme => Err(match close(scheme, &SCHEMES) {
            Some(near) => format!("begins with `{scheme}://`; did you mean `{near}://`?"),
            None => format!(
                "begins with `{scheme}://`; what is known is {}",
                listed(&SCHEMES, "://")
            ),
        }),
    }
}

fn read_tcp(place: &str) -> Result<Address, String> {
    let (host, port) = host_and_port(place, TCP_EXAMPLE)?;
    Ok(Address::Tcp { host, port })
}

fn read_udp(place: &str, options: &Options<'_>) -> Result<Address, String> {
    options.known(&["local"])?;
    let (host, port) = host_and_port(place, "write `udp://192.168.1.20:2000`")?;
    let local = options.number("local", 1..=65_535)?;
    Ok(Address::Udp {
        host,
        port,
        local: local.and_then(|local| u16::try_from(local).ok()),
    })
}

fn host_and_port(place: &str, example: &str) -> Result<(String, u16), String> {
    let Some((host, port)) = place.rsplit_once(':') else {
        return Err(format!("has no port; {example}"));
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if bare.is_none() && host.contains(':') {
        return Err(format!(
            "has a host with colons; write it in brackets, `[{host}]:{port}`"
        ));
    }
    match port.parse() {
        Ok(port @ 1..) if !host.is_empty() => Ok((bare.unwrap_or(host).to_owned(), port)),
        Ok(1..) => Err(format!("has no host; {example}")),
        _ => Err(format!("has no port from 1 to 65535; {example}")),
    }
}

fn read_serial(place: &str, options: &Options<'_>) -> Result<Address, String> {
    options.known(&["baud", "data", "parity", "stop", "flow", "dtr", "rts"])?;
    let mut serial = SerialAddress::new(path(
        place,
        SERIAL_EXAMPLE.trim_start_matches("write `").trim_end_matches('`'),
    )?);
    let small = |number: Option<u32>, other| number.and_then(|n| u8::try_from(n).ok()).unwrap_or(other);
    serial.baud = options.number("baud", 1..=20_000_000)?.unwrap_or(serial.baud);
    serial.data = small(options.number("data", 5..=8)?, serial.data);
    serial.stop = small(options.number("stop", 1..=2)?, serial.stop);
    let parities = [("none", Parity::None), ("even", Parity::Even), ("odd", Parity::Odd)];
    serial.parity = options.one_of("parity", &parities)?.unwrap_or(serial.parity);
    let flows = [
        ("none", Flow::None),
        ("hardware", Flow::Hardware),
        ("software", Flow::Software),
    ];
    serial.flow = options.one_of("flow", &flows)?.unwrap_or(serial.flow);
    let wire = [("on", true), ("off", false)];
    serial.dtr = options.one_of("dtr", &wire)?;
    serial.rts = options.one_of("rts", &wire)?;
    if serial.flow == Flow::Hardware && serial.rts.is_some() {
        return Err("sets `rts`, which `flow=hardware` needs for itself; leave one of them out".to_owned());
    }
    Ok(Address::Serial(serial))
}

fn path(place: &str, example: &str) -> Result<PathBuf, String> {
    match Path::new(place) {
        path if path.is_absolute() => Ok(path.to_owned()),
        _ if place.is_empty() => Err(format!("has no path; write `{example}`")),
        _ => Err(format!(
            "has a path that does not begin with `/`; write three slashes, `{example}`"
        )),
    }
}
