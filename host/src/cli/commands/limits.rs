//! `baton limits`: what a parameter may be set to, and who says so.

use serde_json::{Value as Json, json};

use crate::cli::args::Limits;
use crate::cli::client::{Client, Datainfo, Device, Parameter};
use crate::cli::failure::Failure;
use crate::cli::format;
use crate::cli::input;
use crate::cli::names;
use crate::cli::output::Output;

/// Shows the limits, or narrows them, or takes back what users have set.
pub(super) fn run(client: &mut Client, limits: &Limits, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let (device, parameter) = names::parameter(&node, &limits.path)?;
    let path = device.path(&parameter.name);
    let Some(written) = &parameter.wire_target else {
        return Err(Failure::Request(format!("{path} is read-only")));
    };
    let element = parameter.target_datainfo.element();
    if !matches!(element, Datainfo::Double(_) | Datainfo::Int(_) | Datainfo::Scaled(_)) {
        return Err(Failure::Request(format!("{path} has no limits: it is no number")));
    }
    let on = device.on(&format!("{written}_limits"));
    let bound = |typed: &str| bound(&path, parameter, typed, node.is_baton());
    let answer = match (&limits.lower, &limits.upper) {
        _ if limits.clear => client.request("change", &on, json!([null, null]), &path)?,
        (Some(lower), Some(upper)) => {
            let both = json!([bound(lower)?, bound(upper)?]);
            client.request("change", &on, both, &path)?
        }
        _ => client.request("read", &on, Json::Null, &path)?,
    };
    for warning in answer[1]["_warnings"].as_array().into_iter().flatten() {
        output.note(&format!("warning: {}", warning.as_str().unwrap_or_default()));
    }
    write(device, parameter, &answer, output)
}

/// A bound as the wire has it.
fn bound(path: &str, parameter: &Parameter, typed: &str, converts: bool) -> Result<Json, Failure> {
    match typed {
        "none" | "-" => Ok(Json::Null),
        typed => {
            // A limit of an integer may well lie between two of them.
            let datainfo = match parameter.target_datainfo.element() {
                Datainfo::Int(number) => &Datainfo::Double(number.clone()),
                other => other,
            };
            input::encode(path, datainfo, typed, converts)
        }
    }
}

/// `stage.position 0 mm to 10 mm (lower: config at lab.toml:7:5, upper: user ana)`
fn write(device: &Device, parameter: &Parameter, answer: &Json, output: Output) -> Result<(), Failure> {
    let path = device.path(&parameter.name);
    let both = [0, 1].map(|index| answer[0][index].as_f64().filter(|bound| bound.abs() < f64::MAX));
    let origin = &answer[1]["_origin"];
    let origins = [0, 1].map(|index| origin[index].as_str().or(origin.as_str()).unwrap_or_default());
    if output.json {
        return output.object(json!({
            "path": path,
            "lower": both[0],
            "upper": both[1],
            "unit": parameter.unit(),
            "origin": { "lower": origins[0], "upper": origins[1] },
            "warnings": answer[1]["_warnings"],
        }));
    }
    let show = |bound: Option<f64>| match bound {
        Some(bound) => {
            let text = format::text(parameter.target_datainfo.element(), parameter.digits, &json!(bound));
            format!("{text} {}", parameter.unit()).trim_end().to_owned()
        }
        None => "any".to_owned(),
    };
    let whose = match origins {
        [one, other] if one == other => one.to_owned(),
        [lower, upper] => format!("lower: {lower}, upper: {upper}"),
    };
    output.line(&format!("{path} {} to {} ({whose})", show(both[0]), show(both[1])))
}
