//! Drivers in processes of their own (RULES.md P): whatever one does, nobody else is harmed, and its device comes back.

#[path = "process/crashes.rs"]
mod crashes;
#[path = "process/hangs.rs"]
mod hangs;
#[path = "process/host.rs"]
mod host;
#[path = "process/life.rs"]
mod life;

use std::time::{Duration, Instant};

use baton_host::lab::{Lab, Owner};
use baton_plugin_api::Value;
use baton_tests::lab::{WATCHDOG, done, is_inline, lab};

/// A wreck in a process of its own, and one beside it.
fn wrecks(more: &str) -> Lab {
    lab(&two_wrecks(more))
}

/// The same, with calls that end soon.
fn hasty_wrecks() -> Lab {
    lab(&two_wrecks("").replace("20 s", "1 s"))
}

fn two_wrecks(more: &str) -> String {
    format!(
        r#"
        poll = "0 s"
        timeout = "20 s"
        isolation = "process"
        [devices.wreck]
        driver = "crasher"
        type = "wreck"
        {more}
        [devices.other]
        driver = "crasher"
        type = "wreck"
        "#
    )
}

/// Two wrecks that share a process, and one beside them.
fn planks() -> Lab {
    lab(r#"
        poll = "0 s"
        timeout = "20 s"
        isolation = "process"
        [controllers.hulk]
        driver = "crasher"
        type = "hulk"
        [devices.wreck]
        controller = "hulk"
        type = "plank"
        [devices.beside]
        controller = "hulk"
        type = "plank"
        [devices.other]
        driver = "crasher"
        type = "wreck"
    "#)
}

fn integer(me: &Owner, path: &str) -> i64 {
    match done(me.get(path)).value {
        Value::Int(n) => n,
        other => panic!("{other:?}"),
    }
}

fn text(me: &Owner, path: &str) -> String {
    match done(me.get(path)).value {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    }
}

/// Lets time pass until this is so.
fn until(lab: &Lab, what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + WATCHDOG;
    while !so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        if is_inline() {
            lab.run_until(lab.clock().now() + Duration::from_millis(20));
        } else {
            std::thread::yield_now();
        }
    }
}

/// The device is there, in another process than that.
fn comes_back(lab: &Lab, device: &str, from: i64) {
    until(lab, "the device comes back", || lab.device(device).unwrap().is_up());
    let me = lab.owner("test");
    assert_ne!(integer(&me, &format!("{device}.pid")), from);
    done(me.set(device, 1.5));
}
