//! `change stage:target_limits [0, 10]`: limits that a user sets at run time.

use std::sync::Arc;

use baton_plugin_api::Value;
use serde_json::{Value as Json, json};

use super::{
    super::{
        node::Role,
        reply::{Line, Report},
        request::Request,
    },
    Session,
};

impl Session {
    /// Sets the limits that a `change` is about, or with `null` takes them back; `None` if it is about something else.
    ///
    /// A bound is a number, a text with a unit, or `null` for none.
    pub(super) fn change_limits(&mut self, request: Request<'_>) -> Option<Result<Line, Report>> {
        let shared = Arc::clone(&self.shared);
        let (module, name) = shared.node.split(request.specifier).ok()?;
        let Some(Role::Limits(index)) = module.role(name) else {
            return None;
        };
        if !request.has_data() {
            return Some(Err(Report::protocol(
                "the limits are missing: `change NAME [LOWER, UPPER]`",
            )));
        }
        let path = module.parameter(index).path();
        let accepted = request.json().and_then(|json| {
            let accepted = match bounds(json, path)? {
                Some((lower, upper)) => self.actor()?.set_limits(path, lower..=upper),
                None => self.actor()?.clear_limits(path),
            };
            Ok(accepted?)
        });
        Some(accepted.map(|accepted| {
            let mut data = module.show_limits(index, &accepted.limits, self.now());
            if !accepted.warnings.is_empty() {
                // Before the end of the qualifiers.
                data.truncate(data.len() - 2);
                data += &format!(",\"_warnings\":{}}}]", json!(accepted.warnings));
            }
            Line::new("changed", request.specifier, &data)
        }))
    }
}

/// Both bounds of `[lower, upper]`; `None` for `null`.
fn bounds(json: Json, path: &str) -> Result<Option<(Value, Value)>, Report> {
    let bound = |json: &Json, none: f64| match json {
        Json::Null => Value::Float(none),
        json => Value::from_json(json.clone()),
    };
    match &json {
        Json::Null => Ok(None),
        Json::Array(both) if both.len() == 2 => Ok(Some((
            bound(&both[0], f64::NEG_INFINITY),
            bound(&both[1], f64::INFINITY),
        ))),
        _ => {
            let text = format!("{path}: expected the limits as [LOWER, UPPER], or null for none");
            Err(Report::new("WrongType", text))
        }
    }
}
