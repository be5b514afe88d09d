use std::sync::{Arc, Mutex};

use baton_plugin_api::{Error, ErrorKind, Value, testkit::Bench};
use serde_json::json;

use super::*;

/// A detector whose motor stands where the second part says.
fn detector(options: serde_json::Value) -> (Bench, Arc<Mutex<f64>>) {
    let bench = Bench::open::<Detector>(options).unwrap();
    let position = Arc::new(Mutex::new(0.0));
    let of_motor = Arc::clone(&position);
    bench.member("stage", move |_| Ok(Value::Float(*of_motor.lock().unwrap())));
    (bench, position)
}

fn counts(bench: &mut Bench) -> f64 {
    bench.read("counts").unwrap().as_f64().unwrap()
}

#[test]
fn a_scan_shows_a_peak() {
    let (mut bench, position) = detector(json!({ "motor": "stage", "peak": 20, "width": 2 }));
    let mut scan = |at: i32| {
        *position.lock().unwrap() = f64::from(at);
        counts(&mut bench)
    };
    let found: Vec<(i32, f64)> = (0..=40).map(|at| (at, scan(at))).collect();
    let highest = found.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert!((19..=21).contains(&highest.0), "the peak is at {highest:?}");
    assert!((9_000.0..11_500.0).contains(&highest.1), "{highest:?}");
    assert!(found[0].1 < 100.0 && found[40].1 < 100.0, "{found:?}");
}

#[test]
fn a_reading_takes_one_exposure_and_ends_early_when_cancelled() {
    let (mut bench, _) = detector(json!({ "exposure": 2 }));
    let start = bench.now();
    let long = counts(&mut bench);
    assert_eq!(bench.now().since(start), Duration::from_secs(2));
    bench.write("exposure", 0.5).unwrap();
    assert!((long / counts(&mut bench) - 4.0).abs() < 0.1);

    bench.cancel_next_after(Duration::from_millis(100));
    assert_eq!(bench.read("counts").unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(bench.now().since(start), Duration::from_millis(2600));
}

#[test]
fn the_same_run_gives_the_same_counts() {
    let run = || {
        let (mut bench, _) = detector(json!({}));
        [counts(&mut bench), counts(&mut bench)]
    };
    assert_eq!(run(), run());
    assert_ne!(run()[0], run()[1]);
}

#[test]
fn the_error_of_the_motor_is_the_error_of_the_reading() {
    let mut bench = Bench::open::<Detector>(json!({ "motor": "stage" })).unwrap();
    bench.member("stage", |_| Err(Error::communication("no answer")));
    let error = bench.read("counts").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CommunicationFailed);
    assert_eq!(error.message(), "reading the motor stage: no answer");
}

#[test]
fn spectrum_and_frame_hold_the_counts_of_one_exposure() {
    let (mut bench, _) = detector(json!({ "frame_size": 64, "rate": 1e6 }));
    let Value::Array(spectrum) = bench.read("spectrum").unwrap() else {
        panic!("the spectrum is an array")
    };
    let channels = spectrum.as_slice::<u32>().unwrap();
    assert_eq!(spectrum.shape(), [1024]);
    assert!(channels[400] > 2000 && channels[460] > 1000 && channels[900] < 10);

    let Value::Array(frame) = bench.read("frame").unwrap() else {
        panic!("the frame is an array")
    };
    assert_eq!(frame.shape(), [64, 64]);
    let pixels = frame.as_slice::<u16>().expect("the pixels are still 16 bits wide");
    let sum: f64 = frame.to_f64().iter().sum();
    assert!((sum / 1e5 - 1.0).abs() < 0.02, "{sum}");
    assert!(pixels[32 * 64 + 32] > 200 && pixels[0] < 10);
}
