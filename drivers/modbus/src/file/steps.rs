//! Writes of fixed values and of arguments: `init`, commands, stop.

use baton_plugin_api::{Value, instrument::collect};

use super::{
    CommandEntry, Literal, StepEntry,
    fields::{FileReader, Spec},
};
use crate::{
    field::{Field, Meaning},
    script::{Argument, Command, Step},
};

impl FileReader<'_, '_> {
    /// The list of writes at a path. `command` is the name of the command that it belongs to, whose argument may be in it.
    pub(super) fn steps(&mut self, path: &[&str], command: Option<&str>) -> Option<Vec<Step>> {
        let mut steps = Some(Vec::new());
        for index in 0.. {
            let index = index.to_string();
            let path = [path, &[index.as_str()]].concat();
            if !self.reader.exists(&path) {
                break;
            }
            let entry: Option<StepEntry> = self.reader.part(&path);
            let step = entry.and_then(|entry| self.step(&path, entry, command.is_some()));
            collect(&mut steps, step);
        }
        steps
    }

    fn step(&mut self, path: &[&str], entry: StepEntry, may_have_argument: bool) -> Option<Step> {
        let at_path = [path, &["at"]].concat();
        let mut spec = Spec::of_step(&entry);
        if matches!(entry.value, Some(Literal::Number(_))) && spec.scale.is_none() {
            // A number with a fraction is refused where it is rounded, not for its kind.
            spec.offset = spec.offset.or(Some(0.0));
        }
        let field = self.field(path, &at_path, &spec)?;
        let value = match (&entry.value, entry.argument) {
            (Some(_), true) => {
                let error = self.key_error(path, "argument", "a fixed `value` and the argument are both there");
                self.push(error.help("leave one of them"));
                return None;
            }
            (None, true) if !may_have_argument => {
                let error = self.key_error(path, "argument", "nothing has an argument here");
                self.push(error.help("only a command has one; write `value = 1`"));
                return None;
            }
            (None, true) => None,
            (Some(literal), false) => Some(self.literal(path, &field, literal)?),
            (None, false) => {
                let error = self.error(path, "value", "what is written is not said");
                self.push(error.help("add `value = 1`, or, in a command, `argument = true`"));
                return None;
            }
        };
        let write = self.write(path, &at_path, field, entry.function)?;
        Some(Step { write, value })
    }

    /// A fixed value, if it is of the field's kind and fits.
    fn literal(&mut self, path: &[&str], field: &Field, literal: &Literal) -> Option<Value> {
        let value = match (&field.meaning, literal) {
            (Meaning::Bool, Literal::Integer(n @ 0..=1)) => Value::Bool(*n == 1),
            (_, Literal::Bool(on)) => Value::Bool(*on),
            (_, Literal::Integer(n)) => Value::Int(*n),
            (_, Literal::Number(x)) => Value::Float(*x),
            (_, Literal::Text(text)) => Value::Text(text.clone()),
        };
        let is_whole = match (&value, field.rounding()) {
            (Value::Float(x), Some(rounding)) => {
                let read = field.encode(&value, &[0; 4]).and_then(|items| field.decode(&items));
                read.is_err()
                    || read.is_ok_and(|read| read.as_f64().is_some_and(|read| (read - x).abs() < rounding * 1e-6))
            }
            _ => true,
        };
        let error = match field.encode(&value, &[0; 4]) {
            Ok(_) if is_whole => return Some(value),
            Ok(_) => self
                .error(path, "value", "the register cannot hold this exactly")
                .help("round it, or look at `scale`"),
            Err(error) => {
                let error = self.error(path, "value", error.message());
                error.help("the value has to fit what is in the register: look at `type`")
            }
        };
        self.push(error);
        None
    }

    pub(super) fn commands(&mut self) -> Option<Vec<Command>> {
        let mut commands = Some(Vec::new());
        for name in self.reader.keys(&["commands"]) {
            let path = ["commands", name];
            let entry: Option<CommandEntry> = self.reader.part(&path);
            let command = entry.and_then(|entry| self.command(name, entry));
            collect(&mut commands, command);
        }
        commands
    }

    fn command(&mut self, name: &str, entry: CommandEntry) -> Option<Command> {
        let path = ["commands", name];
        let steps = self.steps(&["commands", name, "write"], Some(name))?;
        self.not_empty(&path, &steps)?;
        let mut fields = steps
            .iter()
            .filter(|step| step.value.is_none())
            .map(|step| &step.write.field);
        let (first, other) = (fields.next(), fields.next());
        if other.is_some_and(|other| first.is_some_and(|first| other.meaning != first.meaning)) {
            let error = self.error(&path, "write", "the argument is written in two ways that differ");
            self.push(
                error.help(
                    "a command has one argument: `type`, `scale` and `values` are the same wherever it is written",
                ),
            );
            return None;
        }
        let Some(field) = first else {
            for (key, given) in [("unit", entry.unit.is_some()), ("limits", entry.limits.is_some())] {
                if given {
                    let error = self.key_error(&path, key, format!("only an argument has `{key}`"));
                    self.push(error.help("say where it is written: `{ at = \"holding 3\", argument = true }`"));
                }
            }
            return Some(Command {
                name: name.to_owned(),
                doc: entry.doc.unwrap_or_default(),
                argument: None,
                steps,
            });
        };
        let before = self.reader.count();
        if let Some(limits) = entry.limits {
            self.check_limits(&path, field, limits);
        }
        let argument = Argument {
            datatype: field.datatype(),
            unit: entry.unit.unwrap_or_default(),
            limits: entry.limits,
        };
        (self.reader.count() == before).then_some(Command {
            name: name.to_owned(),
            doc: entry.doc.unwrap_or_default(),
            argument: Some(argument),
            steps,
        })
    }

    /// What stops the instrument, if the file says so. `None` if that is wrong.
    pub(super) fn stop(&mut self) -> Option<Option<Vec<Step>>> {
        if !self.reader.exists(&["stop"]) {
            return Some(None);
        }
        let steps = self.steps(&["stop", "write"], None)?;
        self.not_empty(&["stop"], &steps)?;
        Some(Some(steps))
    }

    fn not_empty(&mut self, path: &[&str], steps: &[Step]) -> Option<()> {
        let write = [path, &["write"]].concat();
        if steps.is_empty() && self.reader.exists(&write) {
            let error = self.reader.error(&write, "nothing is written");
            self.push(error.help("`write = [{ at = \"coil 4\", value = true }]`"));
        }
        (!steps.is_empty()).then_some(())
    }
}
