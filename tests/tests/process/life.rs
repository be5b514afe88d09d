//! How a process begins, lives and ends in order.

use baton_tests::lab::{done, number};

use super::{integer, text, wrecks};

#[test]
fn p1_each_worker_has_a_process_of_its_own() {
    let lab = wrecks("");
    let me = lab.owner("test");
    assert_eq!(number(me.set("wreck", 2.5)), 2.5);
    assert_eq!(number(me.get("wreck")), 2.5);
    let (wreck, other) = (integer(&me, "wreck.pid"), integer(&me, "other.pid"));
    assert!(wreck != other && wreck != i64::from(std::process::id()));
    let status = lab.status();
    let processes: Vec<_> = status.processes.iter().map(|p| (p.worker.as_str(), p.pid)).collect();
    assert_eq!(
        processes,
        [("wreck", Some(wreck as i32)), ("other", Some(other as i32))]
    );
}

#[test]
fn p3_a_process_has_limits_and_nothing_that_it_was_not_given() {
    // Something that a vendor's library may have opened in the host, in a way that hands it on.
    let leaky = std::fs::File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&leaky, rustix::io::FdFlags::empty()).unwrap();
    let lab = wrecks("memory_limit = \"512 MiB\"");
    let me = lab.owner("test");
    // Standard input, output and error, and a socket for calls and one for the rest.
    assert_eq!(integer(&me, "wreck.descriptors"), 5);
    let limits = text(&me, "wreck.limits");
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().next().unwrap().to_owned()
    };
    assert_eq!(limit("Max data size"), (512 << 20).to_string());
    assert_eq!(limit("Max core file size"), "0");
    let other = text(&me, "other.limits");
    assert!(other.contains(&(4u64 << 30).to_string()), "{other}");
    assert_eq!(text(&me, "wreck.oom"), "500");
    drop(leaky);
}

#[test]
fn p4_one_that_is_opened_again_stays_where_it_is() {
    let lab = wrecks("");
    let me = lab.owner("test");
    let pid = integer(&me, "wreck.pid");
    done(me.reopen("wreck"));
    assert_eq!(integer(&me, "wreck.pid"), pid);
    assert_eq!(lab.status().processes[0].starts, 1);
}

#[test]
fn s5_the_end_of_the_lab_is_the_end_of_its_processes() {
    let lab = wrecks("");
    let me = lab.owner("test");
    let pids = [integer(&me, "wreck.pid"), integer(&me, "other.pid")];
    assert!(lab.close().hung.is_empty());
    for pid in pids {
        assert!(
            !std::path::Path::new(&format!("/proc/{pid}")).exists(),
            "not even a zombie is left"
        );
    }
    assert!(
        lab.status()
            .processes
            .iter()
            .all(|process| process.pid.is_none() && process.deaths == 0)
    );
}

#[test]
fn p2_a_process_cannot_be_had_without_its_runner() {
    let lab = baton_tests::lab::lab_with_host(
        "[devices.wreck]\ndriver = \"crasher\"\ntype = \"wreck\"\nisolation = \"process\"\n",
        |host| host.runner = Some("/nowhere/baton".into()),
    );
    let refusal = lab.owner("test").get("wreck").unwrap_err().to_string();
    assert!(
        refusal.contains("its process could not be started: /nowhere/baton: No such file or directory"),
        "{refusal}"
    );
}
