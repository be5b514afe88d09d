//! The schema of instrument files as editors want it.

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::{Value as Json, json};

/// The JSON Schema of an instrument file that is described by `F`, for editors: a duration is the text that stands in the file.
pub fn schema<F: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<F>();
    schema.ensure_object().values_mut().for_each(for_editors);
    schema
}

/// What a duration looks like.
const DURATION: &str = r"^\s*[0-9.]+([eE][-+]?[0-9]+)?\s*(us|µs|ms|s|min|h)\s*$";

/// What the code has as a number of seconds stands in the file with its unit; and what may be missing is no null.
fn for_editors(json: &mut Json) {
    match json {
        Json::Object(map) => {
            if map.get("unit").is_some_and(|unit| unit == "s") {
                map.retain(|key, _| key == "description");
                map.insert("type".into(), json!("string"));
                map.insert("pattern".into(), json!(DURATION));
                map.insert("examples".into(), json!(["500 ms", "5 s"]));
            }
            if let Some(Json::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".into(), only);
                }
            }
            if let Some(Json::Array(branches)) = map.get_mut("anyOf") {
                branches.retain(|branch| branch["type"] != "null");
            }
            map.values_mut().for_each(for_editors);
        }
        Json::Array(items) => items.iter_mut().for_each(for_editors),
        _ => {}
    }
}
