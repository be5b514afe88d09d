//! `[line]`: where lines end, and how long the instrument may take.

use schemars::JsonSchema;
use serde::Deserialize;

/// How lines end, and how long the instrument may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineEntry {
    /// What ends a line: one text for both directions, `"\r\n"`, or one for each, `{ send = "\r", reply = "\r\n" }`. It
    /// is added to what is sent, and taken off what comes. Without one for replies, say where a reply ends by
    /// `reply_length`, `length_field` or `silence`, here or where the reply is expected; what consists of fields of a
    /// certain width alone says it by itself.
    pub terminator: Option<TerminatorEntry>,
    /// Every reply has so many bytes, and no terminator: `8`.
    #[schemars(range(min = 1, max = 65536))]
    pub reply_length: Option<u32>,
    /// Every reply says how long it is, in bytes of its own: `{ at = 2, is = "u8", plus = 5 }`.
    pub length_field: Option<LengthEntry>,
    /// A reply has ended when nothing more came for so long: `"20 ms"`. The last resort, for replies that have neither
    /// terminator nor length: each exchange takes so much longer.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 60.0))]
    pub silence: Option<f64>,
    /// How long the instrument may take to reply, to the last byte: `"500 ms"`. One second if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    pub reply_timeout: Option<f64>,
    /// How long the instrument may be silent in the middle of a reply: `"50 ms"`. What stops for longer is given up, and
    /// is no answer. If not said, only `reply_timeout` counts.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    pub char_timeout: Option<f64>,
    /// How long connecting may take. Three seconds if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    pub connect_timeout: Option<f64>,
    /// Time that the instrument needs between the end of one exchange and the beginning of the next: `"20 ms"`.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 60.0))]
    pub pause: Option<f64>,
    /// Whether the instrument repeats each line that it is sent, before it answers. The echo is waited for and compared.
    #[serde(default)]
    pub echo: bool,
    /// How often a question is asked again that had no answer, or one that does not fit or whose checksum is wrong. What
    /// is written and what commands send is never sent twice. Not at all if not said.
    #[schemars(range(max = 10))]
    #[serde(default)]
    pub retries: u8,
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
    #[serde(default)]
    pub send: String,
    /// What it puts at the end of its replies.
    pub reply: Option<String>,
}

/// Where a reply says how long it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthEntry {
    /// How many bytes come before it.
    #[schemars(range(max = 1024))]
    pub at: u32,
    /// How it is written, as in a placeholder: `"u8"`, `"u16be"`, `"2d"` for two decimal digits.
    pub is: String,
    /// What to add for the length of the whole reply, all that comes before and after included. Zero if not said.
    #[serde(default)]
    #[schemars(range(min = -1024, max = 1024))]
    pub plus: i64,
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
    /// Any bytes: what ASCII can show is itself, and people read and write `\xHH` for the rest, and `\\` for a backslash.
    #[serde(rename = "bytes")]
    Bytes,
}
