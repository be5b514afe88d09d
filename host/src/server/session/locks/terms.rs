//! What clients send, checked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::waiting::Granted;
use crate::{
    arbiter::{Asking, Held},
    server::reply::Report,
};

/// A request that is answered when it is granted waits so long at most; clients give up after 10 s (W4).
const WAIT_MAX: Duration = Duration::from_secs(8);
/// The longest note that is kept whole.
const NOTE_CHARS: usize = 500;

/// The data of `_lock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    pub(super) targets: Vec<String>,
    /// Seconds.
    wait: Option<f64>,
    note: Option<String>,
    /// Seconds.
    lease: Option<f64>,
    /// Seconds.
    keepalive: Option<f64>,
    #[serde(default)]
    pub(super) queue: bool,
}

/// The data of `_unlock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unlock {
    pub(super) targets: Option<Vec<String>>,
}

/// The data of `_break`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Break {
    pub(super) target: String,
    pub(super) holder: u64,
}

/// The data of `_protect`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Protect {
    pub(super) targets: Vec<String>,
    pub(super) note: Option<String>,
    #[serde(default)]
    pub(super) permanent: bool,
}

/// The data of `_unprotect`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Unprotect {
    pub(super) targets: Vec<String>,
}

/// On what terms a client asks for a lock.
#[derive(Clone)]
pub(super) struct LockTerms {
    pub(super) note: Option<Arc<str>>,
    /// `None` for as long as it takes.
    pub(super) wait: Option<Duration>,
    pub(super) lease: Option<Duration>,
    pub(super) keepalive: Option<Duration>,
}

impl Lock {
    /// # Errors
    /// `ProtocolError`, for times that are none.
    pub(super) fn check(&self) -> Result<LockTerms, Report> {
        let seconds = |key: &str, value: Option<f64>| {
            let duration = value.map(|seconds| {
                let is_time = |duration: &Duration| *duration <= Duration::from_secs(366 * 86_400);
                Duration::try_from_secs_f64(seconds)
                    .ok()
                    .filter(is_time)
                    .ok_or_else(|| {
                        Report::protocol(format!(
                            "_lock: `{key}` is {seconds:?}, which is no number of seconds to go by"
                        ))
                    })
            });
            duration.transpose()
        };
        let more_than_nothing = |key: &str, duration: Option<Duration>| match duration {
            Some(Duration::ZERO) => Err(Report::protocol(format!("_lock: `{key}` has to be more than 0 s"))),
            other => Ok(other),
        };
        let wait = seconds("wait", self.wait)?;
        let note = self
            .note
            .as_deref()
            .map(|note| note.chars().take(NOTE_CHARS).collect::<String>());
        Ok(LockTerms {
            note: note.filter(|note| !note.is_empty()).map(Arc::from),
            wait: match self.queue {
                true => wait,
                false => Some(wait.unwrap_or_default().min(WAIT_MAX)),
            },
            lease: more_than_nothing("lease", seconds("lease", self.lease)?)?,
            keepalive: more_than_nothing("keepalive", seconds("keepalive", self.keepalive)?)?,
        })
    }
}

impl LockTerms {
    /// How long the arbiter lets it wait: for ever, if at all. When it has waited long enough is for the real clock to say.
    pub(super) fn patience(&self) -> Duration {
        match self.wait {
            Some(Duration::ZERO) => Duration::ZERO,
            _ => Duration::MAX,
        }
    }

    /// The lock that was granted on these terms, just now.
    pub(super) fn granted(&self, token: &str, held: Held) -> Granted {
        Granted {
            token: token.to_owned(),
            held,
            keepalive: self.keepalive,
            ends: self.lease.map(|lease| Instant::now() + lease),
        }
    }
}

/// What a client is told whose request waits: for whom.
pub(super) fn queued(asking: &Asking) -> Json {
    match asking.in_the_way(Duration::ZERO) {
        Some(refusal) => json!({ "text": refusal.to_string(), "waiting_for": refusal.detail()["locked_by"] }),
        // It has just been granted; the client is told so next.
        None => json!({ "text": "it is free now", "waiting_for": null }),
    }
}
