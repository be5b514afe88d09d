//! The tree of a TOML file, with the place of every key and value.

use std::ops::Range;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::{Checked, Source, check, duplicate};
use crate::diagnostic::{Diagnostic, Place};

/// A parsed file.
#[derive(Clone, Debug)]
pub struct Tree {
    source: Source,
    root: Node,
}

/// A value of the file, with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Bytes of the value. For a table that was opened by a header (`[devices.stage]`) it is the header's.
    pub span: Range<usize>,
    /// The value.
    pub value: NodeValue,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum NodeValue {
    /// True or false.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number with a point or an exponent; also `nan` and `inf`, which no schema accepts.
    Float(f64),
    /// Text in quotes.
    Text(String),
    /// Text from elsewhere, such as an environment variable: it also stands for the number or the bool that it spells,
    /// where the schema asks for one. It may be a secret and is never quoted in a diagnostic.
    Loose(String),
    /// A date or time, as it is written; no schema accepts it.
    Datetime(String),
    /// An array.
    Array(Vec<Node>),
    /// A table, in the order of the file.
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Bytes of the key.
    pub key_span: Range<usize>,
    /// The value.
    pub node: Node,
}

impl Node {
    /// The value of a key, if this is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The entry of a key, if this is a table that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The entries in the order of the file; none if this is no table.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            NodeValue::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) | NodeValue::Loose(text) => Some(text),
            _ => None,
        }
    }

    /// What it is, for messages to people.
    pub fn noun(&self) -> &'static str {
        match &self.value {
            NodeValue::Bool(_) => "a bool",
            NodeValue::Int(_) => "an integer",
            NodeValue::Float(x) if !x.is_finite() => "`nan` or `inf`",
            NodeValue::Float(_) => "a number",
            NodeValue::Text(_) | NodeValue::Loose(_) => "a string",
            NodeValue::Datetime(_) => "a date or time",
            NodeValue::Array(_) => "an array",
            NodeValue::Table(_) => "a table",
        }
    }

    /// The value as JSON. Dates become their text, `nan` and `inf` become `null`.
    pub fn to_json(&self) -> Json {
        match &self.value {
            NodeValue::Bool(b) => Json::from(*b),
            NodeValue::Int(n) => Json::from(*n),
            NodeValue::Float(x) => Json::from(*x),
            NodeValue::Text(text) | NodeValue::Loose(text) | NodeValue::Datetime(text) => Json::from(text.as_str()),
            NodeValue::Array(items) => items.iter().map(Node::to_json).collect(),
            NodeValue::Table(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json()));
                Json::Object(pairs.collect())
            }
        }
    }

    /// The node at a path of keys and indices below this one.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, step| node.step(step))
    }

    fn step(&self, step: &str) -> Option<&Node> {
        match &self.value {
            NodeValue::Array(items) => items.get(step.parse::<usize>().ok()?),
            _ => self.get(step),
        }
    }
}

impl Tree {
    /// The file.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The whole of it, a table.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The node at a path of keys and, in arrays, indices ("0", "1", …).
    pub fn get(&self, path: &[&str]) -> Option<&Node> {
        self.root.at(path)
    }

    /// Bytes of the value at a path.
    pub fn span_of(&self, path: &[&str]) -> Option<Range<usize>> {
        self.get(path).map(|node| node.span.clone())
    }

    /// Bytes of the key at a path.
    pub fn key_span_of(&self, path: &[&str]) -> Option<Range<usize>> {
        let (key, above) = path.split_last()?;
        Some(self.get(above)?.entry(key)?.key_span.clone())
    }

    /// The place of the value at a path, or of the nearest thing above that is there.
    pub fn place_of(&self, path: &[&str]) -> Place {
        let span = (1..=path.len()).rev().find_map(|n| self.span_of(&path[..n]));
        self.source.place(span.unwrap_or(0..0))
    }

    /// The place of the key at a path, or of the nearest thing above that is there.
    pub fn key_place_of(&self, path: &[&str]) -> Place {
        let span = (1..=path.len()).rev().find_map(|n| self.key_span_of(&path[..n]));
        self.source.place(span.unwrap_or(0..0))
    }

    /// An error about the value at a path, or about the nearest thing above that is there.
    pub fn error_at(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.place_of(path))
    }

    /// An error about the key at a path, or about the nearest thing above that is there.
    pub fn error_at_key(&self, path: &[&str], message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(message).at(self.key_place_of(path))
    }

    /// Checks the whole file against a JSON Schema (see [`Tree::check_node`]).
    pub fn check(&self, schema: &Schema) -> Checked {
        self.check_node(&self.root, &[], schema)
    }

    /// Checks a part of the file against a JSON Schema, and finds everything that is wrong at once.
    ///
    /// `node` need not be the one that is in the tree, so that a caller may have replaced parts of it; `path` says where
    /// it stands. The schema may use what schemars makes of serde's types (`type`, `properties`, `required`,
    /// `additionalProperties`, `enum`, `const`, `items`, `prefixItems`, `minItems`, `maxItems`, `anyOf`, `oneOf`,
    /// `allOf`, `$ref` to `$defs`, `minimum`, `maximum` and their exclusive forms), and two keys of ours: `unit` on a
    /// number asks for a string such as `"5 mm"`, and `format: "baton-…"` names what a string refers to. Both are
    /// reported as [`Mark`](super::Mark)s; what they mean is the caller's business. Other keys are ignored.
    pub fn check_node(&self, node: &Node, path: &[&str], schema: &Schema) -> Checked {
        check::check(&self.source, node, path, schema.as_value())
    }

    /// Checks the whole file against the schema of `T` and reads it.
    ///
    /// Quantities (see [`Tree::check_node`]) stay text here: their fields have to be strings, or be read by the host.
    ///
    /// # Errors
    /// Everything that is wrong, at least one diagnostic.
    pub fn read<T: DeserializeOwned + JsonSchema>(&self) -> Result<T, Vec<Diagnostic>> {
        let checked = self.check(&schemars::schema_for!(T));
        if !checked.is_ok() {
            return Err(checked.into_diagnostics());
        }
        // A type may refuse what its schema allows; serde then gives no place.
        serde_json::from_value(checked.value).map_err(|error| vec![self.error_at(&[], error.to_string())])
    }
}

pub(super) fn parse(source: &Source) -> (Tree, Vec<Diagnostic>) {
    let text = source.text();
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut diagnostics = Vec::new();
    let value = convert_table(table.get_ref(), source, &mut diagnostics);
    let root = Node {
        span: 0..text.find('\n').unwrap_or(text.len()),
        value,
    };
    let source = source.clone();
    let tree = Tree { source, root };
    diagnostics.extend(errors.iter().map(|error| explain(&tree, error)));
    diagnostics.sort_by_key(|diagnostic| diagnostic.place.as_ref().map_or(0, |place| place.span.start));
    (tree, diagnostics)
}

fn explain(tree: &Tree, error: &toml::de::Error) -> Diagnostic {
    let end = tree.source.text().len();
    let span = error.span().unwrap_or(end..end);
    match error.message() {
        "duplicate key" => duplicate::explain(tree, span),
        message => Diagnostic::error(message).at(tree.source.place(span)),
    }
}

fn convert_table(table: &DeTable<'_>, source: &Source, diagnostics: &mut Vec<Diagnostic>) -> NodeValue {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            node: convert(value.get_ref(), value.span(), source, diagnostics),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    NodeValue::Table(entries)
}

fn convert(value: &DeValue<'_>, span: Range<usize>, source: &Source, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let value = match value {
        DeValue::String(text) => NodeValue::Text(text.to_string()),
        DeValue::Boolean(b) => NodeValue::Bool(*b),
        DeValue::Datetime(datetime) => NodeValue::Datetime(datetime.to_string()),
        DeValue::Integer(n) => NodeValue::Int(i64::from_str_radix(n.as_str(), n.radix()).unwrap_or_else(|_| {
            diagnostics.push(Diagnostic::error("the integer does not fit into 64 bits").at(source.place(span.clone())));
            0
        })),
        DeValue::Float(x) => NodeValue::Float(x.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Array(items) => {
            let items = items.iter();
            let convert = |item: &toml::Spanned<_>, d: &mut _| convert(item.get_ref(), item.span(), source, d);
            NodeValue::Array(items.map(|item| convert(item, diagnostics)).collect())
        }
        DeValue::Table(table) => convert_table(table, source, diagnostics),
    };
    Node { span, value }
}
