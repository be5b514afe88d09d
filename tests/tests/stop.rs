//! Stop, deadlines of motions, and the end of a lab (RULES.md S1, S2, S4, S5).

use std::time::{Duration, Instant};

use baton_host::failure::{Failure, Refusal};
use baton_plugin_api::Value;
use baton_tests::lab::{
    Follower, WATCHDOG, arm, done, failure, inside, lab, number, release, skip_inline, skip_isolated,
};

const LAB: &str = r#"
    poll = "0 s"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "5 mm/s", start = "50 mm", stop_mode = "at_once" }
    [devices.other]
    driver = "sim"
    type = "motor"
    options = { velocity = "5 mm/s", hang_for = "60 s" }
    [devices.oven]
    driver = "sim"
    type = "oven"
    options = { hang_for = "60 s" }
    [devices.pump]
    driver = "sim"
    type = "pump"
    commands.dispense.timeout = "300 ms"
    [devices.shutter]
    driver = "sim"
    type = "shutter"
    options = { travel_time = "30 s" }
    parameters.position.motion_timeout = "200 ms"
"#;

const MIDDLE: &str = "nothing can stop a call in its middle yet";

#[test]
fn s1_a_queued_write_never_starts_after_a_stop() {
    if skip_inline(MIDDLE) {
        return;
    }
    let lab = lab(LAB);
    let (me, other) = (lab.owner("test"), lab.owner("somebody else"));
    arm(&me, "other", ("hang", "read"));
    let read = me.get("other").unwrap();
    inside(&lab, "read of other.position");
    let write = me.set("other", 2.0).unwrap();
    let velocity = me.set("other.velocity", 2.0).unwrap();
    // It does not wait for the driver: the stopper is called in the middle of the read.
    done(other.stop("other"));
    assert_eq!(
        failure(Ok(write)).to_string(),
        "other.position was stopped by somebody else"
    );
    assert!(matches!(failure(Ok(velocity)), Failure::Stopped { .. }));
    assert!(!read.is_resolved());
    // What comes after the stop belongs to the new epoch.
    let later = me.set("other", 0.5).unwrap();
    release(&me, "pump", &read);
    done(Ok(read));
    assert!((done(Ok(later)).value.as_f64().unwrap() - 0.5).abs() < 0.01);
    assert_eq!(number(me.get("other.calls")), 1.0, "one write has reached the driver");
}

#[test]
fn s1_the_stopper_ends_a_blocking_command_in_its_middle() {
    if skip_inline(MIDDLE) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage"]);
    let home = me.call("stage.home", ()).unwrap();
    // It publishes where it is, from inside.
    follower.until("stage.position 49");
    done(me.stop("stage"));
    assert!(matches!(failure(Ok(home)), Failure::Stopped { .. }));
    assert_eq!(done(me.get("stage.referenced")).value, Value::Bool(false));
    assert!(number(me.get("stage")) > 30.0);
}

#[test]
fn s1_a_stop_that_comes_before_the_driver_has_begun_to_move_is_not_lost() {
    if skip_inline(MIDDLE) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("stage.fault_delay", 0.5));
    arm(&me, "stage", ("late", "write"));
    let calls = number(me.get("stage.calls"));
    let call = me.set("stage", 0.0).unwrap();
    // The driver will begin the motion half a second from now.
    inside(&lab, "write of stage.position");
    done(me.stop("stage"));
    assert!(matches!(failure(Ok(call)), Failure::Stopped { .. }));
    assert_eq!(number(me.get("stage.calls")), calls + 1.0);
    let at = number(me.get("stage"));
    assert!(at > 45.0, "it went on to {at}");
    let status = done(me.get("stage.status"));
    assert!(status.value.to_json()[0].as_u64().unwrap() < 300, "{status:?}");
}

#[test]
fn s1_a_device_without_a_stopper_is_stopped_at_the_head_of_its_queue() {
    if skip_inline(MIDDLE) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["oven"]);
    let heat = me.set("oven", 200.0).unwrap();
    follower.until("oven is Busy: heating");
    arm(&me, "oven", ("hang", "write"));
    let rate = me.set("oven.rate", 1.0).unwrap();
    inside(&lab, "write of oven.rate");
    let reads: Vec<_> = (0..10).map(|_| me.get("oven.rate").unwrap()).collect();
    let stop = me.stop("oven").unwrap();
    assert!(!stop.is_resolved());
    release(&me, "pump", &stop);
    done(Ok(stop));
    assert!(matches!(failure(Ok(rate)), Failure::Stopped { .. }));
    assert!(matches!(failure(Ok(heat)), Failure::Stopped { .. }));
    reads.into_iter().for_each(|read| drop(done(Ok(read))));
}

#[test]
fn s2_stop_all_passes_hung_devices_and_reports_on_each() {
    if skip_inline(MIDDLE) {
        return;
    }
    let lab = lab(LAB);
    let (me, other) = (lab.owner("test"), lab.owner("somebody else"));
    let mut follower = Follower::new(&lab, &["stage"]);
    let moving = me.set("stage", 0.0).unwrap();
    follower.until("stage is Busy: moving");
    arm(&me, "oven", ("hang", "read"));
    arm(&me, "other", ("hang", "read"));
    let hung = [me.get("oven").unwrap(), me.get("other").unwrap()];
    inside(&lab, "read of oven.temperature");
    inside(&lab, "read of other.position");
    let reports = other.stop_all();
    let of = |device: &str| reports.iter().find(|report| report.device == device).unwrap();
    assert_eq!(of("stage").outcome, "stopped");
    // Its stopper does not need the worker.
    assert_eq!(of("other").outcome, "stopped");
    assert_eq!(of("oven").outcome, "no answer");
    let error = of("oven").error.as_ref().unwrap();
    assert_eq!(
        error,
        "still inside the read of oven.temperature, which cannot be interrupted; the stop follows it"
    );
    // Nobody is shown the two seconds that another has taken.
    assert!(of("shutter").elapsed < of("oven").elapsed);
    assert!(matches!(failure(Ok(moving)), Failure::Stopped { .. }));
    assert!(hung.iter().all(|call| !call.is_resolved()));
    hung.iter().for_each(|call| release(&me, "pump", call));
    hung.into_iter().for_each(|call| drop(done(Ok(call))));
}

#[test]
fn s2_a_stopper_that_fails_is_reported_and_the_stop_tried_as_well() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    arm(&me, "stage", ("fail", "stop"));
    let mut follower = Follower::new(&lab, &["stage"]);
    let moving = me.set("stage", 49.0).unwrap();
    let failed = failure(me.stop("stage"));
    assert_eq!(
        failed.to_string(),
        "stage: the instrument reports a failure (simulated fault `fail`)"
    );
    let ended = moving.wait(WATCHDOG);
    // Inline it had arrived before.
    assert!(ended.is_ok() == baton_tests::lab::is_inline(), "{ended:?}");
    follower.until("stage is Idle");
}

#[test]
fn s4_a_motion_that_overruns_its_limit_is_stopped_and_then_an_error() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let failure = failure(me.set("shutter", "open"));
    let Failure::Timeout { limit, elapsed, .. } = &failure else {
        panic!("{failure}")
    };
    assert!(*limit == Duration::from_millis(200) && elapsed >= limit);
    // A stopped shutter falls shut.
    assert_eq!(done(me.get("shutter")).value, Value::Text("closed".into()));
    let status = lab.device("shutter").unwrap().status().0;
    assert!(status.is_error() && status.text == failure.to_string(), "{status:?}");
}

#[test]
fn s4_a_long_command_that_overruns_its_limit_is_cancelled_and_then_an_error() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let failure = failure(me.call("pump.dispense", 10.0));
    assert!(matches!(failure, Failure::Timeout { .. }), "{failure}");
    assert_eq!(done(me.get("pump.on")).value, Value::Bool(false));
    assert!(lab.device("pump").unwrap().status().0.is_error());
    // The worker is there for the next one.
    assert!(lab.status().stuck.is_empty());
    done(me.call("pump.dispense", 0.001));
}

#[test]
fn s5_closing_stops_what_moves_and_ends_every_call() {
    if skip_inline(MIDDLE) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage", "pump"]);
    let moving = me.set("stage", 0.0).unwrap();
    follower.until("stage is Busy: moving");
    let closed = lab.close();
    assert!(closed.hung.is_empty(), "{closed:?}");
    let stopped: Vec<_> = closed
        .stopped
        .iter()
        .map(|report| (&*report.device, report.outcome))
        .collect();
    assert_eq!(
        stopped,
        [
            ("stage", "stopped"),
            ("other", "stopped"),
            ("oven", "stopped"),
            ("shutter", "stopped")
        ]
    );
    assert!(matches!(failure(Ok(moving)), Failure::Stopped { .. }));
    assert!(matches!(me.get("stage"), Err(Refusal::Closed { .. })));
    assert!(lab.close().hung.is_empty());
}

#[test]
fn s5_a_hung_driver_does_not_hold_up_the_end_and_its_call_ends() {
    if skip_inline("a real hang cannot be cut short") || skip_isolated("what hangs there is killed") {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    arm(&me, "oven", ("hang", "read"));
    let hung = me.get("oven").unwrap();
    inside(&lab, "read of oven.temperature");
    let queued = me.set("oven", 30.0).unwrap();
    let began = Instant::now();
    let closed = lab.close();
    assert!(began.elapsed() < WATCHDOG);
    let hung_in: Vec<_> = closed.hung.iter().map(|hung| (&*hung.worker, &*hung.inside)).collect();
    assert_eq!(hung_in, [("oven", "read of oven.temperature")]);
    assert!(matches!(failure(Ok(hung)), Failure::Timeout { .. }));
    failure(Ok(queued));
}

#[test]
fn s5_a_lab_that_is_dropped_is_closed() {
    let lab = lab(LAB);
    let device = std::sync::Arc::downgrade(lab.device("stage").unwrap());
    let call = lab.owner("test").get("stage").unwrap();
    drop(lab);
    // Nothing keeps itself alive: not the worker its body, not the body its worker, not a call its device.
    drop(call);
    assert!(device.upgrade().is_none());
}
