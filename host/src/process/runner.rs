//! The child: one library, and the devices of one worker.
//!
//! Its main thread does what the host orders, one thing at a time, and is the only one that enters devices. A reader waits on
//! the side channel for stops, and gives each a thread; it also notices when the host is gone, which is the end of the child,
//! whatever else it is inside of.
//!
//! Everything that it is limited by, it takes upon itself before any code of a driver runs (`confine`).

pub(crate) mod arguments;
mod confine;
mod context;
mod host;
mod stops;
mod uplink;
mod work;

use std::{process::ExitCode, sync::Arc};

use arguments::Arguments;
use uplink::Uplink;

use super::message::What;

/// How the command is called that makes a child of a program.
pub const COMMAND: &str = "driver-runner";

/// Runs a child with the arguments that follow [`COMMAND`]. Returns when the host has told it to end.
pub fn main(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    // A part of the ABI is unsafe to leave half-way, so nothing here unwinds into the caller: errors are told and end it.
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("driver-runner: {error}");
            ExitCode::from(70)
        }
    }
}

fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<(), String> {
    let arguments = Arguments::read(arguments)?;
    confine::confine(&arguments)?;
    let told = |error| format!("it is started by a host, and by nobody else: {error}");
    let (uplink, library) = Uplink::receive().map_err(told)?;
    let Some((What::Load(load), ..)) = uplink.order() else {
        return Err("the first order is to load a library".to_owned());
    };
    let uplink = Arc::new(uplink.with(&load));
    work::Work::new(uplink, &load, library)?.run();
    Ok(())
}
