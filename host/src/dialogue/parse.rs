//! From the text of a dialogue to its scenes; all mistakes at once.

mod step;

use std::ops::Range;

use baton_plugin_api::{
    diagnostic::{Diagnostic, nearest},
    source::Source,
};

use super::{Action, Dialogue, Said, Scene, Step};
/// The words that a line may begin with.
const WORDS: [&str; 11] = [
    "open", "read", "write", "call", "status", "stop", "listen", "close", "wait", "hang up", "with",
];

impl Dialogue {
    /// Reads a dialogue.
    ///
    /// # Errors
    /// Every mistake, with its place.
    pub fn parse(source: Source) -> Result<Dialogue, Vec<Diagnostic>> {
        let mut reader = Reader {
            source: &source,
            with: Vec::new(),
            scenes: Vec::new(),
            mistakes: Vec::new(),
        };
        let mut start = 0;
        for line in source.text().split_inclusive('\n') {
            let text = line.trim_end();
            let indent = text.len() - text.trim_start().len();
            if let Err(mistake) = reader.line(Piece::new(text, start).skip(indent)) {
                reader.mistakes.push(mistake);
            }
            start += line.len();
        }
        reader.note_empty();
        let Reader {
            with, scenes, mistakes, ..
        } = reader;
        match mistakes.is_empty() {
            true => Ok(Dialogue { with, scenes, source }),
            false => Err(mistakes),
        }
    }
}

/// A piece of a line, and where in the file it is.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Piece<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        Piece { text, at }
    }

    fn skip(self, bytes: usize) -> Self {
        Piece {
            text: &self.text[bytes..],
            at: self.at + bytes,
        }
    }

    fn span(self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// The first word, and what is behind the blanks after it.
    fn word(self) -> (Self, Self) {
        let end = self.text.find(char::is_whitespace).unwrap_or(self.text.len());
        let rest = self.skip(end);
        let blanks = rest.text.len() - rest.text.trim_start().len();
        (
            Piece {
                text: &self.text[..end],
                ..self
            },
            rest.skip(blanks),
        )
    }
}

struct Reader<'s> {
    source: &'s Source,
    with: Vec<(String, String, Range<usize>)>,
    scenes: Vec<Scene>,
    mistakes: Vec<Diagnostic>,
}

type Outcome<T = ()> = Result<T, Diagnostic>;

impl Reader<'_> {
    fn line(&mut self, line: Piece<'_>) -> Outcome {
        if line.text.is_empty() || line.text.starts_with('#') {
            return Ok(());
        }
        for (sign, step) in [
            ("->", Self::sent as fn(&Self, Piece<'_>) -> Outcome<Said>),
            ("<-", Self::received),
            ("=", Self::value),
            ("!", Self::fails),
            ("*", Self::unasked),
        ] {
            if line.text.starts_with(sign) {
                let said = step(self, line.skip(sign.len()))?;
                return self.step(said, line.skip(sign.len()));
            }
        }
        let (word, rest) = line.word();
        match word.text {
            "wait" => {
                let said = self.wait(rest)?;
                self.step(said, line)
            }
            "hang" if rest.text == "up" => self.step(Said::HangUp, line),
            "with" => self.with(rest),
            _ => {
                let action = self.action(word, rest);
                // What stands below a wrong line is not told of as well.
                self.scenes.push(Scene {
                    action: action.as_ref().map_or(Action::Listen, Clone::clone),
                    span: line.span(),
                    steps: Vec::new(),
                });
                action.map(drop)
            }
        }
    }

    fn error(&self, at: Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.source.place(at))
    }

    fn step(&mut self, what: Said, line: Piece<'_>) -> Outcome {
        let blanks = line.text.len() - line.text.trim_start().len();
        let span = line.skip(blanks).span();
        let Some(scene) = self.scenes.last_mut() else {
            let error = self.error(span, "nobody has asked for anything yet");
            return Err(error.help("begin with what is asked of the device, such as `read temperature`, or `open`"));
        };
        if what.is_outcome()
            && let Some(first) = scene.steps.iter().find(|step| step.what.is_outcome())
        {
            let first = self.source.place(first.span.clone());
            let error = self.error(span, "an action has one outcome");
            return Err(error.related(first, "the first one"));
        }
        scene.steps.push(Step { what, span });
        Ok(())
    }

    fn action(&self, word: Piece<'_>, rest: Piece<'_>) -> Outcome<Action> {
        let (name, value) = rest.word();
        let bare = |action: Action| match rest.text {
            "" => Ok(action),
            _ => Err(self.error(rest.span(), format!("`{}` stands alone", word.text))),
        };
        let named = |what: &str, example: &str| match name.text {
            "" => Err(self
                .error(word.span(), format!("`{}` what?", word.text))
                .help(format!("write {what}: `{example}`"))),
            name => Ok(name.to_owned()),
        };
        match word.text {
            "open" => bare(Action::Open),
            "status" => bare(Action::Status),
            "stop" => bare(Action::Stop),
            "listen" => bare(Action::Listen),
            "close" => bare(Action::Close),
            "read" if value.text.is_empty() => Ok(Action::Read(named("a parameter", "read temperature")?)),
            "read" => Err(self.error(value.span(), "there is one parameter to a `read`")),
            "write" => {
                let name = named("a parameter and a value", "write setpoint 30 degC")?;
                match value.text {
                    "" => Err(self
                        .error(rest.span(), format!("`{name}` has no value"))
                        .help("write it behind the name")),
                    value => Ok(Action::Write(name, value.to_owned())),
                }
            }
            "call" => {
                let name = named("a command", "call home")?;
                Ok(Action::Call(
                    name,
                    (!value.text.is_empty()).then(|| value.text.to_owned()),
                ))
            }
            other => {
                let error = self.error(word.span(), format!("a line does not begin with `{other}`"));
                let signs = "`->`, `<-`, `=`, `!`, `*` or `#`";
                Err(match nearest(other, WORDS) {
                    Some(meant) => error.help(format!("did you mean `{meant}`?")),
                    None => error.help(format!("it begins with {signs}, or one of: {}", WORDS.join(", "))),
                })
            }
        }
    }

    fn with(&mut self, rest: Piece<'_>) -> Outcome {
        if let Some(scene) = self.scenes.first() {
            let first = self.source.place(scene.span.clone());
            let error = self.error(rest.span(), "an option comes too late");
            return Err(error.related(first, "the device is opened before this"));
        }
        match rest.text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
                self.with
                    .push((name.trim().to_owned(), value.trim().to_owned(), rest.span()));
                Ok(())
            }
            _ => Err(self.error(rest.span(), "no option").help("write `with station = 3`")),
        }
    }

    fn note_empty(&mut self) {
        if self.scenes.is_empty() && self.mistakes.is_empty() {
            let error = self.error(0..0, "the dialogue is empty");
            self.mistakes
                .push(error.help("write what is asked, sent and answered: `read temperature`, `-> …`, `<- …`, `= …`"));
        }
    }
}
