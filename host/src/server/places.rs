//! Who has how many connections, and what is refused to whom (W6).

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::config::ClientLimits;

/// Of what one peer is refused, a line is written to the log at most this often.
const QUIET: Duration = Duration::from_secs(10);
/// So many peers are remembered at most, so that nobody fills the memory by coming from ever new addresses.
const PEERS_MAX: usize = 1000;

/// Whose share a connection is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    /// All that comes from one address.
    Address(IpAddr),
    /// All that a user does over the Unix socket.
    User(u32),
    /// It was gone before it could be asked who it was.
    Unknown,
}

/// The places of a server, some of which are taken.
#[derive(Clone, Default)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_peer: HashMap<Peer, usize>,
}

/// The place of one connection, free again when it is dropped.
pub(super) struct Place {
    places: Places,
    peer: Peer,
}

impl Place {
    /// Whose share it is counted in.
    pub(super) fn peer(&self) -> Peer {
        self.peer
    }
}

impl Places {
    /// How many are taken.
    pub(super) fn len(&self) -> usize {
        lock(&self.taken).all
    }

    /// Takes a place: at most `all` of them, and `each` for one peer.
    ///
    /// # Errors
    /// Why there is none, for the client.
    pub(super) fn take(&self, peer: Peer, all: usize, each: usize) -> Result<Place, String> {
        let mut taken = lock(&self.taken);
        if taken.all >= all {
            return Err(format!(
                "this host serves {all} connections, which is the most; try again later"
            ));
        }
        let count = taken.by_peer.entry(peer).or_default();
        if *count >= each {
            return Err(format!(
                "this host serves {each} connections of one peer, which is the most; close others, or try again later"
            ));
        }
        *count += 1;
        taken.all += 1;
        let places = self.clone();
        Ok(Place { places, peer })
    }

    /// Takes a place as the config wants it.
    pub(super) fn take_within(&self, peer: Peer, limits: &ClientLimits) -> Result<Place, String> {
        self.take(peer, limits.connections, limits.connections_per_peer)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.places.taken);
        taken.all -= 1;
        if let Some(count) = taken.by_peer.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                taken.by_peer.remove(&self.peer);
            }
        }
    }
}

/// What was refused, for the log: once in a while for each peer, however often it happens.
#[derive(Default)]
pub(super) struct Refusals {
    told: Mutex<HashMap<Peer, Told>>,
}

/// What the log says of a peer.
struct Told {
    last: Instant,
    /// Refusals since that were not told.
    more: u64,
}

impl Refusals {
    /// Writes to the log that `who`, who is counted as `peer`, was refused something.
    pub(super) fn note(&self, peer: Peer, who: &dyn std::fmt::Display, why: &str) {
        match self.is_news(peer, Instant::now()) {
            Some(0) => tracing::warn!("{who} was refused: {why}"),
            Some(more) => tracing::warn!("{who} was refused: {why} (and {more} more of this peer since the last line)"),
            None => {}
        }
    }

    /// How many were kept quiet about since the last line about this peer; `None` if this one is to be, too.
    fn is_news(&self, peer: Peer, now: Instant) -> Option<u64> {
        let mut told = lock(&self.told);
        let is_recent = |told: &Told| now.saturating_duration_since(told.last) < QUIET;
        if told.len() >= PEERS_MAX && !told.contains_key(&peer) {
            told.retain(|_, told| is_recent(told));
        }
        let is_full = told.len() >= PEERS_MAX;
        let more = match told.get_mut(&peer) {
            Some(known) if is_recent(known) => {
                known.more += 1;
                return None;
            }
            Some(known) => known.more,
            // Ever new addresses: the log is not to be flooded, either.
            None if is_full => return None,
            None => 0,
        };
        told.insert(peer, Told { last: now, more: 0 });
        Some(more)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Peer {
        Peer::Address(IpAddr::from([10, 0, 0, last]))
    }

    #[test]
    fn w6_one_peer_does_not_get_all_places() {
        let places = Places::default();
        let mut held: Vec<_> = (0..2).map(|_| places.take(address(1), 3, 2).unwrap()).collect();
        let refused = places.take(address(1), 3, 2).err().unwrap();
        assert!(refused.contains("2 connections of one peer"), "{refused}");
        held.push(places.take(Peer::User(0), 3, 2).unwrap());
        let refused = places.take(address(2), 3, 2).err().unwrap();
        assert!(refused.contains("serves 3 connections"), "{refused}");
        held.remove(0);
        assert!(places.take(address(2), 3, 2).is_ok());
        drop(held);
        assert_eq!((places.len(), lock(&places.taken).by_peer.len()), (0, 0));
    }

    #[test]
    fn a_peer_that_is_refused_again_and_again_does_not_fill_the_log() {
        let refusals = Refusals::default();
        let start = Instant::now();
        assert_eq!(refusals.is_news(address(1), start), Some(0));
        assert_eq!(refusals.is_news(address(2), start), Some(0));
        for _ in 0..100 {
            assert_eq!(refusals.is_news(address(1), start + QUIET / 2), None);
        }
        assert_eq!(refusals.is_news(address(1), start + QUIET), Some(100));
        assert_eq!(refusals.is_news(address(1), start + 3 * QUIET), Some(0));
    }

    #[test]
    fn ever_new_peers_do_not_fill_the_memory() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let peer = |n: usize| Peer::User(u32::try_from(n).unwrap());
        let told = (0..5 * PEERS_MAX)
            .filter(|n| refusals.is_news(peer(*n), start).is_some())
            .count();
        assert_eq!((told, lock(&refusals.told).len()), (PEERS_MAX, PEERS_MAX));
        assert_eq!(refusals.is_news(peer(9 * PEERS_MAX), start + QUIET), Some(0));
        assert_eq!(lock(&refusals.told).len(), 1);
    }
}
