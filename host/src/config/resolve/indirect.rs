//! Values that are looked up: `{ env = "X" }` and `{ file = "…" }`.

use baton_plugin_api::{
    diagnostic::Diagnostic,
    source::{Entry, Node, NodeValue},
};

use super::{Resolver, Section};

/// A copy of a part of the config, with what is looked up in the place of the references.
pub(super) struct LookedUp {
    pub(super) node: Node,
    /// Paths, below the part, of values that cannot be looked up, which has been reported. Their references are still in
    /// their places.
    pub(super) failed: Vec<Vec<String>>,
    /// Paths, below the part, of all values that were looked up.
    pub(super) looked_up: Vec<Vec<String>>,
}

impl Resolver<'_> {
    /// Looks up everything in `node`.
    pub(super) fn look_up(&self, section: &Section<'_>, node: &Node) -> LookedUp {
        let mut walk = Walk {
            resolver: self,
            section,
            path: Vec::new(),
            failed: Vec::new(),
            looked_up: Vec::new(),
        };
        let node = walk.node(node);
        LookedUp {
            node,
            failed: walk.failed,
            looked_up: walk.looked_up,
        }
    }
}

struct Walk<'w, 'a> {
    resolver: &'w Resolver<'a>,
    section: &'w Section<'a>,
    path: Vec<String>,
    failed: Vec<Vec<String>>,
    looked_up: Vec<Vec<String>>,
}

impl Walk<'_, '_> {
    fn node(&mut self, node: &Node) -> Node {
        let value = match &node.value {
            NodeValue::Table(entries) => match reference(entries) {
                Some((how, what)) => self.text(node, how, what),
                None => NodeValue::Table(entries.iter().map(|entry| self.entry(entry)).collect()),
            },
            NodeValue::Array(items) => {
                let items = items.iter().enumerate();
                NodeValue::Array(items.map(|(n, item)| self.below(n.to_string(), item)).collect())
            }
            other => other.clone(),
        };
        let span = node.span.clone();
        Node { span, value }
    }

    fn entry(&mut self, entry: &Entry) -> Entry {
        let node = self.below(entry.key.clone(), &entry.node);
        Entry { node, ..entry.clone() }
    }

    fn below(&mut self, step: String, node: &Node) -> Node {
        self.path.push(step);
        let node = self.node(node);
        self.path.pop();
        node
    }

    fn text(&mut self, node: &Node, how: &str, what: &str) -> NodeValue {
        match self.resolver.text(how, what) {
            Ok(text) => {
                self.looked_up.push(self.path.clone());
                NodeValue::Loose(text)
            }
            Err(error) => {
                let place = self.section.tree().source().place(node.span.clone());
                self.resolver.report(error.at(place));
                self.failed.push(self.path.clone());
                node.value.clone()
            }
        }
    }
}

impl Resolver<'_> {
    fn text(&self, how: &str, what: &str) -> Result<String, Diagnostic> {
        if how == "env" {
            return self.surroundings.variable(what).ok_or_else(|| {
                Diagnostic::error(format!("the environment variable `{what}` is not set"))
                    .help(format!("set it for the host: `{what}=… baton run …`"))
            });
        }
        let path = self.files.folder().join(what);
        let text = self.surroundings.read(&path);
        self.depends_on(path);
        match text {
            // Editors end a file with a line end that is no part of a secret.
            Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => Err(
                Diagnostic::error(format!("the file `{what}` cannot be read: {}", cause(&error)))
                    .help("the path is relative to the folder of the config"),
            ),
        }
    }
}

/// The cause without the system's number, which says nothing to people.
fn cause(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// `env` or `file`, and what for, of a table that is nothing but such a reference.
fn reference(entries: &[Entry]) -> Option<(&str, &str)> {
    match entries {
        [only] if only.key == "env" || only.key == "file" => Some((&only.key, only.node.as_str()?)),
        _ => None,
    }
}
