//! Open devices and controllers: how they are opened, lost, and opened again.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::abi::{BoxController, BoxDevice};

use super::source::Source;
use crate::{clock::Time, config::ControllerConfig, device::Device};

/// What a worker is to open.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) controller: Option<ControllerConfig>,
    pub(crate) devices: Vec<Arc<Device>>,
}

/// A device of a worker.
pub(super) struct Instance {
    pub(super) device: Arc<Device>,
    pub(super) raw: Option<BoxDevice>,
    pub(super) retry: Backoff,
    /// What the last try to open it took of the time of others on its worker.
    pub(super) cost: Duration,
    /// Whether its first opening is still to be reported.
    pub(super) first: bool,
    /// Whether an opening is planned already.
    pub(super) planned: bool,
    pub(super) motions: Vec<super::motion::Motion>,
    /// When they are looked at next.
    pub(super) next_tick: Option<Time>,
    /// Whether it answers at all.
    pub(super) silence: Silence,
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

    /// How long to wait before the next try. `cost` is what the last one took of others' time.
    pub(super) fn next(&mut self, now: Time, cost: Duration) -> Duration {
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
                .min(Self::LONGEST)
                .max(affordable(cost)),
        }
    }

    /// It is open.
    pub(super) fn opened(&mut self, now: Time) {
        self.up_since = Some(now);
    }
}

/// For how long a device is left alone whose silence has cost its worker so much time: a tenth of that time at most is
/// spent on waiting for it.
fn affordable(cost: Duration) -> Duration {
    cost.saturating_mul(9).min(Duration::from_secs(60))
}

/// A device on a sound line that does not answer: what is not asked for is asked of it more and more rarely, so that
/// whoever shares the line with it is hardly held up.
///
/// Each time-out in a row doubles the time for which the device is left alone, from twice what the time-out took of
/// others' time, up to five seconds, or nine times what it took if that is longer. Any answer ends it.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Time-outs in a row.
    misses: u32,
    until: Option<Time>,
}

impl Silence {
    /// Shorter ones are not worth a difference.
    const SHORTEST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(5);

    /// Until when nobody but a caller asks it anything.
    pub(super) fn until(&self) -> Option<Time> {
        self.until
    }

    /// It did not answer, which took so long.
    pub(super) fn missed(&mut self, now: Time, cost: Duration) {
        self.misses += 1;
        let growing = cost.max(Self::SHORTEST).saturating_mul(1 << self.misses.min(16));
        let longest = Self::LONGEST.max(affordable(cost));
        self.until = Some(now + growing.min(longest));
    }

    /// It answered. Says whether it was left alone.
    pub(super) fn ended(&mut self) -> bool {
        self.misses = 0;
        self.until.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p3_first_at_once_then_slower_and_forgotten_when_it_was_up_for_long() {
        let mut backoff = Backoff::default();
        let at = |s: u64| Time::from_nanoseconds(s * 1_000_000_000);
        let delays: Vec<_> = (0..8)
            .map(|_| backoff.next(at(0), Duration::ZERO).as_millis())
            .collect();
        assert_eq!(delays, [0, 250, 500, 1000, 2000, 4000, 5000, 5000]);
        backoff.opened(at(10));
        assert_eq!(backoff.next(at(12), Duration::ZERO), Backoff::LONGEST);
        backoff.opened(at(20));
        assert_eq!(backoff.next(at(31), Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn a_silent_device_costs_its_worker_a_tenth_of_the_time_at_most() {
        let at = |s: f64| Time::from_nanoseconds((s * 1e9) as u64);
        let delays = |cost: f64| {
            let mut silence = Silence::default();
            let cost = Duration::from_secs_f64(cost);
            let delay = |_| {
                silence.missed(at(100.0), cost);
                silence.until().unwrap().since(at(100.0)).as_secs_f64()
            };
            (0..8).map(delay).collect::<Vec<_>>()
        };
        assert_eq!(delays(0.0), [0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]);
        assert_eq!(delays(1.0), [2.0, 4.0, 8.0, 9.0, 9.0, 9.0, 9.0, 9.0]);
        assert_eq!(delays(10.0)[6], 60.0);
        let mut silence = Silence::default();
        silence.missed(at(1.0), Duration::ZERO);
        assert!(silence.ended() && !silence.ended());
        assert_eq!(silence.until(), None);
    }
}
