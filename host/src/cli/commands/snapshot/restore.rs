//! Restoring: the plan is shown, then written step by step, with one outcome for each.

use std::io::{BufRead, IsTerminal, Write};

use serde_json::{Value as Json, json};

use super::{
    chosen, now,
    plan::{Action, Step, plan, show},
};
use crate::cli::{
    args::Restore,
    client::{Client, Device, Parameter},
    failure::Failure,
    interrupt,
    output::Output,
    readings,
    snapshot::Snapshot,
    waiting::Waiting,
};

/// Restores a snapshot.
pub(super) fn run(client: &mut Client, arguments: &Restore, output: Output) -> Result<(), Failure> {
    let old = Snapshot::read(&arguments.file)?;
    let (current, node) = now(client, &old)?;
    let devices = chosen(&node, &arguments.devices)?;
    let mut old = old;
    if !arguments.devices.is_empty() {
        old.settings
            .retain(|name, _| devices.iter().any(|device| device.name == *name));
    }
    let steps = plan(&node, &old, &current, &devices, arguments.moves);
    if !output.json {
        show(&steps, output)?;
    }
    if arguments.dry_run {
        return match output.json {
            true => output.object(json!({ "plan": steps.iter().map(Step::to_json).collect::<Vec<_>>() })),
            false => Ok(()),
        };
    }
    let writes = steps.iter().filter(|step| step.is_write()).count();
    if writes > 0 && !arguments.yes {
        agree(writes)?;
    }
    interrupt::forward(client.interrupter())?;
    carry_out(client, &steps, output)
}

/// Asks, where there is somebody to ask.
fn agree(writes: usize) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() {
        let text = "nothing was written: nobody can be asked here; say --yes if that is what you want";
        return Err(Failure::Request(text.to_owned()));
    }
    eprint!("Write {writes} of them? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Request("nothing was written".to_owned())),
    }
}

/// Writes, one after the other. One that fails does not keep the others from being written; Ctrl-C does.
fn carry_out(client: &mut Client, steps: &[Step<'_>], output: Output) -> Result<(), Failure> {
    let (mut outcomes, mut failed) = (Vec::new(), 0);
    for step in steps {
        let mut outcome = step.to_json();
        let (word, error) = match &step.action {
            Action::Write {
                device,
                parameter,
                value,
                ..
            } => match write(client, device, parameter, &step.path, value, output) {
                Ok(text) => {
                    if !output.json {
                        output.line(&format!("{} {text}", step.path))?;
                    }
                    ("done", None)
                }
                Err(failure @ (Failure::Interrupted(_) | Failure::Gone { .. } | Failure::Output(_))) => {
                    return Err(failure);
                }
                Err(failure) => {
                    output.error(&failure.to_string());
                    ("failed", Some(failure.to_json()))
                }
            },
            Action::Unchanged => ("unchanged", None),
            Action::Skip(_) => ("skipped", None),
            Action::Refuse(why) => {
                output.error(&format!("{}: {why}", step.path));
                ("failed", Some(json!({ "class": "Impossible", "text": why })))
            }
        };
        failed += usize::from(error.is_some());
        outcome["outcome"] = json!(word);
        outcome["error"] = json!(error);
        outcomes.push(outcome);
    }
    if output.json {
        output.object(json!({ "outcomes": outcomes, "failed": failed }))?;
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::Told(1)),
    }
}

/// Writes one value and waits until it is there; gives what it then is.
fn write(
    client: &mut Client,
    device: &Device,
    parameter: &Parameter,
    path: &str,
    value: &Json,
    output: Output,
) -> Result<String, Failure> {
    let wire = parameter.wire_target.as_deref().unwrap_or(&parameter.wire);
    client.activate(Some(&device.name))?;
    let request = client.send("change", &device.on(wire), value.clone(), path)?;
    let mut waiting = Waiting {
        client,
        device,
        path: path.to_owned(),
        deadline: None,
        output,
        call: None,
    };
    let taken = waiting.taken(&request)?;
    let ended = waiting.ended(&taken, &mut |_| {});
    let ended = ended.map_err(|failure| waiting.ended_early(failure, None))?;
    let reading = ended.into_result(path, None)?.reading;
    Ok(readings::with_unit(parameter, &reading.unwrap_or(taken).value))
}
