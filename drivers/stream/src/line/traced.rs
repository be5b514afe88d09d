//! A transport that tells the host what goes over it.

use std::{io, time::Duration};

use baton_plugin_api::{Direction, Host};

use super::Transport;

/// Tells of each byte that passes.
pub(crate) struct Traced<T> {
    inner: T,
    host: Host,
}

impl<T: Transport> Traced<T> {
    pub(crate) fn new(inner: T, host: Host) -> Self {
        Traced { inner, host }
    }
}

impl<T: Transport> Transport for Traced<T> {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        // Before it is sent: the answer must not be told of first.
        self.host.traffic(Direction::Sent, bytes);
        self.inner.send(bytes)
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let before = received.len();
        let came = self.inner.receive(received, wait)?;
        if came > 0 {
            self.host.traffic(Direction::Received, &received[before..]);
        }
        Ok(came)
    }

    fn reconnect(&mut self) -> io::Result<()> {
        self.inner.reconnect()
    }
}
