//! The whole driver on the bench, with an instrument that is a thread of the test.

use std::time::Duration;

use baton_plugin_api::{
    Level, Result, StatusCode, Value,
    description::DeviceClass,
    testkit::{Bench, ControllerBench},
};
use expect_test::{Expect, expect};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    Bus, Instrument,
    fake::{Bank, Fake, Fault},
};

const OVEN: &str = include_str!("../../../config/instruments/modbus-temperature-controller.toml");

/// An oven at 23.5 degC.
fn oven() -> Bank {
    let mut bank = Bank::new();
    bank.coils = (0..8).map(|address| (address, false)).collect();
    bank.discrete = (0..4).map(|address| (address, false)).collect();
    bank.holding = (0..10).map(|address| (address, 0)).collect();
    bank.input = (0..22).map(|address| (address, 0)).collect();
    bank.input.insert(0, 235);
    bank.input.insert(3, 4711);
    bank.input.extend((16..).zip([0x5331, 0x3233, 0x3435]));
    bank
}

/// A bench with an instrument file, and an instrument at the other end.
struct Lab {
    bench: Bench,
    fake: Fake,
    // Until the end, for a device that is opened again.
    _folder: TempDir,
}

fn write_file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("oven.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path.display().to_string())
}

fn lab(file: &str, bank: Bank) -> Lab {
    let fake = Fake::tcp(bank, false);
    let (folder, path) = write_file(file);
    let bench = Bench::open::<Instrument>(json!({ "file": path, "address": fake.address })).unwrap();
    fake.log();
    Lab {
        bench,
        fake,
        _folder: folder,
    }
}

fn patient() -> String {
    OVEN.replace("500 ms", "20 s")
}

fn told<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    let error = outcome.unwrap_err();
    format!("{}: {}", error.kind(), error.message())
}

#[test]
fn an_oven_from_a_file_is_a_drivable() {
    let mut lab = lab(&patient(), oven());
    assert!(lab.fake.bank().coils[&0], "init");
    let table = lab.bench.table();
    assert_eq!(table.class(), DeviceClass::Drivable);
    assert_eq!(
        table.doc,
        "Temperature controller: Oven with a setpoint, a ramp and an alarm"
    );
    let bench = &mut lab.bench;
    assert_eq!(bench.read("temperature").unwrap(), Value::Float(23.5));
    assert_eq!(bench.read("hours").unwrap(), Value::Int(4711));
    assert_eq!(bench.read("serial_number").unwrap(), Value::from("S12345"));
    assert_eq!(bench.read("mode").unwrap(), Value::from("off"));
    assert_eq!(bench.read("alarm").unwrap(), Value::Bool(false));
    bench.write("ramp", 2.5).unwrap();
    assert_eq!(lab.fake.bank().holding[&2], 0x4020);
    assert_eq!(bench.read("ramp").unwrap(), Value::Float(2.5));
    bench.write("light", true).unwrap();
    assert_eq!(bench.read("light").unwrap(), Value::Bool(true));
    lab.fake.bank().holding.insert(4, 0b1000_1111);
    bench.write("mode", "tuning").unwrap();
    assert_eq!(lab.fake.bank().holding[&4], 0b1011_1111);
    bench.run("run_program", Value::Int(7)).unwrap();
    assert_eq!(lab.fake.bank().holding[&8], 7);
    assert!(lab.fake.bank().coils[&5]);
}

#[test]
fn setting_the_temperature_takes_time() {
    let mut lab = lab(&patient(), oven());
    let (bench, fake) = (&mut lab.bench, &lab.fake);
    bench.write("temperature", 100.04).unwrap();
    assert_eq!(fake.bank().holding[&0], 1000);
    assert_eq!(bench.status().unwrap().text, "starting");
    fake.bank().input.insert(4, 0b11);
    let status = bench.status().unwrap();
    assert_eq!((status.code, status.text.as_str()), (StatusCode::Busy, "on its way"));
    fake.log();
    // On its way it is looked at alone.
    bench.read("temperature").unwrap();
    assert_eq!(fake.log(), ["1: 4 @0 +1"]);
    bench.stop().unwrap();
    assert!(fake.bank().coils[&6]);
    fake.bank().input.insert(4, 0b1_0000_0010);
    let status = bench.status().unwrap();
    assert_eq!(
        (status.code, status.text.as_str()),
        (StatusCode::Error, "sensor broken")
    );
    fake.bank().input.insert(4, 0);
    assert_eq!(bench.status().unwrap().code, StatusCode::Idle);
}

#[test]
fn an_oven_that_starts_late_is_busy_all_the_same() {
    let mut lab = lab(&patient(), oven());
    let bench = &mut lab.bench;
    bench.write("temperature", 50.0).unwrap();
    assert!(bench.status().unwrap().is_busy());
    bench.advance(Duration::from_secs(1));
    assert!(!bench.status().unwrap().is_busy());
}

#[test]
fn one_request_gives_all_of_a_block_their_reading() {
    let mut lab = lab(&patient(), oven());
    let (bench, fake) = (&mut lab.bench, &lab.fake);
    fake.bank().input.insert(1, 5000);
    bench.published();
    assert_eq!(bench.read("temperature").unwrap(), Value::Float(23.5));
    assert_eq!(fake.log(), ["1: 4 @0 +2"]);
    let published: Vec<(String, Value)> = bench
        .published()
        .into_iter()
        .map(|(name, value, _)| (name, value))
        .collect();
    assert_eq!(published, [("heating_power".to_owned(), Value::Float(50.0))]);
    // Each asks for itself when it is asked.
    fake.bank().input.insert(1, 6000);
    assert_eq!(bench.read("heating_power").unwrap(), Value::Float(60.0));
    assert_eq!(fake.log(), ["1: 4 @0 +2"]);
}

#[test]
fn what_is_refused_at_once_is_read_one_by_one() {
    let mut bank = oven();
    // Nothing between the ramp and the mode, nor before: each is there, but not all of them in one request.
    bank.holding.remove(&1);
    let mut lab = lab(&patient(), bank);
    let (bench, fake) = (&mut lab.bench, &lab.fake);
    assert_eq!(bench.read("setpoint").unwrap(), Value::Float(0.0));
    assert_eq!(fake.log(), ["1: 3 @0 +5", "1: 3 @0 +1"]);
    assert_eq!(
        bench.logged(),
        [(
            Level::Warn,
            "reading holding registers 0 to 4 (40001 to 40005 in manuals) at once: illegal data address; its values are \
             read one by one from now on; `max_gap` or `max_block` in the file would spare the try"
                .to_owned()
        )]
    );
    assert_eq!(bench.read("ramp").unwrap(), Value::Float(0.0));
    assert_eq!(fake.log(), ["1: 3 @2 +2"]);
}

#[test]
fn what_does_not_fit_is_never_sent() {
    let file = r#"
[instrument]
name = "Box"
[parameters.level]
at = "holding 0"
type = "i16"
scale = 0.01
unit = "mm"
write = true
[parameters.count]
at = "holding 1"
write = true
[parameters.name]
at = "holding 2"
type = "text"
length = 4
write = true
[commands.jump]
limits = [0, 5]
write = [{ at = "holding 0", argument = true, scale = 0.5 }]
"#;
    let mut lab = lab(file, oven());
    let bench = &mut lab.bench;
    assert_eq!(
        told(bench.write("level", 400.0)),
        "RangeError: level: 400 is outside the limits -327.68 to 327.67"
    );
    assert_eq!(
        told(bench.write("count", 70_000_i64)),
        "WrongType: count: 70000 is outside 0 to 65535"
    );
    assert_eq!(
        told(bench.write("name", "abcde")),
        "WrongType: name: the text has 5 characters, at most 4 are allowed"
    );
    assert_eq!(
        told(bench.run("jump", Value::Float(5.5))),
        "RangeError: the argument 5.5 is outside the limits 0 to 5"
    );
    assert_eq!(lab.fake.log(), Vec::<String>::new());
}

#[test]
fn a_bit_is_changed_by_the_instrument_itself_if_the_file_says_so() {
    let file = r#"
[instrument]
name = "Box"
[parameters.heater]
at = "holding 4"
bit = 2
write = { function = "mask" }
[parameters.fan]
at = "holding 4"
bit = 3
write = { function = "multiple" }
"#;
    let mut lab = lab(file, oven());
    lab.fake.bank().holding.insert(4, 0b1000_0001);
    lab.bench.write("heater", true).unwrap();
    lab.bench.write("fan", true).unwrap();
    assert_eq!(lab.fake.bank().holding[&4], 0b1000_1101);
    assert_eq!(
        lab.fake.log(),
        [
            format!("1: 22 @4 +{}", !0b100_u16),
            "1: 3 @4 +1".to_owned(),
            "1: 16 @4 +1".to_owned()
        ]
    );
    lab.bench.write("heater", false).unwrap();
    assert_eq!(lab.fake.bank().holding[&4], 0b1000_1001);
}

#[test]
fn an_instrument_that_went_away_is_there_again_after_reopening() {
    let mut lab = lab(&patient(), oven());
    lab.fake.fault([Fault::Cut(3)]);
    assert_eq!(
        told(lab.bench.read("setpoint")),
        format!("CommunicationFailed: {} has closed the connection", lab.fake.address)
    );
    lab.bench.reopen().unwrap();
    assert_eq!(lab.bench.read("setpoint").unwrap(), Value::Float(0.0));
}

#[test]
fn an_instrument_that_does_not_answer_is_there_when_it_does() {
    let mut lab = lab(&OVEN.replace("500 ms", "60 ms"), oven());
    lab.fake.bank().units.clear();
    assert_eq!(
        told(lab.bench.read("alarm")),
        "TimeoutError: reading discrete input 2 (10003 in manuals): unit 1 has not answered within 60ms"
    );
    lab.fake.bank().units.push(1);
    // Under load even a prompt answer may come late here; the one that comes has to be right.
    let read = (0..50).find_map(|_| lab.bench.read("alarm").ok());
    assert_eq!(read, Some(Value::Bool(false)));
}

#[test]
fn exceptions_are_told_with_their_kind() {
    let mut lab = lab(&patient(), oven());
    let bench = &mut lab.bench;
    let codes = [1, 4, 5, 6, 10, 11];
    lab.fake.fault(codes.map(Fault::Exception));
    let told: Vec<String> = codes.iter().map(|_| told(bench.read("serial_number"))).collect();
    let what = "reading input registers 16 to 21 (30017 to 30022 in manuals)";
    assert_eq!(
        told,
        [
            format!("NotImplemented: {what}: illegal function (exception 1)"),
            format!("HardwareError: {what}: device failure (exception 4)"),
            format!("IsBusy: {what}: acknowledge, but not done yet (exception 5)"),
            format!("IsBusy: {what}: device busy (exception 6)"),
            format!("CommunicationFailed: {what}: gateway path unavailable (exception 10)"),
            format!("CommunicationFailed: {what}: gateway target device failed to respond (exception 11)"),
        ]
    );
}

#[test]
fn on_a_bus_a_dead_unit_leaves_its_neighbour_alone() {
    let mut bank = oven();
    bank.units = vec![2];
    let fake = Fake::tcp(bank, true);
    let (_folder, path) = write_file(&OVEN.replace("[[init]]\nat = \"coil 0\"\nvalue = true\n", ""));
    let bus: ControllerBench =
        Bench::open_controller::<Bus>(json!({ "address": fake.address, "mode": "rtu" })).unwrap();
    let device = |unit: u8, timeout: f64| {
        bus.device(
            "instrument",
            json!({ "file": path, "unit": unit, "reply_timeout": timeout }),
        )
        .unwrap()
    };
    let (mut dead, mut alive) = (device(1, 0.06), device(2, 20.0));
    for _ in 0..3 {
        assert!(told(dead.read("alarm")).starts_with("TimeoutError: "));
        assert_eq!(alive.read("temperature").unwrap(), Value::Float(23.5));
    }
    fake.fault([Fault::Exception(11)]);
    assert_eq!(
        told(alive.read("alarm")),
        "TimeoutError: unit 2 does not answer: reading discrete input 2 (10003 in manuals): gateway target device failed \
         to respond (exception 11)"
    );
    assert_eq!(alive.read("alarm").unwrap(), Value::Bool(false));
}

#[track_caller]
fn check_open(options: serde_json::Value, expected: Expect) {
    expected.assert_eq(&told(Bench::open::<Instrument>(options).map(drop)));
}

#[test]
fn options_that_cannot_be_are_told() {
    let (_folder, path) = write_file(OVEN);
    let address = "serial:///dev/ttyUSB7?baud=9600";
    check_open(
        json!({ "file": path, "address": address, "unit": 0 }),
        expect!["WrongType: unit 0 cannot be on a serial line: they are 1 to 247"],
    );
    check_open(
        json!({ "file": path, "address": "tcp:/10.0.0.7" }),
        expect!["WrongType: address `tcp:/10.0.0.7` has no port from 1 to 65535; write `tcp://192.168.1.20:5000`"],
    );
    check_open(
        json!({ "file": "/nowhere/oven.toml", "address": "tcp://10.0.0.7:502" }),
        expect![
            "WrongType: cannot read the instrument file /nowhere/oven.toml: No such file or directory (os error 2)"
        ],
    );
}
