//! The device: exchanges of a script, over a line.

use baton_plugin_api::{Context, Error, ErrorKind, Result, Shared, Status, Time, Value};

use crate::{
    line::{Line, Patience, Question, Speaker, Uncancelled},
    manner::Turn,
    script::{Exchange, Parameter, Script, StatusQuery},
    text::{show, show_value},
};

/// An instrument on a line.
pub struct Instrument {
    line: Shared<Line>,
    /// Which of those on the line.
    speaker: Speaker,
    script: Script,
    /// The connection on which what the file has under `init` was said.
    introduced: Option<u64>,
    /// When the main parameter was written, until the instrument has been seen busy with it.
    started: Option<Time>,
}

impl Instrument {
    /// Introduces itself on a line that is connected.
    pub(crate) fn open(line: Shared<Line>, speaker: Speaker, script: Script, patience: &dyn Patience) -> Result<Self> {
        let mut instrument = Instrument {
            line,
            speaker,
            script,
            introduced: None,
            started: None,
        };
        let line = instrument.line.clone();
        instrument.ready(&mut line.lock(), patience)?;
        Ok(instrument)
    }

    /// Reads a parameter.
    pub(crate) fn read(&mut self, read: &Exchange, cx: &Context<'_>) -> Result<Value> {
        let value = self.exchange(read, &Value::Unit, ErrorKind::ReadFailed, cx)?;
        value.ok_or_else(|| Error::new(ErrorKind::InternalError, "the file has no value in what it expects"))
    }

    /// Writes a parameter; an instrument that repeats the value has to repeat this one.
    pub(crate) fn write(&mut self, write: &Write, value: &Value, cx: &Context<'_>) -> Result<()> {
        match self.exchange(&write.exchange, value, ErrorKind::HardwareError, cx)? {
            Some(taken) if !write.is_same(value, &taken) => {
                let (asked, taken) = (show_value(value), show_value(&taken));
                Err(Error::hardware(format!(
                    "the instrument took {taken} instead of {asked}"
                )))
            }
            _ => {
                if write.starts {
                    self.started = Some(cx.now());
                }
                Ok(())
            }
        }
    }

    /// Runs a command.
    pub(crate) fn run(&mut self, command: &Exchange, cx: &Context<'_>) -> Result<()> {
        self.exchange(command, &Value::Unit, ErrorKind::HardwareError, cx)?;
        Ok(())
    }

    /// Asks for the status. What was just started counts as busy until the instrument says so itself, or until it has
    /// had the time to.
    pub(crate) fn status(&mut self, query: &StatusQuery, cx: &Context<'_>) -> Result<Status> {
        let status = query.status(&self.read(&query.read, cx)?);
        let Some(started) = self.started else { return Ok(status) };
        let has_settled = cx.now().since(started) >= query.settle;
        if has_settled || status.is_busy() || status.is_error() {
            self.started = None;
            return Ok(status);
        }
        Ok(Status::busy("starting"))
    }

    /// Stops the instrument. Nothing comes before it on the line, and a cancelled call does not keep it.
    pub(crate) fn stop(&mut self, stop: &Exchange, cx: &Context<'_>) -> Result<()> {
        self.started = None;
        let text = self.print(stop, &Value::Unit)?;
        let fits = self.fits(stop);
        let question = self.question(stop, &text, &fits, ErrorKind::HardwareError);
        let (line, patience) = (self.line.clone(), Uncancelled::within(cx.remaining()));
        let mut line = line.lock();
        match line.interrupt(&question, stop.expect.is_some(), &patience)? {
            Some(reply) => self.understand(&mut line, stop, &question, &reply).map(drop),
            None => Ok(()),
        }
    }

    fn exchange(
        &mut self,
        exchange: &Exchange,
        value: &Value,
        kind: ErrorKind,
        patience: &dyn Patience,
    ) -> Result<Option<Value>> {
        let line = self.line.clone();
        let mut line = line.lock();
        let mut retries = self.script.manner.retries;
        loop {
            self.ready(&mut line, patience)?;
            match self.speak(&mut line, exchange, value, kind, patience) {
                Err(error) if retries > 0 && is_worth_another_try(&error, kind) => retries -= 1,
                outcome => return outcome,
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
            for index in 0..self.script.init.len() {
                let exchange = self.script.init[index].clone();
                self.speak(line, &exchange, &Value::Unit, ErrorKind::HardwareError, patience)
                    .map_err(|error| error.context("init"))?;
            }
            self.introduced = Some(line.connections());
        }
        Ok(())
    }

    fn speak(
        &self,
        line: &mut Line,
        exchange: &Exchange,
        value: &Value,
        kind: ErrorKind,
        patience: &dyn Patience,
    ) -> Result<Option<Value>> {
        let text = self.print(exchange, value)?;
        let fits = self.fits(exchange);
        let question = self.question(exchange, &text, &fits, kind);
        if exchange.expect.is_none() {
            line.tell(&question, patience)?;
            return Ok(None);
        }
        let reply = line.ask(&question, patience)?;
        self.understand(line, exchange, &question, &reply)
    }

    fn print(&self, exchange: &Exchange, value: &Value) -> Result<Vec<u8>> {
        let terminator = &self.script.manner.send_terminator;
        exchange.send.print(value, self.script.encoding, terminator)
    }

    fn fits(&self, exchange: &Exchange) -> impl Fn(&[u8]) -> bool {
        let encoding = self.script.encoding;
        let expect = exchange.expect.as_ref();
        move |reply: &[u8]| expect.is_some_and(|expect| expect.scan(reply, encoding).is_ok())
    }

    fn question<'a>(
        &'a self,
        _exchange: &'a Exchange,
        text: &'a [u8],
        fits: &'a dyn Fn(&[u8]) -> bool,
        kind: ErrorKind,
    ) -> Question<'a> {
        Question {
            of: self.speaker,
            text,
            manner: &self.script.manner,
            turn: &Turn::NONE,
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
    ) -> Result<Option<Value>> {
        let Some(expect) = &exchange.expect else {
            return Ok(None);
        };
        expect.scan(reply, self.script.encoding).map_err(|mismatch| {
            line.distrust(question);
            let text = format!("sent {}, {}", show(question.text), mismatch.explain(expect, reply));
            Error::new(question.kind, text)
        })
    }
}

/// No answer, or one that does not fit.
fn is_worth_another_try(error: &Error, kind: ErrorKind) -> bool {
    error.kind() == ErrorKind::Timeout || error.kind() == kind
}

/// How a parameter is written.
pub(crate) struct Write {
    exchange: Exchange,
    /// By how much a number that the instrument repeats may differ from the one it was sent; if that is not said, one
    /// part in a million.
    within: Option<f64>,
    /// Whether writing it starts something that the status tells of.
    starts: bool,
}

impl Write {
    /// The write of a parameter, if it can be written; `starts` for the main one.
    pub(crate) fn of(parameter: &Parameter, starts: bool) -> Option<Self> {
        let exchange = parameter.write.clone()?;
        let within = parameter.tolerance;
        Some(Write {
            exchange,
            within,
            starts,
        })
    }

    fn is_same(&self, sent: &Value, taken: &Value) -> bool {
        match (sent.as_f64(), taken.as_f64()) {
            (Some(sent), Some(taken)) => {
                // The difference of two floats that lie as far apart as they may is sometimes a little more than that.
                let within = self.within.map_or(1e-6 * sent.abs(), |within| within * 1.000_001);
                (sent - taken).abs() <= within + 1e-12 * sent.abs()
            }
            _ => sent == taken,
        }
    }
}
