//! The types of devices and controllers of a library, and the functions that its root module offers.

use abi_stable::std_types::{RStr, RString};

use super::{
    BoxController, BoxDevice, BoxHost, RawResult,
    guard::entry,
    shim::{boxed, boxed_controller, parse_options, schema_of, unknown_type},
};
use crate::{
    Controller, Device, Devices, Error, ErrorKind, Host, Result, Table,
    description::{ControllerDescription, TableDescription, TypeDescription},
};

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
    finished(D::TYPE, |table| D::table_for(options, table))
}

/// A table that depends on options, if its author has made no mistake.
pub(crate) fn finished<P: 'static>(
    owner: &str,
    describe: impl FnOnce(&mut Table<P>) -> Result<()>,
) -> Result<Table<P>> {
    let (mut table, mut mistakes) = (Table::new(), Vec::new());
    describe(&mut table)?;
    table.finish(owner, &mut mistakes);
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
    table: fn(&str, &str) -> Result<TableDescription>,
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
        dynamic: row.table.is_some(),
    };
    ControllerDescription {
        name: C::TYPE.to_owned(),
        doc: C::doc().to_owned(),
        options: schema_of::<C::Options>(),
        devices: Devices::<C>::of().rows.iter().map(describe).collect(),
    }
}

pub(crate) fn part_table<C: Controller>(kind: &str, options: &str) -> Result<TableDescription> {
    let devices = Devices::<C>::of();
    let row = devices
        .rows
        .iter()
        .find(|row| row.name == kind)
        .ok_or_else(|| unknown_type(C::TYPE, kind))?;
    match &row.table {
        Some(table) => table(options),
        None => Ok((row.description)(&mut Vec::new(), C::TYPE)),
    }
}

pub(crate) fn open_controller<C: Controller>(options: &str, host: BoxHost) -> Result<BoxController> {
    Ok(boxed_controller(C::open(
        parse_options(options)?,
        Host::from_raw(host),
    )?))
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
            of => (controller::<L>(of)?.table)(&kind, &options)?,
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
