//! One file for each command that has something to do.

mod audit;
mod call;
mod check;
mod completions;
mod describe;
mod drivers;
mod follow;
mod get;
mod instrument;
mod limits;
mod list;
mod listen;
mod lock;
mod log;
mod rights;
mod run;
mod schema;
mod set;
mod snapshot;
mod status;
mod stop;
mod wait;
mod watch;
mod who;
mod zero;

use super::args::{Arguments, Command, Global};
use super::client::{Address, Client, Membership, RemoteError};
use super::failure::Failure;
use super::output::Output;
use super::token;
use crate::owner::Identity;

/// Runs the command that the arguments name.
pub(crate) fn run(arguments: &Arguments, output: Output) -> Result<(), Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Run(run) => run::run(run, token::read(global.token_file.as_deref())?, output),
        Command::Check(check) => check::run(check, output),
        Command::Schema { instrument, folders } => schema::run(instrument.as_deref(), folders, output),
        Command::List => list::run(&mut connect(global)?, output),
        Command::Describe { path } => describe::run(&mut connect(global)?, path, output),
        Command::Get(get) => get::run(&mut connect(global)?, get, output),
        Command::Set(set) => set::run(&mut actor(global, "baton set")?, set, output),
        Command::Call(call) => call::run(&mut actor(global, "baton call")?, call, output),
        Command::Watch(watch) => watch::run(global, watch, output),
        Command::Listen(listen) => listen::run(global, listen, output),
        Command::Send { message, payload } => {
            listen::send(&mut actor(global, "baton send")?, message, payload.as_deref(), output)
        }
        Command::Wait(args) => wait::run(&mut connect(global)?, args, output),
        Command::Stop { all: true, .. } => stop::all(&mut stopper(global)?, output),
        Command::Stop { devices, .. } => stop::some(&mut stopper(global)?, devices, output),
        Command::Lock(lock) => {
            // It says who it is by itself: it needs what the host answers to that.
            let mut client = connect(global)?;
            let member_of = membership(global, &client);
            if let Some(session) = member_of {
                client.join(session)?;
            }
            lock::run(&mut client, member_of, lock, output)
        }
        Command::Who => who::run(&mut connect(global)?, output),
        Command::Break { holder, target } => {
            rights::break_lock(&mut actor(global, "baton break")?, holder, target, output)
        }
        Command::Protect {
            targets,
            note,
            permanent,
        } => {
            let mut client = actor(global, "baton protect")?;
            rights::protect(&mut client, targets, note.as_deref(), *permanent, output)
        }
        Command::Unprotect { targets } => rights::unprotect(&mut actor(global, "baton unprotect")?, targets, output),
        Command::Snapshot { command } => snapshot::run(global, command, output),
        Command::Limits(limits) => limits::run(&mut actor(global, "baton limits")?, limits, output),
        Command::Zero { path, value } => zero::run(&mut actor(global, "baton zero")?, path, value, output),
        Command::Reopen { device, abandon } => {
            zero::reopen(&mut actor(global, "baton reopen")?, device, *abandon, output)
        }
        Command::Status => status::run(&mut connect(global)?, output),
        Command::Log(log) => log::run(global, log, output),
        Command::Audit(audit) => audit::run(global, audit, output),
        Command::Drivers {
            pin: Some(config),
            folders,
            ..
        } => drivers::pin(config, folders, output),
        Command::Drivers { clear: Some(what), .. } => drivers::clear(what, output),
        Command::Drivers { folders, .. } if folders.is_empty() => drivers::of_host(&mut connect(global)?, output),
        Command::Drivers { folders, .. } => drivers::of_folders(folders, output),
        Command::Instrument(command) => instrument::run(command, output),
        Command::Completions { shell } => completions::run(*shell),
    }
}

/// Where the host is: where we are told, or where the session is that we belong to, or where hosts usually are.
fn address(global: &Global) -> Address {
    let of_session = global.owner.as_ref().map(Membership::address);
    let told = global.host.as_ref().or(of_session);
    told.cloned().unwrap_or_default()
}

fn connect(global: &Global) -> Result<Client, Failure> {
    let token = token::read(global.token_file.as_deref())?;
    let mut client = Client::connect(&address(global), global.verbose)?;
    if let Some(token) = token {
        client.show_token(token)?;
    }
    Ok(client)
}

/// A connection to act by: as the owner that `BATON_OWNER` makes us, if it is one of that host, or as ourselves.
fn actor(global: &Global, program: &str) -> Result<Client, Failure> {
    let mut client = connect(global)?;
    match membership(global, &client) {
        Some(owner) => client.join(owner)?,
        None => client.introduce_as(Identity::claim(program)),
    }
    Ok(client)
}

/// A connection to stop by, which needs no session: nothing may keep a stop from being sent.
fn stopper(global: &Global) -> Result<Client, Failure> {
    let mut client = connect(global)?;
    let joined = membership(global, &client).map(|owner| client.join(owner));
    if !matches!(joined, Some(Ok(()))) {
        client.introduce_as(Identity::claim("baton stop"));
    }
    Ok(client)
}

/// The session that we belong to, if it is one of the host that we are connected to.
fn membership<'a>(global: &'a Global, client: &Client) -> Option<&'a Membership> {
    global
        .owner
        .as_ref()
        .filter(|owner| owner.address() == client.address())
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
