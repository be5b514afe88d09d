//! Tables against `properties`, `required` and `additionalProperties`.

use serde_json::Value as Json;

use super::{
    Entry, Node, NodeValue,
    check::{At, Found, Walk},
    kind::types,
};
use crate::diagnostic::{Diagnostic, list, nearest};

impl<'a> Walk<'a> {
    /// Checks the entries of the table `node`.
    pub(super) fn check_table(&self, node: &Node, entries: &[Entry], schema: &'a Json, at: &At<'a>) -> Found {
        let mut found = Found::default();
        let mut unknown = Vec::new();
        for entry in entries {
            let at = self.inside(at, &entry.key);
            match self.schema_of_key(entry, schema) {
                Some(inner) => found.extend(self.check(&entry.node, inner, &at)),
                None => {
                    unknown.push(entry.key.as_str());
                    found.extend(Found::problem(&at, self.unknown_key(entry, node, schema)));
                }
            }
        }
        let required = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str);
        for key in required.filter(|key| node.get(key).is_none()) {
            // An unknown key that is a slip of this one has said it already.
            if nearest(key, unknown.iter().copied()).is_none() {
                let error = self.missing_key(key, node, schema, at);
                found.extend(Found::problem(&self.inside(at, key), error));
            }
        }
        found
    }

    fn schema_of_key(&self, entry: &Entry, schema: &'a Json) -> Option<&'a Json> {
        let properties = schema["properties"].as_object();
        if let Some(inner) = properties.and_then(|map| map.get(&entry.key)) {
            return Some(inner);
        }
        let more = match &schema["additionalProperties"] {
            Json::Null => &Json::Bool(true),
            Json::Bool(false) => return None,
            more => more,
        };
        // Beside named keys, tables under names of the user: anything else is a slip in a key.
        let target = self.follow(more).unwrap_or(more);
        let only_tables = properties.is_some_and(|map| !map.is_empty()) && types(target) == ["object"];
        match entry.node.value {
            NodeValue::Table(_) => Some(more),
            _ if only_tables => None,
            _ => Some(more),
        }
    }

    fn unknown_key(&self, entry: &Entry, table: &Node, schema: &Json) -> Diagnostic {
        let place = self.place(entry.key_span.clone());
        let error = Diagnostic::error(format!("unknown key `{}`", entry.key)).at(place);
        let keys: Vec<&str> = keys(schema).collect();
        // A key that is there already is not what was meant, unless both are tables: `[device.x]` beside `[devices.y]`.
        let is_table = |node: &Node| matches!(node.value, NodeValue::Table(_));
        let meant = |key: &&str| {
            let there = table.get(key);
            there.is_none_or(|node| is_table(node) && is_table(&entry.node))
        };
        let free = keys.iter().copied().filter(meant);
        match nearest(&entry.key, free) {
            Some(key) => error.help(format!("did you mean `{key}`?")),
            None if keys.is_empty() => error.help("no keys are allowed here"),
            None => error.help(format!("keys: {}", list(keys))),
        }
    }

    fn missing_key(&self, key: &str, node: &Node, schema: &Json, at: &At<'_>) -> Diagnostic {
        let error = self.error(node, format!("`{key}` is missing in {}", at.name()));
        match self
            .property(schema, key)
            .and_then(|property| property["description"].as_str())
        {
            Some(description) => {
                let sentence = description
                    .split("\n\n")
                    .next()
                    .unwrap_or_default()
                    .trim_end_matches('.');
                error.help(format!("`{key}`: {}", sentence.replace('\n', " ")))
            }
            None => error,
        }
    }

    /// The schema of a key that is named in `properties`.
    pub(super) fn property(&self, schema: &'a Json, key: &str) -> Option<&'a Json> {
        schema["properties"].get(key)
    }
}

fn keys(schema: &Json) -> impl Iterator<Item = &str> {
    schema["properties"]
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys().map(String::as_str))
}
