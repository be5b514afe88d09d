//! `baton instrument try`: speaks to an instrument once, and shows what was said and understood.

use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use baton_plugin_api::{Error, ErrorKind, Value};
use serde_json::{Value as Json, json};

use super::{find, resolve, title, trace::Trace};
use crate::{
    cli::{args::Try, failure::Failure, output::Output},
    config::LabConfig,
    device::Device,
    dialogue::{Action, Asked, Recorder},
    executor::{Audience, Solo},
    instrument::{DEVICE, InstrumentFile},
};

/// Asks everything that the arguments ask for.
pub(super) fn run(arguments: &Try, output: Output) -> Result<(), Failure> {
    let file = find(&arguments.file, &arguments.how, output)?;
    let options = arguments.how.options();
    let config = resolve(&file, &arguments.address, &options, output)?;
    // Everything that can be said without the instrument is said before anything is sent.
    let device = Solo::describe(&config).ok_or_else(|| Failure::Request("the file describes nothing".to_owned()))?;
    let actions = plan(arguments, &device)?;
    let comment = format!("{}\n{}, on {}", title(&config), file.name(), arguments.address);
    let trace = Arc::new(Trace::new(output, Recorder::new(&comment, &options)));
    let session = Session {
        output,
        trace,
        rows: Vec::new(),
        worst: 0,
    };
    if !output.json {
        output.line(&format!("{} on {}", title(&config), arguments.address))?;
    }
    let session = session.hold(&config, &file, &actions);
    if let Some(path) = &arguments.record {
        let written = std::fs::write(path, session.trace.recorded());
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
    if let Some((command, argument)) = arguments.call.split_first() {
        actions.push(Action::Call(command.clone(), argument.first().cloned()));
    }
    let nothing_else = actions.is_empty();
    match arguments.parameters.as_slice() {
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
            None => Ok(Asking { action, asked }),
        }
    });
    asked.collect()
}

fn readable(device: &Device) -> impl Iterator<Item = String> {
    let readable = device
        .parameters()
        .iter()
        .filter(|parameter| parameter.description().readable);
    readable.map(|parameter| parameter.name().to_string())
}

/// An action that was looked up.
struct Asking {
    action: Action,
    asked: Asked,
}

struct Session {
    output: Output,
    trace: Arc<Trace>,
    rows: Vec<Json>,
    /// The exit code of the first failure.
    worst: u8,
}

impl Session {
    /// Opens the device and asks one thing after the other, until the line is gone.
    fn hold(mut self, config: &LabConfig, file: &InstrumentFile, actions: &[Asking]) -> Self {
        self.trace.record(|recorder| recorder.action(&Action::Open));
        let opened = Solo::open(config, file.drivers(), Arc::clone(&self.trace) as Arc<dyn Audience>);
        let (mut solo, outcome) = match opened {
            Ok(solo) => (Some(solo), Ok(Value::Unit)),
            Err(error) => (None, Err(error)),
        };
        self.tell(&Action::Open, None, &outcome);
        if let Some(open) = &mut solo {
            for Asking { action, asked } in actions {
                self.trace.record(|recorder| recorder.action(action));
                if matches!(action, Action::Write(..) | Action::Call(..)) {
                    self.trace.show(None, &action.to_string());
                }
                let outcome = asked.ask(open);
                self.tell(action, Some(asked), &outcome);
                if outcome.is_err_and(|error| is_gone(&error)) {
                    break;
                }
            }
        }
        if let Some(Err(error)) = solo.map(Solo::close) {
            self.trace.show(None, &format!("closing: {}", error.message()));
        }
        self
    }

    /// Tells what came of an action.
    fn tell(&mut self, action: &Action, asked: Option<&Asked>, outcome: &Result<Value, Error>) {
        let exchanges = self.trace.take();
        let unit = asked.map(Asked::unit).unwrap_or_default();
        self.trace.record(|recorder| match outcome {
            Ok(value) => recorder.value(value, &unit),
            Err(error) => recorder.failed(error),
        });
        let name = match action {
            Action::Read(name) => name.clone(),
            other => other.to_string(),
        };
        match (outcome, asked) {
            (Ok(Value::Unit), _) if *action == Action::Open => {}
            (Ok(Value::Unit), _) => self.trace.show(None, "done"),
            (Ok(value), Some(asked)) => {
                let bold = Style::new().bold();
                self.trace
                    .show(None, &format!("{name} = {bold}{}{bold:#}", asked.format(value)));
            }
            (Ok(_), None) => {}
            (Err(error), _) => {
                let red = AnsiColor::Red.on_default();
                let text = format!("{red}{name}: {} ({}){red:#}", error.message(), error.kind().class());
                self.trace.show(None, &text);
                self.worst = if self.worst == 0 { exit_code(error) } else { self.worst };
            }
        }
        self.rows.push(row(action, asked, outcome, exchanges));
    }

    fn end(self, config: &LabConfig, address: &str) -> Result<(), Failure> {
        if self.output.json {
            self.output
                .object(json!({ "instrument": title(config), "address": address, "actions": self.rows }))?;
        }
        match self.worst {
            0 => Ok(()),
            code => Err(Failure::Told(code)),
        }
    }
}

fn row(action: &Action, asked: Option<&Asked>, outcome: &Result<Value, Error>, exchanges: Vec<Json>) -> Json {
    let value = outcome.as_ref().ok();
    json!({
        "action": action.to_string(),
        "name": action.name(),
        "value": value.map(Value::to_json),
        "unit": asked.map(Asked::unit),
        "text": value.zip(asked).map(|(value, asked)| asked.format(value)),
        "error": outcome.as_ref().err().map(|error| json!({ "class": error.kind().class(), "text": error.message() })),
        "exchanges": exchanges,
    })
}

/// Whether nothing more can be asked.
fn is_gone(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::CommunicationFailed | ErrorKind::Panic)
}

fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::CommunicationFailed => 69,
        ErrorKind::Timeout => 75,
        _ => 1,
    }
}
