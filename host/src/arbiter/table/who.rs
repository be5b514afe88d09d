//! Who has what, since when and why, and who waits for it.

use std::sync::Arc;

use super::{Doing, Key, Table, Target, TargetSet};
use crate::{clock::Time, owner::OwnerId};

/// One thing that can keep others from a set of targets.
#[derive(Clone, Debug)]
pub struct Row {
    /// Whether it is a lock, a call that runs without one, or write protection.
    pub kind: RowKind,
    /// What it is on, as it was asked for; of a broken lock, what is left.
    pub targets: Vec<String>,
    /// All that this covers: `targets`, and the members of composites.
    pub covers: Vec<String>,
    /// Whose it is; of a protection, who put it there.
    pub owner: OwnerId,
    /// Since when.
    pub since: Time,
    /// Why, in the owner's words.
    pub note: Option<Arc<str>>,
    /// When the lock ends by itself.
    pub lease: Option<Time>,
    /// What the owner's calls do there now. A lock that has ended is the next one's when these have (L6).
    pub running: Vec<Doing>,
    /// Who waits for any of it, first come first.
    pub waiting: Vec<Waiting>,
}

/// What a [`Row`] tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A lock.
    Lock,
    /// A write or command of somebody who has no lock there, or none any more.
    Running,
    /// Write protection, until it is taken back.
    Protected,
    /// Write protection, until the host ends.
    ProtectedForGood,
}

/// Somebody who waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Who.
    pub owner: OwnerId,
    /// For what.
    pub targets: Vec<String>,
    /// Since when.
    pub since: Time,
    /// Why, in the owner's words.
    pub note: Option<Arc<str>>,
}

impl Table {
    /// Everything that keeps anybody from anything: locks, then calls that run without one, then what is protected; each in
    /// the order in which it came.
    pub(in crate::arbiter) fn who(&self) -> Vec<Row> {
        let mut grants: Vec<_> = self.grants.iter().map(|(_, grant)| grant).collect();
        grants.sort_by_key(|grant| grant.arrival);
        let mut rows: Vec<_> = grants.into_iter().map(|grant| self.row_of_grant(grant)).collect();
        let mut running: Vec<_> = self.holds.iter().filter(|(_, hold)| !self.is_covered(hold)).collect();
        running.sort_by_key(|(key, hold)| (hold.since, *key));
        rows.extend(running.into_iter().map(|(_, hold)| Row {
            kind: RowKind::Running,
            running: vec![hold.what.clone()],
            ..self.row(&hold.owner, &hold.set, hold.since)
        }));
        let mut protected: Vec<_> = self.protections.iter().collect();
        protected.sort_by_key(|(key, protection)| (protection.since, *key));
        rows.extend(protected.into_iter().map(|(_, protection)| Row {
            kind: match protection.permanent {
                true => RowKind::ProtectedForGood,
                false => RowKind::Protected,
            },
            note: protection.note.clone(),
            waiting: Vec::new(),
            ..self.row(&protection.by, &protection.set, protection.since)
        }));
        rows
    }

    /// Whose locks are on a device, and on what of it.
    pub(in crate::arbiter) fn holders_at(&self, device: usize) -> impl Iterator<Item = (&OwnerId, Target)> {
        let claims = self.nodes[device].grants.iter();
        claims.map(|claim| (&self.grants[claim.key].owner, claim.target))
    }

    /// The lock that covers a target, or a part of it; of several, the oldest.
    pub(in crate::arbiter) fn holder_of(&self, item: Target) -> Option<Row> {
        let claims = self.nodes[item.device_index()].grants.iter();
        let claims = claims.filter(|claim| claim.target.overlaps(item));
        let grants = claims.map(|claim| &self.grants[claim.key]);
        grants
            .min_by_key(|grant| grant.arrival)
            .map(|grant| self.row_of_grant(grant))
    }

    pub(in crate::arbiter) fn row_of_grant(&self, grant: &super::Grant) -> Row {
        let owner = grant.owner.number();
        Row {
            note: grant.note.clone(),
            lease: grant.lease,
            running: self.running_on(owner, &grant.set),
            ..self.row(&grant.owner, &grant.set, grant.since)
        }
    }

    fn row(&self, owner: &OwnerId, set: &TargetSet, since: Time) -> Row {
        Row {
            kind: RowKind::Lock,
            targets: self.targets.names(set),
            covers: set.items().iter().map(|item| self.targets.name(*item)).collect(),
            owner: owner.clone(),
            since,
            note: None,
            lease: None,
            running: Vec::new(),
            waiting: self.waiting_for(owner.number(), set),
        }
    }

    /// What the calls of an owner do on a set.
    pub(in crate::arbiter) fn running_on(&self, owner: u64, set: &TargetSet) -> Vec<Doing> {
        let claims = set.items().iter().flat_map(|item| {
            let holds = self.nodes[item.device_index()].holds.iter();
            holds.filter(|claim| claim.owner == owner && claim.target.overlaps(*item))
        });
        let mut keys: Vec<_> = claims.map(|claim| (self.holds[claim.key].since, claim.key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter().map(|(_, key)| self.holds[key].what.clone()).collect()
    }

    /// Those that wait for any of a set, and those behind them.
    fn waiting_for(&self, owner: u64, set: &TargetSet) -> Vec<Waiting> {
        let waiters = set
            .items()
            .iter()
            .flat_map(|item| self.conflicting(owner, *item, u64::MAX));
        let mut found: Vec<(u64, Key)> = waiters.map(|(place, _)| (place.arrival, place.key)).collect();
        found.sort_unstable();
        found.dedup();
        let mut next = 0;
        while let Some(&(arrival, key)) = found.get(next) {
            next += 1;
            let request = &self.waits[key].request;
            for item in request.set.items() {
                let behind = self.conflicting(request.owner.number(), *item, u64::MAX);
                let behind = behind.map(|(place, _)| (place.arrival, place.key));
                let new: Vec<_> = behind
                    .filter(|place| place.0 > arrival && !found.contains(place))
                    .collect();
                found.extend(new);
            }
        }
        found.sort_unstable();
        let waits = found.into_iter().map(|(_, key)| &self.waits[key].request);
        let waits = waits.filter(|request| request.owner.number() != owner);
        waits
            .map(|request| Waiting {
                owner: request.owner.clone(),
                targets: self.targets.names(&request.set),
                since: request.time,
                note: request.note.clone(),
            })
            .collect()
    }

    /// Whether all of a call's targets are its owner's.
    fn is_covered(&self, hold: &super::Hold) -> bool {
        let owner = hold.owner.number();
        hold.set.items().iter().all(|item| {
            let grants = &self.nodes[item.device_index()].grants;
            grants
                .iter()
                .any(|claim| claim.owner == owner && claim.target.covers(*item))
        })
    }
}
