//! The walk along a tree and its schema at once, that finds everything that does not fit.

use std::{ops::Range, rc::Rc};

use serde_json::Value as Json;

use super::{
    Checked, Mark, Node, NodeValue, Problem, Source, branch,
    kind::{accepts, types},
};
use crate::diagnostic::{Diagnostic, Place};

pub(super) fn check(source: &Source, node: &Node, path: &[&str], schema: &Json) -> Checked {
    let walk = Walk { source, root: schema };
    let base = path.len();
    let path = path.iter().fold(Path::default(), |path, step| {
        path.below((*step).to_owned(), step.parse::<usize>().is_ok())
    });
    let mut found = walk.check(
        node,
        schema,
        &At {
            path,
            unit: None,
            is_difference: false,
            hops: 0,
        },
    );
    found
        .problems
        .sort_by_key(|p| p.diagnostic.place.as_ref().map_or(0, |place| place.span.start));
    let mut checked = Checked {
        value: node.to_json(),
        marks: Vec::new(),
        problems: found.problems,
    };
    for mut mark in found.marks {
        mark.path.drain(..base);
        checked.marks.push(mark);
    }
    for (path, value) in found.read {
        checked.replace(&path[base..], value);
    }
    checked
}

/// Where the walk is.
pub(super) struct At<'a> {
    /// Keys and indices from the root of the tree.
    pub(super) path: Path,
    /// The unit that a schema further out gave to the numbers in here.
    pub(super) unit: Option<&'a str>,
    /// Whether these numbers are differences, for which it does not count where the unit has its zero.
    pub(super) is_difference: bool,
    /// How many schemas were applied to this one node, each within the last.
    hops: u32,
}

/// A schema that goes deeper than this without going on to another node refers to itself.
const MOST_HOPS: u32 = 64;

/// Keys and indices, the last one first, so that a step down copies nothing.
#[derive(Clone, Default)]
pub(super) struct Path(Option<Rc<Step>>);

struct Step {
    above: Path,
    name: String,
    /// Whether it goes into an array; a key may be a number, too.
    is_index: bool,
}

impl Path {
    fn below(&self, name: String, is_index: bool) -> Path {
        Path(Some(Rc::new(Step {
            above: self.clone(),
            name,
            is_index,
        })))
    }

    /// The steps, the last one first.
    fn steps(&self) -> impl Iterator<Item = &Step> {
        std::iter::successors(self.0.as_deref(), |step| step.above.0.as_deref())
    }

    pub(super) fn to_vec(&self) -> Vec<String> {
        let mut steps: Vec<String> = self.steps().map(|step| step.name.clone()).collect();
        steps.reverse();
        steps
    }
}

impl At<'_> {
    /// The last key, for messages: `` `limits` ``, or "the file".
    pub(super) fn name(&self) -> String {
        let mut indices = String::new();
        for step in self.path.steps() {
            if !step.is_index {
                return format!("`{}{indices}`", step.name);
            }
            indices.insert_str(0, &format!("[{}]", step.name));
        }
        "the file".to_owned()
    }
}

/// What a walk along one part found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) problems: Vec<Problem>,
    pub(super) marks: Vec<Mark>,
    /// What loose text was read as.
    pub(super) read: Vec<(Vec<String>, Json)>,
}

impl Found {
    pub(super) fn extend(&mut self, other: Found) {
        for problem in other.problems {
            // Two parts of an `allOf` may find the same.
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        self.marks.extend(other.marks);
        self.read.extend(other.read);
    }

    pub(super) fn problem(at: &At<'_>, diagnostic: Diagnostic) -> Found {
        let path = at.path.to_vec();
        Found {
            problems: vec![Problem { path, diagnostic }],
            ..Found::default()
        }
    }
}

pub(super) struct Walk<'a> {
    pub(super) source: &'a Source,
    root: &'a Json,
}

impl<'a> Walk<'a> {
    pub(super) fn check(&self, node: &Node, schema: &'a Json, at: &At<'a>) -> Found {
        if *schema == Json::Bool(false) {
            return Found::problem(at, self.error(node, format!("{} is not allowed here", at.name())));
        }
        if at.hops > MOST_HOPS {
            return Found::default();
        }
        let at = &At {
            path: at.path.clone(),
            unit: schema["unit"].as_str().filter(|unit| !unit.is_empty()).or(at.unit),
            is_difference: schema["difference"].as_bool().unwrap_or(at.is_difference),
            hops: at.hops + 1,
        };
        let mut found = Found::default();
        if let Some(target) = self.follow(schema) {
            found.extend(self.check(node, target, at));
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            found.extend(self.check(node, part, at));
        }
        if !found.problems.is_empty() {
            return found;
        }
        found.extend(self.check_here(node, schema, at));
        let branches = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
        if let Some(branches) = branches.filter(|_| found.problems.is_empty()) {
            found.extend(branch::check(self, node, branches, at));
        }
        found
    }

    /// What the schema says by itself, its branches aside.
    fn check_here(&self, node: &Node, schema: &'a Json, at: &At<'a>) -> Found {
        let types = types(schema);
        if let Some(unit) = at
            .unit
            .filter(|_| types.contains(&"number") || types.contains(&"integer"))
        {
            return self.check_quantity(node, schema, unit, at);
        }
        if !types.is_empty() && !types.iter().any(|wanted| accepts(node, wanted)) {
            return Found::problem(at, self.wrong_type(node, &types, at));
        }
        if let Some(problem) = self.check_choice(node, schema, at) {
            return problem;
        }
        match &node.value {
            NodeValue::Table(entries) => self.check_table(node, entries, schema, at),
            NodeValue::Array(items) => self.check_array(node, items, schema, at),
            NodeValue::Datetime(_) => Found::problem(at, self.no_such_kind(node, at)),
            NodeValue::Float(x) if !x.is_finite() => Found::problem(at, self.no_such_kind(node, at)),
            NodeValue::Int(n) => self.check_bounds(node, *n as f64, schema, at),
            NodeValue::Float(x) => self.check_bounds(node, *x, schema, at),
            NodeValue::Text(text) => self.mark_format(node, text, schema, at),
            NodeValue::Loose(text) if types.is_empty() || types.contains(&"string") => {
                self.mark_format(node, text, schema, at)
            }
            NodeValue::Loose(text) => self.read_loose(node, text, schema, at),
            NodeValue::Bool(_) => Found::default(),
        }
    }

    fn check_array(&self, node: &Node, items: &[Node], schema: &'a Json, at: &At<'a>) -> Found {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let length = items.len() as u64;
        if length < least || length > most {
            let wanted = match (least, most) {
                (least, most) if least == most => format!("{least}"),
                (least, u64::MAX) => format!("at least {least}"),
                (0, most) => format!("at most {most}"),
                (least, most) => format!("{least} to {most}"),
            };
            let error = self.error(node, format!("{} must have {wanted} items, not {length}", at.name()));
            return Found::problem(at, error);
        }
        let mut found = Found::default();
        let first = schema["prefixItems"].as_array().map(Vec::as_slice).unwrap_or_default();
        for (index, item) in items.iter().enumerate() {
            let schema = first.get(index).or(schema.get("items")).unwrap_or(&Json::Bool(true));
            found.extend(self.check(item, schema, &self.below(at, index.to_string(), true)));
        }
        found
    }

    fn no_such_kind(&self, node: &Node, at: &At<'_>) -> Diagnostic {
        self.error(node, format!("{} cannot be {}", at.name(), node.noun()))
    }

    pub(super) fn place(&self, span: Range<usize>) -> Place {
        self.source.place(span)
    }

    pub(super) fn error(&self, node: &Node, message: String) -> Diagnostic {
        Diagnostic::error(message).at(self.source.place(node.span.clone()))
    }

    /// The schema that a `$ref` stands for.
    pub(super) fn follow(&self, schema: &Json) -> Option<&'a Json> {
        self.root.pointer(schema["$ref"].as_str()?.strip_prefix('#')?)
    }

    /// One step down, into an item of an array or a key of a table.
    fn below(&self, at: &At<'a>, step: String, is_index: bool) -> At<'a> {
        At {
            path: at.path.below(step, is_index),
            unit: at.unit,
            is_difference: at.is_difference,
            hops: 0,
        }
    }

    /// One step down, into a key of a table; a unit stays behind.
    pub(super) fn inside(&self, at: &At<'a>, key: &str) -> At<'a> {
        At {
            unit: None,
            is_difference: false,
            ..self.below(at, key.to_owned(), false)
        }
    }
}
