//! Who is at the other end of a connection (O3).
//!
//! What the kernel says is true; what comes from a network is a claim, and is shown as one.

use tokio::net::{TcpStream, UnixStream};

use super::places::Peer;
use crate::owner::{Identity, machine, user_name};

/// The peer's address, which is all that one can know.
pub(super) fn of_tcp(stream: &TcpStream) -> Identity {
    let address = stream.peer_addr().ok().map(|address| address.to_string());
    Identity {
        address,
        ..Identity::default()
    }
}

/// Whose share a connection over TCP is counted in.
pub(super) fn share_of_tcp(stream: &TcpStream) -> Peer {
    match stream.peer_addr() {
        Ok(address) => Peer::Address(address.ip().to_canonical()),
        Err(_) => Peer::Unknown,
    }
}

/// Whose share a connection over the Unix socket is counted in.
pub(super) fn share_of_unix(stream: &UnixStream) -> Peer {
    match stream.peer_cred() {
        Ok(credentials) => Peer::User(credentials.uid()),
        Err(_) => Peer::Unknown,
    }
}

/// User, program and process, from the kernel.
pub(super) fn of_unix(stream: &UnixStream) -> Identity {
    let host = Some(machine());
    let Ok(credentials) = stream.peer_cred() else {
        return Identity {
            host,
            ..Identity::default()
        };
    };
    let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
    Identity {
        user: Some(user_name(credentials.uid())),
        host,
        program: pid.and_then(program),
        pid,
        address: None,
        claimed: false,
    }
}

/// The program of a process, by the name that it gives itself.
fn program(pid: u32) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim().to_owned())
}
