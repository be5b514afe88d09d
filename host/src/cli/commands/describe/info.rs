//! What a host of ours says of a device beside its description and its readings.

use serde_json::{Value as Json, json};

use crate::cli::{
    client::{Client, Device, Parameter},
    commands::{
        unless_unknown,
        who::{self, text, texts},
    },
    failure::Failure,
    format::{self, brief_time, duration},
};

/// The answers to `_device` and `_who`; empty of a node that knows neither.
pub(super) struct Info {
    pub(super) device: Json,
    holders: Vec<Json>,
}

/// Limits that somebody has set.
pub(super) struct Stated {
    pub(super) range: String,
    pub(super) whose: String,
}

impl Info {
    pub(super) fn ask(client: &mut Client, device: &Device) -> Result<Info, Failure> {
        let about = unless_unknown(client.custom("_device", json!({ "device": device.name })))?;
        let holders = match about.is_some() {
            true => unless_unknown(who::holders(client))?.unwrap_or_default(),
            false => Vec::new(),
        };
        Ok(Info {
            device: about.unwrap_or_default(),
            holders,
        })
    }

    fn part(&self, pointer: &str) -> Option<&Json> {
        self.device.pointer(pointer).filter(|part| !part.is_null())
    }

    fn text(&self, pointer: &str) -> Option<&str> {
        self.part(pointer)?.as_str()
    }

    fn number(&self, pointer: &str) -> Option<f64> {
        self.part(pointer)?.as_f64()
    }

    /// Lines about the device as a whole.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let since = |pointer: &str| match self.number(pointer) {
            Some(since) => format!(" since {}", brief_time(Some(since))),
            None => String::new(),
        };
        let mut facts = Vec::new();
        if let Some(origin) = self.text("/origin") {
            facts.push(("config", origin.to_owned()));
        }
        if let Some(file) = self.text("/driver/file") {
            let hash: String = self.text("/driver/hash").unwrap_or_default().chars().take(12).collect();
            facts.push(("file", format!("{file}  sha256 {hash}")));
        }
        if let Some(controller) = self.text("/controller") {
            facts.push(("controller", controller.to_owned()));
        }
        if let Some(code) = self.number("/status/code") {
            let status = json!([code as i64, self.text("/status/text").unwrap_or_default()]);
            let status = crate::cli::readings::Status::parse(&status).label();
            facts.push(("status", format!("{status}{}", since("/status/since"))));
        }
        if let Some(state) = self.text("/connection/state") {
            let cause = self.text("/connection/cause").map(|cause| format!(": {cause}"));
            let generation = self.number("/generation").unwrap_or(0.0);
            let opened = format!(", generation {generation}");
            let fact = format!(
                "{state}{}{}{opened}",
                since("/connection/since"),
                cause.unwrap_or_default()
            );
            facts.push(("connection", fact));
        }
        if self.part("/counters").is_some() {
            let counts = ["calls", "errors", "timeouts", "reconnects"].map(|name| {
                let count = self.number(&format!("/counters/{name}")).unwrap_or(0.0);
                format!("{count} {name}")
            });
            facts.push(("counters", counts.join(", ")));
        }
        facts
    }

    /// All limits of a parameter that somebody has set: a user's first, the driver's last.
    pub(super) fn limits(&self, parameter: &Parameter) -> Vec<Stated> {
        let all = self.part("/parameters").and_then(Json::as_array).into_iter().flatten();
        let one = all.filter(|other| text(other, "name") == parameter.name);
        let stated = one.flat_map(|one| one.get("limits").and_then(Json::as_array).into_iter().flatten());
        let bound = |bound: &Json| format::text(parameter.datainfo.element(), parameter.digits, bound);
        let shown = stated.map(|stated| Stated {
            range: match (&stated["lower"], &stated["upper"]) {
                (Json::Null, upper) => format!("at most {}", bound(upper)),
                (lower, Json::Null) => format!("at least {}", bound(lower)),
                (lower, upper) => format!("{} to {}", bound(lower), bound(upper)),
            },
            whose: text(stated, "whose").to_owned(),
        });
        let mut limits: Vec<_> = shown.collect();
        limits.reverse();
        limits
    }

    /// How old a reading is by the host's own clock.
    pub(super) fn age(&self, timestamp: Option<f64>) -> String {
        match (self.number("/now"), timestamp) {
            (Some(now), Some(time)) if now - time < 10.0 => format!("{:.1} s", (now - time).max(0.0)),
            (Some(now), Some(time)) => duration(now - time),
            _ => String::new(),
        }
    }

    /// Who keeps others from a parameter, or from the device.
    pub(super) fn lock(&self, device: &Device, parameter: &Parameter) -> String {
        let path = device.path(&parameter.name);
        let covers = |row: &&Json| {
            let mut targets = texts(row, "targets").into_iter().chain(texts(row, "covers"));
            targets.any(|target| target.eq_ignore_ascii_case(&device.name) || target.eq_ignore_ascii_case(&path))
        };
        let row = self
            .holders
            .iter()
            .filter(|row| text(row, "kind") != "running")
            .find(covers);
        match row.map(|row| (text(row, "kind"), text(&row["owner"], "name"))) {
            None => String::new(),
            Some(("lock", owner)) => owner.to_owned(),
            Some((kind, _)) => kind.to_owned(),
        }
    }

    /// The messages that its driver may send: name, payload, and what it says.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let messages = self.part("/messages").and_then(Json::as_array).into_iter().flatten();
        messages.map(|message| (text(message, "name"), text(message, "payload"), text(message, "doc")))
    }
}
