//! Requests that only hosts of ours know. Their specifier is a token of the client, which is echoed.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value as Json, json};
use tokio::time::timeout_at;

use super::{
    super::{
        reply::{Line, Report},
        request::Request,
    },
    Session,
    calls::Record,
    settings,
    waiting::seconds,
};
use crate::{arbiter::RowKind, executor::Cancelling, plugin::State};

/// How long stops wait for the drivers: their own limit is 2 s (S1).
pub(super) const STOP_WITHIN: Duration = Duration::from_millis(2500);

impl Session {
    /// `_wait TOKEN {"call": 7}`: answered when the call resolves, however long that takes.
    pub(super) fn wait_for_call(&mut self, request: Request<'_>) {
        let record = match self.named_call(request) {
            Ok(record) => record,
            Err(report) => return self.fail(request, report),
        };
        let (lab, token) = (self.shared.lab.clone(), request.specifier.to_owned());
        self.answer_later(request, async move {
            let outcome = record.call.clone().await;
            Line::new("_resolved", &token, &record.resolved(&lab, outcome)).into()
        });
    }

    /// `_cancel TOKEN {"call": 7}`: stops what the call moves.
    pub(super) fn cancel_call(&mut self, request: Request<'_>) {
        match self.named_call(request) {
            Ok(record) => {
                let came_to = record.call.cancel();
                let text = match &came_to {
                    Cancelling::CannotInterrupt(text) => Some(text.as_str()),
                    _ => None,
                };
                let data = json!({ "call": record.call.id(), "how": came_to.word(), "text": text }).to_string();
                self.answer(request, Line::new("_cancelled", request.specifier, &data));
            }
            Err(report) => self.fail(request, report),
        }
    }

    /// The call that a request names; it must be one of this connection.
    fn named_call(&self, request: Request<'_>) -> Result<Record, Report> {
        let json = request.json()?;
        let id = json.get("call").and_then(Json::as_u64);
        let id = id.ok_or_else(|| Report::protocol("which call? expected {\"call\": NUMBER}"))?;
        let record = self.calls.get(id).cloned();
        record.ok_or_else(|| Report::new("Impossible", format!("this connection has not begun a call {id}")))
    }

    /// `_stop_all TOKEN`: stops every device at once and says how each one went (S2).
    pub(super) fn stop_all(&mut self, request: Request<'_>) {
        let calls = self.owner.begin_stop_all();
        let (owner, token) = (self.owner.clone(), request.specifier.to_owned());
        let deadline = Instant::now() + STOP_WITHIN;
        self.answer_later(request, async move {
            let mut devices = Vec::with_capacity(calls.len());
            for (device, call) in calls {
                let outcome = timeout_at(deadline.into(), call.clone()).await.ok();
                devices.push(owner.stop_report(&device, &call, outcome));
            }
            owner.tell_stopped(&devices);
            Line::new("_stopped", &token, &json!({ "devices": devices }).to_string()).into()
        });
    }

    /// `_stop TOKEN {"device": "slit"}`: stops a device and all that it reaches, each by itself; kills what does not answer
    /// and can be killed.
    pub(super) fn stop_hard(&mut self, request: Request<'_>) {
        let begun = settings::object(request)
            .and_then(|json| settings::text(&json, "device"))
            .and_then(|device| Ok(self.owner.begin_hard_stop(&device)?));
        let calls = match begun {
            Ok(calls) => calls,
            Err(report) => return self.fail(request, report),
        };
        let (owner, token) = (self.owner.clone(), request.specifier.to_owned());
        let deadline = Instant::now() + STOP_WITHIN;
        self.answer_later(request, async move {
            let mut devices = Vec::with_capacity(calls.len());
            for (device, call) in calls {
                let outcome = timeout_at(deadline.into(), call.clone()).await.ok();
                let mut report = owner.stop_report(&device, &call, outcome);
                if report.outcome == "no answer" && owner.kill_if_inside(&device) {
                    report.outcome = "killed";
                }
                devices.push(report);
            }
            Line::new("_stopped", &token, &json!({ "devices": devices }).to_string()).into()
        });
    }

    /// `_timeout TOKEN {"seconds": 2.5}`: how long each later request of this connection may take.
    pub(super) fn set_limit(&mut self, request: Request<'_>) {
        let limit = settings::object(request).and_then(|json| seconds(&json, "seconds"));
        match limit {
            Ok(limit) => {
                self.limit = limit;
                let data = json!({ "seconds": limit.map(|limit| limit.as_secs_f64()) }).to_string();
                self.answer(request, Line::new("_timeout_is", request.specifier, &data));
            }
            Err(report) => self.fail(request, report),
        }
    }

    /// `_status TOKEN`: how the host is.
    pub(super) fn status(&mut self, request: Request<'_>) {
        let shared = Arc::clone(&self.shared);
        let mut status = json!(shared.lab.status());
        let in_use = |row: &&crate::plugin::Row| row.state == State::Ok;
        status["version"] = json!(env!("CARGO_PKG_VERSION"));
        status["pid"] = json!(std::process::id());
        status["config"] = json!(shared.lab.config().path);
        status["listen"] = json!(shared.addresses);
        status["connections"] = json!(shared.places.len());
        status["locks"] = json!(shared.lab.who().iter().filter(|row| row.kind == RowKind::Lock).count());
        status["drivers"] = json!(shared.lab.drivers().rows().iter().filter(in_use).count());
        self.answer(request, Line::new("_status_is", request.specifier, &status.to_string()));
    }

    /// `_drivers TOKEN`: what became of each driver file.
    pub(super) fn drivers(&mut self, request: Request<'_>) {
        let rows = json!({ "drivers": self.shared.lab.drivers().rows() }).to_string();
        self.answer(request, Line::new("_drivers_are", request.specifier, &rows));
    }
}
