//! Lines over TCP or a Unix socket.
//!
//! A thread of its own reads, so that a deadline or Ctrl-C can end a wait in the middle of a line.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

/// The port that SECoP nodes are at.
const DEFAULT_PORT: u16 = 10767;

/// How long a connection may take to be accepted, and a line to be written.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest line we take. A camera frame as base64 fits; what never ends does not fill the memory.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// So many lines wait for us. Whoever does not look any faster lets the host wait, which then drops what may be dropped and
/// says so, instead of piling everything up here.
const WAITING_MAX: usize = 4096;

/// Where a host listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `host:port`
    Tcp(String),
    /// `unix:/path`
    Unix(PathBuf),
}

impl Address {
    /// The same from any folder.
    pub(crate) fn absolute(&self) -> Address {
        match self {
            Address::Unix(path) => Address::Unix(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
            other => other.clone(),
        }
    }
}

impl Default for Address {
    fn default() -> Address {
        Address::Tcp(format!("127.0.0.1:{DEFAULT_PORT}"))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Address::Unix(path.into()));
        }
        let port = text
            .rsplit_once(':')
            .filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        match port {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Address::Tcp(text.to_owned())),
            None if text.contains(':') && !text.starts_with('[') => {
                Ok(Address::Tcp(format!("[{text}]:{DEFAULT_PORT}")))
            }
            None if !text.is_empty() && !text.contains('/') => Ok(Address::Tcp(format!("{text}:{DEFAULT_PORT}"))),
            _ => Err("expected host:port, or unix:/path of a socket".to_owned()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host) => f.write_str(host),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What arrives while we wait.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A line, with its end.
    Line(String),
    /// The connection has ended, and why.
    Closed(String),
    /// The user pressed Ctrl-C.
    Interrupt,
}

/// An open connection.
pub(crate) struct Link {
    writer: Box<dyn Write + Send>,
    incoming: Receiver<Incoming>,
    sender: SyncSender<Incoming>,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// As the operating system says it.
    pub(crate) fn connect(address: &Address) -> io::Result<Link> {
        match address {
            Address::Tcp(host) => {
                let stream = connect_tcp(host)?;
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Link::start(stream.try_clone()?, stream))
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Link::start(stream.try_clone()?, stream))
            }
        }
    }

    fn start(reader: impl Read + Send + 'static, writer: impl Write + Send + 'static) -> Link {
        let (sender, incoming) = mpsc::sync_channel(WAITING_MAX);
        let lines = sender.clone();
        thread::spawn(move || forward_lines(reader, &lines));
        Link {
            writer: Box::new(writer),
            incoming,
            sender,
        }
    }

    /// Writes one line.
    pub(crate) fn send(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(format!("{line}\n").as_bytes())?;
        self.writer.flush()
    }

    /// The next thing that happens, or `None` once `deadline` has passed.
    pub(crate) fn next(&self, deadline: Option<Instant>) -> Option<Incoming> {
        let Some(deadline) = deadline else {
            return Some(self.incoming.recv().expect("this end keeps a sender itself"));
        };
        match self
            .incoming
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(incoming) => Some(incoming),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("this end keeps a sender itself"),
        }
    }

    /// Where others, the watcher of Ctrl-C among them, put what the waiting side is to see.
    pub(crate) fn sender(&self) -> SyncSender<Incoming> {
        self.sender.clone()
    }
}

/// Tries each address that the name stands for.
fn connect_tcp(host: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Reads until the connection or the receiving side ends.
fn forward_lines(reader: impl Read, sender: &SyncSender<Incoming>) {
    let mut reader = BufReader::new(reader);
    loop {
        let incoming = match next_line(&mut reader) {
            Ok(line) => Incoming::Line(line),
            Err(cause) => Incoming::Closed(cause),
        };
        let ended = matches!(incoming, Incoming::Closed(_));
        if sender.send(incoming).is_err() || ended {
            return;
        }
    }
}

fn next_line(reader: &mut impl BufRead) -> Result<String, String> {
    let mut line = Vec::new();
    match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
        Ok(0) => Err("it closed the connection".to_owned()),
        Ok(_) if line.last() == Some(&b'\n') => Ok(String::from_utf8_lossy(&line).into_owned()),
        Ok(n) if n as u64 == LINE_BYTES_MAX => Err(format!("it sent a line of more than {LINE_BYTES_MAX} bytes")),
        Ok(_) => Err("it closed the connection in the middle of a line".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_or_without_port_or_a_socket() {
        let parse = |text: &str| text.parse::<Address>().map(|address| address.to_string());
        assert_eq!(parse("lab:1234").unwrap(), "lab:1234");
        assert_eq!(parse("lab").unwrap(), "lab:10767");
        assert_eq!(parse("::1").unwrap(), "[::1]:10767");
        assert_eq!(parse("[::1]:99").unwrap(), "[::1]:99");
        assert_eq!(parse("unix:/run/baton.sock").unwrap(), "unix:/run/baton.sock");
        assert!(parse("").is_err());
        assert!(parse("lab:port").is_err());
        assert!(parse("/run/baton.sock").is_err());
    }
}
