//! Polls: what keeps the readings of an idle device fresh (D2).

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use baton_plugin_api::{Datatype, Error, ErrorKind, Status, Value};

use super::{Body, Entering, Task, Timer, parse_status};
use crate::{
    clock::Time,
    device::{Reading, ReadingError, Way},
    executor::{
        CallCore,
        waits::{PART_OF_THE_LINE, WAIT_POLL},
    },
};

/// How often the status is asked for where no parameter is polled.
const STATUS_POLL: Duration = Duration::from_secs(1);

impl Body {
    /// Reads everything once after opening, so that whoever subscribes finds it, and starts the polls.
    pub(super) fn poll_everything(&mut self, slot: usize) {
        self.timers
            .retain(|timer| timer.0.slot != slot || matches!(timer.0.task, Task::Open | Task::Tick));
        self.polls.retain(|timer| timer.slot != slot);
        self.instances[slot].silence = Default::default();
        let device = Arc::clone(&self.instances[slot].device);
        device.change(|change| change.forget_told());
        self.poll(Timer {
            due: self.now(),
            count: 0,
            slot,
            task: Task::PollStatus,
        });
        for parameter in device.parameters() {
            if !parameter.description().readable || self.instances[slot].raw.is_none() {
                continue;
            }
            self.poll(Timer {
                due: self.now(),
                count: 0,
                slot,
                task: Task::Poll(parameter.index()),
            });
        }
        self.plan_to_listen(slot);
    }

    /// Everything of a device is polled soon: a command may have changed any of it.
    pub(super) fn poll_soon(&mut self, slot: usize) {
        let now = self.now();
        self.instances[slot].device.change(|change| change.forget_told());
        let mut timers = std::mem::take(&mut self.timers).into_vec();
        for timer in &mut timers {
            if timer.0.slot == slot && matches!(timer.0.task, Task::Poll(_) | Task::PollStatus) {
                timer.0.due = timer.0.due.min(now);
            }
        }
        self.timers = timers.into();
    }

    /// Runs one poll between two calls when it is twice overdue, so that a busy worker does not starve its readings.
    pub(super) fn poll_if_twice_overdue(&mut self) {
        let Some(first) = self.polls.front().copied() else {
            return;
        };
        let late = self.now().since(first.due);
        let interval = self.interval(first.slot, first.task, Duration::ZERO);
        if late >= interval.unwrap_or(STATUS_POLL) {
            self.polls.pop_front();
            self.poll(first);
        }
    }

    /// Somebody waits for a parameter, or (`None`) for the status: it is polled now, whether or not it ever is else.
    pub(super) fn poll_now(&mut self, slot: usize, what: Option<usize>) {
        let task = what.map_or(Task::PollStatus, Task::Poll);
        let is_it = |timer: &Timer| timer.slot == slot && timer.task == task;
        if self.instances[slot].raw.is_none() || !self.is_asked_for(slot, what) || self.polls.iter().any(is_it) {
            // Nobody to ask, or nothing to ask for, or it is being asked already.
            return;
        }
        self.timers.retain(|timer| !is_it(&timer.0));
        let now = self.now();
        self.plan(now, slot, task);
    }

    /// Whether the driver can be asked for it.
    fn is_asked_for(&self, slot: usize, what: Option<usize>) -> bool {
        let device = &self.instances[slot].device;
        match what {
            Some(index) => {
                let description = device.parameters()[index].description();
                description.readable && !description.published
            }
            None => device.config().table.status,
        }
    }

    /// How long until the next poll; the last took so long. `None` if there is none.
    fn interval(&self, slot: usize, task: Task, took: Duration) -> Option<Duration> {
        let device = &self.instances[slot].device;
        let (what, own) = match task {
            Task::Poll(index) => (Some(index), device.parameters()[index].poll()),
            _ => (
                None,
                Some(device.main().and_then(|main| main.poll()).unwrap_or(STATUS_POLL)),
            ),
        };
        let is_waited_for = device.waited(what).load(Ordering::Acquire) > 0;
        if !is_waited_for || !self.is_asked_for(slot, what) {
            return own;
        }
        let soon = WAIT_POLL.max(took.saturating_mul(PART_OF_THE_LINE));
        Some(own.map_or(soon, |own| own.min(soon)))
    }

    /// Polls, and plans the next poll from the end of this one.
    pub(super) fn poll(&mut self, poll: Timer) {
        let slot = poll.slot;
        if self.instances[slot].raw.is_none() {
            // Opening starts the polls again.
            return;
        }
        if poll.task == Task::Listen {
            return self.listen(slot);
        }
        if let Some(until) = self.instances[slot].silence.until().filter(|until| *until > self.now()) {
            // In the order in which they wait: each poll has its turn at finding out whether the device answers again.
            self.plan(until, slot, poll.task);
            return;
        }
        let moving = self.instances[slot]
            .motions
            .iter()
            .any(|motion| motion.way == Way::Motion);
        let watched = match poll.task {
            Task::PollStatus => true,
            Task::Poll(index) => self.instances[slot]
                .device
                .main()
                .is_some_and(|main| main.index() == index),
            _ => false,
        };
        if self.was_told(poll, watched) {
            return;
        }
        let began = self.now();
        if !(moving && watched) {
            match poll.task {
                Task::Poll(index) => {
                    let read = self.read(slot, index, None);
                    self.note_health(slot, watched, read.as_ref().err());
                }
                _ => {
                    // A device that reports none says nothing by it, and is not well again.
                    if let Some(status) = self.status(slot, None) {
                        self.note_health(slot, true, status.as_ref().err());
                    }
                }
            }
        }
        let now = self.now();
        if self.instances[slot].raw.is_some()
            && let Some(interval) = self.interval(slot, poll.task, now.since(began))
        {
            self.plan(now + interval, slot, poll.task);
        }
    }

    /// What the driver has told by itself, with something else that was asked, is not asked for until an interval later.
    fn was_told(&mut self, poll: Timer, watched: bool) -> bool {
        let Task::Poll(index) = poll.task else { return false };
        let device = &self.instances[poll.slot].device;
        let Some(told) = device.change(|change| change.told(index)) else {
            return false;
        };
        match self.interval(poll.slot, poll.task, Duration::ZERO) {
            Some(interval) if told + interval <= self.now() => return false,
            Some(interval) => self.plan(told + interval, poll.slot, poll.task),
            None => {}
        }
        self.note_health(poll.slot, watched, None);
        true
    }

    /// A device that does not answer is left alone for a while; one that does again is asked for everything.
    pub(super) fn note_answer(&mut self, slot: usize, began: Time, error: Option<&Error>) {
        let is_alone = self.instances.len() == 1;
        let silence = &mut self.instances[slot].silence;
        match error.map(Error::kind) {
            Some(ErrorKind::Timeout) => {
                let now = self.executor.now();
                // What it costs counts where others wait meanwhile.
                let cost = if is_alone { Duration::ZERO } else { now.since(began) };
                silence.missed(now, cost);
            }
            // These tell nothing about the instrument.
            Some(ErrorKind::Cancelled | ErrorKind::Panic | ErrorKind::CommunicationFailed) => {}
            _ => {
                if silence.ended() {
                    self.poll_soon(slot);
                }
            }
        }
    }

    /// A device whose status or main parameter cannot be read is in error, and says so once in the log.
    fn note_health(&mut self, slot: usize, vital: bool, error: Option<&Error>) {
        let device = Arc::clone(&self.instances[slot].device);
        if !vital || self.instances[slot].raw.is_none() {
            return;
        }
        let now = self.now();
        let has_status = device.config().table.status;
        match (error, device.failing(error.is_some())) {
            (Some(error), was) => {
                if !was {
                    tracing::warn!(device = %device.name(), "{}: {}", device.name(), error.message());
                }
                device.change(|change| change.driver_status(Status::error(error.message()), now));
            }
            (None, true) => {
                tracing::info!(device = %device.name(), "{} answers again", device.name());
                if !has_status {
                    device.change(|change| change.driver_status(Status::idle(), now));
                }
            }
            (None, false) => {}
        }
    }

    /// Asks the driver for a parameter and records what it says.
    pub(super) fn read(
        &mut self,
        slot: usize,
        index: usize,
        call: Option<(&Arc<CallCore<Reading>>, Entering)>,
    ) -> Result<Reading, Error> {
        let device = Arc::clone(&self.instances[slot].device);
        let parameter = &device.parameters()[index];
        let entered = match call {
            Some((call, entering)) => self.enter(slot, Some(call), entering, |raw, cx| raw.read(index as u32, cx)),
            None => self.enter_alone(slot, parameter.name(), "read", parameter.timeout(), |raw, cx| {
                raw.read(index as u32, cx)
            }),
        };
        let value = entered
            .and_then(Value::try_from)
            .and_then(|value| sensible(parameter.driver_datatype(), value))
            .map(|value| parameter.as_user(value));
        let now = self.now();
        let reading = value.map(|value| device.reading(value, now));
        // When the device was lost, its readings have become errors already.
        if self.instances[slot].raw.is_none() {
            return reading;
        }
        let last = reading.clone().map_err(|error| ReadingError { error, time: now });
        device.change(|change| change.record(index, last, now, false));
        reading
    }

    /// Asks the driver for its status and records it; `None` if it reports none.
    pub(super) fn status(
        &mut self,
        slot: usize,
        call: Option<(&Arc<CallCore<Reading>>, Entering)>,
    ) -> Option<Result<Status, Error>> {
        let device = Arc::clone(&self.instances[slot].device);
        if !device.config().table.status {
            return None;
        }
        let limit = device.main().map_or(STATUS_POLL, |main| main.timeout());
        let entered = match call {
            Some((call, entering)) => self.enter(slot, Some(call), entering, |raw, cx| raw.status(cx)),
            None => self.enter_alone(slot, &"status".into(), "read", limit, |raw, cx| raw.status(cx)),
        };
        let status = entered.and_then(Value::try_from).and_then(parse_status);
        if let Ok(status) = &status {
            let now = self.now();
            device.change(|change| change.driver_status(status.clone(), now));
        }
        Some(status)
    }
}

/// What the driver returned, if it is of the datatype that its table says, and finite (D3).
pub(in crate::executor) fn sensible(datatype: &Datatype, value: Value) -> Result<Value, Error> {
    let value = value.conform(datatype).map_err(|why| {
        Error::new(
            ErrorKind::ReadFailed,
            format!("the driver returned another kind of value than its table says: {why}"),
        )
    })?;
    let finite = match &value {
        Value::Float(x) => x.is_finite(),
        Value::Array(array) if array.element_type().is_float() => array.to_f64().iter().all(|x| x.is_finite()),
        _ => true,
    };
    match finite {
        true => Ok(value),
        false => Err(Error::new(
            ErrorKind::OutOfRange,
            "the driver returned a number that is not finite",
        )),
    }
}
