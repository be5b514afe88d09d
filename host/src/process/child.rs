//! The host's end of one child.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use baton_plugin_api::{
    Error, ErrorKind,
    abi::{BoxHost, RawError, RawResult, RawValue, RefContext},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::{RecvFlags, Shutdown},
    process::{Pid, Signal, WaitId, WaitIdOptions},
};

use super::{
    children::Registry,
    ending::Ending,
    frame::{self, Read, Reader},
    message::{Entry, Interrupt, Moment, Order, Outcome, Report, Said, What, WireError, WireValue, carried},
    output::Output,
    side::Side,
    spawn::Spawned,
};

/// How long a child that closed its end may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(1);
/// How long one that was asked to end may take to do so.
const END_LIMIT: Duration = Duration::from_secs(1);
/// How long a stopper may take (S1).
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// A child, as the host sees it.
pub(super) struct Child {
    name: Arc<str>,
    pid: Pid,
    pidfd: OwnedFd,
    call: OwnedFd,
    /// Held by the worker for as long as an order takes.
    line: Mutex<Reader<Report>>,
    pub(super) side: Side,
    /// Held while a stop is sent.
    interrupts: Mutex<()>,
    stdout: Mutex<Output>,
    stderr: Mutex<Output>,
    /// Why it ended, once it has.
    ended: OnceLock<String>,
    /// Held by whoever finds that out.
    ending: Mutex<()>,
    /// Why the host has killed it, if it has.
    killed: OnceLock<String>,
    /// Whether it was asked to end.
    dismissed: AtomicBool,
    /// Numbers of stops.
    ids: AtomicU32,
    /// How many threads wait for a stop.
    waiting: AtomicUsize,
    /// Told when a stop has ended, or the child has.
    changed: (Mutex<()>, Condvar),
    /// Who hears what it says outside of calls: in inline execution whoever waits for it does that by the way.
    registry: Weak<Registry>,
    /// Its number in the registry.
    token: AtomicU64,
    on_end: Box<dyn Fn() + Send + Sync>,
}

/// For whom an order is given.
pub(super) enum Asker<'c, 'a> {
    /// A call.
    Call(&'c RefContext<'a>),
    /// Nobody, as something is opened; the host tells the time.
    Host(&'c BoxHost),
    /// Nobody.
    Nobody,
}

impl Child {
    pub(super) fn new(
        name: Arc<str>,
        spawned: Spawned,
        registry: Weak<Registry>,
        on_end: Box<dyn Fn() + Send + Sync>,
    ) -> Child {
        Child {
            name,
            pid: spawned.pid,
            pidfd: spawned.pidfd,
            call: spawned.call,
            line: Mutex::new(Reader::new()),
            side: Side::new(spawned.side),
            interrupts: Mutex::default(),
            stdout: Mutex::new(Output::new(spawned.stdout, false)),
            stderr: Mutex::new(Output::new(spawned.stderr, true)),
            ended: OnceLock::new(),
            ending: Mutex::default(),
            killed: OnceLock::new(),
            dismissed: AtomicBool::new(false),
            ids: AtomicU32::new(0),
            waiting: AtomicUsize::new(0),
            changed: Default::default(),
            registry,
            token: AtomicU64::new(u64::MAX),
            on_end,
        }
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    pub(super) fn pidfd(&self) -> &OwnedFd {
        &self.pidfd
    }

    pub(super) fn token(&self) -> u64 {
        self.token.load(Ordering::Acquire)
    }

    pub(super) fn set_token(&self, token: u64) {
        self.token.store(token, Ordering::Release);
    }

    /// One of the pipes that it prints to, unless that is closed.
    pub(super) fn with_pipe(
        &self,
        is_error: bool,
        body: impl FnOnce(&OwnedFd) -> rustix::io::Result<()>,
    ) -> rustix::io::Result<()> {
        self.output(is_error).pipe().map_or(Ok(()), body)
    }

    /// Why it ended, if it has.
    pub(super) fn ended(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }

    /// Whether it ended although nobody wanted that.
    pub(super) fn was_lost(&self) -> bool {
        self.ended.get().is_some() && !self.dismissed.load(Ordering::Acquire)
    }

    /// Gives an order without a report.
    pub(super) fn tell(&self, what: What) -> Result<(), Error> {
        let order = Order {
            at: Asker::Nobody.moment(),
            what,
        };
        frame::send(&self.call, &order, &[]).map_err(|error| self.failed(&error))
    }

    /// Gives an order, serves what the child asks meanwhile, and waits for how it ends.
    ///
    /// # Errors
    /// What the driver says, or why the child is gone.
    pub(super) fn order(&self, what: What, bulk: &[u8], asker: &Asker<'_, '_>) -> Result<(Outcome, Vec<u8>), Error> {
        // Nothing of others runs while it is held but what this call itself waits for.
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        self.give(what, bulk, asker)?;
        loop {
            let (report, bulk) = self.hear(&mut line)?;
            self.catch_up(report.asides)?;
            match report.what {
                Said::Done(outcome) => return Ok((outcome?, bulk)),
                question => self.serve(question, bulk, asker)?,
            }
        }
    }

    /// Enters a device.
    pub(super) fn enter(
        &self,
        device: u32,
        entry: Entry,
        bulk: &[u8],
        asker: &Asker<'_, '_>,
    ) -> Result<(Outcome, Vec<u8>), Error> {
        self.order(What::Enter { device, entry }, bulk, asker)
    }

    fn give(&self, what: What, bulk: &[u8], asker: &Asker<'_, '_>) -> Result<(), Error> {
        if let Some(ended) = self.ended() {
            return Err(Error::communication(ended));
        }
        let order = Order {
            at: asker.moment(),
            what,
        };
        frame::send(&self.call, &order, bulk).map_err(|error| self.failed(&error))
    }

    fn hear(&self, line: &mut Reader<Report>) -> Result<(Report, Vec<u8>), Error> {
        let inline = self.registry.upgrade().filter(|registry| registry.is_inline());
        let flags = match inline {
            Some(_) => RecvFlags::DONTWAIT,
            None => RecvFlags::empty(),
        };
        loop {
            match line.read(&self.call, flags) {
                Ok(Read::Message(report, bulk)) => return Ok((report, bulk)),
                Ok(Read::End) => return Err(self.gone()),
                Ok(Read::Nothing) => {
                    if let Some(registry) = &inline {
                        registry.hear_beside(&self.call);
                    }
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    /// Answers a question of the call that runs.
    fn serve(&self, question: Said, bulk: Vec<u8>, asker: &Asker<'_, '_>) -> Result<(), Error> {
        let Asker::Call(cx) = asker else {
            // Only a call has a context; whoever asks outside of one is told that it is over.
            return self.give(What::Told, &[], asker);
        };
        let answer = match question {
            Said::Done(_) => return Ok(()),
            Said::Progress(done) => {
                cx.progress(done);
                return Ok(());
            }
            Said::Ask => return self.give(What::Told, &[], asker),
            Said::Sleep(nanoseconds) => {
                let whole = cx.sleep(nanoseconds);
                return self.give(What::Slept(whole), &[], asker);
            }
            Said::Get(path) => cx.get(path.as_str().into()),
            Said::Set(path, value) => with(value, bulk, |value| cx.set(path.as_str().into(), value)),
            Said::Call(path, value) => with(value, bulk, |value| cx.call(path.as_str().into(), value)),
        };
        let (answer, bulk) = carried(&answer);
        self.give(What::Answer(answer), bulk, asker)
    }

    /// Calls the stopper of a device, from any thread and in the middle of a call.
    ///
    /// # Errors
    /// What the driver says, or why the child is gone. One that does not return is the end of the child.
    pub(super) fn stop(&self, device: u32) -> Result<(), Error> {
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        self.side.expect_stop(id);
        let outcome = self.interrupt(id, device).and_then(|()| self.wait_stopped(id));
        self.side.give_up_stop(id);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    fn interrupt(&self, id: u32, device: u32) -> Result<(), Error> {
        let _alone = self.interrupts.lock().unwrap_or_else(PoisonError::into_inner);
        let stop = Interrupt::Stop { id, device };
        frame::send(self.side.socket(), &stop, &[]).map_err(|error| self.failed(&error))
    }

    fn wait_stopped(&self, id: u32) -> Result<(), Error> {
        let deadline = Instant::now() + STOP_LIMIT;
        let inline = self.registry.upgrade().filter(|registry| registry.is_inline());
        loop {
            let changed = self.changed.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(outcome) = self.side.stopped(id) {
                return outcome.map_err(Error::from);
            }
            if let Some(ended) = self.ended() {
                return Err(Error::communication(ended));
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                drop(changed);
                let limit = STOP_LIMIT.as_secs();
                self.kill(format!("its stopper did not return within {limit} s"));
                return Err(Error::new(
                    ErrorKind::Timeout,
                    format!("the stopper did not return within {limit} s; its process was killed"),
                ));
            }
            match &inline {
                Some(registry) => {
                    drop(changed);
                    registry.hear(rest);
                }
                None => drop(self.changed.1.wait_timeout(changed, rest)),
            }
        }
    }

    /// Hears what the driver says outside of calls. `false` once there can be no more.
    pub(super) fn drain_side(&self) -> bool {
        let heard = self.side.drain();
        self.tell_waiting();
        heard.unwrap_or_else(|error| {
            self.kill(format!("it sent what makes no sense: {}", error.message()));
            false
        })
    }

    fn catch_up(&self, mark: u64) -> Result<(), Error> {
        let heard = self.side.catch_up(mark);
        self.tell_waiting();
        heard.map_err(|error| {
            self.kill(format!("it sent what makes no sense: {}", error.message()));
            self.gone()
        })
    }

    fn tell_waiting(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let _changed = self.changed.0.lock().unwrap_or_else(PoisonError::into_inner);
            self.changed.1.notify_all();
        }
    }

    /// Passes on what it has printed. `false` once there can be no more.
    pub(super) fn drain_output(&self, is_error: bool) -> bool {
        self.output(is_error).drain(&self.name)
    }

    fn output(&self, is_error: bool) -> MutexGuard<'_, Output> {
        let output = if is_error { &self.stderr } else { &self.stdout };
        output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it at once. `false` if it had ended before.
    pub(super) fn kill(&self, why: String) -> bool {
        if self.ended.get().is_some() {
            return false;
        }
        let _ = self.killed.set(why);
        self.send_kill();
        // Whoever waits for it does so no longer, even if the system is slow to take it away.
        let _ = rustix::net::shutdown(&self.call, Shutdown::Both);
        true
    }

    fn send_kill(&self) {
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Asks it to end, and sees to it that it does.
    pub(super) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Release);
        if self.ended.get().is_none() {
            let _ = self.tell(What::End);
            if !self.is_gone_within(END_LIMIT) {
                self.kill("it did not end when it was told to".to_owned());
            }
        }
        self.finish();
    }

    fn is_gone_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            let rest = Timespec::try_from(rest).unwrap_or_default();
            let mut descriptors = [PollFd::new(&self.pidfd, PollFlags::IN)];
            match poll(&mut descriptors, Some(&rest)) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }

    /// It closed its end, or makes no sense: what became of it.
    fn gone(&self) -> Error {
        Error::communication(self.finish())
    }

    fn failed(&self, error: &io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::InvalidData => {
                self.kill(format!("it sent what makes no sense: {error}"));
            }
            // One that cannot be sent at all harms nobody.
            io::ErrorKind::Other => return Error::impossible(format!("it cannot be sent to its process: {error}")),
            _ => {}
        }
        self.gone()
    }

    /// Waits until it is gone, hears what it said last, and says why it ended. Only the first time takes time.
    pub(super) fn finish(&self) -> &str {
        let first = {
            let _alone = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
            let first = self.ended.get().is_none();
            self.ended.get_or_init(|| self.find_out());
            first
        };
        if first {
            self.tell_waiting();
            if let Some(registry) = self.registry.upgrade() {
                registry.remove(self);
            }
            if self.was_lost() {
                (self.on_end)();
            }
        }
        self.ended().unwrap_or_default()
    }

    fn find_out(&self) -> String {
        if !self.is_gone_within(GONE_LIMIT) {
            self.send_kill();
            self.is_gone_within(GONE_LIMIT);
        }
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        let status = rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), options);
        // It can say no more: this comes to an end.
        while matches!(self.side.drain(), Ok(true)) && self.is_readable(self.side.socket()) {}
        self.drain_output(false);
        self.drain_output(true);
        let ending = match (self.killed.get(), status) {
            (Some(why), _) => Ending::Killed(why.clone()),
            (None, Ok(Some(status))) => Ending::of(&status),
            (None, _) => Ending::Unknown,
        };
        let stderr = self.output(true).last_words();
        ending.tell(stderr.as_deref())
    }

    fn is_readable(&self, descriptor: &OwnedFd) -> bool {
        let mut descriptors = [PollFd::new(descriptor, PollFlags::IN)];
        matches!(poll(&mut descriptors, Some(&Timespec::default())), Ok(1..))
    }
}

impl Asker<'_, '_> {
    fn moment(&self) -> Moment {
        match self {
            Asker::Call(cx) => {
                let now = cx.now();
                Moment {
                    now,
                    ends: now.saturating_add(cx.remaining()),
                    cancelled: cx.cancelled(),
                }
            }
            Asker::Host(host) => Moment {
                now: host.now(),
                ends: u64::MAX,
                cancelled: false,
            },
            Asker::Nobody => Moment {
                ends: u64::MAX,
                ..Moment::default()
            },
        }
    }
}

fn with(value: WireValue, bulk: Vec<u8>, body: impl FnOnce(RawValue) -> RawResult) -> RawResult {
    match value.raw(bulk) {
        Ok(value) => body(value),
        Err(error) => RawResult::RErr(RawError::from(WireError::from(error))),
    }
}
