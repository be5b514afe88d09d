//! Open devices and controllers: how they are opened, lost, and opened again.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::abi::{BoxController, BoxDevice};

use crate::{clock::Time, config::ControllerConfig, device::Device, plugin::Library};

/// What a worker is to open.
pub(crate) struct Plan {
    pub(crate) library: Library,
    pub(crate) controller: Option<ControllerConfig>,
    pub(crate) devices: Vec<Arc<Device>>,
}

/// A device of a worker.
pub(super) struct Instance {
    pub(super) device: Arc<Device>,
    pub(super) raw: Option<BoxDevice>,
    pub(super) retry: Backoff,
    /// Whether its first opening is still to be reported.
    pub(super) first: bool,
    /// Whether an opening is planned already.
    pub(super) planned: bool,
    pub(super) motions: Vec<super::motion::Motion>,
    /// When they are looked at next.
    pub(super) next_tick: Option<Time>,
}

/// The controller of a worker.
pub(super) struct ControllerSlot {
    pub(super) config: ControllerConfig,
    pub(super) raw: Option<BoxController>,
}

/// When to try again: at once, then later and later, at most every five seconds (P3).
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
    up_since: Option<Time>,
}

impl Backoff {
    const LONGEST: Duration = Duration::from_secs(5);
    const STABLE: Duration = Duration::from_secs(10);

    /// How long to wait before the next try.
    pub(super) fn next(&mut self, now: Time) -> Duration {
        if self
            .up_since
            .take()
            .is_some_and(|since| now.since(since) >= Self::STABLE)
        {
            self.attempts = 0;
        }
        self.attempts += 1;
        match self.attempts {
            1 => Duration::ZERO,
            n => Duration::from_millis(250)
                .saturating_mul(1 << (n - 2).min(10))
                .min(Self::LONGEST),
        }
    }

    /// It is open.
    pub(super) fn opened(&mut self, now: Time) {
        self.up_since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p3_first_at_once_then_slower_and_forgotten_when_it_was_up_for_long() {
        let mut backoff = Backoff::default();
        let at = |s: u64| Time::from_nanoseconds(s * 1_000_000_000);
        let delays: Vec<_> = (0..8).map(|_| backoff.next(at(0)).as_millis()).collect();
        assert_eq!(delays, [0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
        backoff.opened(at(10));
        assert_eq!(backoff.next(at(12)), Backoff::LONGEST);
        backoff.opened(at(20));
        assert_eq!(backoff.next(at(31)), Duration::ZERO);
    }
}
