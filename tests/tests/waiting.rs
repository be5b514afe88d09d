//! Waiting for a value: pushed, and nothing is missed (C4, D1, D2).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use baton_host::{
    condition::{Condition, Relation},
    device::Reading,
    executor::{Call, WaitError},
    failure::{Failure, Refusal},
};
use baton_plugin_api::{StatusCode, Value};
use baton_tests::lab::{WATCHDOG, arm, done, failure, is_inline, lab, number};
use proptest::prelude::*;

const LAB: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    parameters.velocity.poll = "0 s"
    [devices.oven]
    driver = "sim"
    type = "oven"
    options = { rate = "6000 K/min", time_constant = "0.1 s", noise = "0 K" }
    [devices.shutter]
    driver = "sim"
    type = "shutter"
    [devices.hand]
    driver = "puppet"
    type = "hand"
"#;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn reached(call: Result<Call, Refusal>) -> Reading {
    done(call)
}

#[test]
fn a_value_that_is_there_already_is_read_once_more_and_then_it_is_over() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let before = lab.clock().now();
    let reading = reached(me.wait_for("stage.position", Condition::is(0.0)));
    assert_eq!(reading.value, Value::Float(0.0));
    assert!(reading.time >= before, "d1: a reading from before does not count");
}

#[test]
fn c4_a_wait_that_was_made_before_the_write_sees_all_of_it() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let passing = me
        .wait_for("stage.position", Condition::compare(Relation::Above, "20 mm"))
        .unwrap();
    let there = me.wait_for("stage", Condition::near("3 cm", "10 um")).unwrap();
    assert!(!passing.is_resolved() && !there.is_resolved());
    done(me.set("stage", 30.0));
    assert!(reached(Ok(passing)).value.as_f64().unwrap() > 20.0);
    assert!((reached(Ok(there)).value.as_f64().unwrap() - 30.0).abs() < 0.011);
}

#[test]
fn d4_a_difference_of_temperatures_has_no_zero() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let warm = me
        .wait_for("oven.temperature", Condition::near("353.15 K", "0.5 K"))
        .unwrap();
    done(me.set("oven", "80 degC"));
    let warm = reached(Ok(warm)).value.as_f64().unwrap();
    assert!((warm - 80.0).abs() <= 0.5, "{warm}");
}

#[test]
fn a_value_is_held_only_if_it_stays() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    // It passes 25 degC to 35 degC within a tenth of a second, and stays there in the end.
    let stable = Condition::near(30.0, 5.0).held_for(seconds(1.0));
    let stable = me.wait_for("oven", stable).unwrap();
    done(me.set("oven", 80.0));
    assert!(!stable.is_resolved());
    done(me.set("oven", 32.0));
    let before = lab.clock().now();
    let reading = reached(Ok(stable));
    // The second may have begun before the oven said that it is there.
    assert!(reading.time.since(before) <= seconds(5.0));
    assert!(reading.time.since(lab.device("oven").unwrap().target(0).unwrap().time) >= seconds(1.0));
}

#[test]
fn a_wait_that_comes_to_nothing_says_what_was_wanted_and_what_is() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let never = Condition::near("80 degC", "0.5 K")
        .held_for(seconds(2.0))
        .timeout(seconds(0.3));
    let failure = failure(me.wait_for("oven", never));
    assert_eq!(
        failure.to_string(),
        "oven.temperature was not 80 degC ± 0.5 K for 2.0 s within 300 ms; it is 25.00 degC"
    );
    assert_eq!(failure.outcome(), "timeout");
}

#[test]
fn c4_wait_gives_the_call_back_when_its_time_is_over() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let call = me.wait_for("stage", Condition::is(10.0)).unwrap();
    let call = match call.wait(Duration::from_millis(20)) {
        Err(WaitError::StillRunning(call)) => call,
        other => panic!("{other:?}"),
    };
    done(me.set("stage", 10.0));
    assert!((reached(Ok(call)).value.as_f64().unwrap() - 10.0).abs() < 0.1);
}

#[test]
fn c4_a_cancelled_wait_ends_as_cancelled_and_moves_nothing() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let call = me.wait_for("stage", Condition::is(10.0)).unwrap();
    call.cancel();
    assert!(matches!(failure(Ok(call)), Failure::Cancelled { .. }));
    assert_eq!(lab.device("stage").unwrap().status().0.code, StatusCode::Idle);
}

#[test]
fn what_can_never_be_is_refused() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let refused = |path: &str, condition: Condition| me.wait_for(path, condition).unwrap_err().to_string();
    assert_eq!(
        refused("stage.positon", Condition::is(1.0)),
        "stage has no parameter `positon`; did you mean `position`?"
    );
    assert_eq!(
        refused("oven", Condition::near("80 degC", "0.5 s")),
        "oven.temperature: `s` is a time, not a temperature; write it in `degC`, or in a unit that converts to it"
    );
    assert_eq!(
        refused("oven", Condition::is("80 s")),
        "oven.temperature: `s` is a time, not a temperature; write it in `degC`, or in a unit that converts to it"
    );
    assert_eq!(
        refused("oven", Condition::near(80.0, -1.0)),
        "oven.temperature: a distance is not below zero"
    );
    assert_eq!(
        refused("shutter", Condition::compare(Relation::Above, "open")),
        "shutter.position: `>` is for numbers, and it is of kind text"
    );
    assert_eq!(
        refused("stage.status", Condition::is("ready")),
        "stage.status: a status is `disabled`, `idle`, `warn`, `busy` or `error`"
    );
}

#[test]
fn names_and_statuses_are_waited_for_as_well() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let open = me.wait_for("shutter", Condition::parse("open")).unwrap();
    let busy = me
        .wait_for("stage.status", Condition::status(StatusCode::Busy))
        .unwrap();
    let idle = Condition::is("idle").held_for(seconds(0.5));
    done(me.set("shutter", "open"));
    done(me.set("stage", 20.0));
    let idle = me.wait_for("stage.status", idle).unwrap();
    assert_eq!(reached(Ok(open)).value, Value::Text("open".into()));
    reached(Ok(busy));
    reached(Ok(idle));
}

#[test]
fn a_reading_that_fails_is_waited_out_unless_told_otherwise() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("oven.fault_times", 0));
    arm(&me, "oven", ("fail", "read"));
    let failing = me.wait_for("oven", Condition::is(25.0).failing_on_errors());
    let patient = me.wait_for("oven", Condition::is(25.0)).unwrap();
    let failure = failure(failing);
    assert!(matches!(failure, Failure::Driver { .. }), "{failure:?}");
    assert!(!patient.is_resolved());
    done(me.set("oven.fault", "none"));
    assert_eq!(reached(Ok(patient)).value, Value::Float(25.0));
}

#[test]
fn a_lost_device_is_waited_out() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let patient = me.wait_for("oven", Condition::compare(Relation::Above, 60.0)).unwrap();
    arm(&me, "oven", ("drop_connection", "read"));
    failure(me.get("oven"));
    // It is opened again by itself, with its temperature of before.
    reached(me.wait_for("oven.status", Condition::is("idle")));
    done(me.set("oven", 80.0));
    reached(Ok(patient));
}

#[test]
fn d2_what_is_waited_for_is_read_although_nobody_polls_it_and_no_longer() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let calls = || lab.device("stage").unwrap().counters().calls;
    let started = lab.clock().now();
    let before = calls();
    let wait = me.wait_for("stage.velocity", Condition::is("50 mm/s")).unwrap();
    match wait.wait(seconds(2.0)) {
        Err(WaitError::StillRunning(wait)) => drop(wait.cancel()),
        other => panic!("{other:?}"),
    }
    let passed = lab.clock().now().since(started).as_secs_f64();
    let reads = (calls() - before) as f64;
    // Five times a second, beside the other polls of the device, of which there are fewer.
    assert!(
        reads >= 4.0 * passed && reads <= 15.0 * passed + 20.0,
        "{reads} in {passed} s"
    );
    done(me.set("stage.velocity", "50 mm/s"));
    reached(me.wait_for("stage.velocity", Condition::is("50 mm/s")));
}

#[test]
fn a_function_decides_and_may_panic() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let past = me
        .wait_for(
            "stage",
            Condition::when(move |value| {
                count.fetch_add(1, Ordering::Relaxed);
                value.as_f64().is_some_and(|x| x > 5.0)
            }),
        )
        .unwrap();
    let wrong = me
        .wait_for("stage", Condition::when(|_| panic!("no such thing")))
        .unwrap();
    done(me.set("stage", 10.0));
    assert!(reached(Ok(past)).value.as_f64().unwrap() > 5.0);
    assert!(asked.load(Ordering::Relaxed) > 1);
    assert_eq!(
        failure(Ok(wrong)).to_string(),
        "the condition on stage.position panicked: no such thing"
    );
}

#[test]
fn who_waits_when_the_lab_ends_is_told() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let call = me.wait_for("stage", Condition::is(10.0)).unwrap();
    lab.close();
    assert!(matches!(failure(Ok(call)), Failure::Refused(Refusal::Closed { .. })));
    assert!(matches!(
        me.wait_for("stage", Condition::is(10.0)),
        Err(Refusal::Closed { .. })
    ));
}

#[test]
fn i2_a_wait_lets_the_labs_time_pass() {
    if !is_inline() {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let before = lab.clock().now();
    let never = Condition::is(1.0);
    assert!(matches!(
        failure(me.wait_for("stage", never.timeout(seconds(15.0)))),
        Failure::NotReached { .. }
    ));
    assert!(lab.clock().now().since(before) >= seconds(15.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// However fast a value changes, and whenever the waits were made: each that was made before sees its own.
    #[test]
    fn a_fast_change_is_never_missed(n in 1i64..200, wanted in proptest::collection::vec((1i64..200, any::<bool>()), 1..20)) {
        let lab = lab(LAB);
        let me = lab.owner("test");
        let waits: Vec<_> = wanted
            .iter()
            .map(|(wanted, by_function)| {
                let (wanted, condition) = (*wanted, Condition::is(*wanted));
                let condition = match by_function {
                    true => Condition::when(move |value| *value == Value::Int(wanted)),
                    false => condition,
                };
                (wanted, me.wait_for("hand.counted", condition).unwrap())
            })
            .collect();
        // The driver says each number from a thread of its own, as fast as it can.
        done(me.call("hand.count", n));
        for (wanted, call) in waits {
            if wanted <= n {
                prop_assert_eq!(reached(Ok(call)).value, Value::Int(wanted));
            } else {
                prop_assert!(!call.is_resolved());
            }
        }
    }
}

#[test]
fn a_thousand_wait_for_one_parameter() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let calls: Vec<_> = (0..1000)
        .map(|n| {
            me.wait_for(
                "stage",
                Condition::near(f64::from(n) / 100.0, 0.02).timeout(WATCHDOG * 10),
            )
        })
        .collect();
    let last = me.wait_for("stage", Condition::is(10.0));
    done(me.set("stage", 10.0));
    assert!((reached(last).value.as_f64().unwrap() - 10.0).abs() < 0.1);
    let (passed, other): (Vec<_>, Vec<_>) = calls.into_iter().map(Result::unwrap).partition(Call::is_resolved);
    assert!(!passed.is_empty());
    other.iter().for_each(|call| drop(call.cancel()));
    assert_eq!(number(me.get("stage")), 10.0);
}
