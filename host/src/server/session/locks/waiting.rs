//! A request for a lock that waits.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
    time::{Duration, Instant},
};

use futures_util::task::AtomicWaker;
use serde_json::json;
use tokio::time::timeout_at;

use super::terms::LockTerms;
use crate::{
    arbiter::{Asking, Held},
    failure::seconds,
    server::{
        reply::{Line, Report},
        session::Answer,
    },
};

/// A lock that a client has got.
pub(in crate::server) struct Granted {
    pub(super) token: String,
    pub(super) held: Held,
    pub(super) keepalive: Option<Duration>,
    /// When its lease is over.
    pub(super) ends: Option<Instant>,
}

impl Granted {
    /// What the client is told.
    pub(super) fn line(&self) -> Line {
        let mut data = match self.held.row() {
            Some(row) => json!({
                "targets": row.targets,
                "owner": row.owner.to_json(),
                "since": row.since.as_seconds(),
                "note": row.note.as_deref(),
                "lease": row.lease.map(|lease| lease.as_seconds()),
            }),
            // It is over already: its owner is gone.
            None => json!({ "targets": [] }),
        };
        data["keepalive"] = json!(self.keepalive.map(|keepalive| keepalive.as_secs_f64()));
        Line::new("_locked", &self.token, &data.to_string())
    }
}

/// A request that waits, shared by whoever waits for its answer and whoever may withdraw it.
pub(super) struct Pending {
    /// `None` once it is withdrawn or answered.
    asking: Mutex<Option<Asking>>,
    withdrawn: AtomicWaker,
}

impl Pending {
    pub(super) fn new(asking: Asking) -> Pending {
        Pending {
            asking: Mutex::new(Some(asking)),
            withdrawn: AtomicWaker::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Asking>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the request back; nothing is held for it from the return of this on. `false` if it has been answered.
    pub(super) fn withdraw(&self) -> bool {
        let asking = self.lock().take();
        self.withdrawn.wake();
        asking.is_some()
    }

    /// Whether it has been answered or withdrawn.
    pub(super) fn is_over(&self) -> bool {
        self.lock().is_none()
    }
}

/// The answer of a request that waits.
pub(super) struct Wait {
    token: String,
    pending: Arc<Pending>,
    terms: LockTerms,
    since: Instant,
}

/// What came of waiting.
type Outcome = Result<Held, Report>;

impl Wait {
    pub(super) fn new(token: &str, pending: Arc<Pending>, terms: LockTerms, since: Instant) -> Wait {
        Wait {
            token: token.to_owned(),
            pending,
            terms,
            since,
        }
    }

    /// Waits until it is granted, refused, withdrawn, or has taken too long.
    pub(super) async fn answer(self) -> Answer {
        let deadline = self.terms.wait.and_then(|wait| self.since.checked_add(wait));
        let outcome = match deadline {
            None => self.granted().await,
            Some(deadline) => match timeout_at(deadline.into(), self.granted()).await {
                Ok(outcome) => outcome,
                Err(_) => self.give_up(),
            },
        };
        match outcome {
            Ok(held) => {
                let granted = self.terms.granted(&self.token, held);
                Answer {
                    line: granted.line(),
                    record: None,
                    lock: Some(granted),
                }
            }
            Err(report) => Line::error("_lock", &self.token, &report).into(),
        }
    }

    async fn granted(&self) -> Outcome {
        poll_fn(|cx| {
            self.pending.withdrawn.register(cx.waker());
            let mut pending = self.pending.lock();
            let Some(asking) = pending.as_mut() else {
                return Poll::Ready(Err(withdrawn()));
            };
            let outcome = asking.look(Some(cx));
            if outcome.is_ready() {
                *pending = None;
            }
            outcome.map_err(Report::from)
        })
        .await
    }

    /// Nobody waits any longer.
    fn give_up(&self) -> Outcome {
        let Some(asking) = self.pending.lock().take() else {
            return Err(withdrawn());
        };
        let waited = self.since.elapsed();
        match asking.give_up(waited) {
            Some(outcome) => outcome.map_err(Report::from),
            None => Err(Report::new(
                "IsBusy",
                format!("it was not free within {}", seconds(waited)),
            )),
        }
    }
}

fn withdrawn() -> Report {
    Report::new("Impossible", "the request was withdrawn by `_unlock`")
}
