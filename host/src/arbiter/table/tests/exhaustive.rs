//! All states that the table can be in, up to names: three owners, two devices with two parameters each, and a composite
//! of both.
//!
//! From every state every event is tried, on the table and on the model, until no state is new. States that differ only
//! in who is who, or which device or parameter is which, count as one.

use std::collections::HashSet;

use super::{Known, Model, OwnerId, Real, Scope, Set, model::overlap, world};

const OWNERS: usize = 3;

/// Happens to the table and to the model.
type Event<'a> = &'a mut dyn FnMut(&mut Real, &mut Model);

/// What is searched.
struct Search {
    /// What may be locked.
    sets: Vec<Set>,
    /// What may be called; nothing if empty.
    calls: Vec<Set>,
    /// How many locks an owner may have at once.
    nested: usize,
}

fn part(bits: u8) -> Scope {
    Scope::Parts(bits)
}

/// Sets of up to so many targets, by what they cover; both devices are what the composite covers.
fn sets(most: usize) -> Vec<Set> {
    let one = [Scope::Whole, part(1), part(2)];
    let mut sets = Vec::new();
    for scope in one {
        sets.push(vec![scope, Scope::None]);
        sets.push(vec![Scope::None, scope]);
    }
    if most == 1 {
        sets.push(vec![Scope::Whole, Scope::Whole]);
        return sets;
    }
    sets.extend([vec![part(3), Scope::None], vec![Scope::None, part(3)]]);
    for scope in one {
        sets.extend(one.map(|other| vec![scope, other]));
    }
    sets
}

impl Search {
    /// Goes through everything, and says how many states there are.
    fn run(&self) -> usize {
        let (targets, sets) = (world(2), Known::default());
        let owners: Vec<_> = (0..OWNERS).map(|index| OwnerId::new(format!("o{index}"))).collect();
        let mut seen = HashSet::from([canonical(&Model::default())]);
        let mut open = vec![Model::default()];
        while let Some(state) = open.pop() {
            let build = || build(&targets, &owners, &sets, &state);
            self.events(&state, &mut |event| {
                let (mut real, mut model) = (build(), state.clone());
                event(&mut real, &mut model);
                let found = real.seen();
                assert_eq!(sorted(&found), sorted(&model), "after {state:?}");
                model.check();
                if seen.insert(canonical(&model)) {
                    open.push(model);
                }
            });
            let mut end = build();
            (0..OWNERS).for_each(|owner| end.leave(owner));
            while !end.holds.is_empty() {
                end.resolve(0);
            }
            end.assert_empty();
        }
        seen.len()
    }

    /// All that can happen next.
    fn events(&self, state: &Model, apply: &mut dyn FnMut(Event<'_>)) {
        for owner in 0..OWNERS {
            let grants: Vec<_> = (0..state.grants.len())
                .filter(|&at| state.grants[at].0 == owner)
                .collect();
            let wait = state.waits.iter().position(|(other, _)| *other == owner);
            let call = state.holds.iter().position(|(other, _)| *other == owner);
            if grants.len() < self.nested && wait.is_none() {
                for set in &self.sets {
                    apply(&mut |real, model| {
                        assert_eq!(real.request(owner, set, true), model.request(owner, set, true));
                    });
                }
            }
            for &at in &grants {
                apply(&mut |real, model| (real.end(at), model.end(at)).1);
            }
            if let Some(at) = wait {
                apply(&mut |real, model| (real.withdraw(at), model.withdraw(at)).1);
            }
            if !grants.is_empty() && (wait.is_some() || grants.len() > 1) {
                apply(&mut |real, model| (real.leave(owner), model.leave(owner)).1);
            }
            match call {
                Some(at) => apply(&mut |real, model| (real.resolve(at), model.resolve(at)).1),
                None => {
                    for set in &self.calls {
                        apply(&mut |real, model| {
                            assert_eq!(real.call(owner, set), model.call(owner, set), "{set:?} by {owner}");
                        });
                    }
                }
            }
        }
    }
}

/// A table in this state.
fn build(targets: &std::sync::Arc<super::Targets>, owners: &[OwnerId], sets: &Known, state: &Model) -> Real {
    let mut real = Real::new(targets, owners, sets);
    for (owner, set) in &state.grants {
        let wish = real.wish(*owner, set);
        let key = real.table.grant(wish, &mut super::Effects::at(super::NOW));
        real.grants.push((*owner, set.clone(), key));
    }
    for (owner, set) in &state.waits {
        let key = real.table.enqueue(real.wish(*owner, set));
        real.waits.push((*owner, set.clone(), key));
    }
    for (owner, set) in &state.holds {
        let key = real.table.insert_hold(real.hold_of(*owner, set));
        real.holds.push((*owner, set.clone(), key));
    }
    real
}

/// The same, whatever the order in which it was granted or begun, which means nothing.
fn sorted(state: &Model) -> Model {
    let mut state = state.clone();
    state.grants.sort();
    state.holds.sort();
    state
}

/// The same number for all states that differ only in names.
fn canonical(state: &Model) -> u128 {
    (0..8).map(|mirror| pack(state, mirror)).min().expect("there are eight")
}

/// A set with names swapped as the bits of `mirror` say: the devices, and the parameters of each.
fn code(set: &Set, mirror: u32) -> u128 {
    let flip = |scope: Scope, bit: u32| match scope {
        Scope::None => 0,
        Scope::Whole => 4,
        Scope::Parts(3) => 3,
        Scope::Parts(one) if mirror & bit == 0 => u128::from(one),
        Scope::Parts(one) => u128::from(3 - one),
    };
    let (first, second) = (flip(set[0], 2), flip(set[1], 4));
    match mirror & 1 {
        0 => first * 5 + second,
        _ => second * 5 + first,
    }
}

/// What each owner has, five bits for each of two locks, a call and a wait, and two for when that came; whoever has most
/// comes first.
fn pack(state: &Model, mirror: u32) -> u128 {
    let mut owners = [[0; 5]; OWNERS];
    for (owner, set) in &state.grants {
        let [one, other, ..] = &mut owners[*owner];
        let new = code(set, mirror);
        (*one, *other) = if *one == 0 {
            (new, 0)
        } else {
            (new.max(*one), new.min(*one))
        };
    }
    for (owner, set) in &state.holds {
        owners[*owner][2] = code(set, mirror);
    }
    for (place, (owner, set)) in state.waits.iter().enumerate() {
        owners[*owner][3] = code(set, mirror);
        owners[*owner][4] = place as u128;
    }
    let mut packed = owners.map(|has| has.into_iter().fold(0, |packed, code| packed << 5 | code));
    packed.sort_unstable();
    packed.into_iter().fold(0, |packed, owner| packed << 25 | owner)
}

/// 30 174 states.
#[test]
fn l_every_state_of_the_table_keeps_every_promise() {
    let search = Search {
        sets: sets(2),
        calls: Vec::new(),
        nested: 2,
    };
    eprintln!("{} states", search.run());
}

/// 17 244 states.
#[test]
fn l_every_state_with_a_running_call_of_each_keeps_every_promise() {
    let search = Search {
        sets: sets(1),
        calls: sets(1),
        nested: 1,
    };
    eprintln!("{} states", search.run());
}

#[test]
#[ignore = "takes minutes, and is for release: cargo test --release -p baton-host exhaustive -- --ignored"]
fn l_every_state_of_larger_sets_with_a_running_call_of_each_keeps_every_promise() {
    let search = Search {
        sets: sets(2),
        calls: sets(1),
        nested: 1,
    };
    eprintln!("{} states", search.run());
}

#[test]
#[ignore = "takes minutes, and is for release: cargo test --release -p baton-host exhaustive -- --ignored"]
fn l_every_state_of_growing_locks_with_a_running_call_of_each_keeps_every_promise() {
    let search = Search {
        sets: sets(2),
        calls: sets(1),
        nested: 2,
    };
    eprintln!("{} states", search.run());
}

#[test]
fn names_do_not_matter() {
    let one = Model {
        grants: vec![(0, vec![Scope::Whole, part(1)])],
        waits: vec![(1, vec![part(2), Scope::None]), (2, vec![part(1), Scope::None])],
        holds: vec![],
    };
    let other = Model {
        grants: vec![(2, vec![part(2), Scope::Whole])],
        waits: vec![(0, vec![Scope::None, part(1)]), (1, vec![Scope::None, part(2)])],
        holds: vec![],
    };
    assert_eq!(canonical(&one), canonical(&other));
    assert!(overlap(&one.grants[0].1, &one.waits[0].1));
}
