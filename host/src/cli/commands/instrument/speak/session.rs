//! One conversation with an instrument, and how it is told.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use baton_plugin_api::{Error, ErrorKind, Value};
use serde_json::{Value as Json, json};

use super::super::{
    title,
    trace::{Trace, Unasked},
};
use crate::{
    cli::{failure::Failure, output::Output},
    config::LabConfig,
    device::{Device, format_value},
    dialogue::{Action, Asked},
    executor::{Audience, Solo},
    instrument::InstrumentFile,
};

/// Time between two looks for what an instrument says by itself.
const BETWEEN: Duration = Duration::from_millis(20);

/// An action that was looked up.
pub(super) struct Asking {
    pub(super) action: Action,
    pub(super) asked: Asked,
    /// Whether it is left out once its value has come with another answer.
    pub(super) if_not_seen: bool,
}

/// A conversation.
pub(super) struct Session {
    output: Output,
    trace: Arc<Trace>,
    rows: Vec<Json>,
    /// Parameters whose value came with the answer to another question.
    seen: HashSet<String>,
    /// Whether everything was asked, and what was left was to listen.
    listened: bool,
    /// The exit code of the first failure.
    worst: u8,
}

impl Session {
    pub(super) fn new(output: Output, trace: Arc<Trace>) -> Self {
        Session {
            output,
            trace,
            rows: Vec::new(),
            seen: HashSet::new(),
            listened: false,
            worst: 0,
        }
    }

    /// Opens the device and asks one thing after the other, until the line is gone; then listens for so long.
    pub(super) fn hold(
        &mut self,
        config: &LabConfig,
        file: &InstrumentFile,
        actions: &[Asking],
        listen: Option<Duration>,
    ) {
        self.trace.record(|recorder| recorder.action(&Action::Open));
        let opened = Solo::open(config, file.drivers(), Arc::clone(&self.trace) as Arc<dyn Audience>);
        let mut solo = match opened {
            Ok(solo) => solo,
            Err(error) => return self.tell(&Action::Open, None, None, &Err(error)),
        };
        let device = Arc::clone(solo.device());
        self.tell(&Action::Open, None, Some(&device), &Ok(Value::Unit));
        let mut is_open = true;
        for asking in actions {
            if is_open && !(asking.if_not_seen && asking.action.name().is_some_and(|name| self.seen.contains(name))) {
                is_open = self.ask(&mut solo, asking, &device);
            }
        }
        if let Some(time) = listen.filter(|_| is_open) {
            self.listen(&mut solo, &device, time);
        }
        self.close(solo);
    }

    /// Asks one thing, and says whether the line is still there.
    fn ask(&mut self, solo: &mut Solo, asking: &Asking, device: &Device) -> bool {
        let Asking { action, asked, .. } = asking;
        self.trace.record(|recorder| recorder.action(action));
        if matches!(action, Action::Write(..) | Action::Call(..)) {
            self.trace.show(None, &action.to_string());
        }
        let mut outcome = asked.ask(solo);
        // What it said by itself meanwhile it may keep until somebody listens.
        if let (true, Err(error)) = (outcome.is_ok(), solo.listen()) {
            outcome = Err(error);
        }
        self.tell(action, Some(asked), Some(device), &outcome);
        !self.trace.is_interrupted() && !outcome.is_err_and(|error| is_gone(&error))
    }

    /// Shows what the instrument says by itself.
    fn listen(&mut self, solo: &mut Solo, device: &Device, time: Duration) {
        self.listened = true;
        self.trace.record(|recorder| recorder.action(&Action::Listen));
        self.output.note(&format!("listening for {time:?} (Ctrl-C ends it)"));
        let until = Instant::now() + time;
        let mut outcome = Ok(Value::Unit);
        while outcome.is_ok() && Instant::now() < until && !self.trace.is_interrupted() {
            outcome = solo.listen().map(|()| Value::Unit);
            self.tell_unasked(device);
            std::thread::sleep(BETWEEN);
        }
        self.tell(&Action::Listen, None, Some(device), &outcome);
    }

    fn close(&mut self, solo: Solo) {
        let before = self.trace.recorded().len();
        self.trace.record(|recorder| recorder.action(&Action::Close));
        let closed = solo.close();
        let (exchanges, _) = self.trace.take();
        if exchanges.is_empty() {
            self.trace.record(|recorder| recorder.cut(before));
        }
        if let Err(error) = closed {
            self.trace.show(None, &format!("close: {}", error.message()));
        }
    }

    /// Tells what came of an action.
    fn tell(
        &mut self,
        action: &Action,
        asked: Option<&Asked>,
        device: Option<&Device>,
        outcome: &Result<Value, Error>,
    ) {
        let (exchanges, unasked) = self.trace.take();
        let unit = asked.map(Asked::unit).unwrap_or_default();
        self.trace.record(|recorder| match outcome {
            Ok(value) => recorder.value(value, &unit),
            Err(error) => recorder.failed(error),
        });
        let name = match action {
            Action::Read(name) => name.clone(),
            other => other.to_string(),
        };
        match outcome {
            Ok(Value::Unit) if matches!(action, Action::Open | Action::Listen) => {}
            Ok(Value::Unit) => self.trace.show(None, "done"),
            Ok(value) => self.show_value(&name, &asked.map_or_else(String::new, |asked| asked.format(value))),
            Err(error) => {
                self.show_error(&name, error);
                self.worst = if self.worst == 0 { exit_code(error) } else { self.worst };
            }
        }
        let also = device.map_or_else(Vec::new, |device| self.show_unasked(device, unasked));
        let mut row = row(action, asked, outcome, exchanges);
        row["also"] = also.into();
        self.rows.push(row);
    }

    /// Tells what was said by itself since the last time, if anything was.
    fn tell_unasked(&mut self, device: &Device) {
        let (exchanges, unasked) = self.trace.take();
        if exchanges.is_empty() && unasked.is_empty() {
            return;
        }
        let also = self.show_unasked(device, unasked);
        let mut row = row(&Action::Listen, None, &Ok(Value::Unit), exchanges);
        row["also"] = also.into();
        self.rows.push(row);
    }

    /// Shows what came beside what was asked, and gives it as rows.
    fn show_unasked(&mut self, device: &Device, unasked: Vec<Unasked>) -> Vec<Json> {
        let mut rows = Vec::new();
        for (name, value) in unasked {
            let parameter = device.parameters().iter().find(|parameter| **parameter.name() == *name);
            let unit = parameter.map_or("", |parameter| parameter.unit().as_str());
            match &value {
                Ok(value) => {
                    let text = match parameter {
                        Some(parameter) => parameter.format(value),
                        None => format_value(value, "", None),
                    };
                    self.show_value(&name, &text);
                    self.trace.record(|recorder| recorder.unasked(&name, value, unit));
                    rows.push(json!({ "name": name, "value": value.to_json(), "unit": unit, "text": text }));
                }
                Err(error) => {
                    self.show_error(&name, error);
                    rows.push(json!({ "name": name, "error": error_json(error) }));
                }
            }
            self.seen.insert(name);
        }
        rows
    }

    fn show_value(&self, name: &str, text: &str) {
        let bold = Style::new().bold();
        self.trace.show(None, &format!("{name} = {bold}{text}{bold:#}"));
    }

    fn show_error(&self, name: &str, error: &Error) {
        let red = AnsiColor::Red.on_default();
        let text = format!("{red}{name}: {} ({}){red:#}", error.message(), error.kind().class());
        self.trace.show(None, &text);
    }

    /// Writes what is left to say.
    pub(super) fn end(self, config: &LabConfig, address: &str) -> Result<(), Failure> {
        if self.output.json {
            self.output
                .object(json!({ "instrument": title(config), "address": address, "actions": self.rows }))?;
        }
        match self.worst {
            // Ctrl-C is how listening ends; anything else it cuts short.
            _ if self.trace.is_interrupted() && !self.listened => Err(Failure::Interrupted("interrupted".to_owned())),
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
        "error": outcome.as_ref().err().map(error_json),
        "exchanges": exchanges,
    })
}

fn error_json(error: &Error) -> Json {
    json!({ "class": error.kind().class(), "text": error.message() })
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
