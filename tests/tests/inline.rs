//! Inline execution: the same events in the same order, each time (RULES.md I1 to I5).

use std::time::Duration;

use baton_host::{config::Execution, failure::Failure, plugin::Drivers};
use baton_plugin_api::Value;
use baton_tests::lab::{Follower, WATCHDOG, arm, done, drivers, failure, lab_in, lab_of, number};

const LAB: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    [devices.oven]
    driver = "sim"
    type = "oven"
    [devices.detector]
    driver = "sim"
    type = "detector"
    options = { motor = "stage.position", peak = "2 mm" }
    [controllers.rack]
    driver = "sim"
    type = "motion"
    [devices.x]
    controller = "rack"
    type = "axis"
    options = { axis = 1 }
"#;

/// What anybody could have seen of a scan with a fault in it.
fn story(drivers: &Drivers) -> Vec<String> {
    let lab = lab_of(drivers.clone(), Execution::Inline, LAB);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["stage", "oven", "detector", "x"]);
    let mut lines = Vec::new();
    let mut note = |what: String| lines.push(format!("{} {what}", lab.clock().now().as_nanoseconds()));
    for point in 0..4 {
        let at = number(me.set("stage", f64::from(point)));
        let counts = done(me.get("detector")).value;
        note(format!("{at} {counts:?}"));
    }
    done(me.set("x", 3.0));
    arm(&me, "x", ("ignore", "write"));
    note(failure(me.set("x", 5.0)).to_string());
    arm(&me, "stage", ("panic", "write"));
    note(failure(me.set("stage", 1.0)).to_string());
    note(format!("{:?}", done(me.set("oven", 30.0)).value));
    lab.run_until(lab.clock().now() + Duration::from_secs(60));
    note("end".to_owned());
    lines.extend(follower.take().iter().cloned());
    lines
}

#[test]
fn i2_the_same_program_sees_the_same_events_a_hundred_times() {
    let drivers = drivers();
    let first = story(&drivers);
    assert!(first.len() > 100);
    for _ in 1..100 {
        assert_eq!(story(&drivers), first);
    }
}

#[test]
fn i2_time_passes_only_on_the_labs_clock() {
    let lab = lab_in(Execution::Inline, LAB);
    let me = lab.owner("test");
    let (real, before) = (std::time::Instant::now(), lab.clock().now());
    // 100 mm at 5 mm/s.
    done(me.set("stage", 100.0));
    let passed = lab.clock().now().since(before);
    assert!(
        (Duration::from_secs(20)..Duration::from_secs(25)).contains(&passed),
        "{passed:?}"
    );
    assert!(real.elapsed() < WATCHDOG);
}

#[test]
fn i3_a_call_is_resolved_when_it_is_returned() {
    let lab = lab_in(Execution::Inline, LAB);
    let me = lab.owner("test");
    assert!(me.set("stage", 1.0).unwrap().is_resolved());
    assert!(me.call("stage.home", ()).unwrap().is_resolved());
    assert!(me.stop("stage").unwrap().is_resolved());
    assert!(me.stop_all().iter().all(|report| report.error.is_none()));
    let inner = lab.clone();
    let nested = lab.call("scan", move || done(inner.owner("scan").set("x", 1.0)).value);
    assert_eq!(nested.outcome().unwrap().unwrap(), Value::Float(1.0));
}

#[test]
fn i5_no_thread_is_started() {
    // Other tests of this process start threads of the test runner, but none of ours.
    let lab = lab_in(Execution::Inline, LAB);
    done(lab.owner("test").set("stage", 1.0));
    let ours: Vec<_> = std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with("baton"))
        .collect();
    assert!(ours.is_empty(), "{ours:?}");
}

#[test]
fn i_slow_polls_do_not_keep_others_from_their_turn() {
    // Three detectors whose exposures fill their poll intervals would be due for ever.
    let detector = |name: &str| {
        format!(
            "[devices.{name}]\ndriver = \"sim\"\ntype = \"detector\"\noptions.exposure = \"2 s\"\n\
             parameters.counts.poll = \"1 s\"\n"
        )
    };
    let lab = lab_in(
        Execution::Inline,
        &(detector("a") + &detector("b") + &detector("c") + "[devices.stage]\ndriver = \"sim\"\ntype = \"motor\"\n"),
    );
    let me = lab.owner("test");
    assert_eq!(number(me.set("stage", 1.0)), 1.0);
}

#[test]
fn i_several_threads_may_use_one_lab() {
    let lab = lab_in(Execution::Inline, LAB);
    std::thread::scope(|scope| {
        for device in ["stage", "x", "oven"] {
            let me = lab.owner(device);
            scope.spawn(move || (0..50).for_each(|_| drop(done(me.get(device)))));
        }
    });
}

#[test]
fn s4_a_motion_that_overruns_its_limit_is_stopped() {
    let lab = lab_in(
        Execution::Inline,
        "[devices.stage]\ndriver = \"sim\"\ntype = \"motor\"\nparameters.position.motion_timeout = \"2 s\"\n",
    );
    let me = lab.owner("test");
    assert!(matches!(failure(me.set("stage", 100.0)), Failure::Timeout { .. }));
    let at = number(me.get("stage"));
    assert!((5.0..15.0).contains(&at), "{at}");
}
