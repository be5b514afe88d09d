//! Opening, closing, losing.

use std::{sync::Arc, time::Duration};

use abi_stable::std_types::ROption;
use baton_plugin_api::{Error, ErrorKind, abi::RawValue};

use super::{Body, OPEN_LIMIT, STOP_LIMIT, Task};
use crate::{
    device::Connection,
    executor::{Label, context::DeviceHost, running::Running, stopper::Stopper},
    failure::{Failure, seconds},
};

/// How long closing a device, or a controller, may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

impl Body {
    /// Plans the next try to open a device, if none is planned. Says whether it comes at once.
    fn plan_open(&mut self, slot: usize) -> bool {
        let now = self.now();
        let instance = &mut self.instances[slot];
        if std::mem::replace(&mut instance.planned, true) {
            return false;
        }
        let delay = instance.retry.next(now, std::mem::take(&mut instance.cost));
        self.plan(now + delay, slot, Task::Open);
        delay.is_zero()
    }

    /// Opens a device, and its controller first where that is not open.
    pub(super) fn open(&mut self, slot: usize) {
        let label = Label {
            device: Arc::clone(self.instances[slot].device.name()),
            member: "".into(),
            verb: "opening",
        };
        let began = self.now();
        self.begin(Running::alone(slot, label, began, OPEN_LIMIT));
        let outcome = self.try_open(slot).and_then(|()| self.write_initial(slot));
        self.leave();
        match outcome {
            Ok(()) => self.opened(slot),
            Err(error) => {
                let error = match self.worker.may_hold_the_line(&self.executor) {
                    Some(what) => Error::new(error.kind(), format!("{}; {what}", error.message())),
                    None => error,
                };
                if self.instances.len() > 1 && error.kind() == ErrorKind::Timeout {
                    // The others on the line have waited meanwhile.
                    self.instances[slot].cost = self.now().since(began);
                }
                self.not_opened(slot, &error);
            }
        }
        self.tried(slot);
    }

    /// Whoever waits for every device to have been tried is told once of each.
    fn tried(&mut self, slot: usize) {
        if std::mem::take(&mut self.instances[slot].first) {
            self.executor.note_opened();
        }
    }

    fn not_opened(&mut self, slot: usize, error: &Error) {
        let no_line = self
            .controller
            .as_ref()
            .is_some_and(|controller| controller.raw.is_none());
        self.close_instance(slot);
        if error.kind() == ErrorKind::CommunicationFailed {
            self.close_idle_controller();
        }
        self.down(slot, error.message());
        if no_line {
            // One try of the line stands for all its devices.
            for other in 0..self.instances.len() {
                if std::mem::take(&mut self.instances[other].planned) && other != slot {
                    self.down(other, error.message());
                    self.tried(other);
                }
            }
            self.instances[slot].planned = true;
        }
    }

    /// A device is open. It counts as connected once it has answered: many a line opens although nothing is at its end.
    fn opened(&mut self, slot: usize) {
        let device = Arc::clone(&self.instances[slot].device);
        let now = self.now();
        device.change(|change| change.opened(now));
        self.poll_everything(slot);
        if self.instances[slot].raw.is_none() {
            return;
        }
        let now = self.now();
        self.instances[slot].retry.opened(now);
        let was = device.connection();
        device.change(|change| change.up(now));
        if let Connection::Down { since, .. } = was {
            tracing::info!(device = %device.name(), "{} is back after {}", device.name(), seconds(now.since(since)));
        }
    }

    fn try_open(&mut self, slot: usize) -> Result<(), Error> {
        let device = Arc::clone(&self.instances[slot].device);
        let config = device.config();
        let options = config.options.to_string();
        let host = DeviceHost::boxed(&self.executor, device.name(), Some(&device), &self.tenure);
        let opened = if self.controller.is_some() {
            self.open_controller()?;
            let controller = self.controller.as_mut().and_then(|controller| controller.raw.as_mut());
            let controller = controller.expect("it was opened just now");
            let (kind, options) = (config.device_type.as_str().into(), options.as_str().into());
            super::super::result(controller.open_device(kind, options, host))
        } else {
            self.source.open_device(&config.device_type, &options, host)
        };
        self.returned();
        let raw = opened?;
        self.tenure.entered();
        // Asked once, before anything else can call the device (S1).
        let stopper = match raw.stopper() {
            ROption::RSome(stopper) => Some(Arc::new(Stopper::new(stopper))),
            ROption::RNone => None,
        };
        self.returned();
        self.worker.set_stopper(slot, stopper);
        self.instances[slot].raw = Some(raw);
        Ok(())
    }

    fn open_controller(&mut self) -> Result<(), Error> {
        let Body {
            controller: Some(controller),
            executor,
            source,
            worker,
            tenure,
            ..
        } = self
        else {
            return Ok(());
        };
        if controller.raw.is_some() {
            return Ok(());
        }
        let host = DeviceHost::boxed(executor, &worker.name, None, tenure);
        let options = controller.config.options.to_string();
        let opened = source.open_controller(&controller.config.controller_type, &options, host);
        let opened = opened.map_err(|error| error.context(format!("controller {}", worker.name)));
        self.returned();
        if let Some(controller) = &mut self.controller {
            controller.raw = Some(opened?);
        }
        self.tenure.entered();
        Ok(())
    }

    /// Writes what the config wants written at open, and what users have written before the device was lost, where the
    /// config wants that (D7).
    fn write_initial(&mut self, slot: usize) -> Result<(), Error> {
        let device = Arc::clone(&self.instances[slot].device);
        for parameter in device.parameters() {
            let (what, verb, value) = match (device.written(parameter.index()), parameter.initial()) {
                (Some(written), _) => ("value to restore", "restoring write", written),
                (None, Some(initial)) => ("initial value", "initial write", initial.clone()),
                (None, None) => continue,
            };
            // The user may have narrowed the limits since the config was read.
            let hardware = match parameter.for_driver(&value) {
                Ok(hardware) => hardware,
                Err(refusal) => {
                    tracing::warn!(device = %device.name(), "the {what} was not written: {refusal}");
                    continue;
                }
            };
            let raw = RawValue::from(hardware);
            let index = parameter.index() as u32;
            let written = self.enter_alone(slot, parameter.name(), verb, parameter.timeout(), |raw_device, cx| {
                raw_device.write(index, raw, cx)
            });
            written.map_err(|error| error.context(format!("{what} of {}", parameter.path())))?;
            let now = self.now();
            device.change(|change| change.target(parameter.index(), value, now));
        }
        Ok(())
    }

    /// A device is not there any more; with its line, a controller takes all its devices along.
    pub(super) fn lost(&mut self, slot: usize, error: &Error) {
        let all = self.controller.is_some() && error.kind() == ErrorKind::CommunicationFailed;
        let slots = if all { 0..self.instances.len() } else { slot..slot + 1 };
        for slot in slots.clone() {
            self.close_instance(slot);
        }
        if all {
            self.close_controller();
        }
        for slot in slots {
            self.down(slot, error.message());
        }
    }

    /// Says that a device is not there, ends what it had on its way, and plans the next try.
    fn down(&mut self, slot: usize, cause: &str) {
        let now = self.now();
        let device = Arc::clone(&self.instances[slot].device);
        if !matches!(device.connection(), Connection::Down { .. }) {
            tracing::warn!(device = %device.name(), "{} is not connected: {cause}", device.name());
        }
        if matches!(device.connection(), Connection::Opening) {
            // The first try was the one at once.
            self.instances[slot].retry.next(now, Duration::ZERO);
        }
        let at_once = self.plan_open(slot);
        device.change(|change| change.down(cause.to_owned(), at_once, now));
        let error = Error::communication(cause);
        for motion in std::mem::take(&mut self.instances[slot].motions) {
            let path = motion.call.label.path();
            let error = error.clone();
            let failure = motion.explain(&device, Failure::Driver { path, error });
            self.settle(slot, &motion.call, Err(failure));
        }
    }

    /// Closes a device; what its driver does then is reported, and harms nobody.
    pub(super) fn close_instance(&mut self, slot: usize) {
        if let Some(stopper) = self.worker.set_stopper(slot, None) {
            stopper.retire(STOP_LIMIT);
        }
        let Some(mut raw) = self.instances[slot].raw.take() else {
            return;
        };
        let name = Arc::clone(self.instances[slot].device.name());
        let label = Label {
            device: Arc::clone(&name),
            member: "".into(),
            verb: "closing",
        };
        self.begin(Running::alone(slot, label, self.now(), CLOSE_LIMIT));
        let closed = super::super::result(raw.close());
        self.returned();
        if let Err(error) = closed {
            tracing::warn!(device = %name, "{name}: {}", error.message());
        }
        self.tenure.entered();
        drop(raw);
        self.leave();
    }

    pub(super) fn close_controller(&mut self) {
        let Some(mut raw) = self.controller.as_mut().and_then(|controller| controller.raw.take()) else {
            return;
        };
        let label = Label {
            device: Arc::clone(&self.worker.name),
            member: "".into(),
            verb: "closing",
        };
        self.begin(Running::alone(0, label, self.now(), CLOSE_LIMIT));
        let closed = super::super::result(raw.close());
        self.returned();
        if let Err(error) = closed {
            tracing::warn!(controller = %self.worker.name, "{}: {}", self.worker.name, error.message());
        }
        self.tenure.entered();
        drop(raw);
        self.leave();
    }

    /// Closes a controller none of whose devices is open, so that the next try opens its line anew.
    fn close_idle_controller(&mut self) {
        if self.instances.iter().all(|instance| instance.raw.is_none()) {
            self.close_controller();
        }
    }
}
