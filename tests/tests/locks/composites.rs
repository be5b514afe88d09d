//! Composites and their members (C7, L1).

use std::future::IntoFuture;

use baton_host::arbiter::InTheWay;
use baton_tests::lab::{done, failure, lab, number};

use crate::runner::{LAB, LONG, beside, granted, locked, waits};

const HAND: &str = r#"
    [devices.hand]
    driver = "puppet"
    type = "hand"
    options.motor = "stage"
    [devices.lone]
    driver = "puppet"
    type = "hand"
"#;

#[test]
fn l1_a_lock_on_a_composite_is_one_on_its_members() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock("slit").blocking().unwrap();
    let refusal = bob.set("left", 1.0).unwrap_err();
    assert!(
        refusal
            .to_string()
            .starts_with("left.position is not free: slit is locked by ana"),
        "{refusal}"
    );
    locked(bob.set("slit.gap", 5.0).unwrap_err());
    locked(bob.lock("right.velocity").blocking().unwrap_err());
    done(ana.set("slit.gap", 5.0));
    done(ana.set("left", 1.0));
    drop(held);
    done(bob.set("left", 0.0));
}

#[test]
fn c7_a_composite_is_not_moved_while_a_member_is_locked_for_somebody_else() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock("left.velocity").blocking().unwrap();
    let calls = number(bob.get("left.calls"));
    let refused = locked(bob.set("slit.gap", 5.0).unwrap_err());
    assert_eq!(
        (refused.target.as_str(), refused.path.as_str()),
        ("left.velocity", "slit.gap")
    );
    locked(bob.call("slit.close", ()).unwrap_err());
    assert_eq!(number(bob.get("left.calls")), calls, "nothing was moved");
    // Locked whole or not at all.
    locked(bob.lock("slit").blocking().unwrap_err());
    let mut bobs = bob.lock("slit").wait(LONG).into_future();
    waits(&mut bobs);
    drop(held);
    drop(granted(&mut bobs));
    done(bob.set("slit.gap", 5.0));
}

#[test]
fn c7_what_moves_for_one_is_not_moved_for_another() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    beside(&lab, async {
        let moving = ana.set("left", 2.0).unwrap();
        let refused = locked(bob.set("slit.gap", 5.0).unwrap_err());
        assert_eq!((refused.by, refused.owner), (InTheWay::Call, ana.id().clone()));
        moving.await.unwrap();
        // And a blade is not taken away from a slit that moves, not even one that does not move yet.
        let moving = bob.set("slit.gap", 5.0).unwrap();
        for blade in ["left", "right", "left.velocity"] {
            let refused = locked(ana.set(blade, 1.0).unwrap_err());
            assert_eq!((refused.by, refused.owner), (InTheWay::Call, bob.id().clone()));
            assert_eq!(refused.running, ["write of slit.gap"]);
        }
        locked(ana.lock("right").await.unwrap_err());
        moving.await.unwrap();
        ana.set("left", 0.0).unwrap().await.unwrap();
    });
}

#[test]
fn c7_a_call_moves_what_its_options_name_and_no_more_of_it() {
    let lab = lab(&format!("{LAB}\n{HAND}"));
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock("stage.velocity").blocking().unwrap();
    // It is made of the stage's position alone, so the lock is none of its business …
    done(bob.call("hand.poke", "stage.position"));
    // … and the velocity out of its reach, whoever has it.
    drop(held);
    let failed = failure(bob.call("hand.poke", "stage.velocity"));
    let text = failed.to_string();
    assert!(
        text.ends_with("stage.velocity is not a member of hand: its options do not name it"),
        "{text}"
    );
    let held = ana.lock("stage.position").blocking().unwrap();
    locked(bob.call("hand.poke", "stage.position").unwrap_err());
    drop(held);
}

#[test]
fn l5_a_command_is_kept_off_by_a_lock_on_what_it_touches() {
    let lab = lab(&format!("{LAB}\n{HAND}"));
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock("hand.reach").blocking().unwrap();
    locked(bob.call("hand.babble", ()).unwrap_err());
    drop(held);
    let lamp = ana.lock("stage").blocking().unwrap();
    // Whatever a command of a composite touches of its own, it may reach for the members.
    locked(bob.call("hand.glance", ()).unwrap_err());
    drop(lamp);
    let lone = ana.lock("lone.reach").blocking().unwrap();
    done(bob.call("lone.glance", ()));
    locked(bob.call("lone.babble", ()).unwrap_err());
    drop(lone);
    let lone = ana.lock("lone.lamp").blocking().unwrap();
    locked(bob.call("lone.glance", ()).unwrap_err());
    drop(lone);
}

#[test]
fn c7_a_lock_on_the_members_alone_is_enough_to_move_the_composite() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock(("left", "right")).blocking().unwrap();
    done(ana.set("slit.gap", 4.0));
    locked(bob.set("slit.gap", 5.0).unwrap_err());
    // The slit's own lock is another's to have: it would need the blades, too.
    locked(bob.lock("slit").blocking().unwrap_err());
    drop(held);
}
