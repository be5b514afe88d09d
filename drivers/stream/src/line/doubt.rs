//! What to do where answers to earlier questions may come in, and nothing tells them from the one to the next.

#[cfg(test)]
mod tests;

use std::time::Duration;

use baton_plugin_api::{Error, Result};

use super::{
    Line, Patience, Question,
    debt::{Debt, LATE},
    limit::Limit,
    receive::Came,
};
use crate::text::show;

/// How often at most a question is asked again because late answers may be due. Where more may be, they are waited for.
const MOST_AGAIN: u32 = 3;

/// How soon after a late reply the right one follows: an instrument that did not answer for long says all at once.
const FOLLOWS: Duration = Duration::from_secs(1);

impl Line {
    /// Asks, and as often again as late answers may come in instead of the one to the question.
    pub(super) fn ask_in_doubt(&mut self, question: &Question<'_>, patience: &dyn Patience) -> Result<Vec<u8>> {
        if self.doubt == 0 || !question.only_reads() {
            return self.ask_once(question, patience);
        }
        if self.doubt > MOST_AGAIN {
            // It speaks again: first it shall say all that it was asked meanwhile.
            self.ask_once(question, patience)?;
            self.hush(question);
            self.settle(patience)?;
            if self.doubt > 0 {
                return Err(self.unrest(question));
            }
        }
        let again = self.doubt;
        let mut reply = self.ask_once(question, patience)?;
        for _ in 0..again {
            reply = self.ask_once(question, patience)?;
        }
        if again > 0 {
            self.hush(question);
        }
        Ok(reply)
    }

    /// Waits whether another reply follows; if one does, the first was a late one.
    pub(super) fn follow(
        &mut self,
        question: &Question<'_>,
        first: Vec<u8>,
        patience: &dyn Patience,
    ) -> Result<Vec<u8>> {
        let limit = Limit::of(question.manner.reply_timeout(question.turn).min(FOLLOWS), patience);
        match self.next(&limit.wait(question), patience)? {
            Came::Whole(second) => {
                self.doubt -= 1;
                let is_better = (question.fits)(&second) || !(question.fits)(&first);
                Ok(if is_better { second } else { first })
            }
            Came::Nothing | Came::Part if limit.is_cut => Err(self.overdue(question, limit)),
            Came::Nothing | Came::Part => {
                self.has_waited = true;
                Ok(first)
            }
        }
    }

    /// A question was asked again because there was a doubt, and was answered as often. If late answers were among these,
    /// as many answers to this question are still to come: the doubt stays until it was quiet for so long as a late answer
    /// is waited for; with neighbours, as one that is in time.
    ///
    /// Or until more has come than an instrument can have said that says everything twice.
    fn hush(&mut self, question: &Question<'_>) {
        let times = if self.is_shared { 1 } else { LATE };
        let owed = self.doubt.saturating_mul(2).saturating_add(1);
        self.debt = Some(Debt::after_doubt(question, owed, times));
        self.has_waited = false;
    }

    /// Nothing can come any more but the answer to the next question.
    pub(super) fn trust(&mut self) {
        self.doubt = 0;
        self.debt = None;
    }

    /// The instrument stopped in the middle of what it had to say.
    fn unrest(&self, question: &Question<'_>) -> Error {
        let sent = show(question.text);
        Error::timeout(format!(
            "no certain reply to {sent}: {} still says what it was asked before, and stopped in the middle of it",
            self.name
        ))
    }

    /// So many answers may come in some time.
    pub(super) fn suspect(&mut self, owed: u32) {
        self.doubt = self.doubt.saturating_add(owed);
        self.has_waited = false;
    }
}
