//! Tables of the config with the place they stand at.

use std::ops::Range;

use baton_plugin_api::{
    diagnostic::{Diagnostic, Place, nearest},
    source::{Entry, Node, Source, Tree},
};
use schemars::Schema;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Resolver, quantity};
use crate::config::Origin;

/// A file that was parsed and checked against the schema of the keys.
pub(super) struct Parsed {
    tree: Tree,
    /// The file as JSON, times in seconds, without what is wrong.
    json: Json,
    /// Paths of what is wrong.
    wrong: Vec<Vec<String>>,
    /// Whether it is TOML. If not, what was understood of it is good for names alone.
    pub(super) sound: bool,
}

/// A table of a file: `[devices.stage]`.
#[derive(Clone)]
pub(super) struct Section<'a> {
    parsed: &'a Parsed,
    path: Vec<&'a str>,
    entry: &'a Entry,
}

impl Parsed {
    /// Parses and checks a file, and reports what is wrong with its form.
    pub(super) fn new(source: &Source, schema: &Schema, resolver: &Resolver<'_>) -> Parsed {
        let (tree, errors) = source.parse_recoverable();
        let sound = errors.is_empty();
        let mut parsed = Parsed {
            tree,
            json: Json::Null,
            wrong: Vec::new(),
            sound,
        };
        if !sound {
            errors.into_iter().for_each(|error| resolver.report(error));
            return parsed;
        }
        let mut checked = parsed.tree.check(schema);
        quantity::convert(&parsed.tree, &[], &mut checked);
        parsed.json = checked.value;
        for problem in checked.problems {
            resolver.report(problem.diagnostic);
            prune(&mut parsed.json, &problem.path);
            parsed.wrong.push(problem.path);
        }
        parsed
    }

    /// The section of a path of keys, if it is there.
    pub(super) fn section<'a>(&'a self, path: &[&'a str]) -> Option<Section<'a>> {
        let (key, above) = path.split_last()?;
        let entry = self.tree.get(above)?.entry(key)?;
        Some(Section {
            entry,
            parsed: self,
            path: path.to_vec(),
        })
    }
}

/// Removes what is wrong, so that the rest can be read. Of an array nothing is left, for its items have an order.
fn prune(json: &mut Json, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    let Some(map) = json.as_object_mut() else { return };
    match map.get_mut(step) {
        Some(inner @ Json::Object(_)) if !rest.is_empty() => prune(inner, rest),
        _ => {
            map.remove(step);
        }
    }
}

/// The sections below a table, of all files: every `[devices.NAME]`.
pub(super) fn named<'a>(parsed: &'a [Parsed], table: &'a str) -> Vec<Section<'a>> {
    let sections = parsed.iter().flat_map(|file| {
        let entries = file.tree.get(&[table]).map(Node::entries).unwrap_or_default();
        entries.iter().map(move |entry| Section {
            parsed: file,
            path: vec![table, entry.key.as_str()],
            entry,
        })
    });
    sections.collect()
}

impl<'a> Section<'a> {
    /// The last key: the name of the device or controller.
    pub(super) fn name(&self) -> &'a str {
        self.path.last().copied().unwrap_or_default()
    }

    /// Whether it is a section of devices, and not of controllers.
    pub(super) fn is_device(&self) -> bool {
        self.path.first() == Some(&"devices")
    }

    /// Where it stands among all files: the file's number and the byte.
    pub(super) fn position(&self, parsed: &[Parsed]) -> (usize, usize) {
        let file = parsed.iter().position(|file| std::ptr::eq(file, self.parsed));
        (file.unwrap_or(parsed.len()), self.entry.key_span.start)
    }

    /// Reads it, without what is wrong in it; `None` if too little is left.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        let json = self
            .path
            .iter()
            .try_fold(&self.parsed.json, |json, key| json.get(key))?;
        serde_json::from_value(json.clone()).ok()
    }

    /// Whether nothing is wrong with the form of what is at a path below, or below that.
    pub(super) fn is_clean(&self, below: &[&str]) -> bool {
        let path = self.full(below);
        let within = |wrong: &Vec<String>| wrong.len() >= path.len() && path.iter().zip(wrong).all(|(a, b)| a == b);
        self.parsed.sound && !self.parsed.wrong.iter().any(within)
    }

    /// Whether no unknown key is likely to be a slip of `key`.
    pub(super) fn has_no_slip(&self, key: &str) -> bool {
        let wrong =
            |path: &&Vec<String>| path.len() == self.path.len() + 1 && self.path.iter().zip(*path).all(|(a, b)| a == b);
        let keys = self.parsed.wrong.iter().filter(wrong).filter_map(|path| path.last());
        nearest(key, keys.map(String::as_str)).is_none()
    }

    /// What is at a path below.
    pub(super) fn node(&self, below: &[&str]) -> Option<&'a Node> {
        self.entry.node.at(below)
    }

    /// The tree that it is in.
    pub(super) fn tree(&self) -> &'a Tree {
        &self.parsed.tree
    }

    /// The path from the root of the tree to what is below.
    pub(super) fn full<'b>(&'b self, below: &[&'b str]) -> Vec<&'b str> {
        self.path.iter().chain(below).copied().collect()
    }

    /// The place of the value at a path below, or of the nearest thing above.
    pub(super) fn place(&self, below: &[&str]) -> Place {
        let span = self.nearest(below).map_or(&self.entry.node.span, |node| &node.span);
        self.parsed.tree.source().place(span.clone())
    }

    /// The place of the key at a path below, or of the nearest thing above.
    pub(super) fn key_place(&self, below: &[&str]) -> Place {
        self.parsed.tree.source().place(self.key_span(below))
    }

    /// What is at a path below, or the nearest thing above that is there.
    fn nearest(&self, below: &[&str]) -> Option<&'a Node> {
        (1..=below.len()).rev().find_map(|n| self.entry.node.at(&below[..n]))
    }

    fn key_span(&self, below: &[&str]) -> Range<usize> {
        let key = |n: usize| {
            let (key, above) = below[..n].split_last()?;
            self.entry.node.at(above)?.entry(key)
        };
        let entry = (1..=below.len()).rev().find_map(key).unwrap_or(self.entry);
        entry.key_span.clone()
    }

    /// The place of the key at a path below.
    pub(super) fn origin(&self, below: &[&str]) -> Origin {
        let source = self.parsed.tree.source();
        let (line, column) = source.position(self.key_span(below).start);
        Origin {
            file: source.name().into(),
            line,
            column,
        }
    }

    /// An error about the value at a path below.
    pub(super) fn error(&self, below: &[&str], message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.place(below))
    }

    /// An error about the key at a path below.
    pub(super) fn key_error(&self, below: &[&str], message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.key_place(below))
    }
}
