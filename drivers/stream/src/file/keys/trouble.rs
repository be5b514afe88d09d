//! How an instrument tells of an error.

use std::collections::BTreeMap;

use baton_plugin_api::ErrorKind;
use schemars::JsonSchema;
use serde::Deserialize;

use super::exchange::Manners;

/// What an error reply means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TroubleEntry {
    /// Its kind; the text is that of the reply.
    Kind(Trouble),
    /// Its kind, with a text for people or the meaning of its codes.
    Told(ToldTrouble),
}

/// What an error reply means, with a text for people or the meaning of its codes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToldTrouble {
    /// Its kind; `HardwareError` if not said.
    #[serde(default)]
    pub kind: Trouble,
    /// What people read. If not said, the text of the reply.
    pub text: Option<String>,
    /// What each code means that the reply has in the place of `{}` or `{:d}`: `{ 3 = "over temperature", 7 = { kind =
    /// "RangeError", text = "out of range" } }`.
    #[serde(default)]
    pub codes: BTreeMap<String, CodeEntry>,
}

/// What a code means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CodeEntry {
    /// The text for people.
    Text(String),
    /// A kind, with a text.
    Told(ToldCode),
}

/// What a code means, with its kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ToldCode {
    /// Its kind; that of all the others if not said.
    pub kind: Option<Trouble>,
    /// What people read.
    pub text: Option<String>,
}

/// The kind of an error, by the name that SECoP has for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Trouble {
    /// The instrument does not do as it should.
    #[default]
    HardwareError,
    /// The value is outside of what the instrument takes.
    RangeError,
    /// The instrument is busy; it may work later.
    IsBusy,
    /// The instrument is in an error state that has to be cleared first.
    IsError,
    /// The instrument, or what was asked of it, is switched off.
    Disabled,
    /// Not possible as things stand now: in local mode, interlock open.
    Impossible,
    /// The value could not be read: sensor broken or missing.
    ReadFailed,
    /// The value that was read is not a sensible one: over range.
    OutOfRange,
    /// A command is still running.
    CommandRunning,
    /// The parameter cannot be written.
    ReadOnly,
    /// The value is of another kind than the instrument takes.
    WrongType,
    /// The instrument did not understand the line; most often a mistake in the file.
    ProtocolError,
    /// The model, or this version of it, does not have it.
    NotImplemented,
    /// What was behind the instrument did not answer in time.
    TimeoutError,
}

impl Trouble {
    /// As drivers return it.
    pub fn kind(self) -> ErrorKind {
        match self {
            Trouble::HardwareError => ErrorKind::HardwareError,
            Trouble::RangeError => ErrorKind::RangeError,
            Trouble::IsBusy => ErrorKind::IsBusy,
            Trouble::IsError => ErrorKind::IsError,
            Trouble::Disabled => ErrorKind::Disabled,
            Trouble::Impossible => ErrorKind::Impossible,
            Trouble::ReadFailed => ErrorKind::ReadFailed,
            Trouble::OutOfRange => ErrorKind::OutOfRange,
            Trouble::CommandRunning => ErrorKind::CommandRunning,
            Trouble::ReadOnly => ErrorKind::ReadOnly,
            Trouble::WrongType => ErrorKind::WrongType,
            Trouble::ProtocolError => ErrorKind::ProtocolError,
            Trouble::NotImplemented => ErrorKind::NotImplemented,
            Trouble::TimeoutError => ErrorKind::Timeout,
        }
    }
}

/// How the instrument is asked whether it took what it was sent.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorQueryEntry {
    /// The question, without its terminator: `"SYST:ERR?"`.
    pub send: String,
    /// What the answer looks like, with `{code:d}` and `{text:q}` in the places of the number and the text:
    /// `"{code:d},{text:q}"`.
    pub expect: String,
    /// The code that says that there is no error; `"0"` if not said. Until it comes the question is asked again, so that
    /// nothing is left for the next one who asks.
    pub none: Option<String>,
    /// The kind of errors; `HardwareError` if not said.
    #[serde(default)]
    pub kind: Trouble,
    /// What certain codes mean: `{ -222 = { kind = "RangeError" } }`.
    #[serde(default)]
    pub codes: BTreeMap<String, CodeEntry>,
}

impl ErrorQueryEntry {
    /// What it says of itself that most leave to `[line]`: nothing.
    pub fn manners(&self) -> Manners<'_> {
        static NONE: BTreeMap<String, TroubleEntry> = BTreeMap::new();
        Manners {
            send_terminator: None,
            terminator: None,
            length: None,
            field: None,
            silence: None,
            timeout: None,
            pause: None,
            errors: &NONE,
        }
    }
}
