//! The command line: `run` is the host; the rest is a client of a running host, over the same wire as any other.
//!
//! [`main`] parses the arguments (`args`) and runs one command (`commands`). A command asks the host through `client`,
//! which knows the protocol and no terminal, and writes through `output`, which knows the terminal and no protocol.
//! Between them, `names` and `input` turn what the user typed into what goes over the wire, `format` and `readings` turn
//! it back. Data goes to standard output, everything else to standard error, and the exit code says what to do next
//! (`failure`).

mod args;
mod client;
mod commands;
mod failure;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod input;
mod interrupt;
mod lab_file;
mod names;
mod output;
mod progress;
mod readings;
mod snapshot;
mod systemd;
mod table;
mod token;
mod waiting;

use std::process::ExitCode;

use clap::Parser;

use args::Arguments;
use output::Output;

use crate::{plugin::probe, process::runner};

/// Runs the program `baton` with the arguments of this process.
///
/// Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 69 no host there, 73 locked by another, 75 timed out, 78
/// a bad config, 130 ended by Ctrl-C.
pub fn main() -> ExitCode {
    let mut own = std::env::args_os().skip(1);
    // No commands for people, and each device that comes back waits for one of them: nothing else is looked at.
    match own.next() {
        Some(first) if first == probe::COMMAND => return probe::main(own),
        Some(first) if first == runner::COMMAND => return runner::main(own),
        _ => {}
    }
    let arguments = Arguments::parse();
    let output = Output {
        json: arguments.global.json,
        quiet: arguments.global.quiet,
    };
    match commands::run(&arguments, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}
