//! Owners on the wire: sessions that one connection founds and others may join (O2).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::broadcast;

use super::session::Told;
use crate::{
    arbiter::{Happened, LockEvent},
    lab::Owner,
};

/// So much may happen to the locks of an owner before its connections look; then they are told only that something did.
const TOLD_MAX: usize = 64;

/// All sessions of a server.
#[derive(Clone, Default)]
pub(super) struct Owners {
    all: Arc<Mutex<All>>,
}

#[derive(Default)]
struct All {
    by_token: HashMap<Token, Weak<WireOwner>>,
    /// By the [number](crate::owner::OwnerId::number) of their owner.
    by_number: HashMap<u64, Weak<WireOwner>>,
}

/// What one has to know to act as somebody else: 128 random bits in hexadecimal.
pub(super) type Token = String;

/// One session: an owner, and the secret by which connections join it.
pub(super) struct WireOwner {
    owner: Owner,
    token: Token,
    /// Whether the connection that founded it is gone, and all its rights with it.
    ended: AtomicBool,
    began: Instant,
    /// When anything was heard from any of its connections, in nanoseconds since it began (L8).
    heard: AtomicU64,
    /// Tells its connections what others do to its locks.
    told: broadcast::Sender<Told>,
    all: Arc<Mutex<All>>,
}

impl Owners {
    /// A session of its own for a new connection.
    pub(super) fn found(&self, owner: Owner) -> Arc<WireOwner> {
        let founded = Arc::new(WireOwner {
            owner,
            token: random_token(),
            ended: AtomicBool::new(false),
            began: Instant::now(),
            heard: AtomicU64::new(0),
            told: broadcast::Sender::new(TOLD_MAX),
            all: Arc::clone(&self.all),
        });
        let mut all = lock(&self.all);
        all.by_token.insert(founded.token.clone(), Arc::downgrade(&founded));
        all.by_number
            .insert(founded.owner.id().number(), Arc::downgrade(&founded));
        drop(all);
        founded
    }

    /// Tells the connections of the owner that a lock is lost by what somebody else did, or by time.
    pub(super) fn tell(&self, event: &LockEvent) {
        if !matches!(event.what, Happened::Broken { .. } | Happened::Expired) {
            return;
        }
        let owner = lock(&self.all)
            .by_number
            .get(&event.owner.number())
            .and_then(Weak::upgrade);
        if let Some(owner) = owner {
            // Whoever has no connection any more need not be told.
            let _ = owner.told.send(Some(Arc::new(event.clone())));
        }
    }

    /// The session of that token, if it has not ended.
    pub(super) fn find(&self, token: &str) -> Option<Arc<WireOwner>> {
        lock(&self.all).by_token.get(token)?.upgrade()
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

    /// Something has come from one of its connections.
    pub(super) fn hear(&self) {
        let since = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.heard.fetch_max(since, Ordering::Relaxed);
    }

    /// When something has come last, or when it began.
    pub(super) fn heard(&self) -> Instant {
        self.began + Duration::from_nanos(self.heard.load(Ordering::Relaxed))
    }

    /// What happens to its locks from now on that others do.
    pub(super) fn listen(&self) -> broadcast::Receiver<Told> {
        self.told.subscribe()
    }

    /// Ends it: nobody can join it any more, nor act in its name, and all its locks end.
    pub(super) fn end(&self) {
        if self.ended.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut all = lock(&self.all);
        all.by_token.remove(&self.token);
        all.by_number.remove(&self.owner.id().number());
        drop(all);
        self.owner.leave();
        let _ = self.told.send(None);
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
