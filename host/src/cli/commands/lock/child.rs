//! The command that runs under the lock, as the same owner.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use rustix::process::{Pid, Signal, getpgrp, kill_process};

use crate::cli::client::{Client, Incoming, Membership};
use crate::cli::failure::Failure;
use crate::cli::token;

/// The exit codes of shells for a command that is not there, and for one that cannot be run.
const NOT_FOUND: u8 = 127;
const CANNOT_RUN: u8 = 126;

/// A command that runs.
pub(super) struct Child {
    pid: Pid,
    /// How it has ended, once it has.
    status: Receiver<io::Result<ExitStatus>>,
}

impl Child {
    /// Starts it. When it ends, whoever waits for the host of `client` is interrupted.
    pub(super) fn start(words: &[OsString], session: &Membership, client: &Client) -> Result<Child, Failure> {
        let (program, arguments) = words.split_first().expect("there is a command");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("BATON_OWNER", session.to_string())
            .env("BATON_HOST", session.address().to_string());
        if let Some(token) = client.token() {
            command.env(token::VARIABLE, token.reveal());
        }
        let started = command.spawn();
        let wake = client.interrupter();
        let mut child = started.map_err(|error| {
            crate::cli::output::complain(&format!("{}: {error}", program.to_string_lossy()));
            Failure::Told(match error.kind() {
                io::ErrorKind::NotFound => NOT_FOUND,
                _ => CANNOT_RUN,
            })
        })?;
        let pid = Pid::from_child(&child);
        let (sender, status) = mpsc::channel();
        thread::spawn(move || {
            // Nobody is left to be told if these fail.
            let _ = sender.send(child.wait());
            let _ = wake.send(Incoming::Interrupt);
        });
        Ok(Child { pid, status })
    }

    /// Its exit code, if it has ended; that of a shell if a signal ended it.
    pub(super) fn ended(&mut self) -> Result<Option<u8>, Failure> {
        let Ok(status) = self.status.try_recv() else {
            return Ok(None);
        };
        let status = status?;
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        Ok(Some(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
    }

    /// Hands a signal on, unless the terminal has sent it to the command as well.
    pub(super) fn forward(&self, signal: Signal) {
        let of_terminal = signal == Signal::INT || signal == Signal::QUIT;
        if of_terminal && is_in_foreground() {
            return;
        }
        // It may have ended just now.
        let _ = kill_process(self.pid, signal);
    }
}

/// Whether we are what Ctrl-C in our terminal is meant for, together with what we have started.
fn is_in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stdin()).is_ok_and(|group| group == getpgrp())
}
