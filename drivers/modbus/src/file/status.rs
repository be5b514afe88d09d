//! The status.

use std::{collections::BTreeMap, time::Duration};

use baton_plugin_api::instrument::Meaning as StateMeaning;

use super::{
    BusyEntry, StatusEntry,
    fields::{FileReader, Spec},
};
use crate::{
    field::{Field, Meaning},
    script::{StatusQuery, Words},
};

impl FileReader<'_, '_> {
    /// The status, if the file has one. `None` if it is wrong.
    pub(super) fn status(&mut self, can_stop: bool) -> Option<Option<StatusQuery>> {
        if !self.reader.exists(&["status"]) {
            return Some(None);
        }
        let entry: StatusEntry = self.reader.part(&["status"])?;
        let before = self.reader.count();
        let field = self.field(&["status"], &["status", "at"], &Spec::of_status(&entry));
        let field = field.and_then(|field| self.whole(field));
        let busy_while = entry.busy_while.as_ref().and_then(|busy| self.busy_while(busy));
        let words = field.as_ref().and_then(|field| self.words(field, &entry));
        let query = StatusQuery {
            field: field?,
            words: words?,
            busy_while,
            settle: Duration::from_secs_f64(entry.settle.unwrap_or(0.0)),
        };
        if can_stop && !query.can_be_busy() {
            let error = self
                .reader
                .key_error(&["status"], "nothing means that the instrument is busy");
            let error = error.related(self.reader.key_place(&["stop"]), "it can be stopped");
            self.push(error.help("say what it has while it is on its way: `when = { 0 = \"idle\", 1 = \"busy\" }`"));
        }
        (self.reader.count() == before).then_some(Some(query))
    }

    /// A status is told by numbers, be it of one bit.
    fn whole(&mut self, field: Field) -> Option<Field> {
        match field.meaning {
            Meaning::Bool | Meaning::Integer => Some(Field {
                meaning: Meaning::Integer,
                ..field
            }),
            _ => {
                let error = self.error(&["status"], "type", "a status is a whole number");
                self.push(error.help("leave `type` out, or write `type = \"u32\"`"));
                None
            }
        }
    }

    fn words(&mut self, field: &Field, entry: &StatusEntry) -> Option<Words> {
        let otherwise = entry.otherwise.clone();
        match (&entry.when, &entry.flags) {
            (Some(_), Some(_)) => {
                let error = self.key_error(&["status"], "flags", "`when` and `flags` are both there");
                self.push(error.help("`when` is about the number, `flags` about each of its bits: leave one of them"));
                None
            }
            (Some(when), None) => {
                let when = self.numbers("when", when, field.raw_range())?;
                Some(Words::Numbers { when, otherwise })
            }
            (None, Some(flags)) => {
                let bits = i128::from(field.count()) * 16 - 1;
                let flags = self.numbers("flags", flags, (0, bits))?;
                let flags = flags
                    .into_iter()
                    .filter_map(|(bit, meaning)| Some((u8::try_from(bit).ok()?, meaning)));
                Some(Words::Flags {
                    flags: flags.collect(),
                    otherwise,
                })
            }
            (None, None) => {
                let error = self.reader.key_error(&["status"], "what the numbers mean is not said");
                self.push(
                    error.help(
                        "say it: `when = { 0 = \"idle\", 1 = \"busy\" }`, or `flags = { 0 = \"busy\" }` for bits",
                    ),
                );
                None
            }
        }
    }

    /// A table whose keys are numbers from a range.
    fn numbers(
        &mut self,
        key: &str,
        meanings: &BTreeMap<String, StateMeaning>,
        (min, max): (i128, i128),
    ) -> Option<Vec<(i64, StateMeaning)>> {
        let before = self.reader.count();
        let mut numbers: Vec<(i64, StateMeaning)> = Vec::new();
        for text in self.reader.keys(&["status", key]) {
            let path = ["status", key, text];
            let number = match text.strip_prefix("0x") {
                Some(digits) => i64::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            };
            let number = number.filter(|number| (min..=max).contains(&i128::from(*number)));
            match (number, meanings.get(text)) {
                (None, _) => {
                    let error = self.reader.key_error(&path, format!("`{text}` never comes"));
                    let what = if key == "flags" { "bits are" } else { "it holds" };
                    self.push(error.help(format!("{what} {min} to {max}")));
                }
                (Some(number), _) if numbers.iter().any(|(other, _)| *other == number) => {
                    let error = self.reader.key_error(&path, format!("{number} is there already"));
                    self.push(error.help("each number means one thing"));
                }
                (Some(number), Some(meaning)) => numbers.push((number, meaning.clone())),
                (Some(_), None) => {}
            }
        }
        (self.reader.count() == before).then_some(numbers)
    }

    fn busy_while(&mut self, entry: &BusyEntry) -> Option<Field> {
        let path = ["status", "busy_while"];
        let (at_path, spec): (&[&str], Spec<'_>) = match entry {
            BusyEntry::Place(at) => (&path, Spec { at, ..Spec::default() }),
            BusyEntry::Bits(entry) => (
                &["status", "busy_while", "at"],
                Spec {
                    at: &entry.at,
                    bit: entry.bit,
                    bits: entry.bits,
                    ..Spec::default()
                },
            ),
        };
        let field = self.field(&path, at_path, &spec)?;
        Some(Field {
            meaning: Meaning::Bool,
            ..field
        })
    }
}
