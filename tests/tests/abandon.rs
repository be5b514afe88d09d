//! Drivers that never come back, and are left behind (RULES.md S6).

use std::time::Instant;

use baton_host::{
    executor::{Abandoned, Call},
    failure::{Failure, Refusal},
    lab::{Lab, Owner},
};
use baton_tests::lab::{Follower, WATCHDOG, done, failure, lab, number, skip_inline, skip_isolated};

const HANG: &str = "a real hang cannot be cut short";
const KILLED: &str = "what hangs there is killed at its deadline, and nobody is stuck";

const LAB: &str = r#"
    poll = "0 s"
    timeout = "200 ms"
    [devices.mule]
    driver = "puppet"
    type = "mule"
    options.motor = "stage"
    [devices.donkey]
    driver = "puppet"
    type = "mule"
    [devices.stage]
    driver = "sim"
    type = "motor"
"#;

/// Has a device hang, until the host gives it up.
fn hang(me: &Owner, device: &str) {
    let failed = failure(me.call(&format!("{device}.hang"), ()));
    assert!(matches!(failed, Failure::Timeout { .. }), "{failed}");
}

fn abandon(me: &Owner, device: &str) -> (Call, Abandoned) {
    me.abandon(device).expect("it may be left behind")
}

/// Waits until so many have come back from their hang, in the library itself.
fn returned(me: &Owner, device: &str, count: f64) {
    let deadline = Instant::now() + WATCHDOG;
    while number(me.get(&format!("{device}.returned"))) < count {
        assert!(Instant::now() < deadline, "they do not return");
        done(me.call(&format!("{device}.release"), ()));
    }
}

#[test]
fn s6_a_stuck_worker_is_left_behind_and_its_device_is_there_again() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["mule"]);
    hang(&me, "mule");
    follower.until("mule says stuck ");
    assert!(matches!(me.get("mule"), Err(Refusal::Stuck { .. })));
    let (call, abandoned) = abandon(&me, "mule");
    follower.until("mule says left_behind ");
    let Abandoned::Behind(behind) = abandoned else {
        panic!("{abandoned:?}")
    };
    assert_eq!((&*behind.worker, &*behind.inside), ("mule", "command of mule.hang"));
    done(Ok(call));
    assert_eq!(number(me.set("mule", 0.5)), 0.5);
    assert!(!lab.device("mule").unwrap().status().0.is_error());
    let status = lab.status();
    assert!(status.stuck.is_empty());
    assert_eq!(status.left_behind, [behind]);
    assert_eq!(status.devices.up, status.devices.total);
}

#[test]
fn s6_what_was_left_behind_is_deaf_moves_nothing_and_is_never_called_again() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    hang(&me, "mule");
    done(Ok(abandon(&me, "mule").0));
    let mut follower = Follower::new(&lab, &["mule", "stage"]);
    returned(&me, "donkey", 1.0);
    // All that it did, it did before it returned.
    let lines = follower.take();
    assert!(!lines.iter().any(|line| line.contains("brayed")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("66")), "{lines:#?}");
    assert_eq!(number(me.get("stage")), 0.0);
    assert_eq!(lab.status().calls.came_back, 0);
    assert!(lab.close().hung.is_empty(), "nobody waits for what was left behind");
}

#[test]
fn s6_not_even_closing_the_lab_drops_what_was_left_behind() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    hang(&me, "mule");
    done(Ok(abandon(&me, "mule").0));
    returned(&me, "donkey", 1.0);
    done(me.reopen("mule"));
    // The second instance, and not the first.
    assert_eq!(number(me.get("donkey.dropped")), 1.0);
}

#[test]
fn s6_a_line_that_is_still_held_is_said_to_be_and_by_what() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(&LAB.replace("options.motor = \"stage\"", "options.line = \"/dev/ttyS7\""));
    let me = lab.owner("test");
    hang(&me, "mule");
    let failed = failure(Ok(abandon(&me, "mule").0)).to_string();
    assert!(
        failed.contains(
            "/dev/ttyS7 is in use; what was left behind of it may still hold its line: it has been in the command of mule.hang since "
        ),
        "{failed}"
    );
}

#[test]
fn s6_sixteen_are_left_behind_at_most_and_the_refusal_says_what_to_do() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab = lab(LAB);
    let me = lab.owner("test");
    for _ in 0..16 {
        hang(&me, "mule");
        done(Ok(abandon(&me, "mule").0));
    }
    assert_eq!(lab.status().left_behind.len(), 16);
    hang(&me, "mule");
    let refusal = me.abandon("mule").unwrap_err().to_string();
    assert_eq!(
        refusal,
        "mule: 16 workers have been left behind in their drivers already, which is the most; restart the host, and give \
         drivers that hang a process of their own"
    );
    // Others go on, and so does this one when it comes back.
    assert_eq!(number(me.set("donkey", 0.5)), 0.5);
    returned(&me, "donkey", 17.0);
    let mut follower = Follower::new(&lab, &["mule"]);
    follower.until("mule is Idle");
    assert_eq!(number(me.set("mule", 0.5)), 0.5);
}

#[test]
fn s6_a_controller_is_left_behind_with_all_its_devices() {
    if skip_inline(HANG) || skip_isolated(KILLED) {
        return;
    }
    let lab: Lab = lab(r#"
        poll = "0 s"
        timeout = "200 ms"
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
        options = { axis = 2 }
    "#);
    let me = lab.owner("test");
    baton_tests::lab::arm(&me, "x", ("hang", "read"));
    assert!(matches!(failure(me.get("x")), Failure::Timeout { .. }));
    assert!(matches!(me.get("y"), Err(Refusal::Stuck { .. })));
    let (call, abandoned) = abandon(&me, "y");
    assert!(
        matches!(&abandoned, Abandoned::Behind(behind) if behind.worker == "rack"),
        "{abandoned:?}"
    );
    done(Ok(call));
    done(me.get("x"));
    done(me.get("y"));
    assert_eq!(lab.device("x").unwrap().counters().opened, 2);
}
