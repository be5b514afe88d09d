//! The shell under a scheduler that tries orders in which threads can run: the same code, with another mutex.

mod sync {
    pub(super) use shuttle::sync::{Mutex, MutexGuard};
}

#[path = "shell.rs"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "what is tested here is used elsewhere"
)]
mod shell;

use std::{sync::Arc, time::Duration};

use shuttle::{
    check_pct, check_random,
    future::block_on,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{refusal, slab, table, targets};
use crate::{
    arbiter::{DeviceTargets, Doing, Target},
    clock::{Clock, Time},
    owner::OwnerId,
};
use shell::{Arbiter, Terms};

/// How many orders are tried of each scene.
const ORDERS: usize = 400;

fn arbiter() -> Arc<Arbiter> {
    let device = |name: &str| DeviceTargets {
        name: name.to_owned(),
        parameters: vec!["p".to_owned()],
        ..DeviceTargets::default()
    };
    let clock = Clock::virtual_from(Time::from_nanoseconds(1));
    Arbiter::new(vec![device("stage"), device("pump")], clock)
}

fn patient() -> Terms {
    Terms {
        wait: Duration::MAX,
        ..Terms::default()
    }
}

/// Tries a scene in many orders.
fn explore(scene: impl Fn() + Send + Sync + 'static) {
    let scene = Arc::new(scene);
    let again = Arc::clone(&scene);
    check_random(move || scene(), ORDERS);
    check_pct(move || again(), ORDERS, 3);
}

/// Counts who is inside; nobody is with anybody else.
#[derive(Default)]
struct Inside(AtomicUsize);

impl Inside {
    fn visit(&self) {
        assert_eq!(self.0.fetch_add(1, Ordering::SeqCst), 0, "two owners have the same");
        thread::yield_now();
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn l11_nobody_shares_and_nobody_is_forgotten() {
    explore(|| {
        let (arbiter, inside) = (arbiter(), Arc::new([Inside::default(), Inside::default()]));
        let threads: Vec<_> = (0..3)
            .map(|number| {
                let (arbiter, inside) = (Arc::clone(&arbiter), Arc::clone(&inside));
                thread::spawn(move || {
                    let owner = OwnerId::new(format!("owner {number}"));
                    let devices = [vec![0], vec![1], vec![0, 1]][number].clone();
                    let set = arbiter.set(devices.iter().map(|device| Target::device(*device)));
                    for _ in 0..2 {
                        let held = block_on(arbiter.ask(&owner, set.clone(), patient())).unwrap();
                        devices.iter().for_each(|device| inside[*device].visit());
                        drop(held);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(arbiter.who().is_empty());
    });
}

#[test]
fn l11_who_gives_up_at_the_moment_of_the_grant_loses_nothing_for_others() {
    explore(|| {
        let arbiter = arbiter();
        let set = arbiter.set([Target::device(0)]);
        let [ana, bob, carl] = ["ana", "bob", "carl"].map(OwnerId::new);
        let held = arbiter.try_lock(&ana, &set, None).unwrap();
        let mut bobs = arbiter.ask(&bob, set.clone(), patient());
        assert!(bobs.look(None).is_pending());
        let giving_up = thread::spawn(move || drop(bobs));
        let releasing = thread::spawn(move || drop(held));
        // Whatever comes first, it is Carl's in the end.
        drop(block_on(arbiter.ask(&carl, set, patient())).unwrap());
        giving_up.join().unwrap();
        releasing.join().unwrap();
        assert!(arbiter.who().is_empty());
    });
}

#[test]
fn l11_a_lock_follows_the_end_of_the_calls_that_were_in_its_way() {
    explore(|| {
        let arbiter = arbiter();
        let set = arbiter.set([Target::device(0)]);
        let (ana, bob) = (OwnerId::new("ana"), OwnerId::new("bob"));
        let inside = Arc::new(Inside::default());
        let caller = {
            let (arbiter, inside) = (Arc::clone(&arbiter), Arc::clone(&inside));
            thread::spawn(move || {
                for _ in 0..2 {
                    let what = Doing {
                        verb: "write",
                        device: "stage".into(),
                        member: "p".into(),
                    };
                    if let Ok(permit) =
                        arbiter.permit_call(&ana, arbiter.write_set(0, 0), what, Time::from_nanoseconds(1))
                    {
                        inside.visit();
                        drop(permit);
                    }
                }
            })
        };
        let held = block_on(arbiter.ask(&bob, set, patient())).unwrap();
        inside.visit();
        block_on(held.release());
        caller.join().unwrap();
        assert!(arbiter.who().is_empty());
    });
}

#[test]
fn l11_a_break_a_drop_and_a_leave_at_once_end_a_lock_once() {
    explore(|| {
        let arbiter = arbiter();
        let set = arbiter.set([Target::device(0), Target::device(1)]);
        let [ana, bob, carl] = ["ana", "bob", "carl"].map(OwnerId::new);
        let held = arbiter.try_lock(&ana, &set, None).unwrap();
        let breaking = {
            let (arbiter, ana) = (Arc::clone(&arbiter), ana.clone());
            thread::spawn(move || {
                let stage = arbiter.set([Target::device(0)]);
                // It may have ended, and be Carl's: then he keeps it.
                let _ = arbiter.break_lock(&bob, &stage, ana.number());
            })
        };
        let leaving = {
            let arbiter = Arc::clone(&arbiter);
            thread::spawn(move || arbiter.leave(&ana))
        };
        let dropping = thread::spawn(move || drop(held));
        let carls = block_on(arbiter.ask(&carl, set, patient())).unwrap();
        [breaking, leaving, dropping]
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
        assert!(carls.is_held());
        drop(carls);
        assert!(arbiter.who().is_empty());
    });
}

#[test]
fn events_are_told_in_the_order_in_which_they_happen() {
    explore(|| {
        let arbiter = arbiter();
        let set = arbiter.set([Target::device(0)]);
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        arbiter.observe(move |event| sink.lock().unwrap().push((event.owner.clone(), event.what.word())));
        let threads = ["ana", "bob"].map(|name| {
            let (arbiter, set) = (Arc::clone(&arbiter), set.clone());
            thread::spawn(move || drop(block_on(arbiter.ask(&OwnerId::new(name), set, patient())).unwrap()))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let told = told.lock().unwrap();
        let turns: Vec<_> = told.iter().filter(|(_, what)| *what != "waiting").collect();
        assert_eq!(turns.len(), 4, "{turns:?}");
        for turn in turns.chunks(2) {
            assert!(
                turn[0].0 == turn[1].0 && turn[0].1 == "acquired" && turn[1].1 == "released",
                "{turns:?}"
            );
        }
    });
}
