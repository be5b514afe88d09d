//! Waiting for what a request began: the resolution of a call, or, on nodes that know no calls, the end of busy.
//!
//! Ctrl-C while waiting stops the device, and each further one does more.

mod ladder;

use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::client::{Client, Device, Pending, Reading, RemoteError, Update};
use super::failure::{Failure, Unfinished};
use super::output::Output;
use super::readings::Status;

/// So much longer than the limit that we gave it the host may take to say that it is over.
const SLACK: Duration = Duration::from_secs(15);

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
    /// The number of the call, once the host has said it.
    pub(crate) call: Option<Json>,
}

/// Lets the host end what is asked for from now on after so long, and gives the time after which we no longer wait for
/// that. A node that is no host of ours ends nothing: there it is we who stop waiting.
pub(crate) fn limit(client: &mut Client, timeout: Option<Duration>, is_ours: bool) -> Result<Option<Instant>, Failure> {
    let Some(timeout) = timeout else { return Ok(None) };
    let now = Instant::now();
    if is_ours {
        client.custom("_timeout", json!({ "seconds": timeout.as_secs_f64() }))?;
        return Ok(Some(now + timeout + SLACK));
    }
    Ok(Some(now + timeout))
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
            Err(failure) => return Err(self.ended_early(failure, Some(request))),
            Ok(data) => data,
        };
        let taken = Reading::parse(&data);
        self.call.clone_from(&taken.call);
        Ok(taken)
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
    /// `unanswered` is the request itself, if it has not been answered yet.
    pub(crate) fn ended_early(&mut self, failure: Failure, unanswered: Option<&Pending>) -> Failure {
        match failure {
            Failure::Interrupted(_) => self.interrupted(unanswered),
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
