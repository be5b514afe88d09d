//! Parameters.

use std::time::Duration;

use baton_plugin_api::Datatype;

use super::{
    Kind, ParameterEntry, ReadEntry, WriteEntry,
    reader::Reader,
    talk::collect,
    templates::{Role, Subject},
    values::enumeration,
};
use crate::{
    script::{Exchange, Parameter},
    template::{Codec, NumberFormat},
};

impl Reader<'_> {
    pub(super) fn parameters(&mut self) -> Option<Vec<Parameter>> {
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

    fn parameter(&mut self, name: &str, entry: ParameterEntry) -> Option<Parameter> {
        let path = ["parameters", name];
        let before = self.found.len();
        let default = if entry.values.is_some() {
            Kind::Enum
        } else {
            Kind::Number
        };
        let subject = Subject {
            kind: entry.kind.unwrap_or(default),
            members: Vec::new(),
        };
        let members = self.members(&path, subject.kind, entry.values.as_ref());
        let subject = Subject { members, ..subject };
        self.check_facts(&path, subject.kind, &entry);
        if entry.read.is_none() && entry.write.is_none() {
            let error = self.key_error(&path, format!("`{name}` can neither be read nor written"));
            self.push(error.help("say how: `read = { send = \"…\", expect = \"{}\" }`"));
        }
        let read = entry.read.as_ref().and_then(|read| self.read(&path, read, &subject));
        let write = entry
            .write
            .as_ref()
            .and_then(|write| self.write(&path, write, &subject));
        let tolerance = self.tolerance(&path, subject.kind, &entry, write.as_ref());
        if self.found.len() > before {
            return None;
        }
        let precision = |exchange: &Option<Exchange>, sent: bool| {
            let exchange = exchange.as_ref()?;
            let format = if sent {
                Some(&exchange.send)
            } else {
                exchange.expect.as_ref()
            };
            number(format?.codec()?)?.precision
        };
        Some(Parameter {
            name: name.to_owned(),
            doc: entry.doc.unwrap_or_default(),
            datatype: datatype(&subject),
            unit: entry.unit.unwrap_or_default(),
            main: entry.main,
            limits: entry.limits,
            tolerance,
            poll: entry.poll.map(Duration::from_secs_f64),
            motion_timeout: entry.motion_timeout.map(Duration::from_secs_f64),
            digits: entry.digits.or(precision(&read, false)).or(precision(&write, true)),
            read,
            write,
        })
    }

    fn read(&mut self, path: &[&str], entry: &ReadEntry, subject: &Subject) -> Option<Exchange> {
        let path = [path, &["read"]].concat();
        let subject = self.overridden(&path, entry.values.as_ref(), subject);
        let send = self.format(&[&path[..], &["send"]].concat(), &entry.send, Role::Question, &subject);
        let expect = self.format(
            &[&path[..], &["expect"]].concat(),
            &entry.expect,
            Role::Answer,
            &subject,
        );
        Some(Exchange {
            send: send?,
            expect: Some(expect?),
        })
    }

    fn write(&mut self, path: &[&str], entry: &WriteEntry, subject: &Subject) -> Option<Exchange> {
        let path = [path, &["write"]].concat();
        let subject = self.overridden(&path, entry.values.as_ref(), subject);
        let send = self.format(&[&path[..], &["send"]].concat(), &entry.send, Role::Order, &subject);
        let expect = match &entry.expect {
            None => Some(None),
            Some(expect) => self
                .format(&[&path[..], &["expect"]].concat(), expect, Role::Echo, &subject)
                .map(Some),
        };
        Some(Exchange {
            send: send?,
            expect: expect?,
        })
    }

    /// What only numbers have, and what has to be in order.
    fn check_facts(&mut self, path: &[&str], kind: Kind, entry: &ParameterEntry) {
        let facts = [
            ("unit", entry.unit.is_some()),
            ("limits", entry.limits.is_some()),
            ("tolerance", entry.tolerance.is_some()),
            ("digits", entry.digits.is_some()),
        ];
        let is_number = matches!(kind, Kind::Number | Kind::Integer);
        for (fact, _) in facts.iter().filter(|(_, given)| *given && !is_number) {
            let error = self.key_error(&[path, &[fact]].concat(), format!("only a number has `{fact}`"));
            self.push(error.help("leave it out"));
        }
        let Some((lower, upper)) = entry.limits else { return };
        let here = [path, &["limits"]].concat();
        if lower > upper {
            let error = self.error(&here, "the limits are reversed");
            self.push(error.help(format!("the smaller one comes first: `[{upper}, {lower}]`")));
        }
        if kind == Kind::Integer && (lower.fract() != 0.0 || upper.fract() != 0.0) {
            let error = self.error(&here, "the limits of an integer are whole numbers");
            self.push(error.help("write whole numbers, or `type = \"number\"`"));
        }
    }

    /// How far the readback may be from what was written: as far as the digits that are sent make it.
    fn tolerance(
        &mut self,
        path: &[&str],
        kind: Kind,
        entry: &ParameterEntry,
        write: Option<&Exchange>,
    ) -> Option<f64> {
        if entry.tolerance.is_some() || kind != Kind::Number {
            return entry.tolerance;
        }
        entry.read.as_ref()?;
        let format = number(write?.send.codec()?)?;
        let most = entry.limits.map(|(lower, upper)| lower.abs().max(upper.abs()));
        let rounding = format.rounding(most);
        if rounding.is_none() {
            let error = self.error(
                &[path, &["write", "send"]].concat(),
                "how near the readback has to come is not said",
            );
            self.push(error.help("with an exponent it depends on the number: add `tolerance`, or `limits`"));
        }
        // Where all digits are sent, the host's own measure is the right one.
        rounding.filter(|rounding| *rounding > 0.0)
    }
}

fn number(codec: &Codec) -> Option<&NumberFormat> {
    match codec {
        Codec::Number(format) | Codec::Integer(format) => Some(format),
        Codec::Text | Codec::Enum(_) => None,
    }
}

fn datatype(subject: &Subject) -> Datatype {
    match subject.kind {
        Kind::Number => Datatype::Float,
        Kind::Integer => Datatype::ANY_INT,
        Kind::Text => Datatype::ANY_TEXT,
        Kind::Enum => enumeration(&subject.members),
    }
}
