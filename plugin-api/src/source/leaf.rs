//! Values that hold no others: quantities, choices, bounds, formats, and text that stands for something else.

use serde_json::Value as Json;

use super::{
    Mark, MarkKind, Node, NodeValue,
    check::{At, Found, Walk},
    kind::{noun, spelled, types},
};
use crate::diagnostic::{Diagnostic, list};

impl<'a> Walk<'a> {
    /// A number with a unit: in the file it is text such as `"5 mm"`.
    pub(super) fn check_quantity(&self, node: &Node, schema: &Json, unit: &str, at: &At<'_>) -> Found {
        match &node.value {
            NodeValue::Text(text) | NodeValue::Loose(text) => {
                let kind = MarkKind::Quantity {
                    unit: unit.to_owned(),
                    is_difference: at.is_difference,
                    minimum: schema["minimum"].as_f64(),
                    maximum: schema["maximum"].as_f64(),
                };
                self.mark(node, text, kind, at)
            }
            NodeValue::Int(_) | NodeValue::Float(_) => {
                let number = &self.source.text()[node.span.clone()];
                let error = self.error(node, format!("{} has no unit", at.name()));
                Found::problem(
                    at,
                    error
                        .label("a bare number")
                        .help(format!("write `\"{number} {unit}\"`")),
                )
            }
            _ => {
                let error = self.error(node, format!("{} must be a quantity, not {}", at.name(), node.noun()));
                Found::problem(
                    at,
                    error.help(format!(
                        "write a number with its unit in quotes, such as `\"5 {unit}\"`"
                    )),
                )
            }
        }
    }

    pub(super) fn check_choice(&self, node: &Node, schema: &Json, at: &At<'_>) -> Option<Found> {
        let one = schema.get("const").map(std::slice::from_ref);
        let choices = schema["enum"].as_array().map(Vec::as_slice).or(one)?;
        if choices.contains(&node.to_json()) {
            return None;
        }
        Some(Found::problem(at, self.wrong_choice(node, choices, at)))
    }

    /// `node` is none of `choices`.
    pub(super) fn wrong_choice(&self, node: &Node, choices: &[Json], at: &At<'_>) -> Diagnostic {
        let names: Vec<&str> = choices.iter().filter_map(Json::as_str).collect();
        let value = match &node.value {
            NodeValue::Text(text) => format!("`{text}`"),
            NodeValue::Loose(_) => "the text that was looked up for it".to_owned(),
            NodeValue::Int(_) | NodeValue::Float(_) => node.to_json().to_string(),
            _ => node.noun().to_owned(),
        };
        let error = self.error(node, format!("{} cannot be {value}", at.name()));
        match (&node.value, names.len() == choices.len()) {
            (NodeValue::Text(text), true) => error.help_names(text, "choices", names),
            (_, true) => error.help(format!("choices: {}", list(names))),
            (_, false) => {
                let all: Vec<String> = choices.iter().map(ToString::to_string).collect();
                error.help(format!("choices: {}", list(all.iter().map(String::as_str))))
            }
        }
    }

    pub(super) fn check_bounds(&self, node: &Node, number: f64, schema: &Json, at: &At<'_>) -> Found {
        let bound = |key: &str| schema[key].as_f64();
        let why = match () {
            () if bound("minimum").is_some_and(|least| number < least) => format!("at least {}", schema["minimum"]),
            () if bound("maximum").is_some_and(|most| number > most) => format!("at most {}", schema["maximum"]),
            () if bound("exclusiveMinimum").is_some_and(|least| number <= least) => {
                format!("more than {}", schema["exclusiveMinimum"])
            }
            () if bound("exclusiveMaximum").is_some_and(|most| number >= most) => {
                format!("less than {}", schema["exclusiveMaximum"])
            }
            () => return Found::default(),
        };
        Found::problem(at, self.error(node, format!("{} must be {why}", at.name())))
    }

    /// Text from elsewhere, where no string is due.
    pub(super) fn read_loose(&self, node: &Node, text: &str, schema: &'a Json, at: &At<'a>) -> Found {
        let types = types(schema);
        let Some(value) = spelled(text, &types) else {
            return Found::problem(at, self.wrong_type(node, &types, at));
        };
        let mut found = match value.as_f64() {
            Some(number) => self.check_bounds(node, number, schema, at),
            None => Found::default(),
        };
        found.read.push((at.path.to_vec(), value));
        found
    }

    pub(super) fn mark_format(&self, node: &Node, text: &str, schema: &Json, at: &At<'_>) -> Found {
        match schema["format"].as_str().filter(|format| format.starts_with("baton-")) {
            Some(format) => self.mark(node, text, MarkKind::Format(format.to_owned()), at),
            None => Found::default(),
        }
    }

    pub(super) fn mark(&self, node: &Node, text: &str, kind: MarkKind, at: &At<'_>) -> Found {
        let mark = Mark {
            path: at.path.to_vec(),
            span: node.span.clone(),
            text: text.to_owned(),
            kind,
        };
        Found {
            marks: vec![mark],
            ..Found::default()
        }
    }

    pub(super) fn wrong_type(&self, node: &Node, types: &[&str], at: &At<'_>) -> Diagnostic {
        let nouns: Vec<&str> = types.iter().filter_map(|name| noun(name)).collect();
        self.not_a(node, &nouns.join(" or "), types, at)
    }

    /// `node` is not `wanted`; `types` are the schema's names for that.
    pub(super) fn not_a(&self, node: &Node, wanted: &str, types: &[&str], at: &At<'_>) -> Diagnostic {
        let error = self.error(node, format!("{} must be {wanted}, not {}", at.name(), node.noun()));
        match &node.value {
            NodeValue::Text(text) if spelled(text, types).is_some() => {
                error.help(format!("write it without quotes: `{}`", text.trim()))
            }
            NodeValue::Int(_) | NodeValue::Datetime(_) if types.contains(&"string") => {
                let text = &self.source.text()[node.span.clone()];
                error.help(format!("put it in quotes: `\"{text}\"`"))
            }
            NodeValue::Text(text) if types.contains(&"array") => error.help(format!("write `[\"{text}\"]`")),
            _ => error,
        }
    }
}
