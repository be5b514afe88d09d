//! Writes and commands: whether they may begin, and what they hold until they are resolved (L4, L5, L7, C7).

use std::sync::Arc;

use super::{Blocker, Claim, Effects, Key, Node, Table, Target, TargetSet, remove};
use crate::{clock::Time, owner::OwnerId};

/// A write or command on its way: a hold on its targets (L4).
#[derive(Clone)]
pub(in crate::arbiter) struct Hold {
    pub(in crate::arbiter) owner: OwnerId,
    pub(in crate::arbiter) set: TargetSet,
    pub(in crate::arbiter) what: Doing,
    pub(in crate::arbiter) since: Time,
}

/// What a call does, for people: `write of stage.position`.
#[derive(Clone, Debug, PartialEq)]
pub struct Doing {
    /// `write` or `command`.
    pub verb: &'static str,
    /// Name of the device.
    pub device: Arc<str>,
    /// Name of the parameter or command; may be empty.
    pub member: Arc<str>,
}

impl std::fmt::Display for Doing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.verb, self.device)?;
        match self.member.is_empty() {
            true => Ok(()),
            false => write!(f, ".{}", self.member),
        }
    }
}

/// Why a write may not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::arbiter) enum Denial {
    /// Somebody else has it.
    Locked(Key, Target),
    /// Somebody is about to have it, as soon as the calls that run have ended.
    Awaited(Key, Target),
    /// It is a member that a call of somebody else moves, or one that this call would move.
    Moving(Key, Target),
    Protected(Key, Target),
    /// The writer's own lock was broken; the place of that among the broken ones of the device.
    Broken(Target),
}

impl Table {
    /// A write or command begins, if it may. `recovery` is not kept from what is protected (L10).
    pub(in crate::arbiter) fn hold(&mut self, hold: Hold, recovery: bool) -> Result<Key, Denial> {
        let owner = hold.owner.number();
        match self.denial(owner, &hold.set, recovery) {
            Some(denial) => Err(denial),
            None => Ok(self.insert_hold(hold)),
        }
    }

    pub(super) fn insert_hold(&mut self, hold: Hold) -> Key {
        let (owner, set) = (hold.owner.number(), hold.set.clone());
        let key = self.holds.insert(hold);
        for &target in set.items() {
            self.nodes[target.device_index()].holds.push(Claim {
                target,
                owner,
                key,
                alone: set.is_composite(),
            });
        }
        key
    }

    /// A call is resolved.
    pub(in crate::arbiter) fn release(&mut self, hold: Key, effects: &mut Effects) -> Option<Hold> {
        let hold = {
            let record = self.holds.remove(hold)?;
            for target in record.set.items() {
                remove(&mut self.nodes[target.device_index()].holds, hold);
            }
            record
        };
        if !self.waits.is_empty() {
            self.settle(&mut hold.set.items().to_vec(), effects);
        }
        Some(hold)
    }

    pub(in crate::arbiter) fn hold_at(&self, hold: Key) -> Option<&Hold> {
        self.holds.get(hold)
    }

    /// Whether calls of an owner run on any of these.
    pub(in crate::arbiter) fn runs(&self, owner: u64, set: &TargetSet) -> bool {
        set.items().iter().any(|item| {
            let holds = &self.nodes[item.device_index()].holds;
            holds
                .iter()
                .any(|claim| claim.owner == owner && claim.target.overlaps(*item))
        })
    }

    /// Why somebody may not write to these now.
    pub(in crate::arbiter) fn denial(&self, owner: u64, set: &TargetSet, recovery: bool) -> Option<Denial> {
        let mut items = set.items().iter();
        items.find_map(|&item| {
            let node = &self.nodes[item.device_index()];
            match node.is_quiet() {
                true => None,
                false => self.denial_of(node, owner, item, set.is_composite(), recovery),
            }
        })
    }

    fn denial_of(&self, node: &Node, owner: u64, item: Target, composite: bool, recovery: bool) -> Option<Denial> {
        let protected = node.protected.iter().find(|(target, _)| target.overlaps(item));
        if let Some((target, key)) = protected.filter(|_| !recovery) {
            return Some(Denial::Protected(*key, *target));
        }
        let mut grants = node.grants.iter().filter(|claim| claim.target.overlaps(item));
        let has_it = grants
            .clone()
            .any(|claim| claim.owner == owner && claim.target.covers(item));
        let broken = node
            .broken
            .iter()
            .find(|broken| broken.owner == owner && broken.target.overlaps(item));
        if let Some(broken) = broken.filter(|_| !has_it) {
            return Some(Denial::Broken(broken.target));
        }
        if let Some(claim) = grants.find(|claim| claim.owner != owner) {
            return Some(Denial::Locked(claim.key, claim.target));
        }
        let mut moving = node
            .holds
            .iter()
            .filter(|claim| claim.owner != owner && (composite || claim.alone));
        if let Some(claim) = moving.find(|claim| claim.target.overlaps(item)) {
            return Some(Denial::Moving(claim.key, claim.target));
        }
        self.awaiting(node, owner, item)
            .map(|(key, target)| Denial::Awaited(key, target))
    }

    /// Somebody who waits for `item` and only for calls to end: that is given no reason to wait on (L4).
    fn awaiting(&self, node: &Node, owner: u64, item: Target) -> Option<(Key, Target)> {
        if node.queues.is_empty() {
            return None;
        }
        // Of those that have nothing and wait once, only the first of a queue can be next.
        let queues = node.queues.iter().filter(|queue| queue.target.overlaps(item));
        let heads = queues.filter_map(|queue| Some((queue.waits.front()?.key, queue.target)));
        let special = self.special.iter().flat_map(|owner| &self.owners[owner].waits);
        let special = special.filter_map(|key| {
            let mut wanted = self.waits[*key].request.set.items().iter();
            Some((*key, *wanted.find(|wanted| wanted.overlaps(item))?))
        });
        heads.chain(special).find(|(key, _)| {
            let wait = &self.waits[*key];
            let waiter = wait.request.owner.number();
            let blocker = self.blocker(waiter, wait.request.set.items(), wait.arrival);
            waiter != owner && matches!(blocker, Some(Blocker::Hold(..)))
        })
    }

    /// A lock of `owner` on `set` has ended by itself: what its calls do there is stopped where the config wants that,
    /// and where no other lock of the owner covers them.
    pub(super) fn stop_what_runs(&self, owner: &OwnerId, set: &TargetSet, effects: &mut Effects) {
        for item in set.items() {
            let device = item.device_index();
            let told = effects
                .stops
                .iter()
                .any(|(other, whose)| *other == device && whose == owner);
            if told || !self.targets.stops_on_disconnect(device) {
                continue;
            }
            let node = &self.nodes[device];
            let mine = |claim: &&Claim| claim.owner == owner.number();
            let covered = |target: Target| node.grants.iter().filter(mine).any(|claim| claim.target.covers(target));
            let mut runs = node
                .holds
                .iter()
                .filter(mine)
                .filter(|claim| claim.target.overlaps(*item));
            if runs.any(|claim| !covered(claim.target)) {
                effects.stops.push((device, owner.clone()));
            }
        }
    }
}

impl Node {
    /// Whether nothing of it can keep anybody from writing.
    fn is_quiet(&self) -> bool {
        self.grants.is_empty()
            && self.holds.is_empty()
            && self.queues.is_empty()
            && self.broken.is_empty()
            && self.protected.is_empty()
    }
}
