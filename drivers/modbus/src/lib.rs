//! A driver for instruments that speak Modbus, described in a TOML file: no code, no compiler.
//!
//! The instrument file, `oven.toml`:
//! ```toml
//! [instrument]
//! name = "Oven"
//!
//! [parameters.temperature]
//! at = "input 0"
//! type = "i16"
//! scale = 0.1
//! unit = "degC"
//!
//! [parameters.setpoint]
//! at = "40011"
//! type = "i16"
//! scale = 0.1
//! unit = "degC"
//! write = true
//! ```
//! and the device in the lab's config, alone on its line, or as one of several units on one:
//! ```toml
//! [devices.oven]
//! driver = "modbus"
//! type = "instrument"
//! options = { file = "oven.toml", address = "tcp://10.0.0.7:502", unit = 1 }
//!
//! [controllers.rs485]
//! driver = "modbus"
//! type = "bus"
//! options = { address = "serial:///dev/ttyUSB0?baud=19200&parity=even" }
//!
//! [devices.left]
//! controller = "rs485"
//! type = "instrument"
//! options = { file = "oven.toml", unit = 1 }
//! ```
//!
//! The way of one read:
//! 1. [`mod@file`] has read the instrument file once, when the table was asked for: structure against the schema of its
//!    serde structs, then meaning, and either every mistake with its place or a [`script`].
//! 2. [`blocks`] has planned which parameters are read together. [`instrument`] asks for the block of the one that is due,
//!    and publishes what else came with it; the host then need not poll that.
//! 3. [`pdu`] makes the request and holds the answer against it; `modbus-core` knows their form.
//! 4. [`mod@line`] frames it, sends, and waits in slices for the answer that is its own.
//! 5. [`field`] makes a value of the registers. What an instrument refuses is an [`exception`].
#![forbid(unsafe_code)]

mod blocks;
mod bus;
mod describe;
mod exception;
#[cfg(test)]
mod fake;
mod field;
pub mod file;
mod instrument;
mod line;
mod options;
mod pdu;
mod place;
mod script;
#[cfg(test)]
mod tests;

use baton_plugin_api::export_driver;

pub use bus::{Bus, BusOptions, UnitOptions};
pub use instrument::Instrument;
pub use options::{Mode, Options};

export_driver!(Instrument; controllers: Bus);
