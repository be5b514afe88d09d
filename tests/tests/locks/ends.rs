//! How locks end by themselves, and what is told of it (L6, L8).

use std::{
    future::IntoFuture,
    sync::{Arc, Mutex},
    time::Duration,
};

use baton_host::{arbiter::Happened, failure::Refusal};
use baton_tests::lab::{done, lab};

use crate::runner::{LAB, LONG, beside, granted, holders, locked, look, waits};

#[test]
fn l3_with_its_owner_everything_ends_that_it_had() {
    let lab = lab(LAB);
    let [ana, bob, carl] = ["ana", "bob", "carl"].map(|name| lab.owner(name));
    let held = [
        ana.lock("stage").blocking().unwrap(),
        ana.lock("pump").blocking().unwrap(),
    ];
    let bobs = bob.lock("other").blocking().unwrap();
    let mut anas = ana.lock("other").wait(LONG).into_future();
    let mut carls = carl.lock(("stage", "pump")).wait(LONG).into_future();
    waits(&mut anas);
    waits(&mut carls);
    ana.leave();
    let next = granted(&mut carls);
    assert!(held.iter().all(|held| !held.is_held()));
    let std::task::Poll::Ready(Err(refusal)) = look(&mut anas) else {
        panic!("it waits still");
    };
    assert!(matches!(refusal, Refusal::Withdrawn { .. }), "{refusal}");
    drop(held);
    assert_eq!(holders(&lab), ["other: bob", "pump, stage: carl"]);
    drop((next, bobs));
}

#[test]
fn l6_a_lease_ends_a_lock_and_can_be_renewed() {
    let lab = lab(LAB);
    let (ana, bob) = (lab.owner("ana"), lab.owner("bob"));
    let lease = Duration::from_millis(100);
    let held = ana.lock("stage").lease(lease).blocking().unwrap();
    assert!(held.renew(Some(LONG)));
    let ends = held.row().unwrap().lease.unwrap();
    assert!(ends.since(lab.clock().now()) > LONG / 2);
    assert!(held.renew(None));
    assert_eq!(held.row().unwrap().lease, None);
    assert!(held.renew(Some(lease)));
    let next = bob.lock("stage").wait(LONG).lease(lease).blocking().unwrap();
    assert!(!held.is_held() && !held.renew(Some(LONG)));
    // The lease of a lock that was waited for counts from its grant.
    assert!(next.is_held());
    drop(held);
    done(bob.set("pump.flow", 1.0));
    drop(next);
    assert!(lab.who().is_empty());
}

#[test]
fn everything_that_happens_to_locks_is_told_in_order() {
    let lab = lab(LAB);
    let [ana, bob] = ["ana", "bob"].map(|name| lab.owner(name));
    let told = Arc::new(Mutex::new(Vec::new()));
    let (sink, inner) = (Arc::clone(&told), lab.clone());
    lab.observe_locks(move |event| {
        // It may ask whatever it likes.
        inner.who();
        let by = match &event.what {
            Happened::Broken { by } => format!(" by {by}"),
            _ => String::new(),
        };
        let line = format!("{} {} {}{by}", event.owner, event.what.word(), event.targets.join("+"));
        sink.lock().unwrap().push(line);
    });
    let held = ana.lock(("stage", "pump")).note("run 7").blocking().unwrap();
    let mut bobs = bob.lock("stage.velocity").wait(LONG).into_future();
    waits(&mut bobs);
    held.narrow(&lab.targets("stage").unwrap()).unwrap();
    let bobs = granted(&mut bobs);
    let mut anas = ana.lock("stage").wait(LONG).into_future();
    waits(&mut anas);
    drop(anas);
    bob.break_lock("pump", ana.id().number()).unwrap();
    drop(held);
    bobs.expire();
    bob.protect("stage", None, false).unwrap();
    bob.unprotect("stage").unwrap();
    let told = told.lock().unwrap();
    assert_eq!(
        told.as_slice(),
        [
            "ana acquired stage+pump",
            "bob waiting stage.velocity",
            "ana released stage",
            "bob acquired stage.velocity",
            "ana waiting stage",
            "ana withdrawn stage",
            "ana broken pump by bob",
            "ana released ",
            "bob expired stage.velocity",
            "bob protected stage",
            "bob unprotected stage",
        ]
    );
}

#[test]
fn who_says_who_has_what_since_when_and_why_and_who_waits() {
    let lab = lab(LAB);
    let [ana, bob] = ["ana", "bob"].map(|name| lab.owner(name));
    beside(&lab, async {
        let held = ana.lock(("slit", "stage")).note("run 7").lease(LONG).await.unwrap();
        let mut bobs = bob.lock("left").note("alignment").wait(LONG).into_future();
        waits(&mut bobs);
        let moving = ana.set("slit.gap", 4.0).unwrap();
        let who = lab.who();
        let [row] = who.as_slice() else { panic!("{who:?}") };
        assert_eq!(row.owner, *ana.id());
        assert_eq!(row.note.as_deref(), Some("run 7"));
        assert!(row.lease.unwrap() > row.since);
        assert_eq!(row.covers, ["stage", "left", "right", "slit"]);
        assert_eq!(row.running[0].to_string(), "write of slit.gap");
        assert_eq!(
            (row.waiting[0].owner.label(), row.waiting[0].note.as_deref()),
            ("bob", Some("alignment"))
        );
        assert_eq!(
            locked(bob.lock("stage").await.unwrap_err()).running,
            ["write of slit.gap"]
        );
        moving.await.unwrap();
        drop(held);
        drop(bobs.await.unwrap());
    });
}
