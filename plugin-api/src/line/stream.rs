//! Streams over sockets: TCP and Unix.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    os::{fd::AsFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Limits, Transport,
    wait::{CHUNK, is_nothing, readable, write_all},
};

/// A stream over a socket that never waits by itself.
pub(super) struct Stream<P: Peer> {
    peer: P,
    limits: Limits,
    socket: P::Socket,
}

/// Who is at the other end.
pub(super) trait Peer: Send {
    type Socket: AsFd + Send;

    fn connect(&self, limit: Duration) -> io::Result<Self::Socket>;
    fn read(socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;
    fn write(socket: &Self::Socket, bytes: &[u8]) -> io::Result<usize>;
    fn shut_down(socket: &Self::Socket);
}

pub(super) struct TcpPeer {
    host: String,
    port: u16,
}

pub(super) struct UnixPeer {
    path: PathBuf,
}

impl Stream<TcpPeer> {
    pub(super) fn tcp(host: &str, port: u16, limits: &Limits) -> io::Result<Self> {
        let host = host.to_owned();
        Self::connect(TcpPeer { host, port }, limits)
    }
}

impl Stream<UnixPeer> {
    pub(super) fn unix(path: &Path, limits: &Limits) -> io::Result<Self> {
        let path = path.to_owned();
        Self::connect(UnixPeer { path }, limits)
    }
}

impl<P: Peer> Stream<P> {
    fn connect(peer: P, limits: &Limits) -> io::Result<Self> {
        Ok(Stream {
            socket: peer.connect(limits.connect)?,
            limits: limits.clone(),
            peer,
        })
    }
}

impl<P: Peer> Transport for Stream<P> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        write_all(&self.socket, bytes, self.limits.send, P::write)
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        if !wait.is_zero() && !readable(&self.socket, wait)? {
            return Ok(0);
        }
        let mut buffer = [0; CHUNK];
        match P::read(&self.socket, &mut buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(came) => {
                received.extend_from_slice(&buffer[..came]);
                Ok(came)
            }
            Err(error) if is_nothing(&error) => Ok(0),
            Err(error) => Err(error),
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        // The old connection goes first: many instruments accept only one.
        P::shut_down(&self.socket);
        self.socket = self.peer.connect(self.limits.connect)?;
        Ok(())
    }
}

impl Peer for TcpPeer {
    type Socket = TcpStream;

    fn connect(&self, limit: Duration) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(socket) => {
                    // A question is one small packet, to be sent at once.
                    socket.set_nodelay(true)?;
                    socket.set_nonblocking(true)?;
                    return Ok(socket);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn read(mut socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        socket.read(buffer)
    }

    fn write(mut socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }

    fn shut_down(socket: &TcpStream) {
        socket.shutdown(Shutdown::Both).ok();
    }
}

impl Peer for UnixPeer {
    type Socket = UnixStream;

    fn connect(&self, _: Duration) -> io::Result<UnixStream> {
        let socket = UnixStream::connect(&self.path)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }

    fn read(mut socket: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
        socket.read(buffer)
    }

    fn write(mut socket: &UnixStream, bytes: &[u8]) -> io::Result<usize> {
        socket.write(bytes)
    }

    fn shut_down(socket: &UnixStream) {
        socket.shutdown(Shutdown::Both).ok();
    }
}
