//! How much a driver may send by itself: what goes beyond is counted and lost, and nobody else notices.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::Time;

/// Messages a second that a device may send for as long as it likes.
pub(crate) const RATE: u64 = 100_000;
/// So many at once, after it was silent.
const BURST: u64 = 100_000;
/// Nanoseconds for each.
const EACH: u64 = 1_000_000_000 / RATE;
/// A flood is over when none has been lost for so long; the next one is told again.
const QUIET: Duration = Duration::from_secs(60);
/// So many different mistakes of a driver are told.
const TOLD_MAX: usize = 50;

/// See the module. Takes no lock: a driver that floods holds nobody up.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// The time until which what was sent has used it up, in nanoseconds.
    used_until: AtomicU64,
    /// When one was lost last; 0 for never.
    lost: AtomicU64,
    /// What its author has been told, by way of the log.
    told: Mutex<Vec<String>>,
}

/// Whether a message may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    Yes,
    /// It is lost, and nobody has been told yet that they are.
    NoAndTell,
    No,
}

impl Budget {
    /// Whether this is said of its driver for the first time: each mistake is told once, however often it is made, and of
    /// very many only the first.
    pub(crate) fn is_news(&self, text: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = told.len() < TOLD_MAX && !told.iter().any(|known| known == text);
        if is_news {
            told.push(text.to_owned());
        }
        is_news
    }

    pub(crate) fn take(&self, now: Time) -> Granted {
        let now = now.as_nanoseconds();
        let take = |until: u64| {
            let until = until.max(now) + EACH;
            (until - now <= BURST * EACH).then_some(until)
        };
        let order = Ordering::Relaxed;
        if self.used_until.fetch_update(order, order, take).is_ok() {
            return Granted::Yes;
        }
        let last = self.lost.swap(now, Ordering::Relaxed);
        match last == 0 || now.saturating_sub(last) > QUIET.as_nanos() as u64 {
            true => Granted::NoAndTell,
            false => Granted::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_cut_at_the_rate_and_told_once() {
        let budget = Budget::default();
        let mut at = Time::from_nanoseconds(1 << 60);
        let count = |at: Time, granted: Granted| (0..2 * BURST).filter(|_| budget.take(at) == granted).count() as u64;
        assert_eq!(count(at, Granted::Yes), BURST);
        at = at + Duration::from_millis(100);
        assert_eq!(count(at, Granted::NoAndTell), 0, "it was told before");
        at = at + Duration::from_millis(100);
        assert_eq!(count(at, Granted::Yes), RATE / 10);
        at = at + QUIET + QUIET;
        assert_eq!(count(at, Granted::NoAndTell), 1, "a new flood is told");
    }
}
