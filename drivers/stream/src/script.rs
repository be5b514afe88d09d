//! An instrument file that was read and found right.

mod status;
mod trouble;

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Datatype, Value, instrument::Facts};

pub(crate) use status::{Key, StatusQuery};
pub(crate) use trouble::{Code, Codes, ErrorQuery, Trouble};

use crate::{
    manner::{Manner, Turn},
    template::{Codec, Format, Scanned},
};

/// What the driver says to an instrument, and what it understands of it.
#[derive(Debug)]
pub(crate) struct Script {
    /// What the instrument is, in one sentence.
    pub(crate) doc: String,
    pub(crate) manner: Manner,
    pub(crate) connect_timeout: Duration,
    /// Exchanged once after connecting.
    pub(crate) init: Vec<Exchange>,
    /// Exchanged before the connection is closed.
    pub(crate) exit: Vec<Exchange>,
    /// In the order of the file.
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) commands: Vec<Command>,
    pub(crate) status: Option<StatusQuery>,
    pub(crate) stop: Option<Exchange>,
    /// What replies look like that tell of an error, whatever was asked.
    pub(crate) errors: Vec<Trouble>,
    /// Asked after each write and command.
    pub(crate) error_query: Option<ErrorQuery>,
    /// What lines look like that come unasked.
    pub(crate) unsolicited: Vec<Unsolicited>,
}

/// A line that is sent, and what comes back.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) send: Format,
    /// `None` if nothing comes back.
    pub(crate) expect: Option<Format>,
    /// What it does in another way than the rest of its line.
    pub(crate) turn: Turn,
    /// Parameters that are bits of the whole number in the answer.
    pub(crate) bits: Vec<Bits>,
    /// What replies look like here that tell of an error, before those of the whole instrument.
    pub(crate) errors: Vec<Trouble>,
    /// Exchanged before it, each time.
    pub(crate) first: Vec<Exchange>,
    /// Exchanged after it, each time.
    pub(crate) then: Vec<Exchange>,
}

/// A parameter that is some bits of a whole number.
#[derive(Clone, Debug)]
pub(crate) struct Bits {
    pub(crate) parameter: String,
    /// The first one, from 0.
    pub(crate) low: u8,
    /// The last one.
    pub(crate) high: u8,
    /// How their number becomes a value.
    pub(crate) codec: Codec,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) facts: Facts,
    /// `None` if nobody can ask for it.
    pub(crate) read: Option<Source>,
    pub(crate) write: Option<Exchange>,
    /// The limits of an integer to the last digit.
    pub(crate) whole_limits: Option<(i64, i64)>,
}

/// Where the readings of a parameter come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// This exchange, which may have values of other parameters, too.
    Asked {
        exchange: Arc<Exchange>,
        /// Whether its value is the exchange's own; else it goes by its name.
        own: bool,
    },
    /// The instrument tells it with other things, or unasked.
    Told,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) exchange: Exchange,
    /// What it is given; `Unit` for nothing.
    pub(crate) argument: Datatype,
    pub(crate) argument_unit: String,
    pub(crate) argument_limits: Option<(f64, f64)>,
    /// What it returns; `Unit` for nothing.
    pub(crate) result: Datatype,
    pub(crate) result_unit: String,
    /// Whether it starts something that the status tells of.
    pub(crate) long: bool,
}

/// A line that comes unasked.
#[derive(Clone, Debug)]
pub(crate) struct Unsolicited {
    pub(crate) doc: String,
    pub(crate) expect: Format,
    /// The message that it becomes, and what that carries; `None` if it only has readings.
    pub(crate) message: Option<(String, Datatype)>,
}

impl Script {
    /// The longest that one call can take: an answer that is still owed, connecting anew, introducing itself again, what
    /// has to be known for it, the exchange itself as often as it is repeated, the wait whether an earlier answer was
    /// meant, and the error query.
    pub(crate) fn longest_call(&self) -> Duration {
        let one = |exchange: &Exchange| self.manner.reply_timeout(&exchange.turn) + self.manner.pause(&exchange.turn);
        let time = |exchange: &Exchange| {
            let steps = exchange.first.iter().chain(&exchange.then).map(one);
            one(exchange) + steps.sum::<Duration>()
        };
        let longest = self.exchanges().map(time).max().unwrap_or(self.manner.reply_timeout);
        let needs = self
            .exchanges()
            .map(|exchange| exchange.send.others().count())
            .max()
            .unwrap_or(0);
        let query = if self.error_query.is_some() { 2 } else { 0 };
        let times = 12 + u32::from(self.manner.retries) * 6 + u32::try_from(needs).unwrap_or(u32::MAX) + query;
        let init: Duration = self.init.iter().map(time).sum();
        let margin = Duration::from_secs(1);
        self.connect_timeout + init + longest.saturating_mul(times) + margin
    }

    /// Everything that can be exchanged once the instrument was introduced to.
    fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        let parameters = self.parameters.iter();
        let asked = parameters.clone().filter_map(|parameter| match &parameter.read {
            Some(Source::Asked { exchange, .. }) => Some(&**exchange),
            _ => None,
        });
        let written = parameters.filter_map(|parameter| parameter.write.as_ref());
        let status = self.status.iter().filter_map(|status| status.read.as_deref());
        asked
            .chain(written)
            .chain(self.commands.iter().map(|command| &command.exchange))
            .chain(status)
    }

    /// The parameter of that name.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.facts.name == name)
    }
}

impl Exchange {
    /// The values in a reply, those that are bits of others included.
    ///
    /// # Errors
    /// If bits of it are no value of their parameter, as one clause.
    pub(crate) fn spread(&self, scanned: &mut Scanned) -> Result<(), String> {
        let Some(Value::Int(number)) = scanned.own else {
            return Ok(());
        };
        for bits in &self.bits {
            let part = bits.of(number.into());
            let value = bits.codec.of_whole(part).ok_or_else(|| {
                format!(
                    "bits {}..{} are {part}, which is no value of {}",
                    bits.low, bits.high, bits.parameter
                )
            })?;
            scanned.others.push((bits.parameter.clone(), value));
        }
        Ok(())
    }

    /// The other parameters whose values come with it.
    pub(crate) fn tells(&self) -> impl Iterator<Item = &str> {
        let steps = self
            .first
            .iter()
            .chain(&self.then)
            .filter_map(|step| step.expect.as_ref());
        let named = self.expect.iter().chain(steps).flat_map(Format::others);
        named.chain(self.bits.iter().map(|bits| bits.parameter.as_str()))
    }
}

impl Bits {
    /// The number that these bits of another are.
    pub(crate) fn of(&self, number: i128) -> i128 {
        number >> self.low & ((1 << (self.high - self.low + 1)) - 1)
    }
}

impl Unsolicited {
    /// The values in a line, if it is such a one.
    pub(crate) fn scan(&self, line: &[u8]) -> Option<Scanned> {
        self.expect.scan(line).ok()
    }
}

/// A value as `[status]` spells it.
pub(crate) fn spelled(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Int(n) => n.to_string(),
        Value::Float(x) => x.to_string(),
        Value::Bool(b) => b.to_string(),
        other => format!("{other:?}"),
    }
}
