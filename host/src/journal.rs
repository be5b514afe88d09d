//! The last of what was written, kept in memory, for those who follow it.
//!
//! Whoever writes never waits, and knows no reader. A reader has a place of its own: what was pushed out before it was
//! read is counted, and told with what comes next.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) entries: usize,
    pub(crate) bytes: usize,
}

/// See the module.
pub(crate) struct Journal<T> {
    kept: Kept,
    state: Mutex<State<T>>,
    /// The number of the next entry.
    next: watch::Sender<u64>,
}

struct State<T> {
    /// Oldest first, each with its size.
    entries: VecDeque<(Arc<T>, usize)>,
    /// Number of the oldest.
    first: u64,
    bytes: usize,
}

/// A place in a journal.
pub(crate) struct Reader<T> {
    journal: Arc<Journal<T>>,
    /// Number of the entry that is read next.
    at: u64,
    news: watch::Receiver<u64>,
}

/// What was read.
pub(crate) struct Read<T> {
    /// So many entries before these were pushed out unread.
    pub(crate) lost: u64,
    /// Oldest first.
    pub(crate) entries: Vec<Arc<T>>,
}

impl<T> Journal<T> {
    pub(crate) fn new(kept: Kept) -> Arc<Journal<T>> {
        Arc::new(Journal {
            kept,
            state: Mutex::new(State {
                entries: VecDeque::new(),
                first: 0,
                bytes: 0,
            }),
            next: watch::Sender::new(0),
        })
    }

    /// Appends an entry of `bytes` bytes; the oldest make room.
    pub(crate) fn push(&self, entry: T, bytes: usize) {
        let mut pushed_out = Vec::new();
        let next = {
            let mut state = self.lock();
            state.entries.push_back((Arc::new(entry), bytes));
            state.bytes += bytes;
            while state.entries.len() > 1 && (state.entries.len() > self.kept.entries || state.bytes > self.kept.bytes)
            {
                if let Some((entry, bytes)) = state.entries.pop_front() {
                    state.first += 1;
                    state.bytes -= bytes;
                    pushed_out.push(entry);
                }
            }
            state.end()
        };
        self.next.send_modify(|known| *known = next.max(*known));
    }

    /// A reader of all that is kept, and of what comes.
    pub(crate) fn reader_of_all(self: &Arc<Self>) -> Reader<T> {
        let at = self.lock().first;
        self.reader(at)
    }

    /// A reader of what comes.
    pub(crate) fn reader_of_news(self: &Arc<Self>) -> Reader<T> {
        let at = self.lock().end();
        self.reader(at)
    }

    fn reader(self: &Arc<Self>, at: u64) -> Reader<T> {
        Reader {
            journal: Arc::clone(self),
            at,
            news: self.next.subscribe(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }
}

impl<T> Reader<T> {
    /// Reads what there is, at most so many entries.
    pub(crate) fn read(&mut self, most: usize) -> Read<T> {
        let state = self.journal.lock();
        let lost = state.first.saturating_sub(self.at);
        self.at += lost;
        let skipped = (self.at - state.first) as usize;
        let entries: Vec<_> = state.entries.iter().skip(skipped).take(most).collect();
        let entries: Vec<_> = entries.into_iter().map(|(entry, _)| Arc::clone(entry)).collect();
        self.at += entries.len() as u64;
        Read { lost, entries }
    }

    /// Waits until there is something to read.
    ///
    /// # Cancel safety
    /// Nothing is read by it.
    pub(crate) async fn ready(&mut self) {
        let at = self.at;
        // The journal is alive as long as this reader is.
        let _ = self.news.wait_for(|next| *next > at).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: Kept = Kept { entries: 3, bytes: 100 };

    fn read(reader: &mut Reader<u32>, most: usize) -> (u64, Vec<u32>) {
        let Read { lost, entries } = reader.read(most);
        (lost, entries.iter().map(|entry| **entry).collect())
    }

    #[test]
    fn a_reader_gets_each_entry_once_and_knows_what_it_missed() {
        let journal = Journal::new(FEW);
        let (mut early, mut all) = (journal.reader_of_news(), journal.reader_of_all());
        (0..2).for_each(|n| journal.push(n, 10));
        assert_eq!(read(&mut early, 1), (0, vec![0]));
        assert_eq!(read(&mut early, 9), (0, vec![1]));
        assert_eq!(read(&mut early, 9), (0, vec![]));
        (2..7).for_each(|n| journal.push(n, 10));
        assert_eq!(read(&mut early, 9), (2, vec![4, 5, 6]));
        assert_eq!(read(&mut all, 9), (4, vec![4, 5, 6]));
        assert_eq!(read(&mut journal.reader_of_all(), 2), (0, vec![4, 5]));
        assert_eq!(read(&mut journal.reader_of_news(), 9), (0, vec![]));
    }

    #[test]
    fn its_bytes_are_bounded_and_one_entry_always_fits() {
        let journal = Journal::new(FEW);
        journal.push(0, 60);
        journal.push(1, 60);
        assert_eq!(read(&mut journal.reader_of_all(), 9), (0, vec![1]));
        journal.push(2, 1000);
        assert_eq!(read(&mut journal.reader_of_all(), 9), (0, vec![2]));
        assert_eq!(journal.lock().bytes, 1000);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn whoever_waits_is_woken_by_the_next_entry_and_not_by_those_that_were_read() {
        let journal = Journal::new(FEW);
        journal.push(0, 1);
        let mut reader = journal.reader_of_all();
        reader.ready().await;
        assert_eq!(read(&mut reader, 9), (0, vec![0]));
        {
            let mut ready = std::pin::pin!(reader.ready());
            tokio::select! {
                biased;
                () = &mut ready => panic!("there is nothing to read"),
                () = std::future::ready(()) => {}
            }
            journal.push(1, 1);
            ready.await;
        }
        assert_eq!(read(&mut reader, 9), (0, vec![1]));
    }
}
