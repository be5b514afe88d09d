//! How a child begins.
//!
//! It is given one socket as its standard input, through which the others come: nothing else is handed down, and nothing
//! has to be done between `fork` and `exec`, where hardly anything is allowed. What limits it, it sets itself, before it
//! runs any code of a driver (`runner::confine`).

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::{
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags},
    process::{Pid, PidfdFlags},
};

use super::runner::arguments::{self, Limits};

/// A child that was started, and the ends of what leads to it.
pub(crate) struct Spawned {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
    pub(crate) call: OwnedFd,
    pub(crate) side: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

/// What to start.
#[derive(Clone, Debug)]
pub(crate) struct Spawn {
    /// The program, which is `baton` in some form.
    pub(crate) runner: PathBuf,
    /// What the child is called in a list of processes.
    pub(crate) name: String,
    pub(crate) limits: Limits,
    /// Whether the thread that starts it lives as long as the host, so that its end means the host's.
    pub(crate) permanent: bool,
}

/// The program that runs children, unless a lab says otherwise: `baton` beside this one, or whatever the system finds by that
/// name.
pub(crate) fn default_runner() -> PathBuf {
    const NAME: &str = "baton";
    let own = std::env::current_exe().ok();
    let beside = own.and_then(|own| Some(own.parent()?.join(NAME)));
    beside.filter(|path| path.is_file()).unwrap_or(NAME.into())
}

/// Starts a child. `library` is handed over to it, if there is one.
///
/// # Errors
/// What the system says, with the path of the runner.
pub(crate) fn spawn(spawn: &Spawn, library: Option<&OwnedFd>) -> io::Result<Spawned> {
    let (call, theirs) = UnixStream::pair()?;
    let (side, their_side) = UnixStream::pair()?;
    let parent = rustix::process::getpid();
    let mut command = Command::new(&spawn.runner);
    command
        .arg0("baton")
        .args(arguments::write(spawn, parent))
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A terminal's Ctrl-C is for the host, which then closes its devices in order.
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", spawn.runner.display())))?;
    let pid = Pid::from_child(&child);
    let mut handed = || -> io::Result<(OwnedFd, OwnedFd, OwnedFd)> {
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        let mut descriptors = vec![their_side.as_fd()];
        descriptors.extend(library.map(AsFd::as_fd));
        hand_over(&call, &descriptors)?;
        let missing = || io::Error::other("it was started without a pipe");
        let stdout = child.stdout.take().map(OwnedFd::from).ok_or_else(missing)?;
        let stderr = child.stderr.take().map(OwnedFd::from).ok_or_else(missing)?;
        for pipe in [&stdout, &stderr] {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok((pidfd, stdout, stderr))
    };
    match handed() {
        Ok((pidfd, stdout, stderr)) => Ok(Spawned {
            pid,
            pidfd,
            call: call.into(),
            side: side.into(),
            stdout,
            stderr,
        }),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error)
        }
    }
}

/// Passes descriptors through a socket, with the one byte that they need to travel on.
fn hand_over(socket: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors at once"));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(b"B")], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The copy of a library that has no path but that of a descriptor, as a descriptor to hand over.
///
/// # Errors
/// If it cannot be opened again.
pub(super) fn reopen(copy: &Path) -> io::Result<Option<OwnedFd>> {
    match copy.starts_with("/proc/self/fd") {
        true => Ok(Some(std::fs::File::open(copy)?.into())),
        false => Ok(None),
    }
}
