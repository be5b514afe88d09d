//! The children of one lab.

use std::{
    collections::{HashMap, VecDeque},
    io,
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    buffer::spare_capacity,
    event::{
        EventfdFlags, PollFd, PollFlags, Timespec, epoll,
        epoll::{CreateFlags, Event, EventData, EventFlags},
        eventfd, poll,
    },
};

use super::{
    child::Child,
    runner::arguments::Limits,
    spawn::{Spawn, Spawned, default_runner, spawn},
};
use crate::{clock::Clock, config::Execution};

/// Starts children, hears what they say outside of calls, and notices when they die.
pub(crate) struct Children {
    registry: Arc<Registry>,
    runner: PathBuf,
    clock: Clock,
    /// Started with the first child.
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The children that live, and what is heard of them.
pub(super) struct Registry {
    epoll: OwnedFd,
    /// Wakes the thread.
    wake: OwnedFd,
    inline: bool,
    closing: AtomicBool,
    children: Mutex<HashMap<u64, Arc<Child>>>,
    /// How many there are, to be seen without the lock.
    count: AtomicUsize,
    tokens: AtomicU64,
    requests: Mutex<VecDeque<Request>>,
}

/// A child to be started by the thread.
struct Request {
    spawn: Spawn,
    library: Option<OwnedFd>,
    started: mpsc::SyncSender<io::Result<Spawned>>,
}

/// What of a child is heard; the last two bits of an event's number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Side = 0,
    Process = 1,
    Stdout = 2,
    Stderr = 3,
}

/// The number of the event that wakes the thread.
const WAKE: u64 = u64::MAX;

impl Children {
    /// None so far.
    ///
    /// # Errors
    /// If the system is out of descriptors.
    pub(crate) fn new(runner: Option<PathBuf>, mode: Execution, clock: Clock) -> io::Result<Children> {
        let registry = Registry {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            inline: mode == Execution::Inline,
            closing: AtomicBool::new(false),
            children: Mutex::default(),
            count: AtomicUsize::new(0),
            tokens: AtomicU64::new(0),
            requests: Mutex::default(),
        };
        epoll::add(
            &registry.epoll,
            &registry.wake,
            EventData::new_u64(WAKE),
            EventFlags::IN,
        )?;
        Ok(Children {
            registry: Arc::new(registry),
            runner: runner.unwrap_or_else(default_runner),
            clock,
            thread: Mutex::new(None),
        })
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Starts a child. `on_end` is called when it has ended although nobody asked it to.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn start(
        &self,
        name: &Arc<str>,
        limits: Limits,
        library: Option<OwnedFd>,
        on_end: Box<dyn Fn() + Send + Sync>,
    ) -> io::Result<Arc<Child>> {
        let what = Spawn {
            runner: self.runner.clone(),
            name: name.to_string(),
            limits,
            // Inline whoever drives the lab starts it, which is the host's main thread only when it serves.
            permanent: !self.registry.inline || rustix::thread::gettid() == rustix::process::getpid(),
        };
        let spawned = match self.registry.inline {
            true => spawn(&what, library.as_ref())?,
            false => self.spawn_on_thread(what, library)?,
        };
        let child = Child::new(Arc::clone(name), spawned, Arc::downgrade(&self.registry), on_end);
        self.registry.add(Arc::new(child))
    }

    /// Children are killed by the kernel when the thread that started them ends (P2).
    fn spawn_on_thread(&self, spawn: Spawn, library: Option<OwnedFd>) -> io::Result<Spawned> {
        {
            let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
            if thread.is_none() {
                let registry = Arc::clone(&self.registry);
                let builder = std::thread::Builder::new().name("baton children".into());
                *thread = Some(builder.spawn(move || registry.run())?);
            }
        }
        let (started, answer) = mpsc::sync_channel(1);
        let request = Request {
            spawn,
            library,
            started,
        };
        self.registry.requests().push_back(request);
        self.registry.wake();
        let ended = |_| io::Error::other("the lab is being closed");
        answer.recv().map_err(ended)?
    }

    /// In inline execution: hears what the children have said. `true` if there was anything.
    pub(crate) fn hear(&self) -> bool {
        self.registry.inline && !self.registry.is_empty() && self.registry.hear(Duration::ZERO)
    }

    /// Whether there is a child in inline execution, which nobody hears by itself.
    pub(crate) fn needs_hearing(&self) -> bool {
        self.registry.inline && !self.registry.is_empty()
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.registry.closing.store(true, Ordering::Release);
        self.registry.wake();
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // The last of a lab may be dropped by what is said of a child.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
        self.registry.kill_all();
    }
}

impl Registry {
    pub(super) fn is_inline(&self) -> bool {
        self.inline
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn run(&self) {
        while !self.closing.load(Ordering::Acquire) {
            self.hear_until(None);
            self.start_requested();
        }
        self.kill_all();
        self.requests().clear();
    }

    fn start_requested(&self) {
        loop {
            let request = self.requests().pop_front();
            let Some(request) = request else { return };
            let spawned = spawn(&request.spawn, request.library.as_ref());
            // Whoever asked waits for it.
            let _ = request.started.send(spawned);
        }
    }

    /// Waits so long for anything to be said, and hears it. `true` if there was anything.
    pub(super) fn hear(&self, limit: Duration) -> bool {
        self.hear_until(Some(limit))
    }

    /// Hears what is said until there is something to read from `socket` as well.
    pub(super) fn hear_beside(&self, socket: &OwnedFd) {
        let mut descriptors = [
            PollFd::new(socket, PollFlags::IN),
            PollFd::new(&self.epoll, PollFlags::IN),
        ];
        if poll(&mut descriptors, None).is_ok() && !descriptors[1].revents().is_empty() {
            self.hear(Duration::ZERO);
        }
    }

    fn hear_until(&self, limit: Option<Duration>) -> bool {
        let limit = limit.map(|limit| Timespec::try_from(limit).unwrap_or_default());
        let mut events: Vec<Event> = Vec::with_capacity(64);
        if epoll::wait(&self.epoll, spare_capacity(&mut events), limit.as_ref()).is_err() {
            // A signal came.
            return false;
        }
        for event in &events {
            let number = event.data.u64();
            if number == WAKE {
                let _ = rustix::io::read(&self.wake, &mut [0u8; 8]);
                continue;
            }
            let child = self.children().get(&(number >> 2)).cloned();
            if let Some(child) = child {
                self.hear_one(&child, number & 3);
            }
        }
        !events.is_empty()
    }

    fn hear_one(&self, child: &Child, source: u64) {
        match source {
            0 if child.drain_side() => {}
            // What is closed would be reported for ever; a pipe is closed here, too, and forgotten by that.
            0 => drop(epoll::delete(&self.epoll, child.side.socket())),
            1 => drop(child.finish()),
            source => drop(child.drain_output(source == 3)),
        }
    }

    fn add(self: &Arc<Self>, child: Arc<Child>) -> io::Result<Arc<Child>> {
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        child.set_token(token);
        self.children().insert(token, Arc::clone(&child));
        self.count.fetch_add(1, Ordering::AcqRel);
        let watched = || -> rustix::io::Result<()> {
            let watch = |descriptor: &dyn AsFd, source: Source| {
                let data = EventData::new_u64(token << 2 | source as u64);
                epoll::add(&self.epoll, descriptor.as_fd(), data, EventFlags::IN)
            };
            watch(child.side.socket(), Source::Side)?;
            watch(child.pidfd(), Source::Process)?;
            child.with_pipe(false, |pipe| watch(pipe, Source::Stdout))?;
            child.with_pipe(true, |pipe| watch(pipe, Source::Stderr))
        };
        match watched() {
            Ok(()) => Ok(child),
            Err(error) => {
                child.kill("it could not be watched".to_owned());
                child.dismiss();
                Err(error.into())
            }
        }
    }

    /// It has ended.
    pub(super) fn remove(&self, child: &Child) {
        let removed = self.children().remove(&child.token());
        if removed.is_some() {
            self.count.fetch_sub(1, Ordering::AcqRel);
            let _ = epoll::delete(&self.epoll, child.side.socket());
            let _ = epoll::delete(&self.epoll, child.pidfd());
        }
    }

    fn kill_all(&self) {
        let left: Vec<_> = self.children().values().cloned().collect();
        for child in left {
            child.kill("the lab was closed".to_owned());
            child.dismiss();
        }
    }

    fn wake(&self) {
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn children(&self) -> MutexGuard<'_, HashMap<u64, Arc<Child>>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn requests(&self) -> MutexGuard<'_, VecDeque<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
