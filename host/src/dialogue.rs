//! Dialogues: what was said on an instrument's line, as a text that a person can write from the manual, and that is
//! played back without hardware.
//!
//! ```text
//! # Julabo FP50, from the command table of the manual.
//! read temperature
//! -> IN_PV_00\r
//! <- 23.40\r\n
//! = 23.4 degC
//!
//! write setpoint 30 degC
//! -> OUT_SP_00 30.00\r
//! <- \r\n
//!
//! write setpoint 300 degC
//! ! RangeError
//! ```
//!
//! | line | meaning |
//! | --- | --- |
//! | `# …` | a comment |
//! | `with station = 3` | an option of the device besides file and address, in TOML; before everything else |
//! | `open` | the device is opened: what follows is what the file has under `init`. Without it, nothing may be sent then |
//! | `read NAME`, `write NAME VALUE`, `call NAME [ARGUMENT]`, `status`, `stop` | what is asked of the device |
//! | `listen` | nothing is asked: the instrument speaks by itself |
//! | `close` | the device is closed |
//! | `-> TEXT` | this must be sent, and nothing else |
//! | `<- TEXT` | this comes back |
//! | `wait 300 ms` | the instrument takes so long |
//! | `hang up` | the instrument closes the connection |
//! | `= VALUE` | what the read, the call or the status returns |
//! | `! KIND` or `! KIND: part of the message` | it fails, and how: `TimeoutError`, `HardwareError`, … |
//! | `* NAME = VALUE` | the device publishes this reading, or sends this message, beside what was asked |
//!
//! In a `TEXT`, `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` stand for what cannot be seen; spaces at its end do not count, write
//! `\x20`. `->x 01 03 00 00` and `<-x …` are bytes in hexadecimal digits.
//!
//! What comes after the outcome is said after it: a reply that is late stands below `! TimeoutError`.

mod asked;
mod counterpart;
mod heard;
mod outcome;
mod parse;
mod replay;
#[cfg(test)]
mod tests;
mod value;
mod write;

use std::{fmt, ops::Range, time::Duration};

use baton_plugin_api::{ErrorKind, source::Source};

pub use asked::{Asked, Unknown};
pub use replay::{Replay, Replayed};
pub use value::{parse_value, show_value};
pub use write::{Recorder, hexadecimal, is_text};

/// A dialogue that was read.
#[derive(Clone, Debug)]
pub struct Dialogue {
    source: Source,
    /// Options of the device besides file and address: name, value in TOML, and where they stand.
    pub with: Vec<(String, String, Range<usize>)>,
    scenes: Vec<Scene>,
}

/// One thing that is asked of the device, and what is said meanwhile.
#[derive(Clone, Debug, PartialEq)]
struct Scene {
    action: Action,
    span: Range<usize>,
    steps: Vec<Step>,
}

impl Scene {
    /// What the device is to say by itself.
    fn unasked(&self) -> Vec<&str> {
        let names = self.steps.iter().filter_map(|step| match &step.what {
            Said::Unasked(name, _) => Some(name.as_str()),
            _ => None,
        });
        names.collect()
    }
}

/// What is asked of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is opened.
    Open,
    /// A parameter is read.
    Read(String),
    /// A parameter is written, with this value as people write it.
    Write(String, String),
    /// A command is run, with this argument.
    Call(String, Option<String>),
    /// Its status is asked for.
    Status,
    /// It is stopped.
    Stop,
    /// Nothing; it may speak by itself.
    Listen,
    /// It is closed.
    Close,
}

impl Action {
    /// The parameter or command that it is about.
    pub fn name(&self) -> Option<&str> {
        match self {
            Action::Read(name) | Action::Write(name, _) | Action::Call(name, _) => Some(name),
            Action::Open | Action::Status | Action::Stop | Action::Listen | Action::Close => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Open => write!(f, "open"),
            Action::Read(name) => write!(f, "read {name}"),
            Action::Write(name, value) => write!(f, "write {name} {value}"),
            Action::Call(name, None) => write!(f, "call {name}"),
            Action::Call(name, Some(argument)) => write!(f, "call {name} {argument}"),
            Action::Status => write!(f, "status"),
            Action::Stop => write!(f, "stop"),
            Action::Listen => write!(f, "listen"),
            Action::Close => write!(f, "close"),
        }
    }
}

/// A line below an action.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    what: Said,
    /// What the line says, without the sign that leads it.
    span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Said {
    /// `->`
    Sent(Vec<u8>),
    /// `<-`
    Received(Vec<u8>),
    Wait(Duration),
    HangUp,
    /// `=`
    Value(String),
    /// `!`, with a part of the message.
    Fails(ErrorKind, Option<String>),
    /// `*`
    Unasked(String, String),
}

impl Said {
    /// Whether it is how the action ends, not what is said on the line.
    fn is_outcome(&self) -> bool {
        matches!(self, Said::Value(_) | Said::Fails(..))
    }
}
