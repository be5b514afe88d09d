//! Being let in by a host that asks for a token.

use serde_json::{Value as Json, json};

use super::Client;
use crate::{cli::failure::Failure, config::Secret};

impl Client {
    /// Shows the token, if the host asks for one; nobody else ever gets it.
    ///
    /// # Errors
    /// If it is not the host's, or the connection breaks.
    pub(crate) fn show_token(&mut self, token: Secret) -> Result<(), Failure> {
        let asked = match self.request("ping", "gate", Json::Null, "") {
            Err(Failure::Remote { error, .. }) => error.wants_token(),
            Err(failure) => return Err(failure),
            Ok(_) => false,
        };
        if asked {
            self.custom("_authenticate", json!({ "token": token.reveal() }))?;
        }
        self.token = Some(token);
        Ok(())
    }

    /// The token that was given for the host, for those that we start.
    pub(crate) fn token(&self) -> Option<&Secret> {
        self.token.as_ref()
    }
}

/// A line as it may be shown: without the token in it.
pub(super) fn without_token(line: &str) -> &str {
    match line.strip_prefix("_authenticate ") {
        Some(rest) => &line[..line.len() - rest.len() + rest.find(' ').unwrap_or(rest.len())],
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_line_holds_no_token() {
        assert_eq!(without_token("_authenticate t1 {\"token\":\"x\"}"), "_authenticate t1");
        assert_eq!(without_token("_authenticate t1"), "_authenticate t1");
        assert_eq!(without_token("read a:b"), "read a:b");
    }
}
