//! Parameters, and the questions that several of them share.

use std::{sync::Arc, time::Duration};

use serde_json::Number as JsonNumber;

use super::{
    Kind, ParameterEntry, ReadEntry, ReadingEntry, WriteEntry,
    reader::Reader,
    subjects::Subject,
    talk::{PLAIN, collect},
    templates::{Role, Scope},
};
use baton_plugin_api::instrument::Facts;

use crate::{
    script::{Exchange, Parameter, Source},
    template::{Codec, Notation},
};

/// A parameter, and the exchange of its own that reads it.
pub(super) struct Draft {
    pub(super) parameter: Parameter,
    read: Option<Arc<Exchange>>,
}

impl Reader<'_> {
    /// What the name of each parameter stands for; before anything that may have such a name in it.
    pub(super) fn read_subjects(&mut self) {
        for name in self.keys(&["parameters"]) {
            let entry: Option<ParameterEntry> = self.part(&["parameters", name]);
            let Some(entry) = entry else {
                // So that what names it is not wrong, too.
                self.subjects.push((name.to_owned(), PLAIN));
                continue;
            };
            let default = if entry.values.is_some() {
                Kind::Enum
            } else {
                Kind::Number
            };
            let kind = entry.kind.unwrap_or(default);
            let scale = (entry.scale.as_ref(), entry.offset.as_ref());
            let subject = self.subject(&["parameters", name], kind, entry.values.as_ref(), scale);
            self.subjects.push((name.to_owned(), subject));
        }
    }

    /// The questions that several parameters share.
    pub(super) fn readings(&mut self) -> Option<Vec<Arc<Exchange>>> {
        let mut readings = Some(Vec::new());
        for name in self.keys(&["readings"]) {
            let entry: Option<ReadingEntry> = self.part(&["readings", name]);
            let reading = entry.and_then(|entry| self.reading(name, &entry));
            collect(&mut readings, reading.map(Arc::new));
        }
        readings
    }

    fn reading(&mut self, name: &str, entry: &ReadingEntry) -> Option<Exchange> {
        let path = ["readings", name];
        // With bits, the whole number is a value of its own.
        let number = Subject::plain(Kind::Integer);
        let (role, own) = match &entry.bits {
            Some(_) => (Role::Answer, &number),
            None => (Role::Telling, &PLAIN),
        };
        let exchange = self.exchange(
            &path,
            (&entry.send, (Role::Question, Scope::of(&PLAIN))),
            (Some(&entry.expect), (role, Scope::of(own))),
            &entry.manners(),
        );
        let mut exchange = self.steps(&path, entry.steps(), exchange)?;
        exchange.bits = self.bits(&path, entry.bits.as_ref(), exchange.expect.as_ref())?;
        if exchange.tells().next().is_none() {
            let error = self.error(&["readings", name, "expect"], "no parameter gets its value from here");
            self.push(error.help("put their names in the places of the values: `\"{voltage:f},{current:f}\"`"));
            return None;
        }
        Some(exchange)
    }

    pub(super) fn parameters(&mut self) -> Option<Vec<Draft>> {
        let mut parameters = Some(Vec::new());
        let mut main: Option<&str> = None;
        for name in self.keys(&["parameters"]) {
            let entry: Option<ParameterEntry> = self.part(&["parameters", name]);
            if entry.as_ref().is_some_and(|entry| entry.main) {
                match main {
                    None => main = Some(name),
                    Some(first) => self.second_main(first, name),
                }
            }
            let parameter = entry.and_then(|entry| self.parameter(name, entry));
            collect(&mut parameters, parameter);
        }
        parameters
    }

    fn second_main(&mut self, first: &str, second: &str) {
        let error = self.key_error(
            &["parameters", second, "main"],
            format!("`{first}` is the main parameter already"),
        );
        let error = error.related(self.key_place(&["parameters", first, "main"]), "here");
        self.push(error.help("an instrument is about one thing: leave one `main = true`"));
    }

    fn parameter(&mut self, name: &str, entry: ParameterEntry) -> Option<Draft> {
        let path = ["parameters", name];
        let before = self.count();
        let subject = self.subjects.iter().find(|(known, _)| known == name)?.1.clone();
        let facts = [
            ("unit", entry.unit.is_some()),
            ("limits", entry.limits.is_some()),
            ("tolerance", entry.tolerance.is_some()),
            ("digits", entry.digits.is_some()),
        ];
        self.check_numbers(&path, subject.kind, &facts);
        self.check_limits(&path, subject.kind, entry.limits.as_ref());
        if entry.read.is_none() && entry.write.is_none() && !self.told().contains(name) {
            let error = self.key_error(&path, format!("`{name}` can neither be read nor written"));
            let help = format!(
                "say how, `read = {{ send = \"…\", expect = \"{{}}\" }}`, or put `{{{name}}}` into another's `expect`"
            );
            self.push(error.help(help));
        }
        let read = entry.read.as_ref().and_then(|read| self.read(&path, read, &subject));
        let write = entry
            .write
            .as_ref()
            .and_then(|write| self.write(&path, write, &subject));
        let tolerance = self.tolerance(&path, &subject, &entry, write.as_ref());
        if self.count() > before {
            return None;
        }
        let precision = |exchange: Option<&Exchange>, sent: bool| {
            let exchange = exchange?;
            let format = if sent {
                Some(&exchange.send)
            } else {
                exchange.expect.as_ref()
            };
            digits(format?.codec()?)
        };
        let digits = precision(read.as_ref(), false).or(precision(write.as_ref(), true));
        let limits = entry.limits.as_ref();
        let facts = Facts {
            name: name.to_owned(),
            doc: entry.doc.unwrap_or_default(),
            datatype: subject.datatype(),
            unit: entry.unit.unwrap_or_default(),
            main: entry.main,
            limits: limits.and_then(|(lower, upper)| Some((lower.as_f64()?, upper.as_f64()?))),
            tolerance,
            poll: entry.poll.map(Duration::from_secs_f64),
            motion_timeout: entry.motion_timeout.map(Duration::from_secs_f64),
            digits: entry.digits.or(digits),
        };
        let parameter = Parameter {
            facts,
            read: None,
            write,
            whole_limits: limits.and_then(|(lower, upper)| Some((lower.as_i64()?, upper.as_i64()?))),
        };
        let read = read.map(Arc::new);
        Some(Draft { parameter, read })
    }

    fn read(&mut self, path: &[&str], entry: &ReadEntry, subject: &Subject) -> Option<Exchange> {
        let path = [path, &["read"]].concat();
        let subject = self.overridden(&path, entry.values.as_ref(), subject);
        let exchange = self.exchange(
            &path,
            (&entry.send, (Role::Question, Scope::of(&subject))),
            (Some(&entry.expect), (Role::Answer, Scope::of(&subject))),
            &entry.manners(),
        );
        let mut exchange = self.steps(&path, entry.steps(), exchange)?;
        exchange.bits = self.bits(&path, entry.bits.as_ref(), exchange.expect.as_ref())?;
        Some(exchange)
    }

    fn write(&mut self, path: &[&str], entry: &WriteEntry, subject: &Subject) -> Option<Exchange> {
        let path = [path, &["write"]].concat();
        let subject = self.overridden(&path, entry.values.as_ref(), subject);
        let exchange = self.exchange(
            &path,
            (&entry.send, (Role::Order, Scope::of(&subject))),
            (entry.expect.as_deref(), (Role::Echo, Scope::of(&subject))),
            &entry.manners(),
        );
        self.steps(&path, entry.steps(), exchange)
    }

    /// What only numbers have.
    pub(super) fn check_numbers(&mut self, path: &[&str], kind: Kind, facts: &[(&str, bool)]) {
        let is_number = matches!(kind, Kind::Number | Kind::Integer);
        for (fact, _) in facts.iter().filter(|(_, given)| *given && !is_number) {
            let error = self.key_error(&[path, &[fact]].concat(), format!("only a number has `{fact}`"));
            self.push(error.help("leave it out"));
        }
    }

    /// Limits have to be in order.
    pub(super) fn check_limits(&mut self, path: &[&str], kind: Kind, limits: Option<&(JsonNumber, JsonNumber)>) {
        let Some((lower, upper)) = limits else { return };
        let here = [path, &["limits"]].concat();
        let numbers = (lower.as_f64().unwrap_or(0.0), upper.as_f64().unwrap_or(0.0));
        if numbers.0 > numbers.1 {
            let error = self.error(&here, "the limits are reversed");
            self.push(error.help(format!("the smaller one comes first: `[{upper}, {lower}]`")));
        }
        if kind == Kind::Integer && (numbers.0.fract() != 0.0 || numbers.1.fract() != 0.0) {
            let error = self.error(&here, "the limits of an integer are whole numbers");
            self.push(error.help("write whole numbers, or `type = \"number\"`"));
        }
    }

    /// How far the readback may be from what was written: as far as the digits that are sent make it.
    fn tolerance(
        &mut self,
        path: &[&str],
        subject: &Subject,
        entry: &ParameterEntry,
        write: Option<&Exchange>,
    ) -> Option<f64> {
        if entry.tolerance.is_some() || subject.kind != Kind::Number {
            return entry.tolerance;
        }
        let notation = write?.send.codec()?.notation()?;
        let limits = entry.limits.as_ref();
        let most = limits.map(|(lower, upper)| [lower, upper].map(|at| at.as_f64().unwrap_or(0.0).abs()));
        let most = most.map(|[lower, upper]| lower.max(upper) / subject.scale.factor.abs());
        let rounding = notation.rounding(most);
        if rounding.is_none() {
            let error = self.error(
                &[path, &["write", "send"]].concat(),
                "how near the readback has to come is not said",
            );
            self.push(error.help("with an exponent it depends on the number: add `tolerance`, or `limits`"));
        }
        // Where all digits are sent, the host's own measure is the right one.
        let rounding = rounding.filter(|rounding| *rounding > 0.0)?;
        Some(match subject.scale.factor.abs() {
            1.0 => rounding,
            factor => rounding * factor,
        })
    }
}

/// Says where each parameter is read from: its own exchange, one that tells it with other things, or nowhere.
pub(super) fn connect(drafts: Vec<Draft>, readings: &[Arc<Exchange>], told: &[String]) -> Vec<Parameter> {
    let own: Vec<Arc<Exchange>> = drafts.iter().filter_map(|draft| draft.read.clone()).collect();
    let shared: Vec<&Arc<Exchange>> = readings.iter().chain(&own).collect();
    let source = |draft: &Draft| {
        let name = draft.parameter.facts.name.as_str();
        if let Some(exchange) = &draft.read {
            let exchange = Arc::clone(exchange);
            return Some(Source::Asked { exchange, own: true });
        }
        let telling = shared.iter().find(|exchange| exchange.tells().any(|told| told == name));
        match telling {
            Some(exchange) => Some(Source::Asked {
                exchange: Arc::clone(exchange),
                own: false,
            }),
            None => told.iter().any(|told| told == name).then_some(Source::Told),
        }
    };
    let sources: Vec<Option<Source>> = drafts.iter().map(source).collect();
    let connected = drafts.into_iter().zip(sources);
    connected
        .map(|(draft, read)| Parameter {
            read,
            ..draft.parameter
        })
        .collect()
}

/// Digits after the point that a value has by its format, if that says.
fn digits(codec: &Codec) -> Option<u8> {
    let Codec::Number(notation, scale) = codec else {
        return codec.notation().and_then(Notation::precision);
    };
    match notation.precision() {
        Some(precision) => scale.digits(precision),
        None if notation.is_whole() => scale.digits(0).filter(|digits| *digits > 0),
        None => None,
    }
}
