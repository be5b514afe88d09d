//! Handlers: what they may do, and what becomes of those that misbehave (M3).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use baton_host::dispatcher::{Bounds, Ended, PANICS_MAX, Terms};
use baton_tests::lab::{WATCHDOG, done, is_inline, lab, number, skip_inline};

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

/// Everything that a handler may do, from inside of one, with somebody who sends all the time.
#[test]
fn m3_a_handler_may_do_whatever_it_likes() {
    let lab = lab(LAB);
    let (heard, inner) = (Heard::default(), Heard::default());
    let failures = Arc::new(Mutex::new(Vec::new()));
    let (mine, found, more) = (lab.clone(), Arc::clone(&failures), inner.clone());
    let mut kept = Vec::new();
    let handler = move |message: baton_host::dispatcher::Message| {
        let me = mine.owner("handler");
        let note = |what: &str, went: bool| {
            if !went {
                found.lock().unwrap().push(what.to_owned());
            }
        };
        match message.n() {
            1 => kept.push(mine.subscribe("client:handler", "*", more.handler()).unwrap()),
            2 => note("send", me.send("inner", 1).is_ok()),
            3 => note("set", number(me.set("pump", 7.0)) == 7.0),
            4 => note("get", number(me.get("pump")) == 7.0),
            5 => note("move", number(me.set("stage", 1.0)) == 1.0),
            6 => {
                let lock = me.lock(["stage", "pump"]).blocking().unwrap();
                note("set in a lock", number(me.set("pump", 8.0)) == 8.0);
                drop(lock);
            }
            7 => note("stop", me.stop("stage").is_ok()),
            8 => note("flush", mine.flush(WATCHDOG)),
            9 => kept.clear(),
            10 => note("unsubscribe itself", mine.unsubscribe(message.subscription())),
            _ => note("one more after it was unsubscribed", false),
        }
    };
    let subscription = lab.subscribe("client:ana", "*", handler).unwrap();
    let _all = lab.subscribe("*", "*", heard.handler()).unwrap();
    let ana = lab.owner("ana");
    for n in 1..=12 {
        ana.send("tick", n).unwrap();
        assert!(lab.flush(WATCHDOG), "it hangs at {n}");
    }
    assert_eq!(*failures.lock().unwrap(), [""; 0]);
    assert_eq!(subscription.ended(), Some(Ended::Unsubscribed));
    assert_eq!(inner.all().len(), 1);
}

#[test]
fn m3_a_handler_that_sends_what_it_hears_comes_to_an_end_when_it_stops() {
    let lab = lab(LAB);
    let (heard, echo) = (Heard::default(), lab.owner("ana"));
    let _echo = lab
        .subscribe("client:ana", "*", move |message| {
            if int(&message) < 500 {
                echo.send("tick", int(&message) + 1).unwrap();
            }
        })
        .unwrap();
    let _all = lab.subscribe("client:ana", "*", heard.handler()).unwrap();
    lab.owner("ana").send("tick", 0).unwrap();
    // What is sent by a handler comes after a flush that did not know of it.
    while heard.all().len() <= 500 {
        assert!(lab.flush(WATCHDOG));
    }
    assert_eq!(heard.numbers(), (1..=501).collect::<Vec<_>>());
}

#[test]
fn m3_a_handler_may_drop_the_lab() {
    let lab = lab(LAB);
    let (over, ended) = mpsc::channel();
    let mine = Mutex::new(Some(lab.clone()));
    let ana = lab.owner("ana");
    let subscription = lab
        .subscribe("client:ana", "*", move |_| {
            drop(mine.lock().unwrap().take());
            over.send(()).unwrap();
        })
        .unwrap();
    ana.send("tick", 1).unwrap();
    drop((ana, lab));
    ended.recv_timeout(WATCHDOG).expect("it comes back");
    if !is_inline() {
        while subscription.ended().is_none() {
            std::thread::yield_now();
        }
    }
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

#[test]
fn m3_a_handler_of_readings_may_write_to_the_device_that_they_are_of() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let (mine, heard) = (lab.owner("follower"), Heard::default());
    let _following = lab
        .subscribe("pump.flow", "target", move |message| {
            let target = message.payload().to_json()["value"].as_f64().unwrap_or_default();
            if target == 20.0 {
                done(mine.set("stage", 2.0));
            }
        })
        .unwrap();
    let _positions = lab.subscribe("stage.position", "target", heard.handler()).unwrap();
    assert_eq!(number(me.set("pump", 20.0)), 20.0);
    let last = heard.flushed(&lab).last().unwrap().payload().to_json();
    assert_eq!(last["value"], 2.0);
}
