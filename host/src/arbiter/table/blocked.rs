//! Who is in whose way (L2).

use super::{Key, Place, Table, Target};
use crate::{arbiter::table::Link, owner::OwnerId};

/// What a request waits for. Of several, a grant comes before a waiter, and that before a hold, which ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::arbiter) enum Blocker {
    Grant(Key, Target),
    Waiter(Key, Target),
    Hold(Key, Target),
}

impl Table {
    /// What is in the way of a request that came as `arrival`; `None` if it can be granted.
    pub(super) fn blocker(&self, owner: u64, items: &[Target], arrival: u64) -> Option<Blocker> {
        self.foreign_grant(owner, items)
            .map(|(key, target)| Blocker::Grant(key, target))
            .or_else(|| self.earlier_waiter(owner, items, arrival))
            .or_else(|| self.foreign_hold(owner, items))
    }

    pub(super) fn foreign_grant(&self, owner: u64, items: &[Target]) -> Option<(Key, Target)> {
        items.iter().find_map(|item| {
            let mut claims = self.nodes[item.device_index()].grants.iter();
            let found = claims.find(|claim| claim.owner != owner && claim.target.overlaps(*item))?;
            Some((found.key, found.target))
        })
    }

    fn foreign_hold(&self, owner: u64, items: &[Target]) -> Option<Blocker> {
        items.iter().find_map(|item| {
            let mut claims = self.nodes[item.device_index()].holds.iter();
            let found = claims.find(|claim| claim.owner != owner && claim.target.overlaps(*item))?;
            Some(Blocker::Hold(found.key, found.target))
        })
    }

    /// A foreign waiter that came before and may not be overtaken.
    fn earlier_waiter(&self, owner: u64, items: &[Target], arrival: u64) -> Option<Blocker> {
        if self.waits.is_empty() {
            return None;
        }
        let grows = self.owners.get(&owner).is_some_and(|having| having.grants > 0);
        let mut earlier = items.iter().flat_map(|item| self.conflicting(owner, *item, arrival));
        let found = earlier.find(|(place, _)| !(grows && self.waits_for(place.key, owner)));
        found.map(|(place, target)| Blocker::Waiter(place.key, target))
    }

    /// Foreign waiters that came before `arrival` and want what overlaps `item`.
    pub(super) fn conflicting(&self, owner: u64, item: Target, arrival: u64) -> impl Iterator<Item = (Place, Target)> {
        let queues = self.nodes[item.device_index()].queues.iter();
        let queues = queues.filter(move |queue| queue.target.overlaps(item));
        queues.flat_map(move |queue| {
            let earlier = queue.waits.iter().take_while(move |place| place.arrival < arrival);
            let foreign = earlier.filter(move |place| place.owner != owner);
            foreign.map(|place| (*place, queue.target))
        })
    }

    /// Whether a wait is, transitively, for a grant of `owner`: it waits for grants, and with them for all that their
    /// owners wait for, and for conflicting waiters that came before it.
    fn waits_for(&self, wait: Key, owner: u64) -> bool {
        let mut seen = vec![wait];
        let mut next = 0;
        while let Some(&key) = seen.get(next) {
            next += 1;
            let wait = &self.waits[key];
            let waiter = wait.request.owner.number();
            for item in wait.request.set.items() {
                for claim in &self.nodes[item.device_index()].grants {
                    if claim.owner == waiter || !claim.target.overlaps(*item) {
                        continue;
                    }
                    if claim.owner == owner {
                        return true;
                    }
                    let theirs = self.owners.get(&claim.owner);
                    for key in theirs.into_iter().flat_map(|having| &having.waits) {
                        see(&mut seen, *key);
                    }
                }
                for (place, _) in self.conflicting(waiter, *item, wait.arrival) {
                    see(&mut seen, place.key);
                }
            }
        }
        false
    }

    /// The cycle of grants that would be closed if `owner` waited for `items`, beginning and ending with it.
    pub(super) fn cycle(&self, owner: &OwnerId, items: &[Target]) -> Option<Vec<Link>> {
        // Whoever has nothing is waited for by nobody.
        self.owners.get(&owner.number()).filter(|having| having.grants > 0)?;
        let mut path = Vec::new();
        let mut seen = vec![owner.number()];
        self.search(owner, items, &mut path, &mut seen).then_some(path)
    }

    fn search(&self, waiter: &OwnerId, items: &[Target], path: &mut Vec<Link>, seen: &mut Vec<u64>) -> bool {
        let origin = seen[0];
        for item in items {
            for claim in &self.nodes[item.device_index()].grants {
                if claim.owner == waiter.number() || !claim.target.overlaps(*item) {
                    continue;
                }
                let is_new = !seen.contains(&claim.owner);
                if !is_new && claim.owner != origin {
                    continue;
                }
                let holder = &self.grants[claim.key].owner;
                path.push(Link {
                    waiter: waiter.clone(),
                    target: claim.target,
                    holder: holder.clone(),
                });
                if claim.owner == origin {
                    return true;
                }
                seen.push(claim.owner);
                let waits = &self.owners[&claim.owner].waits;
                if waits
                    .iter()
                    .any(|key| self.search(holder, self.waits[*key].request.set.items(), path, seen))
                {
                    return true;
                }
                path.pop();
            }
        }
        false
    }
}

fn see(seen: &mut Vec<Key>, key: Key) {
    if !seen.contains(&key) {
        seen.push(key);
    }
}
