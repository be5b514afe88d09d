//! Many crashes in a row lose nothing (P3). The only test of its process, so that everything can be counted.

use std::{fs, path::Path, time::Instant};

use baton_plugin_api::Value;
use baton_tests::lab::{WATCHDOG, done, lab};

/// So many, unless `BATON_CRASHES` says otherwise.
const CRASHES: usize = 300;

#[test]
fn p3_crashes_in_a_row_lose_nothing() {
    let asked = std::env::var("BATON_CRASHES").ok().and_then(|count| count.parse().ok());
    let count: usize = asked.unwrap_or(CRASHES);
    let lab = lab(r#"
        poll = "0 s"
        [devices.wreck]
        driver = "crasher"
        type = "wreck"
        isolation = "process"
        [devices.other]
        driver = "crasher"
        type = "wreck"
        isolation = "process"
    "#);
    let me = lab.owner("test");
    done(me.set("other", 2.5));
    let crash = || {
        done(me.set("wreck.doom", "abort write"));
        let failed = me.set("wreck", 1.0).unwrap().wait(WATCHDOG).unwrap_err();
        assert!(format!("{failed:?}").contains("SIGABRT"), "{failed:?}");
        let deadline = Instant::now() + WATCHDOG;
        // At once, and not when the back-off says so.
        while !lab.device("wreck").unwrap().is_up() {
            assert!(Instant::now() < deadline, "it comes back");
            let _ = me.reopen("wreck").map(|call| call.wait(WATCHDOG));
        }
    };
    // What the first needs is kept for the others.
    (0..5).for_each(|_| crash());
    let before = Own::now();
    (0..count).for_each(|_| crash());
    let after = Own::now();
    eprintln!("{count} crashes: {before:?}, then {after:?}");
    assert_eq!(
        (after.descriptors, after.threads, after.children),
        (before.descriptors, before.threads, before.children)
    );
    let grown = after.memory_kb.saturating_sub(before.memory_kb);
    assert!(grown < 4096 + 4 * count as u64, "{before:?}, then {after:?}");
    assert_eq!(
        done(me.get("other")).value,
        Value::Float(2.5),
        "nobody else has noticed"
    );
    let status = lab.status();
    assert_eq!(status.processes[0].deaths, count as u64 + 5);
    assert_eq!((status.processes[1].starts, status.processes[1].deaths), (1, 0));
}

/// What this process has.
#[derive(Debug)]
struct Own {
    descriptors: usize,
    threads: usize,
    children: usize,
    memory_kb: u64,
}

impl Own {
    fn now() -> Own {
        let count = |folder: &str| fs::read_dir(folder).unwrap().count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let me = std::process::id().to_string();
        let is_child = |folder: &Path| {
            let stat = fs::read_to_string(folder.join("stat")).unwrap_or_default();
            let rest = stat.rsplit(')').next().unwrap_or_default();
            rest.split_whitespace().nth(1) == Some(me.as_str())
        };
        Own {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            children: fs::read_dir("/proc")
                .unwrap()
                .flatten()
                .filter(|entry| is_child(&entry.path()))
                .count(),
            memory_kb: memory.trim().trim_end_matches(" kB").parse().unwrap(),
        }
    }
}
