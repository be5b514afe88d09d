//! What cannot wait: a stop.

use std::time::Duration;

use baton_plugin_api::Result;

use super::{Line, Patience, Question, debt::Debt};

/// How long an answer to a stop is waited for before the next question where none is expected.
const UNEXPECTED: Duration = Duration::from_millis(250);

impl Line {
    /// Sends a line that cannot wait, not even for an answer that is owed, and returns the reply to it: if some are owed,
    /// replies that do not fit are taken for these. Without `expects`, nothing is waited for now, but what comes back all
    /// the same is kept off the next question.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) fn interrupt(
        &mut self,
        question: &Question<'_>,
        expects: bool,
        patience: &dyn Patience,
    ) -> Result<Option<Vec<u8>>> {
        let debt = self.debt.take();
        let doubt = std::mem::take(&mut self.doubt);
        let owed = debt.as_ref().map_or(0, |debt| debt.owed) + doubt;
        let missing = debt.filter(|debt| debt.is_grave).map_or(0, |debt| debt.owed) + doubt;
        let settled = self.interrupted(question, expects, owed, patience);
        // Nobody knows whether what was owed has come.
        match &mut self.debt {
            Some(debt) if debt.is_grave => debt.owed += missing,
            _ if missing > 0 => self.suspect(missing),
            _ => {}
        }
        settled
    }

    fn interrupted(
        &mut self,
        question: &Question<'_>,
        expects: bool,
        owed: u32,
        patience: &dyn Patience,
    ) -> Result<Option<Vec<u8>>> {
        self.send(question, patience)?;
        self.owe(question);
        let limit = self.limit(question, patience);
        if question.manner.echo {
            self.echo(question, limit, patience)?;
        }
        if !expects {
            // The file may be wrong about it.
            self.debt = Some(Debt::light(question).at_most(UNEXPECTED));
            self.rest(question);
            return Ok(None);
        }
        let mut reply = self.reply(question, limit, patience)?;
        for _ in 0..owed {
            if (question.fits)(&reply) {
                break;
            }
            reply = self.reply(question, limit, patience)?;
        }
        self.debt = None;
        self.rest(question);
        Ok(Some(reply))
    }
}
