//! `baton lock`: keeps others off while a command runs, or until Ctrl-C.

mod child;
mod waiting;

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value as Json, json};

use child::Child;

use crate::cli::args::Lock;
use crate::cli::client::{Client, Membership};
use crate::cli::failure::Failure;
use crate::cli::format::shortened;
use crate::cli::interrupt;
use crate::cli::output::Output;
use crate::owner::Identity;

/// The most that others see of the command.
const PROGRAM_CHARS: usize = 40;
/// How long the host may take to say that it has the lock back.
const UNLOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Signals that have come and nobody has looked at.
type Signals = Arc<Mutex<Vec<Signal>>>;

/// A lock on its way or held, and what goes on meanwhile.
struct Locking<'a> {
    client: &'a mut Client,
    lock: &'a Lock,
    output: Output,
    /// Names the lock on this connection.
    token: String,
    signals: Signals,
    /// When we were heard last.
    heard: Instant,
    /// Whether the lock is over before we gave it back; and whether so we had asked.
    lost: Option<Lost>,
}

/// How a lock was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// The time that we had asked for is over.
    Over,
    Broken,
}

/// Locks, and holds the lock while the command runs, or until Ctrl-C.
pub(super) fn run(
    client: &mut Client,
    member_of: Option<&Membership>,
    lock: &Lock,
    output: Output,
) -> Result<(), Failure> {
    if !client.describe()?.is_baton() {
        return Err(super::who::no_locks(client));
    }
    let session = match member_of {
        // It acts in this session already, as will what it starts.
        Some(session) => session.clone(),
        None => client.introduce_with_secret(&Identity::claim(program(lock)))?,
    };
    let signals = Signals::default();
    interrupt::forward_all(client.interrupter(), Arc::clone(&signals))?;
    let mut locking = Locking {
        client,
        lock,
        output,
        token: "lock".to_owned(),
        signals,
        heard: Instant::now(),
        lost: None,
    };
    let granted = locking.acquire()?;
    let outcome = match lock.command.is_empty() {
        true => locking.hold(&granted),
        false => locking.hold_for_command(&session),
    };
    locking.release();
    outcome
}

/// What others see: the command, by its words.
fn program(lock: &Lock) -> String {
    let Some((program, arguments)) = lock.command.split_first() else {
        return "baton lock".to_owned();
    };
    let program = Path::new(program).file_name().unwrap_or(program.as_os_str());
    let words = [program].into_iter().chain(arguments.iter().map(OsString::as_os_str));
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    shortened(&words.join(" "), PROGRAM_CHARS)
}

impl Locking<'_> {
    fn targets(&self) -> String {
        self.lock.targets.join(", ")
    }

    /// Holds the lock until a signal comes or it is lost.
    fn hold(&mut self, granted: &Json) -> Result<(), Failure> {
        if self.output.json {
            self.output.object(granted.clone())?;
        }
        self.output
            .note(&format!("{} locked; Ctrl-C gives it back", self.targets()));
        loop {
            if !self.take_signals().is_empty() {
                return Ok(());
            }
            match self.lost {
                Some(Lost::Over) => return Ok(()),
                Some(Lost::Broken) => return Err(Failure::Told(1)),
                None => {}
            }
            self.listen()?;
        }
    }

    /// Runs the command, and ends as it does.
    fn hold_for_command(&mut self, session: &Membership) -> Result<(), Failure> {
        let mut child = Child::start(&self.lock.command, session, self.client)?;
        let mut gone = false;
        loop {
            if let Some(code) = child.ended()? {
                return if code == 0 { Ok(()) } else { Err(Failure::Told(code)) };
            }
            for signal in self.take_signals() {
                child.forward(signal);
            }
            match self.listen() {
                Ok(()) => {}
                Err(failure @ Failure::Gone { .. }) if !gone => {
                    gone = true;
                    self.output
                        .error(&format!("{failure}; the lock has gone with it, the command goes on"));
                }
                Err(Failure::Gone { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    /// Waits until something happens: a line, a signal, the end of the command. Is heard of now and then.
    fn listen(&mut self) -> Result<(), Failure> {
        let due = self.heard + Duration::from_secs_f64(self.lock.keepalive / 3.0);
        if due <= Instant::now() {
            self.heard = Instant::now();
            self.client.send("ping", &self.token, Json::Null, "")?;
        }
        match self.client.next(Some(due.max(self.heard + Duration::from_millis(10)))) {
            Ok(_) | Err(Failure::Timeout(_) | Failure::Interrupted(_)) => {}
            Err(failure) => return Err(failure),
        }
        self.client.forget("pong");
        if let Some(lost) = self.client.notice("_lost", &self.token) {
            self.note_lost(&lost.data);
        }
        Ok(())
    }

    fn note_lost(&mut self, data: &Json) {
        let text = data.get("text").and_then(Json::as_str).unwrap_or("the lock is lost");
        if self.lock.lease.is_some() && data.get("how").and_then(Json::as_str) == Some("expired") {
            self.lost = Some(Lost::Over);
            self.output.note(text);
        } else {
            self.lost = Some(Lost::Broken);
            self.output.error(text);
        }
    }

    fn take_signals(&self) -> Vec<Signal> {
        std::mem::take(&mut *self.signals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives the lock back, and waits until the host has it: the next command of a script can rely on that. If the host
    /// does not answer, the end of the connection will do.
    fn release(&mut self) {
        if let Ok(request) = self.client.send("_unlock", &self.token, json!({}), "") {
            let _ = self
                .client
                .reply(&request, Some(Instant::now() + UNLOCK_TIMEOUT), &mut |_| {});
        }
    }
}
