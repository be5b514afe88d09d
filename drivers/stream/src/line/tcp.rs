//! A line over TCP.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    time::Duration,
};

use super::Transport;

/// Where an instrument listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// Reads `tcp://host:port` or `host:port`; an IPv6 address stands in brackets.
    ///
    /// # Errors
    /// One sentence that says what is wrong and how it looks when it is right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("address `{text}` {what}; write `tcp://192.168.1.20:5000`"));
        let rest = match text.split_once("://") {
            Some(("tcp", rest)) => rest,
            Some((scheme, _)) => return wrong(&format!("begins with `{scheme}://`, only `tcp://` is known")),
            None => text,
        };
        let Some((host, port)) = rest.rsplit_once(':') else {
            return wrong("has no port");
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        match port.parse() {
            Ok(port @ 1..) if !host.is_empty() => Ok(Address {
                host: host.to_owned(),
                port,
            }),
            Ok(1..) => wrong("has no host"),
            _ => wrong("has no port from 1 to 65535"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "tcp://[{}]:{}", self.host, self.port),
            false => write!(f, "tcp://{}:{}", self.host, self.port),
        }
    }
}

/// A TCP connection.
pub(crate) struct Tcp {
    address: Address,
    connect_timeout: Duration,
    send_timeout: Duration,
    stream: TcpStream,
    /// What the stream was told last, which spares a system call per wait.
    mode: Option<Mode>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    NonBlocking,
    Blocking(Duration),
}

impl Tcp {
    /// Connects.
    ///
    /// # Errors
    /// What the last of the host's addresses answered.
    pub(crate) fn connect(address: Address, connect_timeout: Duration, send_timeout: Duration) -> io::Result<Self> {
        let stream = connect(&address, connect_timeout, send_timeout)?;
        Ok(Tcp {
            address,
            connect_timeout,
            send_timeout,
            stream,
            mode: None,
        })
    }

    fn enter(&mut self, mode: Mode) -> io::Result<()> {
        if self.mode == Some(mode) {
            return Ok(());
        }
        self.mode = None;
        match mode {
            Mode::NonBlocking => self.stream.set_nonblocking(true)?,
            Mode::Blocking(wait) => {
                self.stream.set_nonblocking(false)?;
                self.stream.set_read_timeout(Some(wait))?;
            }
        }
        self.mode = Some(mode);
        Ok(())
    }
}

fn connect(address: &Address, timeout: Duration, send_timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for socket in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&socket, timeout) {
            Ok(stream) => {
                // A question is one small packet, to be sent at once.
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(send_timeout))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

impl Transport for Tcp {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Blocking, with the stream's own limit for sending.
        if self.mode == Some(Mode::NonBlocking) {
            self.stream.set_nonblocking(false)?;
            self.mode = None;
        }
        self.stream.write_all(bytes)
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        self.enter(match wait {
            Duration::ZERO => Mode::NonBlocking,
            wait => Mode::Blocking(wait),
        })?;
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(came) => {
                received.extend_from_slice(&buffer[..came]);
                Ok(came)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            },
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        // The old connection goes first: many instruments accept only one.
        self.stream.shutdown(std::net::Shutdown::Both).ok();
        self.stream = connect(&self.address, self.connect_timeout, self.send_timeout)?;
        self.mode = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        let read = |text| Address::parse(text).map(|address| address.to_string());
        assert_eq!(read("tcp://127.0.0.1:15022").as_deref(), Ok("tcp://127.0.0.1:15022"));
        assert_eq!(read("bath.lab:4001").as_deref(), Ok("tcp://bath.lab:4001"));
        assert_eq!(read("[::1]:4001").as_deref(), Ok("tcp://[::1]:4001"));
        let wrong = |text| read(text).unwrap_err();
        assert_eq!(
            wrong("serial:///dev/ttyS0"),
            "address `serial:///dev/ttyS0` begins with `serial://`, only `tcp://` is known; write `tcp://192.168.1.20:5000`"
        );
        assert!(wrong("bath").contains("has no port"));
        assert!(wrong(":5000").contains("has no host"));
        assert!(wrong("bath:0").contains("from 1 to 65535"));
    }
}
