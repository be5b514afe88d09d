//! What goes over a line, shown to somebody.

use std::{io, time::Duration};

use super::Transport;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the instrument.
    Sent,
    /// From it.
    Received,
}

impl Direction {
    /// `->` or `<-`, as dialogues are written.
    pub const fn arrow(self) -> &'static str {
        match self {
            Direction::Sent => "->",
            Direction::Received => "<-",
        }
    }
}

/// A transport whose bytes are shown to `sink`: what was sent as a whole, what was received piece by piece as it came.
/// What was sent in vain is not shown.
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
        self.transport.send(bytes)?;
        (self.sink)(Direction::Sent, bytes);
        Ok(())
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
