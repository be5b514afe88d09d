//! `read` and `change`.

use std::{sync::Arc, time::Instant};

use baton_plugin_api::{Time, Value};
use tokio::time::{timeout, timeout_at};

use super::{
    super::{
        node::{Module, Node, Role},
        reply::{self, Line, Report},
        request::Request,
        value,
    },
    ANSWER_WITHIN, Answer, Session, TAKEN_WITHIN,
    calls::{About, Record},
};
use crate::{
    device::{Device, Reading},
    executor::Call,
    failure::Failure,
};

impl Session {
    /// `read stage:value`, `read stage` for short: asks the hardware (D1).
    pub(super) fn read(&mut self, request: Request<'_>) {
        let shared = Arc::clone(&self.shared);
        let (module, name) = match shared.node.split(request.specifier) {
            Ok(found) => found,
            Err(refusal) => return self.fail(request, refusal),
        };
        let name = if name.is_empty() { "value" } else { name };
        let role = module.role(name).filter(|role| !role.is_command());
        let Some(role) = role else {
            return self.fail(request, module.no_such_parameter(name));
        };
        let device = &module.device;
        let member = match role {
            Role::Value(index) | Role::Parameter(index) => module.parameter(index).name(),
            Role::Target(index) => return self.read_target(request, device, index),
            Role::StatusValue => {
                let code = device.status().0.code.number().to_string();
                return self.answer_now(request, &code, self.now());
            }
            Role::Limits(index) => {
                let data = module.show_limits(index, &module.parameter(index).limits(), self.now());
                return self.answer(request, Line::new("reply", request.specifier, &data));
            }
            Role::LockedBy => {
                let (owner, since) = device.locked_by().unwrap_or_else(|| ("".into(), self.now()));
                let owner = serde_json::Value::from(&*owner).to_string();
                return self.answer_now(request, &owner, since);
            }
            Role::PollInterval(_) => {
                let constant = module.constant(role).unwrap_or_default();
                return self.answer_now(request, &constant, self.now());
            }
            _ => "status",
        };
        let path = format!("{}.{member}", device.name());
        // What has not begun when the client is told that it takes too long need not begin at all (S3).
        match self.owner.with_limit(self.limit).patient_for(ANSWER_WITHIN).get(&path) {
            Err(refusal) => self.fail(request, refusal),
            Ok(call) => self.answer_reading(request, device, role, call),
        }
    }

    fn answer_now(&mut self, request: Request<'_>, value: &str, time: Time) {
        let data = reply::qualified(value, time, None);
        self.answer(request, Line::new("reply", request.specifier, &data));
    }

    fn read_target(&mut self, request: Request<'_>, device: &Device, index: usize) {
        let parameter = &device.parameters()[index];
        match device.target(index) {
            Some(target) => {
                let value = value::to_string(&target.value, &parameter.description().datatype);
                self.answer_now(request, &value, target.time);
            }
            None => {
                let text = format!("{} has no target yet", parameter.path());
                self.fail(request, Report::new("ReadFailed", text));
            }
        }
    }

    fn answer_reading(&mut self, request: Request<'_>, device: &Arc<Device>, role: Role, call: Call) {
        let reading = Read {
            specifier: request.specifier.to_owned(),
            device: Arc::clone(device),
            index: match role {
                Role::Value(index) | Role::Parameter(index) => Some(index),
                _ => None,
            },
        };
        if let Some(outcome) = call.outcome() {
            return self.answer(request, reading.line(outcome));
        }
        let deadline = Self::deadline();
        self.answer_later(request, async move {
            match timeout_at(deadline.into(), call).await {
                Ok(outcome) => reading.line(outcome).into(),
                Err(_) => reading.overdue().into(),
            }
        });
    }

    /// `change stage:target 2.5`, `change stage:_velocity "2 mm/s"`.
    pub(super) fn change(&mut self, request: Request<'_>) {
        if let Some(outcome) = self.change_limits(request) {
            let line = outcome.unwrap_or_else(|report| Line::error("change", request.specifier, &report));
            return self.answer(request, line);
        }
        match self.begin_change(request) {
            Err(report) => self.fail(request, report),
            Ok(write) => {
                let deadline = Self::deadline();
                self.answer_later(request, write.answer(deadline));
            }
        }
    }

    fn begin_change(&mut self, request: Request<'_>) -> Result<Write, Report> {
        let shared = Arc::clone(&self.shared);
        let understood = understand_change(&shared.node, request);
        // What is refused later, its owner notes.
        let understood = understood.inspect_err(|report| self.owner.note_refused("write", request.specifier, report));
        let (module, index, role, value) = understood?;
        let (device, parameter) = (&module.device, module.parameter(index));
        let call = self.actor()?.set(parameter.path(), value)?;
        // Now, before a later write changes it.
        let target = device.target(index);
        let record = Record {
            call,
            device: Arc::clone(device),
            about: About::Parameter(index),
        };
        Ok(Write {
            specifier: request.specifier.to_owned(),
            moves: module.moves(index),
            target: target.filter(|_| !matches!(role, Role::Parameter(_))),
            record,
        })
    }
}

/// Which parameter a `change` is about, and the value.
fn understand_change<'a>(node: &'a Node, request: Request<'_>) -> Result<(&'a Module, usize, Role, Value), Report> {
    let (module, name) = node.split(request.specifier)?;
    let name = if name.is_empty() { "target" } else { name };
    let role = module.role(name).filter(|role| !role.is_command());
    let role = role.ok_or_else(|| module.no_such_parameter(name))?;
    let index = match role {
        Role::Target(index) | Role::Parameter(index) => index,
        // The parameter's own name stands for its target here; `value` does not.
        Role::Value(index) if !name.eq_ignore_ascii_case("value") => index,
        _ => return Err(Report::read_only(request.specifier)),
    };
    let parameter = module.parameter(index);
    if !request.has_data() {
        return Err(Report::protocol("the value is missing: `change NAME VALUE`"));
    }
    let value = value::parse(request.json()?, &parameter.description().datatype)
        .map_err(|why| Report::new("WrongType", format!("{}: {why}", parameter.path())))?;
    Ok((module, index, role, value))
}

/// A read on its way.
struct Read {
    specifier: String,
    device: Arc<Device>,
    /// The parameter; `None` for the status.
    index: Option<usize>,
}

impl Read {
    fn line(&self, outcome: Result<Reading, Failure>) -> Line {
        let reading = match outcome {
            Ok(reading) => reading,
            Err(failure) => return Line::error("read", &self.specifier, &failure.into()),
        };
        let mut data = String::new();
        let datatype = match self.index {
            Some(index) => &self.device.parameters()[index].description().datatype,
            None => &baton_plugin_api::Datatype::Unit,
        };
        reply::push_reading(&mut data, &reading, datatype, None);
        Line::new("reply", &self.specifier, &data)
    }

    fn overdue(&self) -> Line {
        let report = Report::still_running(&format!("reading {}", self.specifier), ANSWER_WITHIN, None);
        Line::error("read", &self.specifier, &report)
    }
}

/// A write on its way.
struct Write {
    specifier: String,
    /// Whether it is a motion.
    moves: bool,
    /// What the reply shows of the main parameter; of others it shows the readback.
    target: Option<Reading>,
    record: Record,
}

impl Write {
    async fn answer(self, deadline: Instant) -> Answer {
        let call = &self.record.call;
        let outcome = match self.target {
            // Clients take the status for what follows; it is busy, and was sent so before (W1).
            Some(target) if self.moves => match timeout(TAKEN_WITHIN, call.taken()).await {
                Ok(Err(failure)) => Err(failure.into()),
                Ok(Ok(())) | Err(_) => Ok(target),
            },
            target => match timeout_at(deadline.into(), call.clone()).await {
                Ok(Ok(reading)) => Ok(target.unwrap_or(reading)),
                Ok(Err(failure)) => Err(failure.into()),
                Err(_) => Err(Report::still_running(
                    self.record.path(),
                    ANSWER_WITHIN,
                    Some(call.id()),
                )),
            },
        };
        let line = match outcome {
            Ok(reading) => {
                let mut data = String::new();
                reply::push_reading(&mut data, &reading, self.record.datatype(), Some(call.id()));
                Line::new("changed", &self.specifier, &data)
            }
            Err(report) => Line::error("change", &self.specifier, &report),
        };
        Answer {
            line,
            record: Some(self.record),
            lock: None,
        }
    }
}
