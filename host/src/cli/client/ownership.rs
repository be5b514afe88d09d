//! As whom we act: as ourselves, or in the session of whoever started us (`BATON_OWNER`).

use std::str::FromStr;

use serde_json::{Value as Json, json};

use super::{Address, Client};
use crate::cli::failure::Failure;
use crate::owner::Identity;

/// What `BATON_OWNER` holds: the secret of a session, and where its host is. `TOKEN@ADDRESS`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    token: String,
    address: Address,
}

impl FromStr for Membership {
    type Err = String;

    fn from_str(text: &str) -> Result<Membership, String> {
        let (token, address) = text.split_once('@').ok_or("expected TOKEN@ADDRESS")?;
        Ok(Membership {
            token: token.to_owned(),
            address: address.parse()?,
        })
    }
}

/// Without the secret: this may end up in a log.
impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Membership(…@{})", self.address)
    }
}

/// `TOKEN@ADDRESS`, with the secret.
impl std::fmt::Display for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.token, self.address)
    }
}

fn claim(identity: &Identity) -> Json {
    json!({ "user": identity.user, "host": identity.host, "program": identity.program, "pid": identity.pid })
}

impl Membership {
    /// Where the session's host is.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }
}

impl Client {
    /// Says who we are, once it is clear that a host of ours listens. Nobody waits for what it answers.
    pub(crate) fn introduce_as(&mut self, identity: Identity) {
        self.introduction = Some(identity);
    }

    /// Sends what [`introduce_as`](Self::introduce_as) was told, now.
    pub(crate) fn introduce(&mut self) -> Result<(), Failure> {
        let Some(identity) = self.introduction.take() else {
            return Ok(());
        };
        self.send_custom("_introduce", claim(&identity), "").map(drop)
    }

    /// Says who we are, and gets the secret of our session, for those who are to act in it.
    ///
    /// # Errors
    /// As those of any request.
    pub(crate) fn introduce_with_secret(&mut self, identity: &Identity) -> Result<Membership, Failure> {
        let introduced = self.custom("_introduce", claim(identity))?;
        let token = introduced.get("token").and_then(Json::as_str).unwrap_or_default();
        Ok(Membership {
            token: token.to_owned(),
            address: self.address().absolute(),
        })
    }

    /// Acts in the session of somebody else from now on.
    ///
    /// # Errors
    /// If it has ended, or was never one of this host.
    pub(crate) fn join(&mut self, session: &Membership) -> Result<(), Failure> {
        self.custom("_join", json!({ "token": session.token }))
            .map(drop)
            .map_err(|failure| match failure {
                Failure::Remote { error, .. } => Failure::Request(format!("BATON_OWNER: {}", error.text)),
                other => other,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o2_a_membership_is_a_token_and_an_address() {
        let parsed: Membership = "c0ffee@unix:/run/a@b.sock".parse().unwrap();
        assert_eq!(parsed.token, "c0ffee");
        assert_eq!(parsed.address.to_string(), "unix:/run/a@b.sock");
        assert!(!format!("{parsed:?}").contains("c0ffee"));
        assert!("c0ffee".parse::<Membership>().is_err());
    }
}
