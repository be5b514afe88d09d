//! The audit log: who did what, when, and how it ended (X5). One JSON object on each line.
//!
//! | key | meaning |
//! | --- | --- |
//! | `time` | when it was asked, RFC 3339 |
//! | `event` | `write`, `command`, `stop`, `re-opening`, …; `lost` says by its `count` that so many entries before it are missing |
//! | `owner`, `owner_id` | who, as others see it, and a number that is the same in messages and on the wire |
//! | `path` | what it was done to |
//! | `old`, `new` | the readback before, and the value or argument that was asked for; `null` where there is none |
//! | `outcome` | `done`, `refused` (nothing was touched), `failed`, `timeout`, `stopped`, `cancelled`, `superseded` |
//! | `error` | the text, if it was not done |
//! | `elapsed` | seconds from asking to the end |
//! | `call`, `through` | number of the call; the devices whose calls it was made from, outermost first |
//!
//! Entries are written by a thread of their own, so no call ever waits for a disk. What comes faster than it can be written
//! is counted and the count is written instead. A file that somebody has moved away is begun anew; one that grows too large
//! moves away by itself. In inline execution there is no thread, and entries are written where they arise.
//!
//! It is read back from its files, newest first (`history`), so nothing of it is kept in memory but what is on its way to
//! those who follow it.

mod entry;
mod file;
mod history;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde::Serialize;
use serde_json::Value as Json;

pub(crate) use entry::{Asked, Entry, shown};
use file::LogFile;
pub(crate) use history::{Filter, History};

use crate::{
    config::Execution,
    journal::{Journal, Kept, Reader},
};

/// So many entries wait for a slow disk; what comes then is lost.
const WAITING_MAX: usize = 16_384;
/// What is kept for those who follow it.
const FOLLOWED: Kept = Kept {
    entries: 4096,
    bytes: 4 << 20,
};
/// So many may read it at a time.
const READERS_MAX: usize = 8;
/// How long closing, and whoever reads it, waits for a slow disk.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// An audit log at work.
pub(crate) struct Audit {
    shared: Arc<Shared>,
    path: PathBuf,
    /// `None` in inline execution, and once it is closed.
    writer: Mutex<Option<JoinHandle<()>>>,
    execution: Execution,
    /// How many read it at the moment.
    readers: AtomicUsize,
}

/// Counts somebody who reads the log.
pub(crate) struct Reading(Arc<Audit>);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Shared {
    state: Mutex<State>,
    /// Something waits, or it is to end.
    filled: Condvar,
    /// Something was written, or could not be.
    written: Condvar,
    file: Mutex<LogFile>,
    /// What was written last. It changes with the file, under its mutex.
    followed: Arc<Journal<Json>>,
}

#[derive(Default)]
struct State {
    /// Oldest first.
    waiting: Vec<Entry>,
    /// How many entries were taken ever, and how many of them are no longer on their way.
    taken: u64,
    finished: u64,
    /// Entries that were lost and not told of yet.
    lost: u64,
    lost_ever: u64,
    closed: bool,
}

/// How an audit log is doing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditStatus {
    /// The file.
    pub file: PathBuf,
    /// Entries that were lost because they came too fast or could not be written.
    pub lost: u64,
    /// Why it cannot be written at the moment.
    pub error: Option<String>,
}

impl Audit {
    /// Opens the file and, in threaded execution, starts the thread that writes it.
    ///
    /// # Errors
    /// If the file cannot be written, or the system gives no thread.
    pub(crate) fn open(path: &Path, execution: Execution) -> io::Result<Audit> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            filled: Condvar::new(),
            written: Condvar::new(),
            followed: Journal::new(FOLLOWED),
            file: Mutex::new(LogFile::open(path)?),
        });
        let writer = match execution {
            Execution::Inline => None,
            Execution::Threaded => {
                let shared = Arc::clone(&shared);
                let thread = std::thread::Builder::new().name("baton audit".into());
                Some(thread.spawn(move || shared.write_all())?)
            }
        };
        Ok(Audit {
            shared,
            path: path.to_owned(),
            writer: Mutex::new(writer),
            execution,
            readers: AtomicUsize::new(0),
        })
    }

    /// Takes an entry. Never waits for the disk, but in inline execution.
    pub(crate) fn record(&self, entry: Entry) {
        {
            let mut state = lock(&self.shared.state);
            if state.closed || state.waiting.len() >= WAITING_MAX {
                state.lose(1);
                return;
            }
            state.waiting.push(entry);
            state.taken += 1;
        }
        match self.execution {
            Execution::Threaded => self.shared.filled.notify_one(),
            Execution::Inline => self.shared.write(self.shared.take()),
        }
    }

    /// Writes what waits and takes no more. Waits at most two seconds for the disk.
    pub(crate) fn close(&self) {
        lock(&self.shared.state).closed = true;
        self.shared.filled.notify_one();
        let Some(writer) = lock(&self.writer).take() else {
            return;
        };
        let deadline = Instant::now() + CLOSE_LIMIT;
        while !writer.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        match writer.is_finished() {
            // It does not panic; there is nothing to hand on.
            true => drop(writer.join()),
            false => tracing::error!(
                "{}: the disk is too slow; the last entries may be missing",
                self.path.display()
            ),
        }
    }

    /// To be had by whoever reads it, and kept meanwhile; `None` if many do so already.
    pub(crate) fn read(self: &Arc<Self>) -> Option<Reading> {
        let reading = Reading(Arc::clone(self));
        // It counts itself down again, whether it is given out or not.
        (self.readers.fetch_add(1, Ordering::Relaxed) < READERS_MAX).then_some(reading)
    }

    /// What was written of all that is recorded before this, and a reader of what is written after it. Waits for the
    /// disk, as long as closing would.
    pub(crate) fn history(&self) -> (History, Reader<Json>) {
        self.shared.flush(CLOSE_LIMIT);
        // Both at once, so that an entry is in one of them and not in the other.
        let file = lock(&self.shared.file);
        (
            History::of(&self.path, file.bytes()),
            self.shared.followed.reader_of_news(),
        )
    }

    /// How it is doing.
    pub(crate) fn status(&self) -> AuditStatus {
        // A disk that hangs must not make the status hang.
        let error = self
            .shared
            .file
            .try_lock()
            .ok()
            .and_then(|file| file.error().map(str::to_owned));
        AuditStatus {
            file: self.path.clone(),
            lost: lock(&self.shared.state).lost_ever,
            error,
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.close();
    }
}

/// What is taken out at a time: how many entries were lost before, and those that wait.
type Batch = (u64, Vec<Entry>);

impl Shared {
    /// Writes until it is closed and nothing waits.
    fn write_all(&self) {
        while let Some(batch) = self.next() {
            self.write(batch);
        }
    }

    fn next(&self) -> Option<Batch> {
        let mut state = lock(&self.state);
        while state.waiting.is_empty() && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let ended = state.waiting.is_empty() && state.closed;
        (!ended).then(|| state.take())
    }

    fn take(&self) -> Batch {
        lock(&self.state).take()
    }

    fn write(&self, (lost, entries): Batch) {
        let told = (lost > 0).then(|| entry::lost(lost));
        let lines: Vec<Json> = told.into_iter().chain(entries.iter().map(Entry::to_json)).collect();
        let texts: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
        let mut file = lock(&self.file);
        let done = file.append(&texts.concat());
        if done {
            for (line, text) in lines.into_iter().zip(&texts) {
                self.followed.push(line, text.len());
            }
        }
        drop(file);
        let mut state = lock(&self.state);
        if !done {
            state.lose(entries.len() as u64);
            state.lost += lost;
        }
        state.finished += entries.len() as u64;
        self.written.notify_all();
    }

    /// Waits until everything that was taken is written, or could not be.
    fn flush(&self, limit: Duration) {
        let state = lock(&self.state);
        let all = state.taken;
        let unfinished = |state: &mut State| state.finished < all;
        let waited = self.written.wait_timeout_while(state, limit, unfinished);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

impl State {
    fn take(&mut self) -> Batch {
        (std::mem::take(&mut self.lost), std::mem::take(&mut self.waiting))
    }

    fn lose(&mut self, count: u64) {
        self.lost += count;
        self.lost_ever += count;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while one is held.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;
    use crate::{clock::Time, owner::OwnerId};

    fn entry(path: &str) -> Entry {
        Entry::new("write", OwnerId::new("ana"), path, Time::from_nanoseconds(0))
    }

    fn lines(path: &Path) -> Vec<Json> {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a line is JSON"))
            .collect()
    }

    #[test]
    fn x5_what_was_recorded_is_in_the_file_when_it_is_closed() {
        for execution in [Execution::Threaded, Execution::Inline] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("audit.jsonl");
            let audit = Audit::open(&path, execution).unwrap();
            for n in 0..1000 {
                audit.record(entry(&n.to_string()));
            }
            audit.close();
            let paths: Vec<_> = lines(&path).iter().map(|line| line["path"].clone()).collect();
            assert_eq!(paths, (0..1000).map(|n| Json::from(n.to_string())).collect::<Vec<_>>());
            // The next host goes on behind it.
            drop(Audit::open(&path, execution).unwrap());
            assert_eq!(lines(&path).len(), 1000);
        }
    }

    #[test]
    fn x5_a_disk_that_stands_still_holds_up_nobody_and_what_is_lost_is_counted_in_band() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let audit = Audit::open(&path, Execution::Threaded).unwrap();
        // Whoever has the file keeps the thread from writing, as a disk that hangs would.
        let disk = audit.shared.file.lock().unwrap();
        let sent = 3 * WAITING_MAX as u64;
        (0..sent).for_each(|_| audit.record(entry("stage")));
        let lost = lock(&audit.shared.state).lost_ever;
        assert!(lost > 0 && lost < sent, "{lost}");
        drop(disk);
        // On a busy machine this takes longer than closing would wait.
        let written = || {
            std::fs::read(&path)
                .unwrap()
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count() as u64
        };
        while written() < sent - lost {
            std::thread::sleep(Duration::from_millis(1));
        }
        audit.record(entry("last"));
        audit.close();
        let lines = lines(&path);
        let told: u64 = lines.iter().filter_map(|line| line["count"].as_u64()).sum();
        assert_eq!(told, lost);
        assert_eq!(
            lines.len() as u64,
            sent + 1 - lost + lines.iter().filter(|line| line["event"] == "lost").count() as u64
        );
        assert_eq!(lines.last().unwrap()["path"], "last");
    }

    #[test]
    fn x5_what_was_just_recorded_is_in_the_history_or_comes_to_those_who_follow() {
        for execution in [Execution::Threaded, Execution::Inline] {
            let folder = tempfile::tempdir().unwrap();
            let audit = Audit::open(&folder.path().join("audit.jsonl"), execution).unwrap();
            (0..100).for_each(|n| audit.record(entry(&n.to_string())));
            let (history, mut reader) = audit.history();
            (100..103).for_each(|n| audit.record(entry(&n.to_string())));
            audit.close();
            let chosen = history.newest(&Filter::default(), 1000, 1 << 20).unwrap();
            assert_eq!((chosen.entries.len(), chosen.more), (100, false));
            let paths: Vec<_> = reader
                .read(9)
                .entries
                .iter()
                .map(|entry| entry["path"].clone())
                .collect();
            assert_eq!(paths, ["100", "101", "102"]);
        }
    }
}
