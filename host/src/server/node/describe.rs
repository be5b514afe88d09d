//! The description of a lab, as SECoP wants it and with what our own clients like to know.

use baton_plugin_api::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{
    Accessible, Module, Role,
    datainfo::{self, Numbers},
    tuple,
};
use crate::{
    config::{DeviceConfig, Limits, Whose},
    device::Parameter,
    lab::Lab,
};

/// Seconds within which every request is answered, for clients that care.
const ANSWER_WITHIN: u32 = 10;

/// The description of the node.
pub(super) fn node(lab: &Lab, modules: &[Module]) -> Json {
    let config = lab.config();
    let text = match config.description.as_str() {
        "" => config.name.as_str(),
        text => text,
    };
    let modules: Map<_, _> = modules
        .iter()
        .map(|m| (m.device.name().to_string(), module(lab, m)))
        .collect();
    json!({
        "equipment_id": config.name,
        "description": text,
        "firmware": concat!("baton ", env!("CARGO_PKG_VERSION")),
        "timeout": ANSWER_WITHIN,
        "modules": modules,
    })
}

fn module(lab: &Lab, module: &Module) -> Json {
    let DeviceConfig {
        name,
        description,
        driver,
        controller,
        device_type,
        table,
        ..
    } = module.device.config();
    let library = lab.drivers().library(driver);
    let version = library.map(|library| library.description().version.clone());
    let members: Vec<_> = module
        .device
        .config()
        .members
        .iter()
        .map(|member| &member.device)
        .collect();
    let text = [description, &table.doc, name]
        .into_iter()
        .find(|text| !text.is_empty());
    let accessibles: Map<_, _> = module
        .accessibles()
        .iter()
        .map(|a| (a.name.clone(), accessible(module, a)))
        .collect();
    let mut json = json!({
        "description": text,
        "implementation": format!("{driver}/{device_type}"),
        "interface_classes": [module.class()],
        "features": [],
        "_driver": driver,
        "_driver_version": version,
        "_type": device_type,
        "_main": table.main,
        "_members": members,
    });
    if let Some(controller) = controller {
        json["_controller"] = json!(controller);
    }
    json["accessibles"] = Json::Object(accessibles);
    json
}

fn accessible(module: &Module, accessible: &Accessible) -> Json {
    let name = module.device.name();
    match accessible.role {
        Role::Value(index) => readback(module.parameter(index), true),
        Role::Parameter(index) => parameter(module.parameter(index)),
        Role::Target(index) => target(module, module.parameter(index)),
        Role::Status => fixed(
            format!("Whether {name} is ready, busy or in error"),
            tuple([status_code(), datainfo::text()]),
        ),
        Role::StatusValue => fixed(format!("How {name} is; it has no main parameter"), status_code()),
        Role::Limits(index) => limits(module.parameter(index)),
        Role::PollInterval(index) => fixed(
            format!("Time between two polls of {}", module.parameter(index).path()),
            json!({ "type": "double", "unit": "s", "min": 0.0 }),
        ),
        Role::LockedBy => fixed(
            format!("Who has locked {name}, or parts of it; empty if nobody has"),
            datainfo::text(),
        ),
        Role::Stop => json!({
            "description": format!("Stops {name}, whoever set it going"),
            "datainfo": { "type": "command" },
        }),
        Role::ClearErrors => json!({
            "description": format!("Takes back the error that a failed motion of {name} has left"),
            "datainfo": { "type": "command" },
        }),
        Role::Command(index) => command(module, index),
    }
}

fn fixed(description: String, datainfo: Json) -> Json {
    json!({ "description": description, "readonly": true, "datainfo": datainfo })
}

fn status_code() -> Json {
    use StatusCode::{Busy, Disabled, Error, Idle, Warn};
    let members: Map<_, _> = [Disabled, Idle, Warn, Busy, Error]
        .into_iter()
        .map(|code| (code.word().to_uppercase(), json!(code.number())))
        .collect();
    json!({ "type": "enum", "members": members })
}

fn doc(text: &str, otherwise: &str) -> Json {
    json!(if text.is_empty() { otherwise } else { text })
}

/// What is read of a parameter. A readback may be beyond the limits of its target.
fn readback(parameter: &Parameter, readonly: bool) -> Json {
    let description = parameter.description();
    let numbers = Numbers {
        unit: &description.unit,
        limits: None,
        digits: description.digits,
    };
    let mut json = json!({
        "description": doc(&description.doc, &description.name),
        "readonly": readonly,
        "datainfo": datainfo::datainfo(&description.datatype, numbers),
    });
    add_settings(&mut json, parameter);
    json
}

/// A parameter that is read and written under one name.
fn parameter(parameter: &Parameter) -> Json {
    let mut json = readback(parameter, !parameter.description().writable);
    if parameter.description().writable {
        json["datainfo"] = writable(parameter);
        add_states(&mut json, &parameter.description().allowed_in);
    }
    json
}

fn target(module: &Module, parameter: &Parameter) -> Json {
    let what = match module.moves(parameter.index()) {
        true => "Where it was sent",
        false => "What was asked for",
    };
    let mut json = json!({ "description": what, "readonly": false, "datainfo": writable(parameter) });
    add_settings(&mut json, parameter);
    add_states(&mut json, &parameter.description().allowed_in);
    json
}

/// With the driver's limits; those that count are a parameter of their own (W3).
fn writable(parameter: &Parameter) -> Json {
    let description = parameter.description();
    let numbers = Numbers {
        unit: &description.unit,
        limits: description.limits,
        digits: description.digits,
    };
    datainfo::datainfo(&description.datatype, numbers)
}

fn add_settings(json: &mut Json, parameter: &Parameter) {
    let description = parameter.description();
    json["_name"] = json!(description.name);
    json["_timeout"] = json!(parameter.timeout().as_secs_f64());
    for (key, value) in [
        ("_tolerance", parameter.tolerance().map(Json::from)),
        ("_digits", description.digits.map(Json::from)),
        ("_ramp", parameter.ramp().map(|ramp| json!(ramp))),
        ("_poll", parameter.poll().map(|poll| poll.as_secs_f64().into())),
    ] {
        if let Some(value) = value {
            json[key] = value;
        }
    }
}

fn add_states(json: &mut Json, allowed: &[StatusCode]) {
    if !allowed.is_empty() {
        json["_allowed_in"] = json!(allowed);
    }
}

fn limits(parameter: &Parameter) -> Json {
    let description = parameter.description();
    let numbers = Numbers {
        unit: &description.unit,
        limits: None,
        digits: description.digits,
    };
    let bound = datainfo::datainfo(description.datatype.element(), numbers);
    json!({
        "description": format!("Smallest and greatest {} that may be asked for; can be narrowed", description.name),
        "readonly": false,
        "datainfo": tuple([bound.clone(), bound]),
        "_origin": origin(&parameter.limits()),
    })
}

/// Who has set each of the limits, or both: `"driver"`, `["driver","config at lab.toml:7:5"]`.
pub(super) fn origin(limits: &Limits) -> Json {
    let origin = [&limits.lower, &limits.upper].map(|bound| match bound.as_ref().map(|bound| &bound.whose) {
        Some(Whose::Config(origin)) => origin.to_string(),
        Some(whose) => whose.to_string(),
        None => "driver".to_owned(),
    });
    match origin {
        [lower, upper] if lower == upper => json!(lower),
        origins => json!(origins),
    }
}

fn command(module: &Module, index: usize) -> Json {
    let command = &module.device.commands()[index];
    let description = command.description();
    let datainfo = datainfo::command(
        (&description.argument, &description.argument_unit),
        (&description.result, &description.result_unit),
    );
    let mut json = json!({
        "description": doc(&description.doc, &description.name),
        "datainfo": datainfo,
        "_name": description.name,
        "_long": description.long,
        "_timeout": command.timeout().as_secs_f64(),
    });
    add_states(&mut json, &description.allowed_in);
    json
}
