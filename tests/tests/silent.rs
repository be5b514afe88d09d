//! Devices on a sound line that do not answer: they are left alone, so that their neighbours keep their rate.

use std::time::Duration;

use baton_host::{config::Execution, failure::Failure, lab::Lab};
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{Follower, failure, lab_in, number};

const WIRE: &str = r#"
    [controllers.wire]
    driver = "puppet"
    type = "wire"
    [devices.dead]
    controller = "wire"
    type = "station"
    options = { deaf_for = "60 s" }
    parameters.count.poll = "1 s"
    parameters.other.poll = "1 s"
    [devices.alive]
    controller = "wire"
    type = "station"
    parameters.count.poll = "1 s"
    parameters.other.poll = "0 s"
"#;

/// Lets so much of the lab's time pass.
fn pass(lab: &Lab, seconds: u64) {
    lab.run_until(lab.clock().now() + Duration::from_secs(seconds));
}

/// How often a device was asked since the last time that somebody counted.
fn asked(follower: &mut Follower, device: &str) -> usize {
    follower.take();
    let lines = std::mem::take(&mut follower.lines);
    lines
        .iter()
        .filter(|line| line.starts_with(&format!("{device} says asked")))
        .count()
}

#[test]
fn a_station_that_is_dead_hardly_slows_down_the_others() {
    let lab = lab_in(Execution::Inline, WIRE);
    let mut dead = Follower::new(&lab, &["dead"]);
    let mut alive = Follower::new(&lab, &["alive"]);
    pass(&lab, 10);
    // After 0.5, 1, 2, 4 and 5 s.
    let first = asked(&mut dead, "dead");
    assert!((3..=6).contains(&first), "{first}");
    asked(&mut alive, "alive");
    pass(&lab, 40);
    let often = asked(&mut dead, "dead");
    assert!((6..=8).contains(&often), "{often}");
    let often = asked(&mut alive, "alive");
    assert!(often >= 35, "{often}");
}

#[test]
fn a_station_that_answers_again_comes_back_by_itself() {
    let lab = lab_in(Execution::Inline, WIRE);
    let mut dead = Follower::new(&lab, &["dead"]);
    dead.until("dead is Error: no reply within 500 ms");
    pass(&lab, 50);
    assert!(!dead.take().join("\n").contains("dead is Idle"), "{:#?}", dead.lines);
    pass(&lab, 16);
    dead.until("dead is Idle");
    asked(&mut dead, "dead");
    pass(&lab, 10);
    assert!(asked(&mut dead, "dead") >= 18, "both parameters, every second");
}

#[test]
fn a_call_still_asks_a_station_that_is_left_alone() {
    let lab = lab_in(Execution::Inline, WIRE);
    let me = lab.owner("test");
    pass(&lab, 30);
    let failed = failure(me.get("dead"));
    assert!(
        matches!(&failed, Failure::Driver { error, .. } if error.kind() == ErrorKind::Timeout),
        "{failed}"
    );
    pass(&lab, 30);
    // An answer to anybody ends it.
    number(me.get("dead"));
    let mut dead = Follower::new(&lab, &["dead"]);
    asked(&mut dead, "dead");
    pass(&lab, 5);
    assert!(asked(&mut dead, "dead") >= 8);
}
