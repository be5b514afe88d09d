//! What a subscription is to both of its ends.

use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use super::{Pattern, Policy, sink::Displaced};

/// Why a subscription is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its owner has ended it.
    Unsubscribed,
    /// It is lossless, and its subscriber too slow: so much was waiting when the next message came.
    Full {
        /// Messages that were waiting.
        messages: usize,
        /// Bytes of all of these.
        bytes: usize,
    },
    /// Its handler panicked so many times in a row (M3).
    Panicked {
        /// How often.
        times: u32,
        /// What the last panic said.
        text: String,
    },
    /// The lab was closed, or the queue that it goes to.
    Closed,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Unsubscribed => f.write_str("it was unsubscribed"),
            Ended::Full { messages, bytes } => write!(
                f,
                "{messages} messages of {bytes} bytes were waiting, and nothing was to be lost; take them faster, or \
                 subscribe with the policy drop_oldest"
            ),
            Ended::Panicked { times, text } => {
                write!(f, "its handler panicked {times} times in a row, at last: {text}")
            }
            Ended::Closed => f.write_str("the lab was closed"),
        }
    }
}

/// What all that know a subscription share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: u64,
    pub(crate) pattern: Pattern,
    pub(crate) policy: Policy,
    is_over: AtomicBool,
    end: Mutex<End>,
}

#[derive(Debug, Default)]
struct End {
    ended: Option<Ended>,
    wakers: Vec<Waker>,
}

impl Core {
    pub(super) fn new(id: u64, pattern: Pattern, policy: Policy) -> Self {
        Core {
            id,
            pattern,
            policy,
            is_over: AtomicBool::new(false),
            end: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, End> {
        // Nothing runs while it is held.
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// It is over; why it was so first counts. `false` if it was before.
    pub(super) fn end(&self, why: Ended, displaced: &mut Displaced) -> bool {
        let mut end = self.lock();
        if end.ended.is_some() {
            return false;
        }
        end.ended = Some(why);
        self.is_over.store(true, Ordering::Release);
        end.wakers.drain(..).for_each(|waker| displaced.wake(waker));
        true
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.lock().ended.clone()
    }

    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<Ended> {
        let mut end = self.lock();
        if let Some(ended) = &end.ended {
            return Poll::Ready(ended.clone());
        }
        if !end.wakers.iter().any(|known| known.will_wake(cx.waker())) {
            end.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
