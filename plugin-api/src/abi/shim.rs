//! Lowers an author's device to the trait objects that cross.

use std::time::Duration;

use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RNone, ROption, RSome, RStr},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::{
    BoxController, BoxDevice, BoxHost, BoxStopper, RawController, RawController_TO, RawDevice, RawDevice_TO, RawResult,
    RawStopper, RawStopper_TO, RawValue, RefContext,
    guard::{contained, entry},
};
use crate::{Context, Controller, Devices, Entry, Error, ErrorKind, Part, Result, Stopper, Table, Value};

/// The options as an author's type. Errors name the field and its place.
pub(crate) fn parse_options<O: DeserializeOwned>(options: &str) -> Result<O> {
    serde_json::from_str(options).map_err(|error| Error::new(ErrorKind::WrongType, format!("options: {error}")))
}

/// The JSON Schema of an author's options, without references, so that schemas can be put together.
pub(crate) fn schema_of<O: JsonSchema>() -> Schema {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true);
    SchemaGenerator::new(settings).into_root_schema_for::<O>()
}

/// A device with the table that describes it.
struct ShimDevice<P: Part> {
    /// `None` once closed.
    part: Option<P>,
    table: Table<P>,
}

/// Boxes a device for the host.
pub(crate) fn boxed<P: Part>(part: P, table: Table<P>) -> BoxDevice {
    RawDevice_TO::from_value(
        ShimDevice {
            part: Some(part),
            table,
        },
        TD_Opaque,
    )
}

impl<P: Part> ShimDevice<P> {
    fn part(part: &mut Option<P>) -> Result<&mut P> {
        part.as_mut()
            .ok_or_else(|| Error::new(ErrorKind::InternalError, "the device is closed"))
    }
}

fn no_such(what: &str, index: u32) -> Error {
    Error::new(
        ErrorKind::InternalError,
        format!("the driver has no {what} number {index}"),
    )
}

impl<P: Part> RawDevice for ShimDevice<P> {
    fn read(&mut self, parameter: u32, cx: RefContext<'_>) -> RawResult {
        let Self { part, table } = self;
        entry("read", || {
            let row = table.rows.get(parameter as usize).and_then(|row| row.read.as_ref());
            let read = row.ok_or_else(|| no_such("readable parameter", parameter))?;
            let (name, cx) = (
                &table.description.parameters[parameter as usize].name,
                Context::from_raw(cx),
            );
            let value = table.enter(Self::part(part)?, Entry::Read(name), &cx, |part| read(part, &cx))?;
            Ok(value.into())
        })
    }

    fn write(&mut self, parameter: u32, value: RawValue, cx: RefContext<'_>) -> RawResult<()> {
        let Self { part, table } = self;
        entry("write", || {
            let row = table.rows.get(parameter as usize).and_then(|row| row.write.as_ref());
            let write = row.ok_or_else(|| no_such("writable parameter", parameter))?;
            let (name, cx) = (
                &table.description.parameters[parameter as usize].name,
                Context::from_raw(cx),
            );
            let value = value.try_into()?;
            let body = |part: &mut P| write(part, value, &cx).map(Value::from);
            table.enter(Self::part(part)?, Entry::Write(name), &cx, body).map(drop)
        })
    }

    fn run(&mut self, command: u32, argument: RawValue, cx: RefContext<'_>) -> RawResult {
        let Self { part, table } = self;
        entry("command", || {
            let run = table.runs.get(command as usize).and_then(Option::as_ref);
            let run = run.ok_or_else(|| no_such("command", command))?;
            let (name, cx) = (
                &table.description.commands[command as usize].name,
                Context::from_raw(cx),
            );
            let argument = argument.try_into()?;
            let body = |part: &mut P| run(part, argument, &cx);
            Ok(table.enter(Self::part(part)?, Entry::Command(name), &cx, body)?.into())
        })
    }

    fn status(&mut self, cx: RefContext<'_>) -> RawResult {
        let Self { part, table } = self;
        entry("status", || {
            let status = table.status.as_ref().ok_or_else(|| no_such("status", 0))?;
            let cx = Context::from_raw(cx);
            let body = |part: &mut P| {
                let status = status(part, &cx)?;
                Ok(Value::Json(serde_json::json!([status.code.number(), status.text])))
            };
            Ok(table.enter(Self::part(part)?, Entry::Status, &cx, body)?.into())
        })
    }

    fn stop(&mut self, cx: RefContext<'_>) -> RawResult<()> {
        let Self { part, table } = self;
        entry("stop", || {
            let stop = table.stop.as_ref().ok_or_else(|| no_such("stop", 0))?;
            let cx = Context::from_raw(cx);
            let body = |part: &mut P| stop(part, &cx).map(Value::from);
            table.enter(Self::part(part)?, Entry::Stop, &cx, body).map(drop)
        })
    }

    fn estimate(&mut self, parameter: u32, value: RawValue, cx: RefContext<'_>) -> RawResult<u64> {
        let Self { part, table } = self;
        entry("estimate", || {
            let Some(estimate) = table.rows.get(parameter as usize).and_then(|row| row.estimate.as_ref()) else {
                return Ok(0);
            };
            let duration = estimate(Self::part(part)?, value.try_into()?, &Context::from_raw(cx))?;
            let duration: Duration = duration.unwrap_or_default();
            Ok(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
        })
    }

    fn listen(&mut self, cx: RefContext<'_>) -> RawResult<()> {
        let Self { part, table } = self;
        entry("listen", || {
            let Some(listen) = &table.listen else { return Ok(()) };
            listen(Self::part(part)?, &Context::from_raw(cx))
        })
    }

    fn stopper(&self) -> ROption<BoxStopper> {
        let stopper = contained(|| self.part.as_ref().and_then(P::stopper)).flatten();
        match stopper {
            Some(stopper) => RSome(RawStopper_TO::from_value(
                ShimStopper { stopper: Some(stopper) },
                TD_Opaque,
            )),
            None => RNone,
        }
    }

    fn close(&mut self) -> RawResult<()> {
        let part = self.part.take();
        entry("drop", || {
            drop(part);
            Ok(())
        })
    }
}

impl<P: Part> Drop for ShimDevice<P> {
    fn drop(&mut self) {
        let part = self.part.take();
        contained(|| drop(part));
        // Its functions hold what their author let them capture.
        let table = std::mem::replace(&mut self.table, Table::new());
        contained(|| drop(table));
    }
}

struct ShimStopper {
    /// `None` in its `Drop` alone.
    stopper: Option<Stopper>,
}

impl RawStopper for ShimStopper {
    fn stop(&self) -> RawResult<()> {
        entry("stopper", || self.stopper.as_ref().map_or(Ok(()), |stopper| stopper()))
    }
}

impl Drop for ShimStopper {
    fn drop(&mut self) {
        // It may hold the last clone of what it shares with its device.
        let stopper = self.stopper.take();
        contained(|| drop(stopper));
    }
}

struct ShimController<C> {
    /// `None` once closed.
    controller: Option<C>,
    devices: Devices<C>,
}

/// Boxes a controller for the host.
pub(super) fn boxed_controller<C: Controller>(controller: C) -> BoxController {
    let shim = ShimController {
        controller: Some(controller),
        devices: Devices::of(),
    };
    RawController_TO::from_value(shim, TD_Opaque)
}

impl<C: Controller> RawController for ShimController<C> {
    fn open_device(&mut self, kind: RStr<'_>, options: RStr<'_>, host: BoxHost) -> RawResult<BoxDevice> {
        let Self { controller, devices } = self;
        entry("open", || {
            let row = devices.rows.iter().find(|row| row.name == kind.as_str());
            let row = row.ok_or_else(|| unknown_type(C::TYPE, &kind))?;
            let controller = controller
                .as_mut()
                .ok_or_else(|| Error::new(ErrorKind::InternalError, "the controller is closed"))?;
            (row.open)(controller, options.as_str(), host)
        })
    }

    fn close(&mut self) -> RawResult<()> {
        let controller = self.controller.take();
        entry("drop", || {
            drop(controller);
            Ok(())
        })
    }
}

impl<C> Drop for ShimController<C> {
    fn drop(&mut self) {
        let controller = self.controller.take();
        contained(|| drop(controller));
        let rows = std::mem::take(&mut self.devices.rows);
        contained(|| drop(rows));
    }
}

pub(super) fn unknown_type(of: &str, name: &str) -> Error {
    Error::new(ErrorKind::NoSuchModule, format!("{of} has no device type `{name}`"))
}

#[cfg(test)]
mod tests;
