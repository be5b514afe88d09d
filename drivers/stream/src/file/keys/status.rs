//! `[status]`

use std::collections::BTreeMap;

pub use baton_plugin_api::instrument::{Meaning, State};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Question;

/// How to see whether the instrument is idle or busy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusEntry {
    /// The question, and the place in its answer that tells. May be left out if `busy_while` says it all.
    pub read: Option<Question>,
    /// What each answer means: `{ ready = "idle", moving = "busy", fault = { state = "error", text = "motor too hot" } }`.
    /// Bits of a whole number are `"bit 3"`: what is worst of those that are set counts.
    #[serde(default)]
    pub when: BTreeMap<String, Meaning>,
    /// What any other answer means, or one without any of the bits. If not said, it is an error that quotes the answer;
    /// without any bit set it is idle.
    pub otherwise: Option<Meaning>,
    /// Parameters that tell that the instrument is busy, each with the value that it has then, or several: `{ ramp = "on",
    /// phase = ["heating", "cooling"] }`.
    #[serde(default)]
    pub busy_while: BTreeMap<String, Answers>,
    /// How late the instrument may be to answer that it is busy, after the main parameter was written: `"200 ms"`. For so
    /// long it counts as busy even if it says that it is idle. Many need this, and without it seem to have arrived
    /// before they have started.
    #[schemars(extend("unit" = "s"), range(min = 0, max = 3600.0))]
    pub settle: Option<f64>,
}

/// One value of a parameter, or several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Answers {
    /// This one.
    Bool(bool),
    /// This one.
    Number(serde_json::Number),
    /// This one.
    Text(String),
    /// Any of these.
    Any(Vec<String>),
}
