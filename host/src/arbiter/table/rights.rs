//! Breaking other people's locks (L9), and protecting things from everybody (L10).

use std::sync::Arc;

use super::{Effects, Key, Table, Target, TargetSet};
use crate::{clock::Time, owner::OwnerId};

/// What was broken of a lock, as its old holder is told.
#[derive(Clone)]
pub(in crate::arbiter) struct Broken {
    pub(in crate::arbiter) target: Target,
    pub(in crate::arbiter) owner: u64,
    pub(in crate::arbiter) grant: Key,
    pub(in crate::arbiter) by: OwnerId,
    pub(in crate::arbiter) time: Time,
}

/// Write protection: nobody writes, until it is taken back.
#[derive(Clone)]
pub(in crate::arbiter) struct Protection {
    pub(in crate::arbiter) by: OwnerId,
    pub(in crate::arbiter) set: TargetSet,
    pub(in crate::arbiter) note: Option<Arc<str>>,
    pub(in crate::arbiter) since: Time,
    /// It stays until the host ends.
    pub(in crate::arbiter) permanent: bool,
}

/// Why nothing was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::arbiter) enum NotBroken {
    /// Nobody has it.
    Free,
    /// Somebody else than was said has it.
    Other(Key, Target),
}

/// Why something stays as protected as it is, or as it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::arbiter) enum Unchanged {
    /// Somebody else has it locked.
    Locked(Key, Target),
    /// It is for good.
    Permanent(Key, Target),
    /// It is a part of this, which is protected as a whole.
    PartOf(Target),
    /// It is not protected at all.
    Not,
}

impl Table {
    /// The locks on a target are broken, if it is `holder` who has them. Gives what each of them has lost.
    pub(in crate::arbiter) fn break_lock(
        &mut self,
        set: &TargetSet,
        holder: u64,
        by: &OwnerId,
        now: Time,
        effects: &mut Effects,
    ) -> Result<Vec<(Key, TargetSet)>, NotBroken> {
        let mut found: Vec<Key> = Vec::new();
        let mut other = None;
        for item in set.items() {
            let claims = self.nodes[item.device_index()].grants.iter();
            for claim in claims.filter(|claim| claim.target.overlaps(*item)) {
                if claim.owner != holder {
                    other = other.or(Some((claim.key, claim.target)));
                } else if !found.contains(&claim.key) {
                    found.push(claim.key);
                }
            }
        }
        if found.is_empty() {
            return Err(other.map_or(NotBroken::Free, |(key, target)| NotBroken::Other(key, target)));
        }
        let lost = found
            .iter()
            .map(|&grant| (grant, self.break_grant(grant, set, by, now)));
        let lost: Vec<_> = lost.collect();
        for (grant, gone) in &lost {
            let owner = self.grants[*grant].owner.clone();
            self.stop_what_runs(&owner, gone, effects);
        }
        let mut touched: Vec<_> = lost.iter().flat_map(|(_, gone)| gone.items().to_vec()).collect();
        self.settle(&mut touched, effects);
        Ok(lost)
    }

    /// Takes from a grant whatever of it overlaps `set`, and keeps in mind who did it. Gives what it was.
    fn break_grant(&mut self, grant: Key, set: &TargetSet, by: &OwnerId, now: Time) -> TargetSet {
        let before = self.grants[grant].set.clone();
        let hit = |target: &&Target| {
            self.targets
                .set([**target])
                .items()
                .iter()
                .any(|item| set.overlaps(*item))
        };
        let (gone, left): (Vec<_>, Vec<_>) = before.named().iter().partition(hit);
        let (gone, left) = (self.targets.set(gone), self.targets.set(left));
        self.reshape(grant, left.clone());
        let owner = self.grants[grant].owner.number();
        for &target in gone.items().iter().filter(|item| !left.covers(**item)) {
            self.grants[grant].broken.push(target);
            self.nodes[target.device_index()].broken.push(Broken {
                target,
                owner,
                grant,
                by: by.clone(),
                time: now,
            });
        }
        gone
    }

    /// Who broke what an owner had there.
    pub(in crate::arbiter) fn broken_at(&self, owner: u64, target: Target) -> Option<&Broken> {
        let broken = &self.nodes[target.device_index()].broken;
        broken
            .iter()
            .rev()
            .find(|broken| broken.owner == owner && broken.target == target)
    }

    /// Nobody writes to these any more.
    pub(in crate::arbiter) fn protect(&mut self, protection: Protection) -> Result<Key, Unchanged> {
        let owner = protection.by.number();
        let set = protection.set.clone();
        if let Some((key, target)) = self.foreign_grant(owner, set.items()) {
            return Err(Unchanged::Locked(key, target));
        }
        let key = self.protections.insert(protection);
        for &target in set.items() {
            self.nodes[target.device_index()].protected.push((target, key));
        }
        Ok(key)
    }

    /// These may be written again, and all that they cover. All of them, or none.
    pub(in crate::arbiter) fn unprotect(&mut self, set: &TargetSet) -> Result<(), Unchanged> {
        let mut found: Vec<Key> = Vec::new();
        for item in set.items() {
            let protected = self.nodes[item.device_index()].protected.iter();
            for (target, key) in protected.filter(|(target, _)| target.overlaps(*item)) {
                if self.protections[*key].permanent {
                    return Err(Unchanged::Permanent(*key, *target));
                }
                if !found.contains(key) {
                    found.push(*key);
                }
            }
        }
        if found.is_empty() {
            return Err(Unchanged::Not);
        }
        let left = |key: Key| Ok((key, self.without(&self.protections[key].set, set)?));
        let left: Result<Vec<_>, _> = found.into_iter().map(left).collect();
        for (key, left) in left.map_err(Unchanged::PartOf)? {
            self.reprotect(key, left);
        }
        Ok(())
    }

    fn reprotect(&mut self, key: Key, left: TargetSet) {
        let before = std::mem::replace(&mut self.protections[key].set, left.clone());
        for item in before.items() {
            self.nodes[item.device_index()]
                .protected
                .retain(|(_, other)| *other != key);
        }
        for &target in left.items() {
            self.nodes[target.device_index()].protected.push((target, key));
        }
        if left.is_empty() {
            self.protections.remove(key);
        }
    }

    pub(in crate::arbiter) fn protection_at(&self, key: Key) -> Option<&Protection> {
        self.protections.get(key)
    }

    /// What is left of a set when others are gone from it, with what they cover. `Err` names what covers one of those, so
    /// that it cannot go alone.
    pub(super) fn without(&self, set: &TargetSet, gone: &TargetSet) -> Result<TargetSet, Target> {
        let goes = |target: &&Target| gone.named().iter().any(|gone| gone.covers(**target));
        let left = set.named().iter().filter(|target| !goes(target));
        let left = self.targets.set(left.copied());
        // A member of a composite that stays is not free, whatever was asked for.
        let stays = |target: &&Target| left.overlaps(**target);
        match gone.named().iter().filter(|target| set.overlaps(**target)).find(stays) {
            Some(part) => {
                let covers = |target: &&Target| self.targets.set([**target]).overlaps(*part);
                Err(*left.named().iter().find(covers).unwrap_or(part))
            }
            None => Ok(left),
        }
    }
}
