//! One child after the other end: started, watched, and judged.

use std::{
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use super::{
    Copy,
    child::{ASKS, COMMAND, OPENS, SURVIVED},
};

/// So much of what a child prints is kept.
const PRINTED_MAX: usize = 16 << 10;
/// So much of it is shown.
const SHOWN_MAX: usize = 200;

/// What came of a trial.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The library was opened, and said what it offers.
    Survived,
    /// It did not survive.
    Died(String),
    /// The child could not try it, which says nothing about the library.
    Undecided(String),
}

/// A child that tries a library.
pub(super) struct Trial {
    child: Child,
    /// Readable once the child has ended.
    ended: OwnedFd,
    report: Stream,
    printed: Stream,
    limit: Duration,
    deadline: Instant,
    status: Option<ExitStatus>,
    hung: bool,
}

/// A pipe from the child, and what has come through it.
struct Stream {
    pipe: Option<Box<dyn Pipe>>,
    text: Vec<u8>,
}

trait Pipe: Read + AsFd {}
impl<T: Read + AsFd> Pipe for T {}

impl Trial {
    /// Starts a child that tries the copy of a library.
    pub(super) fn start(runner: &Path, copy: &Copy, limit: Duration) -> io::Result<Trial> {
        let mut child = Command::new(runner)
            .arg0("baton")
            .arg(COMMAND)
            .arg(rustix::process::getpid().as_raw_nonzero().to_string())
            .arg(for_child(&copy.path))
            .args(copy.first.iter().map(|path| for_child(path)))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A terminal's Ctrl-C is for the host; the child it would only make look bad.
            .process_group(0)
            .spawn()?;
        let watched = || -> io::Result<(OwnedFd, Stream, Stream)> {
            let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
            Ok((
                ended,
                Stream::new(child.stdout.take())?,
                Stream::new(child.stderr.take())?,
            ))
        };
        let mut watched = watched;
        match watched() {
            Ok((ended, report, printed)) => Ok(Trial {
                child,
                ended,
                report,
                printed,
                limit,
                deadline: Instant::now() + limit,
                status: None,
                hung: false,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    fn is_over(&self) -> bool {
        self.status.is_some()
    }

    /// Takes what has come, and ends the child if it has said all, or too little for too long.
    fn attend(&mut self, has_ended: bool) {
        self.report.take();
        self.printed.take();
        let survived = self.says(SURVIVED);
        self.hung = !has_ended && !survived && Instant::now() >= self.deadline;
        if has_ended || survived || self.hung {
            // What the library does when its process ends is of no interest: in the host it never ends before that does.
            let _ = self.child.kill();
            self.status = self.child.wait().ok();
            self.report.take();
            self.printed.take();
        }
    }

    fn says(&self, word: &str) -> bool {
        self.report
            .text
            .split(|byte| *byte == b'\n')
            .any(|line| line == word.as_bytes())
    }

    /// What came of it.
    pub(super) fn outcome(&self) -> Outcome {
        let doing = match (self.says(SURVIVED), self.says(ASKS), self.says(OPENS)) {
            (true, ..) => return Outcome::Survived,
            (_, true, _) => "when it was asked what it offers",
            (_, _, true) => "while it was opened",
            _ => {
                let how = self
                    .status
                    .map_or_else(|| "it did not end".to_owned(), |status| status.to_string());
                return Outcome::Undecided(format!("the trial itself failed: {how}{}", self.last_words()));
            }
        };
        let how = match self.status {
            _ if self.hung => format!("it did not come back within {} s", self.limit.as_secs_f64()),
            Some(status) => how_it_ended(status),
            None => "its process cannot be waited for".to_owned(),
        };
        Outcome::Died(format!("{how} {doing}, in a process of its own{}", self.last_words()))
    }

    /// What was printed last, if anything: a panic of Rust, whose last lines say nothing about it, or the last line.
    fn last_words(&self) -> String {
        let text = String::from_utf8_lossy(&self.printed.text);
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let words = match lines
            .clone()
            .position(|line| line.contains("' panicked at ") || line.contains(") panicked at "))
        {
            Some(panic) => lines.skip(panic).take(2).collect::<Vec<_>>().join(" "),
            None => lines.next_back().unwrap_or_default().to_owned(),
        };
        let words: String = words.chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
        match words.as_str() {
            "" => words,
            words => format!(" (its last words: {words})"),
        }
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Stream {
    fn new(pipe: Option<impl Read + AsFd + 'static>) -> io::Result<Stream> {
        if let Some(pipe) = &pipe {
            rustix::io::ioctl_fionbio(pipe, true)?;
        }
        Ok(Stream {
            pipe: pipe.map(|pipe| Box::new(pipe) as Box<dyn Pipe>),
            text: Vec::new(),
        })
    }

    /// Takes what is there. Of much, the end is kept.
    fn take(&mut self) {
        let mut chunk = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut chunk) {
                Ok(0) => self.pipe = None,
                Ok(count) => {
                    self.text.extend_from_slice(&chunk[..count]);
                    let over = self.text.len().saturating_sub(PRINTED_MAX);
                    self.text.drain(..over);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

/// Waits for all of them, at most for their limits. No thread is needed for it.
pub(super) fn finish(mut trials: Vec<&mut Trial>) {
    while trials.iter().any(|trial| !trial.is_over()) {
        trials.retain(|trial| !trial.is_over());
        let ended = wait(&trials);
        for (trial, ended) in trials.iter_mut().zip(ended) {
            trial.attend(ended);
        }
    }
}

/// Waits until something has come from any of them, or is overdue; says which have ended.
fn wait(trials: &[&mut Trial]) -> Vec<bool> {
    let mut watched = Vec::new();
    for trial in trials {
        watched.push(PollFd::new(&trial.ended, PollFlags::IN));
    }
    for stream in trials.iter().flat_map(|trial| [&trial.report, &trial.printed]) {
        if let Some(pipe) = &stream.pipe {
            watched.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
        }
    }
    let now = Instant::now();
    let rest = trials
        .iter()
        .map(|trial| trial.deadline.saturating_duration_since(now))
        .min();
    let rest = rest.and_then(|rest| Timespec::try_from(rest).ok());
    // An interrupted wait is only a short one.
    let _ = poll(&mut watched, rest.as_ref());
    watched[..trials.len()]
        .iter()
        .map(|fd| !fd.revents().is_empty())
        .collect()
}

/// The path by which a child finds what has no name but that of a descriptor of ours.
fn for_child(path: &Path) -> PathBuf {
    match path.strip_prefix("/proc/self/fd") {
        Ok(descriptor) => {
            let own = rustix::process::getpid().as_raw_nonzero();
            PathBuf::from(format!("/proc/{own}/fd")).join(descriptor)
        }
        Err(_) => path.to_owned(),
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended its process with exit({code})"),
        (None, Some(signal)) => format!("it was killed by {}", signal_name(signal)),
        (None, None) => format!("it ended: {status}"),
    }
}

fn signal_name(signal: i32) -> String {
    use rustix::process::Signal;
    let names = [
        (Signal::SEGV, "SIGSEGV"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::ILL, "SIGILL"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::SYS, "SIGSYS"),
        (Signal::TERM, "SIGTERM"),
        (Signal::PIPE, "SIGPIPE"),
    ];
    let known = names.iter().find(|(known, _)| known.as_raw() == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}
