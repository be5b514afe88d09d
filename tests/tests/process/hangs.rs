//! What would never end by itself: at its deadline it is killed.

use baton_host::failure::Failure;
use baton_tests::lab::{Follower, done, failure, lab_that_opens, number, skip_inline};

use super::{comes_back, hasty_wrecks, integer, planks, two_wrecks, until, wrecks};

const HANG: &str = "nobody watches over a call there, so a real hang cannot be cut short";

#[test]
fn s3_a_call_that_hangs_is_killed_at_its_deadline() {
    if skip_inline(HANG) {
        return;
    }
    for (doom, entry) in [
        ("hang", "write"),
        ("hang", "read"),
        ("hang", "command"),
        ("stop", "write"),
    ] {
        let lab = hasty_wrecks();
        let me = lab.owner("test");
        let pid = integer(&me, "wreck.pid");
        done(me.set("wreck.doom", format!("{doom} {entry}")));
        let mut follower = Follower::new(&lab, &["wreck"]);
        let call = match entry {
            "write" => me.set("wreck", 1.0),
            "read" => me.get("wreck"),
            _ => me.call("wreck.poke", ()),
        };
        let failed = failure(call);
        assert!(matches!(failed, Failure::Timeout { .. }), "{failed}");
        follower.until("its process was killed by the host, because the ");
        assert_eq!(number(me.set("other", 2.0)), 2.0);
        comes_back(&lab, "wreck", pid);
        assert!(lab.status().stuck.is_empty());
    }
}

#[test]
fn s1_a_stopper_that_hangs_is_the_end_of_its_process() {
    if skip_inline(HANG) {
        return;
    }
    let lab = wrecks("");
    let me = lab.owner("test");
    let pid = integer(&me, "wreck.pid");
    done(me.set("wreck.doom", "hang stopper"));
    let text = failure(me.stop("wreck")).to_string();
    assert!(text.contains("the stopper did not return within 2 s"), "{text}");
    comes_back(&lab, "wreck", pid);
}

#[test]
fn s1_a_stop_that_hangs_is_killed() {
    if skip_inline(HANG) {
        return;
    }
    let lab = planks();
    let me = lab.owner("test");
    let pid = integer(&me, "wreck.pid");
    done(me.set("wreck.doom", "hang stop"));
    failure(me.stop("wreck"));
    comes_back(&lab, "wreck", pid);
    comes_back(&lab, "beside", pid);
}

#[test]
fn s6_what_is_abandoned_is_killed() {
    if skip_inline(HANG) {
        return;
    }
    let lab = lab_that_opens(&two_wrecks("options.doom = \"hang open\""));
    until(&lab, "the other is open", || lab.device("other").unwrap().is_up());
    let me = lab.owner("test");
    assert_eq!(number(me.set("other", 2.0)), 2.0, "which nobody else waits for");
    let before = lab.status().processes[0].starts;
    let killed = me.abandon("wreck").map(drop);
    assert!(killed.is_ok(), "{killed:?}");
    until(&lab, "another is started", || lab.status().processes[0].starts > before);
    assert_eq!(lab.status().left_behind, []);
}

#[test]
fn s5_a_hang_in_drop_does_not_hold_up_the_end() {
    if skip_inline(HANG) {
        return;
    }
    let lab = wrecks("");
    let me = lab.owner("test");
    done(me.set("wreck.doom", "hang drop"));
    let closed = lab.close();
    let hung = &closed.hung;
    assert!(
        hung.is_empty(),
        "its process was killed, and the worker came back: {hung:?}"
    );
    assert!(lab.status().processes.iter().all(|process| process.pid.is_none()));
}
