//! `[drivers] allow`: which contents of drivers may be opened.

use baton_plugin_api::source::Node;

use super::{Parsed, Resolver};
use crate::config::Files;
use crate::plugin::{Allow, Allowed};

/// How a hash is written.
const PREFIX: &str = "sha256:";

impl Files {
    /// The drivers that `[drivers] allow` allows; `None` if there is no such list, and any may be opened. What is not a hash
    /// allows nothing; [`resolve`](crate::config::resolve()) tells of it.
    pub fn allowed_drivers(&self) -> Option<Allowed> {
        let trees = self.sources().map(|source| source.parse_recoverable().0);
        let lists = trees.filter_map(|tree| {
            let list = tree.get(&["drivers", "allow"])?;
            let allow = |entry: &baton_plugin_api::source::Entry| {
                let (line, column) = tree.source().position(entry.node.span.start);
                let hash = hash(&entry.node).unwrap_or("nothing").to_owned();
                let origin = format!("{}:{line}:{column}", tree.source().name());
                (entry.key.clone(), Allow { hash, origin })
            };
            Some(list.entries().iter().map(allow).collect::<Vec<_>>())
        });
        lists
            .reduce(|mut all, more| {
                all.extend(more);
                all
            })
            .map(Allowed::new)
    }
}

impl<'a> Resolver<'a> {
    /// Tells of what is no hash.
    pub(super) fn check_allowed(&self, parsed: &'a [Parsed]) {
        let Some(section) = self.only(parsed, "drivers") else {
            return;
        };
        let entries = section.node(&["allow"]).map(Node::entries).unwrap_or_default();
        for entry in entries {
            let path = ["allow", entry.key.as_str()];
            if section.is_clean(&path) && hash(&entry.node).is_none() {
                let error = section.error(&path, "this is no hash of a driver");
                self.report(
                    error.help("expected `\"sha256:…\"` with 64 digits; `baton drivers --pin CONFIG` writes it"),
                );
            }
        }
    }
}

/// The 64 digits of a hash.
fn hash(node: &Node) -> Option<&str> {
    let digits = node.as_str()?.strip_prefix(PREFIX)?;
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    (digits.len() == 64 && digits.chars().all(is_digit)).then_some(digits)
}
