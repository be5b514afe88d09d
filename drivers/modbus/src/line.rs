//! The line to one instrument or several: one request at a time, and only its own answer.
//!
//! Over TCP each request has a number, and an answer says which it is for: one that comes late is thrown away. On a serial
//! line (RTU) an answer says who speaks and what function it is about, which tells most late answers from the one that is
//! due, but not all: a read that was not answered in time leaves the line *in debt* to the next read that its answer would
//! fit. That one waits until the answer has come or cannot be far, and then, where there is a connection, begins a new one;
//! else it takes the first answer for doubtful, and the second, if one comes, for the right one.
//!
//! A line that ends, or is out of step, is closed for good: the host then opens the device again, with its own back-off.

mod frame;
mod owed;
#[cfg(test)]
mod tests;

use std::{
    io,
    time::{Duration, Instant},
};

use baton_plugin_api::{
    Direction, Error, ErrorKind, Result,
    line::{Patience, Transport},
};

pub(crate) use frame::Framing;
use frame::{Sent, Taken};
use owed::Owed;

use crate::pdu::{Answer, Request};

/// How long one wait lasts, so that a cancelled call ends soon.
const SLICE: Duration = Duration::from_millis(50);

/// How long a line may be silent in the middle of an answer before it counts as garbled, if all of it should have come.
const GAP: Duration = Duration::from_millis(50);

/// What may come in unasked before a request, in bytes; a line that says more never stops.
const MOST_UNASKED: usize = 64 * 1024;

/// After so many requests without a single byte in answer, a connection may be a dead one.
const MOST_UNHEARD: u32 = 2;

/// A line that was connected.
pub(crate) struct Line {
    /// For messages.
    name: String,
    transport: Box<dyn Transport>,
    framing: Framing,
    /// Whether what is sent comes back before the answer.
    echoes: bool,
    /// Why nothing more is exchanged, once that is so.
    broken: Option<String>,
    /// What has come in since the last request.
    received: Vec<u8>,
    /// When something was last said, by whomever.
    spoken: Instant,
    /// Answers that may still come.
    owed: Vec<Owed>,
    /// Requests since anything at all has come in.
    unheard: u32,
    /// How often it was connected anew.
    connection: u64,
    transaction: u16,
}

/// A request of somebody.
pub(crate) struct Call<'c> {
    /// Who is asked.
    pub(crate) unit: u8,
    pub(crate) reply_timeout: Duration,
    /// How long the line is left alone before.
    pub(crate) pause: Duration,
    pub(crate) patience: &'c dyn Patience,
    /// Who looks on.
    pub(crate) trace: &'c dyn Fn(Direction, &[u8]),
}

impl Line {
    /// A line over a transport that is connected.
    pub(crate) fn new(name: String, transport: Box<dyn Transport>, framing: Framing, echoes: bool) -> Self {
        Line {
            name,
            transport,
            framing,
            echoes,
            broken: None,
            received: Vec::new(),
            spoken: Instant::now(),
            owed: Vec::new(),
            unheard: 0,
            connection: 0,
            transaction: 0,
        }
    }

    /// Which connection it is: another number says that it was connected anew, so that the instrument may have forgotten
    /// what it was told.
    pub(crate) fn connection(&self) -> u64 {
        self.connection
    }

    /// Sees to it that an answer to the next such request is one to it.
    ///
    /// # Errors
    /// If the line is gone, or the call is cancelled.
    pub(crate) fn settle(&mut self, request: &Request, call: &Call<'_>) -> Result<()> {
        self.usable()?;
        match self.framing {
            Framing::Tcp if self.unheard >= MOST_UNHEARD => self.connect_anew(),
            Framing::Tcp => Ok(()),
            Framing::Rtu { .. } => self.settle_debts(request, call),
        }
    }

    /// Makes a request and returns the answer to it.
    ///
    /// # Errors
    /// `Timeout` if none comes in time; `ReadFailed` or `HardwareError`, as it reads or writes, if it is garbled or one to
    /// something else; `CommunicationFailed` if the line is gone; `Cancelled` as soon as the call is.
    pub(crate) fn exchange(&mut self, request: &Request, call: &Call<'_>) -> Result<Answer> {
        self.usable()?;
        self.leave_alone(call)?;
        self.discard(call)?;
        self.transaction = self.transaction.wrapping_add(1);
        let sent = self.framing.frame(self.transaction, call.unit, request);
        (call.trace)(Direction::Sent, &sent.bytes);
        self.transport.send(&sent.bytes).map_err(|error| self.break_up(error))?;
        self.spoken = Instant::now();
        self.unheard = self.unheard.saturating_add(1);
        let outcome = self.answer(&sent, request, call);
        if let Err(error) = &outcome
            && matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Cancelled)
        {
            self.owed.push(Owed::new(request, call));
        }
        outcome
    }

    fn answer(&mut self, sent: &Sent, request: &Request, call: &Call<'_>) -> Result<Answer> {
        let limit = call
            .reply_timeout
            .min(call.patience.remaining().unwrap_or(Duration::MAX));
        let mut deadline = Instant::now() + limit;
        let mut is_echo_due = self.echoes;
        // Where an earlier answer may still come, the first one that comes may be that.
        let mut doubts = self.doubts(request, call.unit);
        let mut doubtful = None;
        loop {
            if sent.comes_back_in(&self.received) && (is_echo_due || sent.is_unlike_its_answer()) {
                self.received.drain(..sent.bytes.len());
                (is_echo_due, self.echoes) = (false, true);
                continue;
            }
            // Until all of the echo is here, what there is may be a part of it.
            let is_echo_on_its_way = is_echo_due && sent.bytes.starts_with(&self.received);
            match self.framing.take(&mut self.received, sent, call.unit) {
                _ if is_echo_on_its_way => {}
                Taken::Nothing => {}
                Taken::Another(frame) => {
                    self.pay(&frame);
                    continue;
                }
                Taken::Wrong(why) => return Err(wrong(request, &why)),
                Taken::OutOfStep(why) => return Err(self.break_up(io::Error::other(why))),
                Taken::Answer(pdu) => {
                    let answer = request.understand(&pdu).map_err(|why| wrong(request, &why))?;
                    if !doubts {
                        return Ok(answer);
                    }
                    (doubts, doubtful) = (false, Some(answer));
                    deadline = Instant::now() + limit;
                    continue;
                }
            }
            let came = self.wait(deadline, call)?;
            let is_over = Instant::now() >= deadline;
            if came == 0 && self.is_garbled(sent) {
                return Err(wrong(
                    request,
                    &format!("the answer is garbled: {}", show(&self.received)),
                ));
            }
            match doubtful.take() {
                Some(answer) if came == 0 && is_over => return Ok(answer),
                kept => doubtful = kept,
            }
            if came == 0 && is_over {
                return Err(self.overdue(request, call.unit, limit));
            }
        }
    }

    /// Waits for a moment for something to come in.
    fn wait(&mut self, deadline: Instant, call: &Call<'_>) -> Result<usize> {
        if call.patience.cancelled() {
            return Err(Error::cancelled());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let came = self.transport.receive(&mut self.received, left.min(SLICE));
        let came = came.map_err(|error| self.break_up(error))?;
        if came > 0 {
            (call.trace)(Direction::Received, &self.received[self.received.len() - came..]);
            self.spoken = Instant::now();
            self.unheard = 0;
            self.hear();
        }
        Ok(came)
    }

    /// Whether all that should have come has, and is no answer.
    fn is_garbled(&self, sent: &Sent) -> bool {
        matches!(self.framing, Framing::Rtu { .. })
            && self.received.len() >= sent.answer_length
            && self.spoken.elapsed() >= GAP
    }

    /// Keeps what the instrument, and the line, want of silence between an answer and the next request.
    fn leave_alone(&mut self, call: &Call<'_>) -> Result<()> {
        let silence = match self.framing {
            Framing::Tcp => Duration::ZERO,
            Framing::Rtu { silence } => silence,
        };
        let until = self.spoken + silence.max(call.pause);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            if call.patience.cancelled() {
                return Err(Error::cancelled());
            }
            std::thread::sleep(left.min(SLICE));
        }
    }

    /// Throws away what has come in, and notices a line that was closed before something is sent into the void.
    fn discard(&mut self, call: &Call<'_>) -> Result<()> {
        loop {
            match self.transport.receive(&mut self.received, Duration::ZERO) {
                Ok(0) => break,
                Ok(came) => {
                    (call.trace)(Direction::Received, &self.received[self.received.len() - came..]);
                    self.hear();
                }
                Err(error) => return Err(self.break_up(error)),
            }
            if self.received.len() > MOST_UNASKED {
                return Err(self.break_up(io::Error::other("it does not stop talking")));
            }
        }
        if let Framing::Rtu { .. } = self.framing {
            self.pay_what_came();
            self.received.clear();
        }
        // Over TCP a frame may have come in half; whose it is, its number will tell.
        Ok(())
    }

    fn connect_anew(&mut self) -> Result<()> {
        self.transport.reconnect().map_err(|error| self.break_up(error))?;
        self.received.clear();
        self.owed.clear();
        self.unheard = 0;
        self.connection += 1;
        Ok(())
    }

    fn overdue(&self, request: &Request, unit: u8, limit: Duration) -> Error {
        // What was left to a call is no round number.
        let limit = Duration::from_millis(u64::try_from(limit.as_micros().div_ceil(1000)).unwrap_or(u64::MAX));
        Error::timeout(match self.received.as_slice() {
            [] => format!("{request}: unit {unit} has not answered within {limit:?}"),
            part => format!(
                "{request}: the answer had not ended after {limit:?}, but stopped at {}",
                show(part)
            ),
        })
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

/// What came is no answer to the request.
fn wrong(request: &Request, why: &str) -> Error {
    let kind = match request.writes() {
        true => ErrorKind::HardwareError,
        false => ErrorKind::ReadFailed,
    };
    Error::new(kind, format!("{request}: {why}"))
}

/// Bytes for a message, of very many only the first.
fn show(bytes: &[u8]) -> String {
    const MOST: usize = 32;
    let shown: Vec<String> = bytes.iter().take(MOST).map(|byte| format!("{byte:02x}")).collect();
    let more = if bytes.len() > MOST {
        format!("… ({} bytes)", bytes.len())
    } else {
        String::new()
    };
    format!("`{}`{more}", shown.join(" "))
}
