//! Calls that hang, and what lets them go on.
//!
//! Devices of one lab may be in processes of their own, which have nothing in common but the library that they have opened. So
//! beside what is shared within a process there is a file next to that one, which grows by one byte with each release.

use std::{
    fs::OpenOptions,
    io::Write,
    path::PathBuf,
    sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

/// A call that hangs looks this often whether another process has let it go.
const LOOK: Duration = Duration::from_millis(20);

/// How the folder begins in which a lab keeps its copies of libraries.
const PRIVATE: &str = "baton-drivers-";

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
    if let Some(file) = file() {
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

/// How often it was run in any process of the lab.
fn elsewhere() -> u64 {
    let metadata = file().and_then(|file| std::fs::metadata(file).ok());
    metadata.map_or(0, |metadata| metadata.len())
}

/// The file that all processes of one lab have in common, and no other lab has: it lies beside the copy of this library
/// that the lab has made for itself. `None` where there is no such copy.
fn file() -> Option<&'static PathBuf> {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    FILE.get_or_init(|| {
        let copy = own_path()?;
        let folder = copy.parent()?.file_name()?.to_str()?;
        folder.starts_with(PRIVATE).then(|| copy.with_extension("releases"))
    })
    .as_ref()
}

/// Where this library was loaded from.
fn own_path() -> Option<PathBuf> {
    let here = own_path as fn() -> Option<PathBuf> as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    // `start-end permissions offset device inode path`, proc_pid_maps(5).
    let line = maps.lines().find(|line| {
        let range = line.split_whitespace().next().and_then(|range| range.split_once('-'));
        let bounds = range.map(|(start, end)| (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)));
        matches!(bounds, Some((Ok(start), Ok(end))) if (start..end).contains(&here))
    })?;
    line.find('/').map(|at| PathBuf::from(&line[at..]))
}
