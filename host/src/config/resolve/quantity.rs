//! Quantities of the config as numbers in the unit that is due.

use baton_plugin_api::{
    diagnostic::Diagnostic,
    source::{Checked, Mark, MarkKind, Problem, Tree},
};
use serde_json::Value as Json;

use crate::units::{Unit, UnitError};

/// Replaces every text that the schema marks as a quantity by its number. `path` is that of the node that was checked.
pub(super) fn convert(tree: &Tree, path: &[&str], checked: &mut Checked) {
    for mark in std::mem::take(&mut checked.marks) {
        let MarkKind::Quantity {
            unit,
            is_difference,
            minimum,
            maximum,
        } = &mark.kind
        else {
            checked.marks.push(mark);
            continue;
        };
        let name = mark
            .path
            .iter()
            .rfind(|step| step.parse::<usize>().is_err())
            .map_or("", String::as_str);
        let due = Unit::parse(unit);
        let number = match is_difference {
            true => due.difference(&mark.text),
            false => due.quantity(&mark.text),
        };
        let error = match number {
            Ok(number) if minimum.is_some_and(|least| number < least) => Diagnostic::error(format!(
                "`{name}` must be at least {} {unit}",
                minimum.unwrap_or_default()
            )),
            Ok(number) if maximum.is_some_and(|most| number > most) => Diagnostic::error(format!(
                "`{name}` must be at most {} {unit}",
                maximum.unwrap_or_default()
            )),
            Ok(number) => {
                checked.replace(&mark.path, Json::from(number));
                continue;
            }
            Err(error) => explain(name, &error),
        };
        checked.problems.push(problem(tree, path, mark, error));
    }
}

/// An error about the quantity `name`, without its place.
pub(super) fn explain(name: &str, error: &UnitError) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("`{name}`: {error}"));
    match error.help() {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn problem(tree: &Tree, path: &[&str], mark: Mark, diagnostic: Diagnostic) -> Problem {
    let path = path.iter().map(|step| (*step).to_owned()).chain(mark.path).collect();
    let diagnostic = diagnostic.at(tree.source().place(mark.span));
    Problem { path, diagnostic }
}
