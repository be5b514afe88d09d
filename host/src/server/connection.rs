//! One connection: a socket, its session, and the end of both.

use std::{fmt::Write as _, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::timeout,
};

use super::{
    Counted, Shared,
    face::{self, Accepted},
    lines::{LineError, Lines},
    node::Node,
    reply::Report,
    session::{Outbound, Session},
};
use crate::dispatcher::Taken;

/// A client that takes nothing for this time, while something waits for it, is cut off (L8, W6).
const STALLED: Duration = Duration::from_secs(30);
/// When the server ends, for the answers that are owed, and again for sending them.
const FLUSH: Duration = Duration::from_secs(1);
/// A client that sends no more gets the answers that come within this time: all but those that have no limit. It may have
/// died as well, so it is not kept for longer.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// So much is put together before it is written.
const WRITE_BYTES: usize = 64 << 10;

/// What a connection needs beside its socket.
pub(super) struct Connection {
    shared: Arc<Shared>,
    /// Becomes `true` when the server ends.
    ends: watch::Receiver<bool>,
    /// Counted until all of it is gone.
    _counted: Counted,
}

impl Connection {
    pub(super) fn new(shared: &Arc<Shared>, ends: watch::Receiver<bool>) -> Connection {
        Connection {
            shared: Arc::clone(shared),
            ends,
            _counted: Counted::new(shared),
        }
    }

    /// Serves the client until it leaves, is cut off, or the server ends.
    pub(super) async fn run(self, accepted: Accepted) {
        let peer = accepted.peer();
        tracing::debug!("{peer} has connected");
        let session = Session::new(&self.shared, peer.clone());
        let ended = match accepted {
            Accepted::Tcp(mut stream) => {
                // Without these, it is a slower connection that ends later.
                let _ = face::prepare(&stream);
                let (reader, writer) = stream.split();
                self.serve(session, reader, writer).await
            }
            Accepted::Unix(mut stream) => {
                let (reader, writer) = stream.split();
                self.serve(session, reader, writer).await
            }
        };
        tracing::debug!("{peer}: {ended}");
    }

    /// Gives the reason of the end, for the log.
    async fn serve(
        mut self,
        mut session: Session,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
    ) -> String {
        let queue = Arc::clone(session.queue());
        let shared = Arc::clone(&self.shared);
        let mut writing = pin!(write(writer, &queue, &shared.node));
        let mut lines = Lines::new(reader);
        let (mut ended, limit) = loop {
            tokio::select! {
                written = &mut writing => return gone(written),
                next = session.next() => session.deliver(next),
                line = lines.next() => match line {
                    Ok(Some(line)) => session.handle(line),
                    Ok(None) => break ("has left".to_owned(), LAST_ANSWERS),
                    Err(LineError::Io(error)) => return format!("has gone: {error}"),
                    Err(LineError::Refused(text)) => {
                        session.refuse(&Report::protocol(text.as_str()));
                        break (text, FLUSH);
                    }
                },
                _ = self.ends.wait_for(|ends| *ends) => break ("the server ends".to_owned(), FLUSH),
            }
            if session.is_stalled() {
                return "does not read what it asked for".to_owned();
            }
        };
        // Whoever sends no more gives back what it has; answers are still owed to it.
        session.leave();
        let owed = async {
            while session.has_pending() {
                tokio::select! {
                    written = &mut writing => return Some(gone(written)),
                    next = session.next() => session.deliver(next),
                }
            }
            None
        };
        if let Ok(Some(gone)) = timeout(limit, owed).await {
            return gone;
        }
        queue.close();
        if timeout(FLUSH, writing).await.is_err() {
            let _ = write!(ended, "; it did not take its last lines");
        }
        ended
    }
}

fn gone(written: io::Result<()>) -> String {
    match written {
        Ok(()) => "has left".to_owned(),
        Err(error) => format!("has gone: {error}"),
    }
}

/// Writes what comes into the queue until it is closed.
async fn write(mut writer: impl AsyncWrite + Unpin, queue: &Outbound, node: &Node) -> io::Result<()> {
    let mut text = String::new();
    while let Some(batch) = queue.next_all().await {
        for taken in batch {
            match taken {
                Taken::Reply(line) => text.push_str(line.as_str()),
                Taken::Message(delivered) => node.push_update(&mut text, &delivered.message),
            }
            if text.len() >= WRITE_BYTES {
                send(&mut writer, &mut text).await?;
            }
        }
        send(&mut writer, &mut text).await?;
    }
    writer.shutdown().await
}

/// Writes all of `text` and empties it.
async fn send(writer: &mut (impl AsyncWrite + Unpin), text: &mut String) -> io::Result<()> {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let stalled = || io::Error::new(io::ErrorKind::TimedOut, "it does not read");
        let count = timeout(STALLED, writer.write(rest)).await.map_err(|_| stalled())??;
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = &rest[count..];
    }
    text.clear();
    text.shrink_to(4 * WRITE_BYTES);
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn w6_a_client_that_takes_nothing_is_cut_and_a_slow_one_is_not() {
        let (mut client, mut server) = tokio::io::duplex(64);
        let slow = async {
            let mut taken = [0; 10];
            for _ in 0..100 {
                tokio::time::sleep(STALLED / 2).await;
                tokio::io::AsyncReadExt::read_exact(&mut client, &mut taken)
                    .await
                    .unwrap();
            }
        };
        let mut text = "x".repeat(1000);
        let (sent, ()) = tokio::join!(send(&mut server, &mut text), slow);
        assert!(sent.is_ok() && text.is_empty());
        let started = Instant::now();
        let mut text = "x".repeat(1000);
        let error = send(&mut server, &mut text).await.unwrap_err();
        assert_eq!((error.kind(), started.elapsed()), (io::ErrorKind::TimedOut, STALLED));
    }
}
