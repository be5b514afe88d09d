//! What an instrument says of its status, and what that means.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{Status, StatusCode};

/// What an answer about the status means.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Meaning {
    /// The state alone; the answer itself becomes the text.
    State(State),
    /// The state, with a text for people.
    WithText(StateText),
}

/// A state with a text for people.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateText {
    /// The state.
    pub state: State,
    /// What people read beside it.
    pub text: String,
}

/// How an instrument can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Switched off.
    Disabled,
    /// Ready.
    Idle,
    /// Ready, but something is unusual.
    Warn,
    /// Moving, ramping, counting: not there yet.
    Busy,
    /// Not usable until somebody has looked.
    Error,
}

impl Meaning {
    /// The state, with or without a text.
    pub fn state(&self) -> State {
        match self {
            Meaning::State(state) => *state,
            Meaning::WithText(meaning) => meaning.state,
        }
    }

    /// The status: with the text for people, or what the instrument `said`, where there is none.
    pub fn status(&self, said: &str) -> Status {
        match self {
            Meaning::State(state) => Status::new(state.code(), said),
            Meaning::WithText(meaning) => Status::new(meaning.state.code(), meaning.text.clone()),
        }
    }
}

impl State {
    /// The code of the status.
    pub fn code(self) -> StatusCode {
        match self {
            State::Disabled => StatusCode::Disabled,
            State::Idle => StatusCode::Idle,
            State::Warn => StatusCode::Warn,
            State::Busy => StatusCode::Busy,
            State::Error => StatusCode::Error,
        }
    }
}
