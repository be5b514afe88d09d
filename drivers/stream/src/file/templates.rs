//! `send` and `expect` where they stand: whose values belong there, and of which kind.

use baton_plugin_api::diagnostic::Diagnostic;

use super::{
    codecs::{codec, field, passed_over},
    reader::Reader,
    subjects::Subject,
};
use crate::template::{self, Conversion, Format, Part, Piece, Placeholder, Slot, Template, Whose};

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Sent without a value of its own.
    Question,
    /// Sent with the value in it.
    Order,
    /// Comes with the value in it.
    Answer,
    /// Comes with values of others only.
    Telling,
    /// Comes, perhaps with the value that was sent.
    Echo,
    /// Comes, and is only to be right.
    Acknowledgement,
}

/// What the placeholders of a template may stand for.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    /// What those without a name stand for.
    pub(super) own: &'s Subject,
    /// Whether those with the name of a parameter stand for that.
    pub(super) others: bool,
    /// Names that mean something here alone.
    pub(super) special: &'s [(&'s str, Subject)],
}

impl<'s> Scope<'s> {
    /// A value of its own, and those of parameters.
    pub(super) fn of(own: &'s Subject) -> Self {
        Scope {
            own,
            others: true,
            special: &[],
        }
    }

    /// A value of its own, and no other.
    pub(super) fn alone(own: &'s Subject) -> Self {
        Scope {
            others: false,
            ..Scope::of(own)
        }
    }
}

impl Role {
    fn is_sent(self) -> bool {
        matches!(self, Role::Question | Role::Order)
    }

    /// How many values of its own it has at least and at most.
    fn count(self) -> (usize, usize) {
        match self {
            Role::Question | Role::Acknowledgement | Role::Telling => (0, 0),
            Role::Order | Role::Answer => (1, 1),
            Role::Echo => (0, 1),
        }
    }
}

impl Reader<'_> {
    /// Reads the template at a path and binds its placeholders to what they stand for.
    pub(super) fn format(&mut self, path: &[&str], text: &str, role: Role, scope: Scope<'_>) -> Option<Format> {
        let before = self.count();
        let template = match template::parse(text, self.ends.encoding) {
            Ok(template) => template,
            Err(slips) => {
                self.push_slips(path, slips);
                return None;
            }
        };
        self.check_terminator(path, &template, role);
        self.check_count(path, &template, role);
        let parts: Vec<Part> = template
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Literal(bytes) => Some(Part::Literal(bytes.clone())),
                Piece::Placeholder(placeholder) => self.part_of(path, placeholder, role, scope),
            })
            .collect();
        if self.count() > before {
            return None;
        }
        let format = Format {
            text: text.to_owned(),
            parts,
            encoding: self.ends.encoding,
            terminator: if role.is_sent() {
                self.ends.send.clone()
            } else {
                Vec::new()
            },
        };
        self.check_ends(path, &template, &format, role);
        (self.count() == before).then_some(format)
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

    /// How many values of its own belong into a template of this role.
    fn check_count(&mut self, path: &[&str], template: &Template, role: Role) {
        let values: Vec<&Placeholder> = template.own().collect();
        let (fewest, most) = role.count();
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
                    "write `{_}` for what is of no interest, `{name:f}` for the value of another parameter",
                ),
                Role::Telling => (
                    "whose value this is, is not said",
                    "write `{name:f}` for that of a parameter, `{_}` for what is of no interest",
                ),
                Role::Acknowledgement => (
                    "no value is expected here",
                    "write `{_}` for what is of no interest, `{name:f}` for the value of a parameter",
                ),
            };
            let error = Diagnostic::error(message).at(place);
            let first = values.first().filter(|_| most > 0);
            let first = first.map(|first| self.place_inside(path, first.span.clone()));
            self.push(match first {
                Some(first) => error.related(first, "the first one").help(help),
                None => error.help(help),
            });
        }
    }

    /// What a placeholder becomes; `None` if something is wrong with it, which is told.
    fn part_of(&mut self, path: &[&str], placeholder: &Placeholder, role: Role, scope: Scope<'_>) -> Option<Part> {
        let outcome = match &placeholder.whose {
            Whose::Frame => Ok(match &placeholder.conversion {
                Conversion::Start => Part::Start,
                Conversion::Checksum(checksum) => Part::Checksum(*checksum),
                _ => Part::End,
            }),
            Whose::Nobody if role.is_sent() => Err(Diagnostic::error(
                "`{_}` stands for something that comes, and cannot be sent",
            )
            .help("leave it out, or write `{{_}}` for the text")),
            Whose::Nobody => Ok(field(Slot::Nobody, passed_over(&placeholder.conversion))),
            // Where no value belongs, its kind is beside the point.
            Whose::Own if role.count().1 == 0 => return None,
            Whose::Own => codec(&placeholder.conversion, scope.own).map(|codec| field(Slot::Own, codec)),
            Whose::Of(name) => {
                let subject = self.named(placeholder, name, scope);
                subject.and_then(|subject| Ok(field(Slot::Of(name.clone()), codec(&placeholder.conversion, &subject)?)))
            }
            Whose::Setting(name) => self.setting(name).and_then(|setting| {
                // Something is wrong with the setting itself, and was told.
                let Some((subject, value)) = setting else {
                    return Ok(Part::Literal(Vec::new()));
                };
                let codec = codec(&placeholder.conversion, &subject)?;
                let printed = codec.print(&value, self.ends.encoding);
                printed.map(Part::Literal).map_err(|error| {
                    Diagnostic::error(format!("the setting `{name}`: {}", error.message()))
                        .help("give it another value, or another format here")
                })
            }),
        };
        outcome
            .map_err(|wrong| {
                let place = self.place_inside(path, placeholder.span.clone());
                self.push(wrong.at(place));
            })
            .ok()
    }

    /// What a placeholder with a name stands for.
    fn named(&self, placeholder: &Placeholder, name: &str, scope: Scope<'_>) -> Result<Subject, Diagnostic> {
        if let Some((_, subject)) = scope.special.iter().find(|(known, _)| *known == name) {
            return Ok(subject.clone());
        }
        let parameters = self
            .subjects
            .iter()
            .filter(|_| scope.others)
            .map(|(known, _)| known.as_str());
        if let Some((_, subject)) = self.subjects.iter().find(|(known, _)| known == name && scope.others) {
            return Ok(subject.clone());
        }
        let known: Vec<&str> = scope
            .special
            .iter()
            .map(|(known, _)| *known)
            .chain(parameters)
            .collect();
        let error = Diagnostic::error(match scope.others {
            true => format!("there is no parameter `{name}`"),
            false => format!("`{name}` has no value here"),
        });
        Err(match template::conversion_of(name) {
            Ok(_) if placeholder.conversion == Conversion::Plain => error.help(format!("did you mean `{{:{name}}}`?")),
            _ if known.is_empty() => error.help("write `{}` for the value itself"),
            _ => error.help_names(name, "names", known.iter().copied()),
        })
    }

    /// Nothing may be open to doubt: where each value ends, and what a checksum is of.
    fn check_ends(&mut self, path: &[&str], template: &Template, format: &Format, role: Role) {
        let span = |index: usize| match &template.pieces[index] {
            Piece::Placeholder(placeholder) => Some(placeholder.span.clone()),
            Piece::Literal(_) => None,
        };
        if role.is_sent() {
            return;
        }
        let Some((first, second)) = format.unclear() else {
            return;
        };
        let Some(start) = span(first) else { return };
        let end = span(second).map_or(start.end, |span| span.end);
        let error = Diagnostic::error(match format.parts[second] {
            Part::Literal(_) => "the number goes on with the digits that follow it",
            _ => "nothing tells where the first of these placeholders ends",
        });
        let place = self.place_inside(path, start.start..end);
        self.push(
            error
                .at(place)
                .help("put the text that comes between them there, or give the first one a width: `{:4d}`"),
        );
    }
}
