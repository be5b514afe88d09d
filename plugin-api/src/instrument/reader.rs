//! The file while it is being read: its parts, and the places of what is wrong.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::{
    diagnostic::{Diagnostic, Place},
    source::{Checked, Tree},
};

/// A checked file, and what was found wrong so far.
pub struct Reader<'f> {
    tree: &'f Tree,
    checked: &'f Checked,
    found: Vec<Diagnostic>,
}

impl<'f> Reader<'f> {
    /// Of a file whose structure was checked.
    pub fn new(tree: &'f Tree, checked: &'f Checked) -> Self {
        Reader {
            tree,
            checked,
            found: Vec::new(),
        }
    }

    /// A part of the file, if it is there and its structure is right; what is wrong there has been told already.
    pub fn part<T: DeserializeOwned>(&self, path: &[&str]) -> Option<T> {
        if !self.checked.is_ok_at(path) {
            return None;
        }
        let value = path.iter().try_fold(&self.checked.value, |value, step| match value {
            serde_json::Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            value => value.get(step),
        });
        serde_json::from_value(value?.clone()).ok()
    }

    /// All of the file, as far as its structure is right.
    pub fn value(&self) -> &'f serde_json::Value {
        &self.checked.value
    }

    /// Whether the file has something at a path.
    pub fn exists(&self, path: &[&str]) -> bool {
        self.tree.get(path).is_some()
    }

    /// The keys of a table, in the order of the file.
    pub fn keys(&self, path: &[&str]) -> Vec<&'f str> {
        let entries = self.tree.get(path).map(|node| node.entries()).unwrap_or_default();
        entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// An error about the value at a path.
    pub fn error(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        self.tree.error_at(path, message)
    }

    /// An error about the key at a path.
    pub fn key_error(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        self.tree.error_at_key(path, message)
    }

    /// The place of the key at a path.
    pub fn key_place(&self, path: &[&str]) -> Place {
        self.tree.key_place_of(path)
    }

    /// The place of a piece of the text at a path; of all of it, if the file does not have it letter by letter.
    pub fn place_inside(&self, path: &[&str], piece: Range<usize>) -> Place {
        let source = self.tree.source();
        let exact = || {
            let node = self.tree.get(path)?;
            let written = source.text().get(node.span.clone())?;
            let inner = written.get(1..written.len().checked_sub(1)?)?;
            let start = node.span.start + 1;
            (inner == node.as_str()?).then(|| source.place(start + piece.start..start + piece.end))
        };
        exact().unwrap_or_else(|| self.tree.place_of(path))
    }

    /// Adds something that was found wrong.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// What was found wrong so far, which this no longer has then.
    pub fn take_found(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.found)
    }

    /// Gives all that was found after the first `before` things another place.
    pub fn relocate_after(&mut self, before: usize, place: &Place) {
        for diagnostic in self.found.iter_mut().skip(before) {
            diagnostic.place = Some(Box::new(place.clone()));
        }
    }

    /// How many things were found wrong so far.
    pub fn count(&self) -> usize {
        self.found.len()
    }
}

/// Adds an item, or notes that one is missing.
pub fn collect<T>(all: &mut Option<Vec<T>>, item: Option<T>) {
    match (all.as_mut(), item) {
        (Some(all), Some(item)) => all.push(item),
        _ => *all = None,
    }
}
