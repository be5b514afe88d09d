//! The child: opens one library, asks it what it offers, and says how far it got.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, getppid, set_parent_process_death_signal, setrlimit};

use crate::plugin::library;

/// The first argument of a program that is to be such a child.
pub const COMMAND: &str = "driver-probe";

/// What the child says before it opens the library, before it asks it, and when it has survived both.
pub(super) const OPENS: &str = "opens";
pub(super) const ASKS: &str = "asks";
pub(super) const SURVIVED: &str = "survived";

/// More than any driver needs before it is asked for a device, and less than what hurts a machine.
const MEMORY_MAX: u64 = 4 << 30;

/// Does what a child does. `arguments` are those behind [`COMMAND`].
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{COMMAND}: {error}");
            ExitCode::from(70)
        }
    }
}

fn run(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let usage = || "it is started by a host, and by nobody else".to_owned();
    let parent = arguments.next().and_then(|text| text.to_str()?.parse().ok());
    let parent = parent.and_then(Pid::from_raw).ok_or_else(usage)?;
    let library = arguments.next().map(PathBuf::from).ok_or_else(usage)?;
    let first: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    confine(parent).map_err(|error| format!("it cannot be confined: {error}"))?;
    let mut report = report().map_err(|error| error.to_string())?;
    library::try_out(&library, &first, |asks| {
        say(&mut report, if asks { ASKS } else { OPENS })
    });
    say(&mut report, SURVIVED);
    Ok(())
}

/// Takes upon itself what bounds it, before any code of the library runs.
fn confine(parent: Pid) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if getppid() != Some(parent) {
        return Err(io::Error::other("the host is gone"));
    }
    let at_most = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    setrlimit(Resource::Core, at_most(0))?;
    setrlimit(Resource::Data, at_most(MEMORY_MAX))?;
    // Where the system has no such file, nobody is preferred.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}

/// Where the child reports. What the library prints goes where its errors go.
fn report() -> io::Result<File> {
    let report = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(report.into())
}

fn say(report: &mut File, word: &str) {
    // If nobody hears it any more, nobody waits for it, either.
    let _ = report.write_all(format!("{word}\n").as_bytes());
}
