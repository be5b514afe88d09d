//! The traits that an author implements.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{
    Host, Result, Table,
    abi::{entries::finished, shim::parse_options},
    table::RunCommand,
};

/// Stops a device from any thread, in the middle of a call; see [`Device::stopper`].
pub type Stopper = Box<dyn Fn() -> Result<()> + Send + Sync>;

/// A type of device that stands alone.
///
/// The host calls one entry at a time, from a thread of the device's own, so the functions block as they please and take
/// `&mut self`. What takes long asks its [`Context`](crate::Context) whether it was cancelled.
pub trait Device: Sized + Send + 'static {
    /// What the config may set: a serde struct with `#[serde(deny_unknown_fields)]`, see [`DeviceRef`](crate::DeviceRef)
    /// and its module for fields that mean something to the host.
    type Options: DeserializeOwned + JsonSchema;

    /// The name by which a config refers to it: `type = "supply"`.
    const TYPE: &'static str;

    /// Whether [`table_for`](Self::table_for) depends on the options.
    const TABLE_FROM_OPTIONS: bool = false;

    /// Connects to the instrument.
    ///
    /// # Errors
    /// Whatever keeps it from working. The host shows the error, keeps the device in status `Error` and tries again.
    fn open(options: Self::Options, host: Host) -> Result<Self>;

    /// Says each parameter and command once.
    fn table(table: &mut Table<Self>);

    /// The table of a device with these options; for drivers whose instruments are described in files. Opens nothing.
    ///
    /// # Errors
    /// If the options describe no table. Diagnostics that point into a file go into the error's detail.
    fn table_for(_options: &Self::Options, table: &mut Table<Self>) -> Result<()> {
        Self::table(table);
        Ok(())
    }

    /// What can stop the device from any thread while a call is inside the driver. Asked once, after
    /// [`open`](Self::open). It must not take a lock that a running call holds.
    ///
    /// Without one a stop waits until the running call has returned, which is enough where calls are short or ask their
    /// context.
    fn stopper(&self) -> Option<Stopper> {
        None
    }
}

/// A device that belongs to a [`Controller`]. Every [`Device`] is one, too.
pub trait Part: Sized + Send + 'static {
    /// Says each parameter and command once.
    fn table(table: &mut Table<Self>);

    /// As [`Device::stopper`].
    fn stopper(&self) -> Option<Stopper> {
        None
    }
}

impl<D: Device> Part for D {
    fn table(table: &mut Table<Self>) {
        D::table(table);
    }

    fn stopper(&self) -> Option<Stopper> {
        Device::stopper(self)
    }
}

/// What several devices share: a serial bus, a motion controller with eight axes, a rack.
///
/// It owns the line and hands its parts a clone of what they share, in a [`Shared`](crate::Shared) as a rule. All its
/// devices are called from one thread, one at a time.
pub trait Controller: Sized + Send + 'static {
    /// As [`Device::Options`].
    type Options: DeserializeOwned + JsonSchema;

    /// The name by which a config refers to it.
    const TYPE: &'static str;

    /// Connects to the hardware.
    ///
    /// # Errors
    /// As [`Device::open`]; its devices share the error.
    fn open(options: Self::Options, host: Host) -> Result<Self>;

    /// Says which types of devices it has, and how each is opened.
    fn devices(devices: &mut Devices<Self>);

    /// One sentence about it for people.
    fn doc() -> &'static str {
        ""
    }
}

/// The types of devices of a controller, as its author writes them down.
pub struct Devices<C> {
    pub(crate) rows: Vec<DeviceRow<C>>,
}

type OpenPart<C> = Box<dyn Fn(&mut C, &str, crate::abi::BoxHost) -> Result<crate::abi::BoxDevice> + Send>;
type TableOfPart = Box<dyn Fn(&str) -> Result<crate::description::TableDescription> + Send>;

pub(crate) struct DeviceRow<C> {
    pub(crate) name: &'static str,
    pub(crate) options: fn() -> schemars::Schema,
    pub(crate) description: fn(&mut Vec<String>, &str) -> crate::description::TableDescription,
    /// The table of a device with these options, where it depends on them.
    pub(crate) table: Option<TableOfPart>,
    pub(crate) open: OpenPart<C>,
}

impl<C: Controller> Devices<C> {
    pub(crate) fn of() -> Self {
        let mut devices = Devices { rows: Vec::new() };
        C::devices(&mut devices);
        devices
    }

    /// A type of device, and the function that opens one: `fn axis(&mut self, AxisOptions, Host) -> Result<Axis>`.
    pub fn device<P: Part, O: DeserializeOwned + JsonSchema>(
        &mut self,
        name: &'static str,
        open: impl Fn(&mut C, O, Host) -> Result<P> + Send + 'static,
    ) {
        self.rows.push(DeviceRow {
            name,
            options: crate::abi::shim::schema_of::<O>,
            description: crate::table::describe::<P>,
            table: None,
            open: Box::new(move |controller, options, host| {
                let part = open(controller, parse_options(options)?, Host::from_raw(host))?;
                let mut table = Table::new();
                P::table(&mut table);
                Ok(crate::abi::shim::boxed(part, table))
            }),
        });
    }

    /// As [`device`](Self::device), for a type whose table depends on the options, as that of an instrument that is
    /// described in a file: `table` says it, and opens nothing. [`Part::table`] says what all devices of the type have.
    pub fn device_from_options<P: Part, O: DeserializeOwned + JsonSchema + 'static>(
        &mut self,
        name: &'static str,
        open: impl Fn(&mut C, O, Host) -> Result<P> + Send + 'static,
        table: fn(&O, &mut Table<P>) -> Result<()>,
    ) {
        let table_for = move |options: &O| finished(name, |described| table(options, described));
        self.rows.push(DeviceRow {
            name,
            options: crate::abi::shim::schema_of::<O>,
            description: crate::table::describe::<P>,
            table: Some(Box::new(move |options| {
                Ok(table_for(&parse_options(options)?)?.description)
            })),
            open: Box::new(move |controller, options, host| {
                let options = parse_options(options)?;
                let table = table_for(&options)?;
                let part = open(controller, options, Host::from_raw(host))?;
                Ok(crate::abi::shim::boxed(part, table))
            }),
        });
    }
}

impl<D> Table<D> {
    /// The raw request of a Communicator: sends a text to the instrument and returns its answer.
    pub fn communicate<M>(&mut self, run: impl RunCommand<D, M>)
    where
        D: 'static,
    {
        self.command("communicate")
            .doc("Sends a text to the instrument and returns its answer")
            .run(run);
    }
}
