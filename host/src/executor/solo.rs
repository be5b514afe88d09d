//! One device without a lab: opened, asked and closed where it is called, and nothing is asked of it but that.
//!
//! A lab polls, watches what moves and opens again what was lost; whoever tries an instrument, or replays a dialogue with
//! it, wants to see the one exchange that was asked for. What the driver tells the host on the way goes to an
//! [`Audience`]. Values are checked as in a lab; frames, guards and locks of one there are not.

mod host;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use abi_stable::{sabi_trait::TD_Opaque, sabi_types::RRef};
use baton_plugin_api::{
    Direction, Error, Status, Value,
    abi::{BoxController, BoxDevice, BoxHost, RawContext_TO, RawHost_TO, RawResult},
};
use host::{SoloContext, SoloHost};

use super::{Worker, body};
use crate::{
    clock::Clock,
    config::{Execution, LabConfig},
    device::{Command, Device, Parameter},
    dispatcher::Dispatcher,
    plugin::Drivers,
};

/// How long closing, a status or a stop may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Whoever wants to know what the driver tells its host; called from any thread, also in the middle of a call.
pub trait Audience: Send + Sync {
    /// Bytes went over the line, whole or in pieces.
    fn traffic(&self, direction: Direction, bytes: &[u8]);

    /// A line for the log: level 1 is an error, 5 a trace.
    fn log(&self, level: u32, text: &str);

    /// Whether a call is to end, as nobody waits for it any more.
    fn cancelled(&self) -> bool {
        false
    }

    /// The device says something by itself: a reading of the parameter of that name, or the message of that name.
    fn said(&self, name: &str, value: Result<Value, Error>);
}

/// An open device that stands alone, or together with the controller that its config gives it.
pub struct Solo {
    /// What is known of its parameters and commands; it has no readings and no worker that runs.
    device: Arc<Device>,
    // The device before the controller that it is on: dropped in this order.
    raw: BoxDevice,
    controller: Option<BoxController>,
    audience: Arc<dyn Audience>,
}

impl Solo {
    /// Opens the first device of a config, and its controller if it has one. Blocks for as long as the driver takes.
    ///
    /// # Errors
    /// What the driver says, or that it is not there.
    pub fn open(config: &LabConfig, drivers: &Drivers, audience: Arc<dyn Audience>) -> Result<Solo, Error> {
        let device = Solo::describe(config).ok_or_else(|| Error::impossible("the config has no device"))?;
        let own = device.config();
        let library = drivers
            .library(&own.driver)
            .ok_or_else(|| Error::impossible(format!("the driver `{}` was not found", own.driver)))?;
        let host = |name: &str| -> BoxHost {
            let audience = Arc::clone(&audience);
            RawHost_TO::from_value(
                SoloHost {
                    name: name.into(),
                    audience,
                },
                TD_Opaque,
            )
        };
        let options = own.options.to_string();
        let on = own.controller.as_ref();
        let Some(on) = on.and_then(|on| config.controllers.iter().find(|c| c.name.eq_ignore_ascii_case(on))) else {
            let raw = library.open_device(&own.device_type, &options, host(&own.name))?;
            return Ok(Solo {
                device,
                raw,
                controller: None,
                audience,
            });
        };
        let mut controller = library.open_controller(&on.controller_type, &on.options.to_string(), host(&on.name))?;
        let (kind, options) = (own.device_type.as_str().into(), options.as_str().into());
        let raw = super::result(controller.open_device(kind, options, host(&own.name)))?;
        Ok(Solo {
            device,
            raw,
            controller: Some(controller),
            audience,
        })
    }

    /// The first device of a config as a lab would know it, closed, with nothing behind it. `None` if there is none.
    pub fn describe(config: &LabConfig) -> Option<Arc<Device>> {
        let device = config.devices.first()?;
        let worker = Worker::new(0, &device.name, false);
        let dispatcher = Dispatcher::new(Execution::Inline);
        let now = Clock::real().now();
        Some(Arc::new(Device::new(
            device.clone(),
            &config.host,
            worker,
            (0, 0),
            dispatcher,
            now,
        )))
    }

    /// What its parameters and commands are.
    pub fn device(&self) -> &Arc<Device> {
        &self.device
    }

    /// Reads a parameter.
    ///
    /// # Errors
    /// What the driver says, or that what it returned is not what its table says.
    pub fn read(&mut self, parameter: &Parameter) -> Result<Value, Error> {
        let (index, limit) = (parameter.index() as u32, parameter.timeout());
        let value = enter(&*self.audience, limit, |cx| self.raw.read(index, cx))?;
        body::sensible(&parameter.description().datatype, value.try_into()?)
    }

    /// Writes a parameter; `value` has passed [`Parameter::check`].
    ///
    /// # Errors
    /// What the driver says.
    pub fn write(&mut self, parameter: &Parameter, value: Value) -> Result<(), Error> {
        let (index, limit) = (parameter.index() as u32, parameter.timeout());
        enter(&*self.audience, limit, |cx| self.raw.write(index, value.into(), cx))
    }

    /// Runs a command; `argument` has passed [`Command::check`].
    ///
    /// # Errors
    /// What the driver says, or that what it returned is not what its table says.
    pub fn run(&mut self, command: &Command, argument: Value) -> Result<Value, Error> {
        let (index, limit) = (command.index() as u32, command.timeout());
        let value = enter(&*self.audience, limit, |cx| self.raw.run(index, argument.into(), cx))?;
        body::sensible(&command.description().result, value.try_into()?)
    }

    /// Asks for the status; `None` if the device has none.
    ///
    /// # Errors
    /// What the driver says.
    pub fn status(&mut self) -> Option<Result<Status, Error>> {
        let table = &self.device.config().table;
        let status = || enter(&*self.audience, LIMIT, |cx| self.raw.status(cx)).and_then(Value::try_from);
        table
            .status
            .then(status)
            .map(|status| status.and_then(body::parse_status))
    }

    /// Stops it; `None` if it has no way to.
    ///
    /// # Errors
    /// What the driver says.
    pub fn stop(&mut self) -> Option<Result<(), Error>> {
        let can_stop = self.device.config().table.stop;
        can_stop.then(|| enter(&*self.audience, LIMIT, |cx| self.raw.stop(cx)))
    }

    /// Has it pass on what its instrument says by itself, as a lab does every so often; does nothing if it does not listen.
    ///
    /// # Errors
    /// What the driver says.
    pub fn listen(&mut self) -> Result<(), Error> {
        let listens = self.device.config().table.listen.is_some();
        if listens {
            enter(&*self.audience, LIMIT, |cx| self.raw.listen(cx))
        } else {
            Ok(())
        }
    }

    /// Closes it, and its controller.
    ///
    /// # Errors
    /// What the driver says; it is closed all the same.
    pub fn close(mut self) -> Result<(), Error> {
        let closed = super::result(self.raw.close());
        let controller = self
            .controller
            .as_mut()
            .map_or(Ok(()), |controller| super::result(controller.close()));
        closed.and(controller)
    }
}

fn enter<T>(
    audience: &dyn Audience,
    limit: Duration,
    entry: impl FnOnce(baton_plugin_api::abi::RefContext<'_>) -> RawResult<T>,
) -> Result<T, Error> {
    let context = SoloContext {
        audience,
        ends: Instant::now().checked_add(limit),
    };
    super::result(entry(RawContext_TO::from_ptr(RRef::new(&context), TD_Opaque)))
}
