//! The JSON Schema of a config for editors: the keys, and the options and parameters of the drivers that are there.
//!
//! It differs from the schema that a config is checked against ([`raw::schema`], then the driver's own) in what an
//! editor cannot know: a number with a unit is text here, and any value of an option may be looked up.

use std::collections::BTreeMap;

use baton_plugin_api::description::{LibraryDescription, TableDescription, TypeDescription};
use schemars::Schema;
use serde_json::{Map, Value as Json, json};

use super::{Catalogue, raw};

/// The schema of a whole config. What depends on a driver hangs on `driver` and `type`, so that an editor completes it.
pub fn schema(catalogue: &dyn Catalogue) -> Schema {
    let mut schema = raw::schema().clone().to_value();
    write_quantities(&mut schema, None);
    without_null(&mut schema);
    let mut libraries = catalogue.drivers();
    libraries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut definitions = Definitions {
        map: schema["$defs"].take().as_object().cloned().unwrap_or_default(),
    };
    definitions.map.insert("LookedUp".into(), looked_up());
    let names: Vec<&str> = libraries.iter().map(|library| library.name.as_str()).collect();
    for (section, conditions) in [
        ("Device", definitions.devices(&libraries)),
        ("Controller", definitions.controllers(&libraries)),
    ] {
        if !names.is_empty() {
            definitions.map[section]["allOf"] = conditions.into();
            // Beside the type, not instead of it: the key may be left out where the device is on a controller.
            definitions.map[section]["properties"]["driver"]["examples"] = json!(names);
        }
    }
    schema["$defs"] = definitions.map.into();
    schema.try_into().expect("an object is a schema")
}

/// A value that is looked up.
fn looked_up() -> Json {
    let one = |key: &str, doc: &str| {
        json!({
            "type": "object",
            "properties": { key: { "type": "string", "description": doc } },
            "required": [key],
            "additionalProperties": false,
        })
    };
    json!({ "oneOf": [one("env", "Name of an environment variable."), one("file", "Path of a file with the value.")] })
}

struct Definitions {
    map: Map<String, Json>,
}

impl Definitions {
    fn devices(&mut self, libraries: &[&LibraryDescription]) -> Vec<Json> {
        let mut conditions = Vec::new();
        // Which controller it is stands elsewhere in the file, where a schema cannot look: any that has the type will do.
        let mut on_controllers: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
        for library in libraries {
            let driver = &library.name;
            conditions.push(types_of(driver, library.devices.iter().map(|t| t.name.as_str())));
            for device in &library.devices {
                let condition = json!({ "driver": { "const": driver }, "type": { "const": device.name } });
                let then = self.device(&format!("{driver}.{}", device.name), device);
                conditions.push(json!({ "if": when(condition, &["driver", "type"]), "then": then }));
            }
            for controller in &library.controllers {
                for device in &controller.devices {
                    let then = self.device(&format!("{driver}.{}.{}", controller.name, device.name), device);
                    on_controllers.entry(&device.name).or_default().push(then);
                }
            }
        }
        for (name, mut thens) in on_controllers {
            let condition = when(json!({ "type": { "const": name } }), &["controller", "type"]);
            let then = if thens.len() == 1 {
                thens.remove(0)
            } else {
                json!({ "anyOf": thens })
            };
            conditions.push(json!({ "if": condition, "then": then }));
        }
        conditions
    }

    fn controllers(&mut self, libraries: &[&LibraryDescription]) -> Vec<Json> {
        let mut conditions = Vec::new();
        for library in libraries.iter().filter(|library| !library.controllers.is_empty()) {
            let driver = &library.name;
            conditions.push(types_of(driver, library.controllers.iter().map(|c| c.name.as_str())));
            for controller in &library.controllers {
                let condition = json!({ "driver": { "const": driver }, "type": { "const": controller.name } });
                let options = self.options(&format!("{driver}.{}", controller.name), &controller.options);
                let then = json!({ "properties": { "options": options } });
                conditions.push(json!({ "if": when(condition, &["driver", "type"]), "then": then }));
            }
        }
        conditions
    }

    /// What a device type says of the keys of a device.
    fn device(&mut self, name: &str, device: &TypeDescription) -> Json {
        let options = self.options(name, &device.options);
        if device.dynamic {
            return json!({ "properties": { "options": options } });
        }
        let table = &device.table;
        json!({
            "properties": { "options": options, "parameters": parameters(table), "commands": commands(table) },
        })
    }

    /// Takes the schema of options over, with its definitions under names that begin with `name`.
    fn options(&mut self, name: &str, options: &Schema) -> Json {
        let mut options = options.clone().to_value();
        let definitions = options.as_object_mut().and_then(|map| map.remove("$defs"));
        if let Some(map) = options.as_object_mut() {
            map.remove("$schema");
        }
        for (inner, mut schema) in definitions
            .as_ref()
            .and_then(Json::as_object)
            .cloned()
            .unwrap_or_default()
        {
            self.adapt(name, &mut schema);
            self.map.insert(format!("{name}.{inner}"), schema);
        }
        self.adapt(name, &mut options);
        self.map.insert(format!("{name}.options"), options);
        json!({ "$ref": format!("#/$defs/{name}.options") })
    }

    fn adapt(&self, name: &str, schema: &mut Json) {
        without_file_schemas(schema);
        write_quantities(schema, None);
        without_null(schema);
        move_references(schema, name);
        allow_look_up(schema);
    }
}

fn when(properties: Json, required: &[&str]) -> Json {
    json!({ "properties": properties, "required": required })
}

/// With this driver the type is one of these.
fn types_of<'a>(driver: &str, types: impl Iterator<Item = &'a str>) -> Json {
    let types: Vec<&str> = types.collect();
    let condition = when(json!({ "driver": { "const": driver } }), &["driver"]);
    json!({ "if": condition, "then": { "properties": { "type": { "enum": types } } } })
}

fn parameters(table: &TableDescription) -> Json {
    let one = |p: &baton_plugin_api::description::ParameterDescription| {
        let unit = if p.unit.is_empty() {
            String::new()
        } else {
            format!(" In {}.", p.unit)
        };
        let doc = format!("{}{unit}", p.doc);
        (
            p.name.clone(),
            json!({ "$ref": "#/$defs/Parameter", "description": doc.trim() }),
        )
    };
    let properties: Map<String, Json> = table.parameters.iter().map(one).collect();
    json!({ "properties": properties, "additionalProperties": false })
}

fn commands(table: &TableDescription) -> Json {
    let one = |c: &baton_plugin_api::description::CommandDescription| {
        let mut command = json!({ "$ref": "#/$defs/Command" });
        if !c.doc.is_empty() {
            command["description"] = json!(c.doc);
        }
        (c.name.clone(), command)
    };
    let properties: Map<String, Json> = table.commands.iter().map(one).collect();
    json!({ "properties": properties, "additionalProperties": false })
}

/// The schema of the files that a driver's devices are described in, if it has such; the driver is called as in a config,
/// `stream`.
pub fn of_files(catalogue: &dyn Catalogue, name: &str) -> Option<Json> {
    let libraries = catalogue.drivers();
    let types = libraries
        .iter()
        .filter(|library| library.name == name)
        .flat_map(|library| &library.devices);
    types
        .filter_map(|device| device.options.as_value().get("properties")?.as_object())
        .flat_map(Map::values)
        .find_map(|option| option.get("fileSchema").cloned())
}

/// A driver may say what a file that an option names has to look like; that is no part of the config.
fn without_file_schemas(schema: &mut Json) {
    if let Some(map) = schema.as_object_mut() {
        map.remove("fileSchema");
    }
    each_inner(schema, &mut |_, inner| without_file_schemas(inner));
}

/// Makes text of every number with a unit.
fn write_quantities(schema: &mut Json, outer: Option<&str>) {
    let unit = schema["unit"]
        .as_str()
        .or(outer)
        .filter(|unit| !unit.is_empty())
        .map(str::to_owned);
    if let (Some(unit), Some(map)) = (&unit, schema.as_object_mut())
        && map.get("type").is_some_and(is_number)
    {
        for key in [
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "format",
            "default",
        ] {
            map.remove(key);
        }
        map.insert("type".into(), "string".into());
        map.insert("examples".into(), json!([format!("5 {unit}")]));
    }
    each_inner(schema, &mut |key, inner| {
        // A unit is meant for items and alternatives, not for what a table of its own holds.
        let outer = unit
            .as_deref()
            .filter(|_| key != "properties" && key != "additionalProperties" && key != "$defs");
        write_quantities(inner, outer);
    });
}

/// TOML has no null: what may be null may be left out.
fn without_null(schema: &mut Json) {
    each_inner(schema, &mut |_, inner| without_null(inner));
    let Some(map) = schema.as_object_mut() else { return };
    if map.get("default").is_some_and(Json::is_null) {
        map.remove("default");
    }
    if let Some(Json::Array(types)) = map.get_mut("type") {
        types.retain(|name| name != "null");
        if types.len() == 1 {
            let only = types.remove(0);
            map.insert("type".into(), only);
        }
    }
    if let Some(Json::Array(branches)) = map.get_mut("anyOf") {
        branches.retain(|branch| branch["type"] != "null");
        if branches.len() == 1 {
            let only = branches.remove(0);
            map.shift_remove("anyOf");
            map.extend(only.as_object().cloned().unwrap_or_default());
        }
    }
}

fn is_number(types: &Json) -> bool {
    let is = |name: &Json| name == "number" || name == "integer";
    is(types) || types.as_array().is_some_and(|types| types.iter().any(is))
}

fn move_references(schema: &mut Json, name: &str) {
    if let Some(inner) = schema["$ref"]
        .as_str()
        .and_then(|target| target.strip_prefix("#/$defs/"))
    {
        schema["$ref"] = json!(format!("#/$defs/{name}.{inner}"));
    }
    each_inner(schema, &mut |_, inner| move_references(inner, name));
}

/// Any value that text can stand for may be looked up.
fn allow_look_up(schema: &mut Json) {
    each_inner(schema, &mut |key, inner| {
        allow_look_up(inner);
        let holds_others = [
            "properties",
            "items",
            "prefixItems",
            "additionalProperties",
            "oneOf",
            "anyOf",
            "$ref",
            "const",
        ];
        if ["properties", "items", "prefixItems"].contains(&key)
            && holds_others.iter().all(|key| inner.get(*key).is_none())
        {
            let description = inner.as_object_mut().and_then(|map| map.remove("description"));
            let mut either = json!({ "anyOf": [inner.take(), { "$ref": "#/$defs/LookedUp" }] });
            if let Some(description) = description {
                either["description"] = description;
            }
            *inner = either;
        }
    });
}

/// Calls `f` with every schema directly within, and the key that it is under.
fn each_inner(schema: &mut Json, f: &mut dyn FnMut(&str, &mut Json)) {
    let Some(map) = schema.as_object_mut() else { return };
    for (key, value) in map {
        match (key.as_str(), value) {
            (key @ ("properties" | "$defs"), Json::Object(inner)) => {
                inner.values_mut().for_each(|schema| f(key, schema))
            }
            (key @ ("anyOf" | "oneOf" | "allOf" | "prefixItems"), Json::Array(inner)) => {
                inner.iter_mut().for_each(|schema| f(key, schema));
            }
            (key @ ("items" | "additionalProperties"), inner @ Json::Object(_)) => f(key, inner),
            _ => {}
        }
    }
}
