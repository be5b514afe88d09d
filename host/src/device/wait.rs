//! Waits: somebody is told, through a call, when a reading is what they wait for.
//!
//! A device shows every reading to those who wait for it, also one that says nothing new and is sent to no subscriber:
//! that something is *still* so takes a reading as well. What can be weighed with arithmetic alone is weighed there and
//! then, under the device's mutex; a function of the user's gets its readings later, elsewhere.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use baton_plugin_api::{Error, Status, StatusCode, Time, Value};

use super::{Device, LastReading, Reading, ReadingError};
use crate::{
    condition::{Condition, Predicate, Test, Wanted},
    executor::CallCore,
    failure::{Failure, Refusal, panic_text},
};

/// The most readings that wait for a slow predicate; beyond that, the oldest are not shown to it.
const UNJUDGED_MAX: usize = 10_000;

/// One who waits.
pub(crate) struct Wait {
    /// Owns this, by its canceller: when nobody has the call any more, nobody waits.
    call: OnceLock<Weak<CallCore<Reading>>>,
    device: Weak<Device>,
    /// The parameter; `None` for the status.
    what: Option<usize>,
    test: Test,
    predicate: Option<Mutex<Predicate>>,
    /// What is waited for, in words.
    wanted: String,
    hold: Duration,
    timeout: Option<Duration>,
    fails_on_error: bool,
    started: Time,
    /// Readings from before count as well: there is none to come that would be fresher.
    takes_old: bool,
    seen: Mutex<Seen>,
    /// Whether the device has been told that nobody waits here any more.
    released: AtomicBool,
}

/// What it has seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Since when it has been as wanted.
    pub(crate) held_since: Option<Time>,
    /// The last reading that counted.
    pub(crate) last: Option<LastReading>,
    ended: bool,
    /// For the predicate.
    unjudged: VecDeque<Reading>,
}

/// How a wait ends.
pub(crate) type Outcome = Result<Reading, Failure>;

/// What a look at a reading came to.
pub(super) enum Sight {
    /// It goes on.
    Nothing,
    /// A function of the user's has to be asked.
    Judge,
    /// It is over.
    End(Outcome),
}

impl Wait {
    /// Somebody who waits from `now` on. Only counts once it is [registered](super::Change::await_with).
    ///
    /// # Errors
    /// What the condition is refused with.
    pub(crate) fn new(
        device: &Arc<Device>,
        what: Option<usize>,
        condition: Condition,
        now: Time,
    ) -> Result<Arc<Wait>, Refusal> {
        let parameter = what.map(|index| &device.parameters()[index]);
        let test = match parameter {
            Some(parameter) => condition.test(parameter)?,
            None => match condition.status_wanted(&format!("{}.status", device.name()))? {
                Some(code) => Test::Status(code),
                None => Test::When,
            },
        };
        let takes_old = match parameter {
            Some(parameter) => !parameter.description().readable || parameter.description().published,
            None => !device.config().table.status || !device.is_up() || device.is_under_way() || device.is_stuck(),
        };
        let wanted = condition.describe(parameter);
        Ok(Arc::new(Wait {
            call: OnceLock::new(),
            device: Arc::downgrade(device),
            what,
            test,
            predicate: match condition.wanted {
                Wanted::When(predicate) => Some(Mutex::new(predicate)),
                _ => None,
            },
            wanted,
            hold: condition.hold,
            timeout: condition.timeout,
            fails_on_error: condition.fails_on_error,
            started: now,
            takes_old,
            seen: Mutex::new(Seen::default()),
            released: AtomicBool::new(false),
        }))
    }

    /// The call that it ends.
    pub(crate) fn belongs_to(&self, call: &Arc<CallCore<Reading>>) {
        self.call.get_or_init(|| Arc::downgrade(call));
    }

    pub(crate) fn call(&self) -> Option<Arc<CallCore<Reading>>> {
        self.call.get()?.upgrade()
    }

    pub(crate) fn device(&self) -> Option<Arc<Device>> {
        self.device.upgrade()
    }

    /// The parameter; `None` for the status.
    pub(crate) fn what(&self) -> Option<usize> {
        self.what
    }

    /// What it has seen so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        // Nothing of others runs while it is held.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the last reading is from what is wanted, in the parameter's unit.
    pub(crate) fn distance(&self) -> Option<f64> {
        match &self.seen().last {
            Some(Ok(reading)) => self.test.distance(&reading.value),
            _ => None,
        }
    }

    /// Whether it says nothing that it is so for longer: what is published, or not read, holds until something else is
    /// said.
    fn holds_by_itself(&self) -> bool {
        self.what.is_none() || self.takes_old
    }

    /// Whether what was known before it began counts.
    pub(super) fn takes_old(&self) -> bool {
        self.takes_old
    }

    /// Looks at a reading, if it is not from before; what it displaces goes to `displaced`, to be dropped unlocked (M2).
    pub(super) fn see(&self, device: &Device, reading: &LastReading, displaced: &mut Vec<LastReading>) -> Sight {
        let time = match reading {
            Ok(reading) => reading.time,
            Err(error) => error.time,
        };
        match time < self.started && !self.takes_old {
            true => Sight::Nothing,
            false => self.see_old(device, reading, displaced),
        }
    }

    /// Looks at a reading, from before or not.
    pub(super) fn see_old(&self, device: &Device, reading: &LastReading, displaced: &mut Vec<LastReading>) -> Sight {
        let mut seen = self.seen();
        if seen.ended {
            return Sight::Nothing;
        }
        displaced.extend(seen.last.replace(reading.clone()));
        let reading = match reading {
            Ok(reading) => reading,
            Err(ReadingError { error, .. }) => {
                seen.held_since = None;
                return match self.fails_on_error {
                    true => self.end(&mut seen, Err(self.driver(device, error.clone()))),
                    false => Sight::Nothing,
                };
            }
        };
        if self.predicate.is_some() {
            if seen.unjudged.len() >= UNJUDGED_MAX {
                displaced.extend(seen.unjudged.pop_front().map(Ok));
            }
            seen.unjudged.push_back(reading.clone());
            return Sight::Judge;
        }
        let met = match self.what {
            Some(index) => self.test.is_met(&device.parameters()[index], &reading.value),
            None => false,
        };
        self.weigh(&mut seen, met, reading)
    }

    /// Looks at a status.
    pub(super) fn see_status(&self, device: &Device, status: &Status, now: Time) -> Sight {
        let mut seen = self.seen();
        if seen.ended {
            return Sight::Nothing;
        }
        let value = Value::Json(serde_json::json!([status.code.number(), status.text]));
        let reading = Reading::good(value, now);
        seen.last = Some(Ok(reading.clone()));
        let wanted = match self.test {
            Test::Status(code) => code,
            _ => {
                seen.unjudged.push_back(reading);
                return Sight::Judge;
            }
        };
        if self.fails_on_error && status.is_error() && wanted != StatusCode::Error {
            let failure = self.driver(device, Error::hardware(status.text.clone()));
            return self.end(&mut seen, Err(failure));
        }
        self.weigh(&mut seen, status.code == wanted, &reading)
    }

    fn weigh(&self, seen: &mut Seen, met: bool, reading: &Reading) -> Sight {
        if !met {
            seen.held_since = None;
            return Sight::Nothing;
        }
        let since = *seen.held_since.get_or_insert(reading.time);
        match reading.time.since(since) >= self.hold {
            true => self.end(seen, Ok(reading.clone())),
            false => Sight::Nothing,
        }
    }

    fn end(&self, seen: &mut Seen, outcome: Outcome) -> Sight {
        seen.ended = true;
        Sight::End(outcome)
    }

    /// Asks the user's function about the readings that it has not seen; `None` if it goes on.
    pub(crate) fn judge(&self) -> Option<Outcome> {
        let predicate = self.predicate.as_ref()?;
        let mut predicate = predicate.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let reading = {
                let mut seen = self.seen();
                if seen.ended {
                    return None;
                }
                seen.unjudged.pop_front()?
            };
            let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| predicate(&reading.value)));
            let mut seen = self.seen();
            if seen.ended {
                return None;
            }
            let sight = match asked {
                Ok(met) => self.weigh(&mut seen, met, &reading),
                Err(payload) => {
                    let what = format!("the condition on {}", self.path());
                    let message = panic_text(&*payload);
                    self.end(&mut seen, Err(Failure::Panicked { what, message }))
                }
            };
            if let Sight::End(outcome) = sight {
                return Some(outcome);
            }
        }
    }

    /// When time alone may end it.
    pub(crate) fn due(&self) -> Option<Time> {
        let seen = self.seen();
        if seen.ended {
            return None;
        }
        let timeout = self.timeout.map(|timeout| self.started + timeout);
        let held = seen.held_since.filter(|_| self.holds_by_itself());
        timeout.into_iter().chain(held.map(|since| since + self.hold)).min()
    }

    /// Ends it if its time is over.
    pub(crate) fn look(&self, now: Time) -> Option<Outcome> {
        let mut seen = self.seen();
        if seen.ended {
            return None;
        }
        if let (Some(since), Some(Ok(last))) = (seen.held_since, &seen.last)
            && self.holds_by_itself()
            && now.since(since) >= self.hold
        {
            let last = last.clone();
            seen.ended = true;
            return Some(Ok(last));
        }
        let limit = self.timeout.filter(|timeout| now >= self.started + *timeout)?;
        seen.ended = true;
        Some(Err(Failure::NotReached {
            path: self.path(),
            wanted: self.wanted.clone(),
            last: self.show_last(seen.last.as_ref()),
            limit,
        }))
    }

    /// Ends it from outside; `false` if it has ended before.
    pub(crate) fn end_now(&self) -> bool {
        !std::mem::replace(&mut self.seen().ended, true)
    }

    /// Whether the device is not to be polled for this any more; `true` the first time.
    pub(crate) fn release(&self) -> bool {
        !self.released.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn path(&self) -> String {
        let device = self.device.upgrade();
        match (device, self.what) {
            (Some(device), Some(index)) => device.parameters()[index].path().to_string(),
            (Some(device), None) => format!("{}.status", device.name()),
            (None, _) => "the device".to_owned(),
        }
    }

    fn show_last(&self, last: Option<&LastReading>) -> String {
        let device = self.device.upgrade();
        match (last, device) {
            (Some(Ok(reading)), Some(device)) => match self.what {
                Some(index) => shortened(device.parameters()[index].format(&reading.value)),
                None => device.status().0.code.word().to_owned(),
            },
            (Some(Err(error)), _) => format!("not known: {}", error.error.message()),
            _ => "not known, nothing was read meanwhile".to_owned(),
        }
    }

    fn driver(&self, device: &Device, error: Error) -> Failure {
        let path = match self.what {
            Some(index) => device.parameters()[index].path().to_string(),
            None => device.name().to_string(),
        };
        Failure::Driver { path, error }
    }
}

/// What is left of a long array.
fn shortened(text: String) -> String {
    match text.char_indices().nth(100) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
