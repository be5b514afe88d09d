//! Leaving behind what does not come back (S6).
//!
//! A driver that hangs in this process cannot be ended: its thread, its instance and its library stay, and nothing of
//! them is called again. What can be had is another body for the worker, with a new instance. A driver in a process of
//! its own can be ended: that one is killed, its call returns with an error, and the same body goes on.

use std::{sync::Arc, thread::JoinHandle};

use baton_plugin_api::Time;
use serde::Serialize;

use super::{Body, Call, Caller, Executor, Plan, Worker, inbox::Action, running::Stuck};
use crate::{
    device::{Device, Unstuck},
    failure::{Refusal, clock_time},
};

/// The most that a host leaves behind.
const MOST: usize = 16;

/// What was left behind.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftBehind {
    /// Name of the device or controller.
    pub worker: String,
    /// Since when it has been inside its driver, in seconds since the Unix epoch.
    pub since: f64,
    /// Inside what: `read of pump.flow`.
    pub inside: String,
}

/// What became of a worker that was to be left behind.
#[derive(Clone, Debug, PartialEq)]
pub enum Abandoned {
    /// It was not stuck: its devices are only opened again.
    NotStuck,
    /// It was left behind, inside of this.
    Behind(LeftBehind),
    /// Its process was killed.
    Killed,
}

/// All that was left behind, and the threads in it. They are kept, so that nobody takes them for lost.
#[derive(Default)]
pub(super) struct Behind(Vec<(LeftBehind, Option<JoinHandle<()>>)>);

impl Executor {
    /// What has been left behind since the lab was opened.
    pub(crate) fn left_behind(&self) -> Vec<LeftBehind> {
        let behind = self.behind();
        behind.0.iter().map(|(what, _)| what.clone()).collect()
    }

    /// Opens a device again; if its worker is stuck, what it is stuck in is left behind first, with all its devices.
    pub(crate) fn submit_abandon(
        self: &Arc<Self>,
        device: &Arc<Device>,
        caller: &Caller,
    ) -> Result<(Call, Abandoned), Refusal> {
        let worker = device.worker();
        let abandoned = match worker.kill(&format!("{} has abandoned it", caller.owner.label())) {
            true => Abandoned::Killed,
            false => self.leave_behind(device)?,
        };
        // The worker that takes over begins by opening all its devices.
        let again = !matches!(abandoned, Abandoned::Behind(_));
        let call = self.call(device, &"".into(), "re-opening", caller);
        let job = self.job(device, Action::Reopen { again }, &call, caller);
        worker.inbox.push_though_stuck(device, job)?;
        worker.wake();
        self.set_off(device, &call, caller);
        Ok((call, abandoned))
    }

    fn leave_behind(self: &Arc<Self>, device: &Arc<Device>) -> Result<Abandoned, Refusal> {
        let worker = device.worker();
        // Held throughout: two that abandon at a time are counted one after the other.
        let mut behind = self.behind();
        if worker.inbox.lock().stuck.is_none() {
            return Ok(Abandoned::NotStuck);
        }
        if behind.0.len() >= MOST {
            return Err(Refusal::TooManyBehind {
                device: device.name().to_string(),
                count: behind.0.len(),
            });
        }
        let Some(stuck) = worker.inbox.succeed() else {
            return Ok(Abandoned::NotStuck);
        };
        let what = LeftBehind {
            worker: worker.name.to_string(),
            since: stuck.since.as_seconds(),
            inside: stuck.inside.clone(),
        };
        behind.0.push((what.clone(), self.take_thread(worker)));
        let count = behind.0.len();
        drop(behind);
        tracing::warn!(
            worker = %worker.name,
            "{}: its thread and its instance are left behind in the {}; {count} of at most {MOST} are",
            worker.name, stuck.inside
        );
        self.succeed(worker, &stuck).map_err(|error| Refusal::NoThread {
            device: device.name().to_string(),
            error: error.to_string(),
        })?;
        Ok(Abandoned::Behind(what))
    }

    /// Lets another body be the worker.
    fn succeed(self: &Arc<Self>, worker: &Arc<Worker>, stuck: &Stuck) -> std::io::Result<()> {
        // Freeing a stopper is a call into the library, and so these are kept for ever.
        std::mem::take(&mut *worker.stoppers())
            .into_iter()
            .for_each(std::mem::forget);
        let plan = Plan {
            devices: worker.devices().collect(),
            ..worker.plan.get().expect("a worker that is stuck was started").clone()
        };
        let body = Body::new(Arc::clone(self), Arc::clone(worker), plan);
        let now = self.now();
        let cause = format!("its driver was left behind in the {}", stuck.inside);
        for device in worker.devices() {
            device.change(|change| {
                change.down(cause.clone(), true, now);
                change.unstick(now, &stuck.inside, stuck.since, Unstuck::LeftBehind);
                change.clear_error(now);
            });
        }
        self.spawn(worker, body)
    }

    /// Kills the process that the driver of this worker runs in, if it has one.
    pub(super) fn kill_worker(&self, name: Option<&str>) -> bool {
        let worker = self.workers.iter().find(|worker| Some(&*worker.name) == name);
        worker.is_some_and(|worker| worker.kill("the host is ending"))
    }

    /// The thread of a worker, which nobody waits for any more.
    fn take_thread(&self, worker: &Worker) -> Option<JoinHandle<()>> {
        let mut threads = self.threads();
        let of_worker = |name: &Option<Arc<str>>| name.as_ref().is_some_and(|name| **name == *worker.name);
        let at = threads.iter().position(|(name, _)| of_worker(name))?;
        Some(threads.swap_remove(at).1)
    }
}

impl Worker {
    /// Whether its thread is inside its driver, as far as anybody knows.
    pub(super) fn is_inside(&self) -> bool {
        let state = self.inbox.lock();
        state.stuck.is_some() || state.running.is_some()
    }

    /// What of it was left behind may still hold the line: this is said with an error of opening it.
    pub(super) fn may_hold_the_line(&self, executor: &Executor) -> Option<String> {
        let behind = executor.left_behind();
        let last = behind.iter().rev().find(|behind| *behind.worker == *self.name)?;
        let since = Time::from_nanoseconds((last.since * 1e9) as u64);
        Some(format!(
            "what was left behind of it may still hold its line: it has been in the {} since {}",
            last.inside,
            clock_time(since)
        ))
    }
}
