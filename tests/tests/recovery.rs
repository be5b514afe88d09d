//! A lab in which not everything is there, and what is written when something is back (RULES.md D7, P3).

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use baton_tests::lab::{Follower, WATCHDOG, arm, done, lab, number};
use rustix::process::{Pid, Signal, kill_process};

/// The program `baton`.
const BATON: &str = env!("CARGO_BIN_EXE_baton-under-test");

/// A device that is there, and one that is not.
const HALF: &str = "[devices.here]\ndriver = \"sim\"\ntype = \"oven\"\n\
    [devices.gone]\ndriver = \"sim\"\ntype = \"oven\"\noptions.fail_open = 1000000\n";

#[test]
fn p3_a_lab_is_degraded_as_long_as_a_device_is_not_there() {
    let text = HALF.replace("1000000", "2");
    let lab = lab(&text.replace("gone", "comes"));
    let me = lab.owner("test");
    assert!(number(me.get("here")) > 0.0);
    // It was tried once, and perhaps again by now.
    let before = lab.status();
    assert!(
        matches!((before.state, before.devices.up), ("degraded", 1) | ("ok", 2)),
        "{before:?}"
    );
    let mut follower = Follower::new(&lab, &["comes"]);
    let back = follower.until("comes is Idle");
    // Whoever listens is told what there is now (M5).
    follower.until_after(back, "comes.temperature 2");
    done(me.get("comes"));
    let after = lab.status();
    assert_eq!((after.state, after.devices.up, after.down.len()), ("ok", 2, 0));
}

#[test]
fn d7_what_users_have_written_is_written_again_where_the_config_wants_it() {
    let lab = lab(r#"
        [devices.stage]
        driver = "sim"
        type = "motor"
        options = { velocity = "5 mm/s" }
        parameters.velocity.restore = true
        parameters.acceleration = { initial = "50 mm/s2", restore = true }

        [devices.other]
        driver = "sim"
        type = "motor"
        options = { velocity = "5 mm/s" }
    "#);
    let me = lab.owner("test");
    assert_eq!(number(me.get("stage.acceleration")), 50.0);
    for device in ["stage", "other"] {
        done(me.set(&format!("{device}.velocity"), 8.0));
    }
    done(me.set("stage.acceleration", 70.0));
    done(me.set("stage", 2.0));
    for device in ["stage", "other"] {
        done(me.reopen(device));
    }
    let of = |path: &str| number(me.get(path));
    assert_eq!((of("stage.velocity"), of("other.velocity")), (8.0, 5.0));
    assert_eq!(
        of("stage.acceleration"),
        70.0,
        "what a user wrote goes before the initial value"
    );
    assert_eq!(of("stage.position"), 0.0, "nothing moves because something was opened");

    // The same after it was lost.
    let mut follower = Follower::new(&lab, &["stage"]);
    let from = follower.take().len();
    arm(&me, "stage", ("drop_connection", "read"));
    let _ = me.get("stage.position").map(|call| call.wait(WATCHDOG));
    let down = follower.until_after(from, "not connected");
    follower.until_after(down, "stage is Idle");
    assert_eq!(of("stage.velocity"), 8.0);
}

#[test]
fn d7_a_value_that_was_refused_or_ruled_out_is_not_written_again() {
    let lab = lab(r#"
        [devices.stage]
        driver = "sim"
        type = "motor"
        options = { velocity = "5 mm/s" }
        parameters.velocity.restore = true
    "#);
    let me = lab.owner("test");
    done(me.set("stage.velocity", 8.0));
    arm(&me, "stage", ("fail", "write"));
    assert!(me.set("stage.velocity", 9.0).unwrap().wait(WATCHDOG).is_err());
    done(me.reopen("stage"));
    assert_eq!(number(me.get("stage.velocity")), 8.0);
    // What the limits do not allow any more is left as the instrument has it.
    me.set_limits("stage.velocity", 0.0..=6.0).unwrap();
    done(me.reopen("stage"));
    assert_eq!(number(me.get("stage.velocity")), 5.0);
}

/// `baton run` of this lab with these words.
fn run(folder: &tempfile::TempDir, devices: &str, words: &[&str]) -> Command {
    let file = folder.path().join("lab.toml");
    fs::write(&file, devices).unwrap();
    let mut command = Command::new(BATON);
    command
        .arg("run")
        .arg(file)
        .args(["--listen", "127.0.0.1:0"])
        .args(words)
        .env("XDG_STATE_HOME", folder.path())
        .env("BATON_DRIVER_PATH", baton_tests::driver("sim"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn p3_a_host_says_that_it_is_degraded_and_serves_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = run(&folder, HALF, &["--json"]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(host.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let said: serde_json::Value = serde_json::from_str(&first).unwrap();
    let shown = Command::new(BATON)
        .args(["status", "-H", said["listen"][0].as_str().unwrap()])
        .output()
        .unwrap();
    kill_process(Pid::from_child(&host), Signal::TERM).unwrap();
    assert!(host.wait().unwrap().success());
    assert_eq!(said["status"]["state"], "degraded");
    assert_eq!(said["status"]["devices"]["up"], 1);
    assert_eq!(said["status"]["down"][0]["device"], "gone");
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("degraded 1/2"), "{shown}");
    assert!(
        shown.contains("gone since ") && shown.contains("no answer to attempt"),
        "{shown}"
    );
}

#[test]
fn p3_a_script_can_demand_all_devices() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&folder, HALF, &["--require-all"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("gone: ") && told.contains("degraded 1/2, and --require-all wants all devices"),
        "{told}"
    );
}
