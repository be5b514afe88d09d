//! The line to an instrument, or to several: one question at a time, and only its own answer.
//!
//! What keeps an answer with its question:
//! - What has come in unasked is thrown away before each question, to its end, even if that is still on its way. Lines
//!   that an instrument says [by itself](Sieve) are kept for it, whenever they come.
//! - A question whose answer did not come in time leaves the line *in debt*: before the next question the line waits for
//!   that answer, to throw it away. If it still does not come, the line connects anew where that helps.
//! - That does not help on a serial port, nor with a TCP server that has one behind it and looks like any other. So the
//!   line then is *in doubt*: what only reads is asked once more than answers may be due, for answers come in the order of
//!   their questions, and the last one is taken. As many answers to the same question may then still come: before the
//!   next one the line waits until it was quiet for so long as a late answer is waited for. (Where more answers may be due
//!   than it is polite to ask for, it waits for that first.) What must not be asked twice waits whether a second reply
//!   follows.
//! - A reply that does not fit leaves the line in debt as well, for a moment: the one that fits may follow.
//! - A line that ends, or delivers what cannot be a reply, is closed for good: the host then opens its devices again, with
//!   its own back-off.
//!
//! What that promises. No answer is taken for that to another question
//! - if the instrument forgets with the connection what it was asked on it (TCP, UDP from a port of its own): however late;
//! - if it does not (serial ports, serial servers, UDP from a fixed port), but answers each question once and in order: if
//!   each answer comes within three reply timeouts after its question; and, however much later one comes, if the answers
//!   that are due after it follow at most three reply timeouts one upon the other. After a question that must not be
//!   asked twice it is one reply timeout, and at most a second. An instrument that is silent for so long, speaks, and is
//!   silent again for so long before it goes on where it was, cannot be told from one that has lost a question.
//! - Several instruments on one line keep no order among them: each is waited for twice as long as its reply may take,
//!   and once where it was silent before; later answers are told apart by what they look like alone.

mod debt;
mod doubt;
#[cfg(test)]
mod faults;
mod interrupt;
mod limit;
mod receive;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    time::{Duration, Instant},
};

use baton_plugin_api::{Error, ErrorKind, Result, line::Transport};

pub(crate) use baton_plugin_api::line::{Patience, Uncancelled};
use debt::Debt;
use limit::Limit;

use crate::manner::{Manner, ReplyEnd, Turn};

/// Longest reply, in bytes, that is waited for: what has no end by then is no line of text.
const MOST_REPLY: usize = 64 * 1024;

/// What may come in unasked before a question, in bytes; an instrument that says more never stops.
const MOST_UNASKED: usize = 16 * MOST_REPLY;

/// How long one wait lasts, so that a cancelled call ends soon.
const SLICE: Duration = Duration::from_millis(20);

/// Lines that instruments said by themselves, and nobody has fetched; beyond that the oldest are dropped.
const MOST_HEARD: usize = 1000;

/// Which of the instruments on a line. There is no other meaning in the number.
pub(crate) type Speaker = u32;

/// Whether an instrument says such a line by itself.
pub(crate) type Sieve = Box<dyn Fn(&[u8]) -> bool + Send>;

/// What is asked, and how.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Who is asked.
    pub(crate) of: Speaker,
    /// Without what ends it.
    pub(crate) text: &'a [u8],
    pub(crate) manner: &'a Manner,
    pub(crate) turn: &'a Turn,
    /// Whether a reply can be the one to this question; asked only where there is a doubt.
    pub(crate) fits: &'a dyn Fn(&[u8]) -> bool,
    /// What kind of error it is when something else comes: `ReadFailed` if the question only reads.
    pub(crate) kind: ErrorKind,
}

impl Question<'_> {
    /// Whether it may be asked twice.
    fn only_reads(&self) -> bool {
        self.kind == ErrorKind::ReadFailed
    }
}

/// A line that was connected.
pub(crate) struct Line {
    /// For messages.
    name: String,
    /// Why nothing more is exchanged, once that is so.
    broken: Option<String>,
    transport: Box<dyn Transport>,
    /// Whether connecting anew is no way to be rid of an old answer.
    is_shared: bool,
    /// What has come in and was not understood yet.
    received: Vec<u8>,
    /// Whether the first line in it was begun before the last question.
    is_begun: bool,
    /// What may still come in as an answer to an earlier question.
    debt: Option<Debt>,
    /// How many answers to earlier questions may come in before the one to the next, at most.
    doubt: u32,
    /// Whether it was waited for these already.
    has_waited: bool,
    /// When the instrument is ready for the next question.
    ready: Option<Instant>,
    /// How often the line was connected anew.
    connections: u64,
    /// Who did not answer at all, and may have forgotten what it was told at the beginning.
    lost: BTreeSet<Speaker>,
    /// Who did not answer the last time.
    silent: BTreeSet<Speaker>,
    /// What was said last to select an instrument.
    selected: Option<Vec<u8>>,
    sieves: Vec<(Speaker, Sieve)>,
    heard: VecDeque<(Speaker, Vec<u8>)>,
}

impl Line {
    /// A line over a transport that is connected.
    pub(crate) fn new(name: String, transport: Box<dyn Transport>) -> Self {
        Line {
            name,
            broken: None,
            transport,
            is_shared: false,
            received: Vec::new(),
            is_begun: false,
            debt: None,
            doubt: 0,
            has_waited: false,
            ready: None,
            connections: 0,
            lost: BTreeSet::new(),
            silent: BTreeSet::new(),
            selected: None,
            sieves: Vec::new(),
            heard: VecDeque::new(),
        }
    }

    /// The same line, with several instruments on it. It is not connected anew because one of them is silent.
    pub(crate) fn shared(self) -> Self {
        Line {
            is_shared: true,
            ..self
        }
    }

    /// How often the line was connected anew: what an instrument was told before, it may have forgotten.
    pub(crate) fn connections(&self) -> u64 {
        self.connections
    }

    /// Whether `speaker` did not answer at all since the last time that this was asked.
    pub(crate) fn take_lost(&mut self, speaker: Speaker) -> bool {
        self.lost.remove(&speaker)
    }

    /// What was said last to select an instrument, if that was heard for sure.
    pub(crate) fn selected(&mut self) -> &mut Option<Vec<u8>> {
        &mut self.selected
    }

    /// From now on, lines that pass `sieve` are kept for `speaker`. Replaces an earlier one.
    pub(crate) fn keep(&mut self, speaker: Speaker, sieve: Sieve) {
        self.sieves.retain(|(other, _)| *other != speaker);
        self.sieves.push((speaker, sieve));
    }

    /// `speaker` is not there any more.
    pub(crate) fn forget(&mut self, speaker: Speaker) {
        self.sieves.retain(|(other, _)| *other != speaker);
        self.heard.retain(|(other, _)| *other != speaker);
        self.lost.remove(&speaker);
        self.silent.remove(&speaker);
    }

    /// The oldest line that `speaker` said by itself.
    pub(crate) fn take_heard(&mut self, speaker: Speaker) -> Option<Vec<u8>> {
        let place = self.heard.iter().position(|(other, _)| *other == speaker)?;
        self.heard.remove(place).map(|(_, line)| line)
    }

    /// Sends a line to which nothing comes back but an echo, if there are echoes.
    ///
    /// # Errors
    /// `CommunicationFailed` if the line is gone, `Cancelled`, and what [`ask`](Self::ask) says of echoes.
    pub(crate) fn tell(&mut self, question: &Question<'_>, patience: &dyn Patience) -> Result<()> {
        self.send(question, patience)?;
        if question.manner.echo {
            self.owe(question);
            self.echo(question, self.limit(question, patience), patience)?;
            self.debt = None;
        }
        self.rest(question);
        Ok(())
    }

    /// Sends a line and returns the reply to it, without what ends it.
    ///
    /// # Errors
    /// `Timeout` if it does not come in time; `CommunicationFailed` if the line is gone or the reply has no end;
    /// `Cancelled` as soon as the call is; the question's kind if the echo is another one.
    pub(crate) fn ask(&mut self, question: &Question<'_>, patience: &dyn Patience) -> Result<Vec<u8>> {
        let reply = self.ask_in_doubt(question, patience);
        if self.is_shared && reply.as_ref().is_err_and(|error| error.kind() == ErrorKind::Timeout) {
            // What it owes is waited for at its own expense, not at that of its neighbours.
            let settled = self.settle(patience);
            settled.or_else(|error| match error.kind() {
                ErrorKind::CommunicationFailed => Err(error),
                _ => Ok(()),
            })?;
        }
        reply
    }

    fn ask_once(&mut self, question: &Question<'_>, patience: &dyn Patience) -> Result<Vec<u8>> {
        self.send(question, patience)?;
        // Until the answer is here it is owed, whatever else ends the wait.
        self.owe(question);
        let limit = self.limit(question, patience);
        if question.manner.echo {
            self.echo(question, limit, patience)?;
        }
        let mut reply = self.reply(question, limit, patience)?;
        while self.doubt > 0 && !self.has_waited && !question.only_reads() {
            reply = self.follow(question, reply, patience)?;
        }
        self.debt = None;
        self.silent.remove(&question.of);
        self.rest(question);
        Ok(reply)
    }

    /// Waits until the instrument is ready, throws away what has come in unasked, and sends.
    fn send(&mut self, question: &Question<'_>, patience: &dyn Patience) -> Result<()> {
        self.usable()?;
        while let Some(left) = self
            .ready
            .and_then(|ready| ready.checked_duration_since(Instant::now()))
        {
            if patience.cancelled() {
                return Err(Error::cancelled());
            }
            std::thread::sleep(left.min(SLICE));
        }
        self.ready = None;
        self.discard(question.manner)?;
        let bytes = [question.text, question.manner.send_terminator(question.turn)].concat();
        self.transport.send(&bytes).map_err(|error| self.break_up(error))
    }

    /// Reads what the instruments say by themselves while nobody asks them anything.
    ///
    /// # Errors
    /// If the line is gone.
    pub(crate) fn listen(&mut self, end: &ReplyEnd) -> Result<()> {
        self.usable()?;
        self.drain()?;
        while let Some(line) = self.take(end, &mut 0)? {
            self.pay(&line);
        }
        Ok(())
    }

    /// The instrument needs a moment.
    fn rest(&mut self, question: &Question<'_>) {
        let pause = question.manner.pause(question.turn);
        self.ready = (!pause.is_zero()).then(|| Instant::now() + pause);
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
