//! The locks of one connection, and how they end.

use std::{
    collections::HashMap,
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::{Value as Json, json};
use tokio::{sync::broadcast, time::sleep_until};

use super::waiting::{Granted, Pending};
use crate::{
    arbiter::{Happened, Held, LockEvent, TargetSet},
    failure::{Refusal, seconds},
    server::session::Answer,
};

/// What happened to a lock; `None` for more than can be told.
pub(in crate::server) type Told = Option<Arc<LockEvent>>;

type Queued = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// See the module.
#[derive(Default)]
pub(in crate::server::session) struct Grants {
    /// By token; a token that was used again has several.
    held: HashMap<String, Vec<Grant>>,
    count: usize,
    /// Requests without an answer.
    waiting: Vec<(String, Arc<Pending>)>,
    /// Those that were told that they wait, and are told again when they have it.
    queued: FuturesUnordered<Queued>,
}

/// One grant.
struct Grant {
    /// `None` once it has ended, and the client has not said that it knows.
    held: Option<Held>,
    /// What of it the client thinks that it has.
    targets: Vec<String>,
    keepalive: Option<Duration>,
    /// When its lease is over.
    ends: Option<Instant>,
}

/// Something that may end a grant, or that has waited long enough.
pub(in crate::server) enum Happening {
    /// A queued request has its answer.
    Answer(Answer),
    /// A lease, or the patience with whoever is not heard.
    Due,
    /// What happened to a lock of this owner; `None` if so much did that nobody knows.
    Told(Told),
}

impl Grant {
    /// When it ends by itself, if the owner was heard last at `heard`.
    fn due(&self, heard: Instant) -> Option<Instant> {
        self.held.as_ref()?;
        let silent = self.keepalive.and_then(|keepalive| heard.checked_add(keepalive));
        self.ends.into_iter().chain(silent).min()
    }

    /// The targets that were lost since it was looked at last.
    fn take_lost(&mut self) -> Vec<String> {
        let left = self
            .held
            .as_ref()
            .and_then(Held::row)
            .map(|row| row.targets)
            .unwrap_or_default();
        let (kept, lost) = std::mem::take(&mut self.targets)
            .into_iter()
            .partition(|target| left.contains(target));
        self.targets = kept;
        lost
    }
}

impl Grants {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn queued(&self) -> usize {
        self.queued.len()
    }

    pub(in crate::server::session) fn keep(&mut self, granted: Granted) {
        let Granted {
            token,
            held,
            keepalive,
            ends,
        } = granted;
        let grant = Grant {
            targets: held.row().map(|row| row.targets).unwrap_or_default(),
            held: Some(held),
            keepalive,
            ends,
        };
        self.count += 1;
        self.held.entry(token).or_default().push(grant);
    }

    /// Notes a request that waits, so that it can be withdrawn.
    pub(super) fn waits(&mut self, token: &str, pending: Arc<Pending>) {
        self.waiting.retain(|(_, pending)| !pending.is_over());
        self.waiting.push((token.to_owned(), pending));
    }

    /// Waits for the answer of a request that was told that it waits.
    pub(super) fn queue(&mut self, answer: impl Future<Output = Answer> + Send + 'static) {
        self.queued.push(Box::pin(answer));
    }

    /// Withdraws the requests of a token that wait; whether there were any.
    pub(super) fn withdraw(&mut self, token: &str) -> bool {
        let mut any = false;
        self.waiting.retain(|(own, pending)| {
            any |= own == token && pending.withdraw();
            own != token
        });
        any
    }

    /// Ends the grants of a token, and gives their targets; `None` if there are none.
    pub(super) fn end(&mut self, token: &str) -> Option<Vec<String>> {
        let grants = self.held.remove(token)?;
        self.count -= grants.len();
        let mut targets = Vec::new();
        for mut grant in grants {
            // What was lost and not told of yet is not given back now.
            grant.take_lost();
            targets.append(&mut grant.targets);
            if let Some(held) = grant.held {
                drop(held.release());
            }
        }
        Some(targets)
    }

    /// Gives targets back, whichever grants they are of.
    ///
    /// # Errors
    /// [`Refusal::PartOf`] for a part of something that is locked as a whole.
    pub(super) fn narrow(&mut self, gone: &TargetSet) -> Result<(), Refusal> {
        for grant in self.held.values_mut().flatten() {
            if let Some(held) = &grant.held {
                held.narrow(gone)?;
                if let Some(row) = held.row() {
                    grant.targets.retain(|target| row.targets.contains(target));
                }
            }
        }
        Ok(())
    }

    /// Ends everything: the client has left.
    pub(in crate::server::session) fn clear(&mut self) {
        for (_, pending) in self.waiting.drain(..) {
            pending.withdraw();
        }
        self.queued.clear();
        self.held.clear();
        self.count = 0;
    }

    /// The next thing that happens; `heard` is when the owner was heard last, and `events` what happens to its locks.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(in crate::server::session) async fn next(
        &mut self,
        heard: Instant,
        events: &mut broadcast::Receiver<Told>,
    ) -> Happening {
        let due = self.held.values().flatten().filter_map(|grant| grant.due(heard)).min();
        let due = async {
            match due {
                Some(due) => sleep_until(due.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            Some(answer) = self.queued.next(), if !self.queued.is_empty() => Happening::Answer(answer),
            () = due => Happening::Due,
            told = events.recv() => Happening::Told(told.unwrap_or_default()),
        }
    }

    /// Ends what is due, and gives what the client has lost, by token.
    pub(super) fn lost(&mut self, told: Option<&LockEvent>, heard: Instant) -> Vec<(String, Json)> {
        let now = Instant::now();
        let mut lost = Vec::new();
        let all = self.held.iter_mut();
        for (token, grant) in all.flat_map(|(token, grants)| grants.iter_mut().map(move |grant| (token, grant))) {
            let mut why = Why::of(told);
            if grant.due(heard).is_some_and(|due| due <= now) {
                let silent = grant.ends.is_none_or(|ends| ends > now);
                why = if silent { Why::Silent(now - heard) } else { Why::Lease };
                if let Some(held) = grant.held.take() {
                    held.expire();
                }
            }
            let targets = grant.take_lost();
            if !targets.is_empty() {
                lost.push((token.clone(), why.to_json(&targets)));
            }
        }
        lost
    }
}

/// Why a lock is lost.
enum Why<'a> {
    Broken(&'a LockEvent),
    Lease,
    Silent(Duration),
    /// The session has ended, or so much happened at once that nobody knows.
    Ended,
}

impl<'a> Why<'a> {
    fn of(told: Option<&'a LockEvent>) -> Why<'a> {
        match told.map(|event| (&event.what, event)) {
            Some((Happened::Broken { .. }, event)) => Why::Broken(event),
            Some((Happened::Expired, _)) => Why::Lease,
            _ => Why::Ended,
        }
    }

    fn to_json(&self, targets: &[String]) -> Json {
        let names = targets.join(", ");
        match self {
            Why::Broken(event) => {
                let by = match &event.what {
                    Happened::Broken { by } => Some(by),
                    _ => None,
                };
                let name = by.map_or("somebody", |by| by.label());
                json!({
                    "targets": targets, "how": "broken", "by": by.map(|by| by.to_json()), "time": event.time.as_seconds(),
                    "text": format!("{names}: the lock was broken by {name}"),
                })
            }
            Why::Lease => json!({
                "targets": targets, "how": "expired", "text": format!("{names}: the time of the lock is over"),
            }),
            Why::Silent(silent) => json!({
                "targets": targets, "how": "silent",
                "text": format!("{names}: the lock is over, as nothing was heard for {}", seconds(*silent)),
            }),
            Why::Ended => json!({
                "targets": targets, "how": "ended", "text": format!("{names}: the lock has ended"),
            }),
        }
    }
}
