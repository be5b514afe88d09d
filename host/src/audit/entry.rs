//! One line of the audit log.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::Value;
use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::{clock::Time, owner::OwnerId};

/// The longest text and the longest JSON that are kept whole.
const TEXT_MAX: usize = 1000;

/// Something that somebody did, or was refused.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    time: Time,
    event: &'static str,
    owner: OwnerId,
    path: String,
    outcome: &'static str,
    error: Option<String>,
    elapsed: Option<Duration>,
    /// What only some events have, as it comes behind the rest.
    more: Map<String, Json>,
    asked: Asked,
}

/// What a call was asked for, kept until it has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// The readback before.
    pub(crate) old: Json,
    /// The value or argument.
    pub(crate) new: Json,
    /// The devices whose calls it was made from, outermost first.
    pub(crate) through: Vec<Arc<str>>,
}

impl Entry {
    /// That `owner` did something to `path`, asked at `time`.
    pub(crate) fn new(event: &'static str, owner: OwnerId, path: impl Into<String>, time: Time) -> Entry {
        Entry {
            time,
            event,
            owner,
            path: path.into(),
            outcome: "done",
            error: None,
            elapsed: None,
            more: Map::new(),
            asked: Asked::default(),
        }
    }

    /// What was asked for.
    pub(crate) fn asked(self, asked: Asked) -> Entry {
        Entry { asked, ..self }
    }

    /// How it ended, after what time.
    pub(crate) fn ended(self, outcome: &'static str, error: Option<String>, elapsed: Duration) -> Entry {
        Entry {
            outcome,
            error,
            elapsed: Some(elapsed),
            ..self
        }
    }

    /// It was refused: nothing was touched.
    pub(crate) fn refused(self, why: String) -> Entry {
        self.ended("refused", Some(why), Duration::ZERO)
    }

    /// A fact more.
    pub(crate) fn with(mut self, key: &str, fact: impl Into<Json>) -> Entry {
        self.more.insert(key.to_owned(), fact.into());
        self
    }

    /// What a line has.
    pub(super) fn to_json(&self) -> Json {
        let mut line = json!({
            "time": rfc3339(self.time),
            "event": self.event,
            "owner": self.owner.label(),
            "owner_id": self.owner.number(),
            "path": self.path,
            "old": self.asked.old,
            "new": self.asked.new,
            "outcome": self.outcome,
            "error": self.error,
            "elapsed": self.elapsed.map(|elapsed| elapsed.as_secs_f64()),
        });
        if !self.asked.through.is_empty() {
            line["through"] = self.asked.through.iter().map(|name| Json::from(&**name)).collect();
        }
        if let Json::Object(line) = &mut line {
            line.extend(self.more.iter().map(|(key, fact)| (key.clone(), fact.clone())));
        }
        line
    }
}

/// The line that says that so many entries are missing.
pub(super) fn lost(count: u64) -> Json {
    let now = Timestamp::now();
    json!({ "time": format!("{now:.9}"), "event": "lost", "count": count })
}

fn rfc3339(time: Time) -> String {
    match Timestamp::from_nanosecond(time.as_nanoseconds().into()) {
        Ok(time) => format!("{time:.9}"),
        // Centuries away.
        Err(_) => time.as_nanoseconds().to_string(),
    }
}

/// A value as the log shows it. What is long is described instead: nobody reads a frame in a log, and its buffer is the
/// driver's to free.
pub(crate) fn shown(value: &Value) -> Json {
    match value {
        Value::Unit => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::Text(text) => shortened(text),
        Value::Array(array) => json!({ "array": array.shape() }),
        Value::Json(json) => {
            let text = json.to_string();
            if text.len() <= TEXT_MAX {
                json.clone()
            } else {
                shortened(&text)
            }
        }
        // A kind of value that did not exist when this was written.
        other => json!(other.noun()),
    }
}

fn shortened(text: &str) -> Json {
    match text.char_indices().nth(TEXT_MAX) {
        None => json!(text),
        Some((end, _)) => json!(format!("{}…", &text[..end])),
    }
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::Array;
    use expect_test::expect;

    use super::*;

    #[test]
    fn x5_a_line_says_all_that_is_known() {
        let time = Time::from_nanoseconds(1_700_000_000_250_000_001);
        let asked = Asked {
            old: shown(&Value::Float(1.0)),
            new: shown(&Value::Float(12.5)),
            through: vec!["slit".into()],
        };
        let entry = Entry::new("write", OwnerId::new("ana"), "stage.position", time).asked(asked);
        let entry = entry.ended("failed", Some("it is stuck".to_owned()), Duration::from_millis(1500));
        let line = entry.with("call", 7).to_json().to_string();
        let number = entry_number(&line);
        expect![[r#"
            {"time":"2023-11-14T22:13:20.250000001Z","event":"write","owner":"ana","owner_id":_,"path":"stage.position","old":1.0,"new":12.5,"outcome":"failed","error":"it is stuck","elapsed":1.5,"through":["slit"],"call":7}"#]].assert_eq(&line.replace(&number, "\"owner_id\":_,"));
    }

    fn entry_number(line: &str) -> String {
        let number = serde_json::from_str::<Json>(line).unwrap()["owner_id"].clone();
        format!("\"owner_id\":{number},")
    }

    #[test]
    fn x5_what_nobody_reads_in_a_log_is_described() {
        assert_eq!(
            shown(&Value::Array(Array::new(vec![0u8; 3000]))),
            json!({ "array": [3000] })
        );
        let long = shown(&Value::Text("µ".repeat(5000)));
        assert_eq!(long.as_str().unwrap().chars().count(), TEXT_MAX + 1);
        assert_eq!(shown(&Value::Unit), Json::Null);
    }
}
