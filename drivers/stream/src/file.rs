//! What an instrument file may say, as serde has it. Every key is documented here; the schema for editors is made of it.
//!
//! Structure is checked against that schema, meaning in [`mod@read`]; what comes out is a
//! [`Script`](crate::script::Script).

mod bits;
mod codecs;
mod framing;
mod keys;
mod names;
mod parameter;
mod read;
mod reader;
mod settings;
mod status;
mod subjects;
mod talk;
mod templates;
#[cfg(test)]
mod tests;
mod troubles;
mod values;

use std::collections::BTreeMap;

use baton_plugin_api::{
    instrument::{self, About},
    schemars::{JsonSchema, Schema},
};
use serde::Deserialize;

pub use keys::*;
pub(crate) use read::read;
pub(crate) use reader::{Given, STATION};
#[cfg(any(test, fuzzing))]
pub(crate) use {
    codecs::bound,
    read::{Wrong, read_source},
    subjects::Subject,
};

/// The JSON Schema of an instrument file, for editors.
pub fn schema() -> Schema {
    instrument::schema::<InstrumentFile>()
}

/// An instrument that speaks lines of text, or frames of bytes: what is sent to it, and what its answers look like.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Instrument file")]
pub struct InstrumentFile {
    /// What the instrument is.
    pub instrument: About,
    /// How lines end, and how long the instrument may take.
    pub line: LineEntry,
    /// What differs from one such instrument to the next, each under its name. The lab's config says it.
    #[serde(default)]
    pub settings: BTreeMap<String, SettingEntry>,
    /// Lines that are exchanged once after connecting, in this order, before anything else.
    #[serde(default)]
    pub init: Vec<Talk>,
    /// Lines that are exchanged before the connection is closed, in this order: `send = "LOCAL"`.
    #[serde(default)]
    pub exit: Vec<Talk>,
    /// Questions whose answers have the values of several parameters, each under a name of its own.
    #[serde(default)]
    pub readings: BTreeMap<String, ReadingEntry>,
    /// What can be read and written, each under its name. The first one is the main parameter, unless another says so.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterEntry>,
    /// What the instrument can be told to do, each under its name.
    #[serde(default)]
    pub commands: BTreeMap<String, CommandEntry>,
    /// How to see whether the instrument is idle or busy. With it, writing the main parameter is something that takes
    /// time, such as a motion: it is done when the instrument is no longer busy.
    pub status: Option<StatusEntry>,
    /// What stops the instrument.
    pub stop: Option<Talk>,
    /// What replies look like that tell of an error, and what each means: `{ "err: not idle" = "IsBusy", "E{:d}" =
    /// "HardwareError" }`. They are looked for in every reply, before what is expected.
    #[serde(default)]
    pub errors: BTreeMap<String, TroubleEntry>,
    /// How the instrument is asked whether it took what it was sent, after each write and command: the error queue of
    /// SCPI, `{ send = "SYST:ERR?", expect = "{code:d},{text:q}" }`.
    pub error_query: Option<ErrorQueryEntry>,
    /// Lines that the instrument sends unasked, each under a name of its own. They are never taken for an answer.
    #[serde(default)]
    pub unsolicited: BTreeMap<String, UnsolicitedEntry>,
}
