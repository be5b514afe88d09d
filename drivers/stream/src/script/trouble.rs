//! How an instrument tells of an error.

use std::collections::BTreeMap;

use baton_plugin_api::{Error, ErrorKind, Value};

use super::{Exchange, spelled};
use crate::{
    template::{Format, Scanned},
    text::show,
};

/// What a reply looks like that tells of an error.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) format: Format,
    pub(crate) kind: ErrorKind,
    /// For people; `None` if the reply has it itself.
    pub(crate) text: Option<String>,
    pub(crate) codes: Codes,
}

/// What certain codes mean.
pub(crate) type Codes = BTreeMap<String, Code>;

/// What a code means.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Code {
    pub(crate) kind: Option<ErrorKind>,
    pub(crate) text: Option<String>,
}

/// How an instrument is asked whether it took what it was sent.
#[derive(Clone, Debug)]
pub(crate) struct ErrorQuery {
    /// Its answer has values for `code` and `text`.
    pub(crate) exchange: Exchange,
    /// The code that says that there is no error.
    pub(crate) none: String,
    pub(crate) kind: ErrorKind,
    pub(crate) codes: Codes,
}

impl Trouble {
    /// The error that a reply tells of, if it is such a one.
    pub(crate) fn find(&self, sent: &[u8], reply: &[u8]) -> Option<Error> {
        let scanned = self.format.scan(reply).ok()?;
        let answer = scanned.own.as_ref().map(spelled);
        let code = answer.as_ref().and_then(|answer| self.codes.get(answer.trim()));
        let kind = code.and_then(|code| code.kind).unwrap_or(self.kind);
        let text = code.and_then(|code| code.text.as_ref()).or(self.text.as_ref());
        let exchange = format!("sent {}, got the error {}", show(sent), show(reply));
        let message = match text {
            Some(text) => format!("{text} ({exchange})"),
            None => exchange,
        };
        let detail = serde_json::json!({ "sent": show(sent), "got": show(reply), "code": answer });
        Some(Error::new(kind, message).with_detail(detail))
    }
}

impl ErrorQuery {
    /// Name of the place of the number in the answer.
    pub(crate) const CODE: &str = "code";
    /// Name of the place of the text.
    pub(crate) const TEXT: &str = "text";

    /// The error that an answer tells of, if it tells of any.
    pub(crate) fn find(&self, sent: &[u8], answer: &Scanned) -> Option<Error> {
        let code = answer.other(Self::CODE).map(spelled).unwrap_or_default();
        if code.trim() == self.none {
            return None;
        }
        let meaning = self.codes.get(code.trim());
        let kind = meaning.and_then(|code| code.kind).unwrap_or(self.kind);
        let told = answer.other(Self::TEXT).and_then(Value::as_str).map(str::to_owned);
        let text = meaning.and_then(|code| code.text.clone()).or(told).unwrap_or_default();
        let message = format!("error {code} after {}: {text}", show(sent));
        let message = message.trim_end_matches([':', ' ']);
        let detail = serde_json::json!({ "sent": show(sent), "code": code });
        Some(Error::new(kind, message).with_detail(detail))
    }
}
