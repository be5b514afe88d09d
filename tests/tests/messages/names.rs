//! Who hears what.

use std::collections::BTreeSet;

use baton_host::failure::Refusal;
use baton_tests::lab::{done, lab};

use super::{LAB, next, until};

#[test]
fn m1_messages_of_a_client_are_counted_and_timed() {
    let lab = lab(LAB);
    let ana = lab.owner("ana");
    assert_eq!(ana.send("done", 1).unwrap(), 1);
    let mut all = lab.messages("client:ana", "*").unwrap();
    for n in 2..5 {
        assert_eq!(ana.send("done", i64::from(n)).unwrap(), n as u64);
        let message = next(&mut all);
        assert_eq!((&**message.sender(), &**message.message()), ("client:ana", "done"));
        assert_eq!((message.n(), message.lost()), (n as u64, 0));
        assert_eq!(message.payload().to_json(), n);
        assert!(message.t() <= lab.clock().now());
    }
}

#[test]
fn m6_nobody_speaks_as_a_device() {
    let lab = lab(LAB);
    for (label, sender) in [
        ("stage", "client:stage"),
        ("stage.position", "client:stage.position"),
        ("a b:c*", "client:a_b_c_"),
    ] {
        assert_eq!(&**lab.owner(label).sender(), sender);
    }
    for name in ["", "a:b", "*", "a b", "1st", &"x".repeat(64)] {
        let refusal = lab.owner("ana").send(name, 1).unwrap_err();
        assert!(matches!(refusal, Refusal::NotAName { .. }), "{refusal}");
    }
}

#[test]
fn d5_every_spelling_is_one_sender() {
    let lab = lab(LAB);
    for sender in [
        "pump.flow",
        "Pump:FLOW",
        "pump.value",
        "pump:target",
        "*.flow",
        "p*.flow",
    ] {
        let mut changed = lab.messages(sender, "changed").unwrap();
        assert_eq!(&**next(&mut changed).sender(), "pump.flow", "{sender}");
    }
}

#[test]
fn a_device_covers_its_parameters_and_a_star_anybody() {
    let lab = lab(LAB);
    let senders = |sender: &str, message: &str| -> BTreeSet<String> {
        let mut messages = lab.messages(sender, message).unwrap();
        std::iter::from_fn(|| messages.try_next())
            .map(|message| format!("{}:{}", message.sender(), message.message()))
            .collect()
    };
    let pump = senders("pump", "*");
    assert!(pump.contains("pump.flow:changed") && pump.contains("pump:status") && pump.contains("pump:connected"));
    assert!(pump.iter().all(|name| name.starts_with("pump")));
    assert!(senders("pump.*", "*").iter().all(|name| name.starts_with("pump.")));
    let all = senders("*", "*");
    assert!(all.contains("stage.position:changed") && all.contains("hand:status") && all.contains("host:loaded"));
    let status: Vec<_> = senders("*", "status").into_iter().collect();
    assert_eq!(status, ["hand:status", "pump:status", "stage:status"]);
}

#[test]
fn a_name_that_nobody_has_is_refused_with_what_was_meant() {
    let lab = lab(LAB);
    let refused = |sender: &str, message: &str| lab.messages(sender, message).unwrap_err().to_string();
    assert_eq!(refused("stag", "*"), "there is no device `stag`; did you mean `stage`?");
    assert_eq!(
        refused("stage.positon", "*"),
        "stage has no parameter `positon`; did you mean `position`?"
    );
    let text = refused("stage", "limit_hitt");
    assert!(
        text.starts_with("stage sends no message `limit_hitt`; did you mean `limit_hit`?; it sends status, "),
        "{text}"
    );
    // Whoever may still come can be subscribed to.
    assert!(lab.messages("client:nobody", "yet").is_ok());
    assert!(lab.messages("*", "yet").is_ok());
}

#[test]
fn a_subscription_to_all_hears_who_comes_later() {
    let lab = lab(LAB);
    let mut all = lab.messages("client:*", "*").unwrap();
    let mut exact = lab.messages("client:bob", "hello").unwrap();
    lab.owner("bob").send("hello", "you").unwrap();
    assert_eq!(next(&mut all).payload().to_json(), "you");
    assert_eq!(next(&mut exact).payload().to_json(), "you");
}

#[test]
fn a_call_is_told_from_its_begin_to_its_end() {
    let lab = lab(LAB);
    let mut calls = lab.messages("pump", "call").unwrap();
    let ana = lab.owner("ana");
    let call = ana.set("pump", 3.0).unwrap();
    let id = call.id();
    done(Ok(call));
    let (begin, end) = (
        next(&mut calls).payload().to_json(),
        next(&mut calls).payload().to_json(),
    );
    assert_eq!((&begin["event"], &begin["call"]), (&"begin".into(), &id.into()));
    assert_eq!((&begin["path"], &begin["verb"]), (&"pump.flow".into(), &"write".into()));
    assert_eq!((&begin["asked"], &begin["owner"]["name"]), (&3.0.into(), &"ana".into()));
    assert_eq!((&end["event"], &end["outcome"]), (&"end".into(), &"done".into()));
    assert_eq!((&end["call"], &end["value"]), (&id.into(), &3.0.into()));
    // What is refused has not begun.
    assert!(ana.set("pump", 1e9).is_err());
    assert!(calls.try_next().is_none());
}

#[test]
fn news_of_locks_come_from_the_devices_that_they_are_on() {
    let lab = lab(LAB);
    let mut news = lab.messages("stage", "lock").unwrap();
    let ana = lab.owner("ana");
    let lock = ana.lock("stage.position").blocking().unwrap();
    drop(ana.lock("pump").blocking().unwrap());
    drop(lock);
    for event in ["acquired", "released"] {
        let message = next(&mut news).payload().to_json();
        assert_eq!(message["event"], event);
        assert_eq!(message["owner"]["name"], "ana");
        assert_eq!(message["targets"][0], "stage.position");
    }
    assert!(news.try_next().is_none());
}

#[test]
fn a_device_that_is_lost_says_so_and_says_when_it_is_back() {
    let lab = lab(LAB);
    let mut news = lab.messages("stage", "*").unwrap();
    until(&mut news, "stage", "connected");
    let me = lab.owner("test");
    done(me.set("stage.fault_on", "read"));
    done(me.set("stage.fault", "drop_connection"));
    let _ = me.get("stage").unwrap().wait(baton_tests::lab::WATCHDOG);
    let lost = until(&mut news, "stage", "disconnected");
    assert!(lost.payload().to_json()["cause"].is_string());
    until(&mut news, "stage", "connected");
}
