//! How long a reply is waited for, and what is said when it did not come.

use std::time::{Duration, Instant};

use baton_plugin_api::Error;

use super::{Line, Patience, Question, receive::Wait};
use crate::text::show;

/// Until when a reply is waited for.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    pub(super) time: Duration,
    pub(super) deadline: Instant,
    /// Whether the call is overdue sooner than the reply.
    pub(super) is_cut: bool,
}

impl Limit {
    pub(super) fn of(reply_timeout: Duration, patience: &dyn Patience) -> Self {
        let left = patience.remaining().unwrap_or(Duration::MAX);
        let time = reply_timeout.min(left);
        Limit {
            time,
            deadline: Instant::now() + time,
            is_cut: left < reply_timeout,
        }
    }

    /// How the reply to a question is waited for.
    pub(super) fn wait<'a>(&self, question: &Question<'a>) -> Wait<'a> {
        Wait {
            end: question.manner.reply_end(question.turn),
            deadline: self.deadline,
            char_timeout: question.manner.char_timeout,
        }
    }
}

impl Line {
    pub(super) fn limit(&self, question: &Question<'_>, patience: &dyn Patience) -> Limit {
        Limit::of(question.manner.reply_timeout(question.turn), patience)
    }

    pub(super) fn overdue(&self, question: &Question<'_>, limit: Limit) -> Error {
        // What was left to a call is no round number.
        let time = Duration::from_millis(u64::try_from(limit.time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX));
        let sent = show(question.text);
        let end = question.manner.reply_end(question.turn).describe();
        Error::timeout(match (self.received.as_slice(), question.manner.char_timeout) {
            ([], _) => format!("no reply to {sent} within {time:?}"),
            (part, Some(silence)) if Instant::now() < limit.deadline => {
                format!(
                    "the reply to {sent} had not ended {end}, but stopped at {} for {silence:?}",
                    show(part)
                )
            }
            (part, _) => format!(
                "the reply to {sent} had not ended {end} after {time:?}, but stopped at {}",
                show(part)
            ),
        })
    }
}
