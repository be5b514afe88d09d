//! `baton completions`: a script that lets a shell complete our commands and options.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::args::Arguments;
use crate::cli::failure::Failure;

pub(super) fn run(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Arguments::command(), "baton", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
