//! Whatever becomes of the host, no process of a driver outlives it (P2).

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use baton_tests::lab::WATCHDOG;

use super::crashes::kill;

/// A host with one driver in a process of its own, and that one's number.
fn host(folder: &Path) -> (Child, i64) {
    let config = folder.join("lab.toml");
    let text = "[host]\nlisten = \"127.0.0.1:0\"\n[devices.wreck]\ndriver = \"crasher\"\ntype = \"wreck\"\nisolation = \"process\"\n";
    std::fs::write(&config, text).unwrap();
    // Alone in a folder: beside the tests lies all that cargo has made.
    std::fs::copy(baton_tests::driver("crasher"), folder.join("crasher.so")).unwrap();
    let mut host = Command::new(baton_tests::runner())
        .args(["run", "--json", "--drivers"])
        .arg(folder)
        .arg(&config)
        .env_remove("BATON_ISOLATION")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(host.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let introduced: serde_json::Value = serde_json::from_str(&line).unwrap();
    let pid = introduced["status"]["processes"][0]["pid"].as_i64();
    (host, pid.unwrap_or_else(|| panic!("{:.2000}", line)))
}

fn is_gone(pid: i64) {
    let deadline = Instant::now() + WATCHDOG;
    while Path::new(&format!("/proc/{pid}")).exists() {
        // One that nobody waits for any more is gone as well.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.contains(") Z ") {
            return;
        }
        assert!(Instant::now() < deadline, "it is still there");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn p2_no_process_outlives_a_host_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, pid) = host(folder.path());
    kill("-KILL", i64::from(first.id()));
    first.wait().unwrap();
    is_gone(pid);
    // Not even one that can do nothing about it.
    let (mut second, pid) = host(folder.path());
    kill("-STOP", pid);
    kill("-KILL", i64::from(second.id()));
    second.wait().unwrap();
    is_gone(pid);
}

#[test]
fn p2_a_host_that_ends_in_order_takes_its_processes_along() {
    let folder = tempfile::tempdir().unwrap();
    let (mut host, pid) = host(folder.path());
    kill("-TERM", i64::from(host.id()));
    assert!(host.wait().unwrap().success());
    is_gone(pid);
}
