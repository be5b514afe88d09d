//! Requests on their way in: decided here, purely, before anything moves; then queued.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Status, Value};

use super::{
    Call, Executor, Label,
    body::status_reading,
    inbox::{Action, Chain, Epochs, Job},
};
use crate::{
    clock::Time,
    config::Execution,
    device::{Command, Connection, Device, Parameter, Quality, Reading, Way},
    failure::{Failure, Refusal},
    owner::OwnerId,
};

/// Who asks, until when they wait, and from inside which calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) owner: OwnerId,
    pub(crate) deadline: Option<Time>,
    pub(crate) chain: Option<Arc<Chain>>,
}

impl Executor {
    fn call(&self, device: &Arc<Device>, member: &Arc<str>, verb: &'static str, caller: &Caller) -> Call {
        let label = Label {
            device: Arc::clone(device.name()),
            member: Arc::clone(member),
            verb,
        };
        Call::new(label, caller.owner.clone(), self.now(), Some(Arc::clone(device) as _))
    }

    /// A fresh reading: the driver is entered after this (D1), but for published parameters and what is still fresh.
    pub(crate) fn submit_read(
        self: &Arc<Self>,
        device: &Arc<Device>,
        name: &str,
        caller: &Caller,
    ) -> Result<Call, Refusal> {
        let parameter = device.parameter(name)?;
        let fresh_for = if parameter.description().published {
            Duration::MAX
        } else {
            parameter.fresh_for()
        };
        self.submit_read_within(device, parameter, fresh_for, caller)
    }

    /// A reading at most `max_age` old.
    pub(crate) fn submit_read_within(
        self: &Arc<Self>,
        device: &Arc<Device>,
        parameter: &Parameter,
        max_age: Duration,
        caller: &Caller,
    ) -> Result<Call, Refusal> {
        let call = self.call(device, parameter.name(), "read", caller);
        let index = parameter.index();
        if !max_age.is_zero()
            && let Some(Ok(reading)) = device.last(index)
            && self.now().since(reading.time) <= max_age
        {
            call.core().resolve(Ok(reading));
            return Ok(call);
        }
        if !parameter.description().readable {
            let written = device.last(index).and_then(Result::ok).or_else(|| device.target(index));
            let written = written.ok_or_else(|| Refusal::WriteOnly {
                path: parameter.path().to_string(),
            })?;
            call.core().resolve(Ok(Reading {
                quality: Quality::NotVerified,
                ..written
            }));
            return Ok(call);
        }
        self.push(device, Action::Read(index), &call, caller)?;
        Ok(call)
    }

    /// The status, asked of the driver; where it has none to give or is inside a call, the host's answer (D2).
    pub(crate) fn submit_status(self: &Arc<Self>, device: &Arc<Device>, caller: &Caller) -> Result<Call, Refusal> {
        let call = self.call(device, &"status".into(), "read", caller);
        let up = matches!(device.connection(), Connection::Up { .. });
        let inside = device.worker().inbox.lock().running.is_some();
        if !up || inside || !device.config().table.status {
            let status = match device.status().0 {
                status if inside && up && !status.is_error() => Status::busy(status.text),
                status => status,
            };
            let now = self.now();
            call.core().resolve(Ok(status_reading(&status, now)));
            return Ok(call);
        }
        self.push(device, Action::Status, &call, caller)?;
        Ok(call)
    }

    /// Writes a parameter: checked, then queued.
    pub(crate) fn submit_write(
        self: &Arc<Self>,
        device: &Arc<Device>,
        name: &str,
        value: Value,
        caller: &Caller,
    ) -> Result<Call, Refusal> {
        let parameter = device.parameter(name)?;
        let target = parameter.check(value)?;
        let call = self.call(device, parameter.name(), "write", caller);
        let way = if device.moves(parameter) {
            Way::Motion
        } else {
            Way::Parameter(parameter.index())
        };
        let retarget = parameter.description().retarget;
        self.begin(device, way, &call, retarget, |change, now| {
            change.target(parameter.index(), target.clone(), now);
            format!("to {}", parameter.format(&target))
        })?;
        let action = Action::Write {
            parameter: parameter.index(),
            value: target.clone(),
            way,
        };
        self.push_begun(device, action, &call, caller)?;
        Ok(call)
    }

    /// Runs a command: checked, then queued.
    pub(crate) fn submit_command(
        self: &Arc<Self>,
        device: &Arc<Device>,
        name: &str,
        argument: Value,
        caller: &Caller,
    ) -> Result<Call, Refusal> {
        let command = device.command(name)?;
        let argument = command.check(argument)?;
        let call = self.call(device, command.name(), "command", caller);
        let way = way_of(command);
        self.begin(device, way, &call, false, |_, _| command.name().to_string())?;
        let action = Action::Run {
            command: command.index(),
            argument,
            way,
        };
        self.push_begun(device, action, &call, caller)?;
        Ok(call)
    }

    /// Closes a device and opens it again.
    pub(crate) fn submit_reopen(self: &Arc<Self>, device: &Arc<Device>, caller: &Caller) -> Result<Call, Refusal> {
        let call = self.call(device, &"".into(), "re-opening", caller);
        let job = self.job(device, Action::Reopen, &call, caller);
        device.worker().inbox.push_urgent(device, job, || self.now())?;
        self.set_off(device, &call, caller);
        Ok(call)
    }

    /// Takes the way for a call, shows the device busy and what it supersedes as superseded.
    fn begin(
        &self,
        device: &Arc<Device>,
        way: Way,
        call: &Call,
        retarget: bool,
        accept: impl FnOnce(&mut crate::device::Change<'_>, Time) -> String,
    ) -> Result<(), Refusal> {
        let now = self.now();
        let superseded = device.change(|change| {
            if let Connection::Down { since, cause } = change.connection() {
                let (cause, down_for) = (cause.clone(), now.since(*since));
                return Err(Refusal::Down {
                    device: device.name().to_string(),
                    cause,
                    down_for,
                });
            }
            let superseded = change.begin(way, call.core(), retarget)?;
            let text = accept(change, now);
            if way == Way::Motion {
                change.host_status(Some(Status::busy(text)), now);
            }
            Ok(superseded)
        })?;
        if let Some(earlier) = superseded {
            let by = call.owner().to_string();
            earlier.resolve(Err(Failure::Superseded {
                path: earlier.label.path(),
                by,
            }));
        }
        Ok(())
    }

    /// Queues what `begin` has accepted; if it cannot be queued after all, that is taken back.
    fn push_begun(
        self: &Arc<Self>,
        device: &Arc<Device>,
        action: Action,
        call: &Call,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        self.push(device, action, call, caller).inspect_err(|_| {
            let now = self.now();
            device.change(|change| {
                if change.end(call.core()) == Some(Way::Motion) {
                    change.host_status(None, now);
                }
            });
        })
    }

    fn job(&self, device: &Device, action: Action, call: &Call, caller: &Caller) -> Job {
        let (epoch, epochs) = match &caller.chain {
            Some(chain) => (chain.epoch_of(device), chain.epochs.clone()),
            None => (device.current_epoch(), self.epochs_below(device)),
        };
        let (call, chain) = (Arc::clone(call.core()), caller.chain.clone());
        Job {
            slot: device.slot(),
            action,
            call,
            epoch,
            epochs,
            deadline: caller.deadline,
            chain,
        }
    }

    /// The epochs of all members of a composite, and of theirs.
    fn epochs_below(&self, device: &Device) -> Option<Epochs> {
        if device.config().members.is_empty() {
            return None;
        }
        let mut found: Vec<(Arc<Device>, u64)> = Vec::new();
        let mut names: Vec<_> = device
            .config()
            .members
            .iter()
            .map(|member| member.device.clone())
            .collect();
        while let Some(name) = names.pop() {
            let Ok(member) = self.devices().device(&name) else {
                continue;
            };
            if !found.iter().any(|(known, _)| Arc::ptr_eq(known, member)) {
                found.push((Arc::clone(member), member.current_epoch()));
                names.extend(member.config().members.iter().map(|member| member.device.clone()));
            }
        }
        Some(found.into())
    }

    fn push(
        self: &Arc<Self>,
        device: &Arc<Device>,
        action: Action,
        call: &Call,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        device.refuse_if_down(|| self.now())?;
        let job = self.job(device, action, call, caller);
        device.worker().inbox.push(device, job, || self.now())?;
        self.set_off(device, call, caller);
        Ok(())
    }

    /// Has a queued job run: its worker is woken, or runs here and now.
    fn set_off(self: &Arc<Self>, device: &Arc<Device>, call: &Call, caller: &Caller) {
        match self.mode() {
            Execution::Threaded => device.worker().wake(),
            // A nested call is driven where it waits.
            Execution::Inline if caller.chain.is_none() => self.drive(call),
            Execution::Inline => {}
        }
    }
}

fn way_of(command: &Command) -> Way {
    if command.description().long {
        Way::Motion
    } else {
        Way::Command(command.index())
    }
}
