//! A Modbus instrument file that was read and found right.

use std::time::Duration;

use baton_plugin_api::{
    Datatype, Status, Value,
    instrument::{Facts, Meaning, State},
};

use crate::{blocks::Limits, field::Field, file::WriteFunction};

/// What the driver reads and writes, and what it understands of it.
#[derive(Debug)]
pub(crate) struct Script {
    /// What the instrument is, in one sentence.
    pub(crate) doc: String,
    /// What may be read at once; `None` if each value is read alone.
    pub(crate) blocks: Option<Limits>,
    /// How long the instrument wants to be left alone before a request.
    pub(crate) pause: Duration,
    pub(crate) reply_timeout: Duration,
    /// Written once after connecting.
    pub(crate) init: Vec<Step>,
    /// In the order of the file.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) commands: Vec<Command>,
    pub(crate) status: Option<StatusQuery>,
    pub(crate) stop: Option<Vec<Step>>,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) facts: Facts,
    pub(crate) read: Option<Field>,
    pub(crate) write: Option<Write>,
}

/// How a value is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Write {
    pub(crate) field: Field,
    pub(crate) way: Way,
}

/// By which functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// 5 or 6.
    Single,
    /// 15 or 16.
    Multiple,
    /// 22.
    Mask,
}

/// One write of an `init`, a command or a stop.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) write: Write,
    /// `None` for the argument of the command.
    pub(crate) value: Option<Value>,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) argument: Option<Argument>,
    pub(crate) steps: Vec<Step>,
}

/// What a command takes.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    pub(crate) datatype: Datatype,
    pub(crate) unit: String,
    pub(crate) limits: Option<(f64, f64)>,
}

/// How the status is asked for.
#[derive(Clone, Debug)]
pub(crate) struct StatusQuery {
    pub(crate) field: Field,
    pub(crate) words: Words,
    /// What says that the instrument is busy, besides: a bool.
    pub(crate) busy_while: Option<Field>,
    /// For so long after a start, idle is not believed.
    pub(crate) settle: Duration,
}

/// What a register says of the status.
#[derive(Clone, Debug)]
pub(crate) enum Words {
    /// One meaning for each number.
    Numbers {
        when: Vec<(i64, Meaning)>,
        otherwise: Option<Meaning>,
    },
    /// One meaning for each bit that is set; what none of them means.
    Flags {
        flags: Vec<(u8, Meaning)>,
        otherwise: Option<Meaning>,
    },
}

impl Script {
    /// The longest that one call can take: an answer that is still owed, connecting anew, introducing itself again, and
    /// the requests themselves.
    pub(crate) fn longest_call(&self, connect_timeout: Duration) -> Duration {
        let commands = self.commands.iter().map(|command| command.steps.len());
        let steps = commands.chain(self.stop.iter().map(Vec::len)).max().unwrap_or(0).max(1);
        // A write of a part of a register is two requests.
        let requests = 2 * (self.init.len() + steps) + 2;
        let margin = Duration::from_secs(1);
        let each = self.reply_timeout + self.pause;
        connect_timeout + each.saturating_mul(u32::try_from(requests).unwrap_or(u32::MAX)) + margin
    }
}

impl Way {
    /// What a file says, or else what fits the field.
    pub(crate) fn of(said: Option<WriteFunction>, field: &Field) -> Self {
        match said {
            Some(WriteFunction::Single) => Way::Single,
            Some(WriteFunction::Multiple) => Way::Multiple,
            Some(WriteFunction::Mask) => Way::Mask,
            None if field.count() == 1 => Way::Single,
            None => Way::Multiple,
        }
    }
}

impl StatusQuery {
    /// The status that a number means, and whether `busy_while` says that it is busy.
    pub(crate) fn status(&self, number: i64, is_busy: bool) -> Status {
        let status = self.words.status(number);
        match is_busy && !status.is_error() {
            true => Status::busy(if status.is_busy() { status.text } else { String::new() }),
            false => status,
        }
    }

    /// Whether something can mean that the instrument is busy.
    pub(crate) fn can_be_busy(&self) -> bool {
        let is_busy = |meaning: &Meaning| meaning.state() == State::Busy;
        let (mut meanings, otherwise): (Box<dyn Iterator<Item = &Meaning>>, _) = match &self.words {
            Words::Numbers { when, otherwise } => (Box::new(when.iter().map(|(_, meaning)| meaning)), otherwise),
            Words::Flags { flags, otherwise } => (Box::new(flags.iter().map(|(_, meaning)| meaning)), otherwise),
        };
        self.busy_while.is_some() || meanings.any(is_busy) || otherwise.as_ref().is_some_and(is_busy)
    }
}

impl Words {
    fn status(&self, number: i64) -> Status {
        match self {
            Words::Numbers { when, otherwise } => {
                let meaning = when
                    .iter()
                    .find(|(wanted, _)| *wanted == number)
                    .map(|(_, meaning)| meaning);
                match meaning.or(otherwise.as_ref()) {
                    Some(meaning) => of(meaning, &format!("status {number}")),
                    None => Status::error(format!("unknown status {number}")),
                }
            }
            Words::Flags { flags, otherwise } => {
                let set = flags.iter().filter(|(bit, _)| number >> bit & 1 == 1);
                let worst = set.max_by_key(|(bit, meaning)| (meaning.state(), std::cmp::Reverse(*bit)));
                match (worst, otherwise) {
                    (Some((bit, meaning)), _) => of(meaning, &format!("bit {bit}")),
                    (None, Some(meaning)) => of(meaning, ""),
                    (None, None) => Status::idle(),
                }
            }
        }
    }
}

/// A status with the meaning's text, or what was read where it has none; idle needs no word.
fn of(meaning: &Meaning, read: &str) -> Status {
    meaning.status(if meaning.state() == State::Idle { "" } else { read })
}
