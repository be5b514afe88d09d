//! What subscribers are told of calls that act: the message `call` of their device.

use std::sync::Arc;

use baton_plugin_api::Value;
use serde_json::{Value as Json, json};

use super::{CallCore, inbox::Action};
use crate::{
    audit::shown,
    clock::Time,
    device::{Device, Reading},
    dispatcher::{Displaced, Payload},
    failure::Failure,
};

/// What a call asks for, for whoever is told that it begins.
pub(super) fn asked(device: &Device, action: &Action) -> Option<Json> {
    if !device.topics().call.is_heard() {
        return None;
    }
    Some(match action {
        Action::Write { value, .. } => shown(value),
        Action::Run { argument, .. } => shown(argument),
        _ => Json::Null,
    })
}

impl CallCore<Reading> {
    /// It was accepted. To be told under the mutex of its device, before what comes of it.
    pub(super) fn tell_begun(&self, device: &Device, asked: Option<Json>, now: Time, displaced: &mut Displaced) {
        let topic = self.news.get_or_init(|| Arc::clone(&device.topics().call));
        topic.send(displaced, || (self.news("begin", json!({ "asked": asked })), now));
    }

    /// The driver says how much of it is done. Each hundredth is told once.
    pub(super) fn tell_progress(&self, done: f64, now: Time) {
        let hundredth = |done: f64| (done * 100.0).floor();
        let before = self.progress();
        self.set_progress(done);
        if hundredth(done) != hundredth(before)
            && let Some(topic) = self.news.get()
        {
            let mut displaced = Displaced::default();
            topic.send(&mut displaced, || (self.news("progress", json!({ "done": done })), now));
        }
    }

    /// How it has ended: before anybody who waits for it knows.
    pub(super) fn tell_ended(&self, outcome: &Result<Reading, Failure>, now: Time, displaced: &mut Displaced) {
        let Some(topic) = self.news.get() else { return };
        topic.send(displaced, || {
            let elapsed = now.since(self.accepted).as_secs_f64();
            let more = match outcome {
                Ok(reading) => json!({ "outcome": "done", "value": shown_result(&reading.value), "elapsed": elapsed }),
                Err(failure) => json!({
                    "outcome": failure.outcome(),
                    "error": { "class": failure.kind().class(), "text": failure.to_string() },
                    "elapsed": elapsed,
                }),
            };
            (self.news("end", more), now)
        });
    }

    fn news(&self, event: &str, more: Json) -> Payload {
        let mut news = json!({
            "event": event,
            "call": self.id,
            "verb": self.label.verb,
            "path": self.label.path(),
            "owner": self.owner.to_json(),
        });
        if let (Json::Object(news), Json::Object(more)) = (&mut news, more) {
            news.extend(more);
        }
        Payload::record(news)
    }
}

fn shown_result(value: &Value) -> Json {
    match value {
        Value::Unit => Json::Null,
        value => shown(value),
    }
}
