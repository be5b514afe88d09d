//! Handlers: what they may do, and what becomes of those that misbehave (M3).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use baton_host::dispatcher::{Bounds, Ended, PANICS_MAX, Terms};
use baton_tests::lab::{WATCHDOG, lab, number, skip_inline};

use super::{Heard, LAB, int};

/// So many messages that nobody loses any of 10 000.
const ROOM: Bounds = Bounds {
    entries: 20_000,
    bytes: 64 << 20,
};

fn roomy() -> Terms {
    Terms::default().bounded(ROOM)
}

#[test]
fn m3_after_a_panic_10_000_messages_come_to_the_others_and_to_the_same_handler() {
    let lab = lab(LAB);
    let (heard, calm) = (Heard::default(), Heard::default());
    let mut keep = heard.handler();
    let raising = move |message: baton_host::dispatcher::Message| {
        let is_first = message.n() == 1;
        keep(message);
        assert!(!is_first, "the first one is too much");
    };
    let raising = lab.subscribe_with("client:ana", "*", &roomy(), raising).unwrap();
    let _calm = lab.subscribe_with("client:ana", "*", &roomy(), calm.handler()).unwrap();
    let ana = lab.owner("ana");
    for n in 0..10_001 {
        ana.send("tick", n).unwrap();
    }
    for heard in [heard, calm] {
        assert_eq!(
            heard.flushed(&lab).iter().map(int).collect::<Vec<_>>(),
            (0..10_001).collect::<Vec<_>>()
        );
    }
    assert_eq!(raising.ended(), None);
}

#[test]
fn m3_so_many_panics_in_a_row_end_a_subscription_and_its_owner_is_told() {
    let lab = lab(LAB);
    let (calls, calm) = (Arc::new(AtomicU64::new(0)), Heard::default());
    let count = Arc::clone(&calls);
    let raising = lab
        .subscribe_with("client:ana", "*", &roomy(), move |message| {
            count.fetch_add(1, Ordering::Relaxed);
            // One that goes well begins the count anew.
            assert!(message.n() == 5, "no {}", message.n());
        })
        .unwrap();
    let _calm = lab.subscribe_with("client:ana", "*", &roomy(), calm.handler()).unwrap();
    let ana = lab.owner("ana");
    for n in 0..1000 {
        ana.send("tick", n).unwrap();
    }
    assert_eq!(calm.flushed(&lab).len(), 1000);
    assert_eq!(calls.load(Ordering::Relaxed), 5 + u64::from(PANICS_MAX));
    let ended = raising.ended().expect("it is over");
    assert_eq!(
        ended,
        Ended::Panicked {
            times: PANICS_MAX,
            text: "no 15".to_owned()
        }
    );
}

#[test]
fn m3_a_handler_that_sleeps_delays_nobody() {
    if skip_inline("a handler that sleeps holds up the only thread there is") {
        return;
    }
    let lab = lab(LAB);
    let (wake, sleeping) = mpsc::channel::<()>();
    let (awake, heard) = (Arc::new(AtomicBool::new(false)), Heard::default());
    let woken = Arc::clone(&awake);
    let _slow = lab
        .subscribe("client:ana", "*", move |_| {
            let _ = sleeping.recv();
            woken.store(true, Ordering::Release);
        })
        .unwrap();
    let _fast = lab.subscribe("*", "*", heard.handler()).unwrap();
    let ana = lab.owner("ana");
    for n in 0..1000 {
        ana.send("tick", n).unwrap();
    }
    assert_eq!(number(ana.set("pump", 5.0)), 5.0);
    let mut messages = lab.messages("client:ana", "*").unwrap();
    ana.send("tock", 1).unwrap();
    assert!(messages.wait_next(WATCHDOG).is_some());
    let ticks = || heard.all().iter().filter(|m| **m.message() == *"tick").count();
    while ticks() < 1000 {
        std::thread::yield_now();
    }
    assert!(!awake.load(Ordering::Acquire));
    assert!(!lab.flush(Duration::from_millis(1)), "it is still asleep");
    drop(wake);
    assert!(lab.flush(WATCHDOG));
}

#[test]
fn m3_whoever_unsubscribes_hears_no_more() {
    let lab = lab(LAB);
    let heard = Heard::default();
    let ana = lab.owner("ana");
    let subscription = lab.subscribe("client:ana", "*", heard.handler()).unwrap();
    ana.send("tick", 1).unwrap();
    assert_eq!(heard.flushed(&lab).len(), 1);
    assert!(lab.unsubscribe(subscription.id()));
    assert!(!lab.unsubscribe(subscription.id()));
    assert_eq!(subscription.ended(), Some(Ended::Unsubscribed));
    let dropped = lab.subscribe("client:ana", "*", heard.handler()).unwrap();
    drop(dropped);
    let kept = lab.subscribe("client:ana", "tock", heard.handler()).unwrap();
    kept.detach();
    for name in ["tick", "tock"] {
        ana.send(name, 2).unwrap();
    }
    assert_eq!(heard.flushed(&lab).iter().map(int).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_lab_that_is_closed_ends_all_subscriptions_after_what_was_sent() {
    let lab = lab(LAB);
    let heard = Heard::default();
    let handler = lab.subscribe("client:ana", "*", heard.handler()).unwrap();
    let mut stream = lab.messages("client:ana", "*").unwrap();
    let ana = lab.owner("ana");
    for n in 0..100 {
        ana.send("tick", n).unwrap();
    }
    lab.close();
    assert_eq!(heard.all().len(), 100);
    assert_eq!(std::iter::from_fn(|| stream.wait_next(WATCHDOG)).count(), 100);
    assert_eq!(
        (handler.ended(), stream.ended()),
        (Some(Ended::Closed), Some(Ended::Closed))
    );
    assert_eq!(lab.messages("client:ana", "*").unwrap().ended(), Some(Ended::Closed));
}
