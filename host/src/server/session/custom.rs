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
};
use crate::{arbiter::RowKind, plugin::State};

/// How long `_stop_all` waits for the drivers: their own limit is 2 s (S1).
const STOP_WITHIN: Duration = Duration::from_millis(2500);

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
                record.call.cancel();
                let data = json!({ "call": record.call.id() }).to_string();
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
            Line::new("_stopped", &token, &json!({ "devices": devices }).to_string()).into()
        });
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
