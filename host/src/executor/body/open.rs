//! Opening, closing, losing.

use std::{sync::Arc, time::Duration};

use abi_stable::std_types::ROption;
use baton_plugin_api::{Error, ErrorKind, abi::RawValue};

use super::{Body, OPEN_LIMIT, Task};
use crate::{
    device::Connection,
    executor::{Label, context::DeviceHost, inbox::Running},
    failure::{Failure, seconds},
};

impl Body {
    /// Plans the next try to open a device, if none is planned.
    pub(super) fn plan_open(&mut self, slot: usize) {
        let now = self.now();
        let instance = &mut self.instances[slot];
        if !std::mem::replace(&mut instance.planned, true) {
            let delay = instance.retry.next(now);
            self.plan(now + delay, slot, Task::Open);
        }
    }

    /// Opens a device, and its controller first where that is not open.
    pub(super) fn open(&mut self, slot: usize) {
        let label = Label {
            device: Arc::clone(self.instances[slot].device.name()),
            member: "".into(),
            verb: "opening",
        };
        self.worker
            .inbox
            .begin(Running::alone(slot, label, self.now(), OPEN_LIMIT));
        let outcome = self.try_open(slot).and_then(|()| self.write_initial(slot));
        self.worker.inbox.leave();
        let now = self.now();
        let device = Arc::clone(&self.instances[slot].device);
        match outcome {
            Ok(()) => {
                self.instances[slot].retry.opened(now);
                let was = device.connection();
                device.change(|change| change.up(now));
                if let Connection::Down { since, .. } = was {
                    tracing::info!(device = %device.name(), "{} is back after {}", device.name(), seconds(now.since(since)));
                }
                self.poll_everything(slot);
            }
            Err(error) => {
                self.close_instance(slot);
                if error.kind() == ErrorKind::CommunicationFailed {
                    self.close_idle_controller();
                }
                self.down(slot, error.message());
            }
        }
        if std::mem::take(&mut self.instances[slot].first) {
            self.executor.note_opened();
        }
    }

    fn try_open(&mut self, slot: usize) -> Result<(), Error> {
        let device = Arc::clone(&self.instances[slot].device);
        let config = device.config();
        let options = config.options.to_string();
        let host = DeviceHost::boxed(&self.executor, device.name(), Some(&device));
        let raw = if self.controller.is_some() {
            self.open_controller()?;
            let controller = self.controller.as_mut().and_then(|controller| controller.raw.as_mut());
            let controller = controller.expect("it was opened just now");
            let (kind, options) = (config.device_type.as_str().into(), options.as_str().into());
            super::super::result(controller.open_device(kind, options, host))?
        } else {
            self.library.open_device(&config.device_type, &options, host)?
        };
        // Asked once, before anything else can call the device (S1).
        let stopper = match raw.stopper() {
            ROption::RSome(stopper) => Some(stopper),
            ROption::RNone => None,
        };
        self.worker.set_stopper(slot, stopper);
        self.instances[slot].raw = Some(raw);
        if self.worker.inbox.is_stuck() {
            self.came_back();
        }
        Ok(())
    }

    fn open_controller(&mut self) -> Result<(), Error> {
        let Body {
            controller: Some(controller),
            executor,
            library,
            worker,
            ..
        } = self
        else {
            return Ok(());
        };
        if controller.raw.is_none() {
            let host = DeviceHost::boxed(executor, &worker.name, None);
            let options = controller.config.options.to_string();
            let opened = library.open_controller(&controller.config.controller_type, &options, host);
            controller.raw = Some(opened.map_err(|error| error.context(format!("controller {}", worker.name)))?);
        }
        Ok(())
    }

    /// Writes what the config wants written at open (D7).
    fn write_initial(&mut self, slot: usize) -> Result<(), Error> {
        let device = Arc::clone(&self.instances[slot].device);
        for parameter in device.parameters() {
            let Some(value) = parameter.initial().cloned() else {
                continue;
            };
            let raw = RawValue::from(value.clone());
            let index = parameter.index() as u32;
            let written = self.enter_alone(
                slot,
                parameter.name(),
                "initial write",
                parameter.timeout(),
                |raw_device, cx| raw_device.write(index, raw, cx),
            );
            written.map_err(|error| error.context(format!("initial value of {}", parameter.path())))?;
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
        let first = matches!(device.connection(), Connection::Opening);
        device.change(|change| change.down(cause.to_owned(), now));
        let error = Error::communication(cause);
        for motion in std::mem::take(&mut self.instances[slot].motions) {
            let path = motion.call.label.path();
            self.settle(
                slot,
                &motion.call,
                motion.parameter,
                Err(Failure::Driver {
                    path,
                    error: error.clone(),
                }),
            );
        }
        if first {
            // The first try was the one at once.
            self.instances[slot].retry.next(now);
        }
        self.plan_open(slot);
    }

    /// Closes a device; what its driver does then is reported, and harms nobody.
    pub(super) fn close_instance(&mut self, slot: usize) {
        self.worker.set_stopper(slot, None);
        let Some(mut raw) = self.instances[slot].raw.take() else {
            return;
        };
        let name = Arc::clone(self.instances[slot].device.name());
        let label = Label {
            device: Arc::clone(&name),
            member: "".into(),
            verb: "closing",
        };
        self.worker
            .inbox
            .begin(Running::alone(slot, label, self.now(), Duration::from_secs(10)));
        if let Err(error) = super::super::result(raw.close()) {
            tracing::warn!(device = %name, "{name}: {}", error.message());
        }
        drop(raw);
        self.worker.inbox.leave();
        if self.worker.inbox.is_stuck() {
            self.came_back();
        }
    }

    pub(super) fn close_controller(&mut self) {
        let Some(mut raw) = self.controller.as_mut().and_then(|controller| controller.raw.take()) else {
            return;
        };
        if let Err(error) = super::super::result(raw.close()) {
            tracing::warn!(controller = %self.worker.name, "{}: {}", self.worker.name, error.message());
        }
    }

    /// Closes a controller none of whose devices is open, so that the next try opens its line anew.
    fn close_idle_controller(&mut self) {
        if self.instances.iter().all(|instance| instance.raw.is_none()) {
            self.close_controller();
        }
    }
}
