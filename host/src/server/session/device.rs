//! `_device`: what the host knows of one device beside its description and its readings.

use serde_json::{Value as Json, json};

use super::{
    super::{
        reply::{Line, Report},
        request::Request,
    },
    Session,
};
use crate::{
    config::Whose,
    device::{Connection, Device, Parameter},
    plugin::State,
};

impl Session {
    /// `_device TOKEN {"device": "stage"}`.
    pub(super) fn device(&mut self, request: Request<'_>) {
        match self.named_device(request) {
            Ok(device) => {
                let data = self.about(&device).to_string();
                self.answer(request, Line::new("_device_is", request.specifier, &data));
            }
            Err(report) => self.fail(request, report),
        }
    }

    fn named_device(&self, request: Request<'_>) -> Result<std::sync::Arc<Device>, Report> {
        let json = request.json()?;
        let name = json.get("device").and_then(Json::as_str);
        let name = name.ok_or_else(|| Report::protocol("which device? expected {\"device\": NAME}"))?;
        Ok(std::sync::Arc::clone(self.shared.lab.device(name)?))
    }

    fn about(&self, device: &Device) -> Json {
        let config = device.config();
        let (status, since) = device.status();
        let counters = device.counters();
        let rows = self.shared.lab.drivers().rows();
        let driver = rows
            .iter()
            .find(|row| row.state == State::Ok && row.name.as_deref() == Some(config.driver.as_str()));
        json!({
            "device": &**device.name(),
            "now": self.now().as_seconds(),
            "origin": config.origin.to_string(),
            "driver": driver.map(|row| json!({
                "name": row.name, "version": row.version, "file": row.file, "hash": row.hash,
            })),
            "type": config.device_type,
            "controller": config.controller,
            "generation": counters.opened,
            "status": { "code": status.code.number(), "text": status.text, "since": since.as_seconds() },
            "connection": connection(device),
            "counters": {
                "calls": counters.calls, "errors": counters.errors, "timeouts": counters.timeouts,
                "reconnects": counters.opened.saturating_sub(1),
            },
            "on_exit": config.on_exit,
            "parameters": device.parameters().iter().map(parameter).collect::<Vec<_>>(),
            "messages": config.table.messages.iter().map(|message| json!({
                "name": message.name, "doc": message.doc, "payload": message.payload.noun(),
            })).collect::<Vec<_>>(),
        })
    }
}

fn connection(device: &Device) -> Json {
    match device.connection() {
        Connection::Opening => json!({ "state": "opening" }),
        Connection::Up { since } => json!({ "state": "up", "since": since.as_seconds() }),
        Connection::Down { since, cause } => json!({ "state": "down", "since": since.as_seconds(), "cause": cause }),
    }
}

/// Who has set which limits, and what else the description does not say.
fn parameter(parameter: &Parameter) -> Json {
    let frame = parameter.frame();
    let limits = parameter.stated_limits().into_iter().map(|stated| {
        let (lower, upper) = match stated.is_dial {
            true => frame.range_to_user((stated.lower, stated.upper)),
            false => (stated.lower, stated.upper),
        };
        let whose = match stated.whose {
            Whose::Driver => "driver".to_owned(),
            Whose::Config(origin) => origin.to_string(),
            Whose::User(who) => format!("user {who}"),
        };
        let finite = |bound: f64| bound.is_finite().then_some(bound);
        json!({ "lower": finite(lower), "upper": finite(upper), "whose": whose })
    });
    json!({ "name": &**parameter.name(), "limits": limits.collect::<Vec<_>>() })
}
