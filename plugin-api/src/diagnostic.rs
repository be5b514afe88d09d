//! What is wrong in a file that a person wrote, with the place, as plain data.
//!
//! A [`Diagnostic`] carries the lines it is about, so that it can cross the ABI as JSON and be drawn by the host, which
//! never read the file. A driver with files of its own returns them in the detail of its error (see [`to_error`]).

use std::{fmt, ops::Range};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can be used, and probably does not do what was meant.
    Warning,
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in lower case without a full stop.
    pub message: String,
    /// Where; `None` if it is about no place in particular.
    #[serde(default)]
    pub place: Option<Box<Place>>,
    /// Other places that have to do with it, such as the first of two definitions.
    #[serde(default)]
    pub related: Vec<Place>,
    /// What to do about it, in lower case without a full stop.
    #[serde(default)]
    pub help: Option<String>,
}

/// A piece of a file, with its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Name of the file, as people know it.
    pub file: String,
    /// Bytes from the start of the file.
    pub span: Range<usize>,
    /// Line of the first character, from 1.
    pub line: usize,
    /// Column of the first character, in characters from 1.
    pub column: usize,
    /// Line of the end, from 1.
    pub end_line: usize,
    /// Column behind the last character, in characters from 1.
    pub end_column: usize,
    /// The lines of the file that it covers, whole, without the last line end; of a long piece only the first ones.
    pub excerpt: String,
    /// Bytes from the start of the file to the start of `excerpt`.
    pub excerpt_start: usize,
    /// What to write at the caret; may be empty.
    #[serde(default)]
    pub label: String,
}

impl Diagnostic {
    /// An error that is about no place yet.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// A warning that is about no place yet.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            place: None,
            related: Vec::new(),
            help: None,
        }
    }

    /// Says where.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(Box::new(place));
        self
    }

    /// Says what to write at the caret. Without a place it does nothing.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        if let Some(place) = &mut self.place {
            place.label = label.into();
        }
        self
    }

    /// Adds another place that has to do with it.
    #[must_use]
    pub fn related(mut self, place: Place, label: impl Into<String>) -> Self {
        let label = label.into();
        self.related.push(Place { label, ..place });
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Helps with a name that is not there: the one that was probably meant, and all that there are.
    #[must_use]
    pub fn help_names<'a>(mut self, wrong: &str, what: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let meant = nearest(wrong, names.iter().copied()).map(|name| format!("did you mean `{name}`?"));
        let all = match names.len() {
            0 => Some(format!("there are no {what}")),
            // A single name is either the suggestion itself or worth naming.
            1 if meant.is_some() => None,
            _ => Some(format!("{what}: {}", list(names.iter().copied()))),
        };
        self.help = match (meant, all) {
            (Some(meant), Some(all)) => Some(format!("{meant} ({all})")),
            (meant, all) => meant.or(all),
        };
        self
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// `file:line:column: error: message`, on one line, for logs.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}:{}: ", place.file, place.line, place.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.message)
    }
}

/// The error that a driver returns for a file of its own: the first diagnostic as its message, all of them as its detail
/// `{"diagnostics": […]}`, from which the host draws them.
pub fn to_error(diagnostics: &[Diagnostic]) -> Error {
    let first = diagnostics.iter().find(|d| d.is_error()).or(diagnostics.first());
    let message = first.map_or_else(|| "the file cannot be used".to_owned(), ToString::to_string);
    Error::new(ErrorKind::WrongType, message).with_detail(serde_json::json!({ "diagnostics": diagnostics }))
}

/// The diagnostics in the detail of an error, if it has any.
pub fn from_error(error: &Error) -> Vec<Diagnostic> {
    let detail = error.detail().get("diagnostics").cloned().unwrap_or_default();
    serde_json::from_value(detail).unwrap_or_default()
}

/// The one of `names` that `word` was probably meant to be, if any is near enough.
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // One slip in three letters; more than that is another word, unless it is the start of one.
    let bound = (word.chars().count() / 3).max(1);
    let is_start = |name: &str| word.len() >= 3 && name.to_lowercase().starts_with(&word);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        .filter(|(distance, name)| is_start(name) || (*distance <= bound && *distance < name.chars().count()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Names for a message: `` `a`, `b`, `c` ``; of very many only the first.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 16;
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MOST) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = ["driver", "type", "options", "on_exit"];
        assert_eq!(nearest("drivr", names), Some("driver"));
        assert_eq!(nearest("Type", names), Some("type"));
        assert_eq!(nearest("onexit", names), Some("on_exit"));
        assert_eq!(nearest("address", names), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("opt", names), Some("options"));
    }

    #[test]
    fn diagnostics_travel_in_an_error() {
        let diagnostics = [
            Diagnostic::warning("odd"),
            Diagnostic::error("wrong").help("make it right"),
        ];
        let error = to_error(&diagnostics);
        assert_eq!(error.message(), "error: wrong");
        assert_eq!(from_error(&error), diagnostics);
        assert_eq!(from_error(&Error::hardware("smoke")), []);
    }

    #[test]
    fn long_lists_end() {
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert!(list(names.iter().map(String::as_str)).ends_with("`15` and 4 more"));
    }
}
