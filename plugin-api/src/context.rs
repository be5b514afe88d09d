//! What a driver gets from the host: a [`Host`] for life, a [`Context`] for each call.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use abi_stable::std_types::RResult;

use crate::{
    DeviceRef, Error, ParameterRef, Result, Value,
    abi::{BoxHost, RawResult, RawValue, RefContext},
    datum::Datum,
};

/// A moment on the lab's clock, which is virtual in tests: a driver asks it instead of the system's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Nanoseconds since the Unix epoch.
    nanoseconds: u64,
}

impl Time {
    /// The moment so many nanoseconds after the Unix epoch.
    pub const fn from_nanoseconds(nanoseconds: u64) -> Self {
        Time { nanoseconds }
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanoseconds(self) -> u64 {
        self.nanoseconds
    }

    /// Seconds since the Unix epoch, as SECoP has it.
    pub fn as_seconds(self) -> f64 {
        self.nanoseconds as f64 / 1e9
    }

    /// Time since `earlier`; zero if that is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.nanoseconds.saturating_sub(earlier.nanoseconds))
    }

    /// As the system's time.
    pub fn to_system_time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.nanoseconds)
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Time {
            nanoseconds: self.nanoseconds.saturating_add(nanoseconds),
        }
    }
}

/// How urgent a line in the host's log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
#[allow(missing_docs, reason = "the usual levels")]
pub enum Level {
    Error = 1,
    Warn = 2,
    Info = 3,
    Debug = 4,
    Trace = 5,
}

/// Which way bytes went over a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Direction {
    /// To the instrument.
    Sent = 1,
    /// From the instrument.
    Received = 2,
}

impl Direction {
    /// The direction of that number.
    pub fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Direction::Sent),
            2 => Some(Direction::Received),
            _ => None,
        }
    }

    /// `->` or `<-`, as in a listing.
    pub fn arrow(self) -> &'static str {
        match self {
            Direction::Sent => "->",
            Direction::Received => "<-",
        }
    }
}

/// The host, as a device sees it for life. Cheap to clone, and works from any thread, also in the middle of a call.
///
/// It reaches no other devices; only a [`Context`] does, which knows for whom and how long.
#[derive(Clone)]
pub struct Host {
    raw: BoxHost,
}

impl Host {
    #[doc(hidden)]
    pub fn from_raw(raw: BoxHost) -> Self {
        Host { raw }
    }

    /// Name of the device, or controller, in the lab.
    pub fn name(&self) -> String {
        self.raw.name().into()
    }

    /// Sends a message of this device to whoever listens. Never waits; a message that the table does not declare, or a
    /// flood of them, is dropped, and the log says so once.
    pub fn send(&self, message: &str, payload: impl Into<Value>) {
        self.raw.send(message.into(), payload.into().into());
    }

    /// Publishes a reading of one of this device's parameters, as if it had just been polled. Never waits.
    pub fn publish(&self, parameter: &str, value: impl Into<Value>) {
        self.raw.publish(parameter.into(), value.into().into(), 0);
    }

    /// Publishes a reading that was true at `time`.
    pub fn publish_at(&self, parameter: &str, value: impl Into<Value>, time: Time) {
        self.raw
            .publish(parameter.into(), value.into().into(), time.as_nanoseconds());
    }

    /// Writes a line to the host's log, which names the device by itself.
    pub fn log(&self, level: Level, text: impl AsRef<str>) {
        self.raw.log(level as u32, text.as_ref().into());
    }

    /// Tells of bytes that went over the device's line, as they were sent or came in, whole or in pieces. They are shown
    /// by `baton instrument try` and in the host's log at [`Level::Trace`]; where nobody looks, this costs next to nothing.
    pub fn traffic(&self, direction: Direction, bytes: &[u8]) {
        self.raw.traffic(direction as u32, bytes.into());
    }

    /// The time on the lab's clock.
    pub fn now(&self) -> Time {
        Time::from_nanoseconds(self.raw.now())
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Host({})", self.name())
    }
}

/// The host, as one call sees it: whether it was cancelled, how long it may take, and the devices it may ask.
pub struct Context<'a> {
    raw: RefContext<'a>,
}

impl<'a> Context<'a> {
    #[doc(hidden)]
    pub fn from_raw(raw: RefContext<'a>) -> Self {
        Context { raw }
    }

    /// Whether the call was cancelled or its device stopped. A long body asks now and then, or sleeps by
    /// [`sleep`](Self::sleep).
    pub fn cancelled(&self) -> bool {
        self.raw.cancelled()
    }

    /// Sleeps on the lab's clock.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) as soon as the call is cancelled, so that `?` ends the body.
    pub fn sleep(&self, duration: Duration) -> Result<()> {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        if self.raw.sleep(nanoseconds) {
            Ok(())
        } else {
            Err(Error::cancelled())
        }
    }

    /// Tells how much of the call is done, from 0 to 1.
    pub fn progress(&self, done: f64) {
        self.raw.progress(done.clamp(0.0, 1.0));
    }

    /// The time on the lab's clock.
    pub fn now(&self) -> Time {
        Time::from_nanoseconds(self.raw.now())
    }

    /// Time until the call is overdue; `None` if it never is.
    pub fn remaining(&self) -> Option<Duration> {
        match self.raw.remaining() {
            u64::MAX => None,
            nanoseconds => Some(Duration::from_nanos(nanoseconds)),
        }
    }

    /// Publishes a reading of one of this device's own parameters in the middle of the call.
    pub fn publish(&self, parameter: &str, value: impl Into<Value>) {
        self.raw.publish(parameter.into(), value.into().into(), 0);
    }

    /// Reads a parameter of a member afresh.
    ///
    /// # Errors
    /// What the member's driver returns; `Impossible` if the member, by way of other devices, is waiting for this call.
    pub fn get<T: Datum>(&self, parameter: &ParameterRef) -> Result<T> {
        T::from_value(received(self.raw.get(parameter.as_str().into()))?)
    }

    /// Writes a parameter of a member and waits until it has arrived; returns the readback.
    ///
    /// # Errors
    /// As [`get`](Self::get), and if the value is refused or not reached.
    pub fn set(&self, parameter: &ParameterRef, value: impl Into<Value>) -> Result<Value> {
        received(self.raw.set(parameter.as_str().into(), value.into().into()))
    }

    /// Runs a command of a member and waits until it is done; returns its result.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn call(&self, device: &DeviceRef, command: &str, argument: impl Into<Value>) -> Result<Value> {
        let path = format!("{device}.{command}");
        received(self.raw.call(path.as_str().into(), argument.into().into()))
    }
}

fn received(outcome: RawResult<RawValue>) -> Result<Value> {
    match outcome {
        RResult::ROk(value) => value.try_into(),
        RResult::RErr(error) => Err(error.into()),
    }
}
