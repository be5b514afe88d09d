//! The watchdog: notices calls that overrun their limits, which their own threads cannot (S3, S4).

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    Executor, Worker,
    inbox::{Running, Stuck},
};
use crate::{
    clock::Time,
    failure::{Failure, Refusal, seconds},
    owner::OwnerId,
};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(50);
/// How much longer a long call gets after it was cancelled at its limit (S4).
const GRACE: Duration = Duration::from_secs(2);

/// Starts the watchdog's thread, which ends with the executor.
pub(super) fn start(executor: &Arc<Executor>) -> std::io::Result<()> {
    let executor = Arc::downgrade(executor);
    std::thread::Builder::new()
        .name("baton watchdog".into())
        .spawn(move || {
            while let Some(executor) = executor.upgrade() {
                if executor.is_closing() {
                    return;
                }
                for worker in &executor.workers {
                    look(&executor, worker);
                }
                drop(executor);
                std::thread::park_timeout(PERIOD);
            }
        })?;
    Ok(())
}

/// What is to be done about a running call.
enum Overrun {
    None,
    /// A long one: cancel and stop it.
    Cancel,
    /// Give the worker up.
    Stuck,
}

fn look(executor: &Arc<Executor>, worker: &Arc<Worker>) {
    let now = executor.now();
    let (overrun, slot, expired) = {
        let mut state = worker.inbox.lock();
        let expired = state.take_expired(now);
        let stuck = state.stuck.is_some();
        match &mut state.running {
            Some(running) if !stuck => (judge(running, now), running.slot, expired),
            _ => (Overrun::None, 0, expired),
        }
    };
    for job in expired {
        if let Some(device) = worker.devices().nth(job.slot) {
            let path = job.call.label.path();
            let (name, waited) = (device.name().to_string(), now.since(job.call.accepted));
            let refusal = Refusal::Expired {
                path,
                device: name,
                waited,
            };
            executor.give_up(&device, &job.call, Failure::Refused(refusal));
        }
    }
    match overrun {
        Overrun::None => {}
        Overrun::Cancel => {
            if let Some(device) = worker.devices().nth(slot) {
                let owner = OwnerId::new("the host, because it overran its limit");
                executor.submit_stop(
                    &device,
                    &super::Caller {
                        owner,
                        deadline: None,
                        chain: None,
                    },
                );
            }
        }
        Overrun::Stuck => give_up(executor, worker, now),
    }
}

fn judge(running: &mut Running, now: Time) -> Overrun {
    // Whoever waits for a member is as alive as that member, which has a limit of its own (S3).
    if !running.nested.is_empty() {
        return Overrun::None;
    }
    let elapsed = now.since(running.since);
    if elapsed < running.limit {
        return Overrun::None;
    }
    if !running.long {
        return Overrun::Stuck;
    }
    if elapsed >= running.limit + GRACE {
        return Overrun::Stuck;
    }
    match std::mem::replace(&mut running.cancelled, true) {
        true => Overrun::None,
        false => Overrun::Cancel,
    }
}

/// Gives a worker up: its call times out, all that waits is refused, and its devices say so.
fn give_up(executor: &Arc<Executor>, worker: &Arc<Worker>, now: Time) {
    let (call, limit, elapsed, stuck, jobs) = {
        let mut state = worker.inbox.lock();
        let Some(running) = &state.running else { return };
        let (limit, elapsed) = (running.limit, now.since(running.since));
        let call = running.call().cloned();
        let stuck = Stuck {
            slot: running.slot,
            since: running.since,
            inside: running.label().to_string(),
        };
        worker.inbox.set_stuck(&mut state, stuck.clone());
        (call, limit, elapsed, stuck, state.drain())
    };
    tracing::error!(
        worker = %worker.name,
        "{} is stuck in {} since {}; its limit is {}",
        worker.name, stuck.inside, seconds(elapsed), seconds(limit)
    );
    if let Some(call) = &call {
        let path = call.label.path();
        call.resolve(Err(Failure::Timeout { path, limit, elapsed }));
        executor.counters().count(false);
    }
    for (slot, device) in worker.devices().enumerate() {
        if slot == stuck.slot {
            device.counts().timeouts.fetch_add(1, Ordering::Relaxed);
        }
        let ended = device.change(|change| change.stick(&stuck.text(now), now));
        let refusal = stuck.refusal(&device, now);
        for call in ended {
            call.resolve(Err(Failure::Refused(refusal.clone())));
        }
        for job in jobs.iter().filter(|job| job.slot == slot) {
            job.call.resolve(Err(Failure::Refused(refusal.clone())));
        }
    }
}
