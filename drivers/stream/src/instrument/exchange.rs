//! Exchanges: what is printed, said, and understood, in which order.

use std::{collections::BTreeMap, sync::Arc};

use baton_plugin_api::{Error, ErrorKind, Result, Value};

use super::Instrument;
use crate::{
    line::{Line, Patience, Question},
    script::{ErrorQuery, Exchange, Source},
    template::{Given, Mismatch, Scanned},
    text::show,
};

/// Most errors that are fetched after one write: an instrument that has more never says that it has none.
const MOST_ERRORS: usize = 50;

impl Instrument {
    /// Asks, again if that may help.
    pub(super) fn question_for(&mut self, exchange: &Exchange, patience: &dyn Patience) -> Result<Scanned> {
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
    pub(super) fn order(&mut self, exchange: &Exchange, value: &Value, patience: &dyn Patience) -> Result<Scanned> {
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
    pub(super) fn ask_for_errors(
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
    pub(super) fn ready(&mut self, line: &mut Line, patience: &dyn Patience) -> Result<()> {
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

    pub(super) fn speak(
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
    pub(super) fn converse(
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

    pub(super) fn say(
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
    pub(super) fn select(&self, line: &mut Line, patience: &dyn Patience) -> Result<()> {
        self.select
            .as_ref()
            .map_or(Ok(()), |select| select.ensure(line, patience))
    }

    /// The line to send. Values of other parameters that it carries are asked for before, or are what was last written.
    pub(super) fn print(
        &mut self,
        line: &mut Line,
        exchange: &Exchange,
        own: &Value,
        patience: &dyn Patience,
    ) -> Result<Vec<u8>> {
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
    pub(super) fn fits<'e>(&self, exchange: &'e Exchange) -> impl Fn(&[u8]) -> bool + use<'e> {
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

    pub(super) fn question<'a>(
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

    pub(super) fn understand(
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
}

/// No answer, or one that does not fit.
fn is_worth_another_try(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Timeout | ErrorKind::ReadFailed)
}
