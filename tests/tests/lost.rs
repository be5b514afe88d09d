//! Devices that are lost, alone or with their controller, and come back (RULES.md D6, P3; the log of it).

use std::{
    fmt::{Debug, Write},
    sync::{Mutex, Once},
};

use baton_host::failure::{Failure, Refusal};
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{Follower, arm, done, failure, lab, number};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// What the log of this process says, one line each; every test looks for its own devices.
static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Log;

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Text(String);
        impl Visit for Text {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                if field.name() == "message" {
                    write!(self.0, "{value:?}").expect("a string takes it");
                }
            }
        }
        let mut text = Text(format!("{} ", event.metadata().level()));
        event.record(&mut text);
        if *event.metadata().level() <= Level::INFO {
            LOG.lock().unwrap().push(text.0);
        }
    }
}

fn log_from_here() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing_subscriber::registry().with(Log).init());
}

/// The lines about a device, in order.
fn log_of(device: &str) -> Vec<String> {
    let log = LOG.lock().unwrap();
    log.iter().filter(|line| line.contains(device)).cloned().collect()
}

#[test]
fn a_lost_connection_is_one_line_down_and_one_up() {
    log_from_here();
    let lab = lab("[devices.kettle]\ndriver = \"sim\"\ntype = \"oven\"\n");
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["kettle"]);
    let from = follower.take().len();
    arm(&me, "kettle", ("drop_connection", "read"));
    let failed = failure(me.get("kettle"));
    assert_eq!(failed.kind(), ErrorKind::CommunicationFailed);
    let down = follower.until_after(from, "kettle is Error: not connected: connection lost");
    follower.until_after(down, "kettle is Idle");
    done(me.get("kettle"));
    let log = log_of("kettle");
    assert_eq!(log.len(), 2, "{log:#?}");
    assert!(
        log[0].starts_with("WARN kettle is not connected: connection lost"),
        "{log:#?}"
    );
    assert!(log[1].starts_with("INFO kettle is back after "), "{log:#?}");
}

#[test]
fn a_line_that_cannot_be_opened_is_one_line_however_often_it_is_tried() {
    log_from_here();
    let lab = lab("[devices.faraway]\ndriver = \"sim\"\ntype = \"oven\"\noptions.fail_open = 3\n");
    let me = lab.owner("test");
    if let Err(refusal) = me.get("faraway") {
        assert!(matches!(refusal, Refusal::Down { .. }), "{refusal}");
        assert!(refusal.to_string().contains("no answer to attempt "), "{refusal}");
    }
    let mut follower = Follower::new(&lab, &["faraway"]);
    follower.until("faraway is Idle");
    done(me.get("faraway"));
    let log = log_of("faraway");
    assert_eq!(log.len(), 2, "{log:#?}");
    assert!(log[1].starts_with("INFO faraway is back after "), "{log:#?}");
}

#[test]
fn d6_after_a_panic_the_device_is_opened_again_before_the_next_call() {
    let lab = lab("poll = \"0 s\"\n[devices.stage]\ndriver = \"sim\"\ntype = \"motor\"\n");
    let me = lab.owner("test");
    done(me.set("stage", 1.0));
    arm(&me, "stage", ("panic", "write"));
    let failed = failure(me.set("stage", 2.0));
    let text = failed.to_string();
    assert!(
        text.starts_with("stage.position: write panicked: the simulated fault `panic` at "),
        "{text}"
    );
    // Not refused, and not on the suspect instance: a new one stands at its start.
    assert_eq!(number(me.get("stage")), 0.0);
    assert_eq!(lab.device("stage").unwrap().counters().opened, 2);
    // The error stays until the next accepted write.
    let status = lab.device("stage").unwrap().status().0;
    assert!(status.is_error() && status.text == text, "{status:?}");
    done(me.set("stage", 1.0));
    assert!(!lab.device("stage").unwrap().status().0.is_error());
}

const RACK: &str = r#"
    poll = "0 s"
    [controllers.rack]
    driver = "sim"
    type = "motion"
    [devices.x]
    controller = "rack"
    type = "axis"
    options = { axis = 1 }
    [devices.y]
    controller = "rack"
    type = "axis"
    options = { axis = 2 }
    [devices.z]
    driver = "sim"
    type = "motor"
"#;

#[test]
fn a_lost_line_takes_its_devices_along_and_brings_them_back_together() {
    let lab = lab(RACK);
    let me = lab.owner("test");
    let mut follower = Follower::new(&lab, &["x", "y", "z"]);
    let from = follower.take().len();
    arm(&me, "x", ("drop_connection", "write"));
    assert!(matches!(failure(me.set("x", 1.0)), Failure::Driver { .. }));
    for device in ["x", "y"] {
        let down = follower.until_after(from, &format!("{device} is Error: not connected: connection lost"));
        let lost = format!("{device}.position lost: {device} is not connected: connection lost");
        follower.until_after(from, &lost);
        // The axis that was asked keeps its error; the other is as it was.
        let back = if device == "x" {
            "x is Error: x.position: connection"
        } else {
            "y is Idle"
        };
        follower.until_after(down, back);
    }
    assert!(!follower.lines[from..].iter().any(|line| line.starts_with("z is Error")));
    done(me.set("x", 1.0));
    done(me.set("y", 1.0));
    assert_eq!(lab.device("y").unwrap().counters().opened, 2);
    assert_eq!(lab.device("z").unwrap().counters().opened, 1);
}

#[test]
fn a_panic_in_one_axis_is_that_axis_alone() {
    let lab = lab(RACK);
    let me = lab.owner("test");
    arm(&me, "x", ("panic", "write"));
    assert_eq!(failure(me.set("x", 1.0)).kind(), ErrorKind::Panic);
    done(me.set("y", 1.0));
    done(me.set("x", 1.0));
    assert_eq!(lab.device("x").unwrap().counters().opened, 2);
    assert_eq!(lab.device("y").unwrap().counters().opened, 1);
}

#[test]
fn the_axes_of_a_controller_share_one_worker_and_move_at_the_same_time() {
    let lab = lab(RACK);
    let me = lab.owner("test");
    let calls = [me.set("x", 2.0), me.set("y", 2.0)];
    calls.into_iter().for_each(|call| assert_eq!(number(call), 2.0));
    if !baton_tests::lab::is_inline() {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        let names: Vec<_> = names.map(|name| name.trim().to_owned()).collect();
        assert!(names.contains(&"baton rack".to_owned()), "{names:?}");
        assert!(!names.contains(&"baton x".to_owned()), "{names:?}");
    }
}

#[test]
fn d4_an_unknown_unit_of_a_driver_is_warned_of_once() {
    log_from_here();
    let recorder = "driver = \"puppet\"\ntype = \"recorder\"\n";
    let lab = lab(&format!("[devices.mystery]\n{recorder}[devices.mystery2]\n{recorder}"));
    let warnings: Vec<_> = LOG
        .lock()
        .unwrap()
        .iter()
        .filter(|line| line.contains("sccm"))
        .cloned()
        .collect();
    let expected =
        "WARN driver puppet: unknown unit `sccm` of mystery.gas: it is not converted, and equals itself alone";
    assert_eq!(warnings, [expected]);
    assert_eq!(number(lab.owner("test").get("mystery.gas")), 1.0);
}
