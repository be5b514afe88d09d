//! Calls that run when a lock ends, or is asked for (L4, L6).

use std::future::IntoFuture;

use baton_host::failure::{Failure, Refusal};
use baton_tests::lab::{arm, done, failure, inside, lab, number, release, skip_inline};

use crate::runner::{LAB, LONG, beside, granted, holders, locked, waits};

#[test]
fn l6_the_next_owner_starts_only_after_what_the_last_one_moved_has_ended() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    beside(&lab, async {
        let held = ana.lock("stage").await.unwrap();
        let moving = ana.set("stage", 2.0).unwrap();
        drop(held);
        assert_eq!(holders(&lab), ["stage.position: ana"]);
        let mut bobs = bob.lock("stage").wait(LONG).into_future();
        waits(&mut bobs);
        let held = bobs.await.unwrap();
        // It went on to its end, and its owner hears of it.
        assert_eq!(moving.outcome().unwrap().unwrap().value.as_f64(), Some(2.0));
        drop(held);
    });
}

#[test]
fn l6_released_by_its_owner_a_lock_is_over_when_the_owners_calls_are() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    beside(&lab, async {
        let held = ana.lock(("stage", "other")).await.unwrap();
        let moving = [ana.set("stage", 2.0).unwrap(), ana.set("other", 1.0).unwrap()];
        held.release().await;
        assert!(moving.iter().all(|call| call.is_resolved()));
        // Deliberately given back, nothing was stopped, not even where the config wants that of what is left behind.
        for call in moving {
            call.await.unwrap();
        }
        drop(bob.lock(("stage", "other")).await.unwrap());
    });
}

#[test]
fn l6_where_the_config_says_so_what_is_left_behind_is_stopped() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    beside(&lab, async {
        let held = ana.lock(("stage", "other")).await.unwrap();
        let moving = ana.set("other", 90.0).unwrap();
        let inner = ana.lock("other").await.unwrap();
        drop(inner);
        assert!(!moving.is_resolved(), "it is still hers by the outer lock");
        moving.taken().await.unwrap();
        drop(held);
        let next = bob.lock("other").wait(LONG).await.unwrap();
        let failed = moving.await.unwrap_err();
        assert!(matches!(failed, Failure::Stopped { .. }), "{failed}");
        assert!(
            failed.to_string().contains("because a lock of ana has ended"),
            "{failed}"
        );
        drop(next);
    });
}

#[test]
fn l4_the_hold_of_a_call_that_is_stuck_ends_at_its_deadline() {
    if skip_inline("a real hang cannot be cut short") {
        return;
    }
    let lab = lab(&format!(
        "{LAB}\n[devices.stuck]\ndriver = \"sim\"\ntype = \"motor\"\noptions.hang_for = \"60 s\"\nparameters.position.timeout = \"200 ms\"\nparameters.velocity.timeout = \"200 ms\"\n"
    ));
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    arm(&ana, "stuck", ("hang", "write"));
    let hung = ana.set("stuck.velocity", 2.0).unwrap();
    let held = bob.lock("stuck").wait(LONG).blocking().unwrap();
    assert!(matches!(hung.outcome(), Some(Err(Failure::Timeout { .. }))));
    drop(held);
    done(ana.call("other.release", ()));
}

#[test]
fn l4_whatever_resolves_a_call_ends_its_hold() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    // Done, failed, refused by another check, and stopped.
    done(ana.set("stage", 1.0));
    arm(&ana, "stage", ("fail", "write"));
    failure(ana.set("stage", 0.0));
    ana.set("stage", 1e9).unwrap_err();
    assert!(lab.who().is_empty(), "{:?}", lab.who());
    beside(&lab, async {
        let moving = ana.set("stage", 90.0).unwrap();
        let refused = ana.set("stage", 80.0).unwrap_err();
        assert!(matches!(refused, Refusal::Busy { .. }), "{refused}");
        assert_eq!(holders(&lab), ["stage.position: ana"]);
        bob.stop("stage").unwrap().await.unwrap();
        moving.await.unwrap_err();
        assert!(lab.who().is_empty(), "{:?}", lab.who());
        let cancelled = ana.set("stage", 80.0).unwrap();
        cancelled.cancel();
        cancelled.await.unwrap_err();
        assert!(lab.who().is_empty(), "{:?}", lab.who());
    });
}

#[test]
fn l7_a_permit_travels_with_its_call() {
    if skip_inline("calls do not wait in a queue") {
        return;
    }
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    arm(&ana, "stage", ("hang", "write"));
    let hung = ana.set("stage.velocity", 2.0).unwrap();
    inside(&lab, "write of stage.velocity");
    // Accepted, but not begun, when the lock is asked for: it is done first.
    let queued = ana.set("stage", 1.0).unwrap();
    let mut bobs = bob.lock("stage").wait(LONG).into_future();
    waits(&mut bobs);
    release(&ana, "other", &hung);
    done(Ok(hung));
    done(Ok(queued));
    let held = granted(&mut bobs);
    assert_eq!(number(bob.get("stage")), 1.0);
    locked(ana.set("stage", 0.0).unwrap_err());
    drop(held);
}
