//! One connection: a socket, its session, and the end of both.

use std::{fmt::Write as _, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    sync::{Notify, watch},
    time::timeout,
};

use super::{
    Shared,
    face::{self, Accepted},
    gate::{self, Gate, Turned},
    lines::{LineError, Lines},
    node::Node,
    places::Place,
    reply::{Line, Report},
    session::{Outbound, Session},
};
use crate::{dispatcher::Taken, owner::Identity};

/// A client that takes nothing for this time, while something waits for it, is cut off (L8, W6).
const STALLED: Duration = Duration::from_secs(30);
/// When the server ends, for the answers that are owed, and again for sending them.
const FLUSH: Duration = Duration::from_secs(1);
/// A client that sends no more gets the answers that come within this time: all but those that have no limit. It may have
/// died as well, so it is not kept for longer.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// After so many lines, or so many bytes of them, it is the turn of other connections.
const TURN_LINES: usize = 32;
const TURN_BYTES: usize = 128 << 10;
/// So much is put together before it is written.
const WRITE_BYTES: usize = 64 << 10;

/// What a connection needs beside its socket.
pub(super) struct Connection {
    shared: Arc<Shared>,
    /// Becomes `true` when the server ends.
    ends: watch::Receiver<bool>,
    /// Counted until all of it is gone.
    place: Place,
    /// Who is at the other end, for the log.
    peer: Identity,
}

impl Connection {
    pub(super) fn new(shared: &Arc<Shared>, ends: watch::Receiver<bool>, place: Place, peer: Identity) -> Connection {
        Connection {
            shared: Arc::clone(shared),
            ends,
            place,
            peer,
        }
    }

    /// Serves the client until it leaves, is cut off, or the server ends.
    pub(super) async fn run(self, accepted: Accepted) {
        let peer = self.peer.clone();
        tracing::debug!("{peer} has connected");
        let shared = Arc::clone(&self.shared);
        let ended = match accepted {
            Accepted::Tcp(mut stream) => {
                // Without these, it is a slower connection that ends later.
                let _ = face::prepare(&stream);
                let (reader, writer) = stream.split();
                self.converse(shared.gate.as_ref(), reader, writer).await
            }
            Accepted::Unix(mut stream) => {
                let (reader, writer) = stream.split();
                self.converse(None, reader, writer).await
            }
        };
        tracing::debug!("{peer}: {ended}");
    }

    /// Lets the client in, where there is a gate, and serves it. Gives the reason of the end, for the log.
    async fn converse(
        mut self,
        gate: Option<&Gate>,
        reader: impl AsyncRead + Unpin,
        mut writer: impl AsyncWrite + Unpin,
    ) -> String {
        let limits = self.shared.limits;
        let mut lines = Lines::new(reader, limits.line_bytes, limits.line_within);
        if let Some(gate) = gate {
            lines.set_longest(gate::LINE_BYTES);
            if let Err(turned) = self.admit(gate, &mut lines, &mut writer).await {
                if let Turned::Refused(why) = &turned {
                    self.note(why);
                }
                return turned.to_string();
            }
            lines.set_longest(limits.line_bytes);
        }
        let session = Session::new(&self.shared, self.peer.clone());
        self.serve(session, lines, writer).await
    }

    async fn admit(
        &mut self,
        gate: &Gate,
        lines: &mut Lines<impl AsyncRead + Unpin>,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Turned> {
        let _at_the_gate = match gate.place(self.place.peer()) {
            Ok(place) => place,
            Err(why) => {
                let line = Line::error("connect", "", &Report::new("IsBusy", why));
                let _ = timeout(FLUSH, writer.write_all(line.as_str().as_bytes())).await;
                return Err(Turned::Refused(why));
            }
        };
        tokio::select! {
            admitted = gate.admit(lines, writer) => admitted,
            _ = self.ends.wait_for(|ends| *ends) => Err(Turned::Away),
        }
    }

    /// Notes in the log what the client was refused.
    fn note(&self, why: &str) {
        self.shared.refusals.note(self.place.peer(), &self.peer, why);
    }

    /// Gives the reason of the end, for the log.
    async fn serve<R: AsyncRead + Unpin>(
        self,
        mut session: Session,
        mut lines: Lines<R>,
        writer: impl AsyncWrite + Unpin,
    ) -> String {
        let (queue, taken) = (Arc::clone(session.queue()), Arc::clone(session.taken()));
        let shared = Arc::clone(&self.shared);
        let mut writing = pin!(write(writer, &queue, &taken, &shared.node));
        let mut ends = self.ends.clone();
        let mut turn = Turn::default();
        let (mut ended, limit) = loop {
            tokio::select! {
                written = &mut writing => return gone(written),
                next = session.next() => session.deliver(next),
                line = lines.next() => match line {
                    Ok(Some(line)) => {
                        session.handle(line);
                        turn.took(line.len());
                    }
                    Ok(None) => break ("has left".to_owned(), LAST_ANSWERS),
                    Err(LineError::Io(error)) => return format!("has gone: {error}"),
                    Err(LineError::Refused(text)) => {
                        session.refuse(&Report::protocol(text.as_str()));
                        self.note(&text);
                        break (text, FLUSH);
                    }
                },
                _ = ends.wait_for(|ends| *ends) => break ("the server ends".to_owned(), FLUSH),
            }
            if let Some(why) = session.take_overdone() {
                self.note(why);
            }
            if session.is_stalled() {
                let why = "it does not read what it asked for";
                self.note(why);
                return why.to_owned();
            }
            turn.pass_on().await;
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

/// What a connection has had of its turn: whoever sends a flood of lines that lie ready waits for all others between any
/// few of them (W6).
#[derive(Default)]
struct Turn {
    lines: usize,
    bytes: usize,
}

impl Turn {
    fn took(&mut self, bytes: usize) {
        self.lines += 1;
        self.bytes += bytes;
    }

    /// Lets others go first once the turn is over.
    async fn pass_on(&mut self) {
        if self.lines >= TURN_LINES || self.bytes >= TURN_BYTES {
            *self = Turn::default();
            tokio::task::yield_now().await;
        }
    }
}

fn gone(written: io::Result<()>) -> String {
    match written {
        Ok(()) => "has left".to_owned(),
        Err(error) => format!("has gone: {error}"),
    }
}

/// Writes what comes into the queue until it is closed.
async fn write(mut writer: impl AsyncWrite + Unpin, queue: &Outbound, taken: &Notify, node: &Node) -> io::Result<()> {
    let mut text = String::new();
    while let Some(batch) = queue.next_all().await {
        taken.notify_one();
        for taken in batch {
            match taken {
                Taken::Reply(line) => text.push_str(line.as_str()),
                Taken::Message(message) => node.push_update(&mut text, &message),
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
mod tests;
