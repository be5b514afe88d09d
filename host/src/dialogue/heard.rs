//! What a device says of itself while a dialogue is played back.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::{Duration, Instant},
};

use baton_plugin_api::{Direction, Error, Value};

use crate::executor::Audience;

/// How long a reading that the device publishes by itself is waited for.
const UNASKED: Duration = Duration::from_secs(5);

/// The readings that a device has published since the last action.
#[derive(Default)]
pub(super) struct Heard {
    published: Mutex<Vec<(String, Result<Value, Error>)>>,
    more: Condvar,
}

impl Heard {
    /// A new action begins.
    pub(super) fn forget(&self) {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The reading of that number, if it comes soon.
    pub(super) fn wait(&self, number: usize) -> Option<(String, Result<Value, Error>)> {
        let deadline = Instant::now() + UNASKED;
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        while published.len() <= number {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            published = self
                .more
                .wait_timeout(published, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        Some(published[number].clone())
    }
}

impl Audience for Heard {
    fn traffic(&self, _: Direction, _: &[u8]) {}

    fn log(&self, _: u32, _: &str) {}

    fn published(&self, parameter: &str, value: Result<Value, Error>) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.push((parameter.to_owned(), value));
        self.more.notify_all();
    }

    fn message(&self, _: &str, _: Result<Value, Error>) {}
}
