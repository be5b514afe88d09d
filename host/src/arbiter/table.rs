//! The table of locks: a plain state machine. An event changes the state and leaves [`Effects`]; there is no clock, no
//! runtime and no device in it, so that a test can go through all of its states.
//!
//! ```text
//! request ─▶ granted ─────────────────▶ end (unlocked, dropped, expired, broken …) ─▶ whoever waited
//!    │                                        ▲
//!    └─────▶ waits ─▶ granted by an end ──────┘          hold ─▶ release: a running call, from acceptance to resolution
//!    └─────▶ refused: nobody is patient, or it would deadlock
//! ```
//!
//! What holds of every state:
//!
//! 1. No two owners have grants that overlap.
//! 2. A request waits for foreign grants and holds on its targets, and for foreign waiters that came before it and want
//!    one of them, unless these wait, transitively, for a grant that its owner has (L2). If it waits for nothing, it is
//!    granted before the event is over.
//! 3. Grants form no cycle: a request that would close one is refused. So is a request whose owner is granted another
//!    one, if that closes it.
//!
//! With 2 and 3, if every owner that has something ends it one day, or waits, every request is granted one day: of waits
//! that form a cycle, one is for a waiter, which waits for whoever waits for it; so that one is overtaken.
//!
//! Everything is indexed by device. A request of an owner that has nothing else can only be next if it is first in each of
//! its queues, so what an end costs does not grow with the number of those that wait.

mod blocked;
mod books;
mod permit;
mod rights;
mod who;

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

pub(super) use blocked::Blocker;
pub use permit::Doing;
pub(super) use permit::{Denial, Hold};
pub(super) use rights::{NotBroken, Protection, Unchanged};
pub use who::{Row, RowKind, Waiting};

use super::{
    slab::{Key, Slab},
    targets::{Target, TargetSet, Targets},
};
use crate::{clock::Time, owner::OwnerId};

/// See the module.
#[derive(Clone)]
pub(super) struct Table {
    targets: Arc<Targets>,
    nodes: Vec<Node>,
    grants: Slab<Grant>,
    waits: Slab<Wait>,
    holds: Slab<Hold>,
    protections: Slab<Protection>,
    owners: HashMap<u64, Having, BuildHasherDefault<Mix>>,
    /// Owners whose waits may overtake: they have a grant, or several waits.
    special: Vec<u64>,
    arrivals: u64,
    /// With so many owners, those that have nothing are forgotten.
    sweep_at: usize,
}

/// Somebody's wish to have a set, whole or not at all.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) owner: OwnerId,
    pub(super) set: TargetSet,
    pub(super) note: Option<Arc<str>>,
    /// When it came.
    pub(super) time: Time,
    /// What its answer is known by, if that comes later.
    pub(super) ticket: Key,
}

/// A request that was granted (L3).
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) owner: OwnerId,
    pub(super) set: TargetSet,
    pub(super) note: Option<Arc<str>>,
    pub(super) since: Time,
    /// When it ends by itself.
    pub(super) lease: Option<Time>,
    /// Counts grants and waits: lower came before.
    arrival: u64,
    /// What others have broken of it, until it ends (L9).
    broken: Vec<Target>,
}

/// A request that waits.
#[derive(Clone)]
pub(super) struct Wait {
    pub(super) request: Request,
    /// Counts requests: lower came before.
    arrival: u64,
}

/// What an owner has in the table.
#[derive(Clone, Default)]
struct Having {
    grants: u32,
    waits: Vec<Key>,
    special: bool,
}

/// What there is of one device.
#[derive(Clone, Default)]
struct Node {
    grants: Vec<Claim>,
    holds: Vec<Claim>,
    /// Those that wait for it, by scope; none of them is empty.
    queues: Vec<Queue>,
    broken: Vec<rights::Broken>,
    protected: Vec<(Target, Key)>,
}

/// A part of a grant or hold: what it has of one device.
#[derive(Clone, Copy)]
struct Claim {
    target: Target,
    owner: u64,
    key: Key,
    /// Whether it is a composite's hold, which shares its members with nobody.
    alone: bool,
}

/// Those that wait for the same scope of a device, in the order in which they came.
#[derive(Clone)]
struct Queue {
    target: Target,
    waits: VecDeque<Place>,
}

#[derive(Clone, Copy)]
struct Place {
    arrival: u64,
    owner: u64,
    key: Key,
}

/// What an event leads to.
pub(super) struct Effects {
    /// When the event was; whatever is granted over it, is so since then.
    now: Time,
    /// Waits that have become grants.
    pub(super) granted: Vec<(Key, Key)>,
    /// Waits that are refused, because a grant to their owner has closed a cycle.
    pub(super) refused: Vec<(Request, Vec<Link>)>,
    /// Devices on which what this owner has on its way is to be stopped.
    pub(super) stops: Vec<(usize, OwnerId)>,
}

impl Effects {
    /// Of an event at this time.
    pub(super) fn at(now: Time) -> Effects {
        Effects {
            now,
            granted: Vec::new(),
            refused: Vec::new(),
            stops: Vec::new(),
        }
    }
}

/// One step of a cycle: who waits for what, and who has it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) waiter: OwnerId,
    pub(super) target: Target,
    pub(super) holder: OwnerId,
}

/// What becomes of a request.
pub(super) enum Answer {
    Granted(Key),
    Waiting(Key),
    /// It does not wait, and somebody is in its way.
    Refused(Blocker, Request),
    Deadlock(Vec<Link>, Request),
}

impl Table {
    pub(super) fn new(targets: Arc<Targets>) -> Table {
        Table {
            nodes: vec![Node::default(); targets.len()],
            targets,
            grants: Slab::default(),
            waits: Slab::default(),
            holds: Slab::default(),
            protections: Slab::default(),
            owners: HashMap::default(),
            special: Vec::new(),
            arrivals: 0,
            sweep_at: 64,
        }
    }

    /// Somebody wants to have a set, and waits for it if `patient`.
    pub(super) fn request(&mut self, request: Request, patient: bool, effects: &mut Effects) -> Answer {
        let owner = request.owner.number();
        let Some(blocker) = self.blocker(owner, request.set.items(), u64::MAX) else {
            let key = self.grant(request, effects);
            if !self.waits.is_empty() {
                self.settle(&mut Vec::new(), effects);
            }
            return Answer::Granted(key);
        };
        if let Some(cycle) = self.cycle(&request.owner, request.set.items()) {
            return Answer::Deadlock(cycle, request);
        }
        if !patient {
            return Answer::Refused(blocker, request);
        }
        let key = self.enqueue(request);
        // Whoever waits behind somebody who waits for this owner may overtake that one now.
        self.settle(&mut Vec::new(), effects);
        Answer::Waiting(key)
    }

    /// A wait is given up.
    pub(super) fn withdraw(&mut self, wait: Key, effects: &mut Effects) -> Option<Wait> {
        let wait = self.dequeue(wait)?;
        self.settle(&mut wait.request.set.items().to_vec(), effects);
        Some(wait)
    }

    /// A grant ends. If it does not by its owner's own word, what that has on its way is stopped where the config wants it
    /// (L6).
    pub(super) fn end(&mut self, grant: Key, deliberate: bool, effects: &mut Effects) -> Option<Grant> {
        let ended = self.remove_grant(grant)?;
        if !deliberate {
            self.stop_what_runs(&ended.owner, &ended.set, effects);
        }
        if !self.waits.is_empty() {
            self.settle(&mut ended.set.items().to_vec(), effects);
        }
        Some(ended)
    }

    /// Gives these targets back, and those that they cover. `None` if there is no such grant; `Err` with what is held only
    /// as a part of something greater. A grant of which nothing is left stays until it ends.
    pub(super) fn narrow(&mut self, grant: Key, gone: &TargetSet, effects: &mut Effects) -> Option<Result<(), Target>> {
        let set = self.grants.get(grant)?.set.clone();
        let left = match self.without(&set, gone) {
            Ok(left) => left,
            Err(greater) => return Some(Err(greater)),
        };
        self.reshape(grant, left);
        self.settle(&mut set.items().to_vec(), effects);
        Some(Ok(()))
    }

    /// Everything that an owner has or waits for ends.
    pub(super) fn leave(&mut self, owner: u64, effects: &mut Effects) -> (Vec<(Key, Grant)>, Vec<Wait>) {
        let grants: Vec<Key> = self.grants_of(owner).collect();
        let waits = self
            .owners
            .get(&owner)
            .map_or_else(Vec::new, |having| having.waits.clone());
        let mut touched = Vec::new();
        let waits: Vec<_> = waits.into_iter().filter_map(|wait| self.dequeue(wait)).collect();
        let mut ended = Vec::new();
        for key in grants {
            ended.extend(self.remove_grant(key).map(|grant| (key, grant)));
        }
        for wait in &waits {
            touched.extend_from_slice(wait.request.set.items());
        }
        for (_, grant) in &ended {
            self.stop_what_runs(&grant.owner, &grant.set, effects);
            touched.extend_from_slice(grant.set.items());
        }
        self.settle(&mut touched, effects);
        (ended, waits)
    }

    fn grants_of(&self, owner: u64) -> impl Iterator<Item = Key> {
        let own = move |(key, grant): (Key, &Grant)| (grant.owner.number() == owner).then_some(key);
        self.grants.iter().filter_map(own)
    }

    pub(super) fn grant_at(&self, grant: Key) -> Option<&Grant> {
        self.grants.get(grant)
    }

    /// Sets when a grant ends by itself. `None` if it has ended; else what was so before.
    pub(super) fn set_lease(&mut self, grant: Key, lease: Option<Time>) -> Option<Option<Time>> {
        let grant = self.grants.get_mut(grant)?;
        Some(std::mem::replace(&mut grant.lease, lease))
    }

    pub(super) fn wait_at(&self, wait: Key) -> Option<&Wait> {
        self.waits.get(wait)
    }

    /// What a request waits for, and the request.
    pub(super) fn blocker_of(&self, wait: Key) -> Option<(Blocker, &Request)> {
        let wait = self.waits.get(wait)?;
        let request = &wait.request;
        let blocker = self.blocker(request.owner.number(), request.set.items(), wait.arrival)?;
        Some((blocker, request))
    }

    pub(super) fn has_waits(&self) -> bool {
        !self.waits.is_empty()
    }
}

/// Removes a claim; their order means nothing.
fn remove(claims: &mut Vec<Claim>, key: Key) {
    if let Some(at) = claims.iter().position(|claim| claim.key == key) {
        claims.swap_remove(at);
    }
}

/// Mixes the numbers of owners, which are given out one by one: all that their map needs.
#[derive(Clone, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(26);
    }
}

#[cfg(test)]
mod tests;
