//! The status, and what comes unasked.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Datatype, Value};

use super::{
    Answers, Kind, Meaning, State, StatusEntry, UnsolicitedEntry,
    reader::Reader,
    subjects::Subject,
    talk::{PLAIN, collect},
    templates::{Role, Scope},
};
use crate::{
    script::{Exchange, Key, StatusQuery, Unsolicited, spelled},
    template::{Codec, Format},
};

impl Reader<'_> {
    /// The status, if the file has one. `None` if it is wrong.
    pub(super) fn status(&mut self, can_stop: bool) -> Option<Option<StatusQuery>> {
        if !self.exists(&["status"]) {
            return Some(None);
        }
        let entry: StatusEntry = self.part(&["status"])?;
        let read = match &entry.read {
            Some(read) => {
                let subject = Subject::plain(self.kind_in(&read.expect));
                let exchange = self.exchange(
                    &["status", "read"],
                    (&read.send, (Role::Question, Scope::of(&PLAIN))),
                    (Some(&read.expect), (Role::Answer, Scope::of(&subject))),
                    &read.manners(),
                );
                Some(self.steps(&["status", "read"], read.steps(), exchange)?)
            }
            None => None,
        };
        let before = self.count();
        let when = self.when(&entry, read.as_ref());
        let busy_while = self.busy_while(&entry);
        let query = StatusQuery {
            read: read.map(Arc::new),
            when,
            otherwise: entry.otherwise,
            busy_while,
            settle: Duration::from_secs_f64(entry.settle.unwrap_or(0.0)),
        };
        if query.read.is_none() && entry.busy_while.is_empty() {
            let error = self.key_error(&["status"], "nothing is asked for the status");
            self.push(
                error.help("say `read = { send = \"…\", expect = \"{}\" }`, or which parameter tells, by `busy_while`"),
            );
        } else if can_stop && !query.knows(State::Busy) {
            let error = self.key_error(&["status", "when"], "no answer means that the instrument is busy");
            let error = error.related(self.key_place(&["stop"]), "it can be stopped");
            self.push(error.help("say what it answers while it is on its way: `moving = \"busy\"`"));
        }
        (self.count() == before).then_some(Some(query))
    }

    /// What each answer means, in the order of the file.
    fn when(&mut self, entry: &StatusEntry, read: Option<&Exchange>) -> Vec<(Key, Meaning)> {
        let whole = read
            .and_then(|read| read.expect.as_ref())
            .is_some_and(Format::is_integer);
        if entry.read.is_some() && entry.when.is_empty() && entry.otherwise.is_none() {
            let error = self.error(&["status"], "what the answers mean is not said");
            self.push(error.help("`when = { ready = \"idle\", moving = \"busy\" }`: each answer, and what it means"));
        }
        if entry.read.is_none() && !entry.when.is_empty() {
            let error = self.key_error(&["status", "when"], "nothing is asked that would be answered so");
            self.push(error.help("say how: `read = { send = \"…\", expect = \"{}\" }`"));
        }
        let mut when = Vec::new();
        for answer in self.keys(&["status", "when"]) {
            let Some(meaning) = entry.when.get(answer) else {
                continue;
            };
            let bit = answer
                .strip_prefix("bit ")
                .map(|bit| bit.trim().parse::<u8>().ok().filter(|bit| *bit <= 62));
            let here = ["status", "when", answer];
            let key = match bit {
                Some(Some(bit)) if whole => Key::Bit(bit),
                Some(_) => {
                    let error = self.key_error(&here, format!("`{answer}` is no bit of the answer"));
                    self.push(error.help("bits, from 0 to 62, are those of a whole number: write `{:d}` in `expect`"));
                    continue;
                }
                None => Key::Answer(answer.to_owned()),
            };
            if bit.is_none() && whole && answer.parse::<i64>().ok().is_none_or(|n| n.to_string() != *answer) {
                let error = self.key_error(&here, format!("`{answer}` never comes"));
                self.push(
                    error.help("the placeholder in `expect` is for a whole number, such as `3`; a bit is `\"bit 3\"`"),
                );
            }
            when.push((key, meaning.clone()));
        }
        when
    }

    fn busy_while(&mut self, entry: &StatusEntry) -> Vec<(String, Vec<Value>)> {
        let mut busy = Vec::new();
        for name in self.keys(&["status", "busy_while"]) {
            let Some(answers) = entry.busy_while.get(name) else {
                continue;
            };
            let here = ["status", "busy_while", name];
            let Some((_, subject)) = self.subjects.iter().find(|(known, _)| known == name) else {
                let names: Vec<String> = self.subjects.iter().map(|(known, _)| known.clone()).collect();
                let error = self.key_error(&here, format!("there is no parameter `{name}`"));
                self.push(error.help_names(name, "parameters", names.iter().map(String::as_str)));
                continue;
            };
            let datatype = subject.datatype();
            let mut values = Vec::new();
            for answer in answers.values() {
                let shown = spelled(&answer);
                match as_one(answer, &datatype).conform(&datatype) {
                    Ok(value) => values.push(value),
                    Err(wrong) => {
                        let error = self.error(&here, format!("`{name}` is never `{shown}`: {wrong}"));
                        self.push(
                            error.help("say the value as people read it, which is not always what stands on the line"),
                        );
                    }
                }
            }
            busy.push((name.to_owned(), values));
        }
        busy
    }

    /// Lines that come unasked. `None` if something is wrong with them.
    pub(super) fn unsolicited(&mut self) -> Option<Vec<Unsolicited>> {
        let mut all = Some(Vec::new());
        for name in self.keys(&["unsolicited"]) {
            let entry: Option<UnsolicitedEntry> = self.part(&["unsolicited", name]);
            let line = entry.and_then(|entry| self.unasked(name, &entry));
            collect(&mut all, line);
        }
        all
    }

    fn unasked(&mut self, name: &str, entry: &UnsolicitedEntry) -> Option<Unsolicited> {
        let path = ["unsolicited", name];
        let default = if entry.values.is_some() {
            Kind::Enum
        } else {
            self.kind_in(&entry.expect)
        };
        let subject = self.subject(
            &path,
            entry.kind.unwrap_or(default),
            entry.values.as_ref(),
            (None, None),
        );
        let here = ["unsolicited", name, "expect"];
        let expect = self.format(&here, &entry.expect, Role::Echo, Scope::of(&subject))?;
        if !expect.parts.is_empty() && expect.parts.iter().all(|part| part.is_anything()) {
            let error = self.error(&here, "every line looks like this, also the answers");
            self.push(error.help("write what tells it from an answer: `\"!ALARM {}\"`"));
            return None;
        }
        let carries = if expect.has_own() {
            subject.datatype()
        } else {
            Datatype::Unit
        };
        let is_message = expect.has_own() || expect.others().next().is_none();
        Some(Unsolicited {
            doc: entry.doc.clone().unwrap_or_default(),
            message: is_message.then(|| (name.to_owned(), carries)),
            expect,
        })
    }
}

/// A text that spells a number, where one is due: in an array all are texts.
fn as_one(value: Value, datatype: &Datatype) -> Value {
    match (&value, datatype) {
        (Value::Text(text), Datatype::Int { .. } | Datatype::Float) => match text.parse::<i64>() {
            Ok(n) => Value::Int(n),
            Err(_) => text.parse().map_or(value, Value::Float),
        },
        _ => value,
    }
}

impl Answers {
    fn values(&self) -> Vec<Value> {
        match self {
            Answers::Bool(b) => vec![Value::Bool(*b)],
            Answers::Number(number) => vec![match number.as_i64() {
                Some(n) => Value::Int(n),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            }],
            Answers::Text(text) => vec![Value::from(text.as_str())],
            Answers::Any(texts) => texts.iter().map(|text| Value::from(text.as_str())).collect(),
        }
    }
}

impl Format {
    /// Whether the value of its own is an integer.
    fn is_integer(&self) -> bool {
        self.codec().is_some_and(|codec| matches!(codec, Codec::Integer(..)))
    }
}
