//! `anyOf` and `oneOf`: which alternative was meant, so that its errors are told and not those of all.

use serde_json::Value as Json;

use super::{
    Node, NodeValue,
    check::{At, Found, Walk},
    kind::{accepts, noun, types},
};

/// Checks that `node` fits one of `branches`.
pub(super) fn check<'a>(walk: &Walk<'a>, node: &Node, branches: &'a [Json], at: &At<'a>) -> Found {
    // TOML has no null, so an alternative that is only null is what an absent key stands for.
    let branches: Vec<&'a Json> = branches.iter().filter(|branch| branch["type"] != "null").collect();
    let mut outcomes: Vec<Found> = branches.iter().map(|branch| walk.check(node, branch, at)).collect();
    if let Some(fits) = outcomes.iter().position(|found| found.problems.is_empty()) {
        return outcomes.swap_remove(fits);
    }
    if outcomes.len() == 1 {
        return outcomes.swap_remove(0);
    }
    let shapes: Vec<&Json> = branches
        .iter()
        .map(|branch| walk.follow(branch).unwrap_or(branch))
        .collect();
    if let Some(found) = wrong_tag(walk, node, &shapes, at) {
        return found;
    }
    let choices: Vec<Json> = shapes.iter().flat_map(|shape| choices(shape)).collect();
    let is_choice = matches!(node.value, NodeValue::Text(_) | NodeValue::Loose(_));
    if is_choice && !choices.is_empty() && shapes.iter().all(|shape| !plain_string(shape)) {
        return Found::problem(at, walk.wrong_choice(node, &choices, at));
    }
    match meant(node, &shapes, &outcomes) {
        Some(index) => outcomes.swap_remove(index),
        None => none_of(walk, node, &shapes, at),
    }
}

/// The strings that a shape consists of, if it is a list of them.
fn choices(shape: &Json) -> Vec<Json> {
    match (shape.get("const"), &shape["enum"], &shape["oneOf"]) {
        (Some(one), _, _) => vec![one.clone()],
        (None, Json::Array(all), _) => all.clone(),
        // So schemars writes an enum whose variants have doc comments.
        (None, _, Json::Array(variants)) if variants.iter().all(|variant| !choices(variant).is_empty()) => {
            variants.iter().flat_map(choices).collect()
        }
        _ => Vec::new(),
    }
}

fn plain_string(shape: &Json) -> bool {
    types(shape).contains(&"string") && choices(shape).is_empty()
}

/// Tables that are told apart by one key with a constant: what the key says decides, and may be wrong itself.
fn wrong_tag<'a>(walk: &Walk<'a>, node: &Node, shapes: &[&'a Json], at: &At<'a>) -> Option<Found> {
    let tag = tags(shapes.first()?)
        .map(|(key, _)| key)
        .find(|key| shapes.iter().all(|shape| tags(shape).any(|(other, _)| other == *key)))?;
    let values: Vec<Json> = shapes
        .iter()
        .flat_map(|shape| {
            tags(shape)
                .filter(|(key, _)| *key == tag)
                .map(|(_, value)| value.clone())
        })
        .collect();
    let found = node.get(tag)?;
    match values.iter().position(|value| *value == found.to_json()) {
        Some(index) => Some(walk.check(node, shapes[index], at)),
        None => {
            let at = walk.inside(at, tag);
            Some(Found::problem(&at, walk.wrong_choice(found, &values, &at)))
        }
    }
}

/// The keys of a shape that have to have one certain value.
fn tags(shape: &Json) -> impl Iterator<Item = (&str, &Json)> {
    let properties = shape["properties"].as_object().into_iter().flatten();
    properties.filter_map(|(key, schema)| schema.get("const").map(|value| (key.as_str(), value)))
}

/// The shape that was probably meant.
fn meant(node: &Node, shapes: &[&Json], outcomes: &[Found]) -> Option<usize> {
    let fitting: Vec<usize> = (0..shapes.len())
        .filter(|&n| types(shapes[n]).iter().any(|name| accepts(node, name)))
        .collect();
    // serde writes an enum as a table of one key, the name of the variant.
    let by_key = fitting.iter().copied().find(|&n| {
        let required = shapes[n]["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        required
            .iter()
            .filter_map(Json::as_str)
            .any(|key| node.get(key).is_some())
    });
    by_key.or_else(|| fitting.into_iter().min_by_key(|&n| outcomes[n].problems.len()))
}

fn none_of<'a>(walk: &Walk<'a>, node: &Node, shapes: &[&'a Json], at: &At<'a>) -> Found {
    let types: Vec<&str> = shapes.iter().flat_map(|shape| types(shape)).collect();
    let mut nouns: Vec<&str> = types.iter().filter_map(|name| noun(name)).collect();
    nouns.dedup();
    let wanted = if nouns.is_empty() {
        "something else".to_owned()
    } else {
        nouns.join(" or ")
    };
    Found::problem(at, walk.not_a(node, &wanted, &types, at))
}
