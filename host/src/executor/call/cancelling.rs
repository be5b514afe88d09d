//! What cancelling a call comes to, and who sees to it.

use std::{sync::Arc, time::Duration};

use super::CallCore;

/// What cancelling a call came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelling {
    /// Nothing: it had been resolved before.
    Over,
    /// It has ended: it had not begun, or nothing was moved by it.
    Ended,
    /// Its device is being stopped, or its driver was told; it ends when that is done.
    Stopping,
    /// Its driver is inside of it, and there is no way to interrupt that. It ends when the driver returns, or has overrun
    /// its limit. The text says so, and what can be done.
    CannotInterrupt(String),
}

impl Cancelling {
    /// In a word or three, for programs: `over`, `ended`, `stopping`, `cannot be interrupted`.
    pub fn word(&self) -> &'static str {
        match self {
            Cancelling::Over => "over",
            Cancelling::Ended => "ended",
            Cancelling::Stopping => "stopping",
            Cancelling::CannotInterrupt(_) => "cannot be interrupted",
        }
    }
}

/// Does what cancelling a call takes besides raising its flag.
pub(crate) trait Canceller<T>: Send + Sync {
    /// `call` was cancelled and is not resolved.
    fn cancel(&self, call: &Arc<CallCore<T>>) -> Cancelling;

    /// Inline, of a [driven](super::Call::driven) call: runs the lab until it is resolved, or `timeout` of the lab's time is
    /// over. `false` if somebody else runs it.
    fn drive(&self, _call: &CallCore<T>, _timeout: Duration) -> bool {
        false
    }

    /// Inline, of a [driven](super::Call::driven) call: lets the lab do one thing, or time pass until there is one; `false` if
    /// there is none.
    fn turn(&self) -> bool {
        false
    }
}
