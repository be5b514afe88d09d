//! Many calls at a time, and many that hang (RULES.md C7, S3).

use std::fmt::Write as _;

use baton_host::failure::Failure;
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{
    Follower, WATCHDOG, done, drivers, execution, failure, lab, lab_with, number, release, skip_inline, skip_isolated,
};

#[test]
fn c7_a_thousand_pairs_at_a_time_complete() {
    if skip_inline("calls run one after the other") || skip_isolated("two thousand processes take minutes to start") {
        return;
    }
    let mut text = "poll = \"0 s\"\n".to_owned();
    for i in 0..1000 {
        let _ = write!(
            text,
            "[devices.m{i}]\ndriver = \"puppet\"\ntype = \"mule\"\n\
             [devices.h{i}]\ndriver = \"puppet\"\ntype = \"hand\"\noptions.motor = \"m{i}\"\n"
        );
    }
    let lab = lab(&text);
    let me = lab.owner("test");
    let calls: Vec<_> = (0..1000).map(|i| me.set(&format!("h{i}"), 0.5).unwrap()).collect();
    for call in calls {
        assert_eq!(done(Ok(call)).value.as_f64(), Some(0.5));
    }
}

#[test]
fn c7_a_chain_of_sixteen_completes() {
    let mut text = "poll = \"0 s\"\n[devices.d0]\ndriver = \"puppet\"\ntype = \"mule\"\n".to_owned();
    for i in 1..16 {
        let below = i - 1;
        let member = if i == 1 {
            "d0".to_owned()
        } else {
            format!("d{below}.reach")
        };
        let _ = write!(
            text,
            "[devices.d{i}]\ndriver = \"puppet\"\ntype = \"hand\"\noptions.motor = \"{member}\"\n"
        );
    }
    let lab = lab(&text);
    let me = lab.owner("test");
    assert_eq!(number(me.set("d15", 2.5)), 2.5);
    assert_eq!(number(me.get("d0")), 2.5);
}

#[test]
fn c7_a_worker_that_would_wait_for_itself_is_told_so_with_the_chain() {
    let devices = r#"
        poll = "0 s"
        [controllers.wire]
        driver = "puppet"
        type = "wire"
        [devices.a]
        controller = "wire"
        type = "station"
        [devices.b]
        controller = "wire"
        type = "station"
        [devices.outer]
        driver = "puppet"
        type = "hand"
        options.motor = "a.count"
    "#;
    // No file can say this: whoever reaches for others has a worker of its own.
    let lab = lab_with(drivers(), execution(), devices, |config| {
        let members = config.devices[2].members.clone();
        config.devices[0].members = members;
        config.devices[0].members[0].device = "b".to_owned();
    });
    let me = lab.owner("test");
    let failed = failure(me.call("a.peek", "b.count"));
    assert_eq!(failed.kind(), ErrorKind::Impossible);
    assert_eq!(
        failed.to_string(),
        "a.peek: b.count cannot be reached from here: a → b would wait for itself"
    );
    // The worker goes on.
    done(me.get("b.count"));
}

#[test]
fn s3_a_healthy_device_does_not_notice_600_that_hang() {
    if skip_inline("a real hang cannot be cut short")
        || skip_isolated("what hangs there is killed, and nobody is stuck")
    {
        return;
    }
    let mut text = "poll = \"0 s\"\ntimeout = \"1 s\"\n".to_owned();
    for i in 0..600 {
        let _ = write!(text, "[devices.m{i}]\ndriver = \"puppet\"\ntype = \"mule\"\n");
    }
    text += "[devices.healthy]\ndriver = \"puppet\"\ntype = \"mule\"\n";
    let lab = lab(&text);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["healthy"]);
    let hung: Vec<_> = (0..600).map(|i| me.call(&format!("m{i}.hang"), ()).unwrap()).collect();
    // Its calls are taken one by one, in their order, by a worker of its own, while all others hang and are given up.
    let mut rounds = 0;
    while !hung.iter().all(|call| call.is_resolved()) || rounds < 100 {
        let target = f64::from(rounds % 2) / 2.0;
        assert_eq!(number(me.set("healthy", target)), target);
        rounds += 1;
    }
    for call in &hung {
        assert!(matches!(call.outcome(), Some(Err(Failure::Timeout { .. }))));
    }
    let status = lab.status();
    assert_eq!((status.stuck.len(), status.devices.up), (600, 1));
    assert_eq!(lab.device("healthy").unwrap().counters().timeouts, 0);
    assert!(!follower.take().iter().any(|line| line.contains("Error")));
    // They come back, every one.
    done(me.call("healthy.release", ()));
    let deadline = std::time::Instant::now() + WATCHDOG;
    while !lab.status().stuck.is_empty() {
        assert!(std::time::Instant::now() < deadline, "they do not come back");
        std::thread::yield_now();
    }
    assert_eq!(lab.status().calls.came_back, 600);
    let again = me.get("m0").unwrap();
    release(&me, "healthy", &again);
    done(Ok(again));
}
