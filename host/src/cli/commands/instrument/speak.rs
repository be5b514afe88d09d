//! `baton instrument try`: speaks to an instrument once, and shows what was said and understood.

mod session;

use std::{sync::Arc, time::Duration};

use baton_plugin_api::Datatype;
use session::{Asking, Session};

use super::{find, options, resolve, title, trace::Trace};
use crate::{
    cli::{args::Try, failure::Failure, interrupt, output::Output},
    device::Device,
    dialogue::{Action, Asked, Recorder},
    executor::Solo,
    instrument::DEVICE,
};

/// Asks everything that the arguments ask for.
pub(super) fn run(arguments: &Try, output: Output) -> Result<(), Failure> {
    let file = find(&arguments.file, &arguments.how, output)?;
    let options = options(&file, &arguments.how)?;
    let config = resolve(&file, &arguments.address, &options, output)?;
    // Everything that can be said without the instrument is said before anything is sent.
    let device = Solo::describe(&config).ok_or_else(|| Failure::Request("the file describes nothing".to_owned()))?;
    let actions = plan(arguments, &device)?;
    let comment = format!("{}\n{}, on {}", title(&config), file.name(), arguments.address);
    let trace = Arc::new(Trace::new(output, Recorder::new(&comment, &options)));
    if !output.json {
        output.line(&format!("{} on {}", title(&config), arguments.address))?;
    }
    let interrupted = Arc::clone(&trace);
    interrupt::each(move || {
        if interrupted.interrupt() {
            return true;
        }
        // Whoever presses it again does not want to wait for an instrument that does not answer.
        std::process::exit(130)
    })?;
    let mut session = Session::new(output, Arc::clone(&trace));
    session.hold(&config, &file, &actions, arguments.listen.map(Duration::from_secs_f64));
    if let Some(path) = &arguments.record {
        let written = std::fs::write(path, trace.recorded());
        written.map_err(|error| Failure::Request(format!("cannot write the dialogue {}: {error}", path.display())))?;
        output.note(&format!("the dialogue is in {}", path.display()));
    }
    session.end(&config, &arguments.address)
}

/// What is asked, in order: what is to be written, with its readback; the command; what is to be read.
fn plan(arguments: &Try, device: &Arc<Device>) -> Result<Vec<Asking>, Failure> {
    let mut actions = Vec::new();
    for (name, value) in &arguments.set {
        actions.push(Action::Write(name.clone(), value.clone()));
        if readable(device).any(|readable| readable == *name) {
            actions.push(Action::Read(name.clone()));
        }
    }
    let mut parameters = arguments.parameters.clone();
    if let Some((command, argument)) = arguments.call.split_first() {
        let mut argument = argument.first().cloned();
        if takes_nothing(device, command)
            && argument
                .as_ref()
                .is_some_and(|name| readable(device).any(|r| r == *name))
        {
            // What stands behind a command that takes nothing is the first parameter.
            parameters.splice(0..0, argument.take());
        }
        actions.push(Action::Call(command.clone(), argument));
    }
    let nothing_else = actions.is_empty();
    match parameters.as_slice() {
        [] if nothing_else && arguments.listen.is_some() => {}
        [] if nothing_else => {
            actions.extend(readable(device).map(Action::Read));
            actions.extend(device.config().table.status.then_some(Action::Status));
        }
        names => actions.extend(names.iter().cloned().map(Action::Read)),
    }
    let asked = actions.into_iter().map(|action| {
        let asked = Asked::new(&action, device).map_err(|unknown| {
            let told = unknown.diagnostic();
            let help = told.help.map_or_else(String::new, |help| format!("; {help}"));
            Failure::Request(format!("{}{help}", told.message))
        })?;
        match asked.refused() {
            Some(error) => {
                // The user has given it no name.
                let message = error.message().trim_start_matches(DEVICE).trim_start_matches('.');
                Err(Failure::Request(format!("{message} ({})", error.kind().class())))
            }
            None => Ok(Asking {
                action,
                asked,
                if_not_seen: nothing_else,
            }),
        }
    });
    asked.collect()
}

fn takes_nothing(device: &Device, command: &str) -> bool {
    let command = device.commands().iter().find(|found| **found.name() == *command);
    command.is_some_and(|command| command.description().argument == Datatype::Unit)
}

fn readable(device: &Device) -> impl Iterator<Item = String> {
    let readable = device
        .parameters()
        .iter()
        .filter(|parameter| parameter.description().readable);
    readable.map(|parameter| parameter.name().to_string())
}
