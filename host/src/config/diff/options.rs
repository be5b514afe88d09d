//! Options of drivers: whatever changes in them needs the device opened anew, for nobody but the driver knows what they do.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Comparison, Way};
use crate::config::{ControllerConfig, DeviceConfig, Sources};

/// Options, and what stands behind them.
pub(super) struct Given<'a> {
    options: &'a Json,
    sources: &'a Sources,
}

impl DeviceConfig {
    pub(super) fn given(&self) -> Given<'_> {
        Given {
            options: &self.options,
            sources: &self.sources,
        }
    }
}

impl ControllerConfig {
    pub(super) fn given(&self) -> Given<'_> {
        Given {
            options: &self.options,
            sources: &self.sources,
        }
    }
}

/// Compares options key by key.
pub(super) fn compare(found: &mut Comparison<'_>, old: &Given<'_>, new: &Given<'_>) {
    let root = ("options", "/options".to_owned());
    below(found, root, (old, Some(old.options)), (new, Some(new.options)));
}

fn below(
    found: &mut Comparison<'_>,
    (key, pointer): (&str, String),
    old: (&Given<'_>, Option<&Json>),
    new: (&Given<'_>, Option<&Json>),
) {
    if let (Some(Json::Object(before)), Some(Json::Object(after))) = (old.1, new.1) {
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for name in keys {
            let place = (&*format!("{key}.{name}"), format!("{pointer}/{name}"));
            below(found, place, (old.0, before.get(name)), (new.0, after.get(name)));
        }
        return;
    }
    let content = |of: &Given<'_>| of.sources.files.get(&pointer).cloned();
    let is_rewritten = old.1 == new.1 && content(old.0) != content(new.0);
    if old.1 == new.1 && !is_rewritten {
        return;
    }
    let old_text = old.1.map(|json| old.0.shown(&pointer, json));
    let new_text = new.1.map(|json| new.0.shown(&pointer, json));
    let new_text = match is_rewritten {
        true => new_text.map(|text| format!("{text}, whose content is another")),
        false => new_text,
    };
    found.push(key, Way::Reopen, old_text, new_text, None);
}

impl Given<'_> {
    /// An option as people write it; what was looked up may be a secret.
    fn shown(&self, pointer: &str, json: &Json) -> String {
        match self.sources.hide(pointer) {
            true => HIDDEN.to_owned(),
            false => json.to_string(),
        }
    }
}

/// What stands for a value that was looked up.
pub(super) const HIDDEN: &str = "(looked up)";

impl Sources {
    /// Whether a value, or something in it, was looked up.
    pub(super) fn hide(&self, pointer: &str) -> bool {
        let hides = |of: &String| {
            of.strip_prefix(pointer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.looked_up.iter().any(hides)
    }
}
