//! The table of a device: each parameter, command and message said once.

use std::{marker::PhantomData, ops::RangeInclusive, time::Duration};

use crate::{
    Context, Datatype, Result, Status, Value,
    datum::Datum,
    description::{CommandDescription, DeviceClass, MessageDescription, ParameterDescription, TableDescription},
};

pub(crate) type ReadFn<D> = Box<dyn Fn(&mut D, &Context<'_>) -> Result<Value> + Send + Sync>;
pub(crate) type WriteFn<D> = Box<dyn Fn(&mut D, Value, &Context<'_>) -> Result<()> + Send + Sync>;
pub(crate) type RunFn<D> = Box<dyn Fn(&mut D, Value, &Context<'_>) -> Result<Value> + Send + Sync>;
pub(crate) type EstimateFn<D> = Box<dyn Fn(&mut D, Value, &Context<'_>) -> Result<Option<Duration>> + Send + Sync>;
pub(crate) type StatusFn<D> = Box<dyn Fn(&mut D, &Context<'_>) -> Result<Status> + Send + Sync>;
pub(crate) type StopFn<D> = Box<dyn Fn(&mut D, &Context<'_>) -> Result<()> + Send + Sync>;

/// The parameters, commands and messages of a type of device, with the functions behind them.
///
/// ```
/// # use baton_plugin_api::{Context, Device, Host, Result, Table, schemars::{self, JsonSchema}};
/// # #[derive(serde::Deserialize, JsonSchema)] struct Options {}
/// struct Supply {
///     volts: f64,
/// }
///
/// impl Supply {
///     fn voltage(&mut self, _: &Context) -> Result<f64> {
///         Ok(self.volts)
///     }
///
///     fn set_voltage(&mut self, volts: f64, _: &Context) -> Result<()> {
///         self.volts = volts;
///         Ok(())
///     }
/// }
///
/// impl Device for Supply {
/// #   type Options = Options;
///     const TYPE: &'static str = "supply";
/// #   fn open(_: Options, _: Host) -> Result<Self> { Ok(Supply { volts: 0.0 }) }
///
///     fn table(t: &mut Table<Self>) {
///         t.doc("A laboratory power supply");
///         t.parameter("voltage")
///             .doc("Output voltage")
///             .unit("V")
///             .limits(0.0..=30.0)
///             .read(Self::voltage)
///             .write(Self::set_voltage);
///     }
/// }
/// ```
pub struct Table<D> {
    pub(crate) description: TableDescription,
    pub(crate) rows: Vec<Row<D>>,
    pub(crate) runs: Vec<Option<RunFn<D>>>,
    pub(crate) status: Option<StatusFn<D>>,
    pub(crate) stop: Option<StopFn<D>>,
    pub(crate) around: Option<crate::around::AroundFn<D>>,
    main_chosen: bool,
}

/// The functions of one parameter.
pub(crate) struct Row<D> {
    pub(crate) read: Option<ReadFn<D>>,
    pub(crate) write: Option<WriteFn<D>>,
    pub(crate) estimate: Option<EstimateFn<D>>,
}

impl<D: 'static> Table<D> {
    pub(crate) fn new() -> Self {
        Table {
            description: TableDescription::default(),
            rows: Vec::new(),
            runs: Vec::new(),
            status: None,
            stop: None,
            around: None,
            main_chosen: false,
        }
    }

    /// Says in one sentence what the device is.
    pub fn doc(&mut self, text: impl Into<String>) {
        self.description.doc = text.into();
    }

    /// Says that there is no hardware behind it, so that every reading carries the quality `simulated`.
    pub fn simulated(&mut self) {
        self.description.simulated = true;
    }

    /// Says the class, where another is meant than follows from the table: a main parameter that can be written makes a
    /// device Writable, and Drivable if it also reports its [`status`](Self::status).
    pub fn class(&mut self, class: DeviceClass) {
        self.description.class = Some(class);
    }

    /// A parameter. The first one is the main parameter, unless another [says so](Parameter::main).
    ///
    /// Its datatype follows from the functions given to [`read`](Parameter::read) and [`write`](Parameter::write).
    pub fn parameter<T: Datum>(&mut self, name: impl Into<String>) -> Parameter<'_, D, T> {
        let name = name.into();
        if self.description.main.is_none() {
            self.description.main = Some(name.clone());
        }
        self.description.parameters.push(ParameterDescription {
            name,
            doc: String::new(),
            datatype: T::datatype(),
            unit: String::new(),
            readable: false,
            writable: false,
            limits: None,
            tolerance: None,
            poll: None,
            fresh_for: 0.0,
            timeout: None,
            motion_timeout: None,
            blocking: false,
            retarget: false,
            estimate: false,
            digits: None,
            published: false,
        });
        self.rows.push(Row {
            read: None,
            write: None,
            estimate: None,
        });
        Parameter {
            table: self,
            _type: PhantomData,
        }
    }

    /// Says that no parameter is the main one: a Communicator, or a device of commands only.
    pub fn no_main_parameter(&mut self) {
        self.description.main = None;
        self.main_chosen = true;
    }

    /// A command. Its argument and result follow from the function given to [`run`](Command::run).
    pub fn command(&mut self, name: impl Into<String>) -> Command<'_, D> {
        self.description.commands.push(CommandDescription {
            name: name.into(),
            doc: String::new(),
            argument: Datatype::Unit,
            argument_unit: String::new(),
            result: Datatype::Unit,
            result_unit: String::new(),
            long: false,
            timeout: None,
            touches: Vec::new(),
        });
        self.runs.push(None);
        Command { table: self }
    }

    /// A message that the device may [send](crate::Host::send), with a payload of type `T`.
    pub fn message<T: Datum>(&mut self, name: impl Into<String>, doc: impl Into<String>) {
        let message = MessageDescription {
            name: name.into(),
            doc: doc.into(),
            payload: T::datatype(),
        };
        self.description.messages.push(message);
    }

    /// How the device reports its status; asked while it is busy, and now and then else.
    pub fn status(&mut self, status: impl Fn(&mut D, &Context<'_>) -> Result<Status> + Send + Sync + 'static) {
        self.description.status = true;
        self.status = Some(Box::new(status));
    }

    /// How the device is stopped, on its worker, after a call inside the driver has returned. It must return quickly.
    pub fn stop(&mut self, stop: impl Fn(&mut D, &Context<'_>) -> Result<()> + Send + Sync + 'static) {
        self.description.stop = true;
        self.stop = Some(Box::new(stop));
    }

    /// The finished description, and one line for each mistake in the table of `owner`.
    pub(crate) fn finish(&mut self, owner: &str, mistakes: &mut Vec<String>) {
        let communicates = self.description.commands.iter().any(|c| c.name == "communicate");
        if communicates && !self.main_chosen {
            self.description.main = None;
        }
        crate::mistakes::find(owner, self, mistakes);
    }
}

/// The finished description of a type's static table.
pub(crate) fn describe<P: crate::Part>(mistakes: &mut Vec<String>, owner: &str) -> TableDescription {
    let mut table = Table::<P>::new();
    P::table(&mut table);
    table.finish(owner, mistakes);
    table.description
}

/// A number, whose type the limits of its parameter have.
pub trait Limited: Datum {
    /// The type of a limit.
    type Bound: Into<Bound>;
}

/// A limit as the host keeps it.
pub struct Bound {
    value: f64,
}

macro_rules! limited {
    ($($type:ty),*) => {$(
        impl Limited for $type {
            type Bound = $type;
        }

        impl Limited for Vec<$type> {
            type Bound = $type;
        }

        impl From<$type> for Bound {
            fn from(value: $type) -> Self {
                Bound { value: value as f64 }
            }
        }
    )*};
}

limited!(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64);

impl Limited for crate::Array {
    type Bound = f64;
}

impl Limited for Value {
    type Bound = f64;
}

/// A parameter on its way into the table; every method adds one fact.
pub struct Parameter<'t, D, T> {
    table: &'t mut Table<D>,
    _type: PhantomData<fn() -> T>,
}

impl<'t, D: 'static, T: Datum> Parameter<'t, D, T> {
    fn row(&mut self) -> &mut ParameterDescription {
        self.table
            .description
            .parameters
            .last_mut()
            .expect("the parameter was added before its builder")
    }

    fn with(mut self, change: impl FnOnce(&mut ParameterDescription)) -> Self {
        change(self.row());
        self
    }

    /// Makes it the main parameter: what the device is about.
    pub fn main(mut self) -> Self {
        self.table.description.main = Some(self.row().name.clone());
        self.table.main_chosen = true;
        self
    }

    /// Says in one sentence what it is.
    pub fn doc(self, text: impl Into<String>) -> Self {
        self.with(|row| row.doc = text.into())
    }

    /// The unit of its numbers, in UCUM (`mm/s`, `Cel`) or a lab spelling (`degC`).
    pub fn unit(self, unit: impl Into<String>) -> Self {
        self.with(|row| row.unit = unit.into())
    }

    /// What the hardware takes, both ends included; the host refuses everything else before the driver is called.
    pub fn limits(self, limits: RangeInclusive<T::Bound>) -> Self
    where
        T: Limited,
    {
        let (lower, upper) = limits.into_inner();
        let limits = (lower.into().value, upper.into().value);
        self.with(|row| row.limits = Some(limits))
    }

    /// The datatype, where the Rust type does not say it all: of an [`Array`](crate::Array) or a [`Value`], or of a text
    /// with a greatest length.
    pub fn datatype(self, datatype: Datatype) -> Self {
        self.with(|row| row.datatype = datatype)
    }

    /// How far from the target the readback may be, in the parameter's unit.
    pub fn tolerance(self, tolerance: f64) -> Self {
        self.with(|row| row.tolerance = Some(tolerance))
    }

    /// Digits after the point that are worth showing.
    pub fn digits(self, digits: u8) -> Self {
        self.with(|row| row.digits = Some(digits))
    }

    /// How often the host polls it.
    pub fn poll(self, every: Duration) -> Self {
        self.with(|row| row.poll = Some(every.as_secs_f64()))
    }

    /// The host never polls it.
    pub fn no_poll(self) -> Self {
        self.with(|row| row.poll = Some(0.0))
    }

    /// For so long a reading answers for the hardware.
    pub fn fresh_for(self, duration: Duration) -> Self {
        self.with(|row| row.fresh_for = duration.as_secs_f64())
    }

    /// The driver publishes its readings by itself; the host does not poll it, and the last one answers.
    pub fn published(self) -> Self {
        self.with(|row| row.published = true)
    }

    /// After how long a call is overdue.
    pub fn timeout(self, limit: Duration) -> Self {
        self.with(|row| row.timeout = Some(limit.as_secs_f64()))
    }

    /// After how long a motion is overdue, where [`estimate`](Self::estimate) does not say.
    pub fn motion_timeout(self, limit: Duration) -> Self {
        self.with(|row| row.motion_timeout = Some(limit.as_secs_f64()))
    }

    /// A new write replaces one that is still on its way, instead of being refused as busy.
    pub fn retarget(self) -> Self {
        self.with(|row| row.retarget = true)
    }

    /// How it is read.
    pub fn read(self, read: impl Fn(&mut D, &Context<'_>) -> Result<T> + Send + Sync + 'static) -> Self {
        let functions = self
            .table
            .rows
            .last_mut()
            .expect("the parameter was added before its builder");
        functions.read = Some(Box::new(move |device, cx| read(device, cx)?.into_value()));
        self.with(|row| row.readable = true)
    }

    /// How it is written: starts and returns. The host then asks for status and readback until it has arrived.
    pub fn write(self, write: impl Fn(&mut D, T, &Context<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        let functions = self
            .table
            .rows
            .last_mut()
            .expect("the parameter was added before its builder");
        functions.write = Some(Box::new(move |device, value, cx| {
            write(device, T::from_value(value)?, cx)
        }));
        self.with(|row| row.writable = true)
    }

    /// How it is written, staying inside until it has arrived; publishes its readings through the context, and asks it
    /// whether it was cancelled. Not for devices of a controller, whose line it would keep.
    pub fn write_blocking(self, write: impl Fn(&mut D, T, &Context<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        self.write(write).with(|row| row.blocking = true)
    }

    /// How long a motion to a given target will take; the host calls it overdue at twice that and some seconds.
    pub fn estimate(self, estimate: impl Fn(&mut D, T) -> Duration + Send + Sync + 'static) -> Self {
        let functions = self
            .table
            .rows
            .last_mut()
            .expect("the parameter was added before its builder");
        functions.estimate = Some(Box::new(move |device, value, _| {
            Ok(Some(estimate(device, T::from_value(value)?)))
        }));
        self.with(|row| row.estimate = true)
    }
}

/// A command on its way into the table; every method adds one fact.
pub struct Command<'t, D> {
    table: &'t mut Table<D>,
}

impl<'t, D: 'static> Command<'t, D> {
    fn with(self, change: impl FnOnce(&mut CommandDescription)) -> Self {
        change(
            self.table
                .description
                .commands
                .last_mut()
                .expect("the command was added before its builder"),
        );
        self
    }

    /// Says in one sentence what it does.
    pub fn doc(self, text: impl Into<String>) -> Self {
        self.with(|row| row.doc = text.into())
    }

    /// The unit of the argument's numbers.
    pub fn argument_unit(self, unit: impl Into<String>) -> Self {
        self.with(|row| row.argument_unit = unit.into())
    }

    /// The unit of the result's numbers.
    pub fn result_unit(self, unit: impl Into<String>) -> Self {
        self.with(|row| row.result_unit = unit.into())
    }

    /// The kind of its argument, where the Rust type is [`Value`].
    pub fn argument(self, datatype: Datatype) -> Self {
        self.with(|row| row.argument = datatype)
    }

    /// The kind of its result, where the Rust type is [`Value`].
    pub fn result(self, datatype: Datatype) -> Self {
        self.with(|row| row.result = datatype)
    }

    /// It takes as long as a motion: it stays inside until it is done, or it starts something and returns, and the
    /// device's status is busy until that is done. Devices of a controller start and return, or they keep its line.
    pub fn long(self) -> Self {
        self.with(|row| row.long = true)
    }

    /// After how long it is overdue.
    pub fn timeout(self, limit: Duration) -> Self {
        self.with(|row| row.timeout = Some(limit.as_secs_f64()))
    }

    /// It touches these parameters only, not the whole device.
    pub fn touches<N: Into<String>>(self, parameters: impl IntoIterator<Item = N>) -> Self {
        self.with(|row| row.touches = parameters.into_iter().map(Into::into).collect())
    }

    /// What it does: `fn(&mut self, &Context) -> Result<R>` or `fn(&mut self, A, &Context) -> Result<R>`.
    pub fn run<M>(self, run: impl RunCommand<D, M>) -> Self {
        let (argument, result) = run.types();
        *self
            .table
            .runs
            .last_mut()
            .expect("the command was added before its builder") = Some(run.erase());
        self.with(|row| {
            // What `argument` and `result` said before stays.
            if argument != Datatype::Unit && row.argument == Datatype::Unit {
                row.argument = argument;
            }
            if result != Datatype::Unit && row.result == Datatype::Unit {
                row.result = result;
            }
        })
    }
}

/// A function that can be a command. A closure has to name the types of its arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a command of this device",
    note = "a command is `fn(&mut self, &Context) -> Result<R>` or `fn(&mut self, A, &Context) -> Result<R>`"
)]
pub trait RunCommand<D, M>: Send + Sync + 'static {
    #[doc(hidden)]
    fn types(&self) -> (Datatype, Datatype);
    #[doc(hidden)]
    fn erase(self) -> RunFn<D>;
}

impl<D, R: Datum, F> RunCommand<D, (R,)> for F
where
    F: Fn(&mut D, &Context<'_>) -> Result<R> + Send + Sync + 'static,
{
    fn types(&self) -> (Datatype, Datatype) {
        (Datatype::Unit, R::datatype())
    }

    fn erase(self) -> RunFn<D> {
        Box::new(move |device, _, cx| self(device, cx)?.into_value())
    }
}

impl<D, A: Datum, R: Datum, F> RunCommand<D, (A, R)> for F
where
    F: Fn(&mut D, A, &Context<'_>) -> Result<R> + Send + Sync + 'static,
{
    fn types(&self) -> (Datatype, Datatype) {
        (A::datatype(), R::datatype())
    }

    fn erase(self) -> RunFn<D> {
        Box::new(move |device, argument, cx| self(device, A::from_value(argument)?, cx)?.into_value())
    }
}
