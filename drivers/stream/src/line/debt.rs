//! What a line owes.

use std::time::{Duration, Instant};

use super::{Limit, Question, Speaker, receive::Wait};
use crate::manner::ReplyEnd;

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
}

impl Debt {
    /// The answer to a question that was just asked. It may take twice as long as the reply that is still taken for one.
    pub(super) fn of(question: &Question<'_>) -> Self {
        let reply_timeout = question.manner.reply_timeout(question.turn);
        Debt {
            of: question.of,
            owed: 1,
            until: Instant::now() + reply_timeout * 3,
            end: question.manner.reply_end(question.turn).clone(),
            echo: question.manner.echo.then(|| question.text.to_vec()),
            is_grave: true,
        }
    }

    /// An answer that there may be.
    pub(super) fn light(self) -> Self {
        let left = self.until.saturating_duration_since(Instant::now());
        Debt {
            until: Instant::now() + left / 3,
            is_grave: false,
            ..self
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

impl Limit {
    /// How the reply to a question is waited for.
    pub(super) fn wait<'a>(&self, question: &Question<'a>) -> Wait<'a> {
        Wait {
            end: question.manner.reply_end(question.turn),
            deadline: self.deadline,
            char_timeout: question.manner.char_timeout,
        }
    }
}
