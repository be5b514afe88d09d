//! One file for each command that has something to do.

mod call;
mod check;
mod completions;
mod describe;
mod drivers;
mod get;
mod list;
mod run;
mod schema;
mod set;
mod status;
mod stop;
mod watch;

use super::args::{Arguments, Command, Global};
use super::client::{Client, RemoteError};
use super::failure::Failure;
use super::output::Output;

/// Runs the command that the arguments name.
pub(crate) fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Run(run) => run::run(run, output),
        Command::Check(check) => check::run(check, output),
        Command::Schema { folders } => schema::run(folders, output),
        Command::List => list::run(&mut connect(global)?, output),
        Command::Describe { path } => describe::run(&mut connect(global)?, path, output),
        Command::Get(get) => get::run(&mut connect(global)?, get, output),
        Command::Set(set) => set::run(&mut connect(global)?, set, output),
        Command::Call(call) => call::run(&mut connect(global)?, call, output),
        Command::Watch { patterns } => watch::run(&mut connect(global)?, patterns, output),
        Command::Stop { all: true, .. } => stop::all(&mut connect(global)?, output),
        Command::Stop { devices, .. } => stop::some(&mut connect(global)?, devices, output),
        Command::Status => status::run(&mut connect(global)?, output),
        Command::Drivers { folders } if folders.is_empty() => drivers::of_host(&mut connect(global)?, output),
        Command::Drivers { folders } => drivers::of_folders(folders, output),
        Command::Completions { shell } => completions::run(*shell),
    }
}

fn connect(global: &Global) -> Result<Client, Failure> {
    Client::connect(&global.host, global.verbose)
}

/// Whether a node answered that it does not know a request of ours; `None` is the answer of one that does.
fn unless_unknown<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    let unknown = |error: &RemoteError| matches!(error.class.as_str(), "ProtocolError" | "NotImplemented");
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Failure::Remote { error, .. }) if unknown(&error) => Ok(None),
        Err(failure) => Err(failure),
    }
}
