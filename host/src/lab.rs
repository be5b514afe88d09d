//! The lab: everything that one config describes, running.
//!
//! ```text
//! Lab::open(config, drivers)      a worker per device or controller; each opens its devices
//! lab.owner("scan")               whoever acts, says who
//!    .set("stage.position", 2.0)? refused here, before anything moves …
//!    .await?                      … or failed, after the driver was called; else it has arrived
//! lab.close()                     stops what moves, closes what is open
//! ```
//!
//! Nothing is global: ten labs can run in one process.

mod lock_events;
mod locks;
mod messages;
mod owner;
mod stash;
mod status;
mod units;

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use baton_plugin_api::{DeviceClass, Time};

pub use locks::{LockRequest, Locking, Targets};
use messages::HostTopics;
pub use messages::Messages;
pub use owner::Owner;
pub use stash::{Outcome, Restored, Stash, Stashed};
pub use status::{CallCount, DeviceCount, Down, Inside, LabStatus, StuckWorker};

use crate::{
    arbiter::Arbiter,
    audit::Audit,
    clock::Clock,
    config::{DeviceConfig, Execution, Isolation, LabConfig, OnExit},
    device::{Device, Registry},
    dispatcher::Dispatcher,
    executor::{Call, Caller, Executor, Label, Plan, Source, StopReport, Turn, Worker},
    failure::{Failure, Refusal, panic_text},
    owner::{Identity, OwnerId},
    plugin::Drivers,
    process::{Children, Home, Limits},
};

/// A running lab. Cheap to clone; the clones are one lab.
#[derive(Clone)]
pub struct Lab {
    inner: Arc<Inner>,
}

struct Inner {
    config: LabConfig,
    drivers: Drivers,
    executor: Arc<Executor>,
    host: HostTopics,
    /// Set once devices send news of locks, which nobody needs who has not subscribed.
    lock_news: OnceLock<()>,
    since: Time,
}

/// Why a lab could not be opened. Devices that cannot be opened are no such reason: they are tried again.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of their fields")]
pub enum OpenError {
    /// A driver that the config names is not there.
    #[error("{device} needs the driver `{driver}`, which was not found")]
    NoDriver { device: String, driver: String },
    /// What is done in it could not be noted.
    #[error("the audit log {}: {error}", path.display())]
    Audit { path: PathBuf, error: std::io::Error },
    /// Drivers cannot be given processes of their own.
    #[error("no processes for drivers: {0}")]
    Process(std::io::Error),
    /// The system gave no thread.
    #[error("no thread for a worker: {0}")]
    Thread(#[from] std::io::Error),
}

/// Where the virtual clock of inline execution starts: the year 2000.
const VIRTUAL_START: Time = Time::from_nanoseconds(946_684_800 * 1_000_000_000);
/// How long closing may take, besides the stops (S5).
const CLOSE_LIMIT: Duration = Duration::from_secs(3);
/// How long closing waits for handlers of messages.
const HANDLERS_LIMIT: Duration = Duration::from_secs(1);
/// How long a served inline lab may leave unheard what a driver in a process of its own says between calls.
const HEARING: Duration = Duration::from_millis(20);

impl Lab {
    /// Opens a lab: every device on its worker, all of them at once. Returns at once in threaded execution; see
    /// [`wait_ready`](Self::wait_ready). Inline, everything is open, or has been tried, on return.
    ///
    /// # Errors
    /// If a driver is not there, or the system gives no thread.
    pub fn open(config: LabConfig, drivers: Drivers) -> Result<Lab, OpenError> {
        units::warn_of_unknown(&config);
        let clock = clock_for(&config);
        let dispatcher = Dispatcher::new(config.host.execution);
        let children = children_for(&config, &clock)?;
        let (workers, plans, devices) = lay_out(&config, &drivers, children.as_ref(), &dispatcher, clock.now())?;
        let since = clock.now();
        let targets = config.devices.iter().map(locks::targets_of).collect();
        let arbiter = Arbiter::new(targets, clock.clone());
        let registry = Registry::new(devices);
        let executor = Executor::new(clock, config.host.execution, workers, registry, arbiter, dispatcher);
        if let Some(path) = &config.host.audit {
            let audit = Audit::open(path, config.host.execution);
            let failed = |error| OpenError::Audit {
                path: path.clone(),
                error,
            };
            let audit = Arc::new(audit.map_err(failed)?);
            lock_events::note_in(&audit, executor.arbiter());
            executor.set_audit(audit);
        }
        let by_executor = locks::ByExecutor(Arc::downgrade(&executor));
        executor.arbiter().set_hooks(by_executor);
        if let Some(children) = children {
            executor.set_children(children);
        }
        executor.start(plans)?;
        Ok(Lab {
            inner: Arc::new(Inner {
                host: HostTopics::new(executor.dispatcher(), &drivers, since),
                config,
                drivers,
                executor,
                lock_news: OnceLock::new(),
                since,
            }),
        })
    }

    /// Blocks until every device has been tried once, at most for `timeout`. `false` if some have not.
    pub fn wait_ready(&self, timeout: Duration) -> bool {
        self.inner.executor.wait_opened(timeout)
    }

    /// Somebody who acts in this lab (O1).
    pub fn owner(&self, label: impl Into<String>) -> Owner {
        Owner::new(self.clone(), OwnerId::new(label))
    }

    /// Somebody who acts in this lab, and of whom so much is known (O3).
    pub fn known_owner(&self, identity: Identity) -> Owner {
        Owner::new(self.clone(), OwnerId::known(identity))
    }

    /// What it was opened with.
    pub fn config(&self) -> &LabConfig {
        &self.inner.config
    }

    /// The drivers it was opened with.
    pub fn drivers(&self) -> &Drivers {
        &self.inner.drivers
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        self.inner.executor.clock()
    }

    /// Where calls run.
    pub fn execution(&self) -> Execution {
        self.inner.executor.mode()
    }

    /// All devices in the order of the config.
    pub fn devices(&self) -> &[Arc<Device>] {
        self.inner.executor.devices().all()
    }

    /// The device of that name; case does not count.
    ///
    /// # Errors
    /// [`Refusal::NoSuchDevice`], with the name that was probably meant.
    pub fn device(&self, name: &str) -> Result<&Arc<Device>, Refusal> {
        self.inner.executor.devices().device(name)
    }

    /// The audit log, if there is one.
    pub(crate) fn audit(&self) -> Option<&Arc<Audit>> {
        self.inner.executor.audit()
    }

    pub(crate) fn executor(&self) -> &Arc<Executor> {
        &self.inner.executor
    }

    /// Runs any blocking function of the user as a [`Call`] (C6): on a thread of its own, so that functions that call one
    /// another to any depth cannot wait for a free thread; inline, at once. A panic of it becomes
    /// [`Failure::Panicked`].
    pub fn call<T, F>(&self, what: &str, function: F) -> Call<T>
    where
        T: Clone + Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let label = Label {
            device: what.into(),
            member: "".into(),
            verb: "function",
        };
        let call = Call::new(label, OwnerId::new(what), self.clock().now(), None);
        let (core, clock) = (Arc::clone(call.core()), self.clock().clone());
        let run = move || {
            core.take();
            let outcome = catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Failure::Panicked {
                what: core.label.path(),
                message: panic_text(&*payload),
            });
            core.resolve(outcome, clock.now());
        };
        match self.execution() {
            Execution::Inline => run(),
            Execution::Threaded => {
                let thread = std::thread::Builder::new().name(format!("baton {what}"));
                if let Err(error) = thread.spawn(run) {
                    let message = format!("the system gave no thread: {error}");
                    let what = what.to_owned();
                    let outcome = Err(Failure::Panicked { what, message });
                    call.core().resolve(outcome, self.clock().now());
                }
            }
        }
        call
    }

    /// Runs, inline, everything that is due up to `then` on the lab's clock, and sets the clock there. Nothing in
    /// threaded execution, which runs by itself.
    pub fn run_until(&self, then: Time) {
        if self.execution() == Execution::Inline {
            self.inner.executor.run_until(then);
        }
    }

    /// Runs the workers of an inline lab for as long as it is polled; a server does this beside its sockets, on the same
    /// thread (I6). Requests then start calls and do not drive them. Does nothing, for ever, in threaded execution.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped; but nothing runs any more, either.
    pub async fn pump(&self) {
        if self.execution() == Execution::Threaded {
            return std::future::pending().await;
        }
        let executor = &self.inner.executor;
        executor.set_pumped(true);
        loop {
            let due = match executor.turn() {
                Turn::Ran => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Turn::Idle(due) => due,
            };
            match due {
                // A virtual clock moves only while somebody waits for something.
                Some(due) if self.clock().is_virtual() && executor.is_anything_under_way() => {
                    executor.clock().reach(due);
                    tokio::task::yield_now().await;
                }
                // Drivers in processes of their own speak when they like, and nobody else hears them.
                due if executor.has_children_to_hear() => {
                    let due = due.filter(|_| !self.clock().is_virtual());
                    let rest = due.map_or(HEARING, |due| self.clock().until(due).min(HEARING));
                    let _ = tokio::time::timeout(rest, executor.something_to_pump()).await;
                }
                Some(due) if !self.clock().is_virtual() => {
                    let _ = tokio::time::timeout(self.clock().until(due), executor.something_to_pump()).await;
                }
                _ => executor.something_to_pump().await,
            }
        }
    }

    /// Has a [`close`](Self::close) that is under way wait for nobody any more: neither for stops that are not answered nor
    /// for drivers that hang.
    pub fn hurry(&self) {
        self.inner.executor.hurry();
    }

    /// Ends the lab: Drivables are stopped unless their config says `keep` (S5), everything is closed, threads end. A
    /// hung driver holds it up for five seconds at most. Says what was stopped, and which workers were left behind.
    ///
    /// Dropping the last clone of a lab, and of its owners, closes it as well.
    pub fn close(&self) -> Closed {
        self.inner.close()
    }
}

impl Inner {
    fn close(&self) -> Closed {
        // Nobody pumps while this waits.
        self.executor.set_pumped(false);
        let stop = |device: &&Arc<Device>| {
            device.class() == DeviceClass::Drivable && device.config().on_exit == OnExit::Stop && device.is_up()
        };
        let devices: Vec<_> = self.executor.devices().all().iter().filter(stop).cloned().collect();
        let owner = OwnerId::new("the host, which is ending");
        let caller = Caller::new(owner);
        let stopped = self.executor.stop_all(&devices, &caller);
        let hung = self.executor.close(CLOSE_LIMIT);
        if !self.executor.dispatcher().close(HANDLERS_LIMIT) {
            tracing::warn!("a handler of messages is still running; it is left behind");
        }
        if let Some(audit) = self.executor.audit() {
            audit.close();
        }
        Closed { stopped, hung }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.executor.is_closing() {
            self.close();
        }
    }
}

/// What closing came to.
#[derive(Debug)]
pub struct Closed {
    /// How each Drivable was stopped.
    pub stopped: Vec<StopReport>,
    /// Workers that were still inside their driver, and inside what.
    pub hung: Vec<StuckWorker>,
}

/// Real, but for inline execution with nothing but simulated devices (I2).
fn clock_for(config: &LabConfig) -> Clock {
    let simulated = config.devices.iter().all(|device| device.table.simulated);
    match config.host.execution {
        Execution::Inline if simulated => Clock::virtual_from(VIRTUAL_START),
        _ => Clock::real(),
    }
}

/// The processes of drivers, if any is to have one.
fn children_for(config: &LabConfig, clock: &Clock) -> Result<Option<Arc<Children>>, OpenError> {
    let mut all = config.controllers.iter().map(|controller| controller.isolation);
    let any = all.any(|isolation| isolation.is_process()) || config.devices.iter().any(|d| d.isolation.is_process());
    if !any {
        return Ok(None);
    }
    let host = &config.host;
    let children = Children::new(host.runner.clone(), host.execution, clock.clone());
    Ok(Some(Arc::new(children.map_err(OpenError::Process)?)))
}

type LayOut = (Vec<Arc<Worker>>, Vec<Plan>, Vec<Arc<Device>>);

/// A worker for each controller with its devices, and for each device that stands alone.
fn lay_out(
    config: &LabConfig,
    drivers: &Drivers,
    children: Option<&Arc<Children>>,
    dispatcher: &Arc<Dispatcher>,
    now: Time,
) -> Result<LayOut, OpenError> {
    let source = |device: &Arc<str>, driver: &str, isolation: Isolation| -> Result<Source, OpenError> {
        let missing = || OpenError::NoDriver {
            device: device.to_string(),
            driver: driver.to_owned(),
        };
        let library = drivers.library(driver).cloned().ok_or_else(missing)?;
        Ok(match (isolation, children) {
            (Isolation::Process { memory }, Some(children)) => {
                let limits = Limits { memory: Some(memory) };
                Source::Process(Home::new(device, library, children, limits))
            }
            _ => Source::Here(library),
        })
    };
    let (mut workers, mut plans) = (Vec::new(), Vec::new());
    let mut of_controller = HashMap::new();
    for controller in &config.controllers {
        of_controller.insert(controller.name.to_ascii_lowercase(), workers.len());
        let worker = Worker::new(workers.len(), &controller.name, true);
        let source = source(worker.name(), &controller.driver, controller.isolation)?;
        workers.push(worker);
        plans.push(Plan {
            source,
            controller: Some(controller.clone()),
            devices: Vec::new(),
        });
    }
    let mut devices = Vec::new();
    for device in &config.devices {
        let at = device
            .controller
            .as_ref()
            .and_then(|name| of_controller.get(&name.to_ascii_lowercase()).copied());
        let at = match at {
            Some(at) => at,
            None => {
                let worker = Worker::new(workers.len(), &device.name, false);
                let source = source(worker.name(), &device.driver, device.isolation)?;
                workers.push(worker);
                plans.push(Plan {
                    source,
                    controller: None,
                    devices: Vec::new(),
                });
                workers.len() - 1
            }
        };
        let places = (plans[at].devices.len(), devices.len());
        let new = new_device(config, device, &workers[at], places, dispatcher, now);
        plans[at].devices.push(Arc::clone(&new));
        devices.push(new);
    }
    Ok((workers, plans, devices))
}

fn new_device(
    config: &LabConfig,
    device: &DeviceConfig,
    worker: &Arc<Worker>,
    places: (usize, usize),
    dispatcher: &Arc<Dispatcher>,
    now: Time,
) -> Arc<Device> {
    let (worker, dispatcher) = (Arc::clone(worker), Arc::clone(dispatcher));
    Arc::new(Device::new(
        device.clone(),
        &config.host,
        worker,
        places,
        dispatcher,
        now,
    ))
}
