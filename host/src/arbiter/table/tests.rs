//! The table against a model of it that looks at everything each time.

mod exhaustive;
mod histories;
mod model;

use std::{cell::RefCell, collections::HashMap, rc::Rc, sync::Arc};

use super::{Answer, Doing, Effects, Hold, Key, Request, Table};
use crate::{
    arbiter::targets::{CommandTargets, DeviceTargets, Target, TargetSet, Targets},
    clock::Time,
    owner::OwnerId,
};
use model::{Model, Scope, Set};

/// A time for whoever needs one.
const NOW: Time = Time::from_nanoseconds(1);

/// A table, and by which keys its contents are known.
struct Real {
    table: Table,
    owners: Vec<OwnerId>,
    grants: Vec<(usize, Set, Key)>,
    waits: Vec<(usize, Set, Key)>,
    holds: Vec<(usize, Set, Key)>,
    sets: Known,
}

/// Sets that were made before.
type Known = Rc<RefCell<HashMap<Set, TargetSet>>>;

/// What became of a request, in both.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Outcome {
    Granted,
    Waiting,
    Refused,
    Deadlock,
}

/// Devices with two parameters each, and behind them a composite of all.
fn world(devices: usize) -> Arc<Targets> {
    let device = |index: usize| DeviceTargets {
        name: format!("d{index}"),
        parameters: vec!["p".to_owned(), "q".to_owned()],
        commands: vec![CommandTargets::default()],
        ..DeviceTargets::default()
    };
    let mut all: Vec<_> = (0..devices).map(device).collect();
    all.push(DeviceTargets {
        name: "all".to_owned(),
        commands: vec![CommandTargets::default()],
        members: (0..devices).map(|index| (format!("d{index}"), None)).collect(),
        ..DeviceTargets::default()
    });
    Arc::new(Targets::new(all))
}

impl Real {
    fn new(targets: &Arc<Targets>, owners: &[OwnerId], sets: &Known) -> Real {
        Real {
            table: Table::new(Arc::clone(targets)),
            owners: owners.to_vec(),
            grants: Vec::new(),
            waits: Vec::new(),
            holds: Vec::new(),
            sets: Rc::clone(sets),
        }
    }

    /// A set of the model as the table knows it; one of everything is the composite.
    fn set(&self, set: &Set) -> TargetSet {
        if let Some(known) = self.sets.borrow().get(set) {
            return known.clone();
        }
        let new = self.new_set(set);
        self.sets.borrow_mut().insert(set.clone(), new.clone());
        new
    }

    fn new_set(&self, set: &Set) -> TargetSet {
        let named = set.iter().enumerate().flat_map(|(device, scope)| match scope {
            Scope::None => vec![],
            Scope::Whole => vec![Target::device(device)],
            Scope::Parts(parts) => (0..2)
                .filter(|part| parts & (1 << part) != 0)
                .map(|part| Target::parameter(device, part))
                .collect(),
        });
        match set.iter().all(|scope| *scope == Scope::Whole) {
            true => self.table.targets.set([Target::device(set.len())]),
            false => self.table.targets.set(named),
        }
    }

    /// The composite's hold, or that of a write or command.
    fn call_set(&self, set: &Set) -> TargetSet {
        match set.iter().all(|scope| *scope == Scope::Whole) {
            true => self.table.targets.command(set.len(), 0).clone(),
            false => self.set(set),
        }
    }

    fn request(&mut self, owner: usize, set: &Set, patient: bool) -> Outcome {
        let request = self.wish(owner, set);
        let mut effects = Effects::at(NOW);
        let answer = self.table.request(request, patient, &mut effects);
        let outcome = match answer {
            Answer::Granted(key) => {
                self.grants.push((owner, set.clone(), key));
                Outcome::Granted
            }
            Answer::Waiting(key) => {
                self.waits.push((owner, set.clone(), key));
                Outcome::Waiting
            }
            Answer::Refused(..) => Outcome::Refused,
            Answer::Deadlock(cycle, _) => {
                self.check_cycle(owner, &cycle);
                Outcome::Deadlock
            }
        };
        self.absorb(effects);
        outcome
    }

    fn wish(&self, owner: usize, set: &Set) -> Request {
        Request {
            owner: self.owners[owner].clone(),
            set: self.set(set),
            note: None,
            time: NOW,
            ticket: Key::NONE,
        }
    }

    /// A cycle begins and ends with whoever asked, and each step is true.
    fn check_cycle(&self, owner: usize, cycle: &[super::Link]) {
        assert_eq!(cycle.first().unwrap().waiter, self.owners[owner]);
        assert_eq!(cycle.last().unwrap().holder, self.owners[owner]);
        for pair in cycle.windows(2) {
            assert_eq!(pair[0].holder, pair[1].waiter);
        }
    }

    /// Brings up to date what is known of the table after an event: each wait that is gone from it was granted, or refused.
    fn absorb(&mut self, effects: Effects) {
        let mut left: Vec<_> = effects.granted.into_iter().map(|(_, key)| key).collect();
        let mut refused = effects.refused.len();
        let gone: Vec<_> = self
            .waits
            .extract_if(.., |(_, _, key)| self.table.waits.get(*key).is_none())
            .collect();
        for (owner, set, _) in gone {
            let same = |key: &Key| {
                let grant = &self.table.grants[*key];
                grant.owner == self.owners[owner] && grant.set == self.set(&set)
            };
            match left.iter().position(same) {
                Some(at) => self.grants.push((owner, set, left.remove(at))),
                None => refused -= 1,
            }
        }
        assert!(left.is_empty() && refused == 0, "a request was lost, or answered twice");
    }

    fn end(&mut self, at: usize) {
        let mut effects = Effects::at(NOW);
        let (_, _, key) = self.grants.remove(at);
        assert!(self.table.end(key, false, &mut effects).is_some());
        self.absorb(effects);
    }

    fn withdraw(&mut self, at: usize) {
        let mut effects = Effects::at(NOW);
        let (_, _, key) = self.waits.remove(at);
        assert!(self.table.withdraw(key, &mut effects).is_some());
        self.absorb(effects);
    }

    fn leave(&mut self, owner: usize) {
        let mut effects = Effects::at(NOW);
        self.table.leave(self.owners[owner].number(), &mut effects);
        self.grants.retain(|(other, ..)| *other != owner);
        self.waits.retain(|(other, ..)| *other != owner);
        self.absorb(effects);
    }

    fn call(&mut self, owner: usize, set: &Set) -> bool {
        let hold = self.hold_of(owner, set);
        match self.table.hold(hold, false) {
            Ok(key) => {
                self.holds.push((owner, set.clone(), key));
                true
            }
            Err(_) => false,
        }
    }

    fn hold_of(&self, owner: usize, set: &Set) -> Hold {
        let what = Doing {
            verb: "write",
            device: "d".into(),
            member: "".into(),
        };
        Hold {
            owner: self.owners[owner].clone(),
            set: self.call_set(set),
            what,
            since: NOW,
        }
    }

    fn resolve(&mut self, at: usize) {
        let mut effects = Effects::at(NOW);
        let (_, _, key) = self.holds.remove(at);
        assert!(self.table.release(key, &mut effects).is_some());
        self.absorb(effects);
    }

    /// What is in the table, as the model has it.
    fn seen(&self) -> Model {
        let plain = |(owner, set, _): &(usize, Set, Key)| (*owner, set.clone());
        Model {
            grants: self.grants.iter().map(plain).collect(),
            waits: self.waits.iter().map(plain).collect(),
            holds: self.holds.iter().map(plain).collect(),
        }
    }

    /// Nothing is left of anything.
    fn assert_empty(&mut self) {
        let table = &mut self.table;
        table.sweep();
        assert!(table.grants.is_empty() && table.waits.is_empty() && table.holds.is_empty());
        assert!(table.owners.is_empty() && table.special.is_empty());
        for node in &table.nodes {
            assert!(node.grants.is_empty() && node.holds.is_empty() && node.queues.is_empty());
            assert!(node.broken.is_empty() && node.protected.is_empty());
        }
    }
}
