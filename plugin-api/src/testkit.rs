//! A bench to test a driver on: in process, through the same interface as in the host, on a clock that only moves when
//! the test or the driver lets time pass.
//!
//! It is behind the feature `testkit`, which belongs into the driver's `[dev-dependencies]`.
//!
//! ```
//! use std::time::Duration;
//! use baton_plugin_api::{Device, Host, Result, Status, Table, Time, schemars, testkit::Bench};
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Options {
//!     /// Time that the blade takes.
//!     #[schemars(extend("unit" = "s"))]
//!     travel_time: f64,
//! }
//!
//! struct Shutter {
//!     travel_time: Duration,
//!     open: bool,
//!     arrival: Time,
//! }
//!
//! impl Device for Shutter {
//!     type Options = Options;
//!     const TYPE: &'static str = "shutter";
//!
//!     fn open(options: Options, host: Host) -> Result<Self> {
//!         let travel_time = Duration::from_secs_f64(options.travel_time);
//!         Ok(Shutter { travel_time, open: false, arrival: host.now() })
//!     }
//!
//!     fn table(t: &mut Table<Self>) {
//!         t.parameter("open")
//!             .doc("Whether light passes")
//!             .read(|shutter, _| Ok(shutter.open))
//!             .write(|shutter, open, cx| {
//!                 shutter.open = open;
//!                 shutter.arrival = cx.now() + shutter.travel_time;
//!                 Ok(())
//!             });
//!         t.status(|shutter, cx| match cx.now() < shutter.arrival {
//!             true => Ok(Status::busy("moving")),
//!             false => Ok(Status::idle()),
//!         });
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let mut shutter = Bench::open::<Shutter>(serde_json::json!({ "travel_time": 0.2 }))?;
//! shutter.write("open", true)?;
//! assert!(shutter.status()?.is_busy());
//! shutter.advance(Duration::from_millis(200));
//! assert!(!shutter.status()?.is_busy());
//! assert_eq!(shutter.read("open")?, true.into());
//! # Ok(())
//! # }
//! ```

use std::{sync::Arc, time::Duration};

use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RResult, RSome},
};

use crate::{
    Controller, Device, Error, ErrorKind, Level, Result, Status, StatusCode, Stopper, Time, Value,
    abi::{BoxDevice, BoxHost, RawHost_TO, RawResult, RefContext, entries, guard::entry, shim::parse_options},
    description::{ParameterDescription, TableDescription},
};

mod check;
mod controller;
#[cfg(test)]
mod tests;
mod world;

use check::{check, conform, returned};
pub use controller::ControllerBench;
pub use world::Request;
use world::{BenchCall, BenchHost, Clock, World};

type Open = Box<dyn FnMut(BoxHost) -> Result<BoxDevice> + Send>;

/// One open device, and the host and lab around it.
///
/// Values are checked as the host checks them, before the driver is called: a parameter that cannot be written, a value
/// of another kind or outside the driver's limits never reaches it. What a driver returns must be of the datatype that
/// its table says, else the call fails as [`ErrorKind::InternalError`].
pub struct Bench {
    /// `None` once closed.
    device: Option<BoxDevice>,
    stopper: Option<Arc<crate::abi::BoxStopper>>,
    open: Open,
    table: TableDescription,
    world: Arc<World>,
}

impl Bench {
    /// Opens a device of type `D`, which the lab calls by its type.
    ///
    /// # Errors
    /// If the options do not fit, or what [`Device::open`] returns. A panic is an error here as in every entry.
    pub fn open<D: Device>(options: serde_json::Value) -> Result<Bench> {
        Self::open_as::<D>(D::TYPE, options)
    }

    /// As [`open`](Self::open), with the name that the device has in the lab.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_as<D: Device>(name: &str, options: serde_json::Value) -> Result<Bench> {
        let table = received(entry("describe", || {
            Ok(entries::table_for::<D>(&parse_options(&options.to_string())?)?.description)
        }))?;
        let open = move |host| received(entry("open", || entries::open::<D>(&options.to_string(), host)));
        Self::start(table, World::new(name, Clock::new()), Box::new(open))
    }

    /// Opens a controller of type `C`; its devices are opened from it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_controller<C: Controller>(options: serde_json::Value) -> Result<ControllerBench> {
        ControllerBench::open::<C>(&options)
    }

    fn start(table: TableDescription, world: Arc<World>, open: Open) -> Result<Bench> {
        let mut bench = Bench {
            device: None,
            stopper: None,
            open,
            table,
            world,
        };
        bench.reopen()?;
        Ok(bench)
    }

    /// Closes the device, if that has not been done, and opens it again with the same options.
    ///
    /// # Errors
    /// As [`open`](Self::open); then the device stays closed. What happens while it closes is not reported.
    pub fn reopen(&mut self) -> Result<()> {
        let _ = self.close();
        let device = (self.open)(self.world.host())?;
        self.stopper = match device.stopper() {
            RSome(stopper) => Some(Arc::new(stopper)),
            _ => None,
        };
        self.device = Some(device);
        Ok(())
    }

    /// Closes the device; dropping the bench does so, too, but swallows a panic.
    ///
    /// # Errors
    /// If the driver panics while it closes.
    pub fn close(&mut self) -> Result<()> {
        self.stopper = None;
        self.device.take().map_or(Ok(()), |mut device| received(device.close()))
    }

    /// The table of the device.
    pub fn table(&self) -> &TableDescription {
        &self.table
    }

    /// Reads a parameter.
    ///
    /// # Errors
    /// What the driver returns.
    pub fn read(&mut self, parameter: &str) -> Result<Value> {
        let (index, row) = self.parameter(parameter)?;
        if !row.readable {
            return Err(Error::new(ErrorKind::ReadFailed, format!("{parameter} cannot be read")));
        }
        let datatype = row.datatype.clone();
        let value = self.enter(|device, cx| device.read(index, cx))?;
        returned(value.try_into()?, &datatype, parameter)
    }

    /// Writes a parameter.
    ///
    /// # Errors
    /// If the host would refuse the value, or what the driver returns.
    pub fn write(&mut self, parameter: &str, value: impl Into<Value>) -> Result<()> {
        let (index, row) = self.parameter(parameter)?;
        let value = check(row, value.into())?;
        self.enter(|device, cx| device.write(index, value.into(), cx))
    }

    /// Runs a command; one without an argument takes [`Value::Unit`].
    ///
    /// # Errors
    /// If the host would refuse the argument, or what the driver returns.
    pub fn run(&mut self, command: &str, argument: impl Into<Value>) -> Result<Value> {
        let commands = &self.table.commands;
        let index = commands.iter().position(|row| row.name == command);
        let index = index.ok_or_else(|| Error::new(ErrorKind::NoSuchCommand, format!("no command `{command}`")))?;
        let argument = conform(argument.into(), &commands[index].argument, command)?;
        let datatype = commands[index].result.clone();
        let value = self.enter(|device, cx| device.run(index as u32, argument.into(), cx))?;
        returned(value.try_into()?, &datatype, command)
    }

    /// The status; idle for a device that does not report one.
    ///
    /// # Errors
    /// What the driver returns.
    pub fn status(&mut self) -> Result<Status> {
        if !self.table.status {
            return Ok(Status::idle());
        }
        let raw = self.enter(|device, cx| device.status(cx))?;
        let Value::Json(json) = raw.try_into()? else {
            return Err(Error::new(ErrorKind::InternalError, "the status is no record"));
        };
        let (code, text): (u32, String) = serde_json::from_value(json)?;
        Ok(Status::new(StatusCode::from_number(code), text))
    }

    /// Stops what moves, by the function of the table, as the host does between two calls.
    ///
    /// # Errors
    /// If the device has none, or what the driver returns.
    pub fn stop(&mut self) -> Result<()> {
        self.enter(|device, cx| device.stop(cx))
    }

    /// Has the device listen, as the host does every so often while nobody asks anything of it.
    ///
    /// # Errors
    /// What the driver returns.
    pub fn listen(&mut self) -> Result<()> {
        self.enter(|device, cx| device.listen(cx))
    }

    /// What stops the device in the middle of a call, from any thread; the host asked for it when the device opened.
    pub fn stopper(&self) -> Option<Stopper> {
        let stopper = Arc::clone(self.stopper.as_ref()?);
        Some(Box::new(move || received(stopper.stop())))
    }

    /// How long a motion to `value` will take, if the driver knows.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn estimate(&mut self, parameter: &str, value: impl Into<Value>) -> Result<Option<Duration>> {
        let (index, row) = self.parameter(parameter)?;
        let value = check(row, value.into())?;
        let nanoseconds = self.enter(|device, cx| device.estimate(index, value.into(), cx))?;
        Ok((nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds)))
    }

    /// Lets time pass on the lab's clock.
    pub fn advance(&self, duration: Duration) {
        self.world.clock.advance(duration);
    }

    /// Lets time pass, 10 ms at a time, until the device is no longer busy; returns the status that it then has.
    ///
    /// # Errors
    /// `Timeout` if it still is after `limit`, or what the driver returns.
    pub fn until_idle(&mut self, limit: Duration) -> Result<Status> {
        let end = self.now() + limit;
        loop {
            let status = self.status()?;
            if !status.is_busy() {
                return Ok(status);
            }
            if self.now() >= end {
                return Err(Error::timeout(format!("still busy ({}) after {limit:?}", status.text)));
            }
            self.advance(Duration::from_millis(10));
        }
    }

    /// The time on the lab's clock.
    pub fn now(&self) -> Time {
        self.world.clock.now()
    }

    /// Cancels the next call, once it has let so much time pass.
    pub fn cancel_next_after(&self, duration: Duration) {
        self.world.state().cancel_next_after = Some(duration);
    }

    /// Makes a parameter (`"stage.position"`) or command of another device reachable through the context of a call.
    pub fn member(&self, path: &str, answer: impl FnMut(Request) -> Result<Value> + Send + 'static) {
        self.world.state().members.insert(path.to_owned(), Box::new(answer));
    }

    /// The messages that the device has sent since this was last asked, with their payloads.
    pub fn sent(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.world.state().sent)
    }

    /// The readings that the device has published since this was last asked.
    pub fn published(&self) -> Vec<(String, Value, Time)> {
        std::mem::take(&mut self.world.state().published)
    }

    /// What the device has logged since this was last asked.
    pub fn logged(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.world.state().logged)
    }

    /// How much of a call was done, from 0 to 1, as the driver said last.
    pub fn progress(&self) -> Option<f64> {
        self.world.state().progress
    }

    fn parameter(&self, name: &str) -> Result<(u32, &ParameterDescription)> {
        let rows = &self.table.parameters;
        let index = rows.iter().position(|row| row.name == name);
        let index = index.ok_or_else(|| Error::new(ErrorKind::NoSuchParameter, format!("no parameter `{name}`")))?;
        Ok((index as u32, &rows[index]))
    }

    fn enter<T>(&mut self, call: impl FnOnce(&mut BoxDevice, RefContext<'_>) -> RawResult<T>) -> Result<T> {
        let device = self.device.as_mut();
        let device = device.ok_or_else(|| Error::new(ErrorKind::Disabled, "the device is closed"))?;
        let context = BenchCall::new(&self.world);
        received(call(device, context.as_raw()))
    }
}

impl World {
    fn host(self: &Arc<World>) -> BoxHost {
        RawHost_TO::from_value(
            BenchHost {
                world: Arc::clone(self),
            },
            TD_Opaque,
        )
    }
}

fn received<T>(outcome: RawResult<T>) -> Result<T> {
    match outcome {
        RResult::ROk(value) => Ok(value),
        RResult::RErr(error) => Err(error.into()),
    }
}
