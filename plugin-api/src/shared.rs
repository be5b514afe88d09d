//! What the devices of a controller share.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A shared line, or whatever the devices of a [`Controller`](crate::Controller) have in common.
///
/// It is an `Arc<Mutex<T>>` that a panic does not poison: with a plain mutex, one caught panic would make every later
/// call of every device on the line fail. After a panic the host closes and re-opens the device that panicked.
#[derive(Debug)]
pub struct Shared<T> {
    inner: Arc<Mutex<T>>,
}

impl<T> Shared<T> {
    /// Shares `value`.
    pub fn new(value: T) -> Self {
        Shared {
            inner: Arc::new(Mutex::new(value)),
        }
    }

    /// The value, for this thread alone until the guard is dropped.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared {
            inner: Arc::clone(&self.inner),
        }
    }
}
