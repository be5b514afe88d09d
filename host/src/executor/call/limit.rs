//! How long a call may take, by its caller's word and by that of others (S3, S4).

use std::time::Duration;

use super::CallCore;
use crate::{
    clock::Time,
    device::{SetBy, TimeLimit},
    failure::Failure,
};

impl<T> CallCore<T> {
    /// When its caller's time is over.
    pub(crate) fn ends(&self) -> Option<Time> {
        self.limit.map(|limit| self.accepted + limit)
    }

    /// How long it may be inside its driver, or move, from now on: what its caller says goes before what others say. Who
    /// is impatient does not have others give up a driver earlier; what is `long` is stopped then, though (S4).
    pub(crate) fn time_limit(&self, declared: &TimeLimit, long: bool, now: Time) -> TimeLimit {
        let rest = self.ends().map(|ends| ends.since(now));
        match rest.filter(|rest| long || *rest > declared.duration) {
            Some(duration) => TimeLimit {
                duration,
                set_by: SetBy::Request,
            },
            None => declared.clone(),
        }
    }

    /// How it ends when a limit is over that began to count at `since`.
    pub(crate) fn overrun(&self, limit: &TimeLimit, since: Time, now: Time) -> Failure {
        let (limit, set_by, since) = match (self.limit, &limit.set_by) {
            (Some(limit), SetBy::Request) => (limit, SetBy::Request, self.accepted),
            _ => (limit.duration, limit.set_by.clone(), since),
        };
        Failure::Timeout {
            path: self.label.path(),
            call: self.label.verb,
            limit,
            set_by,
            elapsed: now.since(since),
        }
    }

    /// How it ends when its caller's time is over; `None` while that is not so.
    pub(crate) fn out_of_time(&self, now: Time) -> Option<Failure> {
        self.ends().filter(|ends| *ends <= now)?;
        let limit = TimeLimit {
            duration: Duration::ZERO,
            set_by: SetBy::Request,
        };
        Some(self.overrun(&limit, self.accepted, now))
    }
}
