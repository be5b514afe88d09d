//! The whole driver on the bench, with an instrument that is a thread of the test.

mod frames;
mod lewis;
mod values;

use std::{net::TcpListener, thread, time::Duration};

use baton_plugin_api::{
    Datatype, ErrorKind, Result, StatusCode, Value, description::DeviceClass, diagnostic, testkit::Bench,
};
use expect_test::{Expect, expect};
use serde_json::json;
use tempfile::TempDir;

use crate::{Instrument, fake::Served};

const MOTOR: &str = r#"
[instrument]
name = "Motor"
doc = "moves"
[line]
terminator = "\r\n"
reply_timeout = "20 s"
[[init]]
send = "REMOTE"
expect = "OK"
[parameters.position]
unit = "mm"
limits = [0, 250]
read = { send = "P?", expect = "{:f}" }
write = { send = "T={:.2f}", expect = "T={:f}" }
[parameters.model]
type = "text"
read = { send = "MODEL", expect = "{}" }
[commands.home]
send = "HOME"
[status]
read = { send = "S?", expect = "{}" }
settle = "200 ms"
when = { idle = "idle", moving = "busy", jammed = { state = "error", text = "the stage is jammed" } }
[stop]
send = "H"
expect = "T={_},P={_}"
"#;

/// An instrument that answers by a list of question and answer for each connection; an empty answer is silence, and
/// `cut` ends the connection.
fn instrument(listener: TcpListener, connections: Vec<Vec<(&'static str, &'static str)>>) {
    // A silent instrument is still there.
    let mut open = Vec::new();
    for dialogue in connections {
        let mut served = Served::accept(&listener);
        let mut is_cut = false;
        for (question, answer) in dialogue {
            assert_eq!(served.hear().as_deref(), Some(question));
            match answer {
                "cut" => is_cut = true,
                "" => {}
                answer => served.say(format!("{answer}\r\n")),
            }
        }
        open.extend((!is_cut).then_some(served));
    }
}

/// A bench with an instrument file, and an instrument that was introduced to already.
struct Lab {
    bench: Bench,
    // Until the end, for a device that is opened again.
    _folder: TempDir,
}

fn lab(file: &str, connections: Vec<Vec<(&'static str, &'static str)>>) -> (Lab, thread::JoinHandle<()>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("motor.toml");
    std::fs::write(&path, file).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = thread::spawn(move || instrument(listener, connections));
    let bench = Bench::open::<Instrument>(json!({ "file": path, "address": address })).unwrap();
    (Lab { bench, _folder: folder }, thread)
}

fn told<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    let error = outcome.unwrap_err();
    format!("{}: {}", error.kind(), error.message())
}

#[test]
fn a_motor_from_a_file_is_a_drivable() {
    let (mut lab, instrument) = lab(
        MOTOR,
        vec![vec![
            ("REMOTE", "OK"),
            ("P?", "0.0"),
            ("T=12.35", "T=12.35"),
            ("S?", "moving"),
            ("H", "T=6.1,P=6.1"),
            ("S?", "jammed"),
            ("S?", "on fire"),
            ("MODEL", "M-1 with \"quotes\""),
            ("HOME", ""),
        ]],
    );
    let table = lab.bench.table();
    assert_eq!(table.class(), DeviceClass::Drivable);
    assert_eq!(table.doc, "Motor: moves");
    let position = table.main_parameter().unwrap();
    assert_eq!((position.tolerance, position.digits), (Some(0.005), Some(2)));
    assert!(position.timeout.unwrap() > 20.0);

    let bench = &mut lab.bench;
    assert_eq!(bench.read("position").unwrap(), Value::Float(0.0));
    bench.write("position", 12.3456).unwrap();
    assert!(bench.status().unwrap().is_busy());
    bench.stop().unwrap();
    let status = bench.status().unwrap();
    assert_eq!(
        (status.code, status.text.as_str()),
        (StatusCode::Error, "the stage is jammed")
    );
    let status = bench.status().unwrap();
    assert_eq!(
        (status.code, status.text.as_str()),
        (StatusCode::Error, "unknown status `on fire`")
    );
    assert_eq!(bench.read("model").unwrap(), Value::from("M-1 with \"quotes\""));
    bench.run("home", Value::Unit).unwrap();
    instrument.join().unwrap();
}

#[test]
fn an_instrument_that_starts_late_is_busy_all_the_same() {
    let (mut lab, instrument) = lab(
        MOTOR,
        vec![vec![
            ("REMOTE", "OK"),
            ("T=1.00", "T=1"),
            ("S?", "idle"),
            ("S?", "moving"),
            ("S?", "idle"),
            ("T=2.00", "T=2"),
            ("S?", "idle"),
            ("S?", "idle"),
            ("S?", "idle"),
        ]],
    );
    let bench = &mut lab.bench;
    let busy = |bench: &mut Bench| bench.status().unwrap().is_busy();
    bench.write("position", 1.0).unwrap();
    assert_eq!([busy(bench), busy(bench), busy(bench)], [true, true, false]);
    bench.write("position", 2.0).unwrap();
    assert!(busy(bench));
    bench.advance(Duration::from_millis(150));
    assert!(busy(bench));
    bench.advance(Duration::from_millis(50));
    assert!(!busy(bench));
    instrument.join().unwrap();
}

#[test]
fn what_does_not_fit_is_an_error_that_shows_both() {
    let (mut lab, instrument) = lab(
        // What does not fit is followed by a wait for what does.
        &MOTOR.replace("20 s", "500 ms"),
        vec![vec![
            ("REMOTE", "OK"),
            ("P?", "\x02garbage"),
            ("T=5.00", "err: not idle"),
            ("T=5.00", "T=4.9"),
            ("H", "what?"),
        ]],
    );
    let bench = &mut lab.bench;
    assert_eq!(
        told(bench.read("position")),
        "ReadFailed: sent `P?`, expected `{:f}`, got `\\x02garbage` (a number is missing at its start)"
    );
    assert_eq!(
        told(bench.write("position", 5.0)),
        "HardwareError: sent `T=5.00`, expected `T={:f}`, got `err: not idle` (`T=` is missing at its start)"
    );
    assert_eq!(
        told(bench.write("position", 5.0)),
        "HardwareError: the instrument took 4.9 instead of 5.0"
    );
    assert_eq!(
        told(bench.write("position", 300.0)),
        "RangeError: position: 300 is outside the limits 0 to 250"
    );
    assert_eq!(
        told(bench.stop()),
        "HardwareError: sent `H`, expected `T={_},P={_}`, got `what?` (`T=` is missing at its start)"
    );
    instrument.join().unwrap();
}

#[test]
fn an_instrument_that_went_away_is_there_again_after_reopening() {
    let (mut lab, instrument) = lab(
        MOTOR,
        vec![
            vec![("REMOTE", "OK"), ("P?", "cut")],
            vec![("REMOTE", "OK"), ("P?", "7.5")],
        ],
    );
    let bench = &mut lab.bench;
    for _ in 0..2 {
        assert_eq!(
            bench.read("position").unwrap_err().kind(),
            ErrorKind::CommunicationFailed
        );
    }
    bench.reopen().unwrap();
    assert_eq!(bench.read("position").unwrap(), Value::Float(7.5));
    instrument.join().unwrap();
    assert!(told(bench.reopen()).starts_with("CommunicationFailed: cannot connect to tcp://127.0.0.1:"));
}

#[test]
fn after_a_timeout_the_instrument_is_introduced_to_again() {
    let (mut lab, instrument) = lab(
        &MOTOR.replace("20 s", "400 ms"),
        vec![
            vec![("REMOTE", "OK"), ("P?", "")],
            vec![("REMOTE", "OK"), ("P?", "7.5"), ("P?", "7.5")],
        ],
    );
    let bench = &mut lab.bench;
    assert_eq!(
        told(bench.read("position")),
        "TimeoutError: no reply to `P?` within 400ms"
    );
    // Under load even a prompt answer may come late here; the one that comes has to be right.
    let read = (0..5).find_map(|_| bench.read("position").ok());
    assert_eq!(read, Some(Value::Float(7.5)));
    drop(lab);
    instrument.join().unwrap();
}

#[test]
fn a_call_that_is_cancelled_does_not_wait_for_the_reply() {
    let (mut lab, instrument) = lab(MOTOR, vec![vec![("REMOTE", "OK"), ("P?", "")]]);
    lab.bench.cancel_next_after(Duration::ZERO);
    assert_eq!(told(lab.bench.read("position")), "Impossible: cancelled");
    instrument.join().unwrap();
}

#[track_caller]
fn check_open(file: Option<&str>, address: &str, expected: Expect) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("motor.toml");
    if let Some(file) = file {
        std::fs::write(&path, file).unwrap();
    }
    let error = Bench::open::<Instrument>(json!({ "file": path, "address": address }))
        .err()
        .unwrap();
    let lines: Vec<String> = diagnostic::from_error(&error).iter().map(ToString::to_string).collect();
    let text = format!("{}: {}\n{}", error.kind(), error.message(), lines.join("\n"));
    expected.assert_eq(&text.replace(&folder.path().display().to_string(), "DIR"));
}

#[test]
fn a_broken_file_comes_with_all_its_diagnostics() {
    let broken = MOTOR
        .replace("{:f}", "{:q}")
        .replace("[commands.home]", "[commands.status]");
    check_open(
        Some(&broken),
        "127.0.0.1:1",
        expect![[r#"
            WrongType: DIR/motor.toml:14:33: error: the placeholder is for text, and this is a number
            DIR/motor.toml:14:33: error: the placeholder is for text, and this is a number
            DIR/motor.toml:15:42: error: the placeholder is for text, and this is a number
            DIR/motor.toml:19:11: error: `status` is a name that the host needs itself"#]],
    );
    check_open(
        None,
        "127.0.0.1:1",
        expect![[r#"
            WrongType: cannot read the instrument file DIR/motor.toml: No such file or directory (os error 2)
        "#]],
    );
    check_open(
        Some(MOTOR),
        "127.0.0.1",
        expect![[r#"
        WrongType: address `127.0.0.1` has no port; write `tcp://192.168.1.20:5000`
    "#]],
    );
}
