//! The program `baton`, built here because tests run it: cargo builds the programs of no other package for them.

use std::process::ExitCode;

fn main() -> ExitCode {
    baton_host::cli::main()
}
