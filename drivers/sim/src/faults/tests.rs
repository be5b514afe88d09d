use baton_plugin_api::{ErrorKind, testkit::Bench};
use serde_json::json;

use crate::{pump::Pump, shutter::Shutter, supply::Supply};

use super::*;

fn supply(name: &str) -> Bench {
    Bench::open_as::<Supply>(name, json!({})).unwrap()
}

fn arm(bench: &mut Bench, fault: &str, on: &str) {
    bench.write("fault_on", on).unwrap();
    bench.write("fault", fault).unwrap();
}

#[test]
fn fail_hits_the_call_it_was_set_on_and_only_once() {
    let mut supply = supply("fails");
    arm(&mut supply, "fail", "write");
    assert!(supply.read("voltage").is_ok());
    assert_eq!(supply.write("voltage", 1).unwrap_err().kind(), ErrorKind::HardwareError);
    supply.write("voltage", 1).unwrap();
    assert_eq!(supply.read("fault").unwrap(), "none".into());
    assert_eq!(supply.read("calls").unwrap(), 2.into());
}

#[test]
fn a_fault_without_an_end_is_there_until_it_is_taken_back() {
    let mut supply = supply("fails for long");
    supply.write("fault_times", 0).unwrap();
    arm(&mut supply, "fail", "any");
    for _ in 0..10 {
        assert!(supply.read("voltage").is_err());
        assert!(supply.status().is_err());
    }
    supply.write("fault", "none").unwrap();
    assert!(supply.read("voltage").is_ok());
}

#[test]
fn a_fault_hits_as_many_calls_as_it_was_told() {
    let mut supply = supply("fails three times");
    supply.write("fault_times", 3).unwrap();
    arm(&mut supply, "fail", "status");
    let outcomes: Vec<bool> = (0..5).map(|_| supply.status().is_ok()).collect();
    assert_eq!(outcomes, [false, false, false, true, true]);
}

#[test]
fn ignore_reports_success_and_does_nothing() {
    let mut supply = supply("ignores");
    arm(&mut supply, "ignore", "any");
    assert_eq!(supply.read("voltage").unwrap(), 0.0.into());
    supply.write("voltage", 5).unwrap();
    assert_eq!(supply.read("voltage").unwrap(), 0.0.into());
    supply.write("voltage", 5).unwrap();
    assert_eq!(supply.read("voltage").unwrap(), 5.0.into());
}

#[test]
fn late_lets_lab_time_pass_and_then_does_the_work() {
    let mut supply = supply("late");
    let start = supply.now();
    supply.write("fault_delay", 30).unwrap();
    arm(&mut supply, "late", "write");
    supply.write("voltage", 5).unwrap();
    assert_eq!(supply.now().since(start), Duration::from_secs(30));
    assert_eq!(supply.read("voltage").unwrap(), 5.0.into());
}

#[test]
fn late_does_not_listen_to_a_cancel() {
    let mut supply = supply("late and deaf");
    supply.write("fault_delay", 0.002).unwrap();
    arm(&mut supply, "late", "write");
    supply.cancel_next_after(Duration::ZERO);
    let start = std::time::Instant::now();
    supply.write("voltage", 5).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(2));
}

#[test]
fn a_dropped_connection_needs_the_device_to_be_opened_again() {
    let mut supply = supply("loses its line");
    arm(&mut supply, "drop_connection", "read");
    supply.write("voltage", 5).unwrap();
    for _ in 0..2 {
        assert_eq!(
            supply.read("voltage").unwrap_err().kind(),
            ErrorKind::CommunicationFailed
        );
    }
    supply.reopen().unwrap();
    assert!(supply.read("voltage").is_ok());
}

#[test]
fn panic_is_caught_in_every_entry() {
    let options = json!({});
    let check = |on: &str, call: &mut dyn FnMut(&mut Bench) -> Result<()>, entry: &str| {
        let mut pump = Bench::open_as::<Pump>("panics", options.clone()).unwrap();
        arm(&mut pump, "panic", on);
        let error = call(&mut pump).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Panic, "{on}");
        assert!(error.message().starts_with(&format!("{entry} panicked: ")), "{error}");
    };
    check("read", &mut |pump| pump.read("flow").map(drop), "read");
    check("write", &mut |pump| pump.write("flow", 1), "write");
    check("command", &mut |pump| pump.run("reset_volume", ()).map(drop), "command");
    check("status", &mut |pump| pump.status().map(drop), "status");
    check("stop", &mut Bench::stop, "stop");
    check("drop", &mut Bench::close, "drop");
}

#[test]
fn a_stopper_meets_the_faults_of_stop() {
    let mut motor = Bench::open_as::<crate::motor::Motor>("cannot stop", json!({})).unwrap();
    arm(&mut motor, "fail", "stop");
    let stopper = motor.stopper().unwrap();
    assert_eq!(stopper().unwrap_err().kind(), ErrorKind::HardwareError);
    stopper().unwrap();
}

#[test]
fn a_failure_to_close_can_only_be_logged() {
    let mut shutter = Bench::open_as::<Shutter>("closes badly", json!({})).unwrap();
    arm(&mut shutter, "fail", "drop");
    shutter.close().unwrap();
    assert_eq!(shutter.logged().len(), 1);
}

#[test]
fn hang_ends_after_hang_for_or_when_it_is_released() {
    // One test for both, because a release ends what hangs anywhere in the process.
    let mut short = Bench::open_as::<Supply>("hangs", json!({ "hang_for": 0.005 })).unwrap();
    arm(&mut short, "hang", "write");
    let start = std::time::Instant::now();
    short.write("voltage", 5).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(5));
    assert_eq!(short.read("voltage").unwrap(), 5.0.into());

    let mut hung = supply("hangs for ever");
    arm(&mut hung, "hang", "write");
    let call = std::thread::spawn(move || hung.write("voltage", 5));
    let mut other = supply("releases");
    while !call.is_finished() {
        other.run("release", ()).unwrap();
        std::thread::yield_now();
    }
    call.join().unwrap().unwrap();
}

#[test]
fn the_first_attempts_to_open_fail_as_often_as_asked() {
    let open = |name| Bench::open_as::<Supply>(name, json!({ "fail_open": 2 })).map(drop);
    assert_eq!(open("a").unwrap_err().kind(), ErrorKind::CommunicationFailed);
    assert!(open("b").is_err());
    assert!(open("a").is_err());
    assert!(open("a").is_ok());
    assert!(open("b").is_err());
}

#[test]
fn a_panic_while_opening_is_an_error() {
    let error = Bench::open::<Supply>(json!({ "panic_in_open": true })).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Panic);
}
