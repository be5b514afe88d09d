//! The device: exchanges of a script, over a line.

use baton_plugin_api::{Context, Error, ErrorKind, Result, Status, Time, Value};

use crate::{
    line::{Line, Patience, Uncancelled},
    script::{Exchange, Parameter, Script, StatusQuery},
    text::{show, show_value},
};

/// An instrument on a line.
pub struct Instrument {
    line: Line,
    script: Script,
    /// Whether what the file has under `init` was said on this connection.
    introduced: bool,
    /// When the main parameter was written, until the instrument has been seen busy with it.
    started: Option<Time>,
}

impl Instrument {
    /// Introduces itself on a line that was just connected.
    pub(crate) fn open(line: Line, script: Script, patience: &dyn Patience) -> Result<Self> {
        let mut instrument = Instrument {
            line,
            script,
            introduced: false,
            started: None,
        };
        instrument.ready(patience)?;
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
        let encoding = self.script.encoding;
        let line = stop
            .send
            .print(&Value::Unit, encoding, &self.line.manner().send_terminator)?;
        let Some(expect) = &stop.expect else {
            return self.line.tell(&line);
        };
        let fits = |reply: &[u8]| expect.scan(reply, encoding).is_ok();
        let reply = self.line.interrupt(&line, fits, &Uncancelled::within(cx.remaining()))?;
        self.understand(stop, &line, &reply, ErrorKind::HardwareError)?;
        Ok(())
    }

    fn exchange(
        &mut self,
        exchange: &Exchange,
        value: &Value,
        kind: ErrorKind,
        patience: &dyn Patience,
    ) -> Result<Option<Value>> {
        self.ready(patience)?;
        self.speak(exchange, value, kind, patience)
    }

    /// Sees to it that the next reply is the one to the next question, and that the instrument was introduced to.
    fn ready(&mut self, patience: &dyn Patience) -> Result<()> {
        if self.line.settle(patience)? {
            self.introduced = false;
        }
        if !self.introduced {
            for index in 0..self.script.init.len() {
                let exchange = self.script.init[index].clone();
                self.speak(&exchange, &Value::Unit, ErrorKind::HardwareError, patience)
                    .map_err(|error| error.context("init"))?;
            }
            self.introduced = true;
        }
        Ok(())
    }

    fn speak(
        &mut self,
        exchange: &Exchange,
        value: &Value,
        kind: ErrorKind,
        patience: &dyn Patience,
    ) -> Result<Option<Value>> {
        let terminator = &self.line.manner().send_terminator;
        let line = exchange.send.print(value, self.script.encoding, terminator)?;
        if exchange.expect.is_none() {
            self.line.tell(&line)?;
            return Ok(None);
        }
        let reply = self.line.ask(&line, patience)?;
        self.understand(exchange, &line, &reply, kind)
    }

    fn understand(&self, exchange: &Exchange, line: &[u8], reply: &[u8], kind: ErrorKind) -> Result<Option<Value>> {
        let Some(expect) = &exchange.expect else {
            return Ok(None);
        };
        expect.scan(reply, self.script.encoding).map_err(|mismatch| {
            Error::new(
                kind,
                format!("sent {}, {}", show(line), mismatch.explain(expect, reply)),
            )
        })
    }
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
