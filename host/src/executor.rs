//! The executor: the only part that calls into drivers, one thread at a time per device or controller.
//!
//! Each device, or controller with all its devices, has a [`Worker`] with an inbox. Requests are checked elsewhere and
//! come here as [`Job`](inbox::Job)s; the worker's [`Body`] runs them in order, polls in between, watches what
//! moves until it has arrived, and re-opens what was lost. In [`Execution::Threaded`] every body has a thread of its own;
//! in [`Execution::Inline`] the thread that asks runs all of them, in a fixed order, on the lab's clock.

mod body;
mod call;
mod context;
mod inbox;
mod inline;
mod instance;
mod motion;
mod stop;
mod submit;
mod watchdog;

use std::{
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{JoinHandle, Thread},
    time::{Duration, Instant},
};

use abi_stable::std_types::RResult;
use baton_plugin_api::{Error, abi::BoxStopper};

pub use call::{Call, WaitError};
pub(crate) use call::{CallCore, Label};
pub(crate) use inline::Turn;
pub(crate) use instance::Plan;
pub use stop::StopReport;
pub(crate) use submit::Caller;

use crate::{
    clock::{Clock, Time},
    config::Execution,
    device::{Device, Registry},
    executor::{body::Body, inbox::Inbox},
    lab::StuckWorker,
};

/// What all workers of a lab share.
pub(crate) struct Executor {
    clock: Clock,
    mode: Execution,
    workers: Vec<Arc<Worker>>,
    devices: OnceLock<Registry>,
    /// Devices whose first opening has not been tried yet.
    opening: Mutex<usize>,
    opened: Condvar,
    closing: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    inline: inline::Inline,
    counters: CallCounters,
}

/// What has been counted of calls since the lab was opened.
#[derive(Debug, Default)]
pub(crate) struct CallCounters {
    pub(crate) done: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Workers that were given up and have returned.
    pub(crate) came_back: AtomicU64,
}

impl CallCounters {
    fn count(&self, done: bool) {
        let counter = if done { &self.done } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// The place where the calls of one device, or of one controller's devices, are run one by one.
pub(crate) struct Worker {
    /// Place in the lab; also what the fixed order of inline execution goes by.
    index: usize,
    /// Name of the device or controller.
    name: Arc<str>,
    /// Whether it belongs to a controller.
    shared: bool,
    inbox: Inbox,
    /// The thread that runs the body, in threaded execution.
    thread: OnceLock<Thread>,
    /// The body, in inline execution; taken out while it is entered.
    body: Mutex<Option<Box<Body>>>,
    devices: OnceLock<Vec<Weak<Device>>>,
    executor: OnceLock<Weak<Executor>>,
    stoppers: Mutex<Vec<Option<Arc<BoxStopper>>>>,
}

impl Worker {
    pub(crate) fn new(index: usize, name: &str, shared: bool) -> Arc<Self> {
        Arc::new(Worker {
            index,
            name: name.into(),
            shared,
            inbox: Inbox::default(),
            thread: OnceLock::new(),
            body: Mutex::new(None),
            devices: OnceLock::new(),
            executor: OnceLock::new(),
            stoppers: Mutex::new(Vec::new()),
        })
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// The devices that it runs.
    fn devices(&self) -> impl Iterator<Item = Arc<Device>> {
        self.devices.get().into_iter().flatten().filter_map(Weak::upgrade)
    }

    fn stopper(&self, slot: usize) -> Option<Arc<BoxStopper>> {
        let stoppers = self.stoppers.lock().unwrap_or_else(PoisonError::into_inner);
        stoppers.get(slot).cloned().flatten()
    }

    fn set_stopper(&self, slot: usize, stopper: Option<BoxStopper>) {
        let mut stoppers = self.stoppers.lock().unwrap_or_else(PoisonError::into_inner);
        if stoppers.len() <= slot {
            stoppers.resize(slot + 1, None);
        }
        let old = std::mem::replace(&mut stoppers[slot], stopper.map(Arc::new));
        drop(stoppers);
        drop(old);
    }
}

impl Executor {
    /// An executor for these workers, whose devices are in `devices`. [`start`](Self::start) sets it to work.
    pub(crate) fn new(clock: Clock, mode: Execution, workers: Vec<Arc<Worker>>, devices: Registry) -> Arc<Self> {
        for worker in &workers {
            let mine = devices
                .all()
                .iter()
                .filter(|device| Arc::ptr_eq(device.worker(), worker));
            worker.devices.get_or_init(|| mine.map(Arc::downgrade).collect());
        }
        Arc::new(Executor {
            clock,
            mode,
            workers,
            opening: Mutex::new(devices.all().len()),
            opened: Condvar::new(),
            devices: OnceLock::from(devices),
            closing: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
            inline: inline::Inline::default(),
            counters: CallCounters::default(),
        })
    }

    /// Opens all devices: each worker on its own thread, or here, one after the other.
    pub(crate) fn start(self: &Arc<Self>, instances: Vec<Plan>) -> std::io::Result<()> {
        for worker in &self.workers {
            worker.executor.get_or_init(|| Arc::downgrade(self));
        }
        for (worker, plan) in self.workers.iter().zip(instances) {
            let body = Body::new(Arc::clone(self), Arc::clone(worker), plan);
            match self.mode {
                Execution::Threaded => self.spawn(worker, body)?,
                Execution::Inline => {
                    *worker.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(body));
                }
            }
        }
        match self.mode {
            Execution::Threaded => watchdog::start(self)?,
            Execution::Inline => self.run_due(),
        }
        Ok(())
    }

    fn spawn(&self, worker: &Arc<Worker>, body: Body) -> std::io::Result<()> {
        let name = format!("baton {}", worker.name);
        let thread = std::thread::Builder::new().name(name).spawn(move || body.run())?;
        worker.thread.get_or_init(|| thread.thread().clone());
        // What came before the thread was known did not wake it.
        worker.wake();
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        Ok(())
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn mode(&self) -> Execution {
        self.mode
    }

    pub(crate) fn devices(&self) -> &Registry {
        self.devices.get().expect("an executor is made with its devices")
    }

    pub(crate) fn counters(&self) -> &CallCounters {
        &self.counters
    }

    fn now(&self) -> Time {
        self.clock.now()
    }

    /// One device has been tried.
    fn note_opened(&self) {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        *opening = opening.saturating_sub(1);
        if *opening == 0 {
            self.opened.notify_all();
        }
    }

    /// Blocks until every device has been tried once, at most for `timeout`. `false` if some have not.
    pub(crate) fn wait_opened(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        while *opening > 0 {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return false;
            }
            opening = self
                .opened
                .wait_timeout(opening, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// How many calls wait or run, and the workers that do not come back.
    pub(crate) fn load(&self) -> (usize, Vec<StuckWorker>) {
        let mut pending = 0;
        let mut stuck = Vec::new();
        for worker in &self.workers {
            let state = worker.inbox.lock();
            pending += state.pending();
            stuck.extend(state.stuck.as_ref().map(|stuck| StuckWorker {
                worker: worker.name.to_string(),
                since: stuck.since.as_seconds(),
                inside: stuck.inside.clone(),
            }));
        }
        (pending, stuck)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Closes every device and ends the threads, waiting at most for `limit`. Gives the names of workers that are still
    /// inside their driver: their threads are left behind.
    pub(crate) fn close(&self, limit: Duration) -> Vec<String> {
        self.closing.store(true, Ordering::Release);
        for worker in &self.workers {
            worker.inbox.close();
            worker.wake();
        }
        if self.mode == Execution::Inline {
            for worker in &self.workers {
                if let Some(body) = worker.body.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    body.end();
                }
            }
            return Vec::new();
        }
        let deadline = Instant::now() + limit;
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let mut hung = Vec::new();
        for thread in threads {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            let name = thread
                .thread()
                .name()
                .unwrap_or_default()
                .trim_start_matches("baton ")
                .to_owned();
            if thread.is_finished() {
                // A worker's thread catches what panics in it; there is nothing to hand on.
                let _ = thread.join();
            } else {
                hung.push(name);
            }
        }
        hung
    }
}

/// A driver's result as ours.
fn result<T>(raw: RResult<T, baton_plugin_api::abi::RawError>) -> Result<T, Error> {
    raw.into_result().map_err(Error::from)
}
