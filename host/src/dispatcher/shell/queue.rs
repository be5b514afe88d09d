//! The bounded queue of one subscriber, which may also carry the replies of a connection (W2).

use std::{
    future::poll_fn,
    sync::{Arc, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use super::super::{
    Bounds, Ended, Policy,
    message::Sent,
    sink::{Displaced, Sink},
    store::{Batch, Store, Taken},
    sync::{Condvar, Mutex, MutexGuard},
};

/// What waits for a subscriber, in order.
///
/// Replies `R` share the queue with messages and are never dropped nor overtaken: a message that has to be sent before a
/// reply stays before it. When replies alone exceed the bounds, the queue *overflows*, and its connection is to be cut.
///
/// Several subscriptions may share a queue. Of messages, the bounds are for all of them together; when it is full, the
/// sender and name of which most is waiting loses its oldest message.
pub struct Queue<R> {
    state: Mutex<State<R>>,
    /// For subscribers that block.
    filled: Condvar,
}

struct State<R> {
    store: Store<R>,
    overflown: bool,
    closed: bool,
    waker: Option<Waker>,
    blocked: bool,
}

impl<R> Queue<R> {
    /// An empty queue.
    pub fn new(bounds: Bounds) -> Self {
        let state = State {
            store: Store::new(bounds),
            overflown: false,
            closed: false,
            waker: None,
            blocked: false,
        };
        Queue {
            state: Mutex::new(state),
            filled: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<R>> {
        // Nothing of ours panics while it is held, and nothing of others runs.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a reply of `bytes` bytes. Nothing that was in the queue before it will be sent after it.
    ///
    /// The queue overflows when it was over its bounds already, so one reply may be as large as it likes.
    pub fn reply(&self, reply: R, bytes: usize) {
        let mut state = self.lock();
        state.overflown |= state.store.is_over();
        state.store.reply(reply, bytes);
        self.wake(state, &mut Displaced::default());
    }

    /// Closes the queue: what waits can still be taken, then it ends.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(state, &mut Displaced::default());
    }

    /// Whether replies that nobody takes have filled it.
    pub fn is_overflown(&self) -> bool {
        self.lock().overflown
    }

    /// How many messages wait, and how many bytes of all that waits.
    pub fn load(&self) -> (usize, usize) {
        self.lock().store.load()
    }

    /// A number that what comes next will have. What was taken when this was asked, and later, was put in before it.
    pub(super) fn end(&self) -> u64 {
        self.lock().store.end()
    }

    /// Releases the queue and has whoever waits for it look again.
    fn wake(&self, mut state: MutexGuard<'_, State<R>>, displaced: &mut Displaced) {
        let waker = state.waker.take();
        let blocked = std::mem::take(&mut state.blocked);
        drop(state);
        if blocked {
            self.filled.notify_all();
        }
        if let Some(waker) = waker {
            displaced.wake(waker);
        }
    }

    /// Takes all that waits; nothing if nothing does.
    pub fn take_all(&self) -> Batch<R> {
        self.lock().store.take_all()
    }

    /// Takes the first; `None` if nothing waits.
    pub fn take_one(&self) -> Option<Taken<R>> {
        self.lock().store.take_one()
    }

    /// Takes all, with the number of what comes next; or has `waker` woken when there is something. `Ready(None)` once it
    /// is closed and empty.
    pub(crate) fn poll_all(&self, waker: &Waker) -> Poll<Option<(Batch<R>, u64)>> {
        self.poll(waker, |store| {
            let batch = store.take_all();
            (batch, store.end())
        })
    }

    /// The same of the first alone.
    pub(crate) fn poll_one(&self, waker: &Waker) -> Poll<Option<Taken<R>>> {
        match self.poll(waker, Store::take_one) {
            Poll::Ready(taken) => Poll::Ready(taken.flatten()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll<T>(&self, waker: &Waker, take: impl FnOnce(&mut Store<R>) -> T) -> Poll<Option<T>> {
        let mut state = self.lock();
        if !state.store.is_empty() {
            return Poll::Ready(Some(take(&mut state.store)));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        let old = state.waker.replace(waker.clone());
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// Waits for something and takes all of it; `None` once the queue is closed and empty.
    ///
    /// # Cancel safety
    /// Nothing is taken before the future is ready, so nothing is lost when it is dropped.
    pub async fn next_all(&self) -> Option<Batch<R>> {
        poll_fn(|cx| self.poll_all(cx.waker())).await.map(|(batch, _)| batch)
    }

    /// Blocks until something waits and takes all of it; nothing when `timeout` was over first or the queue is closed.
    pub fn wait_all(&self, timeout: Duration) -> Batch<R> {
        let mut batch = Batch::default();
        self.wait(timeout, |store| {
            let any = !store.is_empty();
            batch = store.take_all();
            any
        });
        batch
    }

    /// Blocks until something waits and takes the first of it; `None` when `timeout` was over first or the queue is closed.
    pub fn wait_one(&self, timeout: Duration) -> Option<Taken<R>> {
        let mut taken = None;
        self.wait(timeout, |store| {
            taken = store.take_one();
            taken.is_some()
        });
        taken
    }

    fn wait(&self, timeout: Duration, mut take: impl FnMut(&mut Store<R>) -> bool) {
        let deadline = Instant::now().checked_add(timeout);
        let mut state = self.lock();
        loop {
            let rest = deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
            if take(&mut state.store) || state.closed || rest.is_zero() {
                return;
            }
            state.blocked = true;
            state = self
                .filled
                .wait_timeout(state, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

impl<R: Send> Sink for Queue<R> {
    fn open_place(&self, subscription: u64, policy: Policy) -> u32 {
        self.lock().store.open(subscription, policy)
    }

    fn close_place(&self, place: u32) {
        self.lock().store.close(place);
    }

    fn deliver(&self, place: u32, message: &Arc<Sent>, displaced: &mut Displaced) -> Option<Ended> {
        let mut state = self.lock();
        if state.closed {
            return Some(Ended::Closed);
        }
        if state.overflown {
            return None;
        }
        if state.store.deliver(place, message, displaced) {
            self.wake(state, displaced);
            return None;
        }
        let (messages, bytes) = state.store.load();
        state.closed = true;
        self.wake(state, displaced);
        Some(Ended::Full { messages, bytes })
    }

    fn close(&self, forget: bool, displaced: &mut Displaced) {
        let mut state = self.lock();
        state.closed = true;
        if forget {
            for taken in state.store.take_all() {
                if let Taken::Message(message) = taken {
                    displaced.push(message.sent);
                }
            }
        }
        self.wake(state, displaced);
    }
}

impl<R> std::fmt::Debug for Queue<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (messages, bytes) = self.load();
        write!(f, "Queue({messages} messages, {bytes} bytes)")
    }
}
