//! `send` and `expect` where they stand: how many values belong there, and of which kind.

use baton_plugin_api::diagnostic::Diagnostic;

use super::{Kind, reader::Reader};
use crate::template::{self, Codec, Conversion, Format, NumberFormat, Placeholder, Radix, Template};

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Sent as it is.
    Question,
    /// Sent with the value in it.
    Order,
    /// Comes with the value in it.
    Answer,
    /// Comes, perhaps with the value that was sent.
    Echo,
    /// Comes, and is only to be right.
    Acknowledgement,
}

/// What a placeholder stands for.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    /// Members of an enum, each with what stands for it on the line.
    pub(super) members: Vec<(String, Vec<u8>)>,
}

impl Role {
    fn is_sent(self) -> bool {
        matches!(self, Role::Question | Role::Order)
    }
}

impl Reader<'_> {
    /// Reads the template at a path and binds its placeholders to `subject`.
    pub(super) fn format(&mut self, path: &[&str], text: &str, role: Role, subject: &Subject) -> Option<Format> {
        let before = self.found.len();
        let template = match template::parse(text, self.ends.encoding) {
            Ok(template) => template,
            Err(slips) => {
                self.push_slips(path, slips);
                return None;
            }
        };
        self.check_terminator(path, &template, role);
        self.check_count(path, &template, role);
        // Where no value belongs, its kind is beside the point.
        let kinds_matter = !matches!(role, Role::Question | Role::Acknowledgement);
        for placeholder in template.values().filter(|_| kinds_matter) {
            if let Err(wrong) = codec(placeholder, role, subject) {
                let place = self.place_inside(path, placeholder.span.clone());
                self.push(wrong.at(place));
            }
        }
        if self.found.len() > before {
            return None;
        }
        let bind = |placeholder: &Placeholder| match placeholder.conversion {
            Conversion::Skip => None,
            _ => codec(placeholder, role, subject).ok(),
        };
        Some(Format::bind(template, bind))
    }

    fn check_terminator(&mut self, path: &[&str], template: &Template, role: Role) {
        let terminator = match role.is_sent() {
            true => &self.ends.send,
            false => &self.ends.reply,
        };
        if template.contains(terminator) {
            let error = self.error(path, "the terminator of the line stands in its text");
            self.push(error.help("leave it out: it is added to what is sent, and taken off what comes"));
        }
    }

    /// How many values belong into a template of this role.
    fn check_count(&mut self, path: &[&str], template: &Template, role: Role) {
        let values: Vec<&Placeholder> = template.values().collect();
        let skip = template.placeholders().find(|p| p.conversion == Conversion::Skip);
        if let Some(skip) = skip.filter(|_| role.is_sent()) {
            let error = Diagnostic::error("`{_}` stands for something that comes, and cannot be sent");
            let place = self.place_inside(path, skip.span.clone());
            self.push(error.at(place).help("leave it out, or write `{{_}}` for the text"));
        }
        let (fewest, most) = match role {
            Role::Question | Role::Acknowledgement => (0, 0),
            Role::Order | Role::Answer => (1, 1),
            Role::Echo => (0, 1),
        };
        if values.len() < fewest {
            let (message, help) = match role {
                Role::Order => (
                    "the value is not in what is sent",
                    "put `{}`, or `{:.2f}`, in its place",
                ),
                _ => (
                    "the value has no place in what is expected",
                    "put `{}`, or `{:f}`, in its place",
                ),
            };
            let error = self.error(path, message);
            self.push(error.help(help));
        }
        if let Some(extra) = values.get(most) {
            let place = self.place_inside(path, extra.span.clone());
            let (message, help) = match role {
                Role::Question => ("no value is sent here", "write `{{` and `}}` for braces"),
                Role::Order => ("the value is sent once, not twice", "leave one placeholder"),
                Role::Answer | Role::Echo => (
                    "two placeholders where one value is due",
                    "write `{_}` for what is of no interest",
                ),
                Role::Acknowledgement => ("no value is expected here", "write `{_}` for what is of no interest"),
            };
            let error = Diagnostic::error(message).at(place);
            let first = values.first().filter(|_| most > 0);
            self.push(match first.map(|first| self.place_inside(path, first.span.clone())) {
                Some(first) => error.related(first, "the first one").help(help),
                None => error.help(help),
            });
        }
    }
}

/// How the value of a placeholder becomes bytes and is read from them.
fn codec(placeholder: &Placeholder, role: Role, subject: &Subject) -> Result<Codec, Diagnostic> {
    let whole = NumberFormat::plain(Radix::Decimal);
    let any = NumberFormat::plain(Radix::Float(template::FloatStyle::Fixed));
    match (subject.kind, &placeholder.conversion) {
        (Kind::Number, Conversion::Own) => Ok(Codec::Number(any)),
        (Kind::Integer, Conversion::Own) => Ok(Codec::Integer(whole)),
        (Kind::Text, Conversion::Own | Conversion::Text) => Ok(Codec::Text),
        (Kind::Enum, Conversion::Own) => Ok(Codec::Enum(subject.members.clone())),
        (Kind::Number | Kind::Integer, Conversion::Number(format)) if format.width > 0 && !role.is_sent() => {
            Err(Diagnostic::error("a width has no meaning in what is expected").help("leave it out"))
        }
        (Kind::Number, Conversion::Number(format)) => Ok(Codec::Number(*format)),
        (Kind::Integer, Conversion::Number(format)) if format.is_whole() => Ok(Codec::Integer(*format)),
        (kind, conversion) => Err(mismatch(kind, conversion)),
    }
}

fn mismatch(kind: Kind, conversion: &Conversion) -> Diagnostic {
    let stands_for = match conversion {
        Conversion::Number(format) => format.noun(),
        _ => "text",
    };
    let (is, help) = match kind {
        Kind::Number => ("a number", "write `{:f}`, or `type = \"text\"`"),
        Kind::Integer => ("an integer", "write `{:d}`, or `type = \"number\"`"),
        Kind::Text => ("text", "write `{:s}`, or `type = \"number\"`"),
        Kind::Enum => ("an enum", "write `{}`: what stands for each member is in `values`"),
    };
    Diagnostic::error(format!("the placeholder is for {stands_for}, and this is {is}")).help(help)
}
