//! Limits that come with a request, and stops that the host makes by itself (RULES.md S3, S4).

use std::time::Duration;

use baton_host::failure::{Failure, Refusal};
use baton_plugin_api::Value;
use baton_tests::lab::{Follower, done, failure, inside, lab, number, release, skip_inline, skip_isolated};

const LAB: &str = r#"
    poll = "0 s"
    timeout = "200 ms"
    [devices.mule]
    driver = "puppet"
    type = "mule"
    [devices.donkey]
    driver = "puppet"
    type = "mule"
    [devices.stage]
    driver = "sim"
    type = "motor"
"#;

#[test]
fn s3_the_request_goes_before_the_config_and_asks_for_less() {
    let apart = "the hang of one device is ended by another, which shares nothing with it there";
    if skip_inline("a real hang cannot be cut short") || skip_isolated(apart) {
        return;
    }
    let lab = lab(&LAB.replace("200 ms", "60 s"));
    let me = lab.owner("test");
    let hasty = me.limited_to(Duration::from_millis(100));
    let failed = failure(hasty.call("mule.hang", ()));
    let Failure::Timeout { limit, set_by, .. } = &failed else {
        panic!("{failed}")
    };
    assert_eq!((*limit, set_by.word()), (Duration::from_millis(100), "request"));
    // For others the driver has all the time that it may take.
    assert!(lab.status().stuck.is_empty());
    inside(&lab, "command of mule.hang");
    let patient = me.get("mule").unwrap();
    let late = failure(hasty.get("mule"));
    assert!(matches!(late, Failure::Refused(Refusal::Expired { .. })), "{late}");
    release(&me, "donkey", &patient);
    done(Ok(patient));
    // And one that looks whether it is to end is told so.
    assert!(matches!(
        failure(hasty.call("mule.doze", 60.0)),
        Failure::Timeout { .. }
    ));
    done(me.get("mule"));
}

#[test]
fn s3_the_request_goes_before_the_config_and_asks_for_more() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    assert!(matches!(failure(me.call("mule.doze", 0.5)), Failure::Timeout { .. }));
    Follower::new(&lab, &["mule"]).until("mule is Idle");
    done(me.limited_to(Duration::from_secs(10)).call("mule.doze", 0.5));
}

#[test]
fn s4_a_motion_that_overruns_the_limit_of_its_request_is_stopped() {
    let lab = lab(LAB);
    let me = lab.owner("test");
    let failed = failure(me.limited_to(Duration::from_millis(300)).set("stage", 90.0));
    let Failure::Timeout { limit, set_by, .. } = &failed else {
        panic!("{failed}")
    };
    assert_eq!((*limit, set_by.word()), (Duration::from_millis(300), "request"));
    assert!(number(me.get("stage")) < 45.0, "it was stopped on its way");
}

#[test]
fn s4_a_stop_by_the_host_itself_does_not_end_the_next_motion() {
    // The stopper waits for the next write: if that could come before the stop is over, it would be stopped.
    let lab = lab(r#"
        poll = "0 s"
        [devices.mule]
        driver = "puppet"
        type = "mule"
        options = { has_stopper = true, waits_in_stopper = true }
        parameters.position.motion_timeout = "200 ms"
    "#);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["mule"]);
    let first = me.set("mule", 200.0).unwrap();
    follower.until("mule says stopping");
    assert_eq!(number(me.set("mule", 3.0)), 3.0);
    assert!(first.is_resolved());
    let log = done(me.call("mule.log", ())).value;
    assert_eq!(log, Value::Text("write 200, stop, stopped, write 3".into()));
}
