//! Owners: who acts (RULES.md O).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Who acts. Everything that asks something of a device has one; clones are the same owner.
#[derive(Clone, Debug)]
pub struct OwnerId {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    number: u64,
    label: String,
}

impl OwnerId {
    /// A new owner, unlike every other, that shows itself as `label`: `ana@beamline, scan.py, pid 4711`.
    pub fn new(label: impl Into<String>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        OwnerId {
            inner: Arc::new(Inner {
                number,
                label: label.into(),
            }),
        }
    }

    /// How it shows itself to people.
    pub fn label(&self) -> &str {
        &self.inner.label
    }
}

impl PartialEq for OwnerId {
    fn eq(&self, other: &Self) -> bool {
        self.inner.number == other.inner.number
    }
}

impl Eq for OwnerId {}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
