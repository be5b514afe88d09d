//! `baton describe`: what a device can do, or all that is known of one of its parameters or commands.

mod info;

use serde_json::{Value as Json, json};

use self::info::Info;
use crate::cli::client::{Client, Command, Device, Parameter, Reading};
use crate::cli::failure::Failure;
use crate::cli::format::{self, one_line, shortened};
use crate::cli::names;
use crate::cli::output::{self, Output};
use crate::cli::readings::{self, LOCKED_BY, locked_by};
use crate::cli::table::Table;

/// Widest value in the table.
const CELL_CHARS: usize = 32;

/// Describes the device or the part of it that `path` names.
pub(super) fn run(client: &mut Client, path: &str, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let (device_name, name) = names::split(path);
    let device = names::device(&node, device_name)?;
    client.activate(Some(&device.name))?;
    let Some(name) = name else {
        return whole(client, device, output);
    };
    if names::find_parameter(device, name).is_none()
        && let Ok(command) = names::command(device, name)
    {
        return one_command(device, command, output);
    }
    let (_, parameter) = names::parameter(&node, path)?;
    one_parameter(client, device, parameter, output)
}

fn whole(client: &mut Client, device: &Device, output: Output) -> Result<(), Failure> {
    let info = Info::ask(client, device)?;
    let parameters: Vec<_> = device
        .parameters
        .iter()
        .filter(|parameter| !is_limits(device, parameter) && parameter.wire != LOCKED_BY)
        .collect();
    if output.json {
        let parameters = parameters.iter().map(|parameter| {
            let mut json = parameter_json(client, device, parameter);
            let limits = info.limits(parameter).into_iter();
            json["all_limits"] = limits.map(|l| json!({ "range": l.range, "whose": l.whose })).collect();
            json["target"] = target(client, device, parameter).map_or(Json::Null, |target| target.value.clone());
            json["locked_by"] = json!(info.lock(device, parameter));
            json
        });
        return output.object(json!({
            "device": device.name,
            "type": device.type_name(),
            "class": device.class,
            "driver": device.driver,
            "driver_version": device.driver_version,
            "description": device.doc,
            "members": device.members,
            "locked_by": locked_by(client, device),
            "parameters": parameters.collect::<Vec<_>>(),
            "commands": device.commands.iter().map(command_json).collect::<Vec<_>>(),
            "info": info.device,
        }));
    }
    output.line(&heading(device))?;
    if !device.doc.is_empty() {
        output.line(&one_line(&device.doc))?;
    }
    if !device.members.is_empty() {
        output.line(&format!("members: {}", device.members.join(", ")))?;
    }
    if let Some(owner) = locked_by(client, device) {
        output.line(&format!("locked by: {}", one_line(owner)))?;
    }
    for (name, fact) in info.facts() {
        output.line(&format!("{name}: {}", one_line(&fact)))?;
    }
    let rows = parameters.into_iter().filter(|parameter| parameter.wire != "target");
    let table = table(client, device, rows, &info);
    output.table(&table.without_empty_columns().fit(output::columns()))
}

/// A row for each parameter, command and message; further limits below those that are shown first.
fn table<'a>(client: &Client, device: &Device, parameters: impl Iterator<Item = &'a Parameter>, info: &Info) -> Table {
    let mut table = Table::new([
        "NAME", "VALUE", "TARGET", "UNIT", "LIMITS", "FROM", "AGE", "ACCESS", "LOCK", "DOC",
    ]);
    for parameter in parameters {
        let reading = latest(client, device, parameter);
        let shown = |reading: &Reading| shortened(&format::value(parameter, &reading.value), CELL_CHARS);
        let mut stated = info.limits(parameter).into_iter();
        let (limits, whose) = match stated.next() {
            Some(first) => (first.range, first.whose),
            None => (limits(client, device, parameter), String::new()),
        };
        table.row([
            parameter.name.as_str().into(),
            reading.map(shown).unwrap_or_default().into(),
            target(client, device, parameter).map(shown).unwrap_or_default().into(),
            parameter.unit().into(),
            limits.into(),
            whose.into(),
            info.age(reading.and_then(|reading| reading.timestamp)).into(),
            access(parameter).into(),
            info.lock(device, parameter).into(),
            doc(&parameter.doc).into(),
        ]);
        for more in stated {
            let none = || "".into();
            let (range, whose) = (more.range.into(), more.whose.into());
            table.row([
                none(),
                none(),
                none(),
                none(),
                range,
                whose,
                none(),
                none(),
                none(),
                none(),
            ]);
        }
    }
    let mut other = |name: &str, access: &str, doc: &str| {
        let none = || "".into();
        let (name, access, doc) = (name.into(), access.into(), doc.into());
        table.row([
            name,
            none(),
            none(),
            none(),
            none(),
            none(),
            none(),
            access,
            none(),
            doc,
        ]);
    };
    for command in &device.commands {
        other(&command.name, "call", &command_doc(command));
    }
    for (name, payload, doc) in info.messages() {
        other(name, "message", &format!("{doc}: {payload}"));
    }
    table
}

/// Where a parameter was sent, if it has a target of its own.
fn target<'a>(client: &'a Client, device: &Device, parameter: &Parameter) -> Option<&'a Reading> {
    let wire = parameter
        .wire_target
        .as_deref()
        .filter(|wire| *wire != parameter.wire)?;
    client.latest(&device.on(wire)).filter(|target| target.error.is_none())
}

/// `stage: sim/motor, Drivable, driver sim 1.0`
fn heading(device: &Device) -> String {
    let mut heading = format!("{}: {}", device.name, device.type_name());
    if !device.class.is_empty() && device.class != device.type_name() {
        heading = format!("{heading}, {}", device.class);
    }
    if let Some(driver) = &device.driver {
        let version = device.driver_version.as_deref().unwrap_or("of unknown version");
        heading = format!("{heading}, driver {driver} {version}");
    }
    heading
}

fn one_parameter(client: &mut Client, device: &Device, parameter: &Parameter, output: Output) -> Result<(), Failure> {
    if output.json {
        return output.object(parameter_json(client, device, parameter));
    }
    let info = Info::ask(client, device)?;
    let client: &Client = client;
    let property = |name: &str| {
        parameter.properties.get(name).map(|value| match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string(),
        })
    };
    let in_unit = |name: &str| property(name).map(|number| format!("{number} {}", parameter.unit()));
    let seconds = |name: &str| property(name).map(|number| format!("{number} s"));
    let value = latest(client, device, parameter).map(|reading| readings::with_unit(parameter, &reading.value));
    let all_limits: Vec<_> = info
        .limits(parameter)
        .into_iter()
        .map(|l| format!("{} ({})", l.range, l.whose))
        .collect();
    let reading = latest(client, device, parameter);
    let target = target(client, device, parameter).map(|target| readings::with_unit(parameter, &target.value));
    let rows = [
        ("doc", Some(parameter.doc.clone())),
        ("value", value),
        ("target", target),
        ("age", Some(info.age(reading.and_then(|reading| reading.timestamp)))),
        ("kind", Some(parameter.datainfo.noun())),
        ("unit", Some(parameter.unit().to_owned())),
        ("limits", Some(limits(client, device, parameter))),
        ("limits from", property("_origin")),
        ("all limits", Some(all_limits.join(", "))),
        ("locked by", Some(info.lock(device, parameter))),
        ("ramp", ramp(parameter)),
        ("access", Some(access(parameter).to_owned())),
        ("tolerance", in_unit("_tolerance")),
        ("poll", seconds("_poll")),
        ("timeout", seconds("_timeout")),
        ("on the wire", Some(device.on(&parameter.wire))),
    ];
    write_facts(&device.path(&parameter.name), rows, output)
}

fn one_command(device: &Device, command: &Command, output: Output) -> Result<(), Failure> {
    if output.json {
        return output.object(command_json(command));
    }
    let rows = [
        ("doc", Some(command.doc.clone())),
        ("call", Some(command.signature())),
        (
            "long",
            command.long.then(|| "yes, it takes as long as a motion".to_owned()),
        ),
        ("on the wire", Some(device.on(&command.wire))),
    ];
    write_facts(&device.path(&command.name), rows, output)
}

/// `steps of 1 K, at most 2 K/min, settling for 5 s`.
fn ramp(parameter: &Parameter) -> Option<String> {
    let ramp = parameter.properties.get("_ramp")?;
    let number = |key: &str| ramp.get(key).and_then(Json::as_f64);
    let unit = parameter.unit();
    let parts = [
        number("step").map(|step| format!("steps of {step} {unit}")),
        number("rate").map(|rate| format!("at most {} {unit} per minute", rate * 60.0)),
        number("settle")
            .filter(|settle| *settle > 0.0)
            .map(|settle| format!("settling for {settle} s")),
    ];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

/// The path, and below it one fact on each line; those that are not known are left out.
fn write_facts<const N: usize>(path: &str, facts: [(&str, Option<String>); N], output: Output) -> Result<(), Failure> {
    output.line(path)?;
    for (name, fact) in facts {
        if let Some(fact) = fact.filter(|fact| !fact.is_empty()) {
            output.line(&format!("  {name:<11}  {}", one_line(&fact)))?;
        }
    }
    Ok(())
}

fn parameter_json(client: &Client, device: &Device, parameter: &Parameter) -> Json {
    let path = device.path(&parameter.name);
    json!({
        "name": parameter.name,
        "description": parameter.doc,
        "access": access(parameter),
        "limits": limits(client, device, parameter),
        "reading": latest(client, device, parameter).map(|reading| readings::to_json(&path, parameter, reading)),
        "wire": parameter.wire,
        "wire_target": parameter.wire_target,
        "properties": parameter.properties,
    })
}

fn command_json(command: &Command) -> Json {
    json!({
        "name": command.name,
        "description": command.doc,
        "signature": command.signature(),
        "long": command.long,
        "wire": command.wire,
    })
}

fn latest<'a>(client: &'a Client, device: &Device, parameter: &Parameter) -> Option<&'a Reading> {
    client.latest(&device.on(&parameter.wire))
}

fn limits(client: &Client, device: &Device, parameter: &Parameter) -> String {
    let effective = readings::limits_wire(device, parameter).and_then(|wire| client.latest(&device.on(&wire)));
    readings::limits(parameter, effective)
}

/// Whether a parameter only says what the limits of another are, and is shown there.
fn is_limits(device: &Device, parameter: &Parameter) -> bool {
    let limits = |other: &Parameter| readings::limits_wire(device, other).is_some_and(|wire| wire == parameter.wire);
    device.parameters.iter().any(limits)
}

fn access(parameter: &Parameter) -> &'static str {
    match parameter.wire_target {
        Some(_) => "rw",
        None => "r",
    }
}

/// What a command does, and how it is called if that takes more than its name.
fn command_doc(command: &Command) -> String {
    let text = doc(&command.doc);
    match command.argument.is_some() || command.result.is_some() {
        true => format!("{text}: {}", command.signature()),
        false => text.to_owned(),
    }
}

/// The first line of a longer text.
fn doc(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
