//! Parameters.

use std::time::Duration;

use baton_plugin_api::{
    Datatype,
    instrument::{Facts, collect},
};

use super::{
    OwnWrite, ParameterEntry, WriteEntry,
    fields::{FileReader, Spec},
};
use crate::{
    field::{Field, Meaning},
    script::{Parameter, Write},
};

impl FileReader<'_, '_> {
    pub(super) fn parameters(&mut self) -> Option<Vec<Parameter>> {
        let mut parameters = Some(Vec::new());
        let mut main: Option<&str> = None;
        for name in self.reader.keys(&["parameters"]) {
            let entry: Option<ParameterEntry> = self.reader.part(&["parameters", name]);
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
        let path = ["parameters", second];
        let error = self.key_error(&path, "main", format!("`{first}` is the main parameter already"));
        let error = error.related(self.reader.key_place(&["parameters", first, "main"]), "here");
        self.push(error.help("an instrument is about one thing: leave one `main = true`"));
    }

    fn parameter(&mut self, name: &str, entry: ParameterEntry) -> Option<Parameter> {
        let path = ["parameters", name];
        let before = self.reader.count();
        let read = entry.at.as_ref().and_then(|at| {
            let spec = Spec::of_parameter(&entry, at);
            self.field(&path, &[&path[..], &["at"]].concat(), &spec)
        });
        if self.reader.count() > before {
            return None;
        }
        let write = self.write_of(&path, &entry, read.as_ref());
        let has_own_place = matches!(&entry.write, Some(WriteEntry::Own(OwnWrite { at: Some(_), .. })));
        if entry.at.is_none() && !has_own_place {
            let error = self.reader.key_error(&path, format!("where `{name}` is, is not said"));
            self.push(error.help(
                "say it: `at = \"holding 12\"`, the address counted from 0; or the manual's number, `at = \"40013\"`",
            ));
        }
        let field = read.as_ref().or(write.as_ref().map(|write| &write.field));
        if let Some(field) = field {
            self.check_facts(&path, field, &entry);
        }
        let field = field?.clone();
        if self.reader.count() > before {
            return None;
        }
        Some(finish(name, entry, field, read, write))
    }

    /// How it is written, if it can be.
    fn write_of(&mut self, path: &[&str], entry: &ParameterEntry, read: Option<&Field>) -> Option<Write> {
        let here = [path, &["write"]].concat();
        let read_at = [path, &["at"]].concat();
        match entry.write.clone()? {
            WriteEntry::Plain(false) => None,
            WriteEntry::Plain(true) => self.write(&here, &read_at, read?.clone(), None),
            WriteEntry::Own(own) => match own.at {
                None => self.write(&here, &read_at, read?.clone(), own.function),
                Some(at) => {
                    let write_at = [&here[..], &["at"]].concat();
                    let field = self.field(path, &write_at, &Spec::of_parameter(entry, &at))?;
                    self.write(&here, &write_at, field, own.function)
                }
            },
        }
    }

    /// What only numbers have, and what has to be in order.
    fn check_facts(&mut self, path: &[&str], field: &Field, entry: &ParameterEntry) {
        let facts = [
            ("unit", entry.unit.is_some()),
            ("limits", entry.limits.is_some()),
            ("tolerance", entry.tolerance.is_some()),
            ("digits", entry.digits.is_some()),
        ];
        let is_number = matches!(field.meaning, Meaning::Integer | Meaning::Number(_));
        for (fact, _) in facts.iter().filter(|(_, given)| *given && !is_number) {
            let error = self.key_error(path, fact, format!("only a number has `{fact}`"));
            self.push(error.help("leave it out"));
        }
        if let Some(limits) = entry.limits.filter(|_| is_number) {
            self.check_limits(path, field, limits);
        }
    }

    /// Limits that are in order, whole where the numbers are, and no wider than what fits.
    pub(super) fn check_limits(&mut self, path: &[&str], field: &Field, (lower, upper): (f64, f64)) {
        if lower > upper {
            let error = self.error(path, "limits", "the limits are reversed");
            self.push(error.help(format!("the smaller one comes first: `[{upper}, {lower}]`")));
            return;
        }
        if field.meaning == Meaning::Integer && (lower.fract() != 0.0 || upper.fract() != 0.0) {
            let error = self.error(path, "limits", "the limits of a whole number are whole");
            self.push(error.help("round them, or give a `scale` if the register has parts of the unit"));
        }
        let Some((least, most)) = field.range() else { return };
        if lower < least || upper > most {
            let error = self.error(path, "limits", "the limits are wider than what fits into the register");
            self.push(error.help(format!(
                "it holds {least} to {most}: narrow the limits, or look at `type` and `scale`"
            )));
        }
    }
}

fn finish(name: &str, entry: ParameterEntry, field: Field, read: Option<Field>, write: Option<Write>) -> Parameter {
    let datatype = field.datatype();
    // What does not fit is refused before anything is sent, with a word about limits; integers have theirs in the datatype.
    let fits = write.as_ref().and_then(|write| write.field.range());
    let fits = fits.filter(|_| datatype == Datatype::Float);
    let rounding = write.as_ref().and_then(|write| write.field.rounding());
    let facts = Facts {
        name: name.to_owned(),
        doc: entry.doc.unwrap_or_default(),
        unit: entry.unit.unwrap_or_default(),
        main: entry.main,
        datatype,
        limits: entry.limits.or(fits),
        tolerance: entry.tolerance.or(rounding.filter(|_| read.is_some())),
        poll: entry.poll.map(Duration::from_secs_f64),
        motion_timeout: entry.motion_timeout.map(Duration::from_secs_f64),
        digits: entry.digits.or(field.digits()),
    };
    Parameter { facts, read, write }
}
