//! States in which something is allowed, and the way out of every error (RULES.md D6).

use std::sync::{Arc, Barrier};

use baton_host::{
    executor::Call,
    failure::{Failure, Refusal},
    lab::{Lab, Owner},
};
use baton_plugin_api::{ErrorKind, StatusCode, Value};
use baton_tests::lab::{Follower, arm, done, failure, inside, lab, number, skip_inline, skip_isolated};

const LAB: &str = r#"
    poll = "0 s"
    [devices.laser]
    driver = "puppet"
    type = "guarded"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "20 mm/s", acceleration = "10000 mm/s2" }
    [devices.shutter]
    driver = "sim"
    type = "shutter"
    options = { travel_time = "10 ms" }
    [devices.pump]
    driver = "sim"
    type = "pump"
    options = { flow = "60 ml/min" }
"#;

fn status(lab: &Lab, device: &str) -> (StatusCode, String) {
    let status = lab.device(device).unwrap().status().0;
    (status.code, status.text)
}

#[test]
fn d6_of_sixteen_guarded_starts_exactly_one_runs() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    for round in 1..=5 {
        let all = Arc::new(Barrier::new(16));
        let threads: Vec<_> = (0..16)
            .map(|n| {
                let (me, all) = (lab.owner(format!("starter {n}")), Arc::clone(&all));
                std::thread::spawn(move || {
                    all.wait();
                    me.call("laser.start", ()).map(|call| done(Ok(call)))
                })
            })
            .collect();
        let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let refusals: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert_eq!(refusals.len(), 15, "{outcomes:?}");
        for refusal in refusals {
            assert_eq!(refusal.kind(), ErrorKind::IsBusy, "{refusal}");
        }
        assert_eq!(number(me.get("laser.starts")), f64::from(round));
        assert_eq!(status(&lab, "laser").0, StatusCode::Busy);
        done(me.call("laser.finish", ()));
        done(me.get("laser.status"));
    }
}

#[test]
fn d6_what_is_not_allowed_says_when_it_is() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.call("laser.start", ()));
    for (refusal, text) in [
        (
            me.call("laser.start", ()).unwrap_err(),
            "laser.start is not allowed while laser is busy (at it); it is while laser is idle",
        ),
        (
            me.set("laser.level", 2.0).unwrap_err(),
            "laser.level is not allowed while laser is busy (at it); it is while laser is idle or warn",
        ),
    ] {
        assert_eq!(refusal.to_string(), text);
        assert_eq!(refusal.kind(), ErrorKind::IsBusy);
    }
    assert_eq!(number(me.get("laser.level")), 0.0);
    done(me.call("laser.finish", ()));
    done(me.get("laser.status"));
    done(me.set("laser.level", 2.0));
}

#[test]
fn d6_the_driver_is_asked_once_more_before_it_is_entered() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    // The host may still take it for idle.
    done(me.call("laser.turn", 0));
    let refused = match me.call("laser.start", ()) {
        Ok(call) => failure(Ok(call)).to_string(),
        Err(refusal) => refusal.to_string(),
    };
    assert_eq!(
        refused,
        "laser.start is not allowed while laser is disabled (by hand); it is while laser is idle"
    );
    assert_eq!(number(me.get("laser.starts")), 0.0);
    done(Ok(me
        .clear_errors("laser")
        .unwrap()
        .expect("the driver has a command for it")));
    done(me.get("laser.status"));
    done(me.call("laser.start", ()));
}

/// Lets a fault hit the middle of a move: the call on its way, which has been taken.
fn hit(lab: &Lab, me: &Owner, fault: &str, on: &str) -> Call {
    done(me.set("stage.fault_on", on));
    let mut follower = Follower::new(lab, &["stage"]);
    let call = me.set("stage", 40.0).unwrap();
    follower.until("stage is Busy: moving");
    done(me.set("stage.fault_times", if fault == "fail" { 0 } else { 1 }));
    // It strikes before this has been read back.
    drop(me.set("stage.fault", fault).unwrap());
    call
}

/// Waits until the driver itself says that nothing moves.
fn rest(me: &Owner) {
    while done(me.get("stage.status")).value.to_json()[0] != StatusCode::Idle.number() {
        std::thread::yield_now();
    }
}

fn a_good_move(me: &Owner) {
    assert_eq!(done(me.set("stage", 1.0)).value, Value::Float(1.0));
}

#[test]
fn d6_an_error_in_the_middle_of_a_move_is_cleared_and_forgotten() {
    if skip_inline("nothing can happen in the middle of a move here") {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let failed = failure(Ok(hit(&lab, &me, "fail", "status")));
    assert!(matches!(failed, Failure::Driver { .. }), "{failed}");
    assert_eq!(status(&lab, "stage"), (StatusCode::Error, failed.to_string()));
    done(me.set("stage.fault", "none"));
    // It was stopped when it could not be watched any more.
    let at = number(me.get("stage"));
    assert!(at < 39.0, "{at}");
    me.clear_errors("stage").unwrap();
    done(me.get("stage.status"));
    assert_eq!(status(&lab, "stage").0, StatusCode::Idle);
    a_good_move(&me);
}

#[test]
fn d6_a_panic_in_the_middle_of_a_move_opens_the_device_again() {
    if skip_inline("nothing can happen in the middle of a move here") {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let opened = || lab.device("stage").unwrap().counters().opened;
    assert_eq!(opened(), 1);
    let failed = failure(Ok(hit(&lab, &me, "panic", "status")));
    assert!(failed.to_string().contains("panicked"), "{failed}");
    // The instance that panicked is never called again: this is answered by the next.
    done(me.get("stage"));
    assert_eq!(opened(), 2);
    let (code, text) = status(&lab, "stage");
    assert!(code == StatusCode::Error && text.contains("panicked"), "{text}");
    me.clear_errors("stage").unwrap();
    assert_eq!(status(&lab, "stage").0, StatusCode::Idle);
    a_good_move(&me);
}

#[test]
fn d6_a_timeout_in_the_middle_of_a_move_has_a_way_out() {
    if skip_inline("a real hang cannot be cut short")
        || skip_isolated("what hangs there is killed, and nobody is stuck")
    {
        return;
    }
    let lab = lab(&format!("timeout = \"300 ms\"\n{LAB}"));
    let me = lab.owner("test");
    let call = hit(&lab, &me, "hang", "status");
    let failed = failure(Ok(call));
    assert!(failed.to_string().contains("stuck in read of stage.status"), "{failed}");
    let (code, text) = status(&lab, "stage");
    assert!(code == StatusCode::Error && text.contains("stuck"), "{text}");
    // There is nothing to clear as long as it is stuck.
    assert!(matches!(me.clear_errors("stage"), Err(Refusal::Stuck { .. })));
    let mut follower = Follower::new(&lab, &["stage"]);
    done(me.call("pump.release", ()));
    follower.until("stage is Error: the last call was given up");
    me.clear_errors("stage").unwrap();
    // It is stopped as soon as somebody can see it again.
    rest(&me);
    assert!(number(me.get("stage")) < 39.0);
    a_good_move(&me);
}

#[test]
fn d6_a_shutter_in_error_stays_shut_until_somebody_has_looked() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    arm(&me, "shutter", ("fail", "write"));
    failure(me.set("shutter", "open"));
    let refusal = me.set("shutter", "open").unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::IsError);
    assert!(
        refusal
            .to_string()
            .starts_with("shutter.position is not allowed while shutter is error ("),
        "{refusal}"
    );
    me.clear_errors("shutter").unwrap();
    assert_eq!(done(me.set("shutter", "open")).value, Value::Text("open".into()));
}

#[test]
fn d6_a_long_command_is_not_started_twice() {
    if skip_inline("a call is resolved when it is returned") {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let first = me.call("pump.dispense", "1 ml").unwrap();
    inside(&lab, "command of pump.dispense");
    let refusal = me.call("pump.dispense", "1 ml").unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::IsBusy, "{refusal}");
    done(Ok(first));
    done(me.call("pump.dispense", "0.1 ml"));
}
