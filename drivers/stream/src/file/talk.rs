//! Lines without values: `init`, commands, stop; and the status.

use std::time::Duration;

use super::{
    CommandEntry, Kind, State, StatusEntry, Talk,
    reader::Reader,
    templates::{Role, Subject},
};
use crate::{
    script::{Command, Exchange, StatusQuery},
    template::{Codec, Format},
};

/// What a placeholder without a parameter stands for.
const PLAIN: Subject = Subject {
    kind: Kind::Text,
    members: Vec::new(),
};

impl Reader<'_> {
    pub(super) fn init(&mut self) -> Option<Vec<Exchange>> {
        let mut init = Some(Vec::new());
        for index in 0.. {
            let index = index.to_string();
            let path = ["init", index.as_str()];
            if !self.exists(&path) {
                break;
            }
            let talk: Option<Talk> = self.part(&path);
            let exchange = talk.and_then(|talk| self.talk(&path, &talk.send, talk.expect.as_deref()));
            collect(&mut init, exchange);
        }
        init
    }

    pub(super) fn commands(&mut self) -> Option<Vec<Command>> {
        let mut commands = Some(Vec::new());
        for name in self.keys(&["commands"]) {
            let path = ["commands", name];
            let entry: Option<CommandEntry> = self.part(&path);
            let command = entry.and_then(|entry| {
                Some(Command {
                    exchange: self.talk(&path, &entry.send, entry.expect.as_deref())?,
                    name: name.to_owned(),
                    doc: entry.doc.unwrap_or_default(),
                })
            });
            collect(&mut commands, command);
        }
        commands
    }

    /// A line without a value, and what comes back.
    pub(super) fn talk(&mut self, path: &[&str], send: &str, expect: Option<&str>) -> Option<Exchange> {
        let send = self.format(&[path, &["send"]].concat(), send, Role::Question, &PLAIN);
        let expect = match expect {
            None => Some(None),
            Some(expect) => self
                .format(&[path, &["expect"]].concat(), expect, Role::Acknowledgement, &PLAIN)
                .map(Some),
        };
        Some(Exchange {
            send: send?,
            expect: expect?,
        })
    }

    /// The status, if the file has one. `None` if it is wrong.
    pub(super) fn status(&mut self, can_stop: bool) -> Option<Option<StatusQuery>> {
        if !self.exists(&["status"]) {
            return Some(None);
        }
        let entry: StatusEntry = self.part(&["status"])?;
        let send = self.format(&["status", "read", "send"], &entry.read.send, Role::Question, &PLAIN);
        let expect = self.status_expect(&entry.read.expect);
        let query = StatusQuery {
            read: Exchange {
                send: send?,
                expect: Some(expect?),
            },
            when: entry.when,
            otherwise: entry.otherwise,
            settle: Duration::from_secs_f64(entry.settle.unwrap_or(0.0)),
        };
        let whole = query.read.expect.as_ref().is_some_and(Format::is_integer);
        for answer in query.when.keys() {
            if whole && answer.parse::<i64>().ok().is_none_or(|n| n.to_string() != *answer) {
                let error = self.key_error(&["status", "when", answer], format!("`{answer}` never comes"));
                self.push(error.help("the placeholder in `expect` is for a whole number, such as `3`"));
            }
        }
        if can_stop && !query.knows(State::Busy) {
            let error = self.key_error(&["status", "when"], "no answer means that the instrument is busy");
            let error = error.related(self.key_place(&["stop"]), "it can be stopped");
            self.push(error.help("say what it answers while it is on its way: `moving = \"busy\"`"));
        }
        Some(Some(query))
    }

    /// Text, unless the placeholder asks for a whole number.
    fn status_expect(&mut self, expect: &str) -> Option<Format> {
        let template = crate::template::parse(expect, self.ends.encoding).ok();
        let asks_for_number = template.is_some_and(|template| {
            let mut values = template.values();
            values.any(|p| matches!(p.conversion, crate::template::Conversion::Number(_)))
        });
        let subject = Subject {
            kind: if asks_for_number { Kind::Integer } else { Kind::Text },
            members: Vec::new(),
        };
        self.format(&["status", "read", "expect"], expect, Role::Answer, &subject)
    }
}

impl Format {
    /// Whether the value in it is an integer.
    fn is_integer(&self) -> bool {
        self.codec().is_some_and(|codec| matches!(codec, Codec::Integer(_)))
    }
}

/// Adds an item, or notes that one is missing.
pub(super) fn collect<T>(all: &mut Option<Vec<T>>, item: Option<T>) {
    match (all.as_mut(), item) {
        (Some(all), Some(item)) => all.push(item),
        _ => *all = None,
    }
}
