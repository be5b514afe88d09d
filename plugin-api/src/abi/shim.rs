//! Lowers an author's device to the trait objects that cross.

use std::time::Duration;

use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RNone, ROption, RSome, RStr, RString},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::{
    BoxController, BoxDevice, BoxHost, BoxStopper, RawController, RawController_TO, RawDevice, RawDevice_TO, RawResult,
    RawStopper, RawStopper_TO, RawValue, RefContext,
    guard::{contained, entry},
};
use crate::{
    Context, Controller, Device, Devices, Entry, Error, ErrorKind, Host, Part, Result, Stopper, Table, Value,
    description::{ControllerDescription, TableDescription, TypeDescription},
};

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
struct ShimDevice<P> {
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

    fn stopper(&self) -> ROption<BoxStopper> {
        let stopper = contained(|| self.part.as_ref().and_then(P::stopper)).flatten();
        match stopper {
            Some(stopper) => RSome(RawStopper_TO::from_value(ShimStopper { stopper }, TD_Opaque)),
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

impl<P> Drop for ShimDevice<P> {
    fn drop(&mut self) {
        let part = self.part.take();
        contained(|| drop(part));
    }
}

struct ShimStopper {
    stopper: Stopper,
}

impl RawStopper for ShimStopper {
    fn stop(&self) -> RawResult<()> {
        entry("stopper", || (self.stopper)())
    }
}

struct ShimController<C> {
    /// `None` once closed.
    controller: Option<C>,
    devices: Devices<C>,
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
    }
}

fn unknown_type(of: &str, name: &str) -> Error {
    Error::new(ErrorKind::NoSuchModule, format!("{of} has no device type `{name}`"))
}

/// One type of device of a library, for the table that the export macro builds.
pub struct DeviceEntry {
    name: &'static str,
    describe: fn(&mut Vec<String>) -> TypeDescription,
    table: fn(&str) -> Result<TableDescription>,
    open: fn(&str, BoxHost) -> Result<BoxDevice>,
}

impl DeviceEntry {
    /// The entry of device type `D`.
    pub const fn of<D: Device>() -> Self {
        DeviceEntry {
            name: D::TYPE,
            describe: describe::<D>,
            table: table::<D>,
            open: open::<D>,
        }
    }
}

fn describe<D: Device>(mistakes: &mut Vec<String>) -> TypeDescription {
    TypeDescription {
        name: D::TYPE.to_owned(),
        options: schema_of::<D::Options>(),
        table: crate::table::describe::<D>(mistakes, D::TYPE),
        dynamic: D::TABLE_FROM_OPTIONS,
    }
}

pub(crate) fn table_for<D: Device>(options: &D::Options) -> Result<Table<D>> {
    let (mut table, mut mistakes) = (Table::new(), Vec::new());
    D::table_for(options, &mut table)?;
    table.finish(D::TYPE, &mut mistakes);
    match mistakes.is_empty() {
        true => Ok(table),
        false => Err(Error::new(ErrorKind::InternalError, mistakes.join("; "))),
    }
}

fn table<D: Device>(options: &str) -> Result<TableDescription> {
    Ok(table_for::<D>(&parse_options(options)?)?.description)
}

pub(crate) fn open<D: Device>(options: &str, host: BoxHost) -> Result<BoxDevice> {
    let options = parse_options(options)?;
    let table = table_for::<D>(&options)?;
    Ok(boxed(D::open(options, Host::from_raw(host))?, table))
}

/// One type of controller of a library.
pub struct ControllerEntry {
    name: &'static str,
    describe: fn(&mut Vec<String>) -> ControllerDescription,
    table: fn(&str) -> Result<TableDescription>,
    open: fn(&str, BoxHost) -> Result<BoxController>,
}

impl ControllerEntry {
    /// The entry of controller type `C`.
    pub const fn of<C: Controller>() -> Self {
        ControllerEntry {
            name: C::TYPE,
            describe: describe_controller::<C>,
            table: part_table::<C>,
            open: open_controller::<C>,
        }
    }
}

fn describe_controller<C: Controller>(mistakes: &mut Vec<String>) -> ControllerDescription {
    let describe = |row: &crate::device::DeviceRow<C>| TypeDescription {
        name: row.name.to_owned(),
        options: (row.options)(),
        table: (row.description)(mistakes, &format!("{}.{}", C::TYPE, row.name)),
        dynamic: false,
    };
    ControllerDescription {
        name: C::TYPE.to_owned(),
        doc: C::doc().to_owned(),
        options: schema_of::<C::Options>(),
        devices: Devices::<C>::of().rows.iter().map(describe).collect(),
    }
}

pub(crate) fn part_table<C: Controller>(kind: &str) -> Result<TableDescription> {
    let devices = Devices::<C>::of();
    let row = devices
        .rows
        .iter()
        .find(|row| row.name == kind)
        .ok_or_else(|| unknown_type(C::TYPE, kind))?;
    Ok((row.description)(&mut Vec::new(), C::TYPE))
}

pub(crate) fn open_controller<C: Controller>(options: &str, host: BoxHost) -> Result<BoxController> {
    let controller = C::open(parse_options(options)?, Host::from_raw(host))?;
    let shim = ShimController {
        controller: Some(controller),
        devices: Devices::of(),
    };
    Ok(RawController_TO::from_value(shim, TD_Opaque))
}

/// What a library exports, as the macro hands it over.
pub trait Library {
    /// Name of the package.
    const PACKAGE: &'static str;
    /// Version of the package.
    const VERSION: &'static str;
    /// Panic strategy of the library.
    const PANIC: &'static str;
    /// Its device types.
    const DEVICES: &'static [DeviceEntry];
    /// Its controller types.
    const CONTROLLERS: &'static [ControllerEntry];

    /// The name by which a config refers to the driver.
    fn name() -> &'static str {
        Self::PACKAGE.strip_prefix("baton-driver-").unwrap_or(Self::PACKAGE)
    }
}

pub(super) extern "C" fn describe_library<L: Library>() -> RawResult<RString> {
    entry("describe", || {
        let mut mistakes = Vec::new();
        let devices = L::DEVICES
            .iter()
            .map(|device| (device.describe)(&mut mistakes))
            .collect();
        let controllers = L::CONTROLLERS
            .iter()
            .map(|controller| (controller.describe)(&mut mistakes))
            .collect();
        let description = crate::description::LibraryDescription {
            name: L::name().to_owned(),
            version: L::VERSION.to_owned(),
            plugin_api: env!("CARGO_PKG_VERSION").to_owned(),
            rustc: env!("BATON_RUSTC").to_owned(),
            panic: L::PANIC.to_owned(),
            devices,
            controllers,
            mistakes,
        };
        Ok(serde_json::to_string(&description)?.into())
    })
}

fn device<L: Library>(name: &str) -> Result<&'static DeviceEntry> {
    L::DEVICES
        .iter()
        .find(|device| device.name == name)
        .ok_or_else(|| unknown_type(L::name(), name))
}

fn controller<L: Library>(name: &str) -> Result<&'static ControllerEntry> {
    L::CONTROLLERS
        .iter()
        .find(|controller| controller.name == name)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::NoSuchModule,
                format!("{} has no controller type `{name}`", L::name()),
            )
        })
}

pub(super) extern "C" fn describe_device<L: Library>(
    of: RStr<'_>,
    kind: RStr<'_>,
    options: RStr<'_>,
) -> RawResult<RString> {
    entry("describe", || {
        let table = match of.as_str() {
            "" => (device::<L>(&kind)?.table)(&options)?,
            of => (controller::<L>(of)?.table)(&kind)?,
        };
        Ok(serde_json::to_string(&table)?.into())
    })
}

pub(super) extern "C" fn open_device<L: Library>(
    kind: RStr<'_>,
    options: RStr<'_>,
    host: BoxHost,
) -> RawResult<BoxDevice> {
    entry("open", || (device::<L>(&kind)?.open)(&options, host))
}

pub(super) extern "C" fn open_controller_of<L: Library>(
    kind: RStr<'_>,
    options: RStr<'_>,
    host: BoxHost,
) -> RawResult<BoxController> {
    entry("open", || (controller::<L>(&kind)?.open)(&options, host))
}
