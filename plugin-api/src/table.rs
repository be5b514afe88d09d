//! The table of a device: each parameter, command and message said once.

use std::{marker::PhantomData, time::Duration};

use crate::{
    Context, Datatype, Result, Status, Value,
    datum::Datum,
    description::{CommandDescription, DeviceClass, MessageDescription, ParameterDescription, TableDescription},
};

mod command;
mod parameter;

pub use command::{Command, RunCommand};
pub use parameter::{Bound, Limited, Parameter};

pub(crate) type ReadFn<D> = Box<dyn Fn(&mut D, &Context<'_>) -> Result<Value> + Send + Sync>;
pub(crate) type WriteFn<D> = Box<dyn Fn(&mut D, Value, &Context<'_>) -> Result<()> + Send + Sync>;
pub(crate) type RunFn<D> = Box<dyn Fn(&mut D, Value, &Context<'_>) -> Result<Value> + Send + Sync>;
pub(crate) type EstimateFn<D> = Box<dyn Fn(&mut D, Value, &Context<'_>) -> Result<Option<Duration>> + Send + Sync>;
pub(crate) type StatusFn<D> = Box<dyn Fn(&mut D, &Context<'_>) -> Result<Status> + Send + Sync>;
pub(crate) type ListenFn<D> = Box<dyn Fn(&mut D, &Context<'_>) -> Result<()> + Send + Sync>;
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
    pub(crate) listen: Option<ListenFn<D>>,
    pub(crate) around: Option<crate::around::AroundFn<D>>,
    main_chosen: bool,
    /// A parameter that was chosen before another one.
    pub(crate) second_main: Option<String>,
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
            listen: None,
            around: None,
            main_chosen: false,
            second_main: None,
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
            allowed_in: Vec::new(),
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
            allowed_in: Vec::new(),
            leads_to: None,
        });
        self.runs.push(None);
        Command { table: self }
    }

    /// A message that the device may [send](crate::Host::send), with a payload of type `T`.
    pub fn message<T: Datum>(&mut self, name: impl Into<String>, doc: impl Into<String>) {
        self.message_of(name, doc, T::datatype());
    }

    /// A message whose payload has a datatype that no Rust type says: of an instrument that is described in a file.
    pub fn message_of(&mut self, name: impl Into<String>, doc: impl Into<String>, payload: Datatype) {
        let message = MessageDescription {
            name: name.into(),
            doc: doc.into(),
            payload,
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

    /// What the device does every so often while nobody asks anything of it: passes on what its instrument says by
    /// itself, and notices that a line has ended. It must not wait, and asks the instrument nothing.
    ///
    /// The host calls it on the device's worker, between calls and polls, so that no thread and no lock is needed for it.
    /// [`ErrorKind::CommunicationFailed`](crate::ErrorKind::CommunicationFailed) says that the line is gone; any other
    /// error goes to the log.
    pub fn listen(
        &mut self,
        every: Duration,
        listen: impl Fn(&mut D, &Context<'_>) -> Result<()> + Send + Sync + 'static,
    ) {
        self.description.listen = Some(every.as_secs_f64());
        self.listen = Some(Box::new(listen));
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
