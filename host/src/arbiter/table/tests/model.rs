//! What the rules say, without any index: each event looks at everything.

/// What of a device is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    None,
    Whole,
    /// Some of its parameters, a bit for each.
    Parts(u8),
}

/// For each device, what of it.
pub(super) type Set = Vec<Scope>;

/// Who has what, who waits, oldest first, and whose calls run.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Model {
    pub(super) grants: Vec<(usize, Set)>,
    pub(super) waits: Vec<(usize, Set)>,
    pub(super) holds: Vec<(usize, Set)>,
}

pub(super) fn overlap(one: &Set, other: &Set) -> bool {
    one.iter().zip(other).any(|pair| match pair {
        (Scope::None, _) | (_, Scope::None) => false,
        (Scope::Whole, _) | (_, Scope::Whole) => true,
        (Scope::Parts(one), Scope::Parts(other)) => one & other != 0,
    })
}

/// Whether it is all that there is: the composite's.
fn is_all(set: &Set) -> bool {
    set.iter().all(|scope| *scope == Scope::Whole)
}

use super::Outcome;

impl Model {
    pub(super) fn request(&mut self, owner: usize, set: &Set, patient: bool) -> Outcome {
        self.waits.push((owner, set.clone()));
        let last = self.waits.len() - 1;
        if self.is_free(last) {
            self.waits.pop();
            self.grant(owner, set.clone());
            self.settle();
            return Outcome::Granted;
        }
        if self.closes_cycle(owner) {
            self.waits.pop();
            return Outcome::Deadlock;
        }
        if !patient {
            self.waits.pop();
            return Outcome::Refused;
        }
        self.settle();
        Outcome::Waiting
    }

    /// Gives it, and refuses what its owner would wait for in vain then.
    fn grant(&mut self, owner: usize, set: Set) {
        self.grants.push((owner, set));
        let own = |waits: &[(usize, Set)]| {
            waits
                .iter()
                .filter(|(other, _)| *other == owner)
                .cloned()
                .collect::<Vec<_>>()
        };
        for wait in own(&self.waits) {
            if self.closes_cycle_by(owner, &wait.1) {
                let at = self.waits.iter().position(|other| *other == wait).unwrap();
                self.waits.remove(at);
            }
        }
    }

    pub(super) fn end(&mut self, at: usize) {
        self.grants.remove(at);
        self.settle();
    }

    pub(super) fn withdraw(&mut self, at: usize) {
        self.waits.remove(at);
        self.settle();
    }

    pub(super) fn leave(&mut self, owner: usize) {
        self.grants.retain(|(other, _)| *other != owner);
        self.waits.retain(|(other, _)| *other != owner);
        self.settle();
    }

    pub(super) fn resolve(&mut self, at: usize) {
        self.holds.remove(at);
        self.settle();
    }

    pub(super) fn call(&mut self, owner: usize, set: &Set) -> bool {
        let others = |list: &[(usize, Set)]| {
            list.iter()
                .any(|(other, theirs)| *other != owner && overlap(theirs, set))
        };
        let alone =
            |(other, theirs): &(usize, Set)| *other != owner && overlap(theirs, set) && (is_all(theirs) || is_all(set));
        // Whoever waits for calls only is given no reason to wait on (L4).
        let awaited = (0..self.waits.len()).any(|at| {
            let (other, theirs) = &self.waits[at];
            *other != owner && overlap(theirs, set) && !self.waits_for_grants_or_waiters(at)
        });
        if others(&self.grants) || self.holds.iter().any(alone) || awaited {
            return false;
        }
        self.holds.push((owner, set.clone()));
        true
    }

    fn settle(&mut self) {
        while let Some(at) = (0..self.waits.len()).find(|&at| self.is_free(at)) {
            let (owner, set) = self.waits.remove(at);
            self.grant(owner, set);
        }
    }

    /// L2: no foreign grants and holds, and no earlier waiters but those that wait for its own owner.
    fn is_free(&self, at: usize) -> bool {
        let (owner, set) = &self.waits[at];
        let held = self
            .holds
            .iter()
            .any(|(other, theirs)| other != owner && overlap(theirs, set));
        !held && !self.waits_for_grants_or_waiters(at)
    }

    fn waits_for_grants_or_waiters(&self, at: usize) -> bool {
        let (owner, set) = &self.waits[at];
        let granted = self
            .grants
            .iter()
            .any(|(other, theirs)| other != owner && overlap(theirs, set));
        granted
            || self
                .earlier(at)
                .into_iter()
                .any(|earlier| !self.waits_for(earlier, *owner))
    }

    /// Foreign waits before this that want any of the same.
    fn earlier(&self, at: usize) -> Vec<usize> {
        let (owner, set) = &self.waits[at];
        let conflict = |&earlier: &usize| {
            let (other, theirs) = &self.waits[earlier];
            other != owner && overlap(theirs, set)
        };
        (0..at).filter(conflict).collect()
    }

    /// Whether a wait is, transitively, for a grant of this owner.
    fn waits_for(&self, at: usize, owner: usize) -> bool {
        let mut reached = vec![false; self.waits.len()];
        reached[at] = true;
        loop {
            let before = reached.clone();
            for at in (0..self.waits.len()).filter(|&at| before[at]) {
                let (waiter, set) = &self.waits[at];
                for (holder, _) in self
                    .grants
                    .iter()
                    .filter(|(other, theirs)| other != waiter && overlap(theirs, set))
                {
                    if *holder == owner {
                        return true;
                    }
                    for (next, (other, _)) in self.waits.iter().enumerate() {
                        reached[next] |= other == holder;
                    }
                }
                for earlier in self.earlier(at) {
                    reached[earlier] = true;
                }
            }
            if before == reached {
                return false;
            }
        }
    }

    fn closes_cycle(&self, owner: usize) -> bool {
        let (_, set) = self.waits.last().unwrap();
        self.closes_cycle_by(owner, set)
    }

    /// Whether those who have any of `set` wait, transitively and for grants only, for `owner`.
    fn closes_cycle_by(&self, owner: usize, set: &Set) -> bool {
        let holders = |waiter: usize, set: &Set| -> Vec<usize> {
            let foreign = self
                .grants
                .iter()
                .filter(|(other, theirs)| *other != waiter && overlap(theirs, set));
            foreign.map(|(other, _)| *other).collect()
        };
        let mut reached = holders(owner, set);
        let mut next = 0;
        while let Some(&holder) = reached.get(next) {
            next += 1;
            for (_, set) in self.waits.iter().filter(|(other, _)| *other == holder) {
                for further in holders(holder, set) {
                    if !reached.contains(&further) {
                        reached.push(further);
                    }
                }
            }
        }
        reached.contains(&owner)
    }

    /// What must hold whatever has happened.
    pub(super) fn check(&self) {
        for (at, (one, set)) in self.grants.iter().enumerate() {
            for (other, theirs) in &self.grants[..at] {
                assert!(
                    one == other || !overlap(set, theirs),
                    "two owners have the same: {self:?}"
                );
            }
        }
        for at in 0..self.waits.len() {
            assert!(!self.is_free(at), "a request waits for nothing: {self:?}");
        }
        // Calls end by themselves, and whoever has something and waits for nothing gives it back one day. Were there none
        // of them, those who wait would for ever.
        let waits = |owner: usize| self.waits.iter().any(|(other, _)| *other == owner);
        let moves_on = !self.holds.is_empty() || self.grants.iter().any(|(owner, _)| !waits(*owner));
        assert!(self.waits.is_empty() || moves_on, "a deadlock: {self:?}");
    }
}
