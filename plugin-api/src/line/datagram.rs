//! Datagrams over UDP.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    time::Duration,
};

use super::{
    Limits, Transport,
    wait::{is_nothing, readable, writable},
};

/// The longest datagram that there is.
const MOST: usize = 65_535;

/// A socket that hears one instrument alone.
pub(super) struct Datagrams {
    host: String,
    port: u16,
    local: Option<u16>,
    limits: Limits,
    /// `None` only while a new one is made in its place.
    socket: Option<UdpSocket>,
    buffer: Box<[u8; MOST]>,
}

impl Datagrams {
    pub(super) fn connect(host: &str, port: u16, local: Option<u16>, limits: &Limits) -> io::Result<Self> {
        Ok(Datagrams {
            socket: Some(connect(host, port, local)?),
            host: host.to_owned(),
            port,
            local,
            limits: limits.clone(),
            buffer: Box::new([0; MOST]),
        })
    }

    fn socket(&self) -> io::Result<&UdpSocket> {
        self.socket.as_ref().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

fn connect(host: &str, port: u16, local: Option<u16>) -> io::Result<UdpSocket> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match connect_to(address, local.unwrap_or(0)) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn connect_to(address: SocketAddr, local: u16) -> io::Result<UdpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, local)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, local)),
    };
    let socket = socket.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => io::Error::new(error.kind(), format!("the local port {local} is in use")),
        _ => error,
    })?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Transport for Datagrams {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let socket = self.socket()?;
        loop {
            match socket.send(bytes) {
                Ok(_) => return Ok(()),
                Err(error) if !is_nothing(&error) => return Err(error),
                Err(_) if writable(socket, self.limits.send)? => {}
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        if !wait.is_zero() && !readable(socket, wait)? {
            return Ok(0);
        }
        match socket.recv(&mut self.buffer[..]) {
            Ok(came) => {
                received.extend_from_slice(&self.buffer[..came]);
                Ok(came)
            }
            Err(error) if is_nothing(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        // The old socket goes first, for it may have the port that the new one needs.
        self.socket = None;
        self.socket = Some(connect(&self.host, self.port, self.local)?);
        Ok(())
    }

    /// A new socket has a new port, to which no old question is answered; unless the port is a fixed one.
    fn has_connections(&self) -> bool {
        self.local.is_none()
    }
}
