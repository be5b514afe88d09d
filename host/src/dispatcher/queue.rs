//! The bounded queue of one subscriber, which may also carry the replies of a connection (W2).

use std::{
    collections::{HashMap, VecDeque},
    future::poll_fn,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::{Duration, Instant},
};

use super::{Message, Payload, Sink, Topic};

/// What happens when messages come faster than they are taken (M4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A newer reading, target or status takes the place of the older one that still waits. Messages of drivers are kept
    /// one by one.
    Latest,
    /// The oldest goes.
    DropOldest,
}

/// How much a queue holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages and replies.
    pub entries: usize,
    /// Bytes of their payloads, roughly.
    pub bytes: usize,
}

/// What waits for a subscriber, in order.
///
/// Replies `R` share the queue with messages and are never dropped nor overtaken: a message that has to be sent before a
/// reply stays before it. When replies alone exceed the bounds, the queue *overflows*, and its connection is to be cut.
pub struct Queue<R> {
    policy: Policy,
    bounds: Bounds,
    state: Mutex<State<R>>,
    /// For subscribers that block.
    filled: Condvar,
}

/// An entry as it is taken out.
#[derive(Debug)]
pub enum Taken<R> {
    /// A message.
    Message(Delivered),
    /// A reply.
    Reply(R),
}

/// A message, and how many of the queue were lost before it.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The message.
    pub message: Arc<Message>,
    /// How many messages were dropped since the one before.
    pub lost: u64,
}

struct State<R> {
    entries: VecDeque<Entry<R>>,
    /// Number of the first entry; an entry's number never changes while it waits.
    first: u64,
    /// Where the message of each sender and topic waits.
    latest: HashMap<(Arc<str>, Topic), u64>,
    /// Entries from here on came after the last reply; only these may be coalesced.
    after_reply: u64,
    messages: usize,
    replies: usize,
    bytes: usize,
    lost: u64,
    overflown: bool,
    closed: bool,
    waker: Option<Waker>,
    blocked: bool,
}

enum Entry<R> {
    Message(Arc<Message>, usize),
    Reply(R),
    /// A message stood here that a later one replaced.
    Gone,
}

impl<R> Queue<R> {
    /// An empty queue.
    pub fn new(policy: Policy, bounds: Bounds) -> Self {
        let state = State {
            entries: VecDeque::new(),
            first: 0,
            latest: HashMap::new(),
            after_reply: 0,
            messages: 0,
            replies: 0,
            bytes: 0,
            lost: 0,
            overflown: false,
            closed: false,
            waker: None,
            blocked: false,
        };
        Queue {
            policy,
            bounds,
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
        if state.replies >= self.bounds.entries || state.bytes > self.bounds.bytes.saturating_mul(2) {
            state.overflown = true;
        }
        state.entries.push_back(Entry::Reply(reply));
        state.replies += 1;
        state.bytes += bytes;
        state.after_reply = state.first + state.entries.len() as u64;
        self.wake(state);
    }

    /// Closes the queue: what waits can still be taken, then it ends.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(state);
    }

    /// Bytes that wait, roughly.
    pub fn waiting_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// Whether replies that nobody takes have filled it.
    pub fn is_overflown(&self) -> bool {
        self.lock().overflown
    }

    fn wake(&self, mut state: MutexGuard<'_, State<R>>) {
        let waker = state.waker.take();
        let blocked = std::mem::take(&mut state.blocked);
        drop(state);
        if blocked {
            self.filled.notify_all();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes all that waits; empty if nothing does.
    pub fn take_all(&self) -> Vec<Taken<R>> {
        self.lock().take_all()
    }

    /// Waits for something and takes all of it; `None` once the queue is closed and empty.
    ///
    /// # Cancel safety
    /// Nothing is taken before the future is ready, so nothing is lost when it is dropped.
    pub async fn next_all(&self) -> Option<Vec<Taken<R>>> {
        poll_fn(|cx| {
            let mut state = self.lock();
            let taken = state.take_all();
            if !taken.is_empty() {
                return Poll::Ready(Some(taken));
            }
            if state.closed {
                return Poll::Ready(None);
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Blocks until something waits and takes all of it; empty when `timeout` was over first or the queue is closed.
    pub fn wait_all(&self, timeout: Duration) -> Vec<Taken<R>> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            let taken = state.take_all();
            let rest = deadline.saturating_duration_since(Instant::now());
            if !taken.is_empty() || state.closed || rest.is_zero() {
                return taken;
            }
            state.blocked = true;
            state = self
                .filled
                .wait_timeout(state, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Makes room for one more message: the oldest go, never a reply.
    fn make_room(&self, state: &mut State<R>, bytes: usize, displaced: &mut Vec<Arc<Message>>) {
        let mut at = 0;
        while state.messages > 0
            && (state.messages >= self.bounds.entries || state.bytes.saturating_add(bytes) > self.bounds.bytes)
        {
            let Some(found) = (at..state.entries.len()).find(|&i| matches!(state.entries[i], Entry::Message(..)))
            else {
                break;
            };
            at = found;
            state.lost += 1;
            displaced.extend(state.remove(found));
        }
        state.trim();
    }
}

impl<R: Send> Sink for Queue<R> {
    fn deliver(&self, message: &Arc<Message>, displaced: &mut Vec<Arc<Message>>) {
        let bytes = size_of_payload(&message.payload);
        let mut state = self.lock();
        if state.closed || state.overflown {
            return;
        }
        let key = (Arc::clone(&message.sender), message.topic.clone());
        if self.policy == Policy::Latest
            && !matches!(message.topic, Topic::Message(_))
            && let Some(&number) = state.latest.get(&key)
            && number >= state.after_reply.max(state.first)
        {
            let at = (number - state.first) as usize;
            displaced.extend(state.remove(at));
            state.trim();
        }
        self.make_room(&mut state, bytes, displaced);
        let number = state.first + state.entries.len() as u64;
        state.latest.insert(key, number);
        state.entries.push_back(Entry::Message(Arc::clone(message), bytes));
        state.messages += 1;
        state.bytes += bytes;
        self.wake(state);
    }
}

impl<R> State<R> {
    fn remove(&mut self, at: usize) -> Option<Arc<Message>> {
        match std::mem::replace(&mut self.entries[at], Entry::Gone) {
            Entry::Message(message, bytes) => {
                self.messages -= 1;
                self.bytes -= bytes;
                Some(message)
            }
            other => {
                self.entries[at] = other;
                None
            }
        }
    }

    /// Forgets what is gone at the front, and compacts the rest when most of it is gone.
    fn trim(&mut self) {
        while let Some(Entry::Gone) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        if self.entries.len() > 64 && self.entries.len() > 4 * (self.messages + self.replies) {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let end = self.first + self.entries.len() as u64;
        let behind_reply = end.saturating_sub(self.after_reply) as usize;
        let gone_behind = self
            .entries
            .iter()
            .rev()
            .take(behind_reply)
            .filter(|entry| matches!(entry, Entry::Gone))
            .count();
        self.entries.retain(|entry| !matches!(entry, Entry::Gone));
        let end = self.first + self.entries.len() as u64;
        self.after_reply = end - (behind_reply - gone_behind) as u64;
        self.latest.clear();
        for (number, entry) in (self.first..).zip(&self.entries) {
            if let Entry::Message(message, _) = entry {
                self.latest
                    .insert((Arc::clone(&message.sender), message.topic.clone()), number);
            }
        }
    }

    fn take_all(&mut self) -> Vec<Taken<R>> {
        let mut lost = std::mem::take(&mut self.lost);
        let count = self.entries.len() as u64;
        let taken = self.entries.drain(..).filter_map(|entry| match entry {
            Entry::Message(message, _) => Some(Taken::Message(Delivered {
                message,
                lost: std::mem::take(&mut lost),
            })),
            Entry::Reply(reply) => Some(Taken::Reply(reply)),
            Entry::Gone => None,
        });
        let taken = taken.collect();
        // What was lost although no message is left to say so is told with the next one.
        self.lost = lost;
        self.first += count;
        self.latest.clear();
        (self.messages, self.replies, self.bytes) = (0, 0, 0);
        taken
    }
}

fn size_of_payload(payload: &Payload) -> usize {
    use baton_plugin_api::Value;
    let of_value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Array(array) => array.bytes().len(),
        Value::Json(json) => json.to_string().len(),
        _ => 8,
    };
    64 + match payload {
        Payload::Reading(Ok(reading)) => of_value(&reading.value),
        Payload::Reading(Err(error)) => error.error.message().len(),
        Payload::Limits(_) => 128,
        Payload::Status(status) => status.text.len(),
        Payload::Value(value) => of_value(value),
    }
}

#[cfg(test)]
mod tests;
