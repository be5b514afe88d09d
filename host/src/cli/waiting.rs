//! Waiting for what a request began: the resolution of a call, or, on nodes that know no calls, the end of busy.
//!
//! Ctrl-C while waiting stops the device; a second Ctrl-C gives up on that too.

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::client::{Client, Device, Pending, Reading, RemoteError, Update};
use super::failure::{Failure, Unfinished};
use super::output::Output;
use super::readings::Status;

/// How long a stopped device may take to come to rest before we say that it has not.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// How a call ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// `done`, `failed`, `cancelled`, `stopped`, `superseded`, `timeout`
    pub(crate) outcome: String,
    /// What went wrong, if anything did.
    pub(crate) error: Option<RemoteError>,
    /// The final reading or the command's result, if the host sent it along.
    pub(crate) reading: Option<Reading>,
}

/// A request on its way, with what is needed to wait for it and to stop it.
pub(crate) struct Waiting<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) device: &'a Device,
    /// What the request is about, in the user's words.
    pub(crate) path: String,
    pub(crate) deadline: Option<Instant>,
    pub(crate) output: Output,
}

impl Waiting<'_> {
    /// Waits for the reply to a `change` or `do`.
    ///
    /// A reply that says that the work goes on (`TimeoutError` of a call with a number) counts as taken.
    pub(crate) fn taken(&mut self, request: &Pending) -> Result<Reading, Failure> {
        // Our hosts answer within 8 s; a node that lets us wait for the end of a command may take as long as it likes.
        let data = match self.client.reply(request, self.deadline, &mut |_| {}) {
            Err(Failure::Remote { error, .. }) if still_running(&error).is_some() => {
                json!([null, { "_call": still_running(&error) }])
            }
            Err(failure) => return Err(self.ended_early(failure)),
            Ok(data) => data,
        };
        Ok(Reading::parse(&data))
    }

    /// Waits until what `taken` began has ended; what to do if it is not waited for to the end, `ended_early` knows.
    pub(crate) fn ended(&mut self, taken: &Reading, on_update: &mut dyn FnMut(&Update)) -> Result<Ended, Failure> {
        match &taken.call {
            Some(call) => self.resolved(call, on_update),
            None => self.rested(self.deadline, on_update),
        }
    }

    fn resolved(&mut self, call: &Json, on_update: &mut dyn FnMut(&Update)) -> Result<Ended, Failure> {
        let request = self.client.send_custom("_wait", json!({ "call": call }), &self.path)?;
        let data = self.client.reply(&request, self.deadline, on_update)?;
        let part = |name: &str| data.get(name).filter(|part| !part.is_null());
        Ok(Ended {
            outcome: part("outcome").and_then(Json::as_str).unwrap_or("done").to_owned(),
            error: part("error").map(RemoteError::parse),
            reading: part("reading").map(Reading::parse),
        })
    }

    /// Waits until the status is not busy. SECoP wants it busy before the reply, so that what is not busy now is done.
    fn rested(&mut self, deadline: Option<Instant>, on_update: &mut dyn FnMut(&Update)) -> Result<Ended, Failure> {
        let on = self.device.on("status");
        let status = loop {
            let status = self.client.latest(&on).map(Status::of);
            match status.filter(Status::is_busy) {
                None => break self.client.latest(&on).map(Status::of),
                Some(_) => self.client.next(deadline)?.iter().for_each(&mut *on_update),
            }
        };
        let failed = status.filter(|status| status.word() == "error");
        Ok(Ended {
            outcome: if failed.is_some() { "failed" } else { "done" }.to_owned(),
            error: failed.map(|status| match status.text.is_empty() {
                true => remote("HardwareError", "the device is in an error state"),
                false => remote("HardwareError", &status.text),
            }),
            reading: None,
        })
    }

    /// What becomes of a wait that did not see the end: Ctrl-C stops the device, a deadline lets it go on.
    pub(crate) fn ended_early(&mut self, failure: Failure) -> Failure {
        match failure {
            Failure::Interrupted(_) => self.stop(),
            Failure::Timeout(_) => Failure::Timeout(format!(
                "{}: not done in time; it goes on, stop it with: baton stop {}",
                self.path, self.device.name
            )),
            Failure::Gone { address, cause } => Failure::Gone {
                cause: format!("{cause}; {} may still be on its way", self.path),
                address,
            },
            other => other,
        }
    }

    fn stop(&mut self) -> Failure {
        let name = &self.device.name;
        if !self.device.has_stop() {
            return Failure::Interrupted(format!("interrupted; {name} cannot be stopped and goes on"));
        }
        self.output.note(&format!("stopping {name}"));
        match self.stop_and_rest() {
            Ok(Some(place)) => Failure::Interrupted(format!("interrupted; {name} stopped at {place}")),
            Ok(None) => Failure::Interrupted(format!("interrupted; {name} stopped")),
            Err(Failure::Interrupted(_)) => Failure::Interrupted(format!(
                "interrupted again; {name} was told to stop, but has not said that it did"
            )),
            Err(Failure::Timeout(_)) => Failure::Interrupted(format!(
                "interrupted; {name} was told to stop, but is still busy after {} s",
                STOP_TIMEOUT.as_secs()
            )),
            Err(failure) => {
                self.output.error(&format!("{name} may still be on its way: {failure}"));
                Failure::Interrupted(format!("interrupted; {name} was told to stop"))
            }
        }
    }

    /// Stops the device and returns where it came to rest.
    fn stop_and_rest(&mut self) -> Result<Option<String>, Failure> {
        let deadline = Some(Instant::now() + STOP_TIMEOUT);
        let request = self
            .client
            .send("do", &self.device.on("stop"), Json::Null, &self.device.name)?;
        self.client.reply(&request, deadline, &mut |_| {})?;
        self.rested(deadline, &mut |_| {})?;
        let Some(main) = self.device.main() else {
            return Ok(None);
        };
        let request = self
            .client
            .send("read", &self.device.on(&main.wire), Json::Null, &self.device.name)?;
        let reading = Reading::parse(&self.client.reply(&request, deadline, &mut |_| {})?);
        Ok(Some(super::readings::with_unit(main, &reading.value)))
    }
}

impl Ended {
    /// The error of a call that did not end as it should, with `reading` for programs.
    pub(crate) fn into_result(self, path: &str, reading: Option<Json>) -> Result<Ended, Failure> {
        if self.outcome == "done" {
            return Ok(self);
        }
        let error = self.error.unwrap_or_else(|| match self.outcome.as_str() {
            "timeout" => remote("TimeoutError", "not done in time"),
            outcome => remote("Impossible", outcome),
        });
        Err(Failure::Unfinished(Box::new(Unfinished {
            path: path.to_owned(),
            outcome: self.outcome,
            error,
            reading,
        })))
    }
}

/// The number of the call, where an error says no more than that it takes longer than a reply may.
fn still_running(error: &RemoteError) -> Option<&Json> {
    (error.class == "TimeoutError")
        .then(|| error.detail.get("_call"))
        .flatten()
}

fn remote(class: &str, text: &str) -> RemoteError {
    RemoteError {
        class: class.to_owned(),
        text: text.to_owned(),
        detail: Json::Null,
    }
}
