//! The file while it is being read: its parts, and the places of what is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use baton_plugin_api::{
    Value,
    diagnostic::{Diagnostic, Place},
    source::{Checked, Tree},
};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Encoding, subjects::Subject};
use crate::{
    manner::ReplyEnd,
    template::{self, Slip, Whose},
};

/// A checked file, and what was found wrong so far.
pub(super) struct Reader<'f> {
    tree: &'f Tree,
    checked: &'f Checked,
    /// What `[line]` says that matters to every line.
    pub(super) ends: Ends,
    /// What the name of each parameter stands for.
    pub(super) subjects: Vec<(String, Subject)>,
    /// What the name of each setting stands for, and its value; `None` if something is wrong with it.
    pub(super) settings: Vec<(String, Option<(Subject, Value)>)>,
    /// What the lab's config gives for the settings.
    pub(super) given: &'f Given,
    pub(super) found: Vec<Diagnostic>,
}

/// How lines end, and how characters become bytes.
#[derive(Clone, Default)]
pub(super) struct Ends {
    pub(super) encoding: Encoding,
    pub(super) send: Vec<u8>,
    /// Empty if it is not a terminator that ends replies.
    pub(super) reply: Vec<u8>,
    /// Where replies end, if `[line]` says so.
    pub(super) default: Option<ReplyEnd>,
    /// Whether `[line]` was understood.
    pub(super) is_known: bool,
}

/// The setting that a line gives to each of its instruments, whether or not the file has a use for it.
pub(crate) const STATION: &str = "station";

/// What the lab's config gives for the settings of an instrument file.
pub(crate) type Given = BTreeMap<String, Json>;

impl<'f> Reader<'f> {
    pub(super) fn new(tree: &'f Tree, checked: &'f Checked, given: &'f Given) -> Self {
        Reader {
            tree,
            checked,
            ends: Ends::default(),
            subjects: Vec::new(),
            settings: Vec::new(),
            given,
            found: Vec::new(),
        }
    }

    /// A part of the file, if it is there and its structure is right; what is wrong there has been told already.
    pub(super) fn part<T: DeserializeOwned>(&self, path: &[&str]) -> Option<T> {
        if !self.checked.is_ok_at(path) {
            return None;
        }
        let value = path.iter().try_fold(&self.checked.value, |value, step| match value {
            serde_json::Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            value => value.get(step),
        });
        serde_json::from_value(value?.clone()).ok()
    }

    /// Whether the file has something at a path.
    pub(super) fn exists(&self, path: &[&str]) -> bool {
        self.tree.get(path).is_some()
    }

    /// The parameters that get a value from wherever something comes from the instrument.
    pub(super) fn told(&self) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        collect_told(&self.checked.value, self.ends.encoding, &mut told);
        told
    }

    /// The keys of a table, in the order of the file.
    pub(super) fn keys(&self, path: &[&str]) -> Vec<&'f str> {
        let entries = self.tree.get(path).map(|node| node.entries()).unwrap_or_default();
        entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    /// An error about the value at a path.
    pub(super) fn error(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        self.tree.error_at(path, message)
    }

    /// An error about the key at a path.
    pub(super) fn key_error(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        self.tree.error_at_key(path, message)
    }

    /// The place of the key at a path.
    pub(super) fn key_place(&self, path: &[&str]) -> Place {
        self.tree.key_place_of(path)
    }

    /// The place of a piece of the text at a path; of all of it, if the file does not have it letter by letter.
    pub(super) fn place_inside(&self, path: &[&str], piece: Range<usize>) -> Place {
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

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Tells what is wrong in a template at a path.
    pub(super) fn push_slips(&mut self, path: &[&str], slips: Vec<Slip>) {
        for slip in slips {
            let error = Diagnostic::error(slip.message).at(self.place_inside(path, slip.span));
            self.push(match slip.help {
                Some(help) => error.help(help),
                None => error,
            });
        }
    }
}

/// Names of parameters in everything that is expected, and those of bits.
fn collect_told(json: &Json, encoding: Encoding, told: &mut BTreeSet<String>) {
    let Json::Object(map) = json else { return };
    for (key, value) in map {
        match (key.as_str(), value) {
            ("expect", Json::String(text)) => {
                let template = template::parse(text, encoding).ok();
                let placeholders = template.iter().flat_map(|template| template.placeholders());
                told.extend(placeholders.filter_map(|placeholder| match &placeholder.whose {
                    Whose::Of(name) => Some(name.clone()),
                    _ => None,
                }));
            }
            ("bits", Json::Object(bits)) => told.extend(bits.keys().cloned()),
            (_, value) => collect_told(value, encoding, told),
        }
    }
}
