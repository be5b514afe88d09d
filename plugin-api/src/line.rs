//! Lines to instruments: an address as people write it, and what carries bytes behind it. Feature `line`.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use baton_plugin_api::{Error, Result, line::{Address, Limits, Transport}};
//!
//! # fn connect() -> Result<()> {
//! let address: Address = "serial:///dev/ttyUSB0?baud=19200&parity=even".parse()?;
//! let limits = Limits::default();
//! let mut line = address.connect(&limits)
//!     .map_err(|error| Error::communication(format!("cannot connect to {address}: {error}")))?;
//! line.send(b"*IDN?\n")?;
//! let mut received = Vec::new();
//! line.receive(&mut received, Duration::from_millis(500))?;
//! # Ok(())
//! # }
//! ```
//!
//! | address | what it is |
//! | --- | --- |
//! | `tcp://10.0.0.7:4001`, `bath.lab:4001` | a TCP connection; IPv6 in brackets |
//! | `udp://10.0.0.7:2000?local=2001` | datagrams to there and from there alone; `local` where the instrument answers to a fixed port |
//! | `serial:///dev/ttyUSB0?baud=9600&data=8&parity=none&stop=1&flow=none` | a serial port, taken exclusively |
//! | `pty:///tmp/bath` | a serial port that is a program, such as `socat pty,link=/tmp/bath` |
//! | `unix:///run/bath.socket` | a stream over a Unix socket |
//!
//! A [`Transport`] carries bytes and knows nothing of lines or frames. It is used from one thread, waits as long as it is
//! told and no longer, and is told to connect anew by whoever has lost the thread of the conversation. [`Traced`] shows to
//! others what goes over it, [`Host::traffic`](crate::Host::traffic) as a rule; `Scripted` (feature `testkit`) is one for tests.

mod address;
mod datagram;
mod holder;
mod patience;
#[cfg(any(test, feature = "testkit"))]
mod scripted;
mod serial;
mod stream;
#[cfg(test)]
mod tests;
mod traced;
mod wait;

use std::{io, time::Duration};

pub use address::{Address, BadAddress, Flow, Parity, SerialAddress};
pub use patience::{Patience, Uncancelled};
#[cfg(any(test, feature = "testkit"))]
pub use scripted::{Scripted, Step};
pub use traced::Traced;

/// What carries bytes to an instrument and back.
pub trait Transport: Send {
    /// Sends all of `bytes`; over UDP, as one datagram. Waits no longer than [`Limits::send`].
    ///
    /// # Errors
    /// If the line is gone, or the other side takes nothing any more (`TimedOut`). A part may have been sent then.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Appends to `received` what has come in, waiting at most so long for the first of it; a wait of zero only looks.
    /// `Ok(0)` if nothing came. Over UDP, at most one datagram.
    ///
    /// # Errors
    /// `UnexpectedEof` if the other side has closed the line, else whatever broke it.
    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize>;

    /// Begins anew: what came in already is thrown away, and where there is a connection, it is closed and made again.
    ///
    /// Whether an answer to something that was said before can still come in afterwards, see
    /// [`has_connections`](Self::has_connections).
    ///
    /// # Errors
    /// As [`Address::connect`].
    fn reconnect(&mut self) -> io::Result<()>;

    /// Whether [`reconnect`](Self::reconnect) makes a connection by which what was said on the one before can no longer
    /// be answered. A serial port has none: whatever its instrument says comes in, however late. (Nor does it help to
    /// connect anew to a TCP server that has a serial port behind it, which nobody can know from here.)
    fn has_connections(&self) -> bool {
        true
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        (**self).send(bytes)
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        (**self).receive(received, wait)
    }

    fn reconnect(&mut self) -> io::Result<()> {
        (**self).reconnect()
    }

    fn has_connections(&self) -> bool {
        (**self).has_connections()
    }
}

/// How long a transport may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For connecting, for each address that the host has.
    pub connect: Duration,
    /// For sending one piece, as long as nothing of it is taken.
    pub send: Duration,
}

impl Default for Limits {
    /// Three seconds for connecting, one for sending.
    fn default() -> Self {
        Limits {
            connect: Duration::from_secs(3),
            send: Duration::from_secs(1),
        }
    }
}

impl Address {
    /// Connects.
    ///
    /// # Errors
    /// Why not, in words for people; the text does not repeat the address. A serial port that somebody else has is
    /// `ResourceBusy`, and the text says who, as far as this user may know.
    pub fn connect(&self, limits: &Limits) -> io::Result<Box<dyn Transport>> {
        Ok(match self {
            Address::Tcp { host, port } => Box::new(stream::Stream::tcp(host, *port, limits)?),
            Address::Unix { path } => Box::new(stream::Stream::unix(path, limits)?),
            Address::Udp { host, port, local } => Box::new(datagram::Datagrams::connect(host, *port, *local, limits)?),
            Address::Serial(serial) => Box::new(serial::Serial::open(serial, limits)?),
            Address::Pty { path } => Box::new(serial::Serial::open(&SerialAddress::new(path), limits)?),
        })
    }
}
