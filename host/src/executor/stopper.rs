//! Stoppers: the way to stop a device in the middle of a call (S1).

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use baton_plugin_api::{Error, ErrorKind, abi::BoxStopper};

/// The stopper of an open device. Any thread may call it, one at a time, until the device begins to close.
pub(super) struct Stopper {
    raw: BoxStopper,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    retired: bool,
}

impl Stopper {
    pub(super) fn new(raw: BoxStopper) -> Self {
        Stopper {
            raw,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Stops the device; waits at most for `limit` for an earlier stop.
    ///
    /// # Errors
    /// The driver's, or that the earlier stop does not return, or that the device is being closed.
    pub(super) fn stop(&self, limit: Duration) -> Result<(), Error> {
        {
            let mut state = self.wait(limit);
            if state.retired {
                return Err(Error::new(ErrorKind::Disabled, "the device is being closed"));
            }
            if state.running {
                return Err(Error::new(ErrorKind::IsBusy, "an earlier stop has not returned"));
            }
            state.running = true;
        }
        let outcome = super::result(self.raw.stop());
        self.lock().running = false;
        self.changed.notify_all();
        outcome
    }

    /// Lets no stop begin any more, and waits at most for `limit` for one that has: what closes the device comes after.
    pub(super) fn retire(&self, limit: Duration) {
        self.lock().retired = true;
        drop(self.wait(limit));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The driver is called without it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no stop runs, at most for `limit`.
    fn wait(&self, limit: Duration) -> MutexGuard<'_, State> {
        let deadline = Instant::now() + limit;
        let mut state = self.lock();
        while state.running {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                break;
            }
            let waited = self.changed.wait_timeout(state, rest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }
}
