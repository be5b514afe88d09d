//! The device: exchanges of a script, over a line.

mod exchange;
mod write;

use std::{collections::BTreeMap, sync::Arc};

use baton_plugin_api::{Context, Error, ErrorKind, Host, Result, Shared, Status, Time, Value};

pub(crate) use write::Write;

use crate::{
    line::{Line, Patience, Speaker, Uncancelled},
    script::{Command, Exchange, Script, Source, StatusQuery},
    select::Select,
    template::{Given, Scanned},
};

/// Where an instrument is.
pub(crate) struct Place {
    pub(crate) line: Shared<Line>,
    /// Which of those on the line.
    pub(crate) speaker: Speaker,
    /// What the line has to be told before this instrument hears anything.
    pub(crate) select: Option<Select>,
}

impl Place {
    /// On a line of its own.
    pub(crate) fn alone(line: Line) -> Self {
        Place {
            line: Shared::new(line),
            speaker: 0,
            select: None,
        }
    }
}

/// An instrument on a line.
pub struct Instrument {
    line: Shared<Line>,
    speaker: Speaker,
    select: Option<Select>,
    script: Arc<Script>,
    host: Host,
    /// The connection on which what the file has under `init` was said.
    introduced: Option<u64>,
    /// When something was started, until the instrument has been seen busy with it.
    started: Option<Time>,
    /// What each parameter was when it was last heard of or written.
    known: BTreeMap<String, Value>,
}

impl Instrument {
    /// Introduces itself on a line that is connected.
    pub(crate) fn open(place: Place, script: Script, host: Host, patience: &dyn Patience) -> Result<Self> {
        let mut instrument = Instrument {
            line: place.line,
            speaker: place.speaker,
            select: place.select,
            script: Arc::new(script),
            host,
            introduced: None,
            started: None,
            known: BTreeMap::new(),
        };
        let line = instrument.line.clone();
        let mut line = line.lock();
        instrument.keep_unasked(&mut line);
        instrument.ready(&mut line, patience)?;
        drop(line);
        Ok(instrument)
    }

    /// Reads a parameter. Whatever else its answer tells is published.
    pub(crate) fn read(&mut self, name: &str, source: &Source, cx: &Context<'_>) -> Result<Value> {
        self.hear()?;
        match source {
            Source::Asked { exchange, own } => {
                let scanned = self.question_for(exchange, cx)?;
                let value = match own {
                    true => scanned.own.clone(),
                    false => scanned.other(name).cloned(),
                };
                self.publish(scanned, (!own).then_some(name));
                let value =
                    value.ok_or_else(|| Error::new(ErrorKind::InternalError, "the answer has no such value"))?;
                self.known.insert(name.to_owned(), value.clone());
                Ok(value)
            }
            Source::Told => self.known.get(name).cloned().ok_or_else(|| {
                Error::new(
                    ErrorKind::ReadFailed,
                    "the instrument has not told it yet, and cannot be asked for it",
                )
            }),
        }
    }

    /// Writes a parameter; an instrument that repeats the value has to repeat this one.
    pub(crate) fn write(&mut self, write: &Write, value: &Value, cx: &Context<'_>) -> Result<()> {
        write.check(value)?;
        self.hear()?;
        let scanned = self.order(&write.exchange, value, cx)?;
        if let Some(taken) = &scanned.own {
            write.compare(value, taken)?;
        }
        self.known.insert(write.name.clone(), value.clone());
        self.publish(scanned, None);
        if write.starts {
            self.started = Some(cx.now());
        }
        Ok(())
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, command: &Command, argument: &Value, cx: &Context<'_>) -> Result<Value> {
        if let (Some((lower, upper)), Some(x)) = (command.argument_limits, argument.as_f64())
            && !(lower..=upper).contains(&x)
        {
            return Err(Error::range(format!("{x} is outside the limits {lower} to {upper}")));
        }
        self.hear()?;
        let scanned = self.order(&command.exchange, argument, cx)?;
        let result = scanned.own.clone().unwrap_or(Value::Unit);
        self.publish(scanned, None);
        if command.long {
            self.started = Some(cx.now());
        }
        Ok(result)
    }

    /// Asks for the status. What was just started counts as busy until the instrument says so itself, or until it has
    /// had the time to.
    pub(crate) fn status(&mut self, query: &StatusQuery, cx: &Context<'_>) -> Result<Status> {
        self.hear()?;
        let status = self.told_status(query, cx)?;
        let Some(started) = self.started else { return Ok(status) };
        let has_settled = cx.now().since(started) >= query.settle;
        if has_settled || status.is_busy() || status.is_error() {
            self.started = None;
            return Ok(status);
        }
        Ok(Status::busy("starting"))
    }

    /// What the instrument says of itself.
    fn told_status(&mut self, query: &StatusQuery, cx: &Context<'_>) -> Result<Status> {
        let mut status = Status::idle();
        if let Some(read) = &query.read {
            let scanned = self.question_for(read, cx)?;
            status = scanned.own.as_ref().map_or(status, |answer| query.status(answer));
            self.publish(scanned, None);
        }
        for (name, busy) in &query.busy_while {
            if status.is_busy() || status.is_error() {
                break;
            }
            let script = Arc::clone(&self.script);
            let Some(source) = script.parameter(name).and_then(|parameter| parameter.read.as_ref()) else {
                continue;
            };
            let value = self.read(name, source, cx)?;
            self.host.publish(name, value.clone());
            if busy.contains(&value) {
                status = Status::busy(format!("{name} is {}", crate::script::spelled(&value)));
            }
        }
        Ok(status)
    }

    /// Stops the instrument. Nothing comes before it on the line, and a cancelled call does not keep it.
    pub(crate) fn stop(&mut self, stop: &Exchange, cx: &Context<'_>) -> Result<()> {
        self.started = None;
        let text = stop.send.print(Given {
            own: &Value::Unit,
            others: &self.known,
        })?;
        let fits = self.fits(stop);
        let question = self.question(stop, &text, &fits, ErrorKind::HardwareError);
        let (line, patience) = (self.line.clone(), Uncancelled::within(cx.remaining()));
        let mut line = line.lock();
        self.select(&mut line, &patience)?;
        let Some(reply) = line.interrupt(&question, stop.expect.is_some(), &patience)? else {
            return Ok(());
        };
        let scanned = self.understand(&mut line, stop, &question, &reply)?;
        drop(line);
        self.publish(scanned, None);
        Ok(())
    }

    /// Publishes what an answer tells of other parameters than the one that is read.
    fn publish(&mut self, scanned: Scanned, but: Option<&str>) {
        for (name, value) in scanned.others {
            if but != Some(name.as_str()) {
                self.host.publish(&name, value.clone());
            }
            self.known.insert(name, value);
        }
    }

    /// Has the line keep what the instrument says unasked.
    fn keep_unasked(&self, line: &mut Line) {
        if self.script.unsolicited.is_empty() {
            return;
        }
        let script = Arc::clone(&self.script);
        let sieve = move |said: &[u8]| {
            script
                .unsolicited
                .iter()
                .any(|unsolicited| unsolicited.scan(said).is_some())
        };
        line.keep(self.speaker, Box::new(sieve));
    }

    /// Passes on what the instrument has said unasked.
    ///
    /// # Errors
    /// If the line is gone.
    pub(crate) fn hear(&mut self) -> Result<()> {
        if self.script.unsolicited.is_empty() {
            return Ok(());
        }
        let script = Arc::clone(&self.script);
        let line = self.line.clone();
        let heard = line.lock().listen(&script.manner.reply_end);
        loop {
            let said = line.lock().take_heard(self.speaker);
            // What was said before the line ended was said all the same.
            let Some(said) = said else { return heard };
            let Some((unsolicited, scanned)) = script
                .unsolicited
                .iter()
                .find_map(|unsolicited| Some((unsolicited, unsolicited.scan(&said)?)))
            else {
                continue;
            };
            if let Some((message, _)) = &unsolicited.message {
                self.host.send(message, scanned.own.clone().unwrap_or(Value::Unit));
            }
            self.publish(scanned, None);
        }
    }
}

impl Drop for Instrument {
    /// Says what the file has under `exit`, as far as the instrument still listens.
    fn drop(&mut self) {
        let script = Arc::clone(&self.script);
        let line = self.line.clone();
        let mut line = line.lock();
        if self.introduced.is_some() {
            for exchange in &script.exit {
                let patience = Uncancelled::within(Some(script.manner.reply_timeout(&exchange.turn)));
                let settled = line.settle(&patience);
                let said = settled
                    .and_then(|()| self.speak(&mut line, exchange, &Value::Unit, ErrorKind::HardwareError, &patience));
                if let Err(error) = said {
                    self.host
                        .log(baton_plugin_api::Level::Debug, format!("exit: {}", error.message()));
                    break;
                }
            }
        }
        line.forget(self.speaker);
    }
}
