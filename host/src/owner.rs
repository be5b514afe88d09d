//! Owners: who acts (RULES.md O).

mod identity;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value as Json, json};

pub use identity::Identity;
pub(crate) use identity::{machine, user_name};

use crate::clock::{Clock, Time};

/// Who acts. Everything that asks something of a device has one; clones are the same owner.
#[derive(Clone, Debug)]
pub struct OwnerId {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    number: u64,
    /// How it showed itself when it was made.
    first: Shown,
    /// How it has introduced itself since.
    introduced: OnceLock<Shown>,
    since: Time,
}

#[derive(Debug)]
struct Shown {
    label: String,
    identity: Identity,
}

impl From<Identity> for Shown {
    fn from(identity: Identity) -> Self {
        Shown {
            label: identity.to_string(),
            identity,
        }
    }
}

impl OwnerId {
    /// A new owner, unlike every other, that shows itself as `label`: `scan`.
    pub fn new(label: impl Into<String>) -> Self {
        Self::with(Shown {
            label: label.into(),
            identity: Identity::default(),
        })
    }

    /// A new owner, unlike every other, of whom so much is known.
    pub fn known(identity: Identity) -> Self {
        Self::with(identity.into())
    }

    fn with(first: Shown) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        OwnerId {
            inner: Arc::new(Inner {
                number,
                first,
                introduced: OnceLock::new(),
                // Owners come and go in the world outside, whatever the lab's own clock shows.
                since: Clock::real().now(),
            }),
        }
    }

    fn shown(&self) -> &Shown {
        self.inner.introduced.get().unwrap_or(&self.inner.first)
    }

    /// How it shows itself to people.
    pub fn label(&self) -> &str {
        &self.shown().label
    }

    /// What is known of it.
    pub fn identity(&self) -> &Identity {
        &self.shown().identity
    }

    /// A number that names it in messages and on the wire; unique in this process. It is no secret, and gives no right.
    pub fn number(&self) -> u64 {
        self.inner.number
    }

    /// Since when it is there.
    pub fn since(&self) -> Time {
        self.inner.since
    }

    /// It says who it is. That counts once; `false` if it has done so before.
    pub fn introduce(&self, identity: Identity) -> bool {
        self.inner.introduced.set(identity.into()).is_ok()
    }

    /// For programs: `{"id", "name", "user", "host", "program", "pid", "address", "claimed", "since"}`, where what is
    /// not known is `null`. `name` is how it shows itself to people.
    pub fn to_json(&self) -> Json {
        let identity = self.identity();
        json!({
            "id": self.number(),
            "name": self.label(),
            "user": identity.user,
            "host": identity.host,
            "program": identity.program,
            "pid": identity.pid,
            "address": identity.address,
            "claimed": identity.claimed,
            "since": self.since().as_seconds(),
        })
    }
}

impl PartialEq for OwnerId {
    fn eq(&self, other: &Self) -> bool {
        self.inner.number == other.inner.number
    }
}

impl Eq for OwnerId {}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o3_an_owner_introduces_itself_once_and_stays_the_same() {
        let owner = OwnerId::known(Identity {
            address: Some("10.0.0.7:4711".to_owned()),
            ..Identity::default()
        });
        let other = owner.clone();
        assert_eq!(owner.label(), "somebody at 10.0.0.7:4711");
        let claim = |user: &str| Identity {
            user: Some(user.to_owned()),
            claimed: true,
            ..owner.identity().clone()
        };
        assert!(owner.introduce(claim("ana")));
        assert!(!owner.introduce(claim("root")));
        assert_eq!((other.label(), other == owner), ("ana (claimed)", true));
        assert_ne!(OwnerId::new("scan"), OwnerId::new("scan"));
    }
}
