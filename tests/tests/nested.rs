//! Devices that reach for others (RULES.md C7).

use baton_host::failure::Failure;
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{Follower, arm, done, failure, inside, lab, number, release, skip_inline};

const LAB: &str = r#"
    poll = "0 s"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "5 mm/s" }
    [devices.other]
    driver = "sim"
    type = "motor"
    [devices.detector]
    driver = "sim"
    type = "detector"
    options = { motor = "stage.position", peak = "2 mm", width = "1 mm", exposure = "10 ms" }
    [devices.hand]
    driver = "puppet"
    type = "hand"
    options.motor = "stage"
    [devices.arm]
    driver = "puppet"
    type = "hand"
    options.motor = "hand.reach"
    parameters.reach.motion_timeout = "1 s"
"#;

#[test]
fn c7_a_reading_may_reach_for_another_device() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let far = number(me.get("detector"));
    done(me.set("stage", 2.0));
    let near = number(me.get("detector"));
    assert!(near > 5.0 * far, "{near} on the peak, {far} beside it");
}

#[test]
fn c7_a_chain_of_writes_moves_what_is_at_its_end() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    assert_eq!(number(me.set("arm", "1 mm")), 1.0);
    assert_eq!(number(me.get("stage")), 1.0);
    assert_eq!(number(me.get("hand")), 1.0);
}

#[test]
fn c7_what_the_options_do_not_name_is_out_of_reach() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    assert_eq!(number(me.call("hand.peek", "stage.velocity")), 5.0);
    let failed = failure(me.call("hand.peek", "other.position"));
    assert_eq!(
        failed.to_string(),
        "hand.peek: other.position is not a member of hand: its options do not name it"
    );
    assert_eq!(failed.kind(), ErrorKind::Impossible);
    // Members of members are not members; nor is a device its own.
    assert_eq!(failure(me.call("arm.peek", "stage")).kind(), ErrorKind::Impossible);
    assert_eq!(failure(me.call("arm.peek", "arm")).kind(), ErrorKind::Impossible);
    assert_eq!(failure(me.call("arm.peek", "nobody")).kind(), ErrorKind::NoSuchModule);
}

#[test]
fn c7_a_member_that_is_lost_does_not_take_its_composite_along() {
    let lab = lab(r#"
        poll = "0 s"
        [devices.absent]
        driver = "sim"
        type = "motor"
        options.fail_open = 1000000
        [devices.watcher]
        driver = "sim"
        type = "detector"
        options = { motor = "absent", exposure = "10 ms" }
    "#);
    let opened = || lab.device("watcher").unwrap().counters().opened;
    let before = opened();
    let failed = failure(lab.owner("test").get("watcher"));
    assert_eq!(failed.kind(), ErrorKind::Impossible);
    let text = failed.to_string();
    assert!(text.contains("absent is not connected: "), "{text}");
    // It is still there for whatever does not need the member.
    assert!(lab.device("watcher").unwrap().is_up());
    assert_eq!(number(lab.owner("test").get("watcher.exposure")), 0.01);
    assert_eq!(opened(), before);
}

#[test]
fn c7_a_failure_of_a_member_is_told_all_the_way_up() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    arm(&me, "stage", ("fail", "write"));
    assert_eq!(
        failure(me.set("arm", 1.0)).to_string(),
        "arm.reach: hand.reach: stage.position: the instrument reports a failure (simulated fault `fail`)"
    );
}

#[test]
fn c7_stopping_a_composite_stops_what_its_chain_moves() {
    if skip_inline("nothing can stop a call in its middle yet") {
        return;
    }
    let lab = lab(LAB);
    let (me, other) = (lab.owner("test"), lab.owner("somebody else"));
    let mut follower = Follower::new(&lab, &["stage"]);
    let call = me.set("hand", 90.0).unwrap();
    follower.until("stage is Busy: moving");
    other.stop("hand").unwrap();
    let failed = failure(Ok(call));
    assert!(
        matches!(&failed, Failure::Stopped { by, .. } if by == "somebody else"),
        "{failed}"
    );
    follower.until("stage is Idle: stage.position was ");
    assert!(number(me.get("stage")) < 45.0);
}

#[test]
fn c7_stopping_a_device_that_only_reads_another_does_not_stop_that() {
    if skip_inline("nothing can stop a call in its middle yet") {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage"]);
    let moving = me.set("stage", 90.0).unwrap();
    follower.until("stage is Busy: moving");
    // The stage answers nobody for a while, so that the detector waits for it.
    arm(&me, "stage", ("hang", "write"));
    let velocity = me.set("stage.velocity", 4.0).unwrap();
    inside(&lab, "write of stage.velocity");
    let reading = me.get("detector").unwrap();
    inside(&lab, "read of detector.counts");
    drop(me.stop("detector").unwrap());
    failure(Ok(reading));
    assert!(!moving.is_resolved());
    release(&me, "other", &velocity);
    done(Ok(velocity));
    assert!(!moving.is_resolved());
    done(me.stop("stage"));
    assert!(matches!(failure(Ok(moving)), Failure::Stopped { .. }));
}

/// The blades of a slit are devices of the lab; the slit keeps no position of its own.
const SLIT: &str = r#"
    poll = "0 s"
    [devices.left]
    driver = "sim"
    type = "motor"
    options = { start = "18 mm", velocity = "20 mm/s", acceleration = "1000 mm/s2" }
    parameters.position.limits = ["0 mm", "50 mm"]
    [devices.right]
    driver = "sim"
    type = "motor"
    options = { start = "22 mm", velocity = "20 mm/s", acceleration = "1000 mm/s2" }
    [devices.slit]
    driver = "sim"
    type = "slit"
    options = { left = "left", right = "right" }
"#;

#[test]
fn c7_a_slit_moves_its_blades_and_sees_where_others_have_moved_them() {
    let lab = lab(SLIT);
    let me = lab.owner("test");
    assert_eq!(number(me.get("slit")), 4.0);
    assert_eq!(number(me.set("slit.center", "2.5 cm")), 25.0);
    assert_eq!((number(me.get("left")), number(me.get("right"))), (23.0, 27.0));
    done(me.set("right", 29.0));
    assert_eq!((number(me.get("slit.gap")), number(me.get("slit.center"))), (6.0, 26.0));
    done(me.call("slit.close", ()));
    assert_eq!(number(me.get("slit.gap")), 0.0);
}

#[test]
fn c7_the_limits_of_a_blade_hold_for_the_slit() {
    let lab = lab(SLIT);
    let me = lab.owner("test");
    let failed = failure(me.set("slit.gap", 60.0));
    assert_eq!(failed.kind(), ErrorKind::RangeError);
    let text = failed.to_string();
    assert!(text.contains("left.position: -10 mm is outside the limits"), "{text}");
}

#[test]
fn c7_stopping_a_slit_stops_the_blade_that_moves() {
    if skip_inline("nothing can stop a call in its middle yet") {
        return;
    }
    let lab = lab(SLIT);
    let (me, other) = (lab.owner("test"), lab.owner("somebody else"));
    let mut follower = Follower::new(&lab, &["left", "right"]);
    let call = me.set("slit.center", 900.0).unwrap();
    follower.until("right is Busy: moving");
    done(other.stop("slit"));
    assert!(matches!(failure(Ok(call)), Failure::Stopped { .. }));
    follower.until("right is Idle: right.position was ");
    assert_eq!(number(me.get("left")), 18.0);
}

#[test]
fn s4_a_chain_ends_with_the_time_of_its_root() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    // 90 mm take 18 s, of which the root allows one.
    let failed = failure(me.set("arm", 90.0));
    assert!(
        matches!(failed, Failure::Timeout { .. } | Failure::Driver { .. }),
        "{failed}"
    );
    let mut follower = Follower::new(&lab, &["stage"]);
    follower.until("stage is Idle");
    assert!(number(me.get("stage")) < 45.0, "it was stopped on the way");
    assert!(lab.device("arm").unwrap().status().0.is_error());
}
