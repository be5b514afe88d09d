//! The file while it is being read: its parts, and the places of what is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Deref, DerefMut},
};

use baton_plugin_api::{
    Value,
    diagnostic::Diagnostic,
    instrument,
    source::{Checked, Tree},
};
use serde_json::Value as Json;

use super::{Encoding, subjects::Subject};
use crate::{
    manner::ReplyEnd,
    template::{self, Slip, Whose},
};

/// A checked file, what was found wrong so far, and what its names stand for.
pub(super) struct Reader<'f> {
    base: instrument::Reader<'f>,
    /// What `[line]` says that matters to every line.
    pub(super) ends: Ends,
    /// What the name of each parameter stands for.
    pub(super) subjects: Vec<(String, Subject)>,
    /// What the name of each setting stands for, and its value; `None` if something is wrong with it.
    pub(super) settings: Vec<(String, Option<(Subject, Value)>)>,
    /// What the lab's config gives for the settings.
    pub(super) given: &'f Given,
}

impl<'f> Deref for Reader<'f> {
    type Target = instrument::Reader<'f>;

    fn deref(&self) -> &Self::Target {
        &self.base
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.base
    }
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
            base: instrument::Reader::new(tree, checked),
            ends: Ends::default(),
            subjects: Vec::new(),
            settings: Vec::new(),
            given,
        }
    }

    /// The parameters that get a value from wherever something comes from the instrument.
    pub(super) fn told(&self) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        collect_told(self.value(), self.ends.encoding, &mut told);
        told
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
