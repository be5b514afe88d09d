//! `do`: the commands of a device, and `stop`.

use std::{sync::Arc, time::Instant};

use baton_plugin_api::{Datatype, Value};
use tokio::time::{timeout, timeout_at};

use super::{
    super::{
        node::Role,
        reply::{self, Line, Report},
        request::Request,
        value,
    },
    ANSWER_WITHIN, Answer, Session, TAKEN_WITHIN,
    calls::{About, Record},
    custom::STOP_WITHIN,
};
use crate::{device::Device, executor::Call};

impl Session {
    /// `do stage:_home`, `do stage:stop`, `do pump:_dispense {"volume":2}`.
    pub(super) fn run(&mut self, request: Request<'_>) {
        if let Err(report) = self.begin_run(request) {
            self.fail(request, report);
        }
    }

    fn begin_run(&mut self, request: Request<'_>) -> Result<(), Report> {
        let shared = Arc::clone(&self.shared);
        let named = shared.node.split(request.specifier);
        let named = named.inspect_err(|refusal| self.owner.note_refused("command", request.specifier, refusal));
        let (module, name) = named?;
        let device = &module.device;
        match module.role(name) {
            Some(Role::Stop) => self.stop(request, device),
            Some(Role::ClearErrors) => self.clear_errors(request, device),
            Some(Role::Command(index)) => self.run_command(request, device, index),
            _ => {
                let no_such = device.command(name).err();
                let report = no_such.map_or_else(|| no_such_command(device, name), Report::from);
                self.owner.note_refused("command", request.specifier, &report);
                Err(report)
            }
        }
    }

    /// Stops at once: the epoch is raised before the next line is looked at (S1).
    fn stop(&mut self, request: Request<'_>, device: &Arc<Device>) -> Result<(), Report> {
        let call = self.owner.stop(device.name())?;
        let (lab, specifier) = (self.shared.lab.clone(), request.specifier.to_owned());
        let (device, owner, deadline) = (Arc::clone(device), self.owner.clone(), Instant::now() + STOP_WITHIN);
        self.answer_later(request, async move {
            let outcome = timeout_at(deadline.into(), call.clone()).await.ok();
            let report = owner.stop_report(&device, &call, outcome);
            let line = match report.error.as_deref() {
                None if matches!(report.outcome, "stopped" | "nothing to stop") => {
                    let data = reply::qualified("null", lab.clock().now(), None);
                    Line::new("done", &specifier, &data)
                }
                error => {
                    let text = format!("{}: {}", device.name(), error.unwrap_or(report.outcome));
                    let class = if report.outcome == "no answer" {
                        "TimeoutError"
                    } else {
                        "Impossible"
                    };
                    Line::error("do", &specifier, &Report::new(class, text))
                }
            };
            line.into()
        });
        Ok(())
    }

    /// Takes back what the host says; the driver's own command runs, if there is one.
    fn clear_errors(&mut self, request: Request<'_>, device: &Arc<Device>) -> Result<(), Report> {
        match self.actor()?.clear_errors(device.name())? {
            Some(call) => {
                let command = device.command("clear_errors")?;
                self.answer_run(request, device, command.index(), call);
            }
            None => {
                let data = reply::qualified("null", self.now(), None);
                self.answer(request, Line::new("done", request.specifier, &data));
            }
        }
        Ok(())
    }

    fn run_command(&mut self, request: Request<'_>, device: &Arc<Device>, index: usize) -> Result<(), Report> {
        let command = &device.commands()[index];
        let argument = match request.json()? {
            serde_json::Value::Null => Value::Unit,
            json => value::parse(json, &command.description().argument)
                .map_err(|why| Report::new("WrongType", format!("{}: {why}", command.path())))?,
        };
        let call = self.actor()?.call(command.path(), argument)?;
        self.answer_run(request, device, index, call);
        Ok(())
    }

    fn answer_run(&mut self, request: Request<'_>, device: &Arc<Device>, index: usize, call: Call) {
        let run = Run {
            specifier: request.specifier.to_owned(),
            record: Record {
                call,
                device: Arc::clone(device),
                about: About::Command(index),
            },
        };
        let lab = self.shared.lab.clone();
        let deadline = Self::deadline();
        self.answer_later(request, async move {
            let now = || lab.clock().now();
            run.answer(deadline, now).await
        });
    }
}

fn no_such_command(device: &Device, name: &str) -> Report {
    Report::new(
        "NoSuchCommand",
        format!("{} has no command `{name}` on the wire", device.name()),
    )
}

/// A command on its way.
struct Run {
    specifier: String,
    record: Record,
}

impl Run {
    async fn answer(self, deadline: Instant, now: impl Fn() -> baton_plugin_api::Time) -> Answer {
        let Run { specifier, record } = self;
        let (call, id) = (&record.call, record.call.id());
        let About::Command(index) = record.about else {
            unreachable!("a command is about a command")
        };
        let description = record.device.commands()[index].description();
        // A long command without a result is a motion: it is answered when it is taken (W1).
        let outcome = if description.long && description.result == Datatype::Unit {
            match timeout(TAKEN_WITHIN, call.taken()).await {
                Ok(Err(failure)) => Err(failure.into()),
                Ok(Ok(())) | Err(_) => Ok(reply::qualified("null", now(), Some(id))),
            }
        } else {
            match timeout_at(deadline.into(), call.clone()).await {
                Ok(Ok(reading)) => {
                    let mut data = String::new();
                    let call = (!record.is_bulky()).then_some(id);
                    reply::push_reading(&mut data, &reading, record.datatype(), call);
                    Ok(data)
                }
                Ok(Err(failure)) => Err(failure.into()),
                Err(_) => Err(Report::still_running(record.path(), ANSWER_WITHIN, Some(id))),
            }
        };
        let line = match outcome {
            Ok(data) => Line::new("done", &specifier, &data),
            Err(report) => Line::error("do", &specifier, &report),
        };
        // A large result that was sent is not kept: it has no `_call` to be asked for by.
        let kept = !(record.is_bulky() && call.is_resolved());
        Answer {
            line,
            record: kept.then_some(record),
            lock: None,
        }
    }
}
