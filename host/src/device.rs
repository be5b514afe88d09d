//! Devices: what the lab knows of each, and the order in which others are told.
//!
//! A [`Device`] holds the last reading of every parameter, its targets, its status and what is on its way. All of it
//! changes under one mutex, and what subscribers get is put into their queues under the same one: nobody ever sees a
//! status from before with a value from after (M2). Drivers are called elsewhere, in the executor.

mod bounds;
mod budget;
mod change;
mod command;
mod format;
mod history;
mod parameter;
mod path;
mod quantity;
mod reading;
mod registry;
mod state;
mod time_limit;
mod topics;
mod wait;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use baton_plugin_api::{DeviceClass, Status, StatusCode, Time, Value};

pub(crate) use budget::{Budget, Granted, RATE};
use change::Aftermath;
pub(crate) use change::{Change, Unstuck};
pub use command::Command;
pub use format::format_value;
pub use parameter::{AcceptedLimits, Parameter};
pub use path::split_path;
pub(crate) use path::suggest;
pub use reading::{LastReading, Quality, Reading, ReadingError};
pub use registry::Registry;
pub use state::{Connection, Counters};
pub(crate) use state::{Counts, State, Way};
pub use time_limit::{SetBy, TimeLimit};
pub(crate) use topics::Topics;
pub(crate) use wait::Wait;

use crate::{
    config::DeviceConfig,
    dispatcher::{Dispatcher, Displaced, Joining, Message, Pattern, Policy, Queue, Subscription},
    executor::Worker,
    failure::Refusal,
};

/// A device of the running lab.
pub struct Device {
    name: Arc<str>,
    config: DeviceConfig,
    class: DeviceClass,
    parameters: Vec<Parameter>,
    commands: Vec<Command>,
    main: Option<usize>,
    worker: Arc<Worker>,
    slot: usize,
    /// Its place in the lab.
    place: usize,
    /// Raised by every stop; calls from before it do not begin any more (S1).
    epoch: AtomicU64,
    counts: Counts,
    /// How many wait for each parameter, and, last, for the status: these are read more often meanwhile (D2).
    waited: Vec<AtomicUsize>,
    dispatcher: Arc<Dispatcher>,
    topics: Topics,
    /// What its driver may send by itself.
    budget: Budget,
    state: Mutex<State>,
}

impl Device {
    pub(crate) fn new(
        config: DeviceConfig,
        defaults: &crate::config::HostConfig,
        worker: Arc<Worker>,
        (slot, place): (usize, usize),
        dispatcher: Arc<Dispatcher>,
        now: Time,
    ) -> Self {
        let name: Arc<str> = config.name.as_str().into();
        let parameters: Vec<_> = (0..config.table.parameters.len())
            .map(|index| Parameter::new(&name, &config, defaults, index))
            .collect();
        let commands: Vec<_> = (0..config.table.commands.len())
            .map(|index| Command::new(&name, &config, defaults, index))
            .collect();
        let main = config
            .table
            .main
            .as_ref()
            .and_then(|main| parameters.iter().position(|p| **p.name() == **main));
        let state = State::new(parameters.iter().map(Parameter::history), now);
        let topics = Topics::new(&dispatcher, &name, &parameters, &config.table);
        let waited = (0..=parameters.len()).map(|_| AtomicUsize::new(0)).collect();
        // The host itself makes a motion of what it takes there in steps.
        let ramped = main.is_some_and(|main: usize| parameters[main].ramp().is_some());
        Device {
            class: match config.table.class() {
                DeviceClass::Writable if ramped => DeviceClass::Drivable,
                class => class,
            },
            name,
            config,
            parameters,
            commands,
            main,
            worker,
            slot,
            place,
            epoch: AtomicU64::new(0),
            counts: Counts::default(),
            waited,
            dispatcher,
            topics,
            budget: Budget::default(),
            state: Mutex::new(state),
        }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What the config says of it.
    pub fn config(&self) -> &DeviceConfig {
        &self.config
    }

    /// What clients may do with it.
    pub fn class(&self) -> DeviceClass {
        self.class
    }

    /// Its parameters in the driver's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Its commands in the driver's order.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The main parameter.
    pub fn main(&self) -> Option<&Parameter> {
        self.main.map(|index| &self.parameters[index])
    }

    /// Whether a write of this parameter is a motion: the device is busy from its acceptance to its resolution.
    pub fn moves(&self, parameter: &Parameter) -> bool {
        self.main == Some(parameter.index()) && (self.config.table.status || parameter.ramp().is_some())
    }

    /// Whether clients see a target of this parameter: it is the main one, and can be written.
    fn is_target(&self, parameter: usize) -> bool {
        self.main == Some(parameter) && self.parameters[parameter].description().writable
    }

    /// Whether the host takes any of its parameters there in steps, which it can end.
    pub fn has_ramp(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.ramp().is_some())
    }

    /// Whether it can be stopped by its driver's table.
    pub fn has_stop(&self) -> bool {
        self.config.table.stop
    }

    /// Whether `path` is allowed in a state.
    ///
    /// # Errors
    /// `NotAllowed`.
    pub(crate) fn allows(&self, path: &str, allowed: &[StatusCode], state: &Status) -> Result<(), Refusal> {
        if allowed.is_empty() || allowed.contains(&state.code) {
            return Ok(());
        }
        Err(Refusal::NotAllowed {
            path: path.to_owned(),
            device: self.name.to_string(),
            state: state.clone(),
            allowed: allowed.to_vec(),
        })
    }

    pub(crate) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    pub(crate) fn place(&self) -> usize {
        self.place
    }

    pub(crate) fn epoch(&self) -> &AtomicU64 {
        &self.epoch
    }

    pub(crate) fn current_epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// A parameter by its name, `value`, or nothing for the main one; a leading `_` does not count.
    ///
    /// # Errors
    /// [`Refusal::NoSuchParameter`], with the name that was probably meant.
    pub fn parameter(&self, name: &str) -> Result<&Parameter, Refusal> {
        let main = || self.main().ok_or(());
        let found = match name {
            "" | "value" | "target" => main(),
            name => path::find(&self.parameters, name, |p| p.name()).ok_or(()),
        };
        found.map_err(|()| Refusal::NoSuchParameter {
            device: self.name.to_string(),
            name: if name.is_empty() {
                "value".to_owned()
            } else {
                name.to_owned()
            },
            suggestion: path::suggest(name, self.parameters.iter().map(|p| &**p.name())),
        })
    }

    /// A command by its name; a leading `_` does not count.
    ///
    /// # Errors
    /// [`Refusal::NoSuchCommand`], with the name that was probably meant.
    pub fn command(&self, name: &str) -> Result<&Command, Refusal> {
        path::find(&self.commands, name, |c| c.name()).ok_or_else(|| Refusal::NoSuchCommand {
            device: self.name.to_string(),
            name: name.to_owned(),
            suggestion: path::suggest(name, self.commands.iter().map(|c| &**c.name())),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No driver and no handler runs while it is held, and a reading that is half recorded is no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state; tells subscribers before anyone else can change it, and drops what was displaced afterwards.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Change<'_>) -> R) -> R {
        let mut displaced = Displaced::default();
        let mut aftermath = Aftermath::default();
        let mut state = self.lock();
        let outcome = change(&mut Change {
            device: self,
            state: &mut state,
            displaced: &mut displaced,
            aftermath: &mut aftermath,
        });
        drop(state);
        // What may hold the last clone of a driver's buffer is dropped here, unlocked (M2).
        drop(displaced);
        // Whoever waited is told here: a waker is not ours.
        if !aftermath.is_empty() {
            self.worker.finish_waits(aftermath.ended, aftermath.to_judge);
        }
        outcome
    }

    /// The last reading of a parameter; `None` if there has been none.
    pub fn last(&self, parameter: usize) -> Option<LastReading> {
        self.lock().readings.get(parameter)?.clone()
    }

    /// The last target of a parameter: what was asked, or the readback after a stop.
    pub fn target(&self, parameter: usize) -> Option<Reading> {
        self.lock().targets.get(parameter)?.clone()
    }

    /// What was written last and is to be written again when the device is opened again (D7), in the user's frame.
    pub(crate) fn written(&self, parameter: usize) -> Option<Value> {
        let written = self.lock().written.get(parameter)?.clone()?;
        Some(self.parameters[parameter].as_user(written))
    }

    /// The status as clients see it: the worse of the driver's and the host's (W1), and since when.
    pub fn status(&self) -> (Status, Time) {
        let state = self.lock();
        (state.shown(), state.status_since)
    }

    /// Who has locked it, or parts of it, and since when that is so; an empty text if nobody has. `None` if nobody has
    /// asked the lab to [publish](crate::lab::Lab::publish_locks) that.
    pub fn locked_by(&self) -> Option<(Arc<str>, Time)> {
        self.lock().locked_by.clone()
    }

    /// Whether the driver is connected, and since when.
    pub fn connection(&self) -> Connection {
        self.lock().connection.clone()
    }

    /// Refuses what cannot begin because the driver is not connected.
    pub(crate) fn refuse_if_down(&self, now: impl FnOnce() -> Time) -> Result<(), Refusal> {
        self.lock().refuse_if_down(&self.name, now)
    }

    /// Whether the driver is connected.
    pub fn is_up(&self) -> bool {
        matches!(self.lock().connection, Connection::Up { .. })
    }

    /// Whether its driver does not come back from a call.
    pub(crate) fn is_stuck(&self) -> bool {
        self.lock().stuck.is_some()
    }

    /// Whether a write or command is on its way.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.lock().ways.is_empty()
    }

    /// Whether a motion is on its way: a write of the main parameter, or a long command.
    pub(crate) fn is_moving(&self) -> bool {
        self.lock().ways.iter().any(|(way, _)| *way == Way::Motion)
    }

    /// Notes whether the last look at status or main parameter failed; gives what was so before.
    pub(crate) fn failing(&self, now: bool) -> bool {
        std::mem::replace(&mut self.lock().failing, now)
    }

    /// Who stopped it last.
    pub(crate) fn stopped_by(&self) -> String {
        self.lock().stopped_by.clone()
    }

    /// Why a call cannot begin while the device is not open.
    pub(crate) fn down_refusal(&self, now: Time) -> Refusal {
        let (cause, since) = match self.connection() {
            Connection::Down { since, cause } => (cause, since),
            _ => ("it is being opened".to_owned(), now),
        };
        Refusal::Down {
            device: self.name.to_string(),
            cause,
            down_for: now.since(since),
        }
    }

    /// A reading of it: good, or simulated.
    pub(crate) fn reading(&self, value: Value, time: Time) -> Reading {
        let quality = if self.config.table.simulated {
            Quality::Simulated
        } else {
            Quality::Good
        };
        Reading { value, time, quality }
    }

    /// How many wait for a parameter, or (`None`) for the status.
    pub(crate) fn waited(&self, what: Option<usize>) -> &AtomicUsize {
        &self.waited[what.unwrap_or(self.parameters.len())]
    }

    /// Whether somebody waits for anything of it.
    pub fn is_waited_for(&self) -> bool {
        self.waited.iter().any(|waits| waits.load(Ordering::Acquire) > 0)
    }

    /// What has been counted.
    pub fn counters(&self) -> Counters {
        self.counts.read()
    }

    /// Subscribes a queue to all of the device, its parameters and what happens to it. First comes what is known now, then
    /// every message: nothing lies between (M5).
    pub fn subscribe<R: Send + 'static>(&self, policy: Policy, queue: &Arc<Queue<R>>) -> Subscription {
        self.subscribe_to(Pattern::new(&*self.name, "*"), policy, queue)
    }

    /// The same of all that says what is so, and not of what happens: what SECoP clients are sent.
    pub(crate) fn subscribe_to<R: Send + 'static>(
        &self,
        pattern: Pattern,
        policy: Policy,
        queue: &Arc<Queue<R>>,
    ) -> Subscription {
        let joining = self.dispatcher.begin(pattern, policy, Arc::clone(queue) as _);
        self.join(&joining, None);
        joining.done()
    }

    /// Lets a subscription have what it wants of this device: first what was sent since `since`, as far as that is kept,
    /// then what is known now, then every message (M5).
    pub(crate) fn join(&self, joining: &Joining, since: Option<Time>) {
        self.change(|change| change.join(joining, since));
    }

    /// The messages `changed` of a parameter since then, oldest first, as far back as they are [kept](crate::config).
    pub fn history(&self, parameter: usize, since: Time) -> Vec<Message> {
        let state = self.lock();
        state.history[parameter].since(since).map(Message::kept).collect()
    }

    pub(crate) fn topics(&self) -> &Topics {
        &self.topics
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Device({})", self.name)
    }
}
