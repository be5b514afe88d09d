//! What comes in over a line: replies, echoes, and what nobody has asked for.

use std::{
    io,
    time::{Duration, Instant},
};

use baton_plugin_api::{Error, Result};

use super::{Limit, Line, MOST_HEARD, MOST_REPLY, MOST_UNASKED, Patience, Question, SLICE, Uncancelled};
use crate::{
    manner::{Manner, ReplyEnd},
    text::show,
};

/// How long the rest of a line that nobody has asked for may take, from one piece to the next.
const REST: Duration = Duration::from_millis(20);

/// What is waited for.
pub(super) struct Wait<'a> {
    pub(super) end: &'a ReplyEnd,
    pub(super) deadline: Instant,
    pub(super) char_timeout: Option<Duration>,
}

/// What came of a wait.
pub(super) enum Came {
    /// A whole line, without what ends it.
    Whole(Vec<u8>),
    /// A part of one, which is still there.
    Part,
    Nothing,
}

impl Line {
    /// The reply to a question, within the limit.
    pub(super) fn reply(&mut self, question: &Question<'_>, limit: Limit, patience: &dyn Patience) -> Result<Vec<u8>> {
        let mut other = None;
        // What does not fit is no proof that a late answer has come: the doubt stays as great as it was.
        let mut late = self.doubt;
        loop {
            let may_be_other = late > 0 || self.is_shared;
            match self.next(&limit.wait(question), patience)? {
                // An earlier one, or that of a neighbour.
                Came::Whole(reply) if may_be_other && !(question.fits)(&reply) => {
                    late = late.saturating_sub(1);
                    other = Some(reply);
                }
                Came::Whole(reply) => return Ok(reply),
                Came::Nothing | Came::Part => return other.ok_or_else(|| self.overdue(question, limit)),
            }
        }
    }

    /// Takes the echo of a question off what comes in.
    ///
    /// # Errors
    /// If something else comes: then nobody knows what the instrument has heard.
    pub(super) fn echo(&mut self, question: &Question<'_>, limit: Limit, patience: &dyn Patience) -> Result<()> {
        let ends = [
            reply_terminator(question),
            question.manner.send_terminator(question.turn),
        ];
        let mut quiet = limit.deadline;
        loop {
            match after_echo(&self.received, question.text, ends) {
                Echo::Ends(length) => {
                    self.received.drain(..length);
                    return Ok(());
                }
                Echo::MayEnd(length) if Instant::now() >= quiet => {
                    self.received.drain(..length);
                    return Ok(());
                }
                Echo::MayEnd(_) => quiet = quiet.min(Instant::now() + REST),
                Echo::Differs => {
                    let got = show(&self.received);
                    let what = format!("sent {}, but the echo is {got}", show(question.text));
                    return Err(Error::new(question.kind, what));
                }
                Echo::Begins if Instant::now() >= limit.deadline => return Err(self.no_echo(question, limit)),
                Echo::Begins => {}
            }
            if patience.cancelled() {
                return Err(Error::cancelled());
            }
            self.receive(quiet.saturating_duration_since(Instant::now()).min(SLICE))?;
        }
    }

    fn no_echo(&self, question: &Question<'_>, limit: Limit) -> Error {
        let sent = show(question.text);
        Error::timeout(match self.received.as_slice() {
            [] => format!("no echo of {sent} within {:?}", limit.time),
            part => format!("the echo of {sent} stopped at {} after {:?}", show(part), limit.time),
        })
    }

    /// The next line that is no instrument's own, if it comes before the deadline.
    pub(super) fn next(&mut self, wait: &Wait<'_>, patience: &dyn Patience) -> Result<Came> {
        let mut searched = 0;
        let mut last = (!self.received.is_empty()).then(Instant::now);
        loop {
            if let Some(line) = self.take(wait.end, &mut searched)? {
                return Ok(Came::Whole(line));
            }
            if self.received.len() > MOST_REPLY {
                let what = format!("more than 64 KiB came and had not ended {}", wait.end.describe());
                return Err(self.break_up(io::Error::other(what)));
            }
            if patience.cancelled() {
                return Err(Error::cancelled());
            }
            let last_char = last.filter(|_| !self.received.is_empty());
            let until = match (wait.end, last_char, wait.char_timeout) {
                (ReplyEnd::Silence(silence), Some(last), _) => last + *silence,
                (_, Some(last), Some(silence)) => wait.deadline.min(last + silence),
                _ => wait.deadline,
            };
            let left = until.saturating_duration_since(Instant::now());
            if self.receive(left.min(SLICE))? > 0 {
                last = Some(Instant::now());
            } else if left.is_zero() {
                return Ok(match (wait.end, self.received.is_empty()) {
                    (_, true) => Came::Nothing,
                    (ReplyEnd::Silence(_), false) => Came::Whole(std::mem::take(&mut self.received)),
                    (_, false) => Came::Part,
                });
            }
        }
    }

    /// Takes the next line off what has come in, and those that instruments said by themselves before it.
    pub(super) fn take(&mut self, end: &ReplyEnd, searched: &mut usize) -> Result<Option<Vec<u8>>> {
        loop {
            let cut = match end.cut(&self.received, *searched) {
                Ok(cut) => cut,
                Err(why) => return Err(self.break_up(io::Error::other(why))),
            };
            let Some(cut) = cut else {
                *searched = self.received.len();
                return Ok(None);
            };
            *searched = 0;
            let rest = self.received.split_off(cut.taken);
            let mut line = std::mem::replace(&mut self.received, rest);
            line.truncate(cut.reply);
            let was_begun = std::mem::take(&mut self.is_begun);
            match self.sieves.iter().find(|(_, keeps)| keeps(&line)) {
                Some((speaker, _)) => {
                    if self.heard.len() == MOST_HEARD {
                        self.heard.pop_front();
                    }
                    self.heard.push_back((*speaker, line));
                }
                None if was_begun => {}
                None => return Ok(Some(line)),
            }
        }
    }

    /// Throws away what has come in, up to the end of a line, and notices a line that was closed before something is sent
    /// into the void.
    pub(super) fn discard(&mut self, manner: &Manner) -> Result<()> {
        self.drain()?;
        if self.received.is_empty() {
            return Ok(());
        }
        while self.take(&manner.reply_end, &mut 0)?.is_some() {}
        // Half of something: its rest would be the beginning of the reply.
        let deadline = Instant::now() + REST * 5;
        while !self.received.is_empty() {
            let wait = Wait {
                end: &manner.reply_end,
                deadline,
                char_timeout: Some(manner.char_timeout.map_or(REST, |silence| silence.min(REST))),
            };
            match self.next(&wait, &Uncancelled::OPENING)? {
                Came::Whole(_) if Instant::now() < deadline => {}
                Came::Nothing | Came::Part if !self.sieves.is_empty() => {
                    // It may become something that the instrument says by itself; the reply it is not.
                    self.is_begun = !self.received.is_empty();
                    return Ok(());
                }
                _ => self.received.clear(),
            }
        }
        Ok(())
    }

    /// Takes in what has come.
    pub(super) fn drain(&mut self) -> Result<()> {
        let mut total = 0;
        loop {
            match self.receive(Duration::ZERO)? {
                0 => return Ok(()),
                came => total += came,
            }
            if total > MOST_UNASKED {
                return Err(self.break_up(io::Error::other("it does not stop talking")));
            }
        }
    }

    fn receive(&mut self, wait: Duration) -> Result<usize> {
        let came = self.transport.receive(&mut self.received, wait);
        came.map_err(|error| self.break_up(error))
    }
}

fn reply_terminator<'a>(question: &Question<'a>) -> &'a [u8] {
    match question.manner.reply_end(question.turn) {
        ReplyEnd::Terminator(terminator) => terminator,
        _ => &[],
    }
}

/// What has come in, seen as an echo.
#[derive(Debug, PartialEq, Eq)]
enum Echo {
    /// It may become one.
    Begins,
    /// It is one, so long.
    Ends(usize),
    /// It is one, so long, unless more of what ends it follows.
    MayEnd(usize),
    /// It is none.
    Differs,
}

/// Instruments repeat a line with its own end, or with that of their replies.
fn after_echo(received: &[u8], text: &[u8], ends: [&[u8]; 2]) -> Echo {
    let Some(rest) = received.strip_prefix(text) else {
        return match text.starts_with(received) {
            true => Echo::Begins,
            false => Echo::Differs,
        };
    };
    let whole = ends
        .iter()
        .filter(|end| rest.starts_with(end))
        .map(|end| end.len())
        .max();
    let is_open = ends.iter().any(|end| end.len() > rest.len() && end.starts_with(rest));
    match whole {
        Some(end) if is_open => Echo::MayEnd(text.len() + end),
        Some(end) => Echo::Ends(text.len() + end),
        None if is_open => Echo::Begins,
        None => Echo::Differs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_ends_as_a_line_does_in_either_direction() {
        let check = |received: &str, send: &str, reply: &str| {
            after_echo(received.as_bytes(), b"P?", [reply.as_bytes(), send.as_bytes()])
        };
        assert_eq!(check("", "\r", "\r\n"), Echo::Begins);
        assert_eq!(check("P?", "\r", "\r\n"), Echo::Begins);
        assert_eq!(check("P?\r", "\r", "\r\n"), Echo::MayEnd(3));
        assert_eq!(check("P?\r\n", "\r", "\r\n"), Echo::Ends(4));
        assert_eq!(check("P?\r12\r\n", "\r", "\r\n"), Echo::Ends(3));
        assert_eq!(check("P?\r\r\n", "\r", "\r\n"), Echo::Ends(3));
        assert_eq!(check("P?\n12", "\n", "\n"), Echo::Ends(3));
        assert_eq!(check("P!", "\n", "\n"), Echo::Differs);
        assert_eq!(check("P?12\n", "\n", "\n"), Echo::Differs);
        // Binary, half duplex: the bytes, and the reply at once.
        assert_eq!(check("P?12", "", ""), Echo::Ends(2));
    }
}
