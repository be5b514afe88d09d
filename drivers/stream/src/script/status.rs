//! How the status is asked for, and what the answers mean.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Status, StatusCode, Value};

use super::{Exchange, spelled};
use crate::file::{Meaning, State};

/// How the status is asked for.
#[derive(Clone, Debug)]
pub(crate) struct StatusQuery {
    /// `None` if only parameters tell.
    pub(crate) read: Option<Arc<Exchange>>,
    /// What each answer means, in the order of the file.
    pub(crate) when: Vec<(Key, Meaning)>,
    /// What any other means.
    pub(crate) otherwise: Option<Meaning>,
    /// Parameters, and the values that each has while the instrument is busy.
    pub(crate) busy_while: Vec<(String, Vec<Value>)>,
    /// For so long after a start, idle is not believed.
    pub(crate) settle: Duration,
}

/// An answer about the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// This one.
    Answer(String),
    /// One in which this bit is set, from 0.
    Bit(u8),
}

impl StatusQuery {
    /// The status that an answer stands for.
    pub(crate) fn status(&self, answer: &Value) -> Status {
        let text = spelled(answer);
        match self.meaning(answer, &text) {
            Some(meaning) => meaning.status(&text),
            None if self.has_bits() => Status::new(StatusCode::Idle, ""),
            None => Status::error(format!("unknown status `{}`", text.escape_debug())),
        }
    }

    fn meaning(&self, answer: &Value, text: &str) -> Option<&Meaning> {
        let is_set = |bit: u8| matches!(answer, Value::Int(n) if n >> bit.min(63) & 1 == 1);
        let applies = |key: &Key| match key {
            Key::Answer(answer) => answer == text,
            Key::Bit(bit) => is_set(*bit),
        };
        let applying = self
            .when
            .iter()
            .filter(|(key, _)| applies(key))
            .map(|(_, meaning)| meaning);
        // The worst one, and of two that are as bad the first.
        let worst = applying.rev().max_by_key(|meaning| meaning.state());
        worst.or(self.otherwise.as_ref())
    }

    fn has_bits(&self) -> bool {
        self.when.iter().any(|(key, _)| matches!(key, Key::Bit(_)))
    }

    /// Whether some answer means `state`.
    pub(crate) fn knows(&self, state: State) -> bool {
        let meanings = self.when.iter().map(|(_, meaning)| meaning).chain(&self.otherwise);
        (state == State::Busy && !self.busy_while.is_empty()) || meanings.into_iter().any(|m| m.state() == state)
    }
}
