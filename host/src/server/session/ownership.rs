//! Who a connection acts for: `_introduce` and `_join` (O2, O3).

use std::sync::Arc;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};

use super::{
    super::{
        reply::{Line, Report},
        request::Request,
    },
    Session,
};
use crate::{lab::Owner, owner::Identity};

/// The longest name that a client may claim.
const CLAIM_CHARS: usize = 100;

/// What a client says of itself.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Claim {
    user: Option<String>,
    host: Option<String>,
    program: Option<String>,
    pid: Option<u32>,
    /// Whether it tells replies by their tokens (W4).
    tokens: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    token: String,
}

impl Session {
    /// `_introduce TOKEN {"user": "ana"}`: says who this is, and gets the secret of its session.
    pub(super) fn introduce(&mut self, request: Request<'_>) {
        let claim = match parse::<Claim>(request) {
            Ok(claim) => claim,
            Err(report) => return self.fail(request, report),
        };
        if claim.tokens {
            self.answers.go_by_token();
        }
        // Whoever has joined a session is known as that; and what it was told by, it need not be told again.
        let mut reply = json!({ "owner": self.owner.id().to_json() });
        if self.is_founder {
            let id = self.owner.id();
            if claim.says_something() {
                id.introduce(claim.over(id.identity()));
            }
            reply = json!({ "owner": id.to_json(), "token": self.acts_in.token() });
        }
        self.answer(request, Line::new("_introduced", request.specifier, &reply.to_string()));
    }

    /// `_join TOKEN {"token": "…"}`: from now on this connection acts as the owner that was given this secret.
    pub(super) fn join(&mut self, request: Request<'_>) {
        match self.try_join(request) {
            Ok(()) => {
                let data = json!({ "owner": self.owner.id().to_json() }).to_string();
                self.answer(request, Line::new("_joined", request.specifier, &data));
            }
            Err(report) => self.fail(request, report),
        }
    }

    fn try_join(&mut self, request: Request<'_>) -> Result<(), Report> {
        let join: Join = parse(request)?;
        let joined = self.shared.owners.find(&join.token);
        let joined = joined.ok_or_else(|| {
            Report::new(
                "Impossible",
                "no session has this token; it ends with the connection that founded it",
            )
        })?;
        if Arc::ptr_eq(&joined, &self.acts_in) {
            return Ok(());
        }
        self.leave();
        self.owner = joined.owner().clone();
        self.told = joined.listen();
        self.acts_in = joined;
        self.acts_in.hear();
        self.is_founder = false;
        Ok(())
    }

    /// The owner, to write, command or lock with.
    ///
    /// # Errors
    /// `Impossible` if the session that was joined has ended: what is done in its name would be done without its rights.
    pub(super) fn actor(&self) -> Result<Owner, Report> {
        if self.acts_in.has_ended() {
            let text = format!(
                "the session of {} that was joined here has ended; connect anew",
                self.owner.id()
            );
            return Err(Report::new("Impossible", text));
        }
        Ok(self.owner.with_limit(self.limit))
    }

    /// Gives back what the client has: it sends no more, or joins another session. Nothing if it has been done.
    pub(in crate::server) fn leave(&mut self) {
        self.locks.clear();
        self.relays.clear();
        if self.is_founder {
            self.acts_in.end();
        }
    }
}

impl Claim {
    fn says_something(&self) -> bool {
        self.user.is_some() || self.host.is_some() || self.program.is_some() || self.pid.is_some()
    }

    /// The identity with what is claimed; what the kernel knows of user and process is not up to the client.
    fn over(self, known: &Identity) -> Identity {
        let program = self.program.as_deref().map(clean).or_else(|| known.program.clone());
        if known.user.is_some() && !known.claimed {
            return Identity {
                program,
                ..known.clone()
            };
        }
        Identity {
            user: self.user.as_deref().map(clean),
            host: self.host.as_deref().map(clean),
            program,
            pid: self.pid,
            address: known.address.clone(),
            claimed: true,
        }
    }
}

/// A name on one line, and no longer than anybody reads.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(CLAIM_CHARS).collect()
}

/// The data of a request of ours; none stands for an empty object.
///
/// # Errors
/// `BadJSON`, or `ProtocolError` with what is wrong.
pub(super) fn parse<T: DeserializeOwned>(request: Request<'_>) -> Result<T, Report> {
    let json = match request.json()? {
        Json::Null => json!({}),
        json => json,
    };
    serde_json::from_value(json).map_err(|error| Report::protocol(format!("{}: {error}", request.action)))
}
