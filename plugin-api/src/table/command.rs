//! A command, as its author writes it down.

use std::time::Duration;

use super::{RunFn, Table};
use crate::{Context, Datatype, Result, StatusCode, datum::Datum, description::CommandDescription};

/// A command on its way into the table; every method adds one fact.
pub struct Command<'t, D> {
    pub(super) table: &'t mut Table<D>,
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

    /// The kind of its argument, where the Rust type is [`Value`](crate::Value).
    pub fn argument(self, datatype: Datatype) -> Self {
        self.with(|row| row.argument = datatype)
    }

    /// The kind of its result, where the Rust type is [`Value`](crate::Value).
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

    /// It can be run in these states of the device alone; the host refuses everything else before the driver is called.
    ///
    /// State and acceptance are one step: of many who ask at the same time, one at most finds the state that all of them
    /// hoped for, if the command [leads to](Self::leads_to) another, or the device reports another status after it. Where
    /// the device reports its status, it is asked once more directly before the function runs.
    ///
    /// ```
    /// # use baton_plugin_api::{Context, Device, Host, Result, StatusCode, Table, schemars::{self, JsonSchema}};
    /// # #[derive(serde::Deserialize, JsonSchema)] struct Options {}
    /// # struct Laser;
    /// # impl Laser { fn fire(&mut self, _: &Context) -> Result<()> { Ok(()) } }
    /// # impl Device for Laser {
    /// #   type Options = Options;
    /// #   const TYPE: &'static str = "laser";
    /// #   fn open(_: Options, _: Host) -> Result<Self> { Ok(Laser) }
    /// fn table(t: &mut Table<Self>) {
    ///     t.command("fire")
    ///         .allowed_in([StatusCode::Idle, StatusCode::Warn])
    ///         .leads_to(StatusCode::Busy)
    ///         .run(Self::fire);
    /// }
    /// # }
    /// ```
    pub fn allowed_in(self, states: impl IntoIterator<Item = StatusCode>) -> Self {
        self.with(|row| row.allowed_in = states.into_iter().collect())
    }

    /// From its acceptance until it has ended the device is in this state, and takes neither a motion nor another such
    /// command. If it fails, the device is in error until that is cleared, or the next one is accepted.
    pub fn leads_to(self, state: StatusCode) -> Self {
        self.with(|row| row.leads_to = Some(state))
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
