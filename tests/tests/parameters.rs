//! Readings and the checks before a driver is called (RULES.md D1 to D7).

use std::time::Duration;

use baton_host::failure::Refusal;
use baton_plugin_api::{ErrorKind, StatusCode, Value};
use baton_tests::lab::{Follower, arm, done, failure, inside, lab, number, release, skip_inline};

const LAB: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    parameters.position.limits = ["0 mm", "50 mm"]
    parameters.position.poll = "0 s"
    parameters.velocity.initial = "20 mm/s"
    parameters.acceleration.fresh_for = "1 h"
    parameters.acceleration.poll = "0 s"
    [devices.pump]
    driver = "sim"
    type = "pump"
    parameters.flow.poll = "0 s"
    [devices.hand]
    driver = "puppet"
    type = "hand"
"#;

#[test]
fn d1_a_get_enters_the_driver_after_it_was_asked() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let before = lab.device("stage").unwrap().counters().calls;
    let asked = lab.clock().now();
    for _ in 0..10 {
        assert!(done(me.get("stage")).time >= asked);
    }
    assert!(lab.device("stage").unwrap().counters().calls >= before + 10);
    // The cache answers only for those who are content with it.
    let reading = done(me.get_within("stage", Duration::from_secs(3600)));
    assert_eq!(
        done(me.get_within("stage", Duration::from_secs(3600))).time,
        reading.time
    );
    assert_eq!(
        done(me.get("stage.acceleration")).time,
        done(me.get("stage.acceleration")).time
    );
}

#[test]
fn d2_polls_do_not_pile_up_behind_a_call() {
    if skip_inline("a driver that is really inside a call cannot be looked at from the same thread") {
        return;
    }
    let lab = lab(r#"
        timeout = "30 s"
        [devices.stage]
        driver = "sim"
        type = "motor"
        parameters.position.poll = "10 ms"
        parameters.velocity.poll = "10 ms"
        [devices.pump]
        driver = "sim"
        type = "pump"
        parameters.volume.poll = "20 ms"
    "#);
    let me = lab.owner("test");
    arm(&me, "stage", ("hang", "write"));
    let write = me.set("stage.acceleration", 30.0).unwrap();
    inside(&lab, "write of stage.acceleration");
    // The host answers for a driver that is busy.
    let status = done(me.get("stage.status")).value.to_json();
    assert_eq!(status[0], StatusCode::Busy.number());
    // Time passes: another device is polled twenty times.
    done(me.set("pump.on", true));
    let mut pump = Follower::new(&lab, &["pump"]);
    let mut from = pump.take().len();
    for _ in 0..20 {
        from = pump.until_after(from, "pump.volume") + 1;
    }
    let before = lab.device("stage").unwrap().counters().calls;
    release(&me, "pump", &write);
    done(Ok(write));
    done(me.get("stage.calls"));
    let after = lab.device("stage").unwrap().counters().calls;
    // Forty times two polls did not wait in the queue.
    assert!(after - before < 30, "{before} to {after}");
}

#[test]
fn d3_what_is_outside_never_reaches_the_driver() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let before = number(me.get("stage.calls"));
    let entries = || lab.device("stage").unwrap().counters().errors;
    let errors = entries();
    for (path, value, text) in [
        (
            "stage",
            Value::Float(50.1),
            "stage.position: 50.1 mm is outside the limits 0 mm to 50 mm set by the config at lab.toml:",
        ),
        (
            "stage",
            Value::Float(-0.1),
            "stage.position: -0.1 mm is outside the limits 0 mm to 50 mm set by the config at lab.toml:",
        ),
        (
            "stage",
            Value::Float(f64::NAN),
            "stage.position: NaN is not a finite number",
        ),
        (
            "stage",
            Value::Float(f64::INFINITY),
            "stage.position: inf is not a finite number",
        ),
        (
            "stage.velocity",
            Value::Float(101.0),
            "stage.velocity: 101 mm/s is outside the limits 0.001 mm/s to 100 mm/s set by the driver",
        ),
        ("stage.velocity", "fast".into(), "stage.velocity: "),
        ("stage", "2 V".into(), "stage.position: "),
        ("stage", Value::Bool(true), "stage.position: "),
        ("stage.referenced", Value::Bool(true), "stage.referenced is read-only"),
    ] {
        let refusal = me.set(path, value).unwrap_err().to_string();
        assert!(refusal.starts_with(text), "{refusal}");
    }
    assert_eq!(number(me.get("stage.calls")), before);
    assert_eq!(entries(), errors);
    // The limits themselves are inside.
    done(me.set("stage", 50.0));
    done(me.set("stage", 0.0));
}

#[test]
fn d3_what_is_no_number_on_the_way_out_is_an_error() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let failed = failure(me.get("hand.nonsense"));
    assert_eq!(
        failed.to_string(),
        "hand.nonsense: the driver returned a number that is not finite"
    );
    assert_eq!(failed.kind(), ErrorKind::OutOfRange);
    assert!(lab.device("hand").unwrap().is_up());
}

#[test]
fn d4_a_unit_is_converted() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    assert_eq!(number(me.set("stage", "2000 um")), 2.0);
    assert_eq!(number(me.set("stage", "0.3 cm")), 3.0);
    assert_eq!(number(me.set("pump.flow", "60 ml/h")), 1.0);
}

#[test]
fn d5_every_spelling_is_one_parameter() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("stage", 2.0));
    for path in [
        "stage",
        "Stage.Position",
        "stage:position",
        "stage:value",
        "stage.target",
        "STAGE._position",
    ] {
        assert_eq!(number(me.get(path)), 2.0, "{path}");
    }
    let refusal = |path: &str| me.get(path).unwrap_err().to_string();
    assert_eq!(refusal("stag"), "there is no device `stag`; did you mean `stage`?");
    assert_eq!(
        refusal("stage.velocty"),
        "stage has no parameter `velocty`; did you mean `velocity`?"
    );
    assert!(
        matches!(me.call("stage.hom", ()), Err(Refusal::NoSuchCommand { suggestion: Some(name), .. }) if name == "home")
    );
}

#[test]
fn d7_initial_values_are_written_at_each_opening_and_move_nothing() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    assert_eq!(number(me.get("stage.velocity")), 20.0);
    assert_eq!(number(me.get("stage.calls")), 1.0);
    done(me.set("stage.velocity", 30.0));
    done(me.set("stage", 2.0));
    done(me.reopen("stage"));
    assert_eq!(number(me.get("stage.velocity")), 20.0);
    assert_eq!(number(me.get("stage.calls")), 1.0, "the position was not written");
}

#[test]
fn what_is_published_comes_in_order_from_any_thread() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["hand"]);
    follower.take();
    done(me.call("hand.count", 1000));
    follower.until("hand says tick 1000");
    let of = |start: &str| -> Vec<i64> {
        let numbers = follower
            .lines
            .iter()
            .filter_map(|line| line.strip_prefix(start)?.parse().ok());
        numbers.collect()
    };
    let all: Vec<i64> = (1..=1000).collect();
    assert_eq!(of("hand.counted "), all);
    assert_eq!(of("hand says tick "), all);
    assert_eq!(number(me.get("hand.counted")), 1000.0);
}

#[test]
fn d3_a_command_that_returns_no_number_has_failed() {
    let lab = lab(LAB);
    let failed = failure(lab.owner("test").call("hand.babble", ()));
    assert_eq!(failed.kind(), ErrorKind::OutOfRange);
    assert_eq!(
        failed.to_string(),
        "hand.babble: the driver returned a number that is not finite"
    );
}
