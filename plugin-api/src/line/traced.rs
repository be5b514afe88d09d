//! What goes over a line, shown to somebody.

use std::{io, time::Duration};

use super::Transport;
use crate::Direction;

/// A transport whose bytes are shown to `sink`: what was sent as a whole, what was received piece by piece as it came.
pub struct Traced<T, S> {
    transport: T,
    sink: S,
}

impl<T: Transport, S: FnMut(Direction, &[u8]) + Send> Traced<T, S> {
    /// Shows to `sink` what goes over `transport`.
    pub fn new(transport: T, sink: S) -> Self {
        Traced { transport, sink }
    }
}

impl<T: Transport, S: FnMut(Direction, &[u8]) + Send> Transport for Traced<T, S> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Before it is sent: the answer must not be shown first.
        (self.sink)(Direction::Sent, bytes);
        self.transport.send(bytes)
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let came = self.transport.receive(received, wait)?;
        if came > 0 {
            (self.sink)(Direction::Received, &received[received.len() - came..]);
        }
        Ok(came)
    }

    fn reconnect(&mut self) -> io::Result<()> {
        self.transport.reconnect()
    }

    fn has_connections(&self) -> bool {
        self.transport.has_connections()
    }
}
