//! Calls that hang, and what lets them go on.
//!
//! Devices of one host may be in processes of their own, which have nothing in common but their parent. So beside what is
//! shared within a process there is a file, named after the host, that grows by one byte with each release.

use std::{
    fs::OpenOptions,
    io::Write,
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// A call that hangs looks this often whether another process has let it go.
const LOOK: Duration = Duration::from_millis(20);

/// How often `release` was run in this process; calls that hang wait for the next time.
static RELEASES: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

/// Waits for the next release, at most for so long.
pub(super) fn hang(limit: Option<Duration>) {
    let began = Instant::now();
    let mut releases = releases();
    let (before, elsewhere) = (*releases, elsewhere());
    while *releases == before && limit.is_none_or(|limit| began.elapsed() < limit) && elsewhere == self::elsewhere() {
        let rest = limit.map_or(LOOK, |limit| limit.saturating_sub(began.elapsed()).min(LOOK));
        let waited = RELEASES.1.wait_timeout(releases, rest);
        releases = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Lets every call go on that hangs.
pub(super) fn release() {
    for file in files() {
        // Where it cannot be written, processes of their own have to wait for their limit.
        let opened = OpenOptions::new().create(true).append(true).open(file);
        let _ = opened.and_then(|mut file| file.write_all(b"."));
    }
    *releases() += 1;
    RELEASES.1.notify_all();
}

fn releases() -> MutexGuard<'static, u64> {
    RELEASES.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often it was run in any process of the host.
fn elsewhere() -> [u64; 2] {
    files().map(|file| std::fs::metadata(file).map_or(0, |metadata| metadata.len()))
}

/// The host is this process or its parent.
fn files() -> [PathBuf; 2] {
    let of = |process: u32| std::env::temp_dir().join(format!("baton-sim-releases-{process}"));
    [of(std::process::id()), of(std::os::unix::process::parent_id())]
}
