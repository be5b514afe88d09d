//! Handlers: functions of the user's that messages are given to (M3).
//!
//! A runner is woken when its queue is filled, waits in the [pool](super::pool) for a thread, and gives its handler what
//! there is. The handler runs on that thread and on no lock of ours; it is taken out while it runs, so it never runs twice.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    task::{Poll, Wake, Waker},
    time::{Duration, Instant},
};

use super::{
    super::{
        Ended,
        message::Message,
        sink::{Displaced, Sink},
        store::Taken,
        subscription::Core,
        sync::{Condvar, Mutex, MutexGuard, thread_local},
    },
    pool::Pool,
    queue::Queue,
};
use crate::failure::panic_text;

/// A handler that has panicked so often in a row is not called any more.
pub const PANICS_MAX: u32 = 10;

/// A function that messages are given to.
pub(super) type Handler = Box<dyn FnMut(Message) + Send>;

/// See the module.
pub(super) struct Runner {
    pub(super) core: Arc<Core>,
    queue: Arc<Queue<()>>,
    pool: Arc<Pool>,
    /// `None` while it runs, and when it is over.
    handler: Mutex<Option<Handler>>,
    progress: Mutex<Progress>,
    /// Tells those who flush.
    advanced: Condvar,
}

#[derive(Default)]
struct Progress {
    /// All before this number has been given to the handler, or was lost.
    done: u64,
    panics: u32,
    over: bool,
}

thread_local! {
    /// The subscription whose handler runs on this thread.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

impl Wake for Runner {
    fn wake(self: Arc<Self>) {
        let pool = Arc::clone(&self.pool);
        Pool::schedule(&pool, self);
    }
}

impl Runner {
    pub(super) fn new(core: Arc<Core>, queue: Arc<Queue<()>>, pool: Arc<Pool>, handler: Handler) -> Arc<Self> {
        Arc::new(Runner {
            core,
            queue,
            pool,
            handler: Mutex::new(Some(handler)),
            progress: Mutex::default(),
            advanced: Condvar::new(),
        })
    }

    /// Gives the handler all there is, until nothing is left.
    pub(super) fn run(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        while let Poll::Ready(taken) = self.queue.poll_all(&waker) {
            let Some((batch, end)) = taken else {
                return self.finish();
            };
            for taken in batch {
                if !self.give(taken) {
                    return self.finish();
                }
            }
            self.advance(end);
        }
    }

    /// Gives the handler one message; has itself called again if there is one more.
    pub(super) fn run_one(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        match self.queue.poll_one(&waker) {
            Poll::Pending => self.advance(self.queue.end()),
            Poll::Ready(taken) => match taken.is_some_and(|taken| self.give(taken)) {
                true => Pool::schedule(&self.pool, Arc::clone(self)),
                false => self.finish(),
            },
        }
    }

    /// Gives one message to the handler; `false` if it gets no more.
    fn give(&self, taken: Taken<()>) -> bool {
        let Taken::Message(message) = taken else { return true };
        if self.core.ended() == Some(Ended::Unsubscribed) {
            return false;
        }
        let Some(mut handler) = self.handler().take() else {
            return false;
        };
        let before = RUNNING.with(|running| running.replace(self.core.id));
        let outcome = catch_unwind(AssertUnwindSafe(|| handler(message)));
        RUNNING.with(|running| running.set(before));
        *self.handler() = Some(handler);
        match outcome {
            Ok(()) => {
                self.progress().panics = 0;
                true
            }
            Err(panic) => self.survive(&panic_text(&*panic)),
        }
    }

    fn survive(&self, text: &str) -> bool {
        let panics = {
            let mut progress = self.progress();
            progress.panics += 1;
            progress.panics
        };
        let pattern = &self.core.pattern;
        let to = format!("{}:{}", pattern.sender(), pattern.message());
        tracing::error!("a handler of {to} panicked: {text}");
        if panics < PANICS_MAX {
            return true;
        }
        let why = Ended::Panicked {
            times: panics,
            text: text.to_owned(),
        };
        tracing::error!("the subscription to {to} has ended: {why}");
        let mut displaced = Displaced::default();
        self.core.end(why, &mut displaced);
        Sink::close(&*self.queue, true, &mut displaced);
        false
    }

    fn handler(&self) -> MutexGuard<'_, Option<Handler>> {
        self.handler.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, done: u64) {
        self.progress().done = done;
        self.advanced.notify_all();
    }

    /// It gets no more: whatever the handler has in it is dropped here, on no lock.
    fn finish(&self) {
        let handler = self.handler().take();
        self.progress().over = true;
        self.advanced.notify_all();
        if catch_unwind(AssertUnwindSafe(|| drop(handler))).is_err() {
            tracing::error!("a handler panicked when it was dropped");
        }
        self.pool.forget(self.core.id);
    }

    /// Whether its handler runs now.
    pub(super) fn is_running(&self) -> bool {
        self.handler().is_none() && !self.progress().over
    }

    /// Blocks until the handler has had all that was put into its queue before this, at most until then; `false` if it has
    /// not. A handler does not wait for itself.
    pub(super) fn flush(&self, deadline: Instant) -> bool {
        let end = self.queue.end();
        if RUNNING.with(Cell::get) == self.core.id {
            return true;
        }
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        while progress.done < end && !progress.over {
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest == Duration::ZERO {
                return false;
            }
            progress = self
                .advanced
                .wait_timeout(progress, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }
}
