//! What a Modbus instrument file may say, as serde has it. Every key is documented here; the schema for editors is made of
//! it.
//!
//! Structure is checked against that schema, meaning in the modules below; what comes out is a
//! [`Script`](crate::script::Script).

mod fields;
mod parameter;
mod read;
mod status;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use baton_plugin_api::{
    instrument::{self, About, Meaning},
    schemars::{JsonSchema, Schema},
};
use serde::Deserialize;

pub(crate) use read::read;

/// The JSON Schema of a Modbus instrument file, for editors.
pub fn schema() -> Schema {
    instrument::schema::<ModbusFile>()
}

/// An instrument that speaks Modbus: what is in its registers and coils.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Modbus instrument file")]
pub struct ModbusFile {
    /// What the instrument is.
    pub instrument: About,
    /// How the instrument counts and orders, and what it can bear.
    #[serde(default)]
    pub modbus: Conventions,
    /// What is written once after connecting, in this order, before anything else.
    #[serde(default)]
    pub init: Vec<StepEntry>,
    /// What can be read and written, each under its name. The first one is the main parameter, unless another says so.
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterEntry>,
    /// What the instrument can be told to do, each under its name.
    #[serde(default)]
    pub commands: BTreeMap<String, CommandEntry>,
    /// How to see whether the instrument is idle or busy. With it, writing the main parameter is something that takes
    /// time, such as a ramp: it is done when the instrument is no longer busy.
    pub status: Option<StatusEntry>,
    /// What stops the instrument.
    pub stop: Option<StopEntry>,
}

/// How the instrument counts and orders, and what it can bear.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conventions {
    /// Which byte of a register comes first: `big`, the more significant one, if not said.
    pub byte_order: Option<OrderEntry>,
    /// Which register of a longer number comes first: `big`, the most significant one, if not said.
    pub word_order: Option<OrderEntry>,
    /// Whether parameters that lie near each other are read in one request. For an instrument that takes no request beyond
    /// a single value, `false`.
    pub blocks: Option<bool>,
    /// How many items that nobody wants may lie between two that are read in one request. 8 if not said; 0 for an
    /// instrument that refuses to read what it does not have.
    #[schemars(range(max = 124))]
    pub max_gap: Option<u16>,
    /// Most registers that one request may read. 125 if not said, which is the most that Modbus has.
    #[schemars(range(min = 1, max = 125))]
    pub max_block: Option<u16>,
    /// How writes are made where nothing else is said: `single` (functions 5 and 6) or `multiple` (15 and 16). If not
    /// said, `single` for one register or coil, else `multiple`.
    pub write_function: Option<WriteFunction>,
    /// How long the instrument wants to be left alone between an answer and the next request: `"20 ms"`.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 10.0))]
    pub pause: Option<f64>,
    /// How long the instrument may take to answer: `"500 ms"`. One second if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
    pub reply_timeout: Option<f64>,
}

/// Which of several comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrderEntry {
    /// The most significant one, as Modbus has it.
    Big,
    /// The least significant one.
    Little,
}

/// What is in the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TypeEntry {
    /// A whole number without a sign, in one register.
    U16,
    /// A whole number with a sign, in one register.
    I16,
    /// A whole number without a sign, in two registers.
    U32,
    /// A whole number with a sign, in two registers.
    I32,
    /// A whole number without a sign, in four registers.
    U64,
    /// A whole number with a sign, in four registers.
    I64,
    /// A floating-point number, in two registers.
    F32,
    /// A floating-point number, in four registers.
    F64,
    /// A decimal number with four digits in each register; `length` says how many.
    Bcd,
    /// Text with two characters in each register; `length` says how many.
    Text,
    /// False for zero, true for anything else.
    Bool,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WriteFunction {
    /// Function 5 for a coil, 6 for a register.
    Single,
    /// Function 15 for coils, 16 for registers.
    Multiple,
    /// Function 22, for bits of one register: the instrument itself leaves the others as they are.
    Mask,
}

/// Something that can be read, written, or both.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterEntry {
    /// One sentence about it.
    pub doc: Option<String>,
    /// Where it is read: the table (`holding`, `input`, `coil`, `discrete`) and the address, counted from 0, as in
    /// `"holding 12"` or `"holding 0x0C"`; or the number that manuals have, counted from 1, as in `"40013"` or `"400013"`.
    pub at: Option<String>,
    /// What is in the registers. If not said, `u16`; a coil, a discrete input and a single `bit` are `bool`.
    #[serde(rename = "type")]
    pub kind: Option<TypeEntry>,
    /// Characters of a text, or digits of a `bcd` number.
    #[schemars(range(min = 1, max = 250))]
    pub length: Option<u16>,
    /// Which byte of a register comes first, where it differs from `[modbus]`.
    pub byte_order: Option<OrderEntry>,
    /// Which register comes first, where it differs from `[modbus]`.
    pub word_order: Option<OrderEntry>,
    /// What one count in the register stands for: `0.1` for a register that has tenths.
    pub scale: Option<f64>,
    /// What zero in the register stands for. The value is the register times `scale` plus `offset`.
    pub offset: Option<f64>,
    /// One bit of the whole number, 0 for the least significant. A write leaves the others as they are.
    #[schemars(range(max = 63))]
    pub bit: Option<u8>,
    /// The first and the last bit of a part of the whole number: `[4, 6]`. A write leaves the others as they are.
    pub bits: Option<(u8, u8)>,
    /// Names for the numbers: `{ off = 0, on = 1 }`.
    pub values: Option<BTreeMap<String, i64>>,
    /// Unit of its numbers, `"degC"` or `"mm/s"`, as they are after `scale` and `offset`.
    pub unit: Option<String>,
    /// Whether it is the main parameter: what the instrument is about.
    #[serde(default)]
    pub main: bool,
    /// Whether it can be written: `true`, where it is read; or where and how else, `{ at = "holding 20" }`.
    pub write: Option<WriteEntry>,
    /// Smallest and greatest number that may be written, in `unit`: `[0, 100]`. Others are refused and never sent. If not
    /// said, what fits into the register.
    pub limits: Option<(f64, f64)>,
    /// How far from what was written the readback may be, in `unit`. If not said, half of `scale`.
    #[schemars(range(min = 0))]
    pub tolerance: Option<f64>,
    /// How often it is read when nobody asks: `"5 s"`, or `"0 s"` for never. The lab's interval if not said.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 86400))]
    pub poll: Option<f64>,
    /// How long the instrument may be busy with what was written, from one end of its range to the other: `"2 min"`. With
    /// `status` only; the host's limit if not said.
    #[schemars(extend("unit" = "s"), range(min = 0.001, max = 1_000_000.0))]
    pub motion_timeout: Option<f64>,
    /// Digits after the point that are worth showing. If not said, as many as `scale` has.
    #[schemars(range(max = 17))]
    pub digits: Option<u8>,
}

/// Whether and how something is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WriteEntry {
    /// Where it is read, or not at all.
    Plain(bool),
    /// In another place, or in a way of its own.
    Own(OwnWrite),
}

/// How something is written, where that is not as it is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnWrite {
    /// Where, if not where it is read: `"holding 20"`.
    pub at: Option<String>,
    /// By which function. For bits of a register, `mask` lets the instrument itself leave the others as they are.
    pub function: Option<WriteFunction>,
}

/// One write: a fixed value, or the argument of the command.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepEntry {
    /// Where: `"coil 4"`, `"holding 12"`, or the manual's number, `"40013"`.
    pub at: String,
    /// What is written: a number, a bool, or a text.
    pub value: Option<Literal>,
    /// Whether the argument of the command is written, instead of a `value`.
    #[serde(default)]
    pub argument: bool,
    /// What is in the registers, as for a parameter.
    #[serde(rename = "type")]
    pub kind: Option<TypeEntry>,
    /// Characters of a text, or digits of a `bcd` number.
    #[schemars(range(min = 1, max = 246))]
    pub length: Option<u16>,
    /// Which byte of a register comes first, where it differs from `[modbus]`.
    pub byte_order: Option<OrderEntry>,
    /// Which register comes first, where it differs from `[modbus]`.
    pub word_order: Option<OrderEntry>,
    /// What one count in the register stands for.
    pub scale: Option<f64>,
    /// What zero in the register stands for.
    pub offset: Option<f64>,
    /// One bit of the register; the others stay as they are.
    #[schemars(range(max = 63))]
    pub bit: Option<u8>,
    /// The first and the last bit of a part of the register; the others stay as they are.
    pub bits: Option<(u8, u8)>,
    /// Names for the numbers of an argument: `{ off = 0, on = 1 }`.
    pub values: Option<BTreeMap<String, i64>>,
    /// By which function.
    pub function: Option<WriteFunction>,
}

/// A value that a file says.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Literal {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// Something that the instrument can be told to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandEntry {
    /// One sentence about it.
    pub doc: Option<String>,
    /// What is written for it, in this order: `[{ at = "coil 4", value = true }]`.
    pub write: Vec<StepEntry>,
    /// Unit of its argument.
    pub unit: Option<String>,
    /// Smallest and greatest argument, in `unit`. Others are refused, and nothing is written.
    pub limits: Option<(f64, f64)>,
}

/// What stops the instrument.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopEntry {
    /// What is written for it, in this order: `[{ at = "coil 5", value = true }]`.
    pub write: Vec<StepEntry>,
}

/// How to see whether the instrument is idle or busy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusEntry {
    /// Where the register or bit is that tells.
    pub at: String,
    /// What is in the register, as for a parameter.
    #[serde(rename = "type")]
    pub kind: Option<TypeEntry>,
    /// Which byte of a register comes first, where it differs from `[modbus]`.
    pub byte_order: Option<OrderEntry>,
    /// Which register comes first, where it differs from `[modbus]`.
    pub word_order: Option<OrderEntry>,
    /// One bit of the register that tells.
    #[schemars(range(max = 63))]
    pub bit: Option<u8>,
    /// The first and the last bit of the part of the register that tells.
    pub bits: Option<(u8, u8)>,
    /// What each number means: `{ 0 = "idle", 1 = "busy", 2 = { state = "error", text = "motor too hot" } }`; of a bit,
    /// `0` and `1`.
    pub when: Option<BTreeMap<String, Meaning>>,
    /// What each bit of the register means while it is set, by its number: `{ 0 = "busy", 7 = { state = "error", text =
    /// "sensor broken" } }`. Of several, the worst counts.
    pub flags: Option<BTreeMap<String, Meaning>>,
    /// Another place that says, by a bit that is set or a number that is not zero, that the instrument is busy:
    /// `"coil 3"`, or `{ at = "holding 7", bit = 2 }`.
    pub busy_while: Option<BusyEntry>,
    /// What anything else means. If not said, an error that tells the number; with `flags`, idle.
    pub otherwise: Option<Meaning>,
    /// How late the instrument may be to say that it is busy, after the main parameter was written: `"200 ms"`. For so
    /// long it counts as busy even if it says that it is idle.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 3600.0))]
    pub settle: Option<f64>,
}

/// What says that the instrument is busy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BusyEntry {
    /// A coil, a discrete input, or a register that is not zero.
    Place(String),
    /// Bits of a register.
    Bits(BusyBits),
}

/// Bits of a register that say that the instrument is busy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BusyBits {
    /// Where the register is.
    pub at: String,
    /// The bit that says so.
    #[schemars(range(max = 15))]
    pub bit: Option<u8>,
    /// The first and the last bit, any of which says so.
    pub bits: Option<(u8, u8)>,
}
