//! TOML files that people write: parsed with the place of every key and value, checked against a JSON Schema with all
//! errors at once.
//!
//! ```
//! use baton_plugin_api::source::Source;
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Line { terminator: String, timeout_ms: u32 }
//!
//! let source = Source::new("thermostat.toml", "terminator = 3\ntimeout = 100\n");
//! let tree = source.parse().expect("this is TOML");
//! let errors = tree.read::<Line>().err().expect("there are two mistakes");
//! assert_eq!(errors[0].to_string(), "thermostat.toml:1:14: error: `terminator` must be a string, not an integer");
//! assert_eq!(errors[1].to_string(), "thermostat.toml:2:1: error: unknown key `timeout`");
//!
//! // What serde cannot know is checked afterwards, and points into the file all the same.
//! let error = tree.error_at(&["terminator"], "a terminator of three").help("use \"\\n\"");
//! assert_eq!(error.place.unwrap().line, 1);
//! ```
//!
//! A reader that needs more than [`Tree::read`] goes step by step: [`Source::parse_recoverable`], [`Tree::check`] of the
//! whole or a part, the JSON and the [`Mark`]s of what was checked.

mod branch;
mod check;
mod checked;
mod duplicate;
mod kind;
mod leaf;
mod table;
mod tree;

use std::{ops::Range, sync::Arc};

use crate::diagnostic::{Diagnostic, Place};

pub use checked::{Checked, Mark, MarkKind, Problem};
pub use tree::{Entry, Node, NodeValue, Tree};

/// The text of a file, with the name people know it by. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// Byte at which each line starts.
    lines: Arc<[usize]>,
}

/// Most lines that a [`Place`] carries.
const MOST_LINES: usize = 4;

impl Source {
    /// A file that was read already.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let line_starts = text.match_indices('\n').map(|(newline, _)| newline + 1);
        let lines = std::iter::once(0).chain(line_starts).collect();
        Self {
            name: name.into(),
            text,
            lines,
        }
    }

    /// Name of the file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Parses the file.
    ///
    /// # Errors
    /// Every mistake against TOML's grammar, each with its place.
    pub fn parse(&self) -> Result<Tree, Vec<Diagnostic>> {
        let (tree, errors) = self.parse_recoverable();
        if errors.is_empty() { Ok(tree) } else { Err(errors) }
    }

    /// Parses the file as far as it goes: the tree without what is wrong, and every mistake against TOML's grammar.
    pub fn parse_recoverable(&self) -> (Tree, Vec<Diagnostic>) {
        tree::parse(self)
    }

    /// The piece of the file between two bytes. What lies outside the text is cut off.
    pub fn place(&self, span: Range<usize>) -> Place {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end.max(span.start));
        let (line, column) = self.position(start);
        let (end_line, end_column) = self.position(end);
        let excerpt_start = self.lines[line - 1];
        let lines = (end_line - line + 1).min(MOST_LINES);
        let excerpt_end = self
            .lines
            .get(line - 1 + lines)
            .map_or(self.text.len(), |next| next - 1);
        Place {
            file: self.name.to_string(),
            span: start..end,
            line,
            column,
            end_line,
            end_column,
            excerpt: self.text[excerpt_start..excerpt_end].to_owned(),
            excerpt_start,
            label: String::new(),
        }
    }

    /// Line and column of a byte, both from 1; the column in characters.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let byte = self.boundary(byte);
        let line = self.lines.partition_point(|start| *start <= byte);
        (line, self.text[self.lines[line - 1]..byte].chars().count() + 1)
    }

    fn boundary(&self, byte: usize) -> usize {
        let mut byte = byte.min(self.text.len());
        while !self.text.is_char_boundary(byte) {
            byte -= 1;
        }
        byte
    }
}

#[cfg(test)]
mod tests;
