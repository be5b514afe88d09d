//! Inline, the same test has the same events, however often it runs (I2).

use std::sync::{Arc, Mutex};

use baton_host::{
    config::Execution,
    dispatcher::{Message, Terms},
    plugin::Drivers,
};
use baton_tests::lab::{WATCHDOG, done, drivers, lab_of, skip_isolated};
use serde_json::Value as Json;

use super::LAB;

/// Without the numbers of calls and owners, which count on in the whole process.
fn line(message: &Message) -> String {
    let mut payload = message.payload().to_json();
    if let Json::Object(payload) = &mut payload {
        payload.remove("call");
        payload.remove("owner");
    }
    let (sender, name) = (message.sender(), message.message());
    format!("{:?} {sender}:{name} {payload} {}", message.t(), message.n())
}

/// Moves, locks, stops, handlers that answer: all that is told of it.
fn events(drivers: Drivers) -> Vec<String> {
    let lab = lab_of(drivers, Execution::Inline, LAB);
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = |who: &'static str| {
        let log = Arc::clone(&log);
        move |message: Message| log.lock().unwrap().push(format!("{who} {}", line(&message)))
    };
    let (me, other) = (lab.owner("me"), lab.owner("other"));
    let answering = lab.subscribe("stage", "status", move |message| {
        if message.payload().to_json()["state"] == "idle" {
            done(other.set("pump", 3.0));
            other.send("seen", 1).unwrap();
        }
    });
    let subscriptions = [
        lab.subscribe("*", "*", note("all")),
        answering,
        lab.subscribe("client:*", "*", note("clients")),
        lab.subscribe_with("pump.flow", "changed", &Terms::latest(), note("latest")),
    ];
    let subscriptions = subscriptions.map(|subscription| subscription.unwrap());
    done(me.set("stage", 2.0));
    let lock = me.lock(["stage", "pump"]).blocking().unwrap();
    done(me.set("pump", 5.0));
    drop(lock);
    done(me.reopen("pump"));
    done(me.stop("stage"));
    lab.run_until(lab.clock().now() + std::time::Duration::from_secs(1));
    assert!(lab.flush(WATCHDOG));
    drop(subscriptions);
    lab.close();
    let log = log.lock().unwrap();
    log.clone()
}

#[test]
fn i2_a_thousand_runs_of_one_test_have_the_same_events() {
    if skip_isolated("it takes minutes to start a thousand times as many processes") {
        return;
    }
    let drivers = drivers();
    let first = events(drivers.clone());
    let other = (1..1000)
        .map(|_| events(drivers.clone()))
        .find(|events| *events != first);
    assert!(first.len() > 30, "{first:#?}");
    assert_eq!(other, None);
}
