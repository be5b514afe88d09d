//! One line of the protocol: `action specifier data`.

use serde_json::Value as Json;

/// A parsed line. The data is `null` where there is none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) action: String,
    pub(crate) specifier: String,
    pub(crate) data: Json,
}

/// An error as a node reports it: class, text, data for programs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RemoteError {
    /// One of SECoP's error classes.
    pub(crate) class: String,
    /// For people.
    pub(crate) text: String,
    /// Any JSON; an object if there is something to say.
    pub(crate) detail: Json,
}

/// A value with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// As the wire has it; `null` if `error` is set.
    pub(crate) value: Json,
    /// Unix seconds.
    pub(crate) timestamp: Option<f64>,
    /// `good`, `stale`, `not verified`, `simulated`, or `error`.
    pub(crate) quality: String,
    /// Why there is no value.
    pub(crate) error: Option<RemoteError>,
    /// The call that the host began for this reply; only our own hosts say it.
    pub(crate) call: Option<Json>,
}

/// A change that the node reports by itself, after activation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Update {
    pub(crate) module: String,
    pub(crate) accessible: String,
    pub(crate) reading: Reading,
}

impl Message {
    /// Parses a line without its end.
    ///
    /// # Errors
    /// Says what is wrong if the data is not JSON.
    pub(crate) fn parse(line: &str) -> Result<Message, String> {
        let mut parts = line.trim_end_matches(['\r', '\n']).splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default();
        let (action, specifier, data) = (next(), next(), next());
        let data = match data.trim() {
            "" => Json::Null,
            text => serde_json::from_str(text).map_err(|error| format!("bad JSON in {action} {specifier}: {error}"))?,
        };
        Ok(Message {
            action: action.to_owned(),
            specifier: specifier.to_owned(),
            data,
        })
    }

    /// The update in it, if it is one.
    pub(crate) fn update(&self) -> Option<Update> {
        let reading = match self.action.as_str() {
            "update" => Reading::parse(&self.data),
            "error_update" => Reading::failed(RemoteError::parse(&self.data), &self.data),
            _ => return None,
        };
        let (module, accessible) = self.specifier.split_once(':').unwrap_or((&self.specifier, "value"));
        Some(Update {
            module: module.to_owned(),
            accessible: accessible.to_owned(),
            reading,
        })
    }
}

impl RemoteError {
    /// Reads `["Class", "text", {detail}]`, and makes the best of anything else.
    pub(crate) fn parse(data: &Json) -> RemoteError {
        let text = |index: usize| data.get(index).and_then(Json::as_str);
        RemoteError {
            class: text(0).unwrap_or("InternalError").to_owned(),
            text: text(1).map_or_else(|| format!("an error report that is none: {data}"), str::to_owned),
            detail: data.get(2).cloned().unwrap_or(Json::Null),
        }
    }

    /// The exit code that tells a script what to do about it.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.class.as_str() {
            // A lock of ours that somebody broke is in the way as well.
            "IsBusy" if self.detail.get("locked_by").or(self.detail.get("broken_by")).is_some() => 73,
            "TimeoutError" => 75,
            _ if self.wants_token() => 77,
            _ => 1,
        }
    }

    /// Whether the host lets nobody in who has not shown its token.
    pub(crate) fn wants_token(&self) -> bool {
        self.detail
            .get("authenticate")
            .is_some_and(|wants| *wants == Json::Bool(true))
    }
}

impl Reading {
    /// Reads `[value, {"t": …, "q": …}]`.
    pub(crate) fn parse(data: &Json) -> Reading {
        let qualifier = |name: &str| data.get(1).and_then(|qualifiers| qualifiers.get(name));
        Reading {
            value: data.get(0).cloned().unwrap_or(Json::Null),
            timestamp: qualifier("t").and_then(Json::as_f64),
            quality: qualifier("q").and_then(Json::as_str).unwrap_or("good").to_owned(),
            error: None,
            call: qualifier("_call").cloned(),
        }
    }

    /// A reading that failed; `data` is the error report, whose detail has the time.
    pub(crate) fn failed(error: RemoteError, data: &Json) -> Reading {
        Reading {
            value: Json::Null,
            timestamp: data.get(2).and_then(|detail| detail.get("t")).and_then(Json::as_f64),
            quality: "error".to_owned(),
            error: Some(error),
            call: None,
        }
    }

    /// Whether the two differ in more than the time they were taken at.
    pub(crate) fn differs(&self, other: &Reading) -> bool {
        (&self.value, &self.quality, &self.error) != (&other.value, &other.quality, &other.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_action_specifier_and_data_and_the_last_two_may_be_missing() {
        let parse = |line| {
            let Message {
                action,
                specifier,
                data,
            } = Message::parse(line).unwrap();
            format!("{action}|{specifier}|{data}")
        };
        assert_eq!(parse("active"), "active||null");
        assert_eq!(parse("done a:stop [null, {}]\r\n"), "done|a:stop|[null,{}]");
        assert_eq!(
            parse("update a:b [\"x y\", {\"t\": 1}]"),
            "update|a:b|[\"x y\",{\"t\":1}]"
        );
        assert!(
            Message::parse("update a:b [1")
                .unwrap_err()
                .starts_with("bad JSON in update a:b")
        );
    }

    #[test]
    fn an_error_report_that_is_none_still_makes_an_error() {
        let error = RemoteError::parse(&serde_json::json!("oops"));
        assert_eq!((error.class.as_str(), error.exit_code()), ("InternalError", 1));
    }
}
