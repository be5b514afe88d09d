use baton_plugin_api::{ErrorKind, StatusCode, testkit::Bench};
use serde_json::json;

use super::*;

fn motor(options: serde_json::Value) -> Bench {
    Bench::open::<Motor>(options).unwrap()
}

fn position(bench: &mut Bench) -> f64 {
    bench.read("position").unwrap().as_f64().unwrap()
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_motion_takes_as_long_as_estimated_and_ends_at_its_target() {
    let mut motor = motor(json!({ "velocity": 2, "acceleration": 2 }));
    assert_eq!(motor.estimate("position", 4.0).unwrap(), Some(seconds(3.0)));
    motor.write("position", 4.0).unwrap();
    motor.advance(seconds(1.5));
    assert!((position(&mut motor) - 2.0).abs() < 1e-9);
    motor.advance(seconds(1.499));
    assert_eq!(motor.status().unwrap(), Status::busy("moving"));
    motor.advance(seconds(0.001));
    assert_eq!(motor.status().unwrap(), Status::idle());
    assert_eq!(position(&mut motor), 4.0);
}

#[test]
fn velocity_and_acceleration_hold_for_the_next_motion() {
    let mut motor = motor(json!({}));
    motor.write("velocity", 1.0).unwrap();
    motor.write("acceleration", 1.0).unwrap();
    assert_eq!(motor.estimate("position", -4.0).unwrap(), Some(seconds(5.0)));
}

#[test]
fn a_motor_on_its_way_takes_no_other_target() {
    let mut motor = motor(json!({}));
    motor.write("position", 4.0).unwrap();
    assert_eq!(motor.write("position", 5.0).unwrap_err().kind(), ErrorKind::IsBusy);
}

#[test]
fn a_stop_on_the_way_brakes() {
    let mut motor = motor(json!({ "velocity": 2, "acceleration": 2 }));
    motor.write("position", 50.0).unwrap();
    motor.advance(seconds(2.0));
    motor.stop().unwrap();
    assert_eq!(motor.status().unwrap(), Status::busy("stopping"));
    motor.until_idle(seconds(1.01)).unwrap();
    // 1 mm of accelerating, 2 mm at full velocity, 1 mm of braking.
    assert!((position(&mut motor) - 4.0).abs() < 1e-9);
}

#[test]
fn a_stop_at_once_stands_still_where_it_is_asked_to() {
    let mut motor = motor(json!({ "velocity": 2, "acceleration": 2, "stop_mode": "at_once" }));
    motor.write("position", 50.0).unwrap();
    motor.advance(seconds(2.0));
    motor.stopper().unwrap()().unwrap();
    assert_eq!(motor.status().unwrap(), Status::idle());
    assert!((position(&mut motor) - 3.0).abs() < 1e-9);
}

#[test]
fn a_motion_into_a_travel_limit_ends_there_and_says_so_once() {
    let mut motor = motor(json!({ "travel_max": 10, "velocity": 50 }));
    motor.write("position", 20.0).unwrap();
    assert_eq!(motor.sent(), []);
    let status = motor.until_idle(seconds(2.0)).unwrap();
    assert_eq!(
        (status.code, status.text.as_str()),
        (StatusCode::Warn, "at the upper travel limit")
    );
    assert_eq!(position(&mut motor), 10.0);
    assert_eq!(motor.sent(), [("limit_hit".to_owned(), "upper".into())]);
    position(&mut motor);
    assert_eq!(motor.sent(), []);

    motor.write("position", 5.0).unwrap();
    assert_eq!(motor.until_idle(seconds(2.0)).unwrap(), Status::idle());
}

#[test]
fn homing_finds_the_zero_and_tells_how_far_it_is() {
    let mut motor = motor(json!({ "start": 30, "velocity": 10, "acceleration": 10 }));
    assert_eq!(motor.read("referenced").unwrap(), false.into());
    let start = motor.now();
    motor.run("home", ()).unwrap();
    // 35 mm to the end switch and 5 mm back, the second without reaching the full velocity.
    assert!((motor.now().since(start).as_secs_f64() - (4.5 + 2.0 * 0.5f64.sqrt())).abs() < 1e-6);
    assert_eq!(motor.read("referenced").unwrap(), true.into());
    assert_eq!(position(&mut motor), 0.0);
    assert_eq!(motor.progress(), Some(1.0));
    assert!(motor.published().len() > 50);
    assert_eq!(motor.sent(), [], "the end switch is where homing goes");
}

#[test]
fn cancelled_homing_stops_and_leaves_the_motor_unreferenced() {
    let mut motor = motor(json!({ "start": 30 }));
    motor.cancel_next_after(seconds(1.0));
    assert_eq!(motor.run("home", ()).unwrap_err().kind(), ErrorKind::Cancelled);
    motor.until_idle(seconds(1.0)).unwrap();
    assert_eq!(motor.read("referenced").unwrap(), false.into());
    assert!(position(&mut motor) > 20.0);
}

#[test]
fn a_start_outside_the_travel_is_refused() {
    let error = Bench::open::<Motor>(json!({ "start": 200 })).err().unwrap();
    assert_eq!(
        error.message(),
        "option `start` is 200 mm, outside the travel from -5 to 105 mm"
    );
}
