//! `[parameters.NAME]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ReadEntry, WriteEntry};

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
    /// How it is read. It may also be part of another's answer, in `[readings]` or wherever something is expected; without
    /// either, nobody can ask for it.
    pub read: Option<ReadEntry>,
    /// How it is written. Without it, nobody can change it.
    pub write: Option<WriteEntry>,
    /// The members of an enum, each with what stands for it on the line: `{ off = "0", on = "1" }`. Of a bool they are
    /// `false` and `true`; 0 and 1 if not said.
    pub values: Option<BTreeMap<String, String>>,
    /// What a number on the line is multiplied by to be the value, in `unit`: `0.1` for an instrument that counts tenths.
    /// What is written is divided by it.
    pub scale: Option<serde_json::Number>,
    /// What is then added: value = number · `scale` + `offset`.
    pub offset: Option<serde_json::Number>,
    /// Smallest and greatest number that may be written, in `unit`: `[0, 100]`. Others are refused and never sent.
    pub limits: Option<(serde_json::Number, serde_json::Number)>,
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

/// What kind of value something is.
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
    /// True or false; 1 or 0 on the line, if `values` do not say otherwise.
    Bool,
    /// Bytes as they are.
    Bytes,
}

/// Some bits of a whole number.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BitsEntry {
    /// One bit, from 0 for the one that counts least.
    One(u8),
    /// Several bits side by side, the first and the last: `"4..7"`.
    Several(String),
}
