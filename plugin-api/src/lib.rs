//! What a Baton driver is written against, and the stable ABI beneath it.
//!
//! # The life of a driver
//!
//! 1. A driver is a library: `crate-type = ["cdylib"]`. [`export_driver!`] names its types of devices. The host finds the
//!    file, checks it, and asks it to describe itself; nothing is opened for that.
//! 2. The config names a device: `driver = "psu"`, `type = "supply"`, `options = { … }`. The host checks the options against
//!    the schema of [`Device::Options`] and converts quantities: the driver gets numbers in its own units.
//! 3. [`Device::open`] connects to the instrument, on a thread that belongs to this device alone. An error keeps the device
//!    in status `Error` with that text, and the host tries again by itself.
//! 4. The functions in the [`Table`] are called, one at a time: reads to refresh the readings, writes after unit, type and
//!    limits were checked, commands. They block as long as they need and take `&mut self`.
//! 5. A write starts something and returns. The host then asks for status and readback until the device is not busy and
//!    the readback is within tolerance, and tells the caller how it went.
//! 6. What goes wrong is an [`Error`], by `?` from whatever library is used. [`ErrorKind::CommunicationFailed`] says that the
//!    line is gone: the host drops the device and opens it anew, first at once, then with a back-off. So does a panic, which
//!    the caller gets as an error with its place. No driver needs a reconnection of its own.
//! 7. Stop: the [`Context`] of a running call says [`cancelled`](Context::cancelled), then [`Table::stop`] runs. Where a
//!    vendor's call cannot be asked, [`Device::stopper`] interrupts it from another thread.
//! 8. When the device is closed, it is dropped.
//!
//! # A driver in one sitting
//!
//! A power supply that speaks SCPI over TCP. `Cargo.toml` has `crate-type = ["cdylib"]` under `[lib]`, and depends on
//! `baton-plugin-api` and `serde` (with `derive`).
//!
//! ```
//! use std::{
//!     io::{BufRead, BufReader, Write},
//!     net::TcpStream,
//!     time::Duration,
//! };
//!
//! use baton_plugin_api::{Context, Device, Error, Host, Result, Table, export_driver, schemars::{self, JsonSchema}};
//! use serde::Deserialize;
//!
//! /// What the config may set. Its doc comments are what an editor shows.
//! #[derive(Deserialize, JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct SupplyOptions {
//!     /// Host and port, such as `"192.0.2.7:5025"`.
//!     address: String,
//!     /// How long an answer may take.
//!     #[schemars(extend("unit" = "s"))]
//!     reply_timeout: f64,
//! }
//!
//! struct Supply {
//!     line: BufReader<TcpStream>,
//! }
//!
//! impl Supply {
//!     fn ask(&mut self, question: &str) -> Result<f64> {
//!         writeln!(self.line.get_mut(), "{question}")?;
//!         let mut answer = String::new();
//!         match self.line.read_line(&mut answer)? {
//!             0 => Err(Error::communication("the supply has closed the connection")),
//!             _ => Ok(answer.trim().parse()?),
//!         }
//!     }
//!
//!     fn voltage(&mut self, _: &Context) -> Result<f64> {
//!         self.ask("MEAS:VOLT?")
//!     }
//!
//!     fn set_voltage(&mut self, volts: f64, _: &Context) -> Result<()> {
//!         Ok(writeln!(self.line.get_mut(), "VOLT {volts:.3}")?)
//!     }
//!
//!     fn current(&mut self, _: &Context) -> Result<f64> {
//!         self.ask("MEAS:CURR?")
//!     }
//!
//!     fn switch_off(&mut self, _: &Context) -> Result<()> {
//!         Ok(writeln!(self.line.get_mut(), "OUTP OFF")?)
//!     }
//! }
//!
//! impl Device for Supply {
//!     type Options = SupplyOptions;
//!     const TYPE: &'static str = "supply";
//!
//!     fn open(options: SupplyOptions, _: Host) -> Result<Self> {
//!         let stream = TcpStream::connect(&options.address)?;
//!         stream.set_read_timeout(Some(Duration::try_from_secs_f64(options.reply_timeout)?))?;
//!         Ok(Supply { line: BufReader::new(stream) })
//!     }
//!
//!     fn table(t: &mut Table<Self>) {
//!         t.doc("A laboratory power supply");
//!         t.parameter("voltage")
//!             .doc("Output voltage")
//!             .unit("V")
//!             .limits(0.0..=30.0)
//!             .tolerance(0.01)
//!             .read(Self::voltage)
//!             .write(Self::set_voltage);
//!         t.parameter("current").doc("Output current").unit("A").read(Self::current);
//!         t.command("switch_off").doc("Switches the output off").run(Self::switch_off);
//!         t.stop(Self::switch_off);
//!     }
//! }
//!
//! export_driver!(Supply);
//! # fn main() {}
//! ```
//!
//! `cargo build`, copy the library into a driver folder, and
//!
//! ```toml
//! [devices.psu]
//! driver = "psu"
//! type = "supply"
//! options = { address = "192.0.2.7:5025", reply_timeout = "500 ms" }
//! ```
//!
//! # What else there is
//!
//! - The first parameter is the main one, which SECoP shows as `value` and `target`; another says [`.main()`](Parameter::main).
//! - [`Table::status`] makes a device with a writable main parameter a Drivable: a write is done when it is not busy any more.
//! - [`Controller`]: what several devices share, a bus or a rack, with one thread for all of them.
//! - [`DeviceRef`], [`ParameterRef`]: options that name other devices, which a call reaches through its [`Context`].
//! - [`Host::send`] and [`Host::publish`]: messages and readings that nobody asked for, from any thread.
//! - [`Table::listen`]: what an instrument says by itself, heard without a thread of the driver's own.
//! - [`Structured`]: enums and structs as values; [`Array`]: arrays and frames that are handed over, not copied.
//! - Feature `testkit`: a bench that a device runs on without a host and without waiting. Feature `toml`: files of one's own,
//!   with diagnostics that point into them. Feature `line`: lines to instruments over TCP, UDP, serial ports and Unix sockets.
//!
//! The package name without `baton-driver-` is the driver's name. Time is the lab's, from [`Host::now`] and [`Context::now`]:
//! it is virtual in tests.

pub mod abi;
mod around;
mod context;
mod datatype;
mod datum;
pub mod description;
mod device;
#[cfg(feature = "toml")]
pub mod diagnostic;
mod error;
#[cfg(feature = "toml")]
pub mod instrument;
#[cfg(feature = "line")]
pub mod line;
mod mistakes;
mod options;
mod shared;
#[cfg(feature = "toml")]
pub mod source;
mod status;
mod table;
#[cfg(feature = "testkit")]
pub mod testkit;
mod value;

pub use abi::array::{Array, Element, ElementType};
pub use around::{Body, Entry};
pub use context::{Context, Direction, Host, Level, Time};
pub use datatype::{DEFAULT_MAX_LENGTH, Datatype, Field, Member};
pub use datum::{Datum, Structured};
pub use description::DeviceClass;
pub use device::{Controller, Device, Devices, Part, Stopper};
pub use error::{Error, ErrorKind, Result};
pub use mistakes::{HOST_MESSAGES, RESERVED, is_name};
pub use options::{DeviceRef, FilePath, ParameterRef};
pub use schemars;
pub use shared::Shared;
pub use status::{Status, StatusCode};
pub use table::{Bound, Command, Limited, Parameter, RunCommand, Table};
pub use value::Value;
