//! What was asked, and how it ended.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde_json::Value as Json;

use super::wire::{Ended, Wire};

/// Counts, shared by all clients.
#[derive(Default)]
pub(crate) struct Tally {
    /// Reads, writes and commands that were sent.
    pub(crate) calls: AtomicU64,
    /// All other requests that were sent.
    pub(crate) requests: AtomicU64,
    pub(crate) connections: AtomicU64,
    /// How long somebody who asked one thing at a time has waited for an answer at most, in milliseconds.
    pub(crate) slowest_ms: AtomicU64,
    /// Devices that were lost, and came back.
    pub(crate) recoveries: AtomicU64,
    /// How calls ended.
    ended: Mutex<BTreeMap<String, u64>>,
    /// Faults that were armed.
    faults: Mutex<BTreeMap<String, u64>>,
    /// Requests that nobody answered.
    lost: Mutex<Vec<String>>,
}

impl Tally {
    /// Makes a call and waits for its end, that of what it has set in motion included.
    pub(crate) async fn call(&self, wire: &mut Wire, action: &str, specifier: &str, data: &str) -> Ended {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let asked = Instant::now();
        let answer = wire.ask(action, specifier, data).await;
        self.slowest_ms
            .fetch_max(asked.elapsed().as_millis() as u64, Ordering::Relaxed);
        let Some(call) = running(&answer) else {
            self.note(&answer);
            return answer;
        };
        // A motion has a limit of its own, which is shorter than what is waited for an answer.
        let resolved = match wire.ask_own("_wait", &format!("{{\"call\":{call}}}")).await {
            Ended::Lost(line) => Ended::Lost(format!("{line} of {action} {specifier} {data}")),
            other => other,
        };
        self.note(&resolved);
        resolved
    }

    /// Makes a request that is no call of a driver, and waits for its answer.
    pub(crate) async fn request(&self, wire: &mut Wire, action: &str, data: &str) -> Ended {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let ended = wire.ask_own(action, data).await;
        if let Ended::Lost(line) = &ended {
            self.lose(line);
        }
        ended
    }

    /// Notes how a call ended.
    pub(crate) fn note(&self, ended: &Ended) {
        let kind = match ended {
            Ended::Answered(action, data) if action == "_resolved" => {
                data["outcome"].as_str().unwrap_or("?").to_owned()
            }
            Ended::Answered(..) => "done".to_owned(),
            Ended::Failed(class, _) => class.clone(),
            Ended::Cut => "connection cut".to_owned(),
            Ended::Lost(line) => {
                self.lose(line);
                "lost".to_owned()
            }
        };
        self.note_as(&kind, 1);
    }

    /// Notes that so many calls ended so.
    pub(crate) fn note_as(&self, kind: &str, count: u64) {
        *lock(&self.ended).entry(kind.to_owned()).or_default() += count;
    }

    pub(crate) fn note_fault(&self, fault: &str) {
        *lock(&self.faults).entry(fault.to_owned()).or_default() += 1;
    }

    pub(crate) fn lose(&self, line: &str) {
        lock(&self.lost).push(line.to_owned());
    }

    pub(crate) fn ended(&self) -> BTreeMap<String, u64> {
        lock(&self.ended).clone()
    }

    pub(crate) fn faults(&self) -> BTreeMap<String, u64> {
        lock(&self.faults).clone()
    }

    pub(crate) fn lost(&self) -> Vec<String> {
        lock(&self.lost).clone()
    }
}

/// The call that an answer leaves running.
fn running(answer: &Ended) -> Option<u64> {
    match answer {
        Ended::Answered(action, data) if action != "reply" => data[1]["_call"].as_u64(),
        Ended::Failed(class, Json::Array(report)) if class == "TimeoutError" => report.get(2)?["_call"].as_u64(),
        _ => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with it")
}
