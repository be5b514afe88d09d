//! The instrument files that come with Baton, against the simulators that they are for. Start those first, as
//! `config/examples/julabo.toml` and `config/examples/motor.toml` say, then `cargo test -p baton-driver-stream -- --ignored`.

use std::{thread, time::Duration};

use baton_plugin_api::{Value, testkit::Bench};
use serde_json::json;

use super::told;
use crate::Instrument;

fn open(file: &str, address: &str) -> Bench {
    let file = format!("{}/../../config/instruments/{file}", env!("CARGO_MANIFEST_DIR"));
    Bench::open::<Instrument>(json!({ "file": file, "address": address })).unwrap()
}

/// Reads everything that can be read, and shows it; run with `--nocapture` to see it.
fn read_all(bench: &mut Bench) {
    let names: Vec<String> = bench.table().parameters.iter().map(|p| p.name.clone()).collect();
    for name in names {
        let started = std::time::Instant::now();
        let value = bench.read(&name).unwrap();
        eprintln!("{name} = {value:?} ({:?})", started.elapsed());
    }
}

#[test]
#[ignore = "needs lewis julabo on port 15022"]
fn julabo() {
    let mut bath = open("julabo.toml", "tcp://127.0.0.1:15022");
    read_all(&mut bath);
    for setpoint in [30.126, 24.0] {
        bath.write("setpoint", setpoint).unwrap();
        let Value::Float(readback) = bath.read("setpoint").unwrap() else {
            panic!()
        };
        assert!((readback - setpoint).abs() <= 0.005, "{readback}");
    }
    bath.write("circulation", "on").unwrap();
    assert_eq!(bath.read("circulation").unwrap(), Value::from("on"));
    bath.write("circulation", "off").unwrap();
    bath.write("reset_time", 12).unwrap();
    assert_eq!(bath.read("reset_time").unwrap(), Value::Int(12));
    // It does not know negative numbers, and is silent. The next answer is for the next question.
    eprintln!("{}", told(bath.write("setpoint", -5.0)));
    assert_eq!(bath.read("setpoint").unwrap(), Value::Float(24.0));
}

#[test]
#[ignore = "needs lewis example_motor on port 15021"]
fn motor() {
    let mut stage = open("lewis-example-motor.toml", "tcp://127.0.0.1:15021");
    read_all(&mut stage);
    let wait = |stage: &mut Bench| {
        while stage.status().unwrap().is_busy() {
            thread::sleep(Duration::from_millis(50));
            stage.advance(Duration::from_millis(50));
        }
    };
    let Value::Float(start) = stage.read("position").unwrap() else {
        panic!()
    };
    let target = if start < 100.0 { start + 1.5 } else { start - 1.5 };
    stage.write("position", target).unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|text| text != "moving") {
        let status = stage.status().unwrap();
        assert!(status.is_busy());
        seen.push(status.text);
    }
    eprintln!("busy: {seen:?}");
    eprintln!("{}", told(stage.write("position", 3.0)));
    wait(&mut stage);
    let Value::Float(position) = stage.read("position").unwrap() else {
        panic!()
    };
    assert!((position - target).abs() <= 0.005, "{position}");

    stage.write("position", 250.0).unwrap();
    thread::sleep(Duration::from_millis(300));
    stage.stop().unwrap();
    wait(&mut stage);
    eprintln!("stopped at {:?}", stage.read("position").unwrap());
    assert!(stage.read("position").unwrap().as_f64().unwrap() < 200.0);
}
