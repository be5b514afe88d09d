//! Who is next (L2, L4).

use std::future::IntoFuture;

use baton_host::{arbiter::InTheWay, failure::Refusal};
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{done, is_inline, lab};

use crate::runner::{LAB, LONG, beside, granted, holders, locked, look, waits};

#[test]
fn l2_locks_are_granted_in_the_order_in_which_they_were_asked_for() {
    let lab = lab(LAB);
    let [ana, bob, carl, dora] = ["ana", "bob", "carl", "dora"].map(|name| lab.owner(name));
    let held = ana.lock("stage").blocking().unwrap();
    let mut bobs = bob.lock(("stage", "pump")).wait(LONG).into_future();
    let mut carls = carl.lock("pump.flow").wait(LONG).into_future();
    let mut doras = dora.lock("other").wait(LONG).into_future();
    waits(&mut bobs);
    // It does not overtake whoever came before and wants the same …
    waits(&mut carls);
    assert_eq!(holders(&lab), ["stage: ana; bob waits; carl waits"]);
    // … but who wants something else is kept waiting by nobody.
    drop(granted(&mut doras));
    drop(held);
    waits(&mut carls);
    let held = granted(&mut bobs);
    waits(&mut carls);
    drop(held);
    drop(granted(&mut carls));
}

#[test]
fn l4_whoever_waits_for_what_is_long_locked_does_not_freeze_the_rest() {
    let lab = lab(LAB);
    let [ana, bob, carl] = ["ana", "bob", "carl"].map(|name| lab.owner(name));
    let held = ana.lock("stage").blocking().unwrap();
    let mut bobs = bob.lock(("stage", "pump")).wait(LONG).into_future();
    waits(&mut bobs);
    done(carl.set("pump.flow", 1.0));
    done(ana.set("pump.flow", 0.5));
    drop(held);
    locked(carl.set("pump.flow", 1.0).unwrap_err());
    drop(granted(&mut bobs));
}

#[test]
fn l2_who_holds_something_grows_it_against_those_who_wait_for_it() {
    let lab = lab(LAB);
    let [ana, bob, carl] = ["ana", "bob", "carl"].map(|name| lab.owner(name));
    let held = ana.lock("stage").blocking().unwrap();
    let mut bobs = bob.lock(("stage", "pump")).wait(LONG).into_future();
    waits(&mut bobs);
    // Bob waits for Ana: if she waited for him, neither would ever be served.
    let more = ana.lock("pump").blocking().unwrap();
    let mut carls = carl.lock("pump").wait(LONG).into_future();
    waits(&mut carls);
    drop(more);
    waits(&mut carls);
    drop(held);
    drop(granted(&mut bobs));
    drop(granted(&mut carls));
}

#[test]
fn l2_who_would_wait_for_themselves_are_told_so_at_once() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    for (first, second) in [(&ana, &bob), (&bob, &ana)] {
        let a = ana.lock("stage").blocking().unwrap();
        let b = bob.lock("pump.flow").blocking().unwrap();
        let wanted = |owner: &baton_host::lab::Owner| match owner.id() == ana.id() {
            true => "pump",
            false => "stage",
        };
        let mut waiting = first.lock(wanted(first)).wait(LONG).into_future();
        waits(&mut waiting);
        for wait in [LONG, std::time::Duration::ZERO] {
            let refusal = second.lock(wanted(second)).wait(wait).blocking().unwrap_err();
            assert_eq!(refusal.kind(), ErrorKind::Impossible);
            let Refusal::WouldDeadlock(deadlock) = refusal else {
                panic!("{refusal}");
            };
            let steps = deadlock.cycle.iter().map(|link| (&link.waiter, &link.holder));
            assert_eq!(
                steps.collect::<Vec<_>>(),
                [(second.id(), first.id()), (first.id(), second.id())]
            );
        }
        // Whoever was told gives back what they have, and all goes on.
        if second.id() == bob.id() {
            drop(b)
        } else {
            drop(a)
        }
        drop(granted(&mut waiting));
    }
    assert!(lab.who().is_empty());
}

#[test]
fn l2_of_three_who_wait_in_a_circle_the_last_is_told() {
    let lab = lab(LAB);
    let [ana, bob, carl] = ["ana", "bob", "carl"].map(|name| lab.owner(name));
    let held = [(&ana, "stage"), (&bob, "pump"), (&carl, "other")];
    let held = held.map(|(owner, target)| owner.lock(target).blocking().unwrap());
    let mut anas = ana.lock("pump.flow").wait(LONG).into_future();
    let mut bobs = bob.lock("other").wait(LONG).into_future();
    waits(&mut anas);
    waits(&mut bobs);
    let refusal = carl.lock(("left", "stage.velocity")).wait(LONG).blocking().unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "waiting for stage.velocity, left would never end: carl waits for stage, which ana has, ana waits for pump, which \
         bob has, bob waits for other, which carl has; unlock what you have first, and lock all of it at once"
    );
    drop(held);
    drop(granted(&mut bobs));
    drop(granted(&mut anas));
}

#[test]
fn l4_a_lock_waits_for_the_move_of_somebody_who_has_none_and_no_new_one_begins() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    beside(&lab, async {
        let moving = ana.set("stage", 2.0).unwrap();
        let refusal = locked(bob.lock("stage").await.unwrap_err());
        assert_eq!((refusal.by, refusal.owner), (InTheWay::Call, ana.id().clone()));
        assert_eq!(refusal.running, ["write of stage.position"]);
        let mut bobs = bob.lock("stage").wait(LONG).into_future();
        waits(&mut bobs);
        // Nobody moves anything of it now that Bob is next, whoever moves it already included; he waits for no one else.
        let refusal = locked(ana.set("stage.velocity", 4.0).unwrap_err());
        assert_eq!((refusal.by, refusal.owner), (InTheWay::Waiter, bob.id().clone()));
        let held = bobs.await.unwrap();
        assert!(moving.is_resolved(), "the lock came before the end of the move");
        moving.await.unwrap();
        bob.set("stage", 1.0).unwrap().await.unwrap();
        drop(held);
    });
}

#[test]
fn l2_whoever_locks_and_unlocks_in_a_tight_loop_starves_nobody() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    beside(&lab, async {
        let held = ana.lock("stage").await.unwrap();
        let mut bobs = bob.lock("stage").wait(LONG).into_future();
        waits(&mut bobs);
        // She does not wait for her motion.
        ana.set("stage", 1.0).unwrap();
        drop(held);
        for _ in 0..100 {
            if let Ok(held) = ana.lock("stage").await {
                panic!("{held:?} was granted before Bob's");
            }
            locked(ana.set("stage.velocity", 2.0).unwrap_err());
            let mut anas = ana.lock("stage").wait(LONG).into_future();
            waits(&mut anas);
        }
        let mut anas = ana.lock("stage").wait(LONG).into_future();
        waits(&mut anas);
        let held = bobs.await.unwrap();
        waits(&mut anas);
        drop(held);
        drop(granted(&mut anas));
    });
}

#[test]
fn l2_who_is_cancelled_while_waiting_leaves_no_trace() {
    let lab = lab(LAB);
    let [ana, bob, carl] = ["ana", "bob", "carl"].map(|name| lab.owner(name));
    let held = ana.lock("stage").blocking().unwrap();
    let mut bobs = bob.lock(("stage", "pump")).wait(LONG).into_future();
    let mut carls = carl.lock("pump").wait(LONG).into_future();
    waits(&mut bobs);
    waits(&mut carls);
    drop(bobs);
    drop(granted(&mut carls));
    // One that was granted, but whose future nobody looked at again, is given back.
    let mut bobs = bob.lock("stage").wait(LONG).into_future();
    waits(&mut bobs);
    drop(held);
    assert_eq!(holders(&lab), ["stage: bob"]);
    drop(bobs);
    assert!(lab.who().is_empty());
}

#[test]
fn i4_a_wait_ends_with_its_time() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock("stage").note("alignment").blocking().unwrap();
    let wait = std::time::Duration::from_millis(50);
    let before = lab.clock().now();
    let refusal = bob.lock("stage").wait(wait).blocking().unwrap_err();
    assert!(lab.clock().now().since(before) >= wait);
    if is_inline() {
        // Only this thread could have freed it.
        assert!(matches!(refusal, Refusal::WouldDeadlock(_)), "{refusal}");
        assert_eq!(refusal.kind(), ErrorKind::Impossible);
    } else {
        let locked = locked(refusal);
        assert_eq!(
            (locked.owner, locked.note.as_deref()),
            (ana.id().clone(), Some("alignment"))
        );
        assert!(locked.waited >= wait);
    }
    // An awaited one stays pending until the clock gets there.
    let mut bobs = bob.lock("stage").wait(wait).into_future();
    waits(&mut bobs);
    if is_inline() {
        lab.run_until(lab.clock().now() + wait);
        locked(match look(&mut bobs) {
            std::task::Poll::Ready(outcome) => outcome.unwrap_err(),
            std::task::Poll::Pending => panic!("its time is over"),
        });
    } else {
        locked(beside(&lab, bobs).unwrap_err());
    }
    assert_eq!(holders(&lab), ["stage: ana"]);
    drop(held);
}

#[test]
fn i4_inline_a_blocking_wait_runs_what_ends_it() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana
        .lock("stage")
        .lease(std::time::Duration::from_millis(100))
        .blocking()
        .unwrap();
    // The lease ends by itself, on whatever clock.
    let next = bob.lock("stage").wait(LONG).blocking().unwrap();
    assert!(!held.is_held());
    drop(next);
}
