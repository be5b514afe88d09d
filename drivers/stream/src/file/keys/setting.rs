//! `[settings.NAME]`

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Kind;

/// Something that differs from one such instrument to the next, such as its address or the channel of a device: the lab's
/// config says it in `options.settings`, and `{$name}` stands for it in what is sent and expected.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingEntry {
    /// One sentence about it.
    pub doc: Option<String>,
    /// What kind of value it is; what `default` is if not said, an enum if there are `values`, else text.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// What it is where the lab's config does not say. Without one it has to.
    pub default: Option<SettingValue>,
    /// Smallest and greatest number: `[1, 31]`.
    pub limits: Option<(serde_json::Number, serde_json::Number)>,
    /// The members of an enum, each with what stands for it on the line.
    pub values: Option<BTreeMap<String, String>>,
}

/// A number, a text, or true or false.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SettingValue {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text, or a member of an enum.
    Text(String),
}
