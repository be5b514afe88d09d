//! The drivers that a config allows, by the hash of their content (X2).

use std::{collections::BTreeMap, fmt};

use super::row::{Rejection, Row};

/// Which contents may be opened. Any other is refused before any code of it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    by_name: BTreeMap<String, Allow>,
}

/// The content that is allowed for a driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// SHA-256 of the content in hexadecimal digits.
    pub hash: String,
    /// Where that is written: `lab.toml:3:5`.
    pub origin: String,
}

impl Allowed {
    /// What is allowed for each driver.
    pub fn new(by_name: impl IntoIterator<Item = (String, Allow)>) -> Allowed {
        let by_name = by_name.into_iter().collect();
        Allowed { by_name }
    }

    /// Whether the content of a file may be opened.
    pub(super) fn check(&self, row: &Row, hash: &str) -> Result<(), Rejection> {
        if self.by_name.values().any(|allow| allow.hash == hash) {
            return Ok(());
        }
        let there = Shown(hash);
        let reason = match self.by_name.iter().find(|(name, _)| row.seems_to_be(name)) {
            Some((name, Allow { hash, origin })) => format!(
                "its content is sha256:{there}, and the one that is allowed for `{name}` is sha256:{} ({origin}); if this \
                 is meant to be the driver, have it written there: baton drivers --pin CONFIG",
                Shown(hash)
            ),
            None => format!(
                "its content, sha256:{there}, is not among those that `[drivers] allow` has; have it written there: \
                 baton drivers --pin CONFIG"
            ),
        };
        Err(Rejection::refused(reason))
    }
}

/// A hash as far as anybody compares it by eye.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..16).unwrap_or(self.0))?;
        f.write_str("…")
    }
}
