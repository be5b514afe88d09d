//! Calls: one use of a driver, as a future with two marks.

mod cancelling;
mod limit;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use baton_plugin_api::ErrorKind;

pub(crate) use cancelling::Canceller;
pub use cancelling::Cancelling;

use crate::{
    arbiter::Permit, audit::Asked, clock::Time, device::Reading, dispatcher::Topic, failure::Failure, owner::OwnerId,
};

/// A write, a command, a fresh read, or a function of the user's on its way (C1).
///
/// It is a future of its outcome. It is first *taken* (the driver has accepted it), then *resolved*: done, or one of the
/// [`Failure`]s. Clones are the same call. Dropping it detaches: what runs goes on (C4); [`cancel`](Self::cancel) stops it.
///
/// # Cancel safety
/// Dropping the future, or the future of [`taken`](Self::taken), loses nothing: a clone can be awaited later.
pub struct Call<T = Reading> {
    core: Arc<CallCore<T>>,
}

/// What caller and executor share.
pub(crate) struct CallCore<T> {
    pub(crate) id: u64,
    pub(crate) label: Label,
    pub(crate) owner: OwnerId,
    pub(crate) accepted: Time,
    /// How long its caller lets it take, from its acceptance on (S3).
    limit: Option<Duration>,
    cancelled: AtomicBool,
    /// What it was asked for, where an audit log wants to know.
    pub(crate) asked: OnceLock<Box<Asked>>,
    /// By which its device tells of it, once it was accepted; not of one that only reads.
    pub(super) news: OnceLock<Arc<Topic>>,
    /// Whether it is whoever waits that has to run the lab meanwhile.
    driven: bool,
    /// The done share of the call in the bits of an `f64`.
    progress: AtomicU64,
    state: Mutex<State<T>>,
    changed: Condvar,
}

/// What a call does, for people: `stage.position` and `write`.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) device: Arc<str>,
    /// Parameter or command.
    pub(crate) member: Arc<str>,
    pub(crate) verb: &'static str,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.verb, self.path())
    }
}

impl Label {
    pub(crate) fn path(&self) -> String {
        if self.member.is_empty() {
            self.device.to_string()
        } else {
            format!("{}.{}", self.device, self.member)
        }
    }
}

struct State<T> {
    taken: bool,
    outcome: Option<Result<T, Failure>>,
    /// When the outcome came.
    resolved: Option<Time>,
    /// Told once, at the next mark.
    wakers: Vec<Waker>,
    /// Somebody blocks in `wait`; spares the others the system call of a notification.
    blocked: usize,
    /// Whoever can do something about it when it is cancelled.
    canceller: Option<Arc<dyn Canceller<T>>>,
    /// What keeps its targets until it is resolved (L4): here and nowhere else, so that whatever resolves it ends that.
    permit: Option<Permit>,
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        Call {
            core: Arc::clone(&self.core),
        }
    }
}

/// Why [`Call::wait`] returned without a value.
#[derive(Debug)]
pub enum WaitError<T = Reading> {
    /// The call ended with a failure.
    Failed(Failure),
    /// The time was over first; the call goes on and can be waited for again.
    StillRunning(Call<T>),
}

impl<T: Clone> Call<T> {
    pub(crate) fn new(label: Label, owner: OwnerId, accepted: Time, canceller: Option<Arc<dyn Canceller<T>>>) -> Self {
        Call::make(label, owner, accepted, canceller, false)
    }

    /// A call of inline execution that is not resolved when it is returned: whoever waits for it runs the lab.
    pub(crate) fn driven(
        label: Label,
        owner: OwnerId,
        accepted: Time,
        canceller: Option<Arc<dyn Canceller<T>>>,
    ) -> Self {
        Call::make(label, owner, accepted, canceller, true)
    }

    fn make(
        label: Label,
        owner: OwnerId,
        accepted: Time,
        canceller: Option<Arc<dyn Canceller<T>>>,
        driven: bool,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let state = State {
            taken: false,
            outcome: None,
            resolved: None,
            wakers: Vec::new(),
            blocked: 0,
            canceller,
            permit: None,
        };
        Call {
            core: Arc::new(CallCore {
                id,
                label,
                owner,
                accepted,
                limit: None,
                cancelled: AtomicBool::new(false),
                asked: OnceLock::new(),
                news: OnceLock::new(),
                driven,
                progress: AtomicU64::new(0),
                state: Mutex::new(state),
                changed: Condvar::new(),
            }),
        }
    }

    /// The same call, that may take so long. To be said before it has clones.
    pub(crate) fn limited(mut self, limit: Option<Duration>) -> Self {
        if let Some(core) = Arc::get_mut(&mut self.core) {
            core.limit = limit;
        }
        self
    }

    pub(crate) fn core(&self) -> &Arc<CallCore<T>> {
        &self.core
    }

    /// A number that names the call in messages and on the wire; unique in this process.
    pub fn id(&self) -> u64 {
        self.core.id
    }

    /// Who asked for it.
    pub fn owner(&self) -> &OwnerId {
        &self.core.owner
    }

    /// When it was accepted.
    pub fn accepted(&self) -> Time {
        self.core.accepted
    }

    /// How long it took from its acceptance on; `None` while it is not resolved.
    pub fn elapsed(&self) -> Option<Duration> {
        Some(self.core.lock().resolved?.since(self.core.accepted))
    }

    /// How much of it is done, from 0 to 1, as far as the driver tells.
    pub fn progress(&self) -> f64 {
        self.core.progress()
    }

    /// Whether the driver has accepted it.
    pub fn is_taken(&self) -> bool {
        self.core.lock().taken
    }

    /// Whether it is resolved.
    pub fn is_resolved(&self) -> bool {
        self.core.lock().outcome.is_some()
    }

    /// The outcome, if it is resolved.
    pub fn outcome(&self) -> Option<Result<T, Failure>> {
        self.core.lock().outcome.clone()
    }

    /// Waits until the driver has accepted it, or it failed before.
    ///
    /// # Errors
    /// The call's failure, if it ended with one by then.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing; the call goes on.
    pub async fn taken(&self) -> Result<(), Failure> {
        std::future::poll_fn(|cx| {
            let mut state = self.core.lock();
            if let Some(outcome) = &state.outcome {
                return Poll::Ready(outcome.as_ref().map(|_| ()).map_err(Failure::clone));
            }
            if state.taken {
                return Poll::Ready(Ok(()));
            }
            state.wake_later(cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Blocks until it is resolved, at most for `timeout` of real time. Not for async code: `await` the call there.
    ///
    /// A call of [`wait_for`](crate::lab::Owner::wait_for) in inline execution runs the lab meanwhile, and `timeout` is of
    /// the lab's clock.
    ///
    /// # Errors
    /// [`WaitError::Failed`] with the call's own failure; [`WaitError::StillRunning`], with the call, when time is over.
    pub fn wait(self, timeout: Duration) -> Result<T, WaitError<T>> {
        let driven = self
            .core
            .driver()
            .is_some_and(|driver| driver.drive(&self.core, timeout));
        match self.core.wait(Some(if driven { Duration::ZERO } else { timeout })) {
            Some(outcome) => outcome.map_err(WaitError::Failed),
            None => Err(WaitError::StillRunning(self)),
        }
    }

    /// Cancels it: what the driver does is asked to end, a motion is stopped. The call then ends as
    /// [`Failure::Cancelled`], never as a value; if it is resolved already, nothing happens.
    ///
    /// What it comes to is said at once; it is worth a look where a person waits, because not every driver can be
    /// interrupted.
    pub fn cancel(&self) -> Cancelling {
        let canceller = {
            let state = self.core.lock();
            if state.outcome.is_some() {
                return Cancelling::Over;
            }
            self.core.cancelled.store(true, Ordering::Relaxed);
            state.canceller.clone()
        };
        match canceller {
            Some(canceller) => canceller.cancel(&self.core),
            None => {
                let what = &self.core.label.device;
                Cancelling::CannotInterrupt(format!(
                    "{what} cannot be interrupted; what it returns is not a value any more"
                ))
            }
        }
    }
}

impl<T: Clone> Future for Call<T> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // One step at a time: whatever else the task does has its turn between two of them.
        let stepped = self.core.driver().is_some_and(|driver| driver.turn());
        let mut state = self.core.lock();
        match &state.outcome {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                match stepped {
                    true => cx.waker().wake_by_ref(),
                    false => state.wake_later(cx.waker()),
                }
                Poll::Pending
            }
        }
    }
}

impl<T> State<T> {
    fn wake_later(&mut self, waker: &Waker) {
        if !self.wakers.iter().any(|known| known.will_wake(waker)) {
            self.wakers.push(waker.clone());
        }
    }
}

impl<T> CallCore<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever runs the lab while this is waited for, inline.
    fn driver(&self) -> Option<Arc<dyn Canceller<T>>> {
        match self.driven {
            true => self.lock().canceller.clone(),
            false => None,
        }
    }

    /// Has the driver hear that nobody waits for it any more.
    pub(crate) fn tell_to_end(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the caller cancelled.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.lock().taken
    }

    /// Whether it was given up because its time was over.
    pub(crate) fn is_timed_out(&self) -> bool {
        matches!(self.lock().outcome, Some(Err(Failure::Timeout { .. })))
    }

    pub(crate) fn is_resolved(&self) -> bool {
        self.lock().outcome.is_some()
    }

    pub(super) fn progress(&self) -> f64 {
        f64::from_bits(self.progress.load(Ordering::Relaxed))
    }

    pub(crate) fn set_progress(&self, done: f64) {
        self.progress.store(done.to_bits(), Ordering::Relaxed);
    }

    /// Sets the first mark.
    pub(crate) fn take(&self) {
        let mut state = self.lock();
        if !std::mem::replace(&mut state.taken, true) {
            self.tell(state);
        }
    }

    /// Sets the second mark; `false` if it was set before, by whoever was first. A value that comes after the caller has
    /// cancelled is none (C4).
    pub(crate) fn resolve(&self, outcome: Result<T, Failure>, now: Time) -> bool {
        self.resolve_noting(outcome, now, |_| {})
    }

    /// The same; `note` sees how it ended before anybody who waits does. It must not wait itself.
    pub(crate) fn resolve_noting(
        &self,
        outcome: Result<T, Failure>,
        now: Time,
        note: impl FnOnce(&Result<T, Failure>),
    ) -> bool {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return false;
        }
        state.taken = true;
        state.resolved = Some(now);
        let outcome = state.outcome.insert(match outcome {
            outcome if self.is_cancelled() && is_nothing_but_an_end(&outcome) => Err(Failure::Cancelled {
                path: self.label.path(),
            }),
            outcome => outcome,
        });
        note(outcome);
        let canceller = state.canceller.take();
        // Nobody finds it resolved and its targets not free.
        let ended = state.permit.take().map(Permit::end);
        self.tell(state);
        if let Some(ended) = ended {
            ended.finish();
        }
        drop(canceller);
        true
    }

    /// Keeps a permit until it is resolved.
    pub(crate) fn keep(&self, permit: Permit) {
        self.lock().permit = Some(permit);
    }

    fn tell(&self, mut state: MutexGuard<'_, State<T>>) {
        let wakers = std::mem::take(&mut state.wakers);
        let blocked = state.blocked > 0;
        drop(state);
        if blocked {
            self.changed.notify_all();
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Whether an outcome says no more than that the call is over, one way or the other, to somebody who has cancelled it.
fn is_nothing_but_an_end<T>(outcome: &Result<T, Failure>) -> bool {
    match outcome {
        Ok(_) | Err(Failure::Timeout { .. } | Failure::Stopped { .. }) => true,
        Err(Failure::Driver { error, .. }) => error.kind() == ErrorKind::Cancelled,
        Err(_) => false,
    }
}

impl<T: Clone> CallCore<T> {
    /// Blocks until resolved; `None` if `timeout` was over first.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Option<Result<T, Failure>> {
        let mut state = self.lock();
        if let Some(outcome) = &state.outcome {
            return Some(outcome.clone());
        }
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            let rest = deadline.map_or(Duration::from_secs(3600), |d| {
                d.saturating_duration_since(Instant::now())
            });
            if rest.is_zero() {
                return None;
            }
            state.blocked += 1;
            state = self
                .changed
                .wait_timeout(state, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.blocked -= 1;
            if let Some(outcome) = &state.outcome {
                return Some(outcome.clone());
            }
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call {} ({})", self.core.id, self.core.label)
    }
}

#[cfg(test)]
mod tests;
