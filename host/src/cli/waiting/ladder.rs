//! Ctrl-C while something is on its way, rung by rung. Each is said before it begins, with what the next Ctrl-C does, and
//! none takes longer than it says.
//!
//! 1. The call is cancelled and its device stopped; we wait until it is at rest.
//! 2. The device and all that it reaches are stopped, each by itself; a driver in a process of its own that does not
//!    answer is killed. We wait for what they say.
//! 3. We leave.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::Waiting;
use crate::cli::client::{Pending, Reading};
use crate::cli::failure::Failure;
use crate::cli::readings;

/// How long a stopped device may take to come to rest before we say that it has not.
const REST: Duration = Duration::from_secs(10);
/// A host of ours says the number of what moves within 200 ms.
const NUMBER: Duration = Duration::from_millis(500);
/// How long the harder stop may take; the host has an answer within 2.5 s.
const HARDER: Duration = Duration::from_secs(4);

impl Waiting<'_> {
    /// From the first Ctrl-C on.
    pub(super) fn interrupted(&mut self, unanswered: Option<&Pending>) -> Failure {
        let name = self.device.name.clone();
        if !self.device.has_stop() && !self.is_ours() {
            return Failure::Interrupted(format!("interrupted; {name} cannot be stopped and goes on"));
        }
        self.output.note(&format!(
            "stopping {name}, which may take {} s (Ctrl-C again: stop harder)",
            REST.as_secs()
        ));
        match self.orderly(unanswered) {
            Err(Failure::Interrupted(_)) => self.harder(),
            Ok(how) => Failure::Interrupted(format!("interrupted; {name} {how}")),
            Err(Failure::Timeout(_)) => Failure::Interrupted(format!(
                "interrupted; {name} was told to stop, but is still busy after {} s; {}",
                REST.as_secs(),
                last_resort(&name)
            )),
            Err(failure) => {
                self.output.error(&format!("{name} may still be on its way: {failure}"));
                Failure::Interrupted(format!("interrupted; {name} was told to stop; {}", last_resort(&name)))
            }
        }
    }

    /// Cancels the call, stops the device, and says how that ended: `stopped at 10.000 mm`.
    fn orderly(&mut self, unanswered: Option<&Pending>) -> Result<String, Failure> {
        let deadline = Some(Instant::now() + REST);
        if let Some(request) = unanswered {
            self.number_of(request)?;
        }
        self.cancel(deadline)?;
        if !self.device.has_stop() {
            return match self.call {
                Some(_) => self.cancelled(deadline),
                None => Ok("cannot be stopped and goes on".to_owned()),
            };
        }
        let request = self
            .client
            .send("do", &self.device.on("stop"), Json::Null, &self.device.name)?;
        self.client.reply(&request, deadline, &mut |_| {})?;
        self.rested(deadline, &mut |_| {})?;
        let Some(main) = self.device.main() else {
            return Ok("stopped".to_owned());
        };
        let request = self
            .client
            .send("read", &self.device.on(&main.wire), Json::Null, &self.device.name)?;
        let reading = Reading::parse(&self.client.reply(&request, deadline, &mut |_| {})?);
        let place = readings::with_unit(main, &reading.value);
        Ok(format!("stopped at {place}"))
    }

    /// Whether the host is one of ours, which know more than SECoP does.
    fn is_ours(&self) -> bool {
        self.device.driver.is_some()
    }

    /// The number of the call may just be on its way.
    fn number_of(&mut self, request: &Pending) -> Result<(), Failure> {
        if !self.is_ours() {
            return Ok(());
        }
        let deadline = Some(Instant::now() + NUMBER);
        match self.client.reply(request, deadline, &mut |_| {}) {
            Ok(data) => self.call = Reading::parse(&data).call,
            // It has failed, or takes its time: what moves is stopped all the same.
            Err(Failure::Remote { .. } | Failure::Timeout(_)) => {}
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Cancels the call, if the host has given it a number. A driver that cannot be interrupted is named at once: whoever
    /// waits has to know why nothing happens.
    fn cancel(&mut self, deadline: Option<Instant>) -> Result<(), Failure> {
        let Some(call) = &self.call else { return Ok(()) };
        let request = self
            .client
            .send_custom("_cancel", json!({ "call": call }), &self.path)?;
        match self.client.reply(&request, deadline, &mut |_| {}) {
            Ok(data) => {
                if let Some(text) = data.get("text").and_then(Json::as_str) {
                    self.output.error(text);
                }
                Ok(())
            }
            // It may have ended just now; the device is stopped all the same.
            Err(Failure::Remote { .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Waits for the end of a call that was cancelled and whose device has no stop.
    fn cancelled(&mut self, deadline: Option<Instant>) -> Result<String, Failure> {
        let request = self
            .client
            .send_custom("_wait", json!({ "call": self.call }), &self.path)?;
        let data = self.client.reply(&request, deadline, &mut |_| {})?;
        let outcome = data.get("outcome").and_then(Json::as_str).unwrap_or("ended");
        Ok(format!("cannot be stopped; {} was {outcome}", self.path))
    }

    /// From the second Ctrl-C on.
    fn harder(&mut self) -> Failure {
        let name = self.device.name.clone();
        self.output.note(&format!(
            "stopping {name} and all that it moves, each by itself, which may take {} s (Ctrl-C again: leave at once)",
            HARDER.as_secs()
        ));
        match self.stop_harder() {
            Ok(true) => Failure::Interrupted(format!("interrupted twice; {name} stopped")),
            Ok(false) => Failure::Interrupted(format!(
                "interrupted twice; {name} may still be on its way; {}",
                last_resort(&name)
            )),
            Err(Failure::Interrupted(_)) => Failure::Interrupted(format!(
                "left at once; {name} was told to stop, and nobody knows whether it did; {}",
                last_resort(&name)
            )),
            Err(failure) => {
                self.output.error(&format!("{name} may still be on its way: {failure}"));
                Failure::Interrupted(format!("interrupted twice; {}", last_resort(&name)))
            }
        }
    }

    /// `true` if all of it has stopped.
    fn stop_harder(&mut self) -> Result<bool, Failure> {
        let deadline = Some(Instant::now() + HARDER);
        if !self.is_ours() {
            let request = self
                .client
                .send("do", &self.device.on("stop"), Json::Null, &self.device.name)?;
            self.client.reply(&request, deadline, &mut |_| {})?;
            return Ok(true);
        }
        let request = self
            .client
            .send_custom("_stop", json!({ "device": self.device.name }), &self.device.name)?;
        let data = self.client.reply(&request, deadline, &mut |_| {})?;
        let mut stopped = true;
        for row in data.get("devices").and_then(Json::as_array).into_iter().flatten() {
            let text = |key: &str| row.get(key).and_then(Json::as_str).unwrap_or_default();
            let (device, outcome, error) = (text("device"), text("outcome"), text("error"));
            if matches!(outcome, "stopped" | "nothing to stop") {
                self.output.note(&format!("  {device}: {outcome}"));
            } else {
                stopped = false;
                self.output
                    .error(format!("{device}: {outcome}: {error}").trim_end_matches(": "));
            }
        }
        Ok(stopped)
    }
}

fn last_resort(device: &str) -> String {
    format!("look with: baton list; if its driver hangs: baton reopen --abandon {device}")
}
