//! Faults on demand, the same for every type: what a host has to cope with when hardware and drivers misbehave.
//!
//! | `fault` | what the call does |
//! | --- | --- |
//! | `fail` | returns `HardwareError` |
//! | `hang` | does not return, until the option `hang_for` is over or `release` is run on any device of the same host |
//! | `late` | waits for `fault_delay`, even if it is cancelled, and then does its work |
//! | `drop_connection` | returns `CommunicationFailed`, as does every later call until the device is opened again |
//! | `panic` | panics |
//! | `ignore` | reports success of a write, command or stop, and does nothing |
//!
//! `fault_on` says which call, `fault_times` how many of them. The parameters of this module are never hit themselves,
//! nor are they counted in `calls`. A device that opens again has no fault armed.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use baton_plugin_api::{
    Context, Entry, Error, Host, Level, Result, Shared, Stopper, Structured, Table, Value,
    schemars::{self, JsonSchema},
};
use serde::{Deserialize, Serialize};

mod release;
mod table;

pub(crate) use table::{Simulated, add};

/// Options that every type has.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct FaultOptions {
    /// So many of the first attempts to open a device of this name fail, counted as long as the process lives.
    fail_open: u32,
    /// Whether opening the device panics.
    panic_in_open: bool,
    /// After what time, on the system's clock, a call that hangs returns by itself. Never, if not given.
    #[schemars(extend("unit" = "s"))]
    hang_for: Option<f64>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fault {
    None,
    Fail,
    Hang,
    Late,
    DropConnection,
    Panic,
    Ignore,
}

impl Structured for Fault {}

/// Which call it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    /// Any call, but not the closing of the device.
    Any,
    Read,
    Write,
    Command,
    Status,
    Stop,
    /// The closing of the device, where it cannot fail: `fail` only writes to the log.
    Drop,
}

impl Structured for On {}

/// The line between driver and instrument; the devices of a controller share one.
#[derive(Clone, Default)]
pub(crate) struct Line {
    cut: Arc<AtomicBool>,
}

/// What is armed, and what has happened.
struct Plan {
    fault: Fault,
    on: On,
    delay: Duration,
    /// How many calls a fault hits from the moment it is armed; 0 for all.
    times: u32,
    /// How many it will still hit.
    left: u32,
    /// How often the write function of a parameter was entered.
    calls: u32,
}

/// The faults of one device. Dropped with the device, it is also the way into faults on closing.
pub(crate) struct Faults {
    inner: Inner,
}

#[derive(Clone)]
struct Inner {
    plan: Shared<Plan>,
    /// Whether any fault is armed; read on each call, where the plan's lock would cost more than the call itself.
    armed: Arc<AtomicBool>,
    line: Line,
    hang_for: Option<Duration>,
    host: Host,
}

/// What a call that met no error does.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Work,
    Nothing,
}

impl Faults {
    /// The faults of a device with a line of its own; the first thing that opens.
    pub(crate) fn open(options: &FaultOptions, host: &Host) -> Result<Faults> {
        Self::on_line(options, host, Line::default())
    }

    /// The faults of a device on a shared line.
    pub(crate) fn on_line(options: &FaultOptions, host: &Host, line: Line) -> Result<Faults> {
        if options.panic_in_open {
            panic!("the option `panic_in_open` is set");
        }
        fail_first(options.fail_open, &host.name())?;
        line.check()?;
        let hang_for = options
            .hang_for
            .map(|s| crate::checks::duration("hang_for", s))
            .transpose()?;
        let plan = Plan {
            fault: Fault::None,
            on: On::Any,
            delay: Duration::from_secs(1),
            times: 1,
            left: 0,
            calls: 0,
        };
        let inner = Inner {
            plan: Shared::new(plan),
            armed: Arc::default(),
            line,
            hang_for,
            host: host.clone(),
        };
        Ok(Faults { inner })
    }

    /// A stopper that meets the faults that are set on `stop`.
    pub(crate) fn stopper(&self, stop: impl Fn() -> Result<()> + Send + Sync + 'static) -> Stopper {
        let inner = self.inner.clone();
        Box::new(move || match inner.meet(On::Stop, std::thread::sleep)? {
            Then::Work => stop(),
            Then::Nothing => Ok(()),
        })
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // A second panic while one unwinds would end the process.
        if std::thread::panicking() {
            return;
        }
        if self.inner.is_armed()
            && let Err(error) = self.inner.meet(On::Drop, std::thread::sleep)
        {
            self.inner.host.log(Level::Warn, format!("closing: {error}"));
        }
    }
}

impl Inner {
    fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Acquire)
    }

    /// Lets happen what is due; `pause` waits where a call is late.
    fn meet(&self, entry: On, pause: impl FnOnce(Duration)) -> Result<Then> {
        self.line.check()?;
        let Some((fault, delay)) = self.is_armed().then(|| self.take(entry)).flatten() else {
            return Ok(Then::Work);
        };
        match fault {
            Fault::None => {}
            Fault::Fail => {
                return Err(Error::hardware(
                    "the instrument reports a failure (simulated fault `fail`)",
                ));
            }
            Fault::Hang => release::hang(self.hang_for),
            Fault::Late => pause(delay),
            Fault::DropConnection => self.line.cut.store(true, Ordering::Release),
            Fault::Panic => panic!("the simulated fault `panic`"),
            Fault::Ignore => return Ok(Then::Nothing),
        }
        self.line.check()?;
        Ok(Then::Work)
    }

    /// The fault that hits this call, counted; with its delay.
    fn take(&self, entry: On) -> Option<(Fault, Duration)> {
        let mut plan = self.plan.lock();
        let due = plan.on == entry || plan.on == On::Any && entry != On::Drop;
        let can_be_ignored = matches!(entry, On::Write | On::Command | On::Stop);
        if plan.fault == Fault::None || !due || plan.fault == Fault::Ignore && !can_be_ignored {
            return None;
        }
        let hit = (plan.fault, plan.delay);
        if plan.times > 0 {
            plan.left -= 1;
            if plan.left == 0 {
                self.arm(&mut plan, Fault::None);
            }
        }
        Some(hit)
    }

    fn arm(&self, plan: &mut Plan, fault: Fault) {
        plan.fault = fault;
        plan.left = plan.times;
        self.armed.store(fault != Fault::None, Ordering::Release);
    }
}

impl Line {
    fn check(&self) -> Result<()> {
        match self.cut.load(Ordering::Acquire) {
            true => Err(Error::communication(
                "connection lost (simulated fault `drop_connection`)",
            )),
            false => Ok(()),
        }
    }
}

/// Fails the first `count` times that it is called with this name.
fn fail_first(count: u32, name: &str) -> Result<()> {
    // For the whole process, because a device that failed to open leaves nothing else behind that could count.
    static ATTEMPTS: LazyLock<Shared<HashMap<String, u32>>> = LazyLock::new(|| Shared::new(HashMap::new()));
    if count == 0 {
        return Ok(());
    }
    let mut attempts = ATTEMPTS.lock();
    let attempt = attempts.entry(name.to_owned()).or_default();
    *attempt = attempt.saturating_add(1);
    match *attempt <= count {
        true => Err(Error::communication(format!(
            "no answer to attempt {attempt} (simulated by `fail_open = {count}`)"
        ))),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
