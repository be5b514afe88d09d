//! Stop and cancel: past every queue (RULES.md S).

use std::sync::{Arc, Weak, atomic::Ordering};

use baton_plugin_api::{Error, ErrorKind, Value};
use serde::Serialize;
use serde_json::json;

use super::{
    Call, CallCore, Cancelling, Executor, Label,
    body::STOP_LIMIT,
    call::Canceller,
    inbox::{Action, Job},
    stopper::Stopper,
    submit::Caller,
};
use crate::{
    config::Execution,
    device::{Connection, Device, Reading, Way},
    dispatcher::{HOST, Payload},
    failure::{Failure, Refusal},
    owner::OwnerId,
};

/// Whoever waits for stops looks so often whether the host is in a hurry.
const A_LOOK: std::time::Duration = std::time::Duration::from_millis(50);

/// How a device was stopped.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StopReport {
    /// Name of the device.
    pub device: String,
    /// `stopped`, `nothing to stop`, `cannot be stopped` (its driver has no way to, and something is on its way),
    /// `not connected`, `no answer` (within two seconds), or `failed`.
    pub outcome: &'static str,
    /// What went wrong.
    pub error: Option<String>,
    /// Seconds it took.
    pub elapsed: f64,
}

impl Executor {
    /// Raises the epoch of a device: what is queued never starts, what runs is cancelled (S1). First of all for every
    /// device of a `stop --all`, before any driver is asked.
    pub(crate) fn raise_epoch(self: &Arc<Self>, device: &Arc<Device>, by: &str) {
        let now = self.now();
        device.change(|change| change.stopped_by(by, now));
        let inbox = &device.worker().inbox;
        let members = {
            // Under the inbox's lock, so that no job of the old epoch is queued after this.
            let state = inbox.lock();
            device.epoch().fetch_add(1, Ordering::AcqRel);
            let running = state.running.as_ref().filter(|running| running.slot == device.slot());
            let nested = running.iter().flat_map(|running| &running.nested);
            let moved = nested
                .filter(|nested| nested.moves)
                .map(|nested| Arc::clone(&nested.member));
            moved.collect::<Vec<_>>()
        };
        let slot = device.slot();
        let moves = |job: &Job| job.slot == slot && matches!(job.action, Action::Write { .. } | Action::Run { .. });
        for job in inbox.remove(moves) {
            let failure = Failure::Stopped {
                path: job.call.label.path(),
                by: by.to_owned(),
            };
            self.give_up(device, &job.call, failure);
        }
        for member in members {
            let owner = OwnerId::new(by);
            self.submit_stop(&member, &Caller::new(owner));
        }
    }

    /// Stops a device. The call resolves when its driver has been told, or after two seconds.
    pub(crate) fn submit_stop(self: &Arc<Self>, device: &Arc<Device>, caller: &Caller) -> Call {
        self.raise_epoch(device, caller.owner.label());
        self.call_stop(device, caller)
    }

    /// Tells the driver to stop, by its stopper from here or at the head of the worker's queue.
    pub(crate) fn call_stop(self: &Arc<Self>, device: &Arc<Device>, caller: &Caller) -> Call {
        let call = self.stop_call(device, caller);
        let stopper = device.worker().stopper(device.slot());
        let queued = self.push_stop(device, &call, stopper.is_none());
        match (stopper, queued) {
            (Some(stopper), _) => self.stop_out_of_band(device, &call, stopper),
            (None, Err(refusal)) => {
                self.resolve(call.core(), Err(Failure::Refused(refusal)));
            }
            (None, Ok(())) => {}
        }
        if self.mode() == Execution::Inline {
            self.drive(&call, device.worker());
        }
        call
    }

    /// Has the worker look at what a stop came to that was called from there.
    pub(super) fn look_after_stop(&self, device: &Arc<Device>, caller: &Caller) {
        let call = self.stop_call(device, caller);
        if let Err(refusal) = self.push_stop(device, &call, false) {
            self.resolve(call.core(), Err(Failure::Refused(refusal)));
        }
    }

    fn stop_call(&self, device: &Arc<Device>, caller: &Caller) -> Call {
        let label = Label {
            device: Arc::clone(device.name()),
            member: "".into(),
            verb: "stop",
        };
        Call::new(label, caller.owner.clone(), self.now(), None)
    }

    /// Puts a stop at the head of the worker's queue: to have the driver called, or only to look at what it came to.
    fn push_stop(&self, device: &Arc<Device>, call: &Call, call_driver: bool) -> Result<(), Refusal> {
        let job = Job {
            slot: device.slot(),
            action: Action::Stop { call_driver },
            call: Arc::clone(call.core()),
            epoch: device.current_epoch(),
            epochs: None,
            deadline: None,
            chain: None,
        };
        device.worker().inbox.push_urgent(device, job, || self.now())?;
        device.worker().wake();
        Ok(())
    }

    /// Runs a stopper: on a thread of its own, because it may block; here in inline execution. Where it fails, the
    /// device's stop is tried as well, in the queue.
    fn stop_out_of_band(self: &Arc<Self>, device: &Arc<Device>, call: &Call, stopper: Arc<Stopper>) {
        let (executor, device, call) = (Arc::clone(self), Arc::clone(device), call.clone());
        let core = Arc::clone(call.core());
        let stop = move || {
            let path = call.core().label.path();
            let outcome = stopper
                .stop(STOP_LIMIT)
                .map(|()| Reading::good(Value::Unit, executor.now()));
            if outcome.is_err() && device.has_stop() {
                let other = Call::new(call.core().label.clone(), call.owner().clone(), executor.now(), None);
                // If it is refused, the worker is stuck or closed, and the stopper was all there was.
                let _ = executor.push_stop(&device, &other, true);
            }
            executor.resolve(call.core(), outcome.map_err(|error| Failure::Driver { path, error }));
        };
        match self.mode() {
            Execution::Inline => stop(),
            Execution::Threaded => {
                let thread = std::thread::Builder::new().name("baton stop".into());
                if let Err(error) = thread.spawn(stop) {
                    let (path, text) = (core.label.path(), format!("the system gave no thread: {error}"));
                    let error = Error::new(ErrorKind::InternalError, text);
                    self.resolve(&core, Err(Failure::Driver { path, error }));
                }
            }
        }
    }

    /// What cancelling does to a call that is not resolved (C4): a queued one is taken out, what moves is stopped, and a
    /// read is asked to end.
    fn cancel(self: &Arc<Self>, device: &Arc<Device>, call: &Arc<CallCore<Reading>>) -> Cancelling {
        let queued = device.worker().inbox.remove(|job| Arc::ptr_eq(&job.call, call));
        if !queued.is_empty() {
            self.give_up(
                device,
                call,
                Failure::Cancelled {
                    path: call.label.path(),
                },
            );
            return Cancelling::Ended;
        }
        let is_inside = self.is_inside_of(device, call);
        let way = device.change(|change| change.way_of(call));
        let Some(way) = way else {
            // A read moves nothing, and keeps nobody from anything. What it reads is recorded, if it does.
            let path = call.label.path();
            self.resolve(call, Err(Failure::Cancelled { path }));
            return Cancelling::Ended;
        };
        // Another motion of the device is not stopped because of a parameter that was written meanwhile.
        let stops = way == Way::Motion || is_inside && !device.is_moving();
        let stopper = device.worker().stopper(device.slot());
        if stops && (way == Way::Motion || stopper.is_some()) {
            self.submit_stop(device, &Caller::new(call.owner.clone()));
        }
        match is_inside && !(stops && stopper.is_some()) {
            true => Cancelling::CannotInterrupt(self.uninterruptible(device, call)),
            // What waits for its readback sees it at the next look.
            false => Cancelling::Stopping,
        }
    }

    fn is_inside_of(&self, device: &Device, call: &Arc<CallCore<Reading>>) -> bool {
        let state = device.worker().inbox.lock();
        let running = state.running.as_ref().and_then(|running| running.call());
        running.is_some_and(|running| Arc::ptr_eq(running, call))
    }

    /// That the driver is inside of a call and has nothing to stop it by; it may still look by itself whether it shall.
    fn uninterruptible(&self, device: &Device, call: &CallCore<Reading>) -> String {
        let name = device.name();
        let follows = match device.has_stop() {
            true => "the stop follows as soon as it returns",
            false => "and it has no stop either",
        };
        format!(
            "{name}: its driver is inside the {} and has nothing to interrupt that by; {follows}. If it does not return: \
             baton reopen --abandon {name}",
            call.label
        )
    }

    /// Ends a call that never began.
    pub(super) fn give_up(&self, device: &Device, call: &Arc<CallCore<Reading>>, failure: Failure) {
        let now = self.now();
        let outcome = device.change(|change| change.settle(call, Err(failure), now));
        self.resolve(call, outcome);
    }

    /// Stops a device and all that it reaches, each by itself: past whatever it is that its own chain waits for. A driver
    /// that is then still inside a call, and runs in a process of its own, is killed. Blocks for two seconds at most.
    pub(crate) fn begin_hard_stop(self: &Arc<Self>, device: &Arc<Device>, caller: &Caller) -> Vec<(Arc<Device>, Call)> {
        let below = self.epochs_below(device);
        let below = below
            .iter()
            .flat_map(|below| below.iter())
            .map(|(member, _)| Arc::clone(member));
        let devices: Vec<_> = std::iter::once(Arc::clone(device)).chain(below).collect();
        self.begin_stop_all(&devices, caller)
    }

    /// Kills the process of a driver that has not answered a stop; `false` if it has none.
    pub(crate) fn kill_if_inside(&self, device: &Device) -> bool {
        let worker = device.worker();
        worker.is_inside() && worker.kill("it did not answer a stop")
    }

    /// Stops every device: all epochs are raised before any driver is told; then all at once, each with its own two
    /// seconds (S1, S2). Blocks until all have answered or their time is over.
    pub(crate) fn stop_all(self: &Arc<Self>, devices: &[Arc<Device>], caller: &Caller) -> Vec<StopReport> {
        let calls = self.begin_stop_all(devices, caller);
        let started = std::time::Instant::now();
        let wait = |(device, call): (Arc<Device>, Call)| {
            let outcome = loop {
                let rest = STOP_LIMIT.saturating_sub(started.elapsed());
                let outcome = call.core().wait(Some(rest.min(A_LOOK)));
                if outcome.is_some() || rest.is_zero() || self.is_hurried() {
                    break outcome;
                }
            };
            self.report(&device, &call, outcome)
        };
        calls.into_iter().map(wait).collect()
    }

    /// Tells that everything is being stopped, and later what came of it: messages of the host.
    pub(crate) fn tell_stop_all(&self, by: &OwnerId, reports: Option<&[StopReport]>) {
        let payload = |json| (Payload::record(json), self.now());
        match reports {
            None => self
                .dispatcher()
                .send(HOST, "stop_all", || payload(json!({ "by": by.label() }))),
            Some(reports) => self.dispatcher().send(HOST, "stopped", || {
                payload(json!({ "by": by.label(), "devices": reports }))
            }),
        };
    }

    /// Raises all epochs, then tells all drivers.
    pub(crate) fn begin_stop_all(
        self: &Arc<Self>,
        devices: &[Arc<Device>],
        caller: &Caller,
    ) -> Vec<(Arc<Device>, Call)> {
        for device in devices {
            self.raise_epoch(device, caller.owner.label());
        }
        devices
            .iter()
            .map(|device| (Arc::clone(device), self.call_stop(device, caller)))
            .collect()
    }

    /// What came of a stop; `None` if its time was over first.
    pub(crate) fn report(&self, device: &Device, call: &Call, outcome: Option<Result<Reading, Failure>>) -> StopReport {
        let can = device.has_stop() || device.has_ramp() || device.worker().stopper(device.slot()).is_some();
        let inside = || {
            let state = device.worker().inbox.lock();
            state.running.as_ref().map(|running| running.label().to_string())
        };
        let (outcome, error) = match outcome {
            _ if matches!(device.connection(), Connection::Down { .. }) && can => ("not connected", None),
            Some(Ok(_)) if can => ("stopped", None),
            _ if !can && !device.is_under_way() => ("nothing to stop", None),
            Some(Ok(_)) => ("cannot be stopped", None),
            Some(Err(Failure::Refused(Refusal::Closed { .. }))) => ("not connected", None),
            Some(Err(failure)) => ("failed", Some(failure.to_string())),
            None => {
                let inside = inside().map_or("its driver".to_owned(), |label| format!("the {label}"));
                let text = format!("still inside {inside}, which cannot be interrupted; the stop follows it");
                ("no answer", Some(text))
            }
        };
        let elapsed = call.elapsed().unwrap_or_else(|| self.now().since(call.accepted()));
        StopReport {
            device: device.name().to_string(),
            outcome,
            error,
            elapsed: elapsed.as_secs_f64(),
        }
    }
}

impl Canceller<Reading> for Device {
    fn cancel(&self, call: &Arc<CallCore<Reading>>) -> Cancelling {
        let executor = self.worker().executor.get().and_then(Weak::upgrade);
        match executor {
            Some(executor) => match executor.devices().device(self.name()) {
                Ok(device) => executor.cancel(device, call),
                Err(_) => Cancelling::Over,
            },
            None => Cancelling::Over,
        }
    }
}
