//! A change of a device, and how subscribers are told.

mod join;
mod settings;
mod told;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use baton_plugin_api::{Error, ErrorKind, Status, StatusCode, Time, Value};
use serde_json::json;

use super::{
    Device, LastReading, Quality, Reading, ReadingError,
    state::{Connection, State, Way},
    wait::{Outcome, Sight, Wait},
};
use crate::{
    arbiter::LockEvent,
    dispatcher::{Displaced, Payload, Topic},
    executor::CallCore,
    failure::{Failure, Refusal},
};

/// An unchanged reading is sent again after so long (D2).
const RESEND: Duration = Duration::from_secs(10);

/// How a worker ceases to be stuck.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unstuck {
    /// Its driver has returned after all.
    CameBack,
    /// It was left behind, and another body took over.
    LeftBehind,
}

/// A change under way: the device is locked, and what is displaced is collected.
pub(crate) struct Change<'a> {
    pub(super) device: &'a Device,
    pub(super) state: &'a mut State,
    pub(super) displaced: &'a mut Displaced,
    pub(super) aftermath: &'a mut Aftermath,
}

/// What is to be done about waits once the device is not locked any more.
#[derive(Default)]
pub(super) struct Aftermath {
    /// Those that are over.
    pub(super) ended: Vec<(Arc<Wait>, Outcome)>,
    /// Those that a function of the user's decides.
    pub(super) to_judge: Vec<Arc<Wait>>,
    /// Looked at: the last clone of one may be all that is left of it, with a function of the user's in it.
    seen: Vec<Arc<Wait>>,
}

impl Aftermath {
    pub(super) fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.to_judge.is_empty()
    }
}

impl Change<'_> {
    /// Where what it leaves over is collected.
    pub(crate) fn displaced(&mut self) -> &mut Displaced {
        self.displaced
    }

    pub(crate) fn last(&self, parameter: usize) -> Option<&LastReading> {
        self.state.readings[parameter].as_ref()
    }

    /// Whether a write or command may start. With `retarget`, a later write of a parameter takes the place of an earlier
    /// one, but not that of a command.
    ///
    /// # Errors
    /// `Down`; `Busy` if another is on its way and may not be superseded (C5).
    pub(crate) fn may_begin(
        &self,
        way: Way,
        call: &Arc<CallCore<Reading>>,
        retarget: bool,
        now: Time,
    ) -> Result<(), Refusal> {
        self.state.refuse_if_down(&self.device.name, || now)?;
        let same = |earlier: &CallCore<Reading>| {
            earlier.label.verb == call.label.verb && earlier.label.member == call.label.member
        };
        match self.state.ways.iter().find(|(other, _)| *other == way) {
            Some((_, earlier)) if !(retarget && same(earlier)) => Err(Refusal::Busy {
                path: self.device.name.to_string(),
                call: earlier.label.to_string(),
                owner: earlier.owner.to_string(),
                age: call.accepted.since(earlier.accepted),
            }),
            _ => Ok(()),
        }
    }

    /// Whether the device is in one of the states in which `path` is allowed; none at all stand for any (D6). Of a device
    /// that is being opened nobody knows: it is asked before the driver is entered.
    ///
    /// # Errors
    /// `NotAllowed`.
    pub(crate) fn allows(&self, path: &str, allowed: &[StatusCode]) -> Result<(), Refusal> {
        match self.state.connection {
            Connection::Up { .. } => self.device.allows(path, allowed, &self.state.shown()),
            _ => Ok(()),
        }
    }

    /// Starts a write or command that [may begin](Self::may_begin), and gives back the call that it supersedes.
    pub(crate) fn begin(&mut self, way: Way, call: &Arc<CallCore<Reading>>) -> Option<Arc<CallCore<Reading>>> {
        let found = self.state.ways.iter().position(|(other, _)| *other == way);
        let superseded = found.map(|at| self.state.ways.swap_remove(at).1);
        self.state.ways.push((way, Arc::clone(call)));
        superseded
    }

    /// What a call keeps busy; `None` if it is not on its way.
    pub(crate) fn way_of(&self, call: &Arc<CallCore<Reading>>) -> Option<Way> {
        let found = self.state.ways.iter().find(|(_, other)| Arc::ptr_eq(other, call));
        found.map(|(way, _)| *way)
    }

    /// Ends what `begin` started, if it was not superseded meanwhile.
    pub(crate) fn end(&mut self, call: &Arc<CallCore<Reading>>) -> Option<Way> {
        let found = self.state.ways.iter().position(|(_, other)| Arc::ptr_eq(other, call));
        found.map(|at| self.state.ways.swap_remove(at).0)
    }

    /// Ends a write or command: the final readback first, then the status (W1). Gives the outcome back.
    ///
    /// A failed motion leaves an error, until the next one is accepted; one that was stopped, or never began, leaves the
    /// readback as the target (C3). A call that was superseded changes nothing any more.
    pub(crate) fn settle(
        &mut self,
        call: &Arc<CallCore<Reading>>,
        outcome: Result<Reading, Failure>,
        now: Time,
    ) -> Result<Reading, Failure> {
        let Some(way) = self.end(call) else { return outcome };
        let written = |p: &super::Parameter| call.label.verb == "write" && *p.name() == call.label.member;
        match (&outcome, self.device.parameters.iter().position(written)) {
            (Ok(reading), Some(parameter)) => {
                self.note_written(parameter);
                self.record(parameter, Ok(reading.clone()), now, true);
            }
            (Err(failure), Some(parameter)) => {
                if let Some(Ok(last)) = self.last(parameter).cloned() {
                    // What it missed is still what was asked of it.
                    if !matches!(failure, Failure::Missed { .. }) {
                        self.target(parameter, last.value.clone(), now);
                    }
                    self.record(parameter, Ok(last), now, true);
                }
            }
            (_, None) => {}
        }
        if way == Way::Motion {
            let status = outcome.as_ref().err().map(|failure| match failure {
                Failure::Stopped { .. } | Failure::Cancelled { .. } | Failure::Superseded { .. } => {
                    Status::new(StatusCode::Idle, failure.to_string())
                }
                failure => Status::error(failure.to_string()),
            });
            self.host_status(status, now);
        }
        outcome
    }

    /// Keeps what was written, if it is to be written again (D7).
    fn note_written(&mut self, parameter: usize) {
        let description = &self.device.parameters[parameter];
        if !description.restores() {
            return;
        }
        let target = self.state.targets[parameter].as_ref();
        // What somebody has ruled out meanwhile is not what they want to find again.
        let written = target.and_then(|target| description.for_driver(&target.value).ok());
        let before = std::mem::replace(&mut self.state.written[parameter], written);
        self.displaced.payloads.extend(before.map(Payload::Value));
    }

    /// The worker has come back, or another body is the worker now. The failure of a motion stays to be seen.
    pub(crate) fn unstick(&mut self, now: Time, inside: &str, since: Time, how: Unstuck) {
        self.status(now, |state| state.stuck = None);
        let topics = self.device.topics();
        let topic = match how {
            Unstuck::CameBack => &topics.came_back,
            Unstuck::LeftBehind => &topics.left_behind,
        };
        self.send(topic, now, || {
            Payload::record(
                json!({ "inside": inside, "since": since.as_seconds(), "elapsed": now.since(since).as_secs_f64() }),
            )
        });
    }

    /// The worker does not come back: all that is on its way ends. Gives the calls, for the caller to resolve.
    pub(crate) fn stick(&mut self, text: &str, inside: &str, since: Time, now: Time) -> Vec<Arc<CallCore<Reading>>> {
        let ended: Vec<_> = std::mem::take(&mut self.state.ways);
        let moved = ended.iter().any(|(way, _)| *way == Way::Motion);
        let failure = moved.then(|| Status::error(format!("the last call was given up, {text}")));
        self.status(now, |state| {
            state.stuck = Some(Status::error(text));
            state.host_status = failure.or(state.host_status.take());
        });
        let topic = &self.device.topics().stuck;
        self.send(topic, now, || {
            Payload::record(json!({ "inside": inside, "since": since.as_seconds() }))
        });
        ended.into_iter().map(|(_, call)| call).collect()
    }

    /// Who has locked it, or parts of it, in one line; empty for nobody. Subscribers are told if it is news.
    pub(crate) fn locked_by(&mut self, owner: &str, now: Time) {
        if self
            .state
            .locked_by
            .as_ref()
            .is_some_and(|(known, _)| **known == *owner)
        {
            return;
        }
        self.state.locked_by = Some((owner.into(), now));
        let device = self.device;
        self.send(&device.topics.locked_by, now, || {
            Payload::Value(Value::Text(owner.to_owned()))
        });
    }

    /// Notes and tells who stops the device.
    pub(crate) fn stopped_by(&mut self, by: &str, now: Time) {
        self.state.stopped_by = by.to_owned();
        let topic = &self.device.topics().stop;
        self.send(topic, now, || Payload::record(json!({ "by": by })));
    }

    /// Sends to whoever subscribed; asks for the payload only if somebody has.
    fn send(&mut self, topic: &Topic, now: Time, payload: impl FnOnce() -> Payload) {
        topic.send(self.displaced, || (payload(), now));
    }

    /// A message that its driver has declared, by its place in the table. A payload that nobody wants is dropped after the
    /// change: it may be all that is left of a driver's buffer (M2).
    pub(crate) fn message(&mut self, declared: usize, payload: Value, now: Time) {
        let Some(topic) = &self.device.topics.messages[declared] else {
            return;
        };
        let mut payload = Some(Payload::Value(payload));
        topic.send(self.displaced, || {
            (payload.take().unwrap_or(Payload::Value(Value::Unit)), now)
        });
        self.displaced.payloads.extend(payload.filter(Payload::may_be_foreign));
    }

    /// Its driver sends more than it may, of this message for one.
    pub(crate) fn flooded(&mut self, message: &str, rate: u64, now: Time) {
        let device = self.device;
        self.send(&device.topics.flooded, now, || {
            Payload::record(json!({ "message": message, "rate": rate }))
        });
    }

    /// Something happened to a lock on it.
    pub(crate) fn lock_event(&mut self, event: &LockEvent) {
        let device = self.device;
        self.send(&device.topics.lock, event.time, || Payload::record(event.to_json()));
    }

    /// Records a reading or the lack of one, and sends it if it is news; `always` sends it in any case.
    pub(crate) fn record(&mut self, parameter: usize, new: LastReading, now: Time, always: bool) {
        let slot = &mut self.state.readings[parameter];
        let news = match (&*slot, &new) {
            (Some(Ok(old)), Ok(new)) => old.value != new.value || old.quality != new.quality,
            (Some(Err(old)), Err(new)) => old.error != new.error,
            _ => true,
        };
        self.displaced.readings.extend(slot.replace(new.clone()));
        self.presume_target(parameter, &new, now);
        self.show_to_waits(Some(parameter), |wait, device, displaced| {
            wait.see(device, &new, &mut displaced.readings)
        });
        let due = self.state.sent[parameter].is_none_or(|sent| now.since(sent) >= RESEND);
        if always || news || due {
            self.state.sent[parameter] = Some(now);
            let topic = &self.device.topics.parameters[parameter].changed;
            let history = &mut self.state.history[parameter];
            if history.is_kept() {
                let sent = topic.publish(Payload::Reading(new), now, self.displaced);
                history.push(sent, self.displaced);
            } else {
                topic.send(self.displaced, || (Payload::Reading(new), now));
            }
        }
    }

    /// Until somebody asks for something, what is asked for is what there is: clients that show a target, or wait for one
    /// before they begin, find it with the first reading.
    fn presume_target(&mut self, parameter: usize, reading: &LastReading, now: Time) {
        if let Ok(reading) = reading
            && self.state.targets[parameter].is_none()
            && self.device.is_target(parameter)
        {
            self.target(parameter, reading.value.clone(), now);
        }
    }

    /// Marks the readings that should have been polled again by now (D2).
    pub(crate) fn mark_stale(&mut self, now: Time) {
        for parameter in 0..self.state.readings.len() {
            let Some(interval) = self.device.parameters[parameter].poll() else {
                continue;
            };
            let Some(Ok(reading)) = &self.state.readings[parameter] else {
                continue;
            };
            if reading.quality != Quality::Stale && now.since(reading.time) > interval.saturating_mul(2) {
                let quality = Quality::Stale;
                let stale = Reading {
                    quality,
                    ..reading.clone()
                };
                self.record(parameter, Ok(stale), now, false);
            }
        }
    }

    /// Sets and sends a target.
    pub(crate) fn target(&mut self, parameter: usize, value: Value, now: Time) {
        let reading = Reading::good(value, now);
        self.displaced
            .readings
            .extend(self.state.targets[parameter].replace(reading.clone()).map(Ok));
        let device = self.device;
        self.send(&device.topics.parameters[parameter].target, now, || {
            Payload::Reading(Ok(reading))
        });
    }

    fn status(&mut self, now: Time, set: impl FnOnce(&mut State)) {
        let before = self.state.shown();
        set(self.state);
        let after = self.state.shown();
        self.show_to_waits(None, |wait, device, _| wait.see_status(device, &after, now));
        if before != after {
            self.state.status_since = now;
            let device = self.device;
            self.send(&device.topics.status, now, || Payload::Status(after));
        }
    }

    /// What the driver says of itself.
    pub(crate) fn driver_status(&mut self, status: Status, now: Time) {
        self.status(now, |state| state.driver_status = status);
    }

    /// Shows a reading or status to those who wait for it.
    fn show_to_waits(&mut self, what: Option<usize>, mut see: impl FnMut(&Wait, &Device, &mut Displaced) -> Sight) {
        let (device, displaced, aftermath) = (self.device, &mut *self.displaced, &mut *self.aftermath);
        self.state.waits.retain(|(awaited, wait)| {
            if *awaited != what {
                return true;
            }
            let Some(wait) = wait.upgrade() else { return false };
            aftermath.seen.push(Arc::clone(&wait));
            match see(&wait, device, displaced) {
                Sight::Nothing => {}
                Sight::Judge => aftermath.to_judge.push(wait),
                Sight::End(outcome) => {
                    aftermath.ended.push((wait, outcome));
                    return false;
                }
            }
            true
        });
    }

    /// From now on nothing is missed by this wait. What is known already counts if it is no older than `max_age`.
    pub(crate) fn await_with(&mut self, wait: &Arc<Wait>, max_age: Duration, now: Time) {
        self.state.waits.push((wait.what(), Arc::downgrade(wait)));
        let sight = match wait.what() {
            Some(parameter) => match self.state.readings[parameter].clone() {
                Some(last) => {
                    let counts = match &last {
                        Ok(reading) => wait.takes_old() || !max_age.is_zero() && now.since(reading.time) <= max_age,
                        // Nothing newer will come for now.
                        Err(_) => wait.takes_old() || !matches!(self.state.connection, Connection::Up { .. }),
                    };
                    let sight = match counts {
                        true => wait.see_old(self.device, &last, &mut self.displaced.readings),
                        false => Sight::Nothing,
                    };
                    self.displaced.readings.push(last);
                    sight
                }
                None => Sight::Nothing,
            },
            None if wait.takes_old() => wait.see_status(self.device, &self.state.shown(), now),
            None => Sight::Nothing,
        };
        match sight {
            Sight::Nothing => {}
            Sight::Judge => self.aftermath.to_judge.push(Arc::clone(wait)),
            Sight::End(outcome) => {
                self.state.waits.pop();
                self.aftermath.ended.push((Arc::clone(wait), outcome));
            }
        }
    }

    /// What the host knows better.
    pub(crate) fn host_status(&mut self, status: Option<Status>, now: Time) {
        self.status(now, |state| state.host_status = status);
    }

    /// Takes back the host's error, if it shows one; `false` if it does not.
    pub(crate) fn clear_error(&mut self, now: Time) -> bool {
        let shows = self.state.host_status.as_ref().is_some_and(Status::is_error);
        if shows {
            self.host_status(None, now);
        }
        shows
    }

    /// The device is open, and will now be asked for the first time; what its driver said before is over.
    pub(crate) fn opened(&mut self, now: Time) {
        self.device.counts.opened.fetch_add(1, Ordering::Relaxed);
        self.driver_status(Status::idle(), now);
    }

    /// The device is open and has answered.
    pub(crate) fn up(&mut self, now: Time) {
        self.state.reopening = false;
        self.status(now, |state| state.connection = Connection::Up { since: now });
        let device = self.device;
        self.send(&device.topics.connected, now, || Payload::Value(Value::Unit));
    }

    /// The device is not there; its readings become errors. `at_once` if it is opened again next of all.
    pub(crate) fn down(&mut self, cause: String, at_once: bool, now: Time) {
        self.state.reopening = at_once;
        let error = Error::new(
            ErrorKind::CommunicationFailed,
            format!("{} is not connected: {cause}", self.device.name),
        );
        let since = match self.state.connection {
            Connection::Down { since, .. } => since,
            _ => now,
        };
        let is_news = !matches!(&self.state.connection, Connection::Down { cause: known, .. } if *known == cause);
        let payload = || disconnected(&cause);
        if is_news {
            let device = self.device;
            self.send(&device.topics.disconnected, now, payload);
        }
        self.status(now, |state| state.connection = Connection::Down { since, cause });
        for parameter in 0..self.state.readings.len() {
            if self.device.parameters[parameter].description().readable {
                let reading = Err(ReadingError {
                    error: error.clone(),
                    time: now,
                });
                self.record(parameter, reading, now, false);
            }
        }
    }
}

fn disconnected(cause: &str) -> Payload {
    Payload::record(json!({ "cause": cause }))
}
