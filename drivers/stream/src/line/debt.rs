//! What a line owes: answers that may still come in, and have to be told from the one to the next question.

use std::time::{Duration, Instant};

use baton_plugin_api::Result;

use super::{
    Line, Patience, Question, Speaker,
    receive::{Came, Wait},
};
use crate::manner::ReplyEnd;

/// How many times as long as a reply that is in time a late one is waited for, where that keeps no neighbour waiting.
pub(super) const LATE: u32 = 3;

/// Answers that may still come in, to be thrown away.
#[derive(Clone, Debug)]
pub(super) struct Debt {
    /// Who owes them.
    pub(super) of: Speaker,
    /// How many.
    pub(super) owed: u32,
    /// Until when they are waited for.
    pub(super) until: Instant,
    /// How they end.
    end: ReplyEnd,
    /// What comes before them, where there are echoes.
    echo: Option<Vec<u8>>,
    /// Whether no answer has come at all. Else one has that did not fit, or none is due.
    pub(super) is_grave: bool,
    /// After a doubt: how long nothing may come until the doubt is over.
    quiet: Option<Duration>,
}

impl Debt {
    /// The answer to a question that was just asked, if it comes within so many times the time that a reply may take.
    pub(super) fn of(question: &Question<'_>, times: u32) -> Self {
        let reply_timeout = question.manner.reply_timeout(question.turn);
        Debt {
            of: question.of,
            owed: 1,
            until: Instant::now() + reply_timeout * times,
            end: question.manner.reply_end(question.turn).clone(),
            echo: question.manner.echo.then(|| question.text.to_vec()),
            is_grave: true,
            quiet: None,
        }
    }

    /// An answer that there may be.
    pub(super) fn light(question: &Question<'_>) -> Self {
        Debt {
            is_grave: false,
            ..Debt::of(question, 1)
        }
    }

    /// Answers to a question that was answered already: so many at most, and none any more once it was quiet for so many
    /// times the time that a reply may take.
    pub(super) fn after_doubt(question: &Question<'_>, owed: u32, times: u32) -> Self {
        Debt {
            owed,
            is_grave: false,
            quiet: Some(question.manner.reply_timeout(question.turn) * times),
            ..Debt::of(question, times)
        }
    }

    /// Waited for so long and no longer.
    pub(super) fn at_most(self, time: Duration) -> Self {
        Debt {
            until: self.until.min(Instant::now() + time),
            ..self
        }
    }

    /// How it is waited for.
    pub(super) fn wait(&self) -> Wait<'_> {
        Wait {
            end: &self.end,
            deadline: self.until,
            char_timeout: None,
        }
    }

    /// Whether nothing is owed any more, now that this has come.
    pub(super) fn is_paid_by(&mut self, line: &[u8]) -> bool {
        if self.echo.as_deref() != Some(line) {
            self.owed -= 1;
        }
        self.owed == 0
    }
}

impl Line {
    /// Makes sure, as far as that can be, that no answer to an earlier question can come any more.
    ///
    /// # Errors
    /// If the line is gone, or the call is cancelled.
    pub(crate) fn settle(&mut self, patience: &dyn Patience) -> Result<()> {
        self.usable()?;
        while let Some(debt) = self.debt.clone() {
            match self.next(&debt.wait(), patience)? {
                Came::Whole(line) => self.pay(&line),
                Came::Nothing if debt.quiet.is_some() => self.trust(),
                Came::Nothing | Came::Part => self.write_off(debt)?,
            }
        }
        Ok(())
    }

    /// An answer that was owed has come.
    pub(super) fn pay(&mut self, line: &[u8]) {
        let Some(debt) = &mut self.debt else { return };
        match (debt.is_paid_by(line), debt.quiet) {
            (true, Some(_)) => self.trust(),
            (true, None) => self.debt = None,
            (false, Some(quiet)) => debt.until = Instant::now() + quiet,
            (false, None) => {}
        }
    }

    /// What is owed is not waited for any longer.
    fn write_off(&mut self, debt: Debt) -> Result<()> {
        if debt.is_grave {
            self.lost.insert(debt.of);
            self.silent.insert(debt.of);
            self.selected = None;
            if self.transport.has_connections() && !self.is_shared {
                self.transport.reconnect().map_err(|error| self.break_up(error))?;
                self.connections += 1;
            }
            self.suspect(debt.owed);
        }
        self.received.clear();
        self.is_begun = false;
        self.debt = None;
        Ok(())
    }

    /// What is owed from now on.
    ///
    /// An answer that is late is waited for three times as long as one that is not. On a line with others it is twice as
    /// long, and for an instrument that did not answer the last time either, no longer at all: its neighbours wait, too.
    pub(super) fn owe(&mut self, question: &Question<'_>) {
        let times = match (self.is_shared, self.silent.contains(&question.of)) {
            (false, _) => LATE,
            (true, false) => 2,
            (true, true) => 1,
        };
        self.debt = Some(Debt::of(question, times));
    }

    /// The reply did not fit: the one that does may follow, and is waited for before the next question.
    pub(crate) fn distrust(&mut self, question: &Question<'_>) {
        if self.debt.is_none() {
            self.debt = Some(Debt::light(question));
        }
    }
}
