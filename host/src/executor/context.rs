//! What the host offers to drivers: a context for each call, a host for each device. Both are guarded: a panic of ours
//! must not cross either.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RErr, RResult, RSlice, RStr, RString},
};
use baton_plugin_api::{
    Direction, Error, ErrorKind, Value,
    abi::{BoxHost, RawContext, RawHost, RawHost_TO, RawResult, RawValue, guard},
};

use super::{
    Call, CallCore, Executor,
    body::sensible,
    chain::{Chain, Epochs},
    running::Nested,
    submit::Caller,
    tenure::Tenure,
};
use crate::{
    clock::Time,
    config::Execution,
    device::{Device, Granted, RATE, Reading, ReadingError, SetBy, split_path},
    failure::{Failure, Refusal},
    owner::OwnerId,
    traffic::escape,
};

/// A sleeping or waiting call looks this often whether it was cancelled.
const SLICE: Duration = Duration::from_millis(5);
/// One that has waited for long looks less often, so that a thousand of them leave the machine to others.
const LONGEST_SLICE: Duration = Duration::from_millis(40);

/// The context of one entry into a driver.
pub(super) struct CallContext<'a> {
    pub(super) executor: &'a Arc<Executor>,
    pub(super) device: &'a Arc<Device>,
    /// `None` for a poll.
    pub(super) call: Option<&'a Arc<CallCore<Reading>>>,
    pub(super) epoch: u64,
    pub(super) epochs: Option<Epochs>,
    /// When the entry is overdue.
    pub(super) ends: Time,
    /// Whether it is asked to end then (S4).
    pub(super) long: bool,
    pub(super) chain: Option<Arc<Chain>>,
    pub(super) worker: usize,
    pub(super) tenure: &'a Tenure,
}

impl CallContext<'_> {
    fn is_cancelled(&self) -> bool {
        self.tenure.is_over()
            || self.device.current_epoch() != self.epoch
            || self.call.is_some_and(|call| call.is_cancelled())
            || self.long && self.executor.now() >= self.ends
    }

    /// The chain down to here.
    fn link(&self) -> Arc<Chain> {
        Arc::new(Chain {
            worker: self.worker,
            device: Arc::clone(self.device),
            epoch: self.epoch,
            epochs: self.epochs.clone(),
            above: self.chain.clone(),
            holds: match &self.chain {
                Some(chain) => chain.holds,
                None => self
                    .call
                    .is_some_and(|call| matches!(call.label.verb, "write" | "command")),
            },
        })
    }

    /// The member that a path of the options names, and its parameter or command.
    fn member<'p>(&self, path: &'p str) -> Result<(Arc<Device>, &'p str), Refusal> {
        let (name, rest) = split_path(path);
        let device = self.executor.devices().device(name)?;
        let members = &self.device.config().members;
        if !members.iter().any(|member| member.device.eq_ignore_ascii_case(name)) {
            return Err(Refusal::NotAMember {
                path: path.to_owned(),
                device: self.device.name().to_string(),
            });
        }
        let chain = self.link();
        if chain.contains(device.worker().index) {
            let mut names = chain.names();
            names.push(Arc::clone(device.name()));
            return Err(Refusal::Circular {
                path: path.to_owned(),
                chain: names.join(" → "),
            });
        }
        Ok((Arc::clone(device), rest))
    }

    /// The caller of a nested call: the root's owner, and its time less what it needs to end (S3).
    fn caller(&self) -> Caller {
        let owner = self
            .call
            .map_or_else(|| OwnerId::new("poller"), |call| call.owner.clone());
        let rest = self
            .ends
            .since(self.executor.now())
            .saturating_sub(Duration::from_millis(100));
        Caller {
            owner,
            deadline: Some(self.executor.now() + rest),
            limit: None,
            chain: Some(self.link()),
        }
    }

    /// Makes a nested call, which may move the member or only read it, and waits for it.
    fn nested(
        &self,
        path: &str,
        moves: bool,
        submit: impl FnOnce(&Arc<Device>, &str, &Caller) -> Result<Call, Refusal>,
    ) -> Result<RawValue, Error> {
        if self.tenure.is_over() {
            return Err(Error::cancelled());
        }
        let (member, name) = self.member(path).map_err(|refusal| refusal.to_error())?;
        let inbox = &self.device.worker().inbox;
        // Before it is made: whoever stops this device from now on stops the member as well (S1).
        inbox.note_nested(Some(Nested {
            member: Arc::clone(&member),
            moves,
        }));
        let caller = self.caller();
        let outcome = match submit(&member, name, &caller) {
            Ok(call) => self
                .wait(&member, &call, caller.deadline)
                .map_err(|failure| failure.to_error()),
            Err(refusal) => Err(refusal.to_error()),
        };
        inbox.note_nested(None);
        outcome.map(|reading| reading.value.into()).map_err(of_member)
    }

    /// Waits for a nested call, at most until a moment before our own time is over: the driver has that to end by itself.
    fn wait(&self, member: &Device, call: &Call, ends: Option<Time>) -> Result<Reading, Failure> {
        let ends = ends.unwrap_or(self.ends);
        if self.executor.mode() == Execution::Inline {
            self.executor.drive_nested(call, member.worker(), Some(ends));
        }
        let mut slice = SLICE;
        loop {
            let rest = self.executor.clock().until(ends);
            if let Some(outcome) = call.core().wait(Some(slice.min(rest))) {
                return outcome;
            }
            // A stop ends the nested call and wakes us; only other ends of ours have to be looked for.
            slice = (slice * 2).min(LONGEST_SLICE);
            let path = || call.core().label.path();
            if self.is_cancelled() {
                call.cancel();
                return Err(Failure::Cancelled { path: path() });
            }
            let now = self.executor.now();
            if now >= ends {
                call.cancel();
                let elapsed = now.since(call.accepted());
                return Err(Failure::Timeout {
                    path: path(),
                    call: call.core().label.verb,
                    limit: ends.since(call.accepted()),
                    set_by: SetBy::Root,
                    elapsed,
                });
            }
        }
    }

    fn publish(&self, parameter: &str, value: RawValue, time: u64) -> Result<(), Error> {
        if self.tenure.is_over() {
            return Ok(());
        }
        publish(self.executor, self.device, parameter, value, time)
    }
}

/// An error of a member, as the driver that reached for it sees it. A member that is lost, or that panicked, is not a lost
/// line of its own: returned by `?`, that would have the host close and open the wrong device.
fn of_member(error: Error) -> Error {
    match error.kind() {
        ErrorKind::CommunicationFailed | ErrorKind::Panic => {
            Error::new(ErrorKind::Impossible, error.message()).with_detail(error.detail().clone())
        }
        _ => error,
    }
}

/// Records a reading that the driver gives by itself.
fn publish(
    executor: &Executor,
    device: &Arc<Device>,
    parameter: &str,
    value: RawValue,
    time: u64,
) -> Result<(), Error> {
    let parameter = device.parameter(parameter).map_err(|refusal| refusal.to_error())?;
    let now = executor.now();
    let time = if time == 0 { now } else { Time::from_nanoseconds(time) };
    let value = Value::try_from(value).and_then(|value| sensible(parameter.driver_datatype(), value));
    // In the frame that is in force when it is recorded; somebody may just be setting another zero.
    let reading = device.change(|change| {
        let reading = value.map(|value| device.reading(parameter.as_user(value), time));
        let recorded = reading.clone().map_err(|error| ReadingError { error, time });
        if recorded.is_ok() {
            change.tell(parameter.index(), now);
        }
        change.record(parameter.index(), recorded, now, false);
        reading
    });
    reading
        .map(drop)
        .map_err(|error| error.context(parameter.path().to_string()))
}

impl RawContext for CallContext<'_> {
    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }

    fn progress(&self, done: f64) {
        if let Some(call) = self.call {
            guard::contained(|| call.tell_progress(done, self.executor.now()));
        }
    }

    fn now(&self) -> u64 {
        self.executor.now().as_nanoseconds()
    }

    fn sleep(&self, nanoseconds: u64) -> bool {
        let clock = self.executor.clock();
        let end = clock.now() + Duration::from_nanos(nanoseconds);
        if clock.is_virtual() {
            // One that is asked to end at its limit wakes up there.
            clock.reach(if self.long {
                end.min(self.ends.max(clock.now()))
            } else {
                end
            });
            return !self.is_cancelled();
        }
        while !self.is_cancelled() {
            let rest = clock.until(end);
            if rest.is_zero() {
                return true;
            }
            std::thread::sleep(rest.min(SLICE));
        }
        false
    }

    fn remaining(&self) -> u64 {
        u64::try_from(self.ends.since(self.executor.now()).as_nanos()).unwrap_or(u64::MAX)
    }

    fn get(&self, path: RStr<'_>) -> RawResult {
        guard::entry("get", || {
            self.nested(&path, false, |device, name, caller| {
                self.executor.submit_read(device, name, caller)
            })
        })
    }

    fn set(&self, path: RStr<'_>, value: RawValue) -> RawResult {
        guard::entry("set", || {
            if self.is_cancelled() {
                return Err(Error::cancelled());
            }
            let value = value.try_into()?;
            self.nested(&path, true, |device, name, caller| {
                self.executor.submit_write(device, name, value, caller)
            })
        })
    }

    fn call(&self, path: RStr<'_>, argument: RawValue) -> RawResult {
        guard::entry("call", || {
            if self.is_cancelled() {
                return Err(Error::cancelled());
            }
            let argument = argument.try_into()?;
            self.nested(&path, true, |device, name, caller| {
                self.executor.submit_command(device, name, argument, caller)
            })
        })
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64) {
        if let RResult::RErr(error) = guard::entry("publish", || CallContext::publish(self, &parameter, value, time)) {
            let text = format!("published: {}", error.message);
            if self.device.budget().is_news(&text) {
                tracing::warn!(device = %self.device.name(), "{}: {text}", self.device.name());
            }
        }
    }
}

/// The host as a device, or a controller, sees it for life.
#[derive(Clone)]
pub(super) struct DeviceHost {
    name: Arc<str>,
    /// `None` for a controller. Weak: a driver that keeps its host must not keep the lab.
    device: Option<Weak<Device>>,
    executor: Weak<Executor>,
    /// When that is over, the host hears nothing any more (S6).
    tenure: Arc<Tenure>,
}

impl DeviceHost {
    pub(super) fn boxed(
        executor: &Arc<Executor>,
        name: &Arc<str>,
        device: Option<&Arc<Device>>,
        tenure: &Arc<Tenure>,
    ) -> BoxHost {
        let host = DeviceHost {
            name: Arc::clone(name),
            device: device.map(Arc::downgrade),
            executor: Arc::downgrade(executor),
            tenure: Arc::clone(tenure),
        };
        RawHost_TO::from_value(host, TD_Opaque)
    }

    fn reach(&self) -> Option<(Arc<Executor>, Arc<Device>)> {
        if self.tenure.is_over() {
            return None;
        }
        Some((self.executor.upgrade()?, self.device.as_ref()?.upgrade()?))
    }

    fn deliver(&self, message: &str, payload: RawValue) -> Result<(), Error> {
        let Some((executor, device)) = self.reach() else {
            return Ok(());
        };
        let mut messages = device.config().table.messages.iter().enumerate();
        let declared = messages.find(|(_, declared)| declared.name == message);
        let (index, declared) =
            declared.ok_or_else(|| Error::new(ErrorKind::InternalError, "its table does not declare it"))?;
        let topic = device.topics().messages[index].as_ref();
        let topic =
            topic.ok_or_else(|| Error::new(ErrorKind::InternalError, "the host sends one of that name itself"))?;
        let now = executor.now();
        match device.budget().take(now) {
            Granted::Yes => {}
            granted => {
                topic.skip();
                if granted == Granted::NoAndTell {
                    self.tell_of_flood(&device, message, now);
                }
                return Ok(());
            }
        }
        let payload = Value::try_from(payload)?.conform(&declared.payload);
        let payload = payload.map_err(|why| Error::new(ErrorKind::WrongType, why))?;
        device.change(|change| change.message(index, payload, now));
        Ok(())
    }

    /// What its driver has done wrong; once, however often it does.
    fn tell_once(&self, text: &str) {
        if self.reach().is_some_and(|(_, device)| device.budget().is_news(text)) {
            tracing::warn!(device = %self.name, "{}: {text}", self.name);
        }
    }

    /// Once for each flood: the driver's author reads the log, everybody else the message.
    fn tell_of_flood(&self, device: &Device, message: &str, now: Time) {
        let name = &self.name;
        tracing::warn!(
            device = %name,
            "{name}: its driver sends more than {RATE} messages a second, at last `{message}`; what is more is lost"
        );
        device.change(|change| change.flooded(message, RATE, now));
    }
}

impl RawHost for DeviceHost {
    fn name(&self) -> RString {
        RString::from(&*self.name)
    }

    fn send(&self, message: RStr<'_>, payload: RawValue) {
        if let RErr(error) = guard::entry("send", || self.deliver(&message, payload)) {
            self.tell_once(&format!("message `{message}` dropped: {}", error.message));
        }
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64) {
        let outcome = guard::entry("publish", || match self.reach() {
            Some((executor, device)) => publish(&executor, &device, &parameter, value, time),
            None => Ok(()),
        });
        if let RErr(error) = outcome {
            self.tell_once(&format!("published: {}", error.message));
        }
    }

    fn log(&self, level: u32, text: RStr<'_>) {
        if self.tenure.is_over() {
            return;
        }
        let name = &self.name;
        guard::contained(|| match level {
            0 | 1 => tracing::error!(device = %name, "{name}: {text}"),
            2 => tracing::warn!(device = %name, "{name}: {text}"),
            3 => tracing::info!(device = %name, "{name}: {text}"),
            4 => tracing::debug!(device = %name, "{name}: {text}"),
            _ => tracing::trace!(device = %name, "{name}: {text}"),
        });
    }

    fn now(&self) -> u64 {
        self.executor
            .upgrade()
            .map_or(0, |executor| executor.now().as_nanoseconds())
    }

    fn traffic(&self, direction: u32, bytes: RSlice<'_, u8>) {
        if !tracing::enabled!(tracing::Level::TRACE) || self.tenure.is_over() {
            return;
        }
        let name = &self.name;
        guard::contained(|| {
            let arrow = Direction::from_number(direction).map_or("?", Direction::arrow);
            tracing::trace!(device = %name, "{name}: {arrow} {}", escape(&bytes));
        });
    }
}
