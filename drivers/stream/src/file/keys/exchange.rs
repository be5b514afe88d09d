//! What is sent, and what comes back.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Kind, LengthEntry, TroubleEntry};

/// What an exchange says of itself that most leave to `[line]`.
#[derive(Clone, Copy)]
pub struct Manners<'e> {
    /// `send_terminator`
    pub send_terminator: Option<&'e str>,
    /// `reply_terminator`
    pub terminator: Option<&'e str>,
    /// `reply_length`
    pub length: Option<u32>,
    /// `length_field`
    pub field: Option<&'e LengthEntry>,
    /// `silence`, in seconds.
    pub silence: Option<f64>,
    /// `reply_timeout`, in seconds.
    pub timeout: Option<f64>,
    /// `pause`, in seconds.
    pub pause: Option<f64>,
    /// `errors`
    pub errors: &'e BTreeMap<String, TroubleEntry>,
}

impl Manners<'_> {
    /// Whether it says where its reply ends.
    pub fn has_end(&self) -> bool {
        self.terminator.is_some() || self.length.is_some() || self.field.is_some() || self.silence.is_some()
    }
}

/// A struct with what every exchange may say, after what this one says; and `with steps` before and after it.
macro_rules! exchange {
    ($(#[$about:meta])* with steps $name:ident { $($fields:tt)* }) => {
        exchange! {
            $(#[$about])*
            $name {
                $($fields)*
                /// Lines that are exchanged before this, each time: `[{ send = "PR1", expect = "\x06" }]` for an
                /// instrument that acknowledges what is wanted, and answers to a second line.
                #[serde(default)]
                pub first: Vec<Talk>,
                /// Lines that are exchanged after this, each time.
                #[serde(default)]
                pub then: Vec<Talk>,
            }
        }

        impl $name {
            /// What is exchanged before and after it.
            pub fn steps(&self) -> [&[Talk]; 2] {
                [&self.first, &self.then]
            }
        }
    };
    ($(#[$about:meta])* $name:ident { $($fields:tt)* }) => {
        $(#[$about])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($fields)*
            /// How long the instrument may take to reply here, where it is not as long as everywhere: `"10 s"`.
            #[schemars(extend("unit" = "s"), range(min = 0.001, max = 3600.0))]
            pub reply_timeout: Option<f64>,
            /// Time that the instrument needs after this, before it hears the next line: `"200 ms"`.
            #[schemars(extend("unit" = "s"), range(min = 0, max = 60.0))]
            pub pause: Option<f64>,
            /// What ends the line that is sent, where it is not what ends the others: `""` for nothing.
            pub send_terminator: Option<String>,
            /// What ends the reply here, where it is not what ends the others.
            pub reply_terminator: Option<String>,
            /// The reply has so many bytes here, and no terminator.
            #[schemars(range(min = 1, max = 65536))]
            pub reply_length: Option<u32>,
            /// Where the reply says how long it is.
            pub length_field: Option<LengthEntry>,
            /// The reply has ended when nothing more came for so long.
            #[schemars(extend("unit" = "s"), range(min = 0.001, max = 60.0))]
            pub silence: Option<f64>,
            /// What replies look like here that tell of an error, before those of the whole instrument: `{ "ERR {:d}" =
            /// "RangeError" }`.
            #[serde(default)]
            pub errors: BTreeMap<String, TroubleEntry>,
        }

        impl $name {
            /// What it says of itself that most leave to `[line]`.
            pub fn manners(&self) -> Manners<'_> {
                Manners {
                    send_terminator: self.send_terminator.as_deref(),
                    terminator: self.reply_terminator.as_deref(),
                    length: self.reply_length,
                    field: self.length_field.as_ref(),
                    silence: self.silence,
                    timeout: self.reply_timeout,
                    pause: self.pause,
                    errors: &self.errors,
                }
            }
        }
    };
}

exchange! {
    /// A question and what its answer looks like.
    with steps ReadEntry {
        /// The question, without its terminator. `{name}` stands for the value of another parameter.
        pub send: String,
        /// What the answer looks like. `{}` stands for the value, `{:f}` for a number in decimal or exponential notation,
        /// `{:d}` for a whole number, `{:x}` for a hexadecimal one (`{:o}` octal, `{:b}` binary, `{:-4X}` with two's
        /// complement for what is negative), `{:s}` for text, `{:q}` for text in quotes, `{_}` for anything of no
        /// interest, `{name:f}` for the value of another parameter. A width is exact: `{:4d}{_:2}`. Numbers as bytes are
        /// `{:u8}`, `{:i16be}`, `{:u32le}`, `{:f32be}`, `{:4bcd}`; a checksum is `{!crc16-modbus}` or, in characters,
        /// `{!sum8:02X}`, of all before it or of what is between `{!start}` and `{!end}`. All other text has to come
        /// exactly so; a brace is doubled.
        pub expect: String,
        /// What stands for the members of the enum here, where it is not the same as in `values`.
        pub values: Option<BTreeMap<String, String>>,
        /// Other parameters that are bits of the whole number in the answer, from 0: `{ ready = 0, mode = "4..5" }`.
        pub bits: Option<BTreeMap<String, super::BitsEntry>>,
    }
}

exchange! {
    /// A question whose answer has the values of several parameters. It is asked once for all of them.
    with steps ReadingEntry {
        /// The question, without its terminator.
        pub send: String,
        /// What the answer looks like, with the names of the parameters in it: `"{voltage:f},{current:f},{_}"`.
        pub expect: String,
        /// Parameters that are bits of a whole number in the answer, which has `{:d}` or the like in its place: `{ ready =
        /// 0, mode = "4..5" }`.
        pub bits: Option<BTreeMap<String, super::BitsEntry>>,
    }
}

exchange! {
    /// A line with a value in it, and what comes back.
    with steps WriteEntry {
        /// The line, with `{}` in the place of the value: `{:.2f}` for a number with two digits after the point, `{:.3e}`
        /// for an exponent, `{:d}` for a whole number, `{:04d}` for one with leading zeros, `{:x}` for a hexadecimal one,
        /// `{:s}` for text, `{:u16be}` for bytes; `{name:.2f}` for the value that another parameter has; `{!sum8:02X}` for
        /// a checksum of all before it.
        pub send: String,
        /// What comes back, if anything does; `""` for an empty line. A value in it must be the one that was sent. Do not
        /// leave out what comes: it could be taken for the answer to the next question.
        pub expect: Option<String>,
        /// What stands for the members of the enum here, where it is not the same as in `values`.
        pub values: Option<BTreeMap<String, String>>,
    }
}

exchange! {
    /// A line, and what comes back.
    Talk {
        /// The line, without its terminator.
        pub send: String,
        /// What comes back, if anything does; `""` for an empty line. Do not leave out what comes: it could be taken for
        /// the answer to the next question.
        pub expect: Option<String>,
    }
}

exchange! {
    /// Something that the instrument can be told to do.
    with steps CommandEntry {
        /// One sentence about it.
        pub doc: Option<String>,
        /// The line, without its terminator; `{}` stands for the argument, as in a `write`.
        pub send: String,
        /// What comes back, if anything does; `""` for an empty line. `{}` stands for the result. Do not leave out what
        /// comes: it could be taken for the answer to the next question.
        pub expect: Option<String>,
        /// What the command is given: `{ type = "integer", limits = [1, 8] }`. If not said, what the placeholder in `send`
        /// is for.
        pub argument: Option<ValueEntry>,
        /// What the command returns: `{ type = "number", unit = "mm" }`. If not said, what the placeholder in `expect` is
        /// for.
        pub result: Option<ValueEntry>,
        /// Whether it starts something that takes time: the instrument is busy with it as `[status]` tells, and the
        /// command is done when it is no longer busy.
        #[serde(default)]
        pub long: bool,
    }
}

exchange! {
    /// A question about the status.
    with steps Question {
        /// The question, without its terminator.
        pub send: String,
        /// What the answer looks like, with `{}` or `{:d}` in the place that tells. `{name:f}` is the value of a parameter.
        pub expect: String,
    }
}

/// What a command is given or returns, or a message carries.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValueEntry {
    /// What kind of value it is; an enum if there are `values`.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Unit of its numbers, as the instrument means them.
    pub unit: Option<String>,
    /// Smallest and greatest number that may be given, in `unit`.
    pub limits: Option<(serde_json::Number, serde_json::Number)>,
    /// The members of an enum, each with what stands for it on the line.
    pub values: Option<BTreeMap<String, String>>,
    /// What a number on the line is multiplied by.
    pub scale: Option<serde_json::Number>,
    /// What is then added to it.
    pub offset: Option<serde_json::Number>,
}

/// A line that the instrument sends unasked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnsolicitedEntry {
    /// One sentence about it.
    pub doc: Option<String>,
    /// What the line looks like: `"!T {temperature:f}"` becomes a reading of that parameter. Without such a name it becomes
    /// a message of the device, called as this entry is; `{}` stands for what the message carries: `"ALARM {:d}"`.
    pub expect: String,
    /// What kind of value `{}` is; if not said, what the placeholder is for.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// The members of an enum, each with what stands for it on the line.
    pub values: Option<BTreeMap<String, String>>,
}
