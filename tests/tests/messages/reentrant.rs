//! Handlers that do everything that they may, under a watchdog: nothing waits for itself (M3, I3).

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
    mpsc,
};

use baton_host::dispatcher::Ended;
use baton_tests::lab::{WATCHDOG, done, is_inline, lab, number};

use super::{Heard, LAB, int, watched};

/// Everything that a handler may do, from inside of one, with somebody who sends all the time.
#[test]
fn m3_a_handler_may_do_whatever_it_likes() {
    watched(|| {
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
    });
}

#[test]
fn m3_a_handler_that_sends_what_it_hears_comes_to_an_end_when_it_stops() {
    watched(|| {
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
    });
}

#[test]
fn m3_a_handler_may_drop_the_lab() {
    watched(|| {
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
    });
}

#[test]
fn m3_a_handler_of_readings_may_write_to_the_device_that_they_are_of() {
    watched(|| {
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
    });
}

#[test]
fn m3_handlers_that_set_one_another_off_come_to_rest() {
    watched(|| {
        let lab = lab(LAB);
        let heard = Heard::default();
        // Each writes to the other's device, and both hear of both.
        let pairs = [("pump.flow", "stage"), ("stage.position", "pump")];
        let subscriptions: Vec<_> = pairs
            .into_iter()
            .map(|(from, to)| {
                let me = lab.owner(format!("to {to}"));
                let follow = move |message: baton_host::dispatcher::Message| {
                    let target = message.payload().to_json()["value"].as_f64().unwrap_or_default();
                    if (1.0..20.0).contains(&target) {
                        // Whoever is busy is left alone.
                        if let Ok(call) = me.set(to, target + 1.0) {
                            let _ = call.wait(WATCHDOG);
                        }
                    }
                };
                lab.subscribe(from, "target", follow).unwrap()
            })
            .collect();
        let _all = lab.subscribe("*", "target", heard.handler()).unwrap();
        number(lab.owner("test").set("pump", 1.0));
        assert!(lab.flush(WATCHDOG));
        drop(subscriptions);
        assert!(heard.flushed(&lab).len() > 2);
    });
}

#[test]
fn m3_a_handler_may_open_a_device_again_and_close_the_lab() {
    watched(|| {
        let lab = lab(LAB);
        let (mine, times) = (lab.clone(), Arc::new(AtomicU64::new(0)));
        let (count, me) = (Arc::clone(&times), lab.owner("handler"));
        let subscription = lab
            .subscribe("client:ana", "*", move |message| {
                count.fetch_add(1, Ordering::SeqCst);
                match message.n() {
                    1 => drop(done(me.reopen("stage"))),
                    _ => drop(mine.close()),
                }
            })
            .unwrap();
        let ana = lab.owner("ana");
        ana.send("tick", 1).unwrap();
        assert!(lab.flush(WATCHDOG));
        ana.send("tick", 2).unwrap();
        while subscription.ended().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(times.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn m3_fifty_handlers_come_and_go_while_eight_threads_send() {
    watched(|| {
        let lab = lab(LAB);
        let (heard, mine) = (Heard::default(), lab.clone());
        let _steady = lab.subscribe("client:*", "tick", heard.handler()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let me = lab.owner(format!("thread{thread}"));
                scope.spawn(move || (0..250).for_each(|n| assert!(me.send("tick", n).is_ok())));
            }
            scope.spawn(move || {
                for _ in 0..50 {
                    let again = mine.clone();
                    let subscription = mine.subscribe("client:*", "*", move |message| {
                        again.unsubscribe(message.subscription());
                    });
                    drop(subscription.unwrap());
                }
            });
        });
        let heard = heard.flushed(&lab);
        assert_eq!(heard.len(), 2000);
        for thread in 0..8 {
            let sender = format!("client:thread{thread}");
            let own = heard.iter().filter(|message| **message.sender() == *sender);
            assert_eq!(own.map(int).collect::<Vec<_>>(), (0..250).collect::<Vec<_>>());
        }
    });
}
