//! Requests on their way in: decided here, purely, before anything moves; then queued.

use std::{sync::Arc, time::Duration};

use baton_plugin_api::{Status, StatusCode, Value};

use super::{
    Call, Executor, Label,
    body::status_reading,
    chain::{Chain, Epochs},
    inbox::{Action, Job},
    news,
    running::Running,
};
use crate::{
    arbiter::Doing,
    clock::Time,
    config::Execution,
    device::{Change, Command, Connection, Device, Parameter, Quality, Reading, Way},
    failure::{Failure, Refusal},
    owner::OwnerId,
};

/// What the driver is inside of for less than this is not worth a word.
const MOMENT: Duration = Duration::from_millis(500);

/// Who asks, until when they wait, and from inside which calls.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) owner: OwnerId,
    pub(crate) deadline: Option<Time>,
    /// How long what they ask for may take.
    pub(crate) limit: Option<Duration>,
    pub(crate) chain: Option<Arc<Chain>>,
}

impl Caller {
    /// Somebody who waits as long as it takes.
    pub(crate) fn new(owner: OwnerId) -> Caller {
        Caller {
            owner,
            deadline: None,
            limit: None,
            chain: None,
        }
    }
}

impl Executor {
    pub(super) fn call(&self, device: &Arc<Device>, member: &Arc<str>, verb: &'static str, caller: &Caller) -> Call {
        let label = Label {
            device: Arc::clone(device.name()),
            member: Arc::clone(member),
            verb,
        };
        let call = Call::new(label, caller.owner.clone(), self.now(), Some(Arc::clone(device) as _));
        call.limited(caller.limit)
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
            call.core().resolve(Ok(reading), self.now());
            return Ok(call);
        }
        if !parameter.description().readable {
            let written = device.last(index).and_then(Result::ok).or_else(|| device.target(index));
            let written = written.ok_or_else(|| Refusal::WriteOnly {
                path: parameter.path().to_string(),
            })?;
            let reading = Reading {
                quality: Quality::NotVerified,
                ..written
            };
            call.core().resolve(Ok(reading), self.now());
            return Ok(call);
        }
        self.push(device, Action::Read(index), &call, caller)?;
        Ok(call)
    }

    /// The status, asked of the driver; where it has none to give or is inside a call, the host's answer (D2).
    pub(crate) fn submit_status(self: &Arc<Self>, device: &Arc<Device>, caller: &Caller) -> Result<Call, Refusal> {
        let call = self.call(device, &"status".into(), "read", caller);
        let up = matches!(device.connection(), Connection::Up { .. });
        let inside = self.is_inside(device) || device.is_stuck();
        if !up || inside || !device.config().table.status {
            let status = match device.status().0 {
                status if inside && up && !status.is_error() => Status::busy(status.text),
                status => status,
            };
            let now = self.now();
            call.core().resolve(Ok(status_reading(&status, now)), now);
            return Ok(call);
        }
        self.push(device, Action::Status, &call, caller)?;
        Ok(call)
    }

    /// Whether the driver is inside a write or command of the device, or has been in something else of it for long. What
    /// is over in a moment, like most polls, says nothing of the device.
    fn is_inside(&self, device: &Device) -> bool {
        let state = device.worker().inbox.lock();
        let running = state.running.as_ref().filter(|running| running.slot == device.slot());
        // A call that is resolved is over, although its worker may not have come to the next yet.
        let acts = |running: &Running| running.is_action() && running.call().is_some_and(|call| !call.is_resolved());
        running.is_some_and(|running| acts(running) || self.now().since(running.since) > MOMENT)
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
        self.note_write(device, parameter, &target, &call, caller);
        let way = if device.moves(parameter) {
            Way::Motion
        } else {
            Way::Parameter(parameter.index())
        };
        let action = Action::Write {
            parameter: parameter.index(),
            value: target.clone(),
            way,
        };
        // The host does not write the next step of a ramp that another takes the place of.
        let retarget = parameter.description().retarget || parameter.ramp().is_some();
        // Limits change under the device's lock: none can come between this and the acceptance.
        let allowed = &parameter.description().allowed_in;
        let gate = |change: &Change<'_>| {
            parameter.recheck(&target)?;
            change.allows(parameter.path(), allowed)
        };
        self.begin(device, way, retarget, action, &call, caller, gate, |change, now| {
            let target_text = parameter.format(&target);
            let text = match parameter.ramp() {
                Some(_) => format!("ramping to {target_text}"),
                None => format!("to {target_text}"),
            };
            change.target(parameter.index(), target.clone(), now);
            Status::busy(text)
        })?;
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
        self.note_command(&argument, &call, caller);
        let way = way_of(command);
        let action = Action::Run {
            command: command.index(),
            argument,
            way,
        };
        let state = command.description().leads_to.unwrap_or(StatusCode::Busy);
        let accept = |_: &mut Change<'_>, _| Status::new(state, command.name().to_string());
        let gate = |change: &Change<'_>| change.allows(command.path(), &command.description().allowed_in);
        self.begin(device, way, false, action, &call, caller, gate, accept)?;
        Ok(call)
    }

    /// Closes a device and opens it again.
    pub(crate) fn submit_reopen(self: &Arc<Self>, device: &Arc<Device>, caller: &Caller) -> Result<Call, Refusal> {
        let call = self.call(device, &"".into(), "re-opening", caller);
        let job = self.job(device, Action::Reopen { again: true }, &call, caller);
        device.worker().inbox.push_urgent(device, job, || self.now())?;
        self.set_off(device, &call, caller);
        Ok(call)
    }

    /// Takes the way for a call and queues it, as one change of the device: shows it busy, and ends what it supersedes.
    /// What is refused leaves no trace.
    #[allow(clippy::too_many_arguments, reason = "all of one call, for one critical section")]
    fn begin(
        self: &Arc<Self>,
        device: &Arc<Device>,
        way: Way,
        retarget: bool,
        action: Action,
        call: &Call,
        caller: &Caller,
        gate: impl FnOnce(&Change<'_>) -> Result<(), Refusal>,
        accept: impl FnOnce(&mut Change<'_>, Time) -> Status,
    ) -> Result<(), Refusal> {
        let now = self.now();
        self.keep_permit(device, &action, call, caller, now)?;
        let superseded = device.change(|change| {
            change.may_begin(way, call.core(), retarget, now)?;
            gate(change)?;
            let asked = news::asked(device, &action);
            let job = || self.job(device, action, call, caller);
            device.worker().inbox.push(device, || now, job)?;
            let superseded = change.begin(way, call.core());
            call.core().tell_begun(device, asked, now, change.displaced());
            let status = accept(change, now);
            if way == Way::Motion {
                change.host_status(Some(status), now);
            }
            Ok(superseded)
        })?;
        if let Some(earlier) = superseded {
            let by = call.owner().to_string();
            let path = earlier.label.path();
            self.resolve(&earlier, Err(Failure::Superseded { path, by }));
        }
        self.set_off(device, call, caller);
        Ok(())
    }

    /// Has a write or command permitted (L7), which then holds its targets until it is resolved (L4). A nested one runs
    /// under the permit of the outermost call (C7).
    pub(super) fn keep_permit(
        &self,
        device: &Device,
        action: &Action,
        call: &Call,
        caller: &Caller,
        now: Time,
    ) -> Result<(), Refusal> {
        let arbiter = self.arbiter();
        let set = match action {
            Action::Write { parameter, .. } | Action::Zero { parameter, .. } => {
                arbiter.write_set(device.place(), *parameter)
            }
            Action::Run { command, .. } => arbiter.command_set(device.place(), *command),
            _ => return Ok(()),
        };
        let label = &call.core().label;
        if let Some(chain) = &caller.chain {
            if !arbiter.reaches(chain.device.place(), set) {
                return Err(Refusal::NotAMember {
                    path: label.path(),
                    device: chain.device.name().to_string(),
                });
            }
            if chain.holds {
                return Ok(());
            }
        }
        let what = Doing {
            verb: label.verb,
            device: Arc::clone(&label.device),
            member: Arc::clone(&label.member),
        };
        let permit = arbiter.permit_call(&caller.owner, set, what, now)?;
        call.core().keep(permit);
        Ok(())
    }

    pub(super) fn job(&self, device: &Device, action: Action, call: &Call, caller: &Caller) -> Job {
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
    pub(super) fn epochs_below(&self, device: &Device) -> Option<Epochs> {
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

    pub(super) fn push(
        self: &Arc<Self>,
        device: &Arc<Device>,
        action: Action,
        call: &Call,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        device.refuse_if_down(|| self.now())?;
        let job = || self.job(device, action, call, caller);
        device.worker().inbox.push(device, || self.now(), job)?;
        self.set_off(device, call, caller);
        Ok(())
    }

    /// Has a queued job run: its worker is woken, or runs here and now.
    pub(super) fn set_off(self: &Arc<Self>, device: &Arc<Device>, call: &Call, caller: &Caller) {
        match self.mode() {
            Execution::Threaded => device.worker().wake(),
            // A nested call is driven where it waits.
            Execution::Inline if caller.chain.is_none() => self.drive(call, device.worker()),
            Execution::Inline => {}
        }
    }
}

fn way_of(command: &Command) -> Way {
    let description = command.description();
    if description.long || description.leads_to.is_some() {
        Way::Motion
    } else {
        Way::Command(command.index())
    }
}
