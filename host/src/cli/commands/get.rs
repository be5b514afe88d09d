//! `baton get`: readings, fresh from the hardware unless an age is allowed.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use crate::cli::args::{Form, Get};
use crate::cli::client::{Client, Device, Node, Parameter, Reading};
use crate::cli::failure::Failure;
use crate::cli::names;
use crate::cli::output::Output;
use crate::cli::readings::{self, Status};

/// Reads each path in turn. One that fails does not keep the others from being shown.
pub(super) fn run(client: &mut Client, get: &Get, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let mut items = Vec::new();
    let mut exit_code = None;
    for path in &get.paths {
        match one(client, &node, get, path, output) {
            Ok(item) => items.push(item),
            Err(failure @ (Failure::Gone { .. } | Failure::Output(_))) => return Err(failure),
            // The only path there is: its failure is that of the command.
            Err(failure) if get.paths.len() == 1 => return Err(failure),
            Err(failure) => {
                exit_code = exit_code.or(Some(failure.exit_code()));
                output.error(&failure.to_string());
                items.push(json!({ "path": path, "error": failure.to_json() }));
            }
        }
    }
    if output.json {
        output.object(json!({ "readings": items }))?;
    }
    exit_code.map_or(Ok(()), |code| Err(Failure::Told(code)))
}

fn one(client: &mut Client, node: &Node, get: &Get, typed: &str, output: Output) -> Result<Json, Failure> {
    let (device, parameter) = names::parameter(node, typed)?;
    let path = device.path(&parameter.name);
    let on = device.on(&parameter.wire);
    let known = match get.max_age {
        Some(seconds) => known(client, device, &on, seconds)?,
        None => None,
    };
    let reading = match known {
        Some(reading) => reading,
        None => client.read(&on, &path)?,
    };
    write(client, device, parameter, &reading, get.form, output)
}

/// What the host knows, if that is not older than `seconds`.
fn known(client: &mut Client, device: &Device, on: &str, seconds: f64) -> Result<Option<Reading>, Failure> {
    client.activate(Some(&device.name))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |now| now.as_secs_f64());
    let is_young = |reading: &&Reading| reading.timestamp.is_some_and(|time| now - time <= seconds);
    Ok(client
        .latest(on)
        .filter(|reading| reading.error.is_none())
        .filter(is_young)
        .cloned())
}

/// Writes a reading in the form that the user asked for, and returns the one for programs, which is the caller's to
/// write.
pub(super) fn write(
    client: &mut Client,
    device: &Device,
    parameter: &Parameter,
    reading: &Reading,
    form: Form,
    output: Output,
) -> Result<Json, Failure> {
    let path = device.path(&parameter.name);
    let status = match form.wide && device.accessible("status").is_some() {
        true => Some(Status::of(&client.read(&device.on("status"), &path)?)),
        false => None,
    };
    if !output.json {
        let label = status.as_ref().map(Status::label);
        output.line(&readings::line(form, &path, parameter, reading, label.as_deref()))?;
    }
    let mut item = readings::to_json(&path, parameter, reading);
    if let (Some(status), Some(item)) = (status, item.as_object_mut()) {
        item.insert("status".to_owned(), status.to_json());
    }
    Ok(item)
}
