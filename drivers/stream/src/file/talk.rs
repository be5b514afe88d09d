//! Lines without values of their own: `init`, `exit`, stop; and the commands.

use baton_plugin_api::Datatype;

use super::{
    CommandEntry, Kind, Manners, Talk, ValueEntry,
    reader::Reader,
    subjects::Subject,
    templates::{Role, Scope},
};
use crate::{
    script::{Command, Exchange},
    template::{self, Conversion, Notation},
};

/// What a placeholder without a parameter stands for.
pub(super) const PLAIN: Subject = Subject::plain(Kind::Text);

impl Reader<'_> {
    /// The lines of an array of tables, `init` or `exit`.
    pub(super) fn talks(&mut self, name: &str) -> Option<Vec<Exchange>> {
        let mut talks = Some(Vec::new());
        for index in 0.. {
            let index = index.to_string();
            let path = [name, index.as_str()];
            if !self.exists(&path) {
                break;
            }
            let talk: Option<Talk> = self.part(&path);
            let exchange = talk.and_then(|talk| self.talk(&path, &talk, Scope::alone(&PLAIN)));
            collect(&mut talks, exchange);
        }
        talks
    }

    /// A line without a value of its own, and what comes back.
    pub(super) fn talk(&mut self, path: &[&str], talk: &Talk, scope: Scope<'_>) -> Option<Exchange> {
        let (send, expect) = ((Role::Question, scope), (Role::Acknowledgement, scope));
        self.exchange(
            path,
            (&talk.send, send),
            (talk.expect.as_deref(), expect),
            &talk.manners(),
        )
    }

    /// An exchange at a path: what is sent and what is expected, each with its role.
    pub(super) fn exchange(
        &mut self,
        path: &[&str],
        (send, (send_role, send_scope)): (&str, (Role, Scope<'_>)),
        (expect, (expect_role, expect_scope)): (Option<&str>, (Role, Scope<'_>)),
        manners: &Manners<'_>,
    ) -> Option<Exchange> {
        let line = self.ends.clone();
        if let Some(terminator) = manners.send_terminator {
            self.ends.send = template::literal(terminator, line.encoding).unwrap_or_default();
        }
        if manners.has_end() {
            let terminator = manners.terminator.unwrap_or_default();
            self.ends.reply = template::literal(terminator, line.encoding).unwrap_or_default();
        }
        let send = self.format(&[path, &["send"]].concat(), send, send_role, send_scope);
        let expect = match expect {
            None => Some(None),
            Some(expect) => {
                let path = [path, &["expect"]].concat();
                self.format(&path, expect, expect_role, expect_scope).map(Some)
            }
        };
        self.ends = line;
        let mut expect = expect?;
        let turn = self.turn(path, manners, expect.as_mut());
        let errors = self.troubles(&[path, &["errors"]].concat(), manners.errors);
        Some(Exchange {
            send: send?,
            expect,
            turn: turn?,
            bits: Vec::new(),
            errors: errors?,
            first: Vec::new(),
            then: Vec::new(),
        })
    }

    /// Adds what is exchanged before and after an exchange.
    pub(super) fn steps(&mut self, path: &[&str], steps: [&[Talk]; 2], exchange: Option<Exchange>) -> Option<Exchange> {
        let mut read = |key: &str, talks: &[Talk]| {
            let mut all = Some(Vec::new());
            for (index, talk) in talks.iter().enumerate() {
                let index = index.to_string();
                let path = [path, &[key, index.as_str()]].concat();
                collect(&mut all, self.talk(&path, talk, Scope::of(&PLAIN)));
            }
            all
        };
        let (first, then) = (read("first", steps[0]), read("then", steps[1]));
        Some(Exchange {
            first: first?,
            then: then?,
            ..exchange?
        })
    }

    pub(super) fn commands(&mut self) -> Option<Vec<Command>> {
        let mut commands = Some(Vec::new());
        for name in self.keys(&["commands"]) {
            let entry: Option<CommandEntry> = self.part(&["commands", name]);
            let command = entry.and_then(|entry| self.command(name, entry));
            collect(&mut commands, command);
        }
        commands
    }

    fn command(&mut self, name: &str, entry: CommandEntry) -> Option<Command> {
        let path = ["commands", name];
        let before = self.count();
        let argument = self.value(&path, "argument", entry.argument.as_ref(), "send", Some(&entry.send));
        let result = self.value(
            &path,
            "result",
            entry.result.as_ref(),
            "expect",
            entry.expect.as_deref(),
        );
        let send_role = if argument.is_some() {
            Role::Order
        } else {
            Role::Question
        };
        let expect_role = if result.is_some() {
            Role::Answer
        } else {
            Role::Acknowledgement
        };
        if entry.long && !self.exists(&["status"]) {
            let error = self.key_error(&[&path[..], &["long"]].concat(), "nothing tells when this is done");
            self.push(error.help("describe under `[status]` how to see that the instrument is busy"));
        }
        let (given, returned) = (argument.unwrap_or(PLAIN), result.unwrap_or(PLAIN));
        let exchange = self.exchange(
            &path,
            (&entry.send, (send_role, Scope::of(&given))),
            (entry.expect.as_deref(), (expect_role, Scope::of(&returned))),
            &entry.manners(),
        );
        let exchange = self.steps(&path, entry.steps(), exchange)?;
        if self.count() > before {
            return None;
        }
        let datatype = |role: Role, subject: &Subject| match role {
            Role::Order | Role::Answer => subject.datatype(),
            _ => Datatype::Unit,
        };
        let unit = |value: Option<&ValueEntry>| value.and_then(|value| value.unit.clone()).unwrap_or_default();
        let limits = entry.argument.as_ref().and_then(|argument| argument.limits.clone());
        let mut argument_type = datatype(send_role, &given);
        if let (Datatype::Int { min, max }, Some((lower, upper))) = (&mut argument_type, &limits) {
            (*min, *max) = (lower.as_i64().unwrap_or(*min), upper.as_i64().unwrap_or(*max));
        }
        Some(Command {
            name: name.to_owned(),
            doc: entry.doc.unwrap_or_default(),
            argument: argument_type,
            argument_unit: unit(entry.argument.as_ref()),
            argument_limits: limits.and_then(|(lower, upper)| Some((lower.as_f64()?, upper.as_f64()?))),
            result: datatype(expect_role, &returned),
            result_unit: unit(entry.result.as_ref()),
            long: entry.long,
            exchange,
        })
    }

    /// What a command is given or returns: what the file says, or what the placeholder in `template` is for. `None` for
    /// nothing.
    fn value(
        &mut self,
        path: &[&str],
        key: &str,
        entry: Option<&ValueEntry>,
        role: &str,
        template: Option<&str>,
    ) -> Option<Subject> {
        let here = [path, &[key]].concat();
        let conversion = self.own_conversion(template);
        let Some(entry) = entry else {
            let conversion = conversion?;
            let kind = kind_of(&conversion);
            if kind.is_none() {
                let error = self.error(
                    &[path, &[role]].concat(),
                    format!("what kind of value the {key} is, is not said"),
                );
                self.push(error.help(format!(
                    "write `{{:f}}`, `{{:d}}` or `{{:s}}`, or `{key} = {{ type = \"number\" }}`"
                )));
            }
            return Some(Subject::plain(kind.unwrap_or(Kind::Text)));
        };
        let placeholder = conversion.as_ref().and_then(kind_of);
        let kind = entry.kind.or(entry.values.as_ref().map(|_| Kind::Enum)).or(placeholder);
        let kind = kind.unwrap_or(Kind::Number);
        let subject = self.subject(
            &here,
            kind,
            entry.values.as_ref(),
            (entry.scale.as_ref(), entry.offset.as_ref()),
        );
        self.check_numbers(
            &here,
            kind,
            &[("unit", entry.unit.is_some()), ("limits", entry.limits.is_some())],
        );
        self.check_limits(&here, kind, entry.limits.as_ref());
        Some(subject)
    }

    /// How the first placeholder without a name wants its value.
    fn own_conversion(&self, template: Option<&str>) -> Option<Conversion> {
        let template = template::parse(template?, self.ends.encoding).ok()?;
        template.own().next().map(|placeholder| placeholder.conversion.clone())
    }

    /// The kind of value that a template is for, if its placeholder says so; else text.
    pub(super) fn kind_in(&self, template: &str) -> Kind {
        self.own_conversion(Some(template))
            .as_ref()
            .and_then(kind_of)
            .unwrap_or(Kind::Text)
    }
}

/// The kind of value that a placeholder asks for, if it says.
fn kind_of(conversion: &Conversion) -> Option<Kind> {
    match conversion {
        Conversion::Number(notation) if is_integer(notation) => Some(Kind::Integer),
        Conversion::Number(_) => Some(Kind::Number),
        Conversion::Text(_) | Conversion::Quoted => Some(Kind::Text),
        _ => None,
    }
}

fn is_integer(notation: &Notation) -> bool {
    notation.is_whole()
}

/// Adds an item, or notes that one is missing.
pub(super) fn collect<T>(all: &mut Option<Vec<T>>, item: Option<T>) {
    match (all.as_mut(), item) {
        (Some(all), Some(item)) => all.push(item),
        _ => *all = None,
    }
}
