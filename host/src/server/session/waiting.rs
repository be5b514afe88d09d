//! `_wait_for`: the host tells a client when a value is what it waits for, so that no client has to ask again and again.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Datatype, Value};
use serde_json::{Map, Value as Json, json};

use super::{
    super::{
        reply::{self, Line, Report},
        request::Request,
        value,
    },
    Outbound, Session,
    calls::{About, Record},
};
use crate::{
    condition::{Condition, Relation},
    device::{Parameter, Wait},
    executor::Call,
    lab::Lab,
    units::Unit,
};

/// A client that wants to know how it goes is told at most so often.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What a request of this kind may say.
const KEYS: [&str; 8] = [
    "path",
    "value",
    "is",
    "within",
    "for",
    "timeout",
    "fail_on_error",
    "progress",
];

impl Session {
    /// `_wait_for TOKEN {"path":"oven.temperature","value":"80 degC","within":"0.5 K","for":"30 s"}`: answered when it is
    /// so.
    pub(super) fn wait_for_value(&mut self, request: Request<'_>) {
        let (waiting, tells) = match self.begin_wait(request) {
            Ok(begun) => begun,
            Err(report) => return self.fail(request, report),
        };
        self.calls.insert(waiting.record.clone());
        let queue = Arc::clone(&self.queue);
        self.answer_later(request, async move {
            let line = match tells {
                true => waiting.tell_until_over(&queue).await,
                false => waiting.over().await,
            };
            line.into()
        });
    }

    fn begin_wait(&mut self, request: Request<'_>) -> Result<(Waiting, bool), Report> {
        let json = request.json()?;
        let Json::Object(wanted) = &json else {
            return Err(Report::protocol(
                "what is waited for? expected {\"path\": …, \"value\": …}",
            ));
        };
        if let Some(key) = wanted.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let text = format!("`_wait_for` knows no `{key}`; it knows {}", KEYS.join(", "));
            return Err(Report::protocol(text));
        }
        let path = wanted.get("path").and_then(Json::as_str);
        let path = path.ok_or_else(|| Report::protocol("the path is missing"))?;
        let (name, member) = crate::device::split_path(path);
        let device = Arc::clone(self.shared.lab.device(name)?);
        let parameter = match member.eq_ignore_ascii_case("status") {
            true => None,
            false => Some(device.parameter(member)?),
        };
        let condition = condition(wanted, path, parameter)?;
        let about = parameter.map_or(About::Status, |parameter| About::Parameter(parameter.index()));
        let (call, wait) = self.owner.watch_for(path, condition)?;
        let waiting = Waiting {
            lab: self.shared.lab.clone(),
            token: request.specifier.to_owned(),
            wait,
            record: Record { call, device, about },
        };
        Ok((waiting, wanted.get("progress") == Some(&Json::Bool(true))))
    }
}

/// What a request asks for.
fn condition(wanted: &Map<String, Json>, path: &str, parameter: Option<&Parameter>) -> Result<Condition, Report> {
    let value = wanted
        .get("value")
        .ok_or_else(|| Report::protocol("the value is missing"))?;
    let datatype = parameter.map_or(&Datatype::Text { max_chars: None }, |parameter| {
        &parameter.description().datatype
    });
    let value =
        value::parse(value.clone(), datatype).map_err(|why| Report::new("WrongType", format!("{path}: {why}")))?;
    let sign = match wanted.get("is") {
        None => "=",
        Some(sign) => sign.as_str().unwrap_or_default(),
    };
    let condition = match (Relation::split(sign), wanted.get("within")) {
        ((relation, rest), _) if !rest.is_empty() || relation.is_none() && !matches!(sign, "=" | "==") => {
            let text = format!("`{sign}` is none of =, !=, >=, <=, >, <");
            return Err(Report::protocol(text));
        }
        ((None, _), None) => Condition::is(value),
        ((None, _), Some(within)) => Condition::near(value, difference(within)?),
        ((Some(relation), _), None) => Condition::compare(relation, value),
        ((Some(_), _), Some(_)) => return Err(Report::protocol("`within` belongs to `=`")),
    };
    let condition = match seconds(wanted, "for")? {
        Some(hold) => condition.held_for(hold),
        None => condition,
    };
    let condition = match seconds(wanted, "timeout")? {
        Some(timeout) => condition.timeout(timeout),
        None => condition,
    };
    Ok(match wanted.get("fail_on_error") {
        Some(Json::Bool(true)) => condition.failing_on_errors(),
        _ => condition,
    })
}

/// A number in the parameter's unit, or a text with a unit.
fn difference(json: &Json) -> Result<Value, Report> {
    match json {
        Json::String(text) => Ok(Value::Text(text.clone())),
        json => json
            .as_f64()
            .map(Value::Float)
            .ok_or_else(|| Report::new("WrongType", "`within` is a number, or a text with a unit")),
    }
}

/// Seconds as a number, or a text with a unit.
pub(super) fn seconds(wanted: &Map<String, Json>, key: &str) -> Result<Option<Duration>, Report> {
    let number = match wanted.get(key) {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => Unit::parse("s").quantity(text).ok(),
        Some(json) => json.as_f64(),
    };
    let duration = number.and_then(|number| Duration::try_from_secs_f64(number).ok());
    let wrong = || {
        Report::new(
            "WrongType",
            format!("`{key}` is a time: seconds, or a text such as \"30 s\""),
        )
    };
    duration.map(Some).ok_or_else(wrong)
}

/// A wait of a client's.
struct Waiting {
    lab: Lab,
    token: String,
    wait: Arc<Wait>,
    record: Record,
}

impl Waiting {
    fn call(&self) -> Call {
        self.record.call.clone()
    }

    /// The reply, once it is over.
    async fn over(self) -> Line {
        match self.call().await {
            Ok(reading) => {
                let mut shown = String::new();
                reply::push_reading(&mut shown, &reading, self.record.datatype(), None);
                let held = self.held();
                let elapsed = self.record.call.elapsed().unwrap_or_default().as_secs_f64();
                let path = json!(self.wait.path());
                let data = format!(r#"{{"path":{path},"reading":{shown},"held":{held:?},"elapsed":{elapsed:?}}}"#);
                Line::new("_reached", &self.token, &data)
            }
            Err(failure) => Line::error("_wait_for", &self.token, &failure.into()),
        }
    }

    /// Tells how it goes, whenever there is news, until it is over.
    async fn tell_until_over(self, queue: &Outbound) -> Line {
        let mut told = String::new();
        let mut ticks = tokio::time::interval(TELL_EVERY);
        let mut call = self.call();
        loop {
            tokio::select! {
                biased;
                _ = &mut call => return self.over().await,
                _ = ticks.tick() => {}
            }
            let news = self.progress();
            if news != told {
                let line = Line::new("_waiting", &self.token, &news);
                let bytes = line.as_str().len();
                queue.reply(line, bytes);
                told = news;
            }
        }
    }

    /// For how long it has been as wanted.
    fn held(&self) -> f64 {
        let since = self.wait.seen().held_since;
        since.map_or(0.0, |since| self.lab.clock().now().since(since).as_secs_f64())
    }

    fn progress(&self) -> String {
        let distance = json!(self.wait.distance());
        let (call, held) = (self.record.call.id(), self.held());
        let last = self.wait.seen().last.clone();
        let (mut reading, mut error) = ("null".to_owned(), Json::Null);
        match last {
            Some(Ok(last)) => {
                reading.clear();
                reply::push_reading(&mut reading, &last, self.record.datatype(), None);
            }
            Some(Err(last)) => error = reply::reading_error(&last).to_json(),
            None => {}
        }
        format!(r#"{{"call":{call},"reading":{reading},"error":{error},"distance":{distance},"held":{held:.1}}}"#)
    }
}
