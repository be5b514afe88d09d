//! Breaking and protecting (L9, L10).

use std::future::IntoFuture;

use baton_host::failure::Refusal;
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{done, lab};

use crate::runner::{LAB, LONG, beside, granted, holders, locked, waits};

#[test]
fn l9_after_a_break_the_old_holder_is_told_by_whom_until_it_ends_its_lock() {
    let lab = lab(LAB);
    let [ana, bob, carl] = ["ana", "bob", "carl"].map(|name| lab.owner(name));
    let held = ana.lock(("stage", "pump.flow")).blocking().unwrap();
    let mut carls = carl.lock("stage").wait(LONG).into_future();
    waits(&mut carls);
    assert_eq!(bob.break_lock("stage", ana.id().number()).unwrap(), ["stage"]);
    let next = granted(&mut carls);
    for _ in 0..2 {
        let refusal = ana.set("stage", 1.0).unwrap_err();
        let text = refusal.to_string();
        assert!(
            text.starts_with("stage.position is not yours any more: bob broke your lock of stage ")
                && text.ends_with(" ago; unlock it, or lock it anew"),
            "{text}"
        );
        assert_eq!(refusal.kind(), ErrorKind::IsBusy);
        assert!(matches!(refusal, Refusal::Broken(_)));
        ana.call("stage.home", ()).unwrap_err();
    }
    // The rest is still hers, reads pass, and nobody else is concerned.
    locked(bob.set("pump.flow", 1.0).unwrap_err());
    done(ana.set("pump.flow", 1.0));
    done(ana.get("stage"));
    drop(next);
    done(bob.set("stage", 0.5));
    assert!(matches!(ana.set("stage", 1.0), Err(Refusal::Broken(_))));
    drop(held);
    done(ana.set("stage", 1.0));
}

#[test]
fn l9_whoever_locks_anew_may_write_again() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = ana.lock("stage").blocking().unwrap();
    bob.break_lock("stage.velocity", ana.id().number()).unwrap();
    assert!(!held.is_held());
    assert!(matches!(ana.set("stage", 1.0), Err(Refusal::Broken(_))));
    let part = ana.lock("stage.velocity").blocking().unwrap();
    done(ana.set("stage.velocity", 2.0));
    assert!(
        matches!(ana.set("stage", 1.0), Err(Refusal::Broken(_))),
        "that is not the velocity"
    );
    let whole = ana.lock("stage").blocking().unwrap();
    done(ana.set("stage", 1.0));
    drop((part, whole));
    done(ana.set("stage", 0.0));
    drop(held);
}

#[test]
fn l9_a_break_names_whom_it_means() {
    let lab = lab(LAB);
    let [ana, bob, carl] = ["ana", "bob", "carl"].map(|name| lab.owner(name));
    let refusal = bob.break_lock("stage", ana.id().number()).unwrap_err();
    assert_eq!(refusal.to_string(), "stage is not locked, so there is nothing to break");
    let held = carl.lock("stage").blocking().unwrap();
    // Ana has left meanwhile, and it is Carl's: nothing is broken.
    assert_eq!(
        locked(bob.break_lock("stage", ana.id().number()).unwrap_err()).owner,
        *carl.id()
    );
    assert!(held.is_held());
}

#[test]
fn l9_what_the_old_holder_moved_is_over_before_the_next_has_it() {
    let lab = lab(LAB);
    let [ana, bob] = ["ana", "bob"].map(|name| lab.owner(name));
    beside(&lab, async {
        let held = ana.lock(("stage", "other")).await.unwrap();
        let (stage, other) = (ana.set("stage", 2.0).unwrap(), ana.set("other", 90.0).unwrap());
        other.taken().await.unwrap();
        let lost = bob.break_lock(("stage", "other"), ana.id().number()).unwrap();
        assert_eq!(lost, ["other", "stage"]);
        let next = bob.lock(("stage", "other")).wait(LONG).await.unwrap();
        assert!(stage.outcome().unwrap().is_ok(), "it ran on");
        assert!(
            other.outcome().unwrap().is_err(),
            "it was stopped, as the config wants it"
        );
        drop((next, held));
    });
}

#[test]
fn l10_what_is_protected_nobody_writes_and_everybody_may_unprotect() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    ana.protect(("stage", "pump.flow"), Some("the sample is in"), false)
        .unwrap();
    for owner in [&ana, &bob] {
        let refusal = owner.set("stage.velocity", 1.0).unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::ReadOnly);
        let text = refusal.to_string();
        assert!(
            text.starts_with("stage.velocity cannot be written: stage is protected by ana, for "),
            "{text}"
        );
        assert!(
            text.ends_with(" (\"the sample is in\"); anybody may unprotect it"),
            "{text}"
        );
        assert!(matches!(owner.call("pump.dispense", 1.0), Err(Refusal::Protected(_))));
    }
    // It is no lock; it keeps nobody from reading, stopping and opening, and outlives whoever wanted it.
    let held = bob.lock("stage").blocking().unwrap();
    assert!(matches!(bob.set("stage", 1.0), Err(Refusal::Protected(_))));
    drop(held);
    ana.leave();
    done(bob.stop("stage"));
    done(bob.reopen("stage"));
    bob.clear_errors("stage").unwrap();
    assert!(matches!(bob.set("stage", 1.0), Err(Refusal::Protected(_))));
    let refusal = bob.unprotect("stage.velocity").unwrap_err();
    assert!(matches!(refusal, Refusal::PartOf { .. }), "{refusal}");
    bob.unprotect("stage").unwrap();
    done(bob.set("stage", 1.0));
    assert!(matches!(bob.set("pump.flow", 1.0), Err(Refusal::Protected(_))));
    bob.unprotect("pump").unwrap();
    done(bob.set("pump.flow", 1.0));
    assert_eq!(bob.unprotect("pump").unwrap_err().to_string(), "pump is not protected");
}

#[test]
fn l10_what_is_protected_for_good_stays_so() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let held = bob.lock("stage").blocking().unwrap();
    // What another has locked is not hers to close.
    locked(ana.protect("stage", None, true).unwrap_err());
    drop(held);
    ana.protect("left", None, true).unwrap();
    for owner in [&ana, &bob] {
        let refusal = owner.unprotect("left").unwrap_err().to_string();
        assert!(refusal.ends_with("; it stays so until the host ends"), "{refusal}");
    }
    // A composite would move it.
    assert!(matches!(ana.set("slit.gap", 1.0), Err(Refusal::Protected(_))));
    assert_eq!(holders(&lab), ["left: ana"]);
}
