//! Where a reply leaves its format.

use super::Format;
use crate::text::{quote, show};

/// Where a reply leaves its format, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mismatch {
    /// Byte of the reply, from 0, up to which it fits.
    pub(crate) at: usize,
    pub(crate) why: Why,
}

/// Why a reply does not fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Why {
    /// This was due there.
    Missing(String),
    /// What came cannot be taken for what was due; one clause.
    Unusable(String),
    /// The bytes are not those that were sent: a clause, too.
    Checksum(String),
}

impl Mismatch {
    /// For people: what was expected, what came, and where the two part.
    pub(crate) fn explain(&self, format: &Format, reply: &[u8]) -> String {
        let expected = match format.text.as_str() {
            "" => "an empty line".to_owned(),
            text => quote(text),
        };
        let got = match reply {
            [] => return format!("expected {expected}, got an empty line"),
            reply => show(reply),
        };
        let why = match &self.why {
            Why::Missing(what) if self.at >= reply.len() => format!("{what} is missing at its end"),
            Why::Missing(what) if self.at == 0 => format!("{what} is missing at its start"),
            Why::Missing(what) => format!(
                "{what} is missing at byte {}, before {}",
                self.at + 1,
                show(&reply[self.at..])
            ),
            Why::Unusable(why) | Why::Checksum(why) => why.clone(),
        };
        format!("expected {expected}, got {got} ({why})")
    }

    /// The reply fits, but a value in it means nothing.
    pub(crate) fn of_value(why: String) -> Self {
        Mismatch::unusable(why, 0)
    }

    pub(super) fn missing(what: impl Into<String>, at: usize) -> Self {
        Mismatch {
            at,
            why: Why::Missing(what.into()),
        }
    }

    pub(super) fn unusable(why: impl Into<String>, at: usize) -> Self {
        Mismatch {
            at,
            why: Why::Unusable(why.into()),
        }
    }
}
