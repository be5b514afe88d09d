//! A driver that panics in every one of its entries: an error that says where, and the rest goes on.

use baton_host::{
    failure::Refusal,
    lab::{Lab, Owner},
};
use baton_plugin_api::{ErrorKind, Value};
use baton_tests::lab::{Follower, done, failure, lab, number};

/// A bomb beside one that behaves.
fn with_bomb(panic_in: &str) -> Lab {
    lab(&format!(
        r#"
        poll = "0 s"
        [devices.bomb]
        driver = "panicky"
        type = "bomb"
        options.panic_in = "{panic_in}"
        [devices.quiet]
        driver = "panicky"
        type = "bomb"
        "#
    ))
}

fn others_go_on(me: &Owner) {
    assert_eq!(number(me.set("quiet", 3.0)), 3.0);
    assert_eq!(done(me.call("quiet.poke", ())).value, Value::Text("ouch".into()));
    assert_eq!(done(me.get("quiet")).value, Value::Float(3.0));
}

fn check(failure: &baton_host::failure::Failure, path: &str, entry: &str, message: &str) {
    let text = failure.to_string();
    assert!(
        text.starts_with(&format!("{path}: {entry} panicked: the bomb went off in {message} at ")),
        "{text}"
    );
    assert_eq!(failure.kind(), ErrorKind::Panic);
}

#[test]
fn in_open() {
    let lab = with_bomb("open");
    let me = lab.owner("test");
    let refusal = me.get("bomb").unwrap_err();
    assert!(
        matches!(&refusal, Refusal::Down { cause, .. } if cause.contains("open panicked: the bomb went off in Open")),
        "{refusal}"
    );
    others_go_on(&me);
}

#[test]
fn in_write() {
    let lab = with_bomb("write");
    let me = lab.owner("test");
    for _ in 0..3 {
        check(&failure(me.set("bomb", 1.0)), "bomb.level", "write", "Write");
        others_go_on(&me);
        // It is opened again: at once the first time, then later and later.
        let mut follower = Follower::new(&lab, &["bomb"]);
        follower.until("bomb.level 0");
        follower.until("bomb is Error: bomb.level: write panicked");
    }
}

#[test]
fn in_command() {
    let lab = with_bomb("command");
    let me = lab.owner("test");
    check(&failure(me.call("bomb.poke", ())), "bomb.poke", "command", "Command");
    others_go_on(&me);
    assert_eq!(number(me.set("bomb", 1.0)), 1.0);
}

#[test]
fn in_read_and_in_status_the_device_cannot_come_up() {
    for (entry, message) in [("read", "Read"), ("status", "Status")] {
        let lab = with_bomb(entry);
        let me = lab.owner("test");
        let device = lab.device("bomb").unwrap();
        let mut follower = Follower::new(&lab, &["bomb"]);
        follower.until(&format!(
            "bomb is Error: not connected: {entry} panicked: the bomb went off in {message}"
        ));
        others_go_on(&me);
        assert!(!device.is_up());
    }
}

#[test]
fn in_stop() {
    let lab = with_bomb("stop");
    let me = lab.owner("test");
    check(&failure(me.stop("bomb")), "bomb", "stop", "Stop");
    others_go_on(&me);
    let report = me.stop_all();
    assert!(
        report
            .iter()
            .any(|report| report.device == "quiet" && report.outcome == "stopped"),
        "{report:?}"
    );
}

#[test]
fn in_the_stopper() {
    let lab = with_bomb("stopper");
    let me = lab.owner("test");
    check(&failure(me.stop("bomb")), "bomb", "stopper", "Stopper");
    others_go_on(&me);
    assert_eq!(number(me.set("bomb", 1.0)), 1.0);
}

#[test]
fn in_listening_the_device_is_opened_again_each_time() {
    let lab = with_bomb("listen");
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["bomb"]);
    let mut at = 0;
    for _ in 0..2 {
        at = follower.until_after(
            at,
            "bomb is Error: not connected: listen panicked: the bomb went off in Listen",
        );
        others_go_on(&me);
        // It comes back, and answers.
        at = follower.until_after(at, "bomb.level 0");
    }
    assert!(lab.device("bomb").unwrap().counters().opened >= 2);
}

#[test]
fn in_estimating_the_device_is_opened_again_and_its_write_fails() {
    let lab = with_bomb("estimate");
    let me = lab.owner("test");
    let failed = failure(me.set("bomb", 1.0));
    assert!(failed.to_string().contains("the bomb went off in Estimate"), "{failed}");
    others_go_on(&me);
    let mut follower = Follower::new(&lab, &["bomb"]);
    follower.until("bomb.level 0");
    assert_eq!(done(me.call("bomb.poke", ())).value, Value::Text("ouch".into()));
}

#[test]
fn in_drop() {
    let lab = with_bomb("drop");
    let me = lab.owner("test");
    assert_eq!(number(me.set("bomb", 1.0)), 1.0);
    done(me.reopen("bomb"));
    assert_eq!(number(me.set("bomb", 1.0)), 1.0);
    others_go_on(&me);
    assert!(lab.close().hung.is_empty());
}

#[test]
fn in_a_part_of_a_controller_and_in_the_controller() {
    let lab = lab(r#"
        poll = "0 s"
        [controllers.crate]
        driver = "panicky"
        type = "crate"
        [controllers.doomed]
        driver = "panicky"
        type = "crate"
        options.panic_in = "open"
        [devices.bomb]
        controller = "crate"
        type = "shell"
        options.panic_in = "write"
        [devices.quiet]
        controller = "crate"
        type = "shell"
        [devices.lost]
        controller = "doomed"
        type = "shell"
        [devices.lost_too]
        controller = "doomed"
        type = "shell"
    "#);
    let me = lab.owner("test");
    check(&failure(me.set("bomb", 1.0)), "bomb.level", "write", "Write");
    others_go_on(&me);
    for device in ["lost", "lost_too"] {
        let refusal = me.get(device).unwrap_err().to_string();
        assert!(
            refusal.starts_with(&format!(
                "{device} is not connected: controller doomed: open panicked: the bomb went off in Open"
            )),
            "{refusal}"
        );
    }
}
