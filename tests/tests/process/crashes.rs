//! What ends a process at once.

use baton_host::lab::Lab;
use baton_tests::lab::{Follower, done, failure, number};

use super::{comes_back, integer, planks, until, wrecks};

/// Lets this happen at the next write, and says how the write failed.
fn befalls(lab: &Lab, doom: &str) -> String {
    let me = lab.owner("test");
    let (pid, other) = (integer(&me, "wreck.pid"), integer(&me, "other.pid"));
    done(me.set("wreck.doom", format!("{doom} write")));
    let text = failure(me.set("wreck", 1.0)).to_string();
    assert_eq!(integer(&me, "other.pid"), other, "nobody else notices");
    assert_eq!(number(me.set("other", 2.0)), 2.0);
    comes_back(lab, "wreck", pid);
    text
}

#[test]
fn p3_a_crash_names_its_signal_and_the_device_comes_back() {
    let lab = wrecks("");
    let text = befalls(&lab, "segv");
    assert!(
        text.starts_with("wreck.level: its process was killed by SIGSEGV (it used memory that is not its own)"),
        "{text}"
    );
    let text = befalls(&lab, "abort");
    assert!(text.contains("killed by SIGABRT"), "{text}");
    let text = befalls(&lab, "kill");
    assert!(text.contains("killed by SIGKILL (by hand, or because"), "{text}");
    let text = befalls(&lab, "exit");
    assert!(text.contains("its process exited with code 3"), "{text}");
    let text = befalls(&lab, "overflow");
    assert!(
        text.contains("killed by SIGABRT") && text.contains("stack overflow"),
        "{text}"
    );
    let status = &lab.status().processes[0];
    assert_eq!((status.starts, status.deaths), (6, 5));
    assert!(status.last_death.as_ref().unwrap().contains("SIGABRT"), "{status:?}");
}

#[test]
fn p3_a_process_that_eats_its_memory_ends_alone() {
    let lab = wrecks("memory_limit = \"128 MiB\"");
    let text = befalls(&lab, "memory");
    assert!(
        text.contains("killed by SIGABRT") && text.contains("memory allocation of"),
        "{text}"
    );
}

#[test]
fn p4_a_panic_is_no_crash() {
    let lab = wrecks("");
    let me = lab.owner("test");
    let pid = integer(&me, "wreck.pid");
    done(me.set("wreck.doom", "panic write"));
    let text = failure(me.set("wreck", 1.0)).to_string();
    assert!(text.contains("write panicked: the doom is a panic at "), "{text}");
    until(&lab, "it comes back", || lab.device("wreck").unwrap().is_up());
    assert_eq!(integer(&me, "wreck.pid"), pid, "in the same process");
    assert_eq!(lab.status().processes[0].deaths, 0);
}

#[test]
fn p3_a_crash_in_any_entry_is_told_where_it_happened() {
    for entry in ["read", "command", "status", "stop", "stopper", "drop"] {
        let lab = wrecks("");
        let me = lab.owner("test");
        let pid = integer(&me, "wreck.pid");
        done(me.set("wreck.doom", format!("segv {entry}")));
        match entry {
            "read" => drop(failure(me.get("wreck"))),
            "command" => drop(failure(me.call("wreck.poke", ()))),
            "status" => drop(failure(me.get("wreck.status"))),
            "stopper" => drop(failure(me.stop("wreck"))),
            // It has a stopper, so its stop is never called on the worker; what would have happened there does not.
            "stop" => done(me.stop("wreck")).value.as_f64().map_or((), drop),
            _ => drop(me.reopen("wreck").map(|call| call.wait(baton_tests::lab::WATCHDOG))),
        }
        if entry != "stop" {
            comes_back(&lab, "wreck", pid);
        }
        assert_eq!(number(me.set("other", 2.0)), 2.0);
        assert_eq!(lab.status().processes[1].deaths, 0);
    }
}

#[test]
fn p3_a_crash_in_open_is_tried_again() {
    let lab = wrecks("options.doom = \"segv open\"");
    let me = lab.owner("test");
    until(&lab, "it is tried again", || lab.status().processes[0].deaths > 2);
    let refusal = me.get("wreck").unwrap_err().to_string();
    assert!(refusal.contains("its process was killed by SIGSEGV"), "{refusal}");
    assert_eq!(number(me.set("other", 2.0)), 2.0);
}

#[test]
fn p1_a_controller_and_its_devices_share_one_process() {
    let lab = planks();
    let me = lab.owner("test");
    let pid = integer(&me, "wreck.pid");
    assert_eq!(integer(&me, "beside.pid"), pid);
    let mut follower = Follower::new(&lab, &["beside"]);
    befalls(&lab, "segv");
    follower.until("beside is Error: not connected: its process was killed by SIGSEGV");
    comes_back(&lab, "beside", pid);
    assert_eq!(integer(&me, "beside.pid"), integer(&me, "wreck.pid"));
    // On a controller there is no stopper: the stop is at the head of its queue.
    done(me.set("wreck.doom", "abort stop"));
    let text = failure(me.stop("wreck")).to_string();
    assert!(text.contains("killed by SIGABRT"), "{text}");
}

#[test]
fn p3_a_death_is_noticed_although_nobody_asks() {
    let lab = wrecks("");
    let me = lab.owner("test");
    let pid = integer(&me, "wreck.pid");
    let mut follower = Follower::new(&lab, &["wreck"]);
    kill("-KILL", pid);
    follower.until("wreck is Error: not connected: its process was killed by SIGKILL");
    comes_back(&lab, "wreck", pid);
}

#[test]
fn p4_what_was_said_before_the_end_is_heard() {
    let lab = wrecks("");
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["wreck"]);
    failure(me.call("wreck.scream", 2000));
    let last = follower.until("wreck says cry 2000");
    let cries: Vec<_> = follower.lines[..=last]
        .iter()
        .filter(|line| line.contains("cry"))
        .collect();
    assert_eq!(cries.len(), 2000, "all, and in order");
    assert_eq!(cries[0], "wreck says cry 1");
    let lost = follower.until("wreck is Error");
    assert!(lost > last, "the end comes last");
}

pub(super) fn kill(signal: &str, pid: i64) {
    let status = std::process::Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}
