//! An instrument file that was read and found right.

use std::{collections::BTreeMap, time::Duration};

use baton_plugin_api::{Datatype, Status, StatusCode, Value};

use crate::{
    file::{Encoding, Meaning, State},
    manner::Manner,
    template::Format,
};

/// What the driver says to an instrument, and what it understands of it.
#[derive(Debug)]
pub(crate) struct Script {
    /// What the instrument is, in one sentence.
    pub(crate) doc: String,
    pub(crate) manner: Manner,
    pub(crate) connect_timeout: Duration,
    pub(crate) encoding: Encoding,
    /// Exchanged once after connecting.
    pub(crate) init: Vec<Exchange>,
    /// In the order of the file.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) commands: Vec<Command>,
    pub(crate) status: Option<StatusQuery>,
    pub(crate) stop: Option<Exchange>,
}

/// A line that is sent, and what comes back.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) send: Format,
    /// `None` if nothing comes back.
    pub(crate) expect: Option<Format>,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) datatype: Datatype,
    pub(crate) unit: String,
    pub(crate) main: bool,
    pub(crate) read: Option<Exchange>,
    pub(crate) write: Option<Exchange>,
    pub(crate) limits: Option<(f64, f64)>,
    pub(crate) tolerance: Option<f64>,
    /// Zero for never.
    pub(crate) poll: Option<Duration>,
    pub(crate) motion_timeout: Option<Duration>,
    pub(crate) digits: Option<u8>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) exchange: Exchange,
}

/// How the status is asked for.
#[derive(Clone, Debug)]
pub(crate) struct StatusQuery {
    pub(crate) read: Exchange,
    /// What each answer means.
    pub(crate) when: BTreeMap<String, Meaning>,
    /// What any other means.
    pub(crate) otherwise: Option<Meaning>,
    /// For so long after a start, idle is not believed.
    pub(crate) settle: Duration,
}

impl Script {
    /// The longest that one call can take: an answer that is still owed, connecting anew, introducing itself again, the
    /// exchange itself as often as it is repeated, and the wait whether an earlier answer was meant.
    pub(crate) fn longest_call(&self) -> Duration {
        let exchanges = u32::try_from(self.init.len()).unwrap_or(u32::MAX).saturating_add(5);
        let exchanges = exchanges.saturating_add(u32::from(self.manner.retries) * 4);
        let margin = Duration::from_secs(1);
        let turn = self.manner.reply_timeout + self.manner.pause;
        self.connect_timeout + turn.saturating_mul(exchanges) + margin
    }
}

impl StatusQuery {
    /// The status that an answer stands for.
    pub(crate) fn status(&self, answer: &Value) -> Status {
        let answer = match answer {
            Value::Text(text) => text.clone(),
            Value::Int(n) => n.to_string(),
            other => format!("{other:?}"),
        };
        match self.when.get(&answer).or(self.otherwise.as_ref()) {
            Some(Meaning::State(state)) => Status::new(state.code(), answer),
            Some(Meaning::WithText(meaning)) => Status::new(meaning.state.code(), meaning.text.clone()),
            None => Status::error(format!("unknown status `{}`", answer.escape_debug())),
        }
    }

    /// Whether some answer means `state`.
    pub(crate) fn knows(&self, state: State) -> bool {
        self.when
            .values()
            .chain(&self.otherwise)
            .any(|meaning| meaning.state() == state)
    }
}

impl Meaning {
    /// The state, with or without a text.
    pub(crate) fn state(&self) -> State {
        match self {
            Meaning::State(state) => *state,
            Meaning::WithText(meaning) => meaning.state,
        }
    }
}

impl State {
    fn code(self) -> StatusCode {
        match self {
            State::Disabled => StatusCode::Disabled,
            State::Idle => StatusCode::Idle,
            State::Warn => StatusCode::Warn,
            State::Busy => StatusCode::Busy,
            State::Error => StatusCode::Error,
        }
    }
}
