//! Acting in a lab, as somebody.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use baton_plugin_api::Value;
use serde_json::Value as Json;

use super::{Lab, messages::sender_of};
use crate::{
    arbiter::{Doing, Target},
    audit::{self, Asked, Entry},
    condition::Condition,
    device::{AcceptedLimits, Device, Reading, Wait, split_path},
    executor::{Abandoned, Call, Caller, StopReport},
    failure::{Failure, Refusal},
    owner::OwnerId,
};

/// Somebody who acts: the way in to everything that a lab can do.
///
/// Every request is decided at once: it is refused, with the device untouched, or it is a [`Call`] on its way. So
/// `me.set(..)?.await?` tells refusal and failure apart in two question marks. In inline execution the call is resolved
/// when it is returned.
///
/// Paths are spelled `stage.position` or `stage:position`; `stage` alone is its main parameter. Values are in the declared
/// unit, or texts with a unit of their own: `"2000 um"`.
#[derive(Clone)]
pub struct Owner {
    pub(super) lab: Lab,
    pub(super) id: OwnerId,
    /// As whom it sends.
    pub(super) sender: Arc<str>,
    patience: Option<Duration>,
    limit: Option<Duration>,
}

impl Owner {
    pub(super) fn new(lab: Lab, id: OwnerId) -> Self {
        Owner {
            lab,
            sender: sender_of(&id),
            id,
            patience: None,
            limit: None,
        }
    }

    /// The same owner, who speaks by the name that it has introduced itself by since.
    pub(crate) fn introduced(&self) -> Owner {
        Owner {
            sender: sender_of(&self.id),
            ..self.clone()
        }
    }

    /// Who it is.
    pub fn id(&self) -> &OwnerId {
        &self.id
    }

    /// The same owner, whose requests are refused when they have not begun after `patience` (S3).
    #[must_use]
    pub fn patient_for(&self, patience: Duration) -> Owner {
        Owner {
            patience: Some(patience),
            ..self.clone()
        }
    }

    /// The same owner, whose calls end within `limit` of their acceptance (S3, S4). It goes before all that config and
    /// driver say, in both directions.
    ///
    /// One that has not begun by then is refused, with the device untouched. One that the driver is inside of ends as
    /// [`Timeout`](Failure::Timeout), and the driver is asked to end; others are refused only when it has overrun its own
    /// limit as well. A motion is stopped, and then ends as `Timeout`.
    ///
    /// ```no_run
    /// # async fn test(me: baton_host::lab::Owner) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// let hasty = me.limited_to(Duration::from_secs(2));
    /// println!("{:?}", hasty.get("oven.temperature")?.await?.value);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn limited_to(&self, limit: Duration) -> Owner {
        Owner {
            limit: Some(limit),
            ..self.clone()
        }
    }

    /// As [`limited_to`](Self::limited_to), if there is a limit.
    pub(crate) fn with_limit(&self, limit: Option<Duration>) -> Owner {
        Owner { limit, ..self.clone() }
    }

    fn caller(&self) -> Caller {
        let first = self.patience.into_iter().chain(self.limit).min();
        let deadline = first.map(|patience| self.lab.clock().now() + patience);
        Caller {
            owner: self.id.clone(),
            deadline,
            limit: self.limit,
            chain: None,
        }
    }

    /// Reads a parameter from the hardware: the driver is entered after this call (D1).
    ///
    /// # Errors
    /// `NoSuchDevice`, `NoSuchParameter`, `Down`, `Stuck`.
    pub fn get(&self, path: &str) -> Result<Call, Refusal> {
        let (device, name) = split_path(path);
        let device = self.lab.device(device)?;
        if name.eq_ignore_ascii_case("status") {
            return self.lab.executor().submit_status(device, &self.caller());
        }
        self.lab.executor().submit_read(device, name, &self.caller())
    }

    /// Reads a parameter, contented with a reading that is at most `max_age` old.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_within(&self, path: &str, max_age: Duration) -> Result<Call, Refusal> {
        let (device, name) = split_path(path);
        let device = self.lab.device(device)?;
        let parameter = device.parameter(name)?;
        self.lab
            .executor()
            .submit_read_within(device, parameter, max_age, &self.caller())
    }

    /// Writes a parameter. The call is taken when the driver has accepted the value, and resolves when the readback has
    /// arrived (C3).
    ///
    /// # Errors
    /// As [`get`](Self::get), and `ReadOnly`, `WrongType`, `WrongUnit`, `Limit`, `NotFinite`, `Busy`, `Locked`, `Broken`,
    /// `Protected`.
    pub fn set(&self, path: &str, value: impl Into<Value>) -> Result<Call, Refusal> {
        let (device, name) = split_path(path);
        self.noted("write", path, value.into(), |value| {
            let device = self.lab.device(device)?;
            self.lab.executor().submit_write(device, name, value, &self.caller())
        })
    }

    /// Narrows the limits of a parameter, until they are set anew or [taken back](Self::clear_limits): in the declared
    /// unit, `0.0..=10.0`, or in any, `"0 mm"..="1 cm"`; infinite for none on that side. Driver and config are never
    /// widened: the narrowest counts. What is queued and lies outside is refused; what moves goes on.
    ///
    /// ```no_run
    /// # fn test(me: &baton_host::lab::Owner) -> Result<(), baton_host::failure::Refusal> {
    /// for warning in me.set_limits("stage.position", "0 mm"..="1 cm")?.warnings {
    ///     eprintln!("{warning}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NoSuchDevice`, `NoSuchParameter`, `ReadOnly`, `WrongType`, `WrongUnit`, `NotFinite`, `Reversed`, `NoRoom`.
    pub fn set_limits<V: Into<Value>>(&self, path: &str, limits: RangeInclusive<V>) -> Result<AcceptedLimits, Refusal> {
        let (lower, upper) = limits.into_inner();
        self.change_limits(path, Some((lower.into(), upper.into())))
    }

    /// Takes back what users have set as limits of a parameter.
    ///
    /// # Errors
    /// `NoSuchDevice`, `NoSuchParameter`, `ReadOnly`, `WrongType`.
    pub fn clear_limits(&self, path: &str) -> Result<AcceptedLimits, Refusal> {
        self.change_limits(path, None)
    }

    fn change_limits(&self, path: &str, limits: Option<(Value, Value)>) -> Result<AcceptedLimits, Refusal> {
        let (device, name) = split_path(path);
        let (executor, time) = (self.lab.executor(), self.lab.clock().now());
        let asked = executor.audit().map(|_| match &limits {
            Some((lower, upper)) => Json::from(vec![audit::shown(lower), audit::shown(upper)]),
            None => Json::Null,
        });
        let device = self.lab.device(device);
        let outcome = device.and_then(|device| executor.submit_limits(device, name, limits, &self.caller()));
        if let (Some(audit), Some(new)) = (executor.audit(), asked) {
            let asked = Asked {
                new,
                ..Asked::default()
            };
            let entry = Entry::new("limits", self.id.clone(), path, time).asked(asked);
            audit.record(match &outcome {
                Ok(_) => entry.ended("done", None, Duration::ZERO),
                Err(refusal) => entry.refused(refusal.to_string()),
            });
        }
        outcome
    }

    /// Lets the place where a parameter is be called `value`: "here is 0" (D8). The hardware is read, and not moved;
    /// readings, target and driver's limits are given in the new frame from then on, until the host ends. The call
    /// resolves to the reading in the new frame.
    ///
    /// # Errors
    /// As [`get`](Self::get), and `WrongType`, `WrongUnit`, `NotFinite`, `Busy`. As a failure of the call: `NoRoom`.
    pub fn set_zero(&self, path: &str, value: impl Into<Value>) -> Result<Call, Refusal> {
        let (device, name) = split_path(path);
        self.noted("zero", path, value.into(), |value| {
            let device = self.lab.device(device)?;
            self.lab.executor().submit_zero(device, name, value, &self.caller())
        })
    }

    /// Runs a command with an argument (`Value::Unit` for none). The reading that it resolves to is its result.
    ///
    /// # Errors
    /// As [`get`](Self::get), and `NoSuchCommand`, `WrongType`, `WrongUnit`, `Busy`, `Locked`, `Broken`, `Protected`.
    pub fn call(&self, path: &str, argument: impl Into<Value>) -> Result<Call, Refusal> {
        let (device, name) = split_path(path);
        self.noted("command", path, argument.into(), |argument| {
            let device = self.lab.device(device)?;
            self.lab
                .executor()
                .submit_command(device, name, argument, &self.caller())
        })
    }

    /// Makes a request, and has it noted if it is refused (X5); what is accepted is noted when it has ended.
    fn noted(
        &self,
        event: &'static str,
        path: &str,
        value: Value,
        request: impl FnOnce(Value) -> Result<Call, Refusal>,
    ) -> Result<Call, Refusal> {
        let Some(audit) = self.lab.executor().audit() else {
            return request(value);
        };
        let (asked, time) = (audit::shown(&value), self.lab.clock().now());
        request(value).inspect_err(|refusal| {
            let asked = Asked {
                new: asked,
                ..Asked::default()
            };
            let entry = Entry::new(event, self.id.clone(), path, time).asked(asked);
            audit.record(entry.refused(refusal.to_string()));
        })
    }

    /// Has it noted that something was refused (X5).
    pub(crate) fn note_refused(&self, event: &'static str, path: &str, refusal: &dyn std::fmt::Display) {
        if let Some(audit) = self.lab.executor().audit() {
            let entry = Entry::new(event, self.id.clone(), path, self.lab.clock().now());
            audit.record(entry.refused(refusal.to_string()));
        }
    }

    /// Waits until a parameter, or the status (`stage.status`), is what `condition` wants. The call resolves to the reading
    /// that was.
    ///
    /// From the return of this on, nothing is missed: make it first and write then, and it sees every reading in between,
    /// however short. It begins with a reading that is taken after this (D1); while it waits, the parameter is polled at
    /// least five times a second, if a reading does not take longer than 50 ms.
    ///
    /// A reading that fails, and a device that is lost, are waited out, unless the condition
    /// [fails on errors](Condition::failing_on_errors). Whoever holds the device is no hindrance. When the last clone of
    /// the call is dropped, nobody waits any more; `cancel` ends it as `Cancelled`.
    ///
    /// Inline, the call is not resolved when it is returned: `wait` runs the lab until it is, and an `await` lets it do
    /// one thing at a time, so that another future of the same task can go on.
    ///
    /// # Errors
    /// `NoSuchDevice`, `NoSuchParameter`, `WrongType`, `WrongUnit`, `NotFinite`. The call itself fails as
    /// [`NotReached`](Failure::NotReached) when its time is over.
    ///
    /// ```no_run
    /// # async fn stable(me: baton_host::lab::Owner) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use baton_host::condition::Condition;
    ///
    /// let stable = Condition::near("80 degC", "0.5 K").held_for(Duration::from_secs(30));
    /// let stable = me.wait_for("oven.temperature", stable.timeout(Duration::from_secs(600)))?;
    /// me.set("oven.temperature", 80.0)?.taken().await?;
    /// println!("{:?}", stable.await?.value);
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for(&self, path: &str, condition: Condition) -> Result<Call, Refusal> {
        self.watch_for(path, condition).map(|(call, _)| call)
    }

    /// As [`wait_for`](Self::wait_for), with what is seen meanwhile.
    pub(crate) fn watch_for(&self, path: &str, condition: Condition) -> Result<(Call, Arc<Wait>), Refusal> {
        let (device, name) = split_path(path);
        let device = self.lab.device(device)?;
        self.lab.executor().submit_wait(device, name, condition, &self.caller())
    }

    /// Stops a device, past every queue (S1, S2). Whatever was on its way ends as `Stopped`. The call resolves when the
    /// driver has been told.
    ///
    /// # Errors
    /// `NoSuchDevice`.
    pub fn stop(&self, device: &str) -> Result<Call, Refusal> {
        let device = self.lab.device(split_path(device).0)?;
        Ok(self.lab.executor().submit_stop(device, &self.caller()))
    }

    /// Stops a device and all that it reaches, each by itself, for when a stop of the device has not helped. All that is
    /// on its way there ends before any driver is told. The calls resolve one by one.
    ///
    /// # Errors
    /// `NoSuchDevice`.
    pub fn begin_hard_stop(&self, device: &str) -> Result<Vec<(Arc<Device>, Call)>, Refusal> {
        let device = self.lab.device(split_path(device).0)?;
        Ok(self.lab.executor().begin_hard_stop(device, &self.caller()))
    }

    /// Kills the process that the driver of a device runs in, if it has one and is inside a call: what a stop could not
    /// end. `false` if there was nothing to kill.
    pub fn kill_if_inside(&self, device: &Device) -> bool {
        self.lab.executor().kill_if_inside(device)
    }

    /// Stops every device, in parallel; blocks until all have answered, two seconds at most.
    pub fn stop_all(&self) -> Vec<StopReport> {
        let executor = self.lab.executor();
        executor.tell_stop_all(&self.id, None);
        let reports = executor.stop_all(self.lab.devices(), &self.caller());
        executor.tell_stop_all(&self.id, Some(&reports));
        reports
    }

    /// How a stop of `device` went that was waited for, until it was resolved or given up.
    pub fn stop_report(&self, device: &Device, call: &Call, outcome: Option<Result<Reading, Failure>>) -> StopReport {
        self.lab.executor().report(device, call, outcome)
    }

    /// Starts the stop of every device: all that is on its way is stopped before any driver is told (S1). The calls
    /// resolve one by one.
    pub fn begin_stop_all(&self) -> Vec<(Arc<Device>, Call)> {
        self.lab.executor().tell_stop_all(&self.id, None);
        self.lab.executor().begin_stop_all(self.lab.devices(), &self.caller())
    }

    /// Tells subscribers what came of a stop of everything.
    pub(crate) fn tell_stopped(&self, reports: &[StopReport]) {
        self.lab.executor().tell_stop_all(&self.id, Some(reports));
    }

    /// Takes back the error that a failed motion has left; the driver's own command `clear_errors` runs, if there is one.
    /// What is not connected, or stuck in its driver, has no error to take back: it is [opened again](Self::reopen).
    ///
    /// # Errors
    /// `NoSuchDevice`, `Down`, `Stuck`, `Locked`, `Broken`, and what the driver's command may be refused with.
    pub fn clear_errors(&self, device: &str) -> Result<Option<Call>, Refusal> {
        let cleared = self.try_clear_errors(device);
        match (&cleared, self.lab.executor().audit()) {
            (Err(refusal), _) => self.note_refused("clear_errors", device, refusal),
            // A command of the driver's is noted when it has ended.
            (Ok(None), Some(audit)) => {
                let entry = Entry::new("clear_errors", self.id.clone(), device, self.lab.clock().now());
                audit.record(entry.ended("done", None, Duration::ZERO));
            }
            _ => {}
        }
        cleared
    }

    fn try_clear_errors(&self, device: &str) -> Result<Option<Call>, Refusal> {
        let device = self.lab.device(split_path(device).0)?;
        self.lab.executor().refuse_if_gone(device)?;
        let what = Doing {
            verb: "clear_errors",
            device: Arc::clone(device.name()),
            member: "".into(),
        };
        let target = Target::device(device.place());
        let permit = self.lab.arbiter().permit_change(&self.id, target, what, true)?;
        let now = self.lab.clock().now();
        device.change(|change| change.clear_error(now));
        drop(permit);
        match device.command("clear_errors") {
            Ok(_) => self
                .lab
                .executor()
                .submit_command(device, "clear_errors", Value::Unit, &self.caller())
                .map(Some),
            Err(_) => Ok(None),
        }
    }

    /// Closes a device and opens it again.
    ///
    /// # Errors
    /// `NoSuchDevice`, `Stuck`.
    pub fn reopen(&self, device: &str) -> Result<Call, Refusal> {
        let opening = self.lab.device(split_path(device).0);
        let opening = opening.and_then(|device| self.lab.executor().submit_reopen(device, &self.caller()));
        opening.inspect_err(|refusal| self.note_refused("re-opening", device, refusal))
    }

    /// Closes a device and opens it again, whatever its driver does: if that does not come back from a call, its thread and
    /// its instance are left behind for ever, with all devices of its controller, and new ones are opened; a driver in a
    /// process of its own is killed. The call resolves when the device is open, or was tried.
    ///
    /// # Errors
    /// `NoSuchDevice`; `TooManyBehind` if 16 have been left behind since the host began; `NoThread`.
    pub fn abandon(&self, device: &str) -> Result<(Call, Abandoned), Refusal> {
        let device = self.lab.device(split_path(device).0)?;
        self.lab.executor().submit_abandon(device, &self.caller())
    }
}
