//! The device: exchanges of a script, over a line.

mod write;

use std::{collections::BTreeMap, sync::Arc};

use baton_plugin_api::{Context, Error, ErrorKind, Host, Result, Shared, Status, Time, Value};

pub(crate) use write::Write;

use crate::{
    line::{Line, Patience, Question, Speaker, Uncancelled},
    script::{Command, ErrorQuery, Exchange, Script, Source, StatusQuery},
    select::Select,
    template::{Given, Mismatch, Scanned},
    text::show,
};

/// Most errors that are fetched after one write: an instrument that has more never says that it has none.
const MOST_ERRORS: usize = 50;

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

    /// Asks, again if that may help.
    fn question_for(&mut self, exchange: &Exchange, patience: &dyn Patience) -> Result<Scanned> {
        let line = self.line.clone();
        let mut line = line.lock();
        let mut retries = self.script.manner.retries;
        loop {
            self.ready(&mut line, patience)?;
            match self.speak(&mut line, exchange, &Value::Unit, ErrorKind::ReadFailed, patience) {
                Err(error) if retries > 0 && is_worth_another_try(&error) => retries -= 1,
                outcome => return outcome,
            }
        }
    }

    /// Sends something that the instrument is to do, once, and asks it then whether it did.
    fn order(&mut self, exchange: &Exchange, value: &Value, patience: &dyn Patience) -> Result<Scanned> {
        let line = self.line.clone();
        let mut line = line.lock();
        self.ready(&mut line, patience)?;
        let text = self.print(&mut line, exchange, value, patience)?;
        let outcome = self.converse(&mut line, exchange, &text, ErrorKind::HardwareError, patience)?;
        let script = Arc::clone(&self.script);
        if let Some(query) = &script.error_query {
            self.ask_for_errors(&mut line, query, &text, patience)?;
        }
        Ok(outcome)
    }

    /// Empties the error queue of the instrument, and returns the first error that was in it.
    fn ask_for_errors(
        &mut self,
        line: &mut Line,
        query: &ErrorQuery,
        sent: &[u8],
        patience: &dyn Patience,
    ) -> Result<()> {
        let mut first: Option<Error> = None;
        let mut more = 0;
        for _ in 0..MOST_ERRORS {
            line.settle(patience)?;
            let answer = self.speak(line, &query.exchange, &Value::Unit, ErrorKind::HardwareError, patience);
            let answer = answer.map_err(|error| error.context("error query"))?;
            match (query.find(sent, &answer), &first) {
                (None, _) => break,
                (Some(error), None) => first = Some(error),
                (Some(_), Some(_)) => more += 1,
            }
        }
        match first {
            None => Ok(()),
            Some(error) if more == 0 => Err(error),
            Some(error) => {
                let message = format!("{} (and {more} more)", error.message());
                Err(Error::new(error.kind(), message).with_detail(error.detail().clone()))
            }
        }
    }

    /// Sees to it that the next reply is the one to the next question, and that the instrument was introduced to.
    fn ready(&mut self, line: &mut Line, patience: &dyn Patience) -> Result<()> {
        line.settle(patience)?;
        if line.take_lost(self.speaker) {
            // It may have been switched off meanwhile.
            self.introduced = None;
        }
        if self.introduced != Some(line.connections()) {
            self.introduced = None;
            let script = Arc::clone(&self.script);
            for exchange in &script.init {
                self.speak(line, exchange, &Value::Unit, ErrorKind::HardwareError, patience)
                    .map_err(|error| error.context("init"))?;
            }
            self.introduced = Some(line.connections());
        }
        Ok(())
    }

    fn speak(
        &mut self,
        line: &mut Line,
        exchange: &Exchange,
        value: &Value,
        kind: ErrorKind,
        patience: &dyn Patience,
    ) -> Result<Scanned> {
        let text = self.print(line, exchange, value, patience)?;
        self.converse(line, exchange, &text, kind, patience)
    }

    /// An exchange whose line is printed already, with what comes before and after it.
    fn converse(
        &mut self,
        line: &mut Line,
        exchange: &Exchange,
        text: &[u8],
        kind: ErrorKind,
        patience: &dyn Patience,
    ) -> Result<Scanned> {
        let mut others = Vec::new();
        for step in &exchange.first {
            others.extend(self.speak(line, step, &Value::Unit, kind, patience)?.others);
        }
        let mut scanned = self.say(line, exchange, text, kind, patience)?;
        for step in &exchange.then {
            others.extend(self.speak(line, step, &Value::Unit, kind, patience)?.others);
        }
        scanned.others.extend(others);
        Ok(scanned)
    }

    fn say(
        &mut self,
        line: &mut Line,
        exchange: &Exchange,
        text: &[u8],
        kind: ErrorKind,
        patience: &dyn Patience,
    ) -> Result<Scanned> {
        let fits = self.fits(exchange);
        let question = self.question(exchange, text, &fits, kind);
        self.select(line, patience)?;
        if exchange.expect.is_none() {
            line.tell(&question, patience)?;
            return Ok(Scanned::default());
        }
        let reply = line.ask(&question, patience)?;
        self.understand(line, exchange, &question, &reply)
    }

    /// Sees to it that this instrument hears what comes next.
    fn select(&self, line: &mut Line, patience: &dyn Patience) -> Result<()> {
        self.select
            .as_ref()
            .map_or(Ok(()), |select| select.ensure(line, patience))
    }

    /// The line to send. Values of other parameters that it carries are asked for before, or are what was last written.
    fn print(&mut self, line: &mut Line, exchange: &Exchange, own: &Value, patience: &dyn Patience) -> Result<Vec<u8>> {
        let script = Arc::clone(&self.script);
        let mut others = BTreeMap::new();
        for name in exchange.send.others() {
            if others.contains_key(name) {
                continue;
            }
            let source = script.parameter(name).and_then(|parameter| parameter.read.as_ref());
            let value = match source {
                Some(Source::Asked { exchange, own }) => {
                    let scanned = self.speak(line, exchange, &Value::Unit, ErrorKind::ReadFailed, patience);
                    let scanned = scanned.map_err(|error| error.context(name))?;
                    let value = if *own {
                        scanned.own.clone()
                    } else {
                        scanned.other(name).cloned()
                    };
                    line.settle(patience)?;
                    value
                }
                _ => self.known.get(name).cloned(),
            };
            let unknown = || Error::impossible(format!("`{name}`, which belongs to it, is not known: write it first"));
            others.insert(name.to_owned(), value.ok_or_else(unknown)?);
        }
        exchange.send.print(Given { own, others: &others })
    }

    /// Whether a reply can be the one to this exchange: an answer, or an error.
    fn fits<'e>(&self, exchange: &'e Exchange) -> impl Fn(&[u8]) -> bool + use<'e> {
        let script = Arc::clone(&self.script);
        move |reply: &[u8]| {
            let is_answer = exchange
                .expect
                .as_ref()
                .is_some_and(|expect| expect.scan(reply).is_ok());
            let mut troubles = exchange.errors.iter().chain(&script.errors);
            is_answer || troubles.any(|trouble| trouble.format.scan(reply).is_ok())
        }
    }

    fn question<'a>(
        &'a self,
        exchange: &'a Exchange,
        text: &'a [u8],
        fits: &'a dyn Fn(&[u8]) -> bool,
        kind: ErrorKind,
    ) -> Question<'a> {
        Question {
            of: self.speaker,
            text,
            manner: &self.script.manner,
            turn: &exchange.turn,
            fits,
            kind,
        }
    }

    fn understand(
        &self,
        line: &mut Line,
        exchange: &Exchange,
        question: &Question<'_>,
        reply: &[u8],
    ) -> Result<Scanned> {
        let Some(expect) = &exchange.expect else {
            return Ok(Scanned::default());
        };
        // What is to come letter by letter is no error; everything else may look like an answer and be one.
        if !(expect.is_literal() && expect.scan(reply).is_ok()) {
            let mut troubles = exchange.errors.iter().chain(&self.script.errors);
            if let Some(error) = troubles.find_map(|trouble| trouble.find(question.text, reply)) {
                return Err(error);
            }
        }
        let spread = |mut scanned: Scanned| {
            exchange.spread(&mut scanned).map_err(Mismatch::of_value)?;
            Ok(scanned)
        };
        expect.scan(reply).and_then(spread).map_err(|mismatch| {
            line.distrust(question);
            let text = format!("sent {}, {}", show(question.text), mismatch.explain(expect, reply));
            let detail = serde_json::json!({
                "sent": show(question.text), "expected": expect.text, "got": show(reply), "at": mismatch.at,
            });
            Error::new(question.kind, text).with_detail(detail)
        })
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

/// No answer, or one that does not fit.
fn is_worth_another_try(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::ReadFailed)
}
