//! Keeping the books: who is next, and what is entered where.

use std::collections::VecDeque;

use super::{Claim, Effects, Grant, Having, Key, Place, Queue, Request, Table, Target, TargetSet, Wait, remove};

impl Table {
    /// Grants what nothing is in the way of any more, oldest first, after something ended on `touched`.
    pub(super) fn settle(&mut self, touched: &mut Vec<Target>, effects: &mut Effects) {
        while !self.waits.is_empty() {
            let Some(next) = self.next_unblocked(touched) else {
                return;
            };
            let wait = self.dequeue(next).expect("it was found among the waits");
            let ticket = wait.request.ticket;
            let before = effects.refused.len();
            let key = self.grant(wait.request, effects);
            effects.granted.push((ticket, key));
            // What was refused over that does not stand in anybody's way any more, either.
            if effects.refused.len() > before {
                touched.extend(
                    self.nodes
                        .iter()
                        .flat_map(|node| node.queues.iter().map(|queue| queue.target)),
                );
            }
        }
    }

    /// The oldest wait with nothing in its way, among those that can have become so.
    fn next_unblocked(&self, touched: &[Target]) -> Option<Key> {
        let heads = touched.iter().flat_map(|target| {
            let queues = self.nodes[target.device_index()].queues.iter();
            let heads = queues.filter(|queue| queue.target.overlaps(*target));
            heads.filter_map(|queue| queue.waits.front().map(|place| place.key))
        });
        let special = self.special.iter().flat_map(|owner| &self.owners[owner].waits).copied();
        let mut candidates: Vec<_> = heads.chain(special).map(|key| (self.waits[key].arrival, key)).collect();
        candidates.sort_unstable();
        candidates.dedup();
        let free = |key: Key| {
            let wait = &self.waits[key];
            let owner = wait.request.owner.number();
            self.blocker(owner, wait.request.set.items(), wait.arrival).is_none()
        };
        candidates.into_iter().map(|(_, key)| key).find(|&key| free(key))
    }

    pub(super) fn grant(&mut self, request: Request, effects: &mut Effects) -> Key {
        let Request { owner, set, note, .. } = request;
        let number = owner.number();
        self.arrivals += 1;
        let key = self.grants.insert(Grant {
            owner,
            set,
            note,
            since: effects.now,
            lease: None,
            arrival: self.arrivals,
            broken: Vec::new(),
        });
        self.claim(key);
        self.having(number, |having| having.grants += 1);
        if !self.waits.is_empty() {
            self.refuse_cycles_of(number, effects);
        }
        key
    }

    /// Lets a grant have its set.
    fn claim(&mut self, key: Key) {
        let Table { grants, nodes, .. } = self;
        let grant = &grants[key];
        let owner = grant.owner.number();
        for &target in grant.set.items() {
            let node = &mut nodes[target.device_index()];
            node.grants.push(Claim {
                target,
                owner,
                key,
                alone: false,
            });
            // Locked anew (L9).
            if !node.broken.is_empty() {
                node.broken
                    .retain(|broken| !(broken.owner == owner && target.covers(broken.target)));
            }
        }
    }

    fn disclaim(&mut self, grant: Key, set: &TargetSet) {
        for target in set.items() {
            let claims = &mut self.nodes[target.device_index()].grants;
            remove(claims, grant);
        }
    }

    /// Gives a grant another set.
    pub(super) fn reshape(&mut self, grant: Key, set: TargetSet) {
        let before = std::mem::replace(&mut self.grants[grant].set, set);
        self.disclaim(grant, &before);
        self.claim(grant);
    }

    pub(super) fn remove_grant(&mut self, key: Key) -> Option<Grant> {
        let grant = self.grants.remove(key)?;
        self.disclaim(key, &grant.set);
        for target in &grant.broken {
            let broken = &mut self.nodes[target.device_index()].broken;
            broken.retain(|broken| broken.grant != key);
        }
        self.having(grant.owner.number(), |having| having.grants -= 1);
        Some(grant)
    }

    pub(super) fn enqueue(&mut self, request: Request) -> Key {
        self.arrivals += 1;
        let (owner, set) = (request.owner.number(), request.set.clone());
        let arrival = self.arrivals;
        let key = self.waits.insert(Wait { request, arrival });
        for &target in set.items() {
            let queues = &mut self.nodes[target.device_index()].queues;
            let at = queues.iter().position(|queue| queue.target == target);
            let at = at.unwrap_or_else(|| {
                let waits = VecDeque::new();
                queues.push(Queue { target, waits });
                queues.len() - 1
            });
            queues[at].waits.push_back(Place { arrival, owner, key });
        }
        self.having(owner, |having| having.waits.push(key));
        key
    }

    pub(super) fn dequeue(&mut self, key: Key) -> Option<Wait> {
        let wait = self.waits.remove(key)?;
        for target in wait.request.set.items() {
            let queues = &mut self.nodes[target.device_index()].queues;
            let at = queues.iter().position(|queue| queue.target == *target);
            let at = at.expect("a wait is in the queue of each of its targets");
            let queue = &mut queues[at].waits;
            if let Ok(place) = queue.binary_search_by_key(&wait.arrival, |place| place.arrival) {
                queue.remove(place);
            }
            if queue.is_empty() {
                queues.swap_remove(at);
            }
        }
        self.having(wait.request.owner.number(), |having| {
            having.waits.retain(|other| *other != key)
        });
        Some(wait)
    }

    /// Changes what an owner has, and keeps up whether it may overtake.
    fn having(&mut self, owner: u64, change: impl FnOnce(&mut Having)) {
        let having = self.owners.entry(owner).or_default();
        change(having);
        let (grants, waits) = (having.grants, having.waits.len());
        let special = waits > 0 && (grants > 0 || waits > 1);
        if special != std::mem::replace(&mut having.special, special) {
            match special {
                true => self.special.push(owner),
                false => self.special.retain(|other| *other != owner),
            }
        }
        if self.owners.len() > self.sweep_at {
            self.sweep();
        }
    }

    /// Forgets owners that have nothing. Most of them come back for more, so that is done once in a while.
    pub(super) fn sweep(&mut self) {
        self.owners
            .retain(|_, having| having.grants > 0 || !having.waits.is_empty());
        self.sweep_at = 2 * self.owners.len() + 64;
    }

    /// An owner has been granted something: those of its other waits that wait for each other now, over that, are refused.
    fn refuse_cycles_of(&mut self, owner: u64, effects: &mut Effects) {
        let Some(having) = self.owners.get(&owner).filter(|having| !having.waits.is_empty()) else {
            return;
        };
        for key in having.waits.clone() {
            let request = &self.waits[key].request;
            if let Some(cycle) = self.cycle(&request.owner, request.set.items())
                && let Some(wait) = self.dequeue(key)
            {
                effects.refused.push((wait.request, cycle));
            }
        }
    }
}
