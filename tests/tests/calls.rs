//! Calls from their acceptance to their end (RULES.md C1 to C6).

use std::time::Duration;

use baton_host::{
    device::Quality,
    executor::WaitError,
    failure::{Failure, Refusal},
};
use baton_plugin_api::Value;
use baton_tests::lab::{Follower, WATCHDOG, arm, done, failure, lab, number, release, skip_inline};

const STAGE: &str = r#"
    poll = "0 s"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    [devices.slow]
    driver = "sim"
    type = "motor"
    options = { velocity = "1 mm/s" }
    [devices.pump]
    driver = "sim"
    type = "pump"
    [devices.oven]
    driver = "sim"
    type = "oven"
    options = { noise = "0 K", rate = "6000 K/min", time_constant = "10 ms" }
    [devices.hand]
    driver = "puppet"
    type = "hand"
"#;

const HANGS: &str = "a driver that is really inside a call cannot be looked at from the same thread";

#[test]
fn c1_a_call_is_taken_before_it_is_resolved() {
    if skip_inline("a call is resolved when it is returned") {
        return;
    }
    let lab = lab(STAGE);
    let me = lab.owner("test");
    let call = me.set("slow", 50.0).unwrap();
    futures_block(call.taken()).unwrap();
    assert!(call.is_taken() && !call.is_resolved());
    me.stop("slow").unwrap();
    assert!(matches!(failure(Ok(call)), Failure::Stopped { .. }));
}

fn futures_block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn c3_a_move_is_done_when_the_readback_has_arrived() {
    let lab = lab(STAGE);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage"]);
    assert_eq!(done(me.set("stage.position", "2 mm")).value, Value::Float(2.0));
    assert_eq!(number(me.get("stage")), 2.0);
    // W1: the final readback comes before idle.
    let busy = follower.until("stage is Busy: to 2");
    let idle = follower.until_after(busy, "stage is Idle");
    assert!(
        follower.lines[busy..idle].contains(&"stage.position 2".to_owned()),
        "{:#?}",
        follower.lines
    );
}

#[test]
fn c3_a_missed_target_is_told_with_actual_and_tolerance() {
    let lab = lab(STAGE);
    let me = lab.owner("test");
    arm(&me, "stage", ("ignore", "write"));
    let failure = failure(me.set("stage", 3.0));
    assert_eq!(
        failure.to_string(),
        "stage.position did not arrive: target 3.000 mm, actual 0.000 mm, tolerance 0.01 mm, off by 3.000 mm"
    );
    // D6: the error stays to be seen, until the next write is accepted.
    let (status, _) = lab.device("stage").unwrap().status();
    assert!(status.is_error() && status.text == failure.to_string(), "{status:?}");
    done(me.set("stage", 1.0));
    assert!(!lab.device("stage").unwrap().status().0.is_error());
}

#[test]
fn d6_clear_errors_takes_the_error_of_a_motion_back() {
    let lab = lab(STAGE);
    let me = lab.owner("test");
    arm(&me, "stage", ("ignore", "write"));
    failure(me.set("stage", 3.0));
    me.clear_errors("stage").unwrap();
    assert!(!lab.device("stage").unwrap().status().0.is_error());
}

#[test]
fn c3_without_a_readback_the_result_is_not_verified() {
    let lab = lab(STAGE);
    let me = lab.owner("test");
    assert!(matches!(me.get("hand.lamp"), Err(Refusal::WriteOnly { .. })));
    assert_eq!(done(me.set("hand.lamp", true)).quality, Quality::NotVerified);
    assert_eq!(done(me.get("hand.lamp")).value, Value::Bool(true));
}

#[test]
fn c3_a_stop_is_no_success_and_leaves_the_readback_as_target() {
    if skip_inline("nothing can stop a move in its middle yet") {
        return;
    }
    let lab = lab(STAGE);
    let (me, other) = (lab.owner("test"), lab.owner("somebody else"));
    let mut follower = Follower::new(&lab, &["slow"]);
    let call = me.set("slow", 50.0).unwrap();
    follower.until("slow is Busy: moving");
    done(other.stop("slow"));
    let failure = failure(Ok(call));
    assert_eq!(failure.to_string(), "slow.position was stopped by somebody else");
    let at = number(me.get("slow"));
    assert!((0.0..5.0).contains(&at), "{at}");
    assert_eq!(lab.device("slow").unwrap().target(0).unwrap().value, Value::Float(at));
    assert_eq!(lab.device("slow").unwrap().status().0.text, failure.to_string());
}

#[test]
fn c4_a_wait_that_is_over_gives_the_call_back() {
    if skip_inline("a call is resolved when it is returned") {
        return;
    }
    let lab = lab(STAGE);
    let me = lab.owner("test");
    let call = me.set("slow", 50.0).unwrap();
    let Err(WaitError::StillRunning(call)) = call.wait(Duration::from_millis(1)) else {
        panic!("it takes 50 s")
    };
    call.cancel();
    assert!(matches!(failure(Ok(call)), Failure::Cancelled { .. }));
}

#[test]
fn c4_a_wait_raises_the_failure_of_the_call_itself() {
    let lab = lab(STAGE);
    let me = lab.owner("test");
    arm(&me, "stage", ("fail", "write"));
    let failure = failure(me.set("stage", 3.0));
    assert_eq!(
        failure.to_string(),
        "stage.position: the instrument reports a failure (simulated fault `fail`)"
    );
}

#[test]
fn c4_dropping_a_call_detaches_it() {
    let lab = lab(STAGE);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage"]);
    drop(me.set("stage", 2.0).unwrap());
    let at = follower.until("stage.position 2");
    follower.until_after(at, "stage is Idle");
}

#[test]
fn c4_a_queued_call_that_is_cancelled_never_starts() {
    if skip_inline(HANGS) {
        return;
    }
    let lab = lab(STAGE);
    let me = lab.owner("test");
    arm(&me, "stage", ("hang", "read"));
    let read = me.get("stage").unwrap();
    let queued = me.set("stage", 2.0).unwrap();
    queued.cancel();
    // It ends although the worker has not come back.
    assert!(matches!(failure(Ok(queued)), Failure::Cancelled { .. }));
    assert_eq!(
        lab.device("stage").unwrap().status().0.text,
        "stage.position was cancelled"
    );
    release(&me, "pump", &read);
    done(Ok(read));
    assert_eq!(number(me.get("stage.calls")), 0.0, "the driver was not called");
    assert_eq!(lab.device("stage").unwrap().target(0).unwrap().value, Value::Float(0.0));
}

#[test]
fn c4_a_running_command_is_asked_to_end() {
    if skip_inline(HANGS) {
        return;
    }
    let lab = lab(STAGE);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["pump"]);
    let call = me.call("pump.dispense", 10.0).unwrap();
    follower.until("pump.volume 0.00");
    call.cancel();
    assert!(matches!(failure(Ok(call)), Failure::Cancelled { .. }));
    assert_eq!(done(me.get("pump.on")).value, Value::Bool(false));
}

#[test]
fn c4_a_move_that_is_cancelled_is_stopped() {
    if skip_inline("nothing can cancel a move in its middle yet") {
        return;
    }
    let lab = lab(STAGE);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["slow"]);
    let call = me.set("slow", 50.0).unwrap();
    follower.until("slow is Busy: moving");
    call.cancel();
    assert!(matches!(failure(Ok(call)), Failure::Cancelled { .. }));
    done(me.set("slow.velocity", 2.0));
    assert!(number(me.get("slow")) < 5.0);
}

#[test]
fn c4_cancelling_a_parameter_does_not_stop_the_device() {
    if skip_inline(HANGS) {
        return;
    }
    let lab = lab(STAGE);
    let me = lab.owner("test");
    arm(&me, "slow", ("late", "write"));
    done(me.set("slow.fault", "none"));
    let mut follower = Follower::new(&lab, &["slow"]);
    let moving = me.set("slow", 50.0).unwrap();
    follower.until("slow is Busy: moving");
    done(me.set("slow.fault", "ignore"));
    let velocity = me.set("slow.velocity", 3.0).unwrap();
    futures_block(velocity.taken()).unwrap();
    velocity.cancel();
    assert!(matches!(failure(Ok(velocity)), Failure::Cancelled { .. }));
    assert!(!moving.is_resolved());
    done(me.stop("slow"));
}

#[test]
fn c5_a_second_write_is_busy_and_names_the_first() {
    if skip_inline("a call is resolved when it is returned") {
        return;
    }
    let lab = lab(STAGE);
    let (me, other) = (lab.owner("test"), lab.owner("somebody else"));
    let first = me.set("slow", 50.0).unwrap();
    let refusal = other.set("slow", 1.0).unwrap_err();
    let text = refusal.to_string();
    assert!(
        text.starts_with("slow is busy: write of slow.position, by test, has been on its way for "),
        "{text}"
    );
    // Another parameter of it is free.
    done(other.set("slow.acceleration", 10.0));
    done(other.stop("slow"));
    failure(Ok(first));
}

#[test]
fn c5_a_later_write_supersedes_where_the_driver_says_so() {
    if skip_inline("a call is resolved when it is returned") {
        return;
    }
    let lab = lab(STAGE);
    let (me, other) = (lab.owner("test"), lab.owner("somebody else"));
    done(me.set("oven.rate", 60.0));
    let first = me.set("oven", 200.0).unwrap();
    let second = other.set("oven", 25.5).unwrap();
    assert_eq!(
        failure(Ok(first)).to_string(),
        "oven.temperature was superseded by a write of somebody else"
    );
    assert!((done(Ok(second)).value.as_f64().unwrap() - 25.5).abs() <= 0.5);
}

#[test]
fn c5_a_write_that_was_superseded_in_the_queue_never_reaches_the_driver() {
    if skip_inline(HANGS) {
        return;
    }
    let lab = lab(STAGE);
    let me = lab.owner("test");
    arm(&me, "oven", ("hang", "read"));
    let read = me.get("oven").unwrap();
    let calls: Vec<_> = (0..10).map(|n| me.set("oven", 30.0 + f64::from(n)).unwrap()).collect();
    release(&me, "pump", &read);
    done(Ok(read));
    let mut calls = calls.into_iter().rev();
    assert!((done(Ok(calls.next().unwrap())).value.as_f64().unwrap() - 39.0).abs() <= 0.5);
    assert!(calls.all(|call| matches!(failure(Ok(call)), Failure::Superseded { .. })));
    assert_eq!(number(me.get("oven.calls")), 1.0);
}

#[test]
fn c6_a_function_is_a_call_to_any_depth() {
    let lab = lab(STAGE);
    fn nest(lab: &baton_host::lab::Lab, depth: u32) -> u32 {
        let inner = lab.clone();
        match depth {
            0 => 0,
            _ => {
                1 + lab
                    .call("nest", move || nest(&inner, depth - 1))
                    .wait(WATCHDOG)
                    .unwrap()
            }
        }
    }
    assert_eq!(nest(&lab, 200), 200);
    let inner = lab.clone();
    let moved = lab.call("scan", move || number(inner.owner("scan").set("stage", 2.0)));
    assert_eq!(moved.wait(WATCHDOG).unwrap(), 2.0);
}

#[test]
fn c6_a_panic_of_a_function_is_its_failure() {
    let lab = lab(STAGE);
    let Err(WaitError::Failed(failure)) = lab.call("scan", || -> u8 { panic!("no beam") }).wait(WATCHDOG) else {
        panic!("it panicked")
    };
    assert_eq!(failure.to_string(), "scan panicked: no beam");
}
