//! Acting in a lab, as somebody.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::Value;

use super::Lab;
use crate::{
    audit::{self, Asked, Entry},
    device::{Device, Reading, split_path},
    executor::{Call, Caller, StopReport},
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
    lab: Lab,
    id: OwnerId,
    patience: Option<Duration>,
}

impl Owner {
    pub(super) fn new(lab: Lab, id: OwnerId) -> Self {
        Owner {
            lab,
            id,
            patience: None,
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

    fn caller(&self) -> Caller {
        let deadline = self.patience.map(|patience| self.lab.clock().now() + patience);
        Caller {
            owner: self.id.clone(),
            deadline,
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
    /// As [`get`](Self::get), and `ReadOnly`, `WrongType`, `WrongUnit`, `Limit`, `NotFinite`, `Busy`.
    pub fn set(&self, path: &str, value: impl Into<Value>) -> Result<Call, Refusal> {
        let (device, name) = split_path(path);
        self.noted("write", path, value.into(), |value| {
            let device = self.lab.device(device)?;
            self.lab.executor().submit_write(device, name, value, &self.caller())
        })
    }

    /// Runs a command with an argument (`Value::Unit` for none). The reading that it resolves to is its result.
    ///
    /// # Errors
    /// As [`get`](Self::get), and `NoSuchCommand`, `WrongType`, `WrongUnit`, `Busy`.
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

    /// Stops a device, past every queue (S1, S2). Whatever was on its way ends as `Stopped`. The call resolves when the
    /// driver has been told.
    ///
    /// # Errors
    /// `NoSuchDevice`.
    pub fn stop(&self, device: &str) -> Result<Call, Refusal> {
        let device = self.lab.device(split_path(device).0)?;
        Ok(self.lab.executor().submit_stop(device, &self.caller()))
    }

    /// Stops every device, in parallel; blocks until all have answered, two seconds at most.
    pub fn stop_all(&self) -> Vec<StopReport> {
        self.lab.executor().stop_all(self.lab.devices(), &self.caller())
    }

    /// How a stop of `device` went that was waited for, until it was resolved or given up.
    pub fn stop_report(&self, device: &Device, call: &Call, outcome: Option<Result<Reading, Failure>>) -> StopReport {
        self.lab.executor().report(device, call, outcome)
    }

    /// Starts the stop of every device: all that is on its way is stopped before any driver is told (S1). The calls
    /// resolve one by one.
    pub fn begin_stop_all(&self) -> Vec<(Arc<Device>, Call)> {
        self.lab.executor().begin_stop_all(self.lab.devices(), &self.caller())
    }

    /// Takes back the error that a failed motion has left; the driver's own command `clear_errors` runs, if there is one.
    ///
    /// # Errors
    /// `NoSuchDevice`, and what the driver's command may be refused with.
    pub fn clear_errors(&self, device: &str) -> Result<Option<Call>, Refusal> {
        let device = self.lab.device(split_path(device).0)?;
        let now = self.lab.clock().now();
        device.change(|change| change.clear_error(now));
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
        let device = self.lab.device(split_path(device).0)?;
        self.lab.executor().submit_reopen(device, &self.caller())
    }
}
