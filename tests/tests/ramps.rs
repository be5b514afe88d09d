//! Ramps: one write that the host takes there in steps (C1, C3, C5, S1).

use std::time::Duration;

use baton_host::{
    condition::{Condition, Relation},
    failure::Failure,
};
use baton_plugin_api::{DeviceClass, StatusCode, Value};
use baton_tests::lab::{Follower, arm, done, failure, lab, number};

const LAB: &str = r#"
    [devices.supply]
    driver = "sim"
    type = "supply"
    parameters.voltage = { step = "1 V", rate = "10 V/s" }
    parameters.current_limit = { step = "0.5 A" }
    [devices.oven]
    driver = "sim"
    type = "oven"
    options = { rate = "6000 K/min", time_constant = "0.05 s", noise = "0 K" }
    parameters.temperature = { rate = "1200 K/min" }
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    parameters.position = { step = "5 mm", settle = "50 ms" }
"#;

fn writes(me: &baton_host::lab::Owner, device: &str) -> i64 {
    match done(me.get(&format!("{device}.calls"))).value {
        Value::Int(calls) => calls,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_write_is_taken_there_in_steps_and_no_faster_than_its_rate() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["supply"]);
    follower.take();
    let before = lab.clock().now();
    let call = me.set("supply", 10.0).unwrap();
    assert_eq!(number(Ok(call.clone())), 10.0);
    assert!(lab.clock().now().since(before) >= Duration::from_secs(1));
    assert_eq!((call.progress(), writes(&me, "supply")), (1.0, 10));
    let lines = follower.take();
    let place = |line: &str| {
        lines
            .iter()
            .position(|l| l == line)
            .unwrap_or_else(|| panic!("no {line} in {lines:#?}"))
    };
    let steps: Vec<usize> = (1..=10)
        .map(|volts| place(&format!("supply.voltage {volts}")))
        .collect();
    assert!(steps.is_sorted());
    let (target, busy) = (
        place("supply.voltage := 10"),
        place("supply is Busy: ramping to 10.000 V"),
    );
    let idle = lines
        .iter()
        .rposition(|line| line.starts_with("supply is Idle"))
        .unwrap();
    assert!(target < steps[0] && busy < steps[0] && idle > steps[9]);
}

#[test]
fn what_a_host_ramps_is_a_drivable_and_can_be_stopped() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let supply = lab.device("supply").unwrap();
    assert_eq!(supply.class(), DeviceClass::Drivable);
    let passing = me
        .wait_for("supply", Condition::compare(Relation::AtLeast, 3.0))
        .unwrap();
    let stopping = {
        let (me, passing) = (me.clone(), passing.clone());
        let call = me.set("supply", 30.0).unwrap();
        // Inline, the write was driven to its end before.
        if !call.is_resolved() {
            done(Ok(passing));
            done(me.stop("supply"));
            assert!(matches!(failure(Ok(call)), Failure::Stopped { .. }));
            true
        } else {
            false
        }
    };
    if stopping {
        let (written, volts) = (writes(&me, "supply"), number(me.get("supply")));
        assert!((3.0..30.0).contains(&volts), "{volts}");
        assert_eq!(supply.target(0).unwrap().value.as_f64(), Some(volts));
        done(me.wait_for(
            "supply.status",
            Condition::status(StatusCode::Idle).held_for(Duration::from_millis(400)),
        ));
        assert_eq!(writes(&me, "supply"), written, "s1: no step is written after the stop");
    }
}

#[test]
fn c5_a_later_write_takes_the_place_of_a_ramp_from_where_it_is() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let passing = me
        .wait_for("supply", Condition::compare(Relation::AtLeast, 3.0))
        .unwrap();
    let first = me.set("supply", 20.0).unwrap();
    if first.is_resolved() {
        // Inline there is nothing in the middle of it.
        return;
    }
    done(Ok(passing));
    let second = me.set("supply", 0.0).unwrap();
    assert!(matches!(failure(Ok(first)), Failure::Superseded { .. }));
    assert_eq!(number(Ok(second)), 0.0);
    let written = writes(&me, "supply");
    assert!((6..20).contains(&written), "{written}");
}

#[test]
fn c4_a_cancelled_ramp_writes_no_more_steps() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let call = me.set("supply", 30.0).unwrap();
    if !call.is_resolved() {
        call.cancel();
        assert!(matches!(failure(Ok(call)), Failure::Cancelled { .. }));
        assert!(number(me.get("supply")) < 30.0);
    }
}

#[test]
fn a_step_that_fails_fails_the_call_and_says_how_far_it_got() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    // The third write of a step from now on: the fault's own parameters are not hit.
    done(me.set("supply", 2.0));
    arm(&me, "supply", ("fail", "write"));
    let failed = failure(me.set("supply", 10.0));
    assert!(matches!(failed, Failure::Ramp { .. }), "{failed:?}");
    assert!(
        failed
            .to_string()
            .starts_with("supply.voltage: the ramp to 10.000 V ended at its start: supply.voltage: "),
        "{failed}"
    );
    assert_eq!(failed.outcome(), "failed");
    assert_eq!(lab.device("supply").unwrap().status().0.code, StatusCode::Error);
    assert_eq!(number(me.set("supply", 4.0)), 4.0);
    arm(&me, "supply", ("ignore", "write"));
    let missed = failure(me.set("supply.current_limit", 2.0)).to_string();
    let expected = "supply.current_limit: the ramp to 2.000 A ended at 1.500 A: supply.current_limit did not arrive: \
                    target 1.500 A, actual 1.000 A, ";
    assert!(missed.starts_with(expected), "{missed}");
}

#[test]
fn a_device_that_is_lost_on_the_way_ends_its_ramp() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    arm(&me, "supply", ("drop_connection", "write"));
    let lost = failure(me.set("supply", 10.0));
    assert!(
        lost.to_string().contains("the ramp to 10.000 V ended at its start"),
        "{lost}"
    );
    done(me.wait_for("supply", Condition::compare(Relation::AtLeast, 0.0)));
    assert_eq!(number(me.set("supply", 1.0)), 1.0);
}

#[test]
fn a_motor_arrives_at_each_step_and_rests_there() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage"]);
    let before = lab.clock().now();
    let arrived = number(me.set("stage", 12.0));
    assert!((arrived - 12.0).abs() < 0.01);
    assert!(lab.clock().now().since(before) >= Duration::from_millis(150));
    assert_eq!(writes(&me, "stage"), 3);
    let lines = follower.take();
    for step in ["stage.position 5", "stage.position 10", "stage.position 12"] {
        assert!(lines.iter().any(|line| line == step), "no {step} in {lines:#?}");
    }
}

#[test]
fn a_rate_alone_does_not_wait_for_what_lags_behind() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let before = lab.clock().now();
    // 20 K at 20 K/s.
    let warm = number(me.set("oven", "45 degC"));
    assert!((warm - 45.0).abs() < 0.5);
    assert!(lab.clock().now().since(before) >= Duration::from_secs(1));
    assert!(writes(&me, "oven") >= 10);
}

#[test]
fn other_calls_pass_between_the_steps() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let call = me.set("supply", 10.0).unwrap();
    if !call.is_resolved() {
        done(me.get("supply.mode"));
        done(me.set("supply.output", true));
        assert!(!call.is_resolved(), "it takes a second");
    }
    assert_eq!(number(Ok(call)), 10.0);
}
