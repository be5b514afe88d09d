//! Drivers that do not return (RULES.md S3).

use std::time::Duration;

use baton_host::{
    device::Quality,
    executor::WaitError,
    failure::{Failure, Refusal},
};
use baton_tests::lab::{Follower, WATCHDOG, arm, done, failure, lab, number, release, skip_inline, skip_isolated};

const LAB: &str = r#"
    poll = "0 s"
    timeout = "300 ms"
    [controllers.rack]
    driver = "sim"
    type = "motion"
    [devices.x]
    controller = "rack"
    type = "axis"
    options = { axis = 1 }
    [devices.y]
    controller = "rack"
    type = "axis"
    options = { axis = 2, stop_mode = "at_once" }
    [devices.supply]
    driver = "sim"
    type = "supply"
    options.noise = 0
    [devices.pump]
    driver = "sim"
    type = "pump"
"#;

const HANG: &str = "a real hang cannot be cut short";
const KILLED: &str = "what hangs there is killed at its deadline, and nobody is stuck";

#[test]
fn s3_an_overrun_times_out_and_names_all_that_matters() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    arm(&me, "supply", ("hang", "write"));
    let call = me.set("supply.voltage", 2.0).unwrap();
    let queued = me.get("supply").unwrap();
    let failed = failure(Ok(call));
    let Failure::Timeout {
        path,
        call,
        limit,
        set_by,
        elapsed,
    } = &failed
    else {
        panic!("{failed}")
    };
    let named = (path.as_str(), *call, *limit, set_by.word());
    assert_eq!(
        named,
        ("supply.voltage", "write", Duration::from_millis(300), "default")
    );
    assert!(elapsed >= limit);
    assert!(
        failed
            .to_string()
            .starts_with("supply.voltage: the write has not ended "),
        "{failed}"
    );
    assert!(
        failed
            .to_string()
            .ends_with("its limit is 300 ms, the default of the lab")
    );
    // The queue is refused, and so is every later call.
    let Failure::Refused(Refusal::Stuck { .. }) = failure(Ok(queued)) else {
        panic!("it should have been refused")
    };
    let refusal = me.get("supply").unwrap_err().to_string();
    assert!(
        refusal.starts_with("supply cannot be used: its driver has been stuck in write of supply.voltage since "),
        "{refusal}"
    );
    assert!(
        refusal.ends_with("baton reopen --abandon supply"),
        "it says what to do: {refusal}"
    );
    let status = lab.device("supply").unwrap().status().0;
    assert!(
        status.is_error()
            && status.text.starts_with("stuck since ")
            && status.text.ends_with(" in write of supply.voltage"),
        "{status:?}"
    );
    assert_eq!(lab.status().stuck[0].worker, "supply");
    let devices = lab.status().devices;
    assert_eq!(devices.up, devices.total - 1, "what is stuck cannot be used");
    // Nobody else notices.
    done(me.get("pump.flow"));

    let mut follower = Follower::new(&lab, &["supply"]);
    done(me.call("pump.release", ()));
    // What a tired human reads in the morning; the next write takes it away.
    follower.until("supply is Error: the last call was given up, stuck since ");
    assert!(lab.status().stuck.is_empty());
    assert_eq!(lab.status().calls.came_back, 1);
    assert_eq!(number(me.get("supply")), 2.0, "it did its work in the end");
    done(me.set("supply.voltage", 1.0));
    assert!(!lab.device("supply").unwrap().status().0.is_error());
}

#[test]
fn s3_a_late_read_is_recorded_but_stays_a_timeout() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("supply.voltage", 3.0));
    done(me.set("supply.output", true));
    let mut follower = Follower::new(&lab, &["supply"]);
    follower.take();
    arm(&me, "supply", ("hang", "read"));
    let call = me.get("supply.measured_voltage").unwrap();
    assert!(matches!(failure(Ok(call.clone())), Failure::Timeout { .. }));
    let stuck = follower.until("supply is Error: stuck since ");
    done(me.call("pump.release", ()));
    let back = follower.until_after(stuck, "supply is Idle");
    follower.until_after(back, "supply.measured_voltage 3");
    assert!(matches!(call.outcome(), Some(Err(Failure::Timeout { .. }))));
}

#[test]
fn s3_on_a_controller_all_its_devices_are_stuck_and_say_so() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["x", "y"]);
    let moving = me.set("y", 50.0).unwrap();
    follower.until("y is Busy: moving");
    arm(&me, "x", ("hang", "read"));
    assert!(matches!(failure(me.get("x")), Failure::Timeout { .. }));
    let refusal = me.get("y").unwrap_err().to_string();
    assert!(
        refusal.starts_with(
            "y cannot be used: controller rack, and with it all its devices, has been stuck in read of x.position since "
        ),
        "{refusal}"
    );
    // A motion that the driver has taken was not refused: it may still go on.
    assert!(matches!(failure(Ok(moving)), Failure::Driver { .. }));
    // Its stopper needs no worker.
    done(me.stop("y"));
    let from = follower.take().len();
    done(me.call("pump.release", ()));
    follower.until_after(from, "y is ");
    // The error of its motion stays to be seen.
    assert!(lab.device("y").unwrap().status().0.is_error());
    done(me.set("y", 1.0));
}

#[test]
fn s3_a_request_whose_time_is_over_in_the_queue_is_a_refusal() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab("poll = \"0 s\"\n[devices.supply]\ndriver = \"sim\"\ntype = \"supply\"\noptions.hang_for = \"1 s\"");
    let me = lab.owner("test");
    arm(&me, "supply", ("hang", "read"));
    let hung = me.get("supply").unwrap();
    let hasty = me
        .patient_for(Duration::from_millis(50))
        .set("supply.voltage", 2.0)
        .unwrap();
    let failed = failure(Ok(hasty));
    assert!(matches!(failed, Failure::Refused(Refusal::Expired { .. })), "{failed}");
    assert!(!hung.is_resolved(), "it did not wait for the driver");
    done(Ok(hung));
    assert_eq!(number(me.get("supply.calls")), 0.0);
}

#[test]
fn s3_many_overruns_leave_nothing_behind() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    // The limit and the return race against each other; whoever wins, the worker works on.
    let lab = lab(
        "poll = \"0 s\"\ntimeout = \"100 ms\"\n[devices.supply]\ndriver = \"sim\"\ntype = \"supply\"\n\
         options.hang_for = \"125 ms\"",
    );
    let me = lab.owner("test");
    let device = lab.device("supply").unwrap();
    for _ in 0..20 {
        for call in [
            me.set("supply.fault_on", "read"),
            me.set("supply.fault", "hang"),
            me.get("supply"),
        ] {
            let ended = call.map(|call| call.wait(WATCHDOG));
            assert!(!matches!(ended, Ok(Err(WaitError::StillRunning(_)))), "{ended:?}");
        }
        let mut follower = Follower::new(&lab, &["supply"]);
        follower.until("supply is Idle");
        assert!(!device.status().0.is_error());
    }
    done(me.get("supply"));
}

#[test]
fn s3_a_late_call_is_a_timeout_in_both_modes() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    done(me.set("supply.fault_delay", 1.0));
    arm(&me, "supply", ("late", "read"));
    assert!(matches!(failure(me.get("supply")), Failure::Timeout { .. }));
    let mut follower = Follower::new(&lab, &["supply"]);
    follower.until("supply is Idle");
    done(me.get("supply"));
}

#[test]
fn d2_what_is_not_polled_any_more_is_stale_until_it_is() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(
        "poll = \"200 ms\"\n[devices.pump]\ndriver = \"sim\"\ntype = \"pump\"\noptions.hang_for = \"60 s\"\n\
         [devices.other]\ndriver = \"sim\"\ntype = \"pump\"\n",
    );
    let me = lab.owner("test");
    arm(&me, "pump", ("hang", "write"));
    let call = me.set("pump.on", false).unwrap();
    let reading = || lab.device("pump").unwrap().last(0).unwrap().unwrap();
    let mut follower = Follower::new(&lab, &["pump"]);
    let mut from = follower.take().len();
    while reading().quality != Quality::Stale {
        from = follower.until_after(from, "pump.flow") + 1;
    }
    release(&me, "other", &call);
    done(Ok(call));
    while reading().quality == Quality::Stale {
        from = follower.until_after(from, "pump.flow") + 1;
    }
}
