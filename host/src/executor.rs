//! The executor: the only part that calls into drivers, one thread at a time per device or controller.
//!
//! Each device, or controller with all its devices, has a [`Worker`] with an inbox. Requests are checked elsewhere and
//! come here as [`Job`](inbox::Job)s; the worker's [`Body`] runs them in order, polls in between, watches what
//! moves until it has arrived, and re-opens what was lost. In [`Execution::Threaded`] every body has a thread of its own;
//! in [`Execution::Inline`] the thread that asks runs all of them, in a fixed order, on the lab's clock.

mod abandon;
mod body;
mod call;
mod chain;
mod context;
mod inbox;
mod inline;
mod instance;
mod kill;
mod motion;
mod news;
mod noted;
mod ramp;
mod running;
mod settings;
mod solo;
mod source;
mod stop;
mod stopper;
mod submit;
mod tenure;
mod waits;
mod watchdog;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{JoinHandle, Thread},
    time::{Duration, Instant},
};

use abi_stable::std_types::RResult;
use baton_plugin_api::Error;

pub use abandon::{Abandoned, LeftBehind};
pub use call::{Call, Cancelling, WaitError};
pub(crate) use call::{CallCore, Label};
pub(crate) use inline::Turn;
pub(crate) use instance::Plan;
pub use solo::{Audience, Solo};
pub(crate) use source::Source;
pub use stop::StopReport;
pub(crate) use submit::Caller;

use crate::{
    arbiter::Arbiter,
    audit::Audit,
    clock::{Clock, Time},
    config::Execution,
    device::{Device, Reading, Registry},
    dispatcher::{Dispatcher, Displaced},
    executor::{body::Body, inbox::Inbox, stopper::Stopper},
    failure::{Failure, Refusal},
    lab::{Inside, StuckWorker},
    process::{Children, Home, ProcessStatus},
};

/// A worker whose driver's process was killed may take so long to notice.
const KILLED_WITHIN: Duration = Duration::from_millis(500);

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
    /// Whether nobody is waited for any more, although closing is not over.
    hurried: AtomicBool,
    /// Of the watchdog, and one for each worker with its name.
    threads: Mutex<Vec<Running>>,
    /// Of the watchdog's thread.
    watchdog: OnceLock<Thread>,
    inline: inline::Inline,
    waits: Arc<waits::Waits>,
    counters: CallCounters,
    /// What does not come back and is not waited for any more.
    behind: Mutex<abandon::Behind>,
    arbiter: Arc<Arbiter>,
    dispatcher: Arc<Dispatcher>,
    /// Set before anything can be asked.
    audit: OnceLock<Arc<Audit>>,
    /// The processes of drivers, where there are any. Set before any device is opened.
    children: OnceLock<Arc<Children>>,
}

/// A thread, and the name of the worker that it runs.
type Running = (Option<Arc<str>>, JoinHandle<()>);

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
    /// What its bodies open; without the devices, which keep the worker and not the other way round.
    plan: OnceLock<Plan>,
    /// The thread that runs the body, in threaded execution.
    thread: RwLock<Option<Thread>>,
    /// The body, in inline execution; taken out while it is entered.
    body: Mutex<Option<Box<Body>>>,
    devices: OnceLock<Vec<Weak<Device>>>,
    executor: OnceLock<Weak<Executor>>,
    stoppers: Mutex<Vec<Option<Arc<Stopper>>>>,
    /// The process of its driver, if that has one.
    home: OnceLock<Arc<Home>>,
}

impl Worker {
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn new(index: usize, name: &str, shared: bool) -> Arc<Self> {
        Arc::new(Worker {
            index,
            name: name.into(),
            shared,
            inbox: Inbox::default(),
            plan: OnceLock::new(),
            thread: RwLock::new(None),
            body: Mutex::new(None),
            devices: OnceLock::new(),
            executor: OnceLock::new(),
            stoppers: Mutex::new(Vec::new()),
            home: OnceLock::new(),
        })
    }

    fn wake(&self) {
        let thread = self.thread.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = &*thread {
            thread.unpark();
        }
    }

    /// Its driver lives there.
    fn live_in(self: &Arc<Self>, home: &Arc<Home>) {
        let _ = self.home.set(Arc::clone(home));
        let worker = Arc::downgrade(self);
        home.on_end(move || {
            let Some(worker) = worker.upgrade() else { return };
            worker.inbox.note_death();
            worker.wake();
            if let Some(executor) = worker.executor.get().and_then(Weak::upgrade) {
                executor.tell_pump();
            }
        });
    }

    /// The devices that it runs.
    fn devices(&self) -> impl Iterator<Item = Arc<Device>> {
        self.devices.get().into_iter().flatten().filter_map(Weak::upgrade)
    }

    /// The body, in inline execution; `None` while it is entered.
    fn body(&self) -> MutexGuard<'_, Option<Box<Body>>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stoppers(&self) -> MutexGuard<'_, Vec<Option<Arc<Stopper>>>> {
        self.stoppers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopper(&self, slot: usize) -> Option<Arc<Stopper>> {
        self.stoppers().get(slot).cloned().flatten()
    }

    /// Sets the stopper of a device and gives back the one before.
    fn set_stopper(&self, slot: usize, stopper: Option<Arc<Stopper>>) -> Option<Arc<Stopper>> {
        let mut stoppers = self.stoppers();
        if stoppers.len() <= slot {
            stoppers.resize(slot + 1, None);
        }
        std::mem::replace(&mut stoppers[slot], stopper)
    }
}

impl Executor {
    /// An executor for these workers, whose devices are in `devices`. [`start`](Self::start) sets it to work.
    pub(crate) fn new(
        clock: Clock,
        mode: Execution,
        workers: Vec<Arc<Worker>>,
        devices: Registry,
        arbiter: Arc<Arbiter>,
        dispatcher: Arc<Dispatcher>,
    ) -> Arc<Self> {
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
            hurried: AtomicBool::new(false),
            threads: Mutex::new(Vec::new()),
            watchdog: OnceLock::new(),
            inline: inline::Inline::default(),
            waits: Arc::default(),
            counters: CallCounters::default(),
            behind: Mutex::default(),
            arbiter,
            dispatcher,
            audit: OnceLock::new(),
            children: OnceLock::new(),
        })
    }

    /// Opens all devices: each worker on its own thread, or here, one after the other.
    ///
    /// # Errors
    /// If the system gives no thread; then those that it gave have ended.
    pub(crate) fn start(self: &Arc<Self>, instances: Vec<Plan>) -> std::io::Result<()> {
        for worker in &self.workers {
            worker.executor.get_or_init(|| Arc::downgrade(self));
        }
        if self.mode == Execution::Inline {
            let weak = Arc::downgrade(self);
            let alarm = move || {
                if let Some(executor) = Weak::upgrade(&weak) {
                    executor.tell_pump();
                }
            };
            self.dispatcher.set_alarm(alarm);
        }
        let started = self.try_start(instances);
        if started.is_err() {
            self.close(Duration::from_secs(1));
        }
        started
    }

    fn try_start(self: &Arc<Self>, instances: Vec<Plan>) -> std::io::Result<()> {
        for (worker, plan) in self.workers.iter().zip(instances) {
            worker.plan.get_or_init(|| Plan {
                devices: Vec::new(),
                ..plan.clone()
            });
            if let Some(home) = plan.source.home() {
                worker.live_in(home);
            }
            let body = Body::new(Arc::clone(self), Arc::clone(worker), plan);
            match self.mode {
                Execution::Threaded => self.spawn(worker, body)?,
                Execution::Inline => {
                    *worker.body() = Some(Box::new(body));
                }
            }
        }
        match self.mode {
            Execution::Threaded => {
                let watchdog = watchdog::start(self)?;
                self.watchdog.get_or_init(|| watchdog.thread().clone());
                self.threads().push((None, watchdog));
            }
            Execution::Inline => self.run_due(),
        }
        Ok(())
    }

    fn spawn(&self, worker: &Arc<Worker>, body: Body) -> std::io::Result<()> {
        let name = format!("baton {}", worker.name);
        let thread = std::thread::Builder::new().name(name).spawn(move || body.run())?;
        *worker.thread.write().unwrap_or_else(PoisonError::into_inner) = Some(thread.thread().clone());
        // What came before the thread was known did not wake it.
        worker.wake();
        self.threads().push((Some(Arc::clone(&worker.name)), thread));
        Ok(())
    }

    fn behind(&self) -> MutexGuard<'_, abandon::Behind> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, Vec<Running>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves a call and counts how it ended; `false` if it was resolved before.
    fn resolve(&self, call: &CallCore<Reading>, outcome: Result<Reading, Failure>) -> bool {
        let done = outcome.is_ok();
        let now = self.now();
        let mut displaced = Displaced::default();
        let first = call.resolve_noting(outcome, now, |outcome| {
            self.note_ended(call, outcome, now);
            call.tell_ended(outcome, now, &mut displaced);
        });
        drop(displaced);
        if first {
            self.counters.count(done);
        }
        first
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(crate) fn dispatcher(&self) -> &Arc<Dispatcher> {
        &self.dispatcher
    }

    pub(crate) fn arbiter(&self) -> &Arc<Arbiter> {
        &self.arbiter
    }

    /// Something is due with the arbiter earlier than anything was before.
    pub(crate) fn alarm(&self) {
        match self.watchdog.get() {
            Some(watchdog) => watchdog.unpark(),
            None => self.tell_pump(),
        }
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

    /// How many calls wait or run, which run, and the workers that do not come back.
    pub(crate) fn load(&self) -> (usize, Vec<Inside>, Vec<StuckWorker>) {
        let mut pending = 0;
        let mut inside = Vec::new();
        let mut stuck = Vec::new();
        for worker in &self.workers {
            let state = worker.inbox.lock();
            pending += state.pending();
            let running = state.running.as_ref().filter(|running| running.call().is_some());
            inside.extend(running.map(|running| Inside {
                worker: worker.name.to_string(),
                since: running.since.as_seconds(),
                call: running.label().to_string(),
            }));
            stuck.extend(state.stuck.as_ref().map(|stuck| StuckWorker {
                worker: worker.name.to_string(),
                since: stuck.since.as_seconds(),
                inside: stuck.inside.clone(),
            }));
        }
        (pending, inside, stuck)
    }

    /// Some drivers live in these.
    pub(crate) fn set_children(&self, children: Arc<Children>) {
        let _ = self.children.set(children);
    }

    /// Hears, inline, what drivers in processes of their own have said. `true` if there was anything.
    fn hear_children(&self) -> bool {
        self.children.get().is_some_and(|children| children.hear())
    }

    /// Whether drivers may speak, inline, that nobody hears unless somebody looks.
    pub(crate) fn has_children_to_hear(&self) -> bool {
        self.children.get().is_some_and(|children| children.needs_hearing())
    }

    /// How the processes of drivers are doing, those that have one.
    pub(crate) fn processes(&self) -> Vec<ProcessStatus> {
        let homes = self.workers.iter().filter_map(|worker| worker.home.get());
        homes.map(|home| home.status()).collect()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn hurry(&self) {
        self.hurried.store(true, Ordering::Release);
    }

    fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Acquire)
    }

    /// Closes every device and ends the threads, waiting at most for `limit`. Calls that have not ended by then are
    /// resolved here. Gives the names of workers that are still inside their driver: their threads are left behind.
    pub(crate) fn close(self: &Arc<Self>, limit: Duration) -> Vec<StuckWorker> {
        self.closing.store(true, Ordering::Release);
        for device in self.devices().all() {
            // Whatever is inside a driver is asked to end.
            self.raise_epoch(device, "the host, which is ending");
        }
        self.close_waits();
        for worker in &self.workers {
            for job in worker.inbox.close() {
                let device = job.call.label.device.to_string();
                self.resolve(&job.call, Err(Failure::Refused(Refusal::Closed { device })));
            }
            worker.wake();
        }
        match self.mode {
            Execution::Inline => self.end_inline(),
            Execution::Threaded => self.join(limit),
        }
    }

    /// Waits for a thread to end, at most until then.
    fn wait_for_end(&self, thread: &JoinHandle<()>, deadline: Instant) {
        while !thread.is_finished() && Instant::now() < deadline && !self.is_hurried() {
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Waits for the threads to end.
    fn join(self: &Arc<Self>, limit: Duration) -> Vec<StuckWorker> {
        let deadline = Instant::now() + limit;
        let threads = std::mem::take(&mut *self.threads());
        let mut hung = Vec::new();
        for (worker, thread) in threads {
            // Whoever holds the last clone of a lab may be one of its own threads.
            if thread.thread().id() == std::thread::current().id() {
                continue;
            }
            thread.thread().unpark();
            self.wait_for_end(&thread, deadline);
            if !thread.is_finished() && self.kill_worker(worker.as_deref()) {
                self.wait_for_end(&thread, Instant::now() + KILLED_WITHIN);
            }
            if thread.is_finished() {
                // A worker catches what panics in it; there is nothing to hand on.
                let _ = thread.join();
            } else {
                hung.extend(worker);
            }
        }
        let workers = hung
            .iter()
            .filter_map(|name| self.workers.iter().find(|worker| worker.name == *name));
        let inside = |worker: &Arc<Worker>| {
            watchdog::give_up(self, worker);
            let stuck = worker.inbox.lock().stuck.clone();
            StuckWorker {
                worker: worker.name.to_string(),
                since: stuck
                    .as_ref()
                    .map_or_else(|| self.now(), |stuck| stuck.since)
                    .as_seconds(),
                inside: stuck.map_or_else(|| "its driver".to_owned(), |stuck| stuck.inside),
            }
        };
        workers.map(inside).collect()
    }
}

/// A driver's result as ours.
fn result<T>(raw: RResult<T, baton_plugin_api::abi::RawError>) -> Result<T, Error> {
    raw.into_result().map_err(Error::from)
}
