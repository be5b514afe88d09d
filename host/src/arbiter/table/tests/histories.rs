//! Long histories of more owners, more devices and several waits each, on the table and on the model.

use proptest::prelude::*;

use super::{Known, Model, OwnerId, Real, Scope, Set, world};

const OWNERS: usize = 5;
const DEVICES: usize = 4;

/// Something that happens. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Event {
    Request(usize, Set, bool),
    End(usize),
    Withdraw(usize),
    Leave(usize),
    Call(usize, Set),
    Resolve(usize),
}

fn set() -> impl Strategy<Value = Set> {
    let scope = prop_oneof![
        6 => Just(Scope::None),
        2 => Just(Scope::Whole),
        4 => (1u8..4).prop_map(Scope::Parts),
    ];
    let set = proptest::collection::vec(scope, DEVICES);
    let set = set.prop_filter("nothing", |set| set.iter().any(|scope| *scope != Scope::None));
    prop_oneof![20 => set, 1 => Just(vec![Scope::Whole; DEVICES])]
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        10 => (0..OWNERS, set(), proptest::bool::weighted(0.9)).prop_map(|(owner, set, patient)| Event::Request(owner, set, patient)),
        6 => any::<usize>().prop_map(Event::End),
        2 => any::<usize>().prop_map(Event::Withdraw),
        1 => (0..OWNERS).prop_map(Event::Leave),
        5 => (0..OWNERS, set()).prop_map(|(owner, set)| Event::Call(owner, set)),
        5 => any::<usize>().prop_map(Event::Resolve),
    ]
}

/// Does it to both; they have the same things in the same places.
fn apply(real: &mut Real, model: &mut Model, event: &Event) {
    let one_of = |number: usize, length: usize| (length > 0).then(|| number % length);
    match event {
        Event::Request(owner, set, patient) => {
            let outcome = real.request(*owner, set, *patient);
            assert_eq!(outcome, model.request(*owner, set, *patient));
        }
        Event::End(number) => {
            if let Some(at) = one_of(*number, real.grants.len()) {
                real.end(at);
                model.end(at);
            }
        }
        Event::Withdraw(number) => {
            if let Some(at) = one_of(*number, real.waits.len()) {
                real.withdraw(at);
                model.withdraw(at);
            }
        }
        Event::Leave(owner) => {
            real.leave(*owner);
            model.leave(*owner);
        }
        Event::Call(owner, set) => assert_eq!(real.call(*owner, set), model.call(*owner, set), "{set:?} by {owner}"),
        Event::Resolve(number) => {
            if let Some(at) = one_of(*number, real.holds.len()) {
                real.resolve(at);
                model.resolve(at);
            }
        }
    }
    // What one event grants, it grants at once.
    let sorted = |mut list: Vec<(usize, Set)>| {
        list.sort();
        list
    };
    let seen = real.seen();
    assert_eq!(sorted(seen.grants.clone()), sorted(model.grants.clone()));
    assert_eq!(seen.waits, model.waits);
    model.grants = seen.grants;
    model.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn l_no_history_breaks_a_promise(events in proptest::collection::vec(event(), 1..400)) {
        let owners: Vec<_> = (0..OWNERS).map(|index| OwnerId::new(format!("o{index}"))).collect();
        let (mut real, mut model) = (Real::new(&world(DEVICES), &owners, &Known::default()), Model::default());
        for event in &events {
            apply(&mut real, &mut model, event);
        }
        (0..OWNERS).for_each(|owner| apply(&mut real, &mut model, &Event::Leave(owner)));
        while !real.holds.is_empty() {
            apply(&mut real, &mut model, &Event::Resolve(0));
        }
        real.assert_empty();
    }
}
