//! Owners on the wire: sessions that one connection founds and others may join (O2).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::lab::Owner;

/// All sessions of a server, by their tokens.
#[derive(Default)]
pub(super) struct Owners {
    by_token: Arc<Mutex<HashMap<Token, Weak<WireOwner>>>>,
}

/// What one has to know to act as somebody else: 128 random bits in hexadecimal.
pub(super) type Token = String;

/// One session: an owner, and the secret by which connections join it.
pub(super) struct WireOwner {
    owner: Owner,
    token: Token,
    /// Whether the connection that founded it is gone, and all its rights with it.
    ended: AtomicBool,
    by_token: Arc<Mutex<HashMap<Token, Weak<WireOwner>>>>,
}

impl Owners {
    /// A session of its own for a new connection.
    pub(super) fn found(&self, owner: Owner) -> Arc<WireOwner> {
        let founded = Arc::new(WireOwner {
            owner,
            token: random_token(),
            ended: AtomicBool::new(false),
            by_token: Arc::clone(&self.by_token),
        });
        lock(&self.by_token).insert(founded.token.clone(), Arc::downgrade(&founded));
        founded
    }

    /// The session of that token, if it has not ended.
    pub(super) fn find(&self, token: &str) -> Option<Arc<WireOwner>> {
        lock(&self.by_token).get(token)?.upgrade()
    }
}

impl WireOwner {
    /// Acts for all its connections.
    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// To be told to the connection that founded it, and to nobody else.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether it has ended. Connections that have joined it can be there still.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Ends it: nobody can join it any more, nor act in its name.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Release);
        lock(&self.by_token).remove(&self.token);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// # Panics
/// If the kernel gives no random numbers, which no kernel of this century does.
fn random_token() -> Token {
    use rustix::rand::{GetRandomFlags, getrandom};
    let mut bits = [0; 16];
    // So few bytes come at once and whole.
    let count = getrandom(&mut bits, GetRandomFlags::empty()).expect("the kernel gives random numbers");
    assert_eq!(count, bits.len(), "so few random bytes come whole");
    bits.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o2_tokens_are_long_and_never_the_same() {
        let (one, other) = (random_token(), random_token());
        assert_ne!(one, other);
        assert!(one.len() == 32 && one.chars().all(|c| c.is_ascii_hexdigit()), "{one}");
    }
}
