//! `initial` of a parameter: the value that is written when its device is opened.

use baton_plugin_api::{
    Datatype, Value,
    diagnostic::{Diagnostic, nearest},
    source::{Node, NodeValue},
};
use serde_json::{Map, Value as Json};

use super::{indirect::LookedUp, parameter::Settings, quantity};
use crate::{
    config::{Bound, Limits, Setting, Whose},
    units::{Unit, UnitError},
};

impl Settings<'_, '_> {
    /// The value as its datatype keeps it, and whether it was looked up; `None` if there is none or something is wrong with
    /// it, which is reported.
    pub(super) fn initial(&self, limits: &Limits) -> Option<(Value, bool)> {
        let path = self.path("initial");
        let node = self.section.node(&path).filter(|_| self.section.is_clean(&path))?;
        if let Some(error) = self.refusal("initial", "has no initial value") {
            self.report(error);
            return None;
        }
        let LookedUp {
            node,
            failed,
            looked_up,
        } = self.resolver.look_up(self.section, node);
        if !failed.is_empty() {
            return None;
        }
        let value = self.value(&node);
        let value = value.and_then(|value| self.inside(value, limits));
        let place = || self.section.tree().source().place(node.span.clone());
        let value = value.map_err(|error| self.report(error.at(place()))).ok()?;
        Some((value, !looked_up.is_empty()))
    }

    /// Whether what users have written is written again.
    pub(super) fn restore(&self, raw: Option<bool>) -> Option<Setting<bool>> {
        let wanted = raw == Some(true);
        match self.refusal("restore", "is not restored") {
            Some(error) if wanted => {
                self.report(error);
                None
            }
            _ => self.setting("restore", raw),
        }
    }

    /// Why a parameter can have no `key`, by which it would be written when the device is opened. `not` is what it is or
    /// has not then.
    fn refusal(&self, key: &str, not: &str) -> Option<Diagnostic> {
        let name = &self.description.name;
        let path = self.path(key);
        if !self.description.writable {
            let message = format!("`{name}` cannot be written, so it {not}");
            return Some(self.section.key_error(&path, message));
        }
        if self.is_ramped {
            let message = format!("`{name}` {not}: it would be there at once, and not by its ramp");
            return Some(self.section.key_error(&path, message));
        }
        self.is_main_of_drivable.then(|| {
            let message = format!("`{name}` {not}: writing it moves the device");
            let error = self.section.key_error(&path, message);
            error.help("nothing moves because a host was started; move it with `baton set`, or from a script")
        })
    }

    fn value(&self, node: &Node) -> Result<Value, Diagnostic> {
        let name = &self.description.name;
        let datatype = &self.description.datatype;
        let json = to_json(node, datatype, &self.unit).map_err(|error| quantity::explain(name, &error))?;
        Value::from_json(json).conform(datatype).map_err(|why| {
            // What was looked up may be a secret.
            if matches!(node.value, NodeValue::Loose(_)) {
                let kind = datatype.noun();
                return Diagnostic::error(format!(
                    "`{name}`: the text that was looked up is no value of kind {kind}"
                ));
            }
            let error = Diagnostic::error(format!("`{name}`: {why}"));
            match (datatype, node.as_str()) {
                (Datatype::Enum { members }, Some(text)) => {
                    match nearest(text, members.iter().map(|member| member.name.as_str())) {
                        Some(meant) => error.help(format!("did you mean `{meant}`?")),
                        None => error,
                    }
                }
                _ => error,
            }
        })
    }

    fn inside(&self, value: Value, limits: &Limits) -> Result<Value, Diagnostic> {
        let (least, most) = match &value {
            Value::Array(array) => {
                let numbers = array.to_f64();
                let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
                (least, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            }
            other => match other.as_f64() {
                Some(number) => (number, number),
                None => return Ok(value),
            },
        };
        let outside = |number: f64, side: &str, bound: &Bound| {
            let (number, limit) = (self.show(number), self.show(bound.value));
            let name = &self.description.name;
            match &bound.whose {
                whose @ (Whose::Driver | Whose::User(_)) => Diagnostic::error(format!(
                    "`{name}`: the initial value {number} is {side} the {whose}'s limit {limit}"
                )),
                Whose::Config(origin) => Diagnostic::error(format!(
                    "`{name}`: the initial value {number} is {side} the limit {limit}"
                ))
                .help(format!("the limit is set in {origin}")),
            }
        };
        match (&limits.lower, &limits.upper) {
            (Some(lower), _) if least < lower.value => Err(outside(least, "below", lower)),
            (_, Some(upper)) if most > upper.value => Err(outside(most, "above", upper)),
            _ => Ok(value),
        }
    }
}

/// The node as JSON, with its quantities as numbers in `unit`.
fn to_json(node: &Node, datatype: &Datatype, unit: &Unit) -> Result<Json, UnitError> {
    match (datatype, &node.value) {
        (Datatype::Array { element, .. }, NodeValue::Array(items)) => {
            // Rows of an array have the same datatype as the whole here: what counts is the element.
            let inner = |item: &Node| match item.value {
                NodeValue::Array(_) => to_json(item, datatype, unit),
                _ => to_json(item, element, unit),
            };
            items.iter().map(inner).collect()
        }
        (Datatype::Record { fields }, NodeValue::Table(entries)) => {
            let mut map = Map::new();
            for entry in entries {
                let field = fields.iter().find(|field| field.name == entry.key);
                let json = match field {
                    Some(field) => to_json(&entry.node, &field.datatype, &Unit::parse(&field.unit))?,
                    None => entry.node.to_json(),
                };
                map.insert(entry.key.clone(), json);
            }
            Ok(Json::Object(map))
        }
        (Datatype::Int { .. } | Datatype::Float, value) => number(node, value, unit),
        _ => Ok(node.to_json()),
    }
}

fn number(node: &Node, value: &NodeValue, unit: &Unit) -> Result<Json, UnitError> {
    match value {
        NodeValue::Text(text) if !unit.is_none() => unit.quantity(text).map(Json::from),
        NodeValue::Loose(text) => unit.quantity(text).map(Json::from),
        NodeValue::Int(_) | NodeValue::Float(_) if !unit.is_none() => Err(UnitError::MissingUnit {
            number: node.to_json().to_string(),
            unit: unit.to_string(),
        }),
        _ => Ok(node.to_json()),
    }
}
