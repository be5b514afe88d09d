//! Ending what a driver is inside of, for real: that can be done where it has a process of its own (P).
//!
//! A worker in whose driver nobody can interfere is given up when it overruns its limit. Here it is not: whoever waits is
//! told that the time is over, the process is killed, and the worker comes back at once, with an error that says so. The
//! device is opened again like one that was lost, and what waited in the queue waits for that.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{CallCore, Executor, Worker, running::Running};
use crate::{
    clock::Time,
    config::Execution,
    device::{Reading, TimeLimit},
    failure::seconds,
};

/// A worker that has not come back so long after its driver was killed is given up like any other.
const NOTICED_WITHIN: Duration = Duration::from_secs(3);

/// A driver that is to be killed, and what it is inside of.
pub(super) struct Killing {
    slot: usize,
    call: Option<Arc<CallCore<Reading>>>,
    since: Time,
    limit: TimeLimit,
    inside: String,
}

/// What to do about a worker that overran its limit.
pub(super) enum Verdict {
    Kill(Killing),
    /// It was killed, and will notice.
    Wait,
    /// It cannot be killed, or does not notice.
    GiveUp,
}

/// Judges what runs on a worker, and has overrun its limit.
pub(super) fn judge(worker: &Worker, mode: Execution, running: &mut Running, now: Time) -> Verdict {
    // Inline nobody looks before it has returned by itself.
    if worker.home.get().is_none() || mode == Execution::Inline {
        return Verdict::GiveUp;
    }
    match running.killed {
        Some(since) if now.since(since) < NOTICED_WITHIN => Verdict::Wait,
        Some(_) => Verdict::GiveUp,
        None => {
            running.killed = Some(now);
            Verdict::Kill(Killing {
                slot: running.slot,
                call: running.call().cloned(),
                since: running.since,
                limit: running.limit.clone(),
                inside: running.label().to_string(),
            })
        }
    }
}

/// Tells whoever waits, and then kills it: the time-out is what the call ends with.
pub(super) fn carry_out(executor: &Arc<Executor>, worker: &Worker, killing: Killing, now: Time) {
    let Killing {
        slot,
        call,
        since,
        limit,
        inside,
    } = killing;
    if let Some(device) = worker.devices().nth(slot) {
        device.counts().timeouts.fetch_add(1, Ordering::Relaxed);
        if let Some(call) = call {
            executor.give_up(&device, &call, call.overrun(&limit, since, now));
        }
    }
    worker.kill(&format!(
        "the {inside} did not return within {}",
        seconds(limit.duration)
    ));
}

impl Worker {
    /// Ends what its driver is inside of, for real, because of this. `false` if it has no process of its own, or that has
    /// ended.
    pub(crate) fn kill(&self, why: &str) -> bool {
        self.home.get().is_some_and(|home| home.kill(why))
    }
}
