//! What an instrument file may say, as serde has it. Every key is documented here; the schema for editors is made of it.
//!
//! Structure is checked against that schema, meaning in [`mod@read`]; what comes out is a
//! [`Script`](crate::script::Script).

mod names;
mod parameter;
mod quantity;
mod read;
mod reader;
mod schema;
mod talk;
mod templates;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use read::read;
pub use schema::schema;

/// An instrument that speaks lines of text: what is sent to it, and what its answers look like.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Instrument file")]
pub struct InstrumentFile {
    /// What the instrument is.
    pub instrument: About,
    /// How lines end, and how long the instrument may take.
    pub line: LineEntry,
    /// Lines that are exchanged once after connecting, in this order, before anything else.
    #[serde(default)]
    pub init: Vec<Talk>,
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
}

/// What the instrument is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Maker and model: `"Julabo FP50"`.
    pub name: String,
    /// One sentence about it.
    pub doc: Option<String>,
    /// Where its protocol is described: title, edition and page of the manual, or a link.
    pub manual: Option<String>,
}

/// How lines end, and how long the instrument may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineEntry {
    /// What ends a line: one text for both directions, `"\r\n"`, or one for each, `{ send = "\r", reply = "\r\n" }`.
    pub terminator: TerminatorEntry,
    /// How long the instrument may take to reply: `"500 ms"`. One second if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    pub reply_timeout: Option<f64>,
    /// How long connecting may take. Three seconds if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    pub connect_timeout: Option<f64>,
    /// How characters become bytes.
    #[serde(default)]
    pub encoding: Encoding,
}

/// What ends a line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TerminatorEntry {
    /// The same in both directions.
    Both(String),
    /// One for each direction.
    Each(Terminators),
}

/// What ends a line, where it differs between the directions.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Terminators {
    /// What the instrument wants at the end of a line; may be empty.
    pub send: String,
    /// What it puts at the end of its replies.
    pub reply: String,
}

/// How characters become bytes. Bytes that are no characters can be written as `\xHH` in any of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Encoding {
    /// One to four bytes for each character; the same as ASCII for what ASCII has.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ASCII alone; any other byte in a reply is an error.
    #[serde(rename = "ascii")]
    Ascii,
    /// One byte for each character, as many older instruments send `°` and `µ`.
    #[serde(rename = "latin-1")]
    Latin1,
}

/// Something that can be read, written, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterEntry {
    /// One sentence about it.
    pub doc: Option<String>,
    /// What kind of value it is: a number if not said, an enum if there are `values`.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Unit of its numbers, `"degC"` or `"mm/s"`, as the instrument means them.
    pub unit: Option<String>,
    /// Whether it is the main parameter: what the instrument is about.
    #[serde(default)]
    pub main: bool,
    /// How it is read. Without it, nobody can ask for it.
    pub read: Option<ReadEntry>,
    /// How it is written. Without it, nobody can change it.
    pub write: Option<WriteEntry>,
    /// The members of an enum, each with what stands for it on the line: `{ off = "0", on = "1" }`.
    pub values: Option<BTreeMap<String, String>>,
    /// Smallest and greatest number that may be written, in `unit`: `[0, 100]`. Others are refused and never sent.
    pub limits: Option<(f64, f64)>,
    /// How far from what was written the readback may be, in `unit`. If not said, half a unit of the last digit that
    /// `write` sends; one part in a million where it sends all digits.
    #[schemars(range(min = 0))]
    pub tolerance: Option<f64>,
    /// How often it is read when nobody asks: `"5 s"`, or `"0 s"` for never. The lab's interval if not said.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 86400))]
    pub poll: Option<f64>,
    /// How long the instrument may be busy with what was written, from one end of its range to the other: `"2 min"`. With
    /// `status` only; the host's limit if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 1_000_000.0))]
    pub motion_timeout: Option<f64>,
    /// Digits after the point that are worth showing. If not said, as many as the formats have.
    #[schemars(range(max = 17))]
    pub digits: Option<u8>,
}

/// What kind of value a parameter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A number with or without a fraction.
    Number,
    /// A whole number.
    Integer,
    /// Text.
    Text,
    /// One of several names, see `values`.
    Enum,
}

/// A question and what its answer looks like.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadEntry {
    /// The question, without its terminator.
    pub send: String,
    /// What the answer looks like. `{}` stands for the value, `{:f}` for a number in decimal or exponential notation,
    /// `{:d}` for a whole number, `{:x}` for a hexadecimal one, `{:s}` for text, `{_}` for anything of no interest. All
    /// other text has to come exactly so; a brace is doubled.
    pub expect: String,
    /// What stands for the members of the enum here, where it is not the same as in `values`.
    pub values: Option<BTreeMap<String, String>>,
}

/// A line with a value in it, and what comes back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteEntry {
    /// The line, with `{}` in the place of the value: `{:.2f}` for a number with two digits after the point, `{:.3e}` for
    /// an exponent, `{:d}` for a whole number, `{:04d}` for one with leading zeros, `{:x}` for a hexadecimal one, `{:s}`
    /// for text.
    pub send: String,
    /// What comes back, if anything does; `""` for an empty line. A value in it must be the one that was sent. Do not
    /// leave out what comes: it could be taken for the answer to the next question.
    pub expect: Option<String>,
    /// What stands for the members of the enum here, where it is not the same as in `values`.
    pub values: Option<BTreeMap<String, String>>,
}

/// A line, and what comes back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Talk {
    /// The line, without its terminator.
    pub send: String,
    /// What comes back, if anything does; `""` for an empty line. Do not leave out what comes: it could be taken for the
    /// answer to the next question.
    pub expect: Option<String>,
}

/// Something that the instrument can be told to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandEntry {
    /// One sentence about it.
    pub doc: Option<String>,
    /// The line, without its terminator.
    pub send: String,
    /// What comes back, if anything does; `""` for an empty line. Do not leave out what comes: it could be taken for the
    /// answer to the next question.
    pub expect: Option<String>,
}

/// How to see whether the instrument is idle or busy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusEntry {
    /// The question, and the place in its answer that tells.
    pub read: Question,
    /// What each answer means: `{ ready = "idle", moving = "busy", fault = { state = "error", text = "motor too hot" } }`.
    pub when: BTreeMap<String, Meaning>,
    /// What any other answer means. If not said, it is an error that quotes the answer.
    pub otherwise: Option<Meaning>,
    /// How late the instrument may be to answer that it is busy, after the main parameter was written: `"200 ms"`. For so
    /// long it counts as busy even if it says that it is idle. Many need this, and without it seem to have arrived
    /// before they have started.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 3600.0))]
    pub settle: Option<f64>,
}

/// A question about the status.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question, without its terminator.
    pub send: String,
    /// What the answer looks like, with `{}` or `{:d}` in the place that tells.
    pub expect: String,
}

/// What an answer about the status means.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Meaning {
    /// The state alone; the answer itself becomes the text.
    State(State),
    /// The state, with a text for people.
    WithText(StateText),
}

/// A state with a text for people.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateText {
    /// The state.
    pub state: State,
    /// What people read beside it.
    pub text: String,
}

/// How an instrument can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
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
