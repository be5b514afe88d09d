//! The watchdog: notices calls that overrun their limits, which their own threads cannot (S3, S4).

use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::Duration,
};

use baton_plugin_api::Error;

use super::{
    CallCore, Executor, Worker,
    inbox::{Job, State},
    kill::{self, Killing, Verdict},
    running::Stuck,
};
use crate::{
    clock::Time,
    device::{Change, Device, Reading, TimeLimit, Way},
    failure::{Failure, Refusal, seconds},
    owner::OwnerId,
};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(50);
/// Who is inside a driver for longer keeps polls waiting.
const LATE: Duration = Duration::from_secs(1);
/// How much longer a long call gets after it was cancelled at its limit (S4).
const GRACE: Duration = Duration::from_secs(2);

/// Starts the watchdog's thread, which ends with the executor.
pub(super) fn start(executor: &Arc<Executor>) -> std::io::Result<JoinHandle<()>> {
    let executor = Arc::downgrade(executor);
    let watch = move || {
        while let Some(executor) = executor.upgrade() {
            if executor.is_closing() {
                return;
            }
            for worker in &executor.workers {
                look(&executor, worker);
            }
            executor.look_at_waits(executor.now());
            executor.arbiter().run_due();
            let due = executor.arbiter().next_due();
            let rest = due.map_or(PERIOD, |due| executor.clock().until(due).min(PERIOD));
            drop(executor);
            std::thread::park_timeout(rest);
        }
    };
    std::thread::Builder::new().name("baton watchdog".into()).spawn(watch)
}

/// What is to be done about a running call.
enum Overrun {
    None,
    /// A long one: cancel and stop its device.
    Cancel(usize),
    /// The caller's time is over, but not the driver's.
    Impatient(Arc<CallCore<Reading>>, usize),
    /// Its driver is ended, for real.
    Kill(Killing),
    /// The worker was given up.
    Stuck(GivenUp),
}

/// A worker that was given up, and what comes to an end with that.
struct GivenUp {
    call: Option<Arc<CallCore<Reading>>>,
    limit: TimeLimit,
    stuck: Stuck,
    jobs: Vec<Job>,
}

/// Looks at one worker: at what it is inside of, and at what waits for it in vain.
pub(super) fn look(executor: &Arc<Executor>, worker: &Arc<Worker>) {
    let now = executor.now();
    let (overrun, expired, since) = {
        let mut state = worker.inbox.lock();
        let expired = state.take_expired(now);
        let since = state.running.as_ref().map(|running| running.since);
        // Judged and given up under one lock: the next call must not pay for one that has just returned.
        (judge(executor, worker, &mut state, now), expired, since)
    };
    if since.is_some_and(|since| now.since(since) >= LATE) {
        // Nobody polls them meanwhile (D2).
        worker
            .devices()
            .for_each(|device| device.change(|change| change.mark_stale(now)));
    }
    for job in expired {
        expire(executor, worker, &job, now);
    }
    match overrun {
        Overrun::None => {}
        Overrun::Cancel(slot) => {
            let device = worker
                .devices()
                .nth(slot)
                .expect("a call runs on a device of its worker");
            let caller = super::Caller::new(OwnerId::new("the host, because it overran its limit"));
            executor.submit_stop(&device, &caller);
        }
        Overrun::Impatient(call, slot) => run_out(executor, worker, &call, slot, now),
        Overrun::Kill(killing) => kill::carry_out(executor, worker, killing, now),
        Overrun::Stuck(given_up) => tell(executor, worker, given_up, now),
    }
}

/// A call whose caller waits no longer, while its driver is inside of it and may be for a while: who waits is told, and the
/// driver is asked to end. What it moves is stopped, now or when it comes back.
fn run_out(executor: &Arc<Executor>, worker: &Worker, call: &Arc<CallCore<Reading>>, slot: usize, now: Time) {
    let (Some(failure), Some(device)) = (call.out_of_time(now), worker.devices().nth(slot)) else {
        return;
    };
    let moves = device.change(|change| change.way_of(call)) == Some(Way::Motion);
    executor.give_up(&device, call, failure);
    device.counts().timeouts.fetch_add(1, Ordering::Relaxed);
    call.tell_to_end();
    if moves {
        let caller = super::Caller::new(OwnerId::new("the host, because its caller's time was over"));
        executor.submit_stop(&device, &caller);
    }
}

/// A call whose caller waits no longer, before it began (S3).
fn expire(executor: &Arc<Executor>, worker: &Worker, job: &Job, now: Time) {
    let device = worker
        .devices()
        .nth(job.slot)
        .expect("a job is for a device of its worker");
    let refusal = Refusal::Expired {
        path: job.call.label.path(),
        device: device.name().to_string(),
        waited: now.since(job.call.accepted),
    };
    executor.give_up(&device, &job.call, Failure::Refused(refusal));
}

fn judge(executor: &Executor, worker: &Worker, state: &mut State, now: Time) -> Overrun {
    if state.stuck.is_some() {
        return Overrun::None;
    }
    let Some(running) = &mut state.running else {
        return Overrun::None;
    };
    let elapsed = now.since(running.since);
    // Whoever waits for a member is as alive as that member, which has a limit of its own (S3).
    if !running.nested.is_empty() {
        return Overrun::None;
    }
    if elapsed < running.limit.duration {
        let ended = running.call().and_then(|call| call.ends()).filter(|ends| *ends <= now);
        return match (ended, running.given_up) {
            (Some(_), false) => {
                running.given_up = true;
                let call = running.call().cloned();
                call.map_or(Overrun::None, |call| Overrun::Impatient(call, running.slot))
            }
            _ => Overrun::None,
        };
    }
    if running.long && elapsed < running.limit.duration + GRACE {
        return match std::mem::replace(&mut running.cancelled, true) {
            true => Overrun::None,
            false => Overrun::Cancel(running.slot),
        };
    }
    match kill::judge(worker, executor.mode(), running, now) {
        Verdict::Kill(killing) => Overrun::Kill(killing),
        Verdict::Wait => Overrun::None,
        Verdict::GiveUp => stick(state).map_or(Overrun::None, Overrun::Stuck),
    }
}

/// Gives up what runs; `None` if nothing does, or not any more.
fn stick(state: &mut State) -> Option<GivenUp> {
    let running = state.running.as_ref()?;
    let (slot, since, limit) = (running.slot, running.since, running.limit.clone());
    let (call, inside) = (running.call().cloned(), running.label().to_string());
    let stuck = Stuck { slot, since, inside };
    if !state.stick(stuck.clone()) {
        return None;
    }
    Some(GivenUp {
        call,
        limit,
        stuck,
        jobs: state.drain(),
    })
}

/// Gives a worker up whatever its limit, because the lab is being closed.
pub(super) fn give_up(executor: &Arc<Executor>, worker: &Arc<Worker>) {
    let now = executor.now();
    let given_up = {
        let mut state = worker.inbox.lock();
        match state.stuck {
            Some(_) => None,
            None => stick(&mut state),
        }
    };
    if let Some(given_up) = given_up {
        tell(executor, worker, given_up, now);
    }
    worker.kill("the host is ending");
}

/// Its devices say that they are stuck; the call that ran times out; all that waited is refused.
fn tell(executor: &Arc<Executor>, worker: &Arc<Worker>, given_up: GivenUp, now: Time) {
    let GivenUp {
        call,
        limit,
        stuck,
        jobs,
    } = given_up;
    tracing::error!(
        worker = %worker.name,
        "{} is {}; its limit is {}, {}",
        worker.name, stuck.text(), seconds(limit.duration), limit.set_by
    );
    let mut ended = Vec::new();
    for (slot, device) in worker.devices().enumerate() {
        if slot == stuck.slot {
            device.counts().timeouts.fetch_add(1, Ordering::Relaxed);
        }
        let refusal = || Failure::Refused(stuck.refusal(&device, now));
        let waiting = jobs.iter().filter(|job| job.slot == slot).map(|job| &job.call);
        // Looked at under the device's lock, because whoever comes back tells the device so under it, too: it must not
        // hear of both the wrong way round.
        let still = |change: &mut Change<'_>| {
            worker
                .inbox
                .is_stuck_since(stuck.since)
                .then(|| change.stick(&stuck.text(), &stuck.inside, stuck.since, now))
        };
        match device.change(still) {
            Some(ways) => {
                ended.extend(waiting.map(|call| (Arc::clone(call), refusal())));
                ended.extend(ways.into_iter().map(|call| {
                    let failure = ended_by(&stuck, &device, &call, now);
                    (call, failure)
                }));
            }
            None => waiting.for_each(|call| executor.give_up(&device, call, refusal())),
        }
    }
    if let Some(call) = &call {
        executor.resolve(call, Err(call.overrun(&limit, stuck.since, now)));
    }
    for (call, failure) in ended {
        executor.resolve(&call, Err(failure));
    }
}

/// How a write or command ends whose worker is stuck in something else: one that the driver has taken was not refused.
fn ended_by(stuck: &Stuck, device: &Device, call: &CallCore<Reading>, now: Time) -> Failure {
    let refusal = stuck.refusal(device, now);
    match call.is_taken() {
        true => Failure::Driver {
            path: call.label.path(),
            error: Error::communication(refusal.to_string()),
        },
        false => Failure::Refused(refusal),
    }
}
