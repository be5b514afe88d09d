//! For how long whoever waits for an answer may go on.

use std::time::Duration;

use crate::Context;

/// For how long a call may go on. Whoever waits on a line waits in slices, and asks in between.
pub trait Patience {
    /// Whether the call was cancelled.
    fn cancelled(&self) -> bool;
    /// Time until it is overdue, if it ever is.
    fn remaining(&self) -> Option<Duration>;
}

impl Patience for Context<'_> {
    fn cancelled(&self) -> bool {
        Context::cancelled(self)
    }

    fn remaining(&self) -> Option<Duration> {
        Context::remaining(self)
    }
}

/// For calls that are not to be cancelled: a stop, or an opening, which nobody can cancel.
pub struct Uncancelled {
    remaining: Option<Duration>,
}

impl Uncancelled {
    /// For as long as it takes.
    pub const OPENING: Uncancelled = Uncancelled { remaining: None };

    /// For the time that is left, if that is limited.
    pub fn within(remaining: Option<Duration>) -> Self {
        Uncancelled { remaining }
    }
}

impl Patience for Uncancelled {
    fn cancelled(&self) -> bool {
        false
    }

    fn remaining(&self) -> Option<Duration> {
        self.remaining
    }
}
