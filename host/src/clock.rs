//! The lab's clock: the system's, or a virtual one that only moves when the host says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub use baton_plugin_api::Time;

/// Tells the time of one lab. Cheap to clone; the clones are one clock.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// Started with the system's time, it then follows the monotonic clock, which is so many nanoseconds behind: a time
    /// that was told never comes again, even if somebody sets the system's.
    Real { behind: u64 },
    /// Nanoseconds since the Unix epoch.
    Virtual { now: Arc<AtomicU64> },
}

impl Clock {
    /// The system's clock.
    pub fn real() -> Self {
        let at = Time::from_nanoseconds(0) + SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let behind = at.as_nanoseconds().saturating_sub(monotonic());
        Clock {
            source: Source::Real { behind },
        }
    }

    /// A clock that stands at `start` until it is advanced.
    pub fn virtual_from(start: Time) -> Self {
        Clock {
            source: Source::Virtual {
                now: Arc::new(AtomicU64::new(start.as_nanoseconds())),
            },
        }
    }

    /// How many nanoseconds the system's monotonic clock is behind it; `None` if it is virtual.
    pub(crate) fn behind(&self) -> Option<u64> {
        match self.source {
            Source::Real { behind } => Some(behind),
            Source::Virtual { .. } => None,
        }
    }

    /// The clock of another process on this machine, by what it says of [`behind`](Self::behind). A virtual one stands
    /// until it is told.
    pub(crate) fn of_another(behind: Option<u64>) -> Self {
        match behind {
            Some(behind) => Clock {
                source: Source::Real { behind },
            },
            None => Clock::virtual_from(Time::from_nanoseconds(0)),
        }
    }

    /// Sets a virtual clock; the system's needs no telling.
    pub(crate) fn tell(&self, now: Time) {
        if self.is_virtual() {
            self.reach(now);
        }
    }

    /// Whether it is virtual.
    pub fn is_virtual(&self) -> bool {
        matches!(self.source, Source::Virtual { .. })
    }

    /// The time.
    pub fn now(&self) -> Time {
        match &self.source {
            Source::Real { behind } => Time::from_nanoseconds(behind + monotonic()),
            Source::Virtual { now } => Time::from_nanoseconds(now.load(Ordering::Relaxed)),
        }
    }

    /// Time until `then`; zero if it has passed.
    pub fn until(&self, then: Time) -> Duration {
        then.since(self.now())
    }

    /// Waits until `then`: a virtual clock is set to it, the thread sleeps on a real one.
    pub(crate) fn reach(&self, then: Time) {
        match &self.source {
            Source::Real { .. } => std::thread::sleep(self.until(then)),
            Source::Virtual { now } => {
                now.fetch_max(then.as_nanoseconds(), Ordering::Relaxed);
            }
        }
    }
}

/// Nanoseconds on the monotonic clock. Every call looks at it twice, so it is spared the arithmetic of an `Instant`.
fn monotonic() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // Neither is ever negative on this clock.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_forward_and_only_when_told() {
        let clock = Clock::virtual_from(Time::from_nanoseconds(5));
        clock.clone().reach(Time::from_nanoseconds(9));
        clock.reach(Time::from_nanoseconds(7));
        assert_eq!(clock.now(), Time::from_nanoseconds(9));
    }
}
