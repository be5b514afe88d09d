//! `baton call`: runs a command of a device and waits until it is done.

use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::cli::args::Call;
use crate::cli::client::{Client, Command, Datainfo, Node, REPLY_TIMEOUT, Reading};
use crate::cli::failure::Failure;
use crate::cli::output::Output;
use crate::cli::waiting::{self, Waiting};
use crate::cli::{format, input, interrupt, names};

/// Runs the command and writes its result.
pub(super) fn run(client: &mut Client, call: &Call, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    let device = names::device(&node, &call.device)?;
    let command = names::command(device, &call.name)?;
    let path = device.path(&command.name);
    let argument = argument(&node, &path, command, call.argument.as_deref())?;
    interrupt::forward(client.interrupter())?;
    client.activate(Some(&device.name))?;
    let started = Instant::now();
    let deadline = match call.patience.no_wait {
        true => Some(started + REPLY_TIMEOUT),
        false => waiting::limit(client, call.patience.timeout(), node.is_baton())?,
    };
    let request = client.send("do", &device.on(&command.wire), argument, &path)?;
    let mut waiting = Waiting {
        client,
        device,
        path: path.clone(),
        deadline,
        output,
        call: None,
    };
    let mut done = waiting.taken(&request)?;
    let mut outcome = "taken";
    if !call.patience.no_wait {
        let ended = waiting.ended(&done, &mut |_| {});
        let ended = ended
            .map_err(|failure| waiting.ended_early(failure, None))?
            .into_result(&path, None)?;
        // The result of a command that took longer than a reply may comes with its resolution.
        if let Some(result) = ended
            .reading
            .filter(|_| command.result.is_some() && done.value.is_null())
        {
            done = result;
        }
        outcome = "done";
    }
    write(&path, command, outcome, &done, started, output)
}

fn argument(node: &Node, path: &str, command: &Command, typed: Option<&str>) -> Result<Json, Failure> {
    match (&command.argument, typed) {
        (None, None) => Ok(Json::Null),
        (Some(datainfo), Some(typed)) => input::encode(path, datainfo, typed, node.is_baton()),
        (None, Some(_)) => Err(Failure::Request(format!("{path} takes no argument"))),
        (Some(_), None) => Err(Failure::Request(format!(
            "{path} needs an argument: {}",
            command.signature()
        ))),
    }
}

fn write(
    path: &str,
    command: &Command,
    outcome: &str,
    done: &Reading,
    started: Instant,
    output: Output,
) -> Result<(), Failure> {
    let elapsed = started.elapsed().as_secs_f64();
    let datainfo = command.result.as_ref().unwrap_or(&Datainfo::Other);
    if output.json {
        return output.object(json!({
            "path": path,
            "outcome": outcome,
            "result": done.value,
            "unit": datainfo.unit(),
            "elapsed": elapsed,
        }));
    }
    if done.value.is_null() {
        output.note(&format!("{path}: {outcome} after {elapsed:.1} s"));
        return Ok(());
    }
    let text = format::one_line(&format::text(datainfo, None, &done.value));
    output.line(format!("{text} {}", datainfo.unit()).trim_end())
}
