//! What a check of a tree found.

use std::ops::Range;

use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;

/// What a check found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The node as JSON. Where the check found no problem, serde reads it into the type that the schema was made of.
    pub value: Json,
    /// Strings that the schema says more of than that they are strings, in the order of the walk.
    pub marks: Vec<Mark>,
    /// What is wrong, in the order of the file.
    pub problems: Vec<Problem>,
}

/// A diagnostic and what it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Keys and indices from the root of the tree.
    pub path: Vec<String>,
    /// What to tell.
    pub diagnostic: Diagnostic,
}

/// A string that the schema says more of.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Keys and indices from the node that was checked.
    pub path: Vec<String>,
    /// Bytes of the string in the file.
    pub span: Range<usize>,
    /// The string.
    pub text: String,
    /// What the schema says.
    pub kind: MarkKind,
}

/// What a schema may say of a string.
#[derive(Clone, Debug, PartialEq)]
pub enum MarkKind {
    /// It is a quantity such as `5 mm`, to be turned into a number.
    Quantity {
        /// The unit of the number.
        unit: String,
        /// Whether it is a difference, as with `"difference": true` beside the unit: 5 degC are then 5 K.
        is_difference: bool,
        /// Smallest number.
        minimum: Option<f64>,
        /// Greatest number.
        maximum: Option<f64>,
    },
    /// It is of a format of ours, whose name begins with `baton-`.
    Format(String),
}

impl Checked {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether nothing is wrong at a path (from the root of the tree) and below.
    pub fn is_ok_at(&self, path: &[&str]) -> bool {
        !self.problems.iter().any(|problem| {
            problem.path.len() >= path.len() && problem.path.iter().zip(path).all(|(step, wanted)| step == wanted)
        })
    }

    /// What is wrong, for people.
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.problems.into_iter().map(|problem| problem.diagnostic).collect()
    }

    /// Puts another value in the place of the one at `path`, as a mark names it.
    pub fn replace(&mut self, path: &[String], value: Json) {
        if let Some(place) = step_to(&mut self.value, path) {
            *place = value;
        }
    }
}

fn step_to<'a>(value: &'a mut Json, path: &[String]) -> Option<&'a mut Json> {
    path.iter().try_fold(value, |value, step| match value {
        Json::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        Json::Object(map) => map.get_mut(step),
        _ => None,
    })
}
