//! A lab device host: drivers from shared libraries, one lab from a TOML file, served to whoever asks.
//!
//! # A request from end to end
//!
//! `baton set stage.position "12.5 mm"`:
//!
//! 1. [`cli`] asks the host that runs, as any SECoP client would; [`server`] parses the line. The connection is the owner.
//! 2. [`lab::Owner::set`] finds the device and checks the value: access, datatype, unit ([`units`]), limits. A
//!    [`failure::Refusal`] ends it here, with the device untouched.
//! 3. The device ([`device`]) shows itself busy, and its target goes to all subscribers ([`dispatcher`]).
//! 4. [`executor`] queues the call on the worker of the device. The worker enters the driver ([`plugin`]); whatever happens in
//!    there is a value: an error, a panic, an overrun. The call is *taken*.
//! 5. Status and readback are read until the device is not busy and the readback is within tolerance.
//! 6. The final readback and then the status go to subscribers; the [`executor::Call`] resolves, to a reading or to a
//!    [`failure::Failure`]; the reply is sent.
//!
//! # From Rust
//!
//! ```no_run
//! use baton_host::{config::{Files, System, resolve}, lab::Lab, plugin::{Loader, SearchPath}};
//!
//! # async fn scan() -> Result<(), Box<dyn std::error::Error>> {
//! let drivers = Loader::new()?.scan(&SearchPath::named(["target/release"]));
//! let files = Files::read("config/quickstart.toml".as_ref()).expect("the config can be read");
//! let config = resolve(&files, &drivers, &System, None).config.expect("the config is sound");
//! let lab = Lab::open(config, drivers)?;
//! let me = lab.owner("scan");
//! for position in 0..10 {
//!     me.set("stage.position", f64::from(position))?.await?;
//!     println!("{} {:?}", position, me.get("detector")?.await?.value);
//! }
//! lab.close();
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    test,
    allow(
        clippy::duplicate_mod,
        reason = "the arbiter's shell is there twice, once for a scheduler that explores it"
    )
)]

pub mod arbiter;
pub mod audit;
pub mod cli;
pub mod clock;
pub mod condition;
pub mod config;
pub mod device;
pub mod dialogue;
pub mod dispatcher;
pub mod executor;
pub mod failure;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod instrument;
mod journal;
pub mod lab;
pub mod log;
pub mod owner;
pub mod plugin;
pub mod process;
pub mod server;
pub mod traffic;
pub mod units;
