//! Which body is the worker's: a driver that does not come back can be left behind, and another body takes over (S6).

use std::sync::atomic::{AtomicBool, Ordering};

/// The time for which one body is its worker. It is asked without a lock on every crossing into a driver.
#[derive(Debug, Default)]
pub(super) struct Tenure {
    /// Whether the worker was given up.
    stuck: AtomicBool,
    /// Whether the driver has returned from what runs. The worker sets this and then looks at `stuck`, the watchdog the
    /// other way round: one of them sees what the other did, and a call that is over is never given up.
    returned: AtomicBool,
    /// Whether the body was left behind with all that it has open. Set under the inbox's lock, and never taken back.
    over: AtomicBool,
}

impl Tenure {
    /// The driver is entered.
    pub(super) fn entered(&self) {
        self.returned.store(false, Ordering::SeqCst);
    }

    /// The driver has returned; whether the worker was given up before.
    pub(super) fn returned(&self) -> bool {
        self.returned.store(true, Ordering::SeqCst);
        self.stuck.load(Ordering::SeqCst)
    }

    /// Gives the worker up; `false` if its driver has just returned.
    pub(super) fn stick(&self) -> bool {
        self.stuck.store(true, Ordering::SeqCst);
        if self.returned.load(Ordering::SeqCst) {
            self.stuck.store(false, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// The worker is not stuck any more.
    pub(super) fn unstick(&self) {
        self.stuck.store(false, Ordering::Release);
    }

    /// Ends it: the body that has it touches nothing any more.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Release);
    }

    /// Whether the body that has it was left behind.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}
