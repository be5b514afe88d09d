//! The line to an instrument: one question at a time, and only its own answer.
//!
//! Three things keep an answer with its question. What has come in unasked is thrown away before each question. A
//! question whose answer did not come in time leaves the line *in debt*: before the next question the line waits for that
//! answer, to throw it away, and if it still does not come, connects anew. And a line that ends, or delivers what cannot
//! be a line, is closed for good: the host then opens the device again, with its own back-off.

mod patience;
#[cfg(test)]
mod tests;

use std::{
    io,
    time::{Duration, Instant},
};

use baton_plugin_api::{Error, Result, line::Transport};

pub(crate) use patience::{Patience, Uncancelled};

use crate::{template::find, text::show};

/// Longest reply, in bytes, that is waited for: what has no end by then is no line of text.
const MOST_REPLY: usize = 64 * 1024;

/// What may come in unasked before a question, in bytes; an instrument that says more never stops.
const MOST_UNASKED: usize = 16 * MOST_REPLY;

/// How long one wait lasts, so that a cancelled call ends soon.
const SLICE: Duration = Duration::from_millis(50);

/// How a line is spoken.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manner {
    /// Ends what is sent.
    pub(crate) send_terminator: Vec<u8>,
    /// Ends a reply; never empty.
    pub(crate) reply_terminator: Vec<u8>,
    /// How long a reply may take.
    pub(crate) reply_timeout: Duration,
}

/// A line that was connected.
pub(crate) struct Line {
    /// For messages.
    name: String,
    manner: Manner,
    /// Why nothing more is exchanged, once that is so.
    broken: Option<String>,
    transport: Box<dyn Transport>,
    /// What has come in since the last question.
    received: Vec<u8>,
    /// Until when an answer that is still owed is waited for; `None` if none is.
    debt: Option<Instant>,
}

impl Line {
    /// A line over a transport that is connected.
    pub(crate) fn new(name: String, manner: Manner, transport: Box<dyn Transport>) -> Self {
        Line {
            name,
            manner,
            broken: None,
            transport,
            received: Vec::new(),
            debt: None,
        }
    }

    /// How it is spoken.
    pub(crate) fn manner(&self) -> &Manner {
        &self.manner
    }

    /// Makes sure that no answer to an earlier question can come any more. Says whether the line was connected anew for
    /// it: the instrument may have forgotten what it was told at the beginning.
    ///
    /// # Errors
    /// If the line is gone, or the call is cancelled.
    pub(crate) fn settle(&mut self, patience: &dyn Patience) -> Result<bool> {
        let Some(deadline) = self.debt else { return Ok(false) };
        self.usable()?;
        match self.wait_for_line(deadline, patience)? {
            Some(_) => {
                self.debt = None;
                Ok(false)
            }
            None => {
                self.transport.reconnect().map_err(|error| self.break_up(error))?;
                self.received.clear();
                self.debt = None;
                Ok(true)
            }
        }
    }

    /// Sends a line, after throwing away what has come in unasked.
    ///
    /// # Errors
    /// `CommunicationFailed` if the line is gone.
    pub(crate) fn tell(&mut self, line: &[u8]) -> Result<()> {
        self.usable()?;
        self.discard()?;
        let bytes = [line, &self.manner.send_terminator].concat();
        self.transport.send(&bytes).map_err(|error| self.break_up(error))
    }

    /// Sends a line and returns the reply to it, without its terminator.
    ///
    /// # Errors
    /// `Timeout` if it does not come in time; `CommunicationFailed` if the line is gone or the reply has no end;
    /// `Cancelled` as soon as the call is.
    pub(crate) fn ask(&mut self, line: &[u8], patience: &dyn Patience) -> Result<Vec<u8>> {
        self.tell(line)?;
        self.reply(line, patience)
    }

    /// Waits for one more reply to a line that was sent.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) fn reply(&mut self, line: &[u8], patience: &dyn Patience) -> Result<Vec<u8>> {
        let limit = self
            .manner
            .reply_timeout
            .min(patience.remaining().unwrap_or(Duration::MAX));
        let now = Instant::now();
        // Until the answer is here it is owed, whatever else ends the wait.
        self.debt = Some(now + self.manner.reply_timeout * 2);
        match self.wait_for_line(now + limit, patience)? {
            Some(reply) => {
                self.debt = None;
                Ok(reply)
            }
            None => Err(self.overdue(line, limit)),
        }
    }

    /// Sends a line that cannot wait, not even for an answer that is owed, and returns the reply to it: if one is owed, a
    /// reply that does not fit is taken for that.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) fn interrupt(
        &mut self,
        line: &[u8],
        fits: impl Fn(&[u8]) -> bool,
        patience: &dyn Patience,
    ) -> Result<Vec<u8>> {
        let owed = self.debt.is_some();
        let reply = self.ask(line, patience)?;
        if owed && fits(&reply) {
            self.debt = Some(Instant::now() + self.manner.reply_timeout);
        }
        match owed && !fits(&reply) {
            true => self.reply(line, patience),
            false => Ok(reply),
        }
    }

    fn overdue(&self, line: &[u8], limit: Duration) -> Error {
        // What was left to a call is no round number.
        let limit = Duration::from_millis(u64::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(u64::MAX));
        let (sent, terminator) = (show(line), show(&self.manner.reply_terminator));
        Error::timeout(match self.received.as_slice() {
            [] => format!("no reply to {sent} within {limit:?}"),
            part => format!(
                "the reply to {sent} had not ended with {terminator} after {limit:?}, but stopped at {}",
                show(part)
            ),
        })
    }

    /// The next line, if it comes before the deadline.
    fn wait_for_line(&mut self, deadline: Instant, patience: &dyn Patience) -> Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(line) = self.take_line(&mut searched) {
                return Ok(Some(line));
            }
            if self.received.len() > MOST_REPLY {
                let what = format!("more than 64 KiB came without {}", show(&self.manner.reply_terminator));
                return Err(self.break_up(io::Error::other(what)));
            }
            if patience.cancelled() {
                return Err(Error::cancelled());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let came = self.transport.receive(&mut self.received, left.min(SLICE));
            let came = came.map_err(|error| self.break_up(error))?;
            if came == 0 && left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// Takes a whole line out of what has come in. The first `searched` bytes hold no terminator.
    fn take_line(&mut self, searched: &mut usize) -> Option<Vec<u8>> {
        let terminator = &self.manner.reply_terminator;
        let from = searched.saturating_sub(terminator.len().saturating_sub(1));
        let Some(found) = find(&self.received[from..], terminator) else {
            *searched = self.received.len();
            return None;
        };
        let rest = self.received.split_off(from + found + terminator.len());
        let mut line = std::mem::replace(&mut self.received, rest);
        line.truncate(from + found);
        Some(line)
    }

    /// Throws away what has come in, and notices a line that was closed before something is sent into the void.
    fn discard(&mut self) -> Result<()> {
        let mut total = 0;
        loop {
            self.received.clear();
            match self.transport.receive(&mut self.received, Duration::ZERO) {
                Ok(0) => return Ok(()),
                Ok(came) => total += came,
                Err(error) => return Err(self.break_up(error)),
            }
            if total > MOST_UNASKED {
                return Err(self.break_up(io::Error::other("it does not stop talking")));
            }
        }
    }

    fn usable(&self) -> Result<()> {
        match &self.broken {
            Some(why) => Err(Error::communication(why.clone())),
            None => Ok(()),
        }
    }

    fn break_up(&mut self, error: io::Error) -> Error {
        let why = match error.kind() {
            io::ErrorKind::UnexpectedEof => format!("{} has closed the connection", self.name),
            _ => format!("the line to {} failed: {error}", self.name),
        };
        self.broken = Some(why.clone());
        Error::communication(why)
    }
}
