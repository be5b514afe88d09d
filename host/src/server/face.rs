//! Faces: where connections come from.

use std::{future::pending, io, net::TcpListener as StdTcpListener, time::Duration};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{peer, places::Peer, socket::Socket};
use crate::owner::Identity;

/// After an error in taking a connection, such as too many open files, it is tried again after this time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A client that has silently gone is noticed after this time, and six more of these.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// All of a server's listening sockets.
pub(super) struct Faces {
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
}

/// A new connection.
pub(super) enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Faces {
    pub(super) fn new(tcp: Option<StdTcpListener>, socket: Option<&Socket>) -> io::Result<Faces> {
        let tcp = tcp.map(|tcp| {
            tcp.set_nonblocking(true)?;
            TcpListener::from_std(tcp)
        });
        let unix = socket.map(|socket| {
            let listener = socket.listener()?;
            listener.set_nonblocking(true)?;
            UnixListener::from_std(listener)
        });
        Ok(Faces {
            tcp: tcp.transpose()?,
            unix: unix.transpose()?,
        })
    }

    /// The next connection.
    ///
    /// # Cancel safety
    /// No connection is lost when the future is dropped.
    pub(super) async fn accept(&self) -> Accepted {
        loop {
            let accepted = tokio::select! {
                accepted = accept_tcp(self.tcp.as_ref()) => accepted,
                accepted = accept_unix(self.unix.as_ref()) => accepted,
            };
            match accepted {
                Ok(accepted) => return accepted,
                Err(error) => {
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn accept_tcp(listener: Option<&TcpListener>) -> io::Result<Accepted> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| Accepted::Tcp(stream)),
        None => pending().await,
    }
}

async fn accept_unix(listener: Option<&UnixListener>) -> io::Result<Accepted> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        None => pending().await,
    }
}

impl Accepted {
    /// Who is at the other end.
    pub(super) fn peer(&self) -> Identity {
        match self {
            Accepted::Tcp(stream) => peer::of_tcp(stream),
            Accepted::Unix(stream) => peer::of_unix(stream),
        }
    }

    /// Whose share it is counted in.
    pub(super) fn share(&self) -> Peer {
        match self {
            Accepted::Tcp(stream) => peer::share_of_tcp(stream),
            Accepted::Unix(stream) => peer::share_of_unix(stream),
        }
    }

    /// Sends what the socket takes at once, and closes it.
    pub(super) fn try_send(self, bytes: &[u8]) {
        // What cannot be sent without waiting is for a client that could not be served anyway.
        let _ = match &self {
            Accepted::Tcp(stream) => stream.try_write(bytes),
            Accepted::Unix(stream) => stream.try_write(bytes),
        };
    }
}

/// Replies leave at once, and a peer that is gone is noticed.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, 6)?;
    Ok(())
}
