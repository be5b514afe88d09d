//! The host as a device sees it that stands alone.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use abi_stable::std_types::{RErr, RSlice, RStr, RString};
use baton_plugin_api::{
    Direction, Error, Time,
    abi::{RawContext, RawHost, RawResult, RawValue, guard},
};

use super::Audience;
use crate::clock::Clock;

/// A sleeping call looks this often whether it was cancelled.
const SLICE: Duration = Duration::from_millis(20);

/// The context of one entry.
pub(super) struct SoloContext<'a> {
    pub(super) audience: &'a dyn Audience,
    /// `None` if it may take for ever.
    pub(super) ends: Option<Instant>,
}

impl RawContext for SoloContext<'_> {
    fn cancelled(&self) -> bool {
        self.audience.cancelled()
    }

    fn progress(&self, _: f64) {}

    fn now(&self) -> u64 {
        now()
    }

    fn sleep(&self, nanoseconds: u64) -> bool {
        let end = Instant::now().checked_add(Duration::from_nanos(nanoseconds));
        while !self.cancelled() {
            let left = end.map_or(SLICE, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(SLICE));
        }
        false
    }

    fn remaining(&self) -> u64 {
        self.ends.map_or(u64::MAX, |ends| {
            u64::try_from(ends.saturating_duration_since(Instant::now()).as_nanos()).unwrap_or(u64::MAX)
        })
    }

    fn get(&self, path: RStr<'_>) -> RawResult {
        RErr(alone(&path).into())
    }

    fn set(&self, path: RStr<'_>, _: RawValue) -> RawResult {
        RErr(alone(&path).into())
    }

    fn call(&self, path: RStr<'_>, _: RawValue) -> RawResult {
        RErr(alone(&path).into())
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, _: u64) {
        guard::contained(|| self.audience.said(&parameter, value.try_into()));
    }
}

fn alone(path: &str) -> Error {
    Error::impossible(format!(
        "there is no `{path}`: the device is opened alone, without a lab"
    ))
}

fn now() -> u64 {
    Time::as_nanoseconds(Clock::real().now())
}

/// The host for the device's life.
#[derive(Clone)]
pub(super) struct SoloHost {
    pub(super) name: Arc<str>,
    pub(super) audience: Arc<dyn Audience>,
}

impl RawHost for SoloHost {
    fn name(&self) -> RString {
        RString::from(&*self.name)
    }

    fn send(&self, message: RStr<'_>, payload: RawValue) {
        guard::contained(|| self.audience.said(&message, payload.try_into()));
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, _: u64) {
        guard::contained(|| self.audience.said(&parameter, value.try_into()));
    }

    fn log(&self, level: u32, text: RStr<'_>) {
        guard::contained(|| self.audience.log(level, &text));
    }

    fn now(&self) -> u64 {
        now()
    }

    fn traffic(&self, direction: u32, bytes: RSlice<'_, u8>) {
        if let Some(direction) = Direction::from_number(direction) {
            guard::contained(|| self.audience.traffic(direction, &bytes));
        }
    }
}
