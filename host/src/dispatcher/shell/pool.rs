//! The threads on which handlers run: as many as there are handlers that have something to do, and no more.
//!
//! A handler that takes its time keeps its thread; the next one gets another, so that nobody is held up. Inline there are
//! no threads, and the executor asks for one message at a time between two steps (I2).

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    sync::{Arc, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use super::{
    super::sync::{Condvar, Mutex, MutexGuard, spawn, thread_local},
    runner::Runner,
};
use crate::config::Execution;

/// A thread that has had nothing to do for so long ends.
const IDLE: Duration = Duration::from_secs(10);

/// See the module.
pub(super) struct Pool {
    execution: Execution,
    state: Mutex<State>,
    filled: Condvar,
    /// A thread has ended.
    ended: Condvar,
    /// Inline: has whoever runs the lab look here.
    alarm: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct State {
    /// Those that have something to do, in the order in which it came.
    ready: VecDeque<Arc<Runner>>,
    /// All that are not over, by their numbers.
    all: BTreeMap<u64, Arc<Runner>>,
    threads: usize,
    idle: usize,
    closing: bool,
}

thread_local! {
    /// The pool that this thread is of.
    static OF: Cell<*const Pool> = const { Cell::new(std::ptr::null()) };
}

impl Pool {
    pub(super) fn new(execution: Execution) -> Arc<Self> {
        Arc::new(Pool {
            execution,
            state: Mutex::default(),
            filled: Condvar::new(),
            ended: Condvar::new(),
            alarm: OnceLock::new(),
        })
    }

    pub(super) fn execution(&self) -> Execution {
        self.execution
    }

    pub(super) fn set_alarm(&self, alarm: Box<dyn Fn() + Send + Sync>) {
        self.alarm.get_or_init(|| alarm);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of others runs while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, runner: Arc<Runner>) {
        self.lock().all.insert(runner.core.id, runner);
    }

    pub(super) fn forget(&self, id: u64) {
        let gone = self.lock().all.remove(&id);
        drop(gone);
    }

    pub(super) fn find(&self, id: u64) -> Option<Arc<Runner>> {
        self.lock().all.get(&id).cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Runner>> {
        self.lock().all.values().cloned().collect()
    }

    /// A runner has something to do.
    pub(super) fn schedule(self: &Arc<Self>, runner: Arc<Runner>) {
        let mut state = self.lock();
        state.ready.push_back(runner);
        match self.execution {
            Execution::Inline => {
                drop(state);
                if let Some(alarm) = self.alarm.get() {
                    alarm();
                }
            }
            Execution::Threaded if state.idle >= state.ready.len() => {
                drop(state);
                self.filled.notify_one();
            }
            Execution::Threaded => {
                state.threads += 1;
                drop(state);
                let pool = Arc::clone(self);
                if let Err(error) = spawn("baton handlers", move || pool.work()) {
                    tracing::error!("the system gave no thread for a handler: {error}");
                    self.lock().threads -= 1;
                    self.filled.notify_one();
                }
            }
        }
    }

    /// What one thread does.
    fn work(&self) {
        OF.with(|of| of.set(self));
        let mut state = self.lock();
        loop {
            if let Some(runner) = state.ready.pop_front() {
                drop(state);
                runner.run();
                drop(runner);
                state = self.lock();
                continue;
            }
            if state.closing {
                break;
            }
            state.idle += 1;
            let (woken, waited) = self
                .filled
                .wait_timeout(state, IDLE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.ready.is_empty() {
                break;
            }
        }
        state.threads -= 1;
        drop(state);
        self.ended.notify_all();
    }

    /// Inline: gives one handler one message; `false` if there is none.
    pub(super) fn run_one(&self) -> bool {
        let runner = self.lock().ready.pop_front();
        match runner {
            Some(runner) => {
                runner.run_one();
                true
            }
            None => false,
        }
    }

    /// Lets the threads end when nothing is left to do, and waits for that; `false` if some have not by then.
    pub(super) fn close(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        state.closing = true;
        self.filled.notify_all();
        // A handler may be what closes the lab.
        let own = usize::from(std::ptr::eq(OF.with(Cell::get), self));
        while state.threads > own {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return false;
            }
            state = self
                .ended
                .wait_timeout(state, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}
