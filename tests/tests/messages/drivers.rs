//! Messages of drivers, and what is kept of readings.

use std::time::Duration;

use baton_host::{clock::Time, config::Execution, dispatcher::Terms};
use baton_tests::lab::{done, failure, lab, lab_in};

use super::{LAB, int, next, until};

#[test]
fn what_a_driver_sends_from_a_thread_of_its_own_comes_in_order() {
    let lab = lab(LAB);
    let mut ticks = lab.messages("hand", "tick").unwrap();
    let mut counted = lab.messages("hand.counted", "changed").unwrap();
    next(&mut counted);
    let me = lab.owner("test");
    done(me.call("hand.count", 1000));
    for n in 1..=1000 {
        let tick = next(&mut ticks);
        assert_eq!((int(&tick), tick.n(), tick.lost()), (n, n as u64, 0));
        assert_eq!(next(&mut counted).payload().to_json()["value"], n);
    }
}

#[test]
fn a_driver_that_floods_loses_its_own_messages_and_is_told_once() {
    // On a clock that stands still meanwhile; it may send 100 000 at once.
    let lab = lab_in(Execution::Inline, LAB);
    let many = 120_000;
    let mut ticks = lab.messages("hand", "tick").unwrap();
    let mut told = lab.messages("hand", "flooded").unwrap();
    let mut counted = lab.messages_with("hand.counted", "changed", &Terms::latest()).unwrap();
    let me = lab.owner("test");
    done(me.call("hand.count", many));
    let flooded = next(&mut told).payload().to_json();
    assert_eq!(
        (&flooded["message"], &flooded["rate"]),
        (&"tick".into(), &100_000.into())
    );
    assert!(told.try_next().is_none(), "once for each flood");
    let (mut last, mut lost) = (0, 0);
    while let Some(tick) = ticks.try_next() {
        assert_eq!(tick.n(), last + 1 + tick.lost());
        (last, lost) = (tick.n(), lost + tick.lost());
    }
    assert!(lost > 0 && last <= many as u64);
    // A reading is no news that can be lost: the last one counts.
    let mut value = serde_json::Value::Null;
    while let Some(message) = counted.try_next() {
        value = message.payload().to_json()["value"].take();
    }
    assert_eq!(value, many);
}

#[test]
fn the_motor_says_which_limit_has_ended_its_motion() {
    let lab = lab(&LAB.replace(
        "velocity = \"100 mm/s\"",
        "velocity = \"100 mm/s\", travel_max = \"10 mm\"",
    ));
    let mut news = lab.messages("stage", "limit_hit").unwrap();
    failure(lab.owner("test").set("stage", 20.0));
    assert_eq!(next(&mut news).payload().to_json(), "upper");
}

#[test]
fn what_was_sent_of_a_parameter_lately_is_kept() {
    let lab = lab(&LAB.replace("type = \"pump\"", "type = \"pump\"\n    parameters.flow.history = 5"));
    let (me, began) = (lab.owner("test"), lab.clock().now());
    let mut live = lab.messages("pump.flow", "changed").unwrap();
    next(&mut live);
    for n in 1..=20 {
        done(me.set("pump", f64::from(n)));
    }
    let live: Vec<_> = std::iter::from_fn(|| live.try_next())
        .map(|message| message.n())
        .collect();
    let kept = lab.history("pump", Time::from_nanoseconds(0)).unwrap();
    let numbers: Vec<_> = kept.iter().map(|message| message.n()).collect();
    assert_eq!(numbers, live[live.len() - 5..]);
    assert_eq!(kept.last().unwrap().payload().to_json()["value"], 20.0);
    // Who comes late begins with them, goes on with what is so, and misses nothing.
    let mut late = lab
        .messages_with("pump.flow", "changed", &Terms::default().since(began))
        .unwrap();
    let first: Vec<_> = (0..5).map(|_| next(&mut late).n()).collect();
    assert_eq!(first, numbers);
    done(me.set("pump", 30.0));
    loop {
        let message = next(&mut late);
        if message.payload().to_json()["value"] == 30.0 {
            break;
        }
        assert!(message.n() >= numbers[4]);
    }
    let later = lab.clock().now() + Duration::from_secs(1);
    assert!(lab.history("pump", later).unwrap().is_empty());
}

#[test]
fn m5_every_subscriber_begins_with_what_is_so() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("pump", 12.0));
    let mut all = lab.messages("pump", "*").unwrap();
    assert_eq!(
        until(&mut all, "pump.flow", "changed").payload().to_json()["value"],
        12.0
    );
    assert_eq!(
        until(&mut all, "pump.flow", "target").payload().to_json()["value"],
        12.0
    );
    assert_eq!(until(&mut all, "pump", "status").payload().to_json()["state"], "idle");
    let mut host = lab.messages("host", "loaded").unwrap();
    let loaded: Vec<_> = std::iter::from_fn(|| host.wait_next(Duration::ZERO))
        .map(|message| message.payload().to_json()["driver"].as_str().unwrap().to_owned())
        .collect();
    assert!(loaded.contains(&"sim".to_owned()) && loaded.contains(&"puppet".to_owned()));
}
