//! Host and lab as a device on the bench sees them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use abi_stable::{
    sabi_trait::TD_Opaque,
    sabi_types::RRef,
    std_types::{RStr, RString},
};

use crate::{
    Error, ErrorKind, Level, Result, Time, Value,
    abi::{RawContext, RawContext_TO, RawHost, RawResult, RawValue, RefContext, guard},
};

/// What a device asks of a member of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// `cx.get`.
    Get,
    /// `cx.set`, with the target.
    Set(Value),
    /// `cx.call`, with the argument.
    Call(Value),
}

type Member = Box<dyn FnMut(Request) -> Result<Value> + Send>;

/// The lab's clock, which stands still until it is advanced.
pub(super) struct Clock {
    nanoseconds: AtomicU64,
}

impl Clock {
    /// A clock that shows some day in 2025, so that no test depends on today's.
    pub(super) fn new() -> Arc<Clock> {
        let nanoseconds = AtomicU64::new(1_750_000_000_000_000_000);
        Arc::new(Clock { nanoseconds })
    }

    pub(super) fn now(&self) -> Time {
        Time::from_nanoseconds(self.nanoseconds.load(Ordering::SeqCst))
    }

    pub(super) fn advance(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::SeqCst);
    }
}

/// What surrounds one device.
pub(super) struct World {
    name: String,
    pub(super) clock: Arc<Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) sent: Vec<(String, Value)>,
    pub(super) published: Vec<(String, Value, Time)>,
    pub(super) logged: Vec<(Level, String)>,
    pub(super) progress: Option<f64>,
    pub(super) cancel_next_after: Option<Duration>,
    pub(super) members: HashMap<String, Member>,
}

impl World {
    pub(super) fn new(name: &str, clock: Arc<Clock>) -> Arc<World> {
        Arc::new(World {
            name: name.to_owned(),
            clock,
            state: Mutex::default(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, parameter: &str, value: RawValue, time: u64) {
        let time = match time {
            0 => self.clock.now(),
            time => Time::from_nanoseconds(time),
        };
        if let Ok(value) = value.try_into() {
            self.state().published.push((parameter.to_owned(), value, time));
        }
    }

    fn ask(&self, path: &str, request: Request) -> RawResult {
        guard::entry("a member", || {
            // Taken out meanwhile, so that a member may use the bench.
            let mut answer = self.state().members.remove(path).ok_or_else(|| {
                Error::new(
                    ErrorKind::NoSuchParameter,
                    format!("the bench has no member `{path}`; give it one with `member`"),
                )
            })?;
            let value = answer(request);
            self.state().members.insert(path.to_owned(), answer);
            Ok(value?.into())
        })
    }
}

/// One call.
pub(super) struct BenchCall<'w> {
    world: &'w World,
    /// When it is cancelled.
    cancelled_at: Option<Time>,
}

impl<'w> BenchCall<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        let after = world.state().cancel_next_after.take();
        BenchCall {
            world,
            cancelled_at: after.map(|after| world.clock.now() + after),
        }
    }

    pub(super) fn as_raw(&self) -> RefContext<'_> {
        RawContext_TO::from_ptr(RRef::new(self), TD_Opaque)
    }
}

impl RawContext for BenchCall<'_> {
    fn cancelled(&self) -> bool {
        self.cancelled_at.is_some_and(|at| self.world.clock.now() >= at)
    }

    fn progress(&self, done: f64) {
        self.world.state().progress = Some(done);
    }

    fn now(&self) -> u64 {
        self.world.clock.now().as_nanoseconds()
    }

    fn sleep(&self, nanoseconds: u64) -> bool {
        let (clock, duration) = (&self.world.clock, Duration::from_nanos(nanoseconds));
        match self.cancelled_at {
            Some(at) if at <= clock.now() + duration => {
                clock.advance(at.since(clock.now()));
                false
            }
            _ => {
                clock.advance(duration);
                true
            }
        }
    }

    fn remaining(&self) -> u64 {
        u64::MAX
    }

    fn get(&self, path: RStr<'_>) -> RawResult {
        self.world.ask(&path, Request::Get)
    }

    fn set(&self, path: RStr<'_>, value: RawValue) -> RawResult {
        match value.try_into() {
            Ok(value) => self.world.ask(&path, Request::Set(value)),
            Err(error) => RawResult::RErr(Error::into(error)),
        }
    }

    fn call(&self, path: RStr<'_>, argument: RawValue) -> RawResult {
        match argument.try_into() {
            Ok(argument) => self.world.ask(&path, Request::Call(argument)),
            Err(error) => RawResult::RErr(Error::into(error)),
        }
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64) {
        self.world.publish(&parameter, value, time);
    }
}

/// The host for life.
#[derive(Clone)]
pub(super) struct BenchHost {
    pub(super) world: Arc<World>,
}

impl RawHost for BenchHost {
    fn name(&self) -> RString {
        self.world.name.as_str().into()
    }

    fn send(&self, message: RStr<'_>, payload: RawValue) {
        if let Ok(payload) = payload.try_into() {
            self.world.state().sent.push((message.into(), payload));
        }
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64) {
        self.world.publish(&parameter, value, time);
    }

    fn log(&self, level: u32, text: RStr<'_>) {
        let level = match level {
            1 => Level::Error,
            2 => Level::Warn,
            3 => Level::Info,
            4 => Level::Debug,
            _ => Level::Trace,
        };
        self.world.state().logged.push((level, text.into()));
    }

    fn now(&self) -> u64 {
        self.world.clock.now().as_nanoseconds()
    }
}
