//! Lines to a client, put together. Pure.

use std::{
    fmt::{self, Write},
    sync::Arc,
    time::Duration,
};

use baton_plugin_api::{Datatype, Time};
use serde_json::{Value as Json, json};

use super::value;
use crate::{
    device::{Quality, Reading, ReadingError},
    failure::{Failure, Refusal},
};

/// One line with its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Made for one client.
    Own(String),
    /// The same for all of them.
    Shared(Arc<str>),
}

impl Line {
    /// `action specifier data`, with the parts that are not empty.
    pub(super) fn new(action: &str, specifier: &str, data: &str) -> Line {
        let mut line = String::with_capacity(action.len() + specifier.len() + data.len() + 3);
        line.push_str(action);
        if !specifier.is_empty() || !data.is_empty() {
            line.push(' ');
            line.push_str(specifier);
        }
        if !data.is_empty() {
            line.push(' ');
            line.push_str(data);
        }
        line.push('\n');
        Line::Own(line)
    }

    /// The reply to a failed `action`.
    pub(super) fn error(action: &str, specifier: &str, report: &Report) -> Line {
        Line::new(&format!("error_{action}"), specifier, &report.to_json().to_string())
    }

    /// Its text.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Line::Own(text) => text,
            Line::Shared(text) => text,
        }
    }
}

/// The most characters of an error's text. Some errors quote what they were given, which may be a megabyte of it.
const TEXT_MAX: usize = 1000;

/// An error as SECoP reports it: `["Class", "text", {detail}]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Report {
    class: &'static str,
    text: String,
    detail: Json,
}

impl Report {
    pub(super) fn new(class: &'static str, text: impl Into<String>) -> Report {
        Report {
            class,
            text: shortened(text.into()),
            detail: json!({}),
        }
    }

    /// A request that cannot be understood.
    pub(super) fn protocol(text: impl Into<String>) -> Report {
        Report::new("ProtocolError", text)
    }

    /// A parameter that cannot be written.
    pub(super) fn read_only(path: &str) -> Report {
        Report::new("ReadOnly", format!("{path} is read-only"))
    }

    /// A call that takes longer than a reply may.
    pub(super) fn still_running(path: &str, after: Duration, call: Option<u64>) -> Report {
        let text = format!("{path} is still running after {} s", after.as_secs());
        let report = Report::new("TimeoutError", text);
        match call {
            Some(call) => report.with_detail(json!({ "_call": call })),
            None => report,
        }
    }

    pub(super) fn with_detail(self, detail: Json) -> Report {
        Report { detail, ..self }
    }

    pub(super) fn to_json(&self) -> Json {
        json!([self.class, self.text, self.detail])
    }
}

/// Its text.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text, without its middle if it is longer than anybody reads: what it is about comes first, and what is wrong last.
fn shortened(text: String) -> String {
    let length = text.chars().count();
    if length <= TEXT_MAX {
        return text;
    }
    let part = TEXT_MAX / 2;
    let (begin, end): (String, String) = (
        text.chars().take(part).collect(),
        text.chars().skip(length - part).collect(),
    );
    format!("{begin} … {end}")
}

impl From<Refusal> for Report {
    fn from(refusal: Refusal) -> Report {
        Report::new(refusal.kind().class(), refusal.to_string()).with_detail(refusal.detail())
    }
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Report {
        let detail = match failure.detail() {
            detail @ Json::Object(_) => detail,
            other => json!({ "detail": other }),
        };
        Report::new(failure.kind().class(), failure.to_string()).with_detail(detail)
    }
}

/// Appends `[value, {"t": …}]`.
pub(super) fn push_reading(out: &mut String, reading: &Reading, datatype: &Datatype, call: Option<u64>) {
    out.push('[');
    value::push(out, &reading.value, datatype);
    push_qualifiers(out, reading.time, reading.quality, call);
}

/// A value that is true at `time`, already in the form of the wire.
pub(super) fn qualified(value: &str, time: Time, call: Option<u64>) -> String {
    let mut out = format!("[{value}");
    push_qualifiers(&mut out, time, Quality::Good, call);
    out
}

fn push_qualifiers(out: &mut String, time: Time, quality: Quality, call: Option<u64>) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, ",{{\"t\":{:?}", time.as_seconds());
    if quality != Quality::Good {
        let _ = write!(out, ",\"q\":\"{}\"", quality.word());
    }
    if let Some(call) = call {
        let _ = write!(out, ",\"_call\":{call}");
    }
    out.push_str("}]");
}

/// Why there is no reading, with the time since when.
pub(super) fn reading_error(error: &ReadingError) -> Report {
    Report::new(error.error.kind().class(), error.error.message()).with_detail(json!({ "t": error.time.as_seconds() }))
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::Value;
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_line_has_the_parts_that_it_needs() {
        assert_eq!(Line::new("active", "", "").as_str(), "active\n");
        assert_eq!(Line::new("active", "stage", "").as_str(), "active stage\n");
        assert_eq!(Line::new("error_x", "", "[]").as_str(), "error_x  []\n");
    }

    #[test]
    fn a_reading_says_its_quality_if_it_is_not_good() {
        let mut reading = Reading::good(Value::Float(2.0), Time::from_nanoseconds(1_500_000_000));
        let show = |reading: &Reading, call| {
            let mut out = String::new();
            push_reading(&mut out, reading, &Datatype::Float, call);
            out
        };
        assert_eq!(show(&reading, None), r#"[2.0,{"t":1.5}]"#);
        reading.quality = Quality::NotVerified;
        assert_eq!(
            show(&reading, Some(3)),
            r#"[2.0,{"t":1.5,"q":"not verified","_call":3}]"#
        );
    }

    #[test]
    fn an_error_that_quotes_a_long_text_shows_its_begin_and_its_end() {
        let text = |count| {
            let report = Report::protocol(format!("`{}` is no number", "µ".repeat(count)));
            report.text
        };
        assert_eq!(text(900).chars().count(), 900 + 15);
        assert!(text(100_000).starts_with("`µµµ"));
        assert!(text(100_000).ends_with("µµµ` is no number"));
        assert_eq!(text(100_000).chars().count(), TEXT_MAX + 3);
    }

    #[test]
    fn failures_keep_class_text_and_detail() {
        let failure = Failure::Stopped {
            path: "stage.position".into(),
            by: "ana".into(),
        };
        expect![[r#"["Impossible","stage.position was stopped by ana",{"by":"ana"}]"#]]
            .assert_eq(&Report::from(failure).to_json().to_string());
    }
}
