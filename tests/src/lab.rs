//! Labs for tests: from TOML to running devices in one line.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use baton_host::{
    config::{Execution, Files, HostConfig, LabConfig, System, render, resolve},
    device::{Reading, format_value},
    dispatcher::{Bounds, Message, Payload, Policy, Queue, Subscription, Taken},
    executor::{Call, WaitError},
    failure::{Failure, Refusal},
    lab::{Lab, Owner},
    plugin::{Drivers, Loader, SearchPath},
};
use baton_plugin_api::source::Source;

/// How long a test waits for what should happen at once. Only a test that fails waits that long.
pub const WATCHDOG: Duration = Duration::from_secs(20);

/// All drivers that tests use, loaded anew.
///
/// # Panics
/// If they cannot be.
pub fn drivers() -> Drivers {
    let files = ["sim", "stream", "modbus", "panicky", "puppet", "bench", "crasher"].map(super::driver);
    let mut loader = Loader::new().expect("a private folder for drivers");
    loader.scan(&SearchPath::named(files))
}

/// Whether this run of the tests has asynchronous execution disabled (I1).
pub fn is_inline() -> bool {
    std::env::var_os("BATON_DISABLE_ASYNC").is_some_and(|value| value == "1")
}

/// How this run of the tests executes.
pub fn execution() -> Execution {
    match is_inline() {
        true => Execution::Inline,
        false => Execution::Threaded,
    }
}

/// Whether this run of the tests has every driver in a process of its own (P4): with `BATON_ISOLATION=process`.
pub fn is_isolated() -> bool {
    std::env::var_os("BATON_ISOLATION").is_some_and(|value| value == "process")
}

/// A running lab with these devices: threaded, or inline when the whole run of tests is.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab(devices: &str) -> Lab {
    lab_in(execution(), devices)
}

/// A running lab with these devices.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab_in(execution: Execution, devices: &str) -> Lab {
    lab_of(drivers(), execution, devices)
}

/// A running lab with these devices, whose `[host]` is adjusted.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab_with_host(devices: &str, adjust: impl FnOnce(&mut HostConfig)) -> Lab {
    lab_with(drivers(), execution(), devices, |config| adjust(&mut config.host))
}

/// A running lab with these devices of drivers that are loaded already.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab_of(drivers: Drivers, execution: Execution, devices: &str) -> Lab {
    lab_with(drivers, execution, devices, |_| {})
}

/// The same, of a config that was changed after it had been resolved: to what no file could say.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab_with(drivers: Drivers, execution: Execution, devices: &str, change: impl FnOnce(&mut LabConfig)) -> Lab {
    let lab = begin(drivers, execution, devices, change);
    assert!(lab.wait_ready(WATCHDOG), "the devices were tried");
    lab
}

fn begin(drivers: Drivers, execution: Execution, devices: &str, change: impl FnOnce(&mut LabConfig)) -> Lab {
    let text = format!("[lab]\nname = \"test\"\n[host]\nlisten = \"127.0.0.1:0\"\n{devices}");
    let files = Files::from_sources(".", [Source::new("lab.toml", text)]);
    let resolution = resolve(&files, &drivers, &System, None);
    let mut config = match resolution.config {
        Some(config) => config,
        None => panic!("{}", render::text(&resolution.diagnostics, false)),
    };
    config.host.execution = execution;
    config.host.runner = Some(super::runner());
    if is_isolated() {
        config.isolate_all();
    }
    change(&mut config);
    Lab::open(config, drivers).expect("the lab opens")
}

/// A lab that opens its devices, of which one or the other may take for ever.
///
/// # Panics
/// If the config is wrong, with its diagnostics.
pub fn lab_that_opens(devices: &str) -> Lab {
    begin(drivers(), execution(), devices, |_| {})
}

/// Why a test cannot run inline, said instead of running it: `true` in that case.
pub fn skip_inline(why: &str) -> bool {
    if is_inline() {
        eprintln!("not run inline: {why}");
    }
    is_inline()
}

/// Why a test makes no sense where every driver has a process of its own, said instead of running it: `true` in that case.
pub fn skip_isolated(why: &str) -> bool {
    if is_isolated() {
        eprintln!("not run in processes of their own: {why}");
    }
    is_isolated()
}

/// What a call was done with.
///
/// # Panics
/// If it was refused, failed, or did not end.
pub fn done(call: Result<Call, Refusal>) -> Reading {
    match call.expect("accepted").wait(WATCHDOG) {
        Ok(reading) => reading,
        Err(other) => panic!("it should have been done: {other:?}"),
    }
}

/// The number that a call was done with.
///
/// # Panics
/// As [`done`], and if it is no number.
pub fn number(call: Result<Call, Refusal>) -> f64 {
    done(call).value.as_f64().expect("a number")
}

/// How a call failed.
///
/// # Panics
/// If it was refused, done, or did not end.
pub fn failure(call: Result<Call, Refusal>) -> Failure {
    match call.expect("accepted").wait(WATCHDOG) {
        Err(WaitError::Failed(failure)) => failure,
        other => panic!("it should have failed: {other:?}"),
    }
}

/// Arms a fault of a simulated device for its next call of a kind: `("hang", "write")`.
///
/// # Panics
/// If the device does not take it.
pub fn arm(me: &Owner, device: &str, (fault, on): (&str, &str)) {
    done(me.set(&format!("{device}.fault_on"), on));
    done(me.set(&format!("{device}.fault"), fault));
}

/// Lets a call that hangs go on, by a device of the same driver that does not, once the driver is inside of it.
///
/// # Panics
/// If the call does not end.
pub fn release(me: &Owner, device: &str, call: &Call) {
    let deadline = Instant::now() + WATCHDOG;
    while !call.is_resolved() {
        assert!(Instant::now() < deadline, "{call:?} does not end");
        done(me.call(&format!("{device}.release"), ()));
    }
}

/// Waits until a driver is inside of a call: `write of stage.position`.
///
/// # Panics
/// If it does not get there.
pub fn inside(lab: &Lab, call: &str) {
    let deadline = Instant::now() + WATCHDOG;
    while !lab.status().inside.iter().any(|inside| inside.call == call) {
        assert!(Instant::now() < deadline, "no driver is inside the {call}");
        std::thread::yield_now();
    }
}

/// Follows devices: every message of theirs as a line, in order.
pub struct Follower {
    lab: Lab,
    queue: Arc<Queue<()>>,
    _subscriptions: Vec<Subscription>,
    /// What has come so far.
    pub lines: Vec<String>,
}

impl Follower {
    /// Subscribes to these devices. What is known of them comes first.
    ///
    /// # Panics
    /// If there is no such device.
    pub fn new(lab: &Lab, devices: &[&str]) -> Self {
        let bounds = Bounds {
            entries: 1 << 20,
            bytes: 1 << 30,
        };
        let queue = Arc::new(Queue::new(bounds));
        let subscribe = |device: &&str| {
            let device = lab.device(device).expect("the device");
            device.subscribe(Policy::DropOldest, &queue)
        };
        let subscriptions = devices.iter().map(subscribe).collect();
        Follower {
            lab: lab.clone(),
            queue,
            _subscriptions: subscriptions,
            lines: Vec::new(),
        }
    }

    /// Takes what has come by now.
    pub fn take(&mut self) -> &[String] {
        let taken = self.queue.take_all();
        self.lines.extend(taken.filter_map(line));
        &self.lines
    }

    /// Waits for a line that contains this, and gives its place. What came before counts.
    ///
    /// # Panics
    /// If it does not come.
    pub fn until(&mut self, text: &str) -> usize {
        self.until_after(0, text)
    }

    /// Waits for a line that contains this, from that place on.
    ///
    /// # Panics
    /// If it does not come.
    pub fn until_after(&mut self, from: usize, text: &str) -> usize {
        let deadline = Instant::now() + WATCHDOG;
        loop {
            self.take();
            if let Some(found) = self.lines.iter().skip(from).position(|line| line.contains(text)) {
                return from + found;
            }
            assert!(Instant::now() < deadline, "no `{text}` in {:#?}", self.lines);
            if is_inline() {
                self.lab.run_until(self.lab.clock().now() + Duration::from_millis(50));
            } else {
                let taken = self.queue.wait_all(Duration::from_millis(100));
                self.lines.extend(taken.filter_map(line));
            }
        }
    }
}

fn line(taken: Taken<()>) -> Option<String> {
    match taken {
        // Calls say once more what status and readings show.
        Taken::Message(message) if **message.message() == *"call" => None,
        Taken::Message(message) => Some(describe(&message)),
        Taken::Reply(()) => None,
    }
}

/// A message as a line: `stage.position 2`, `stage.position := 2`, `stage is Idle: text`, `stage says limit_hit upper`.
pub fn describe(message: &Message) -> String {
    let sender = message.sender();
    let show = |value: &baton_plugin_api::Value| format_value(value, "", None);
    match (&**message.message(), message.payload()) {
        ("changed", Payload::Reading(Ok(reading))) => format!("{sender} {}", show(&reading.value)),
        ("target", Payload::Reading(Ok(reading))) => format!("{sender} := {}", show(&reading.value)),
        (_, Payload::Reading(Err(error))) => format!("{sender} lost: {}", error.error.message()),
        (_, Payload::Status(status)) => format!("{sender} is {:?}: {}", status.code, status.text),
        (name, Payload::Value(value)) => format!("{sender} says {name} {}", show(value)),
        (name, payload) => format!("{sender}: {name} {payload:?}"),
    }
}
