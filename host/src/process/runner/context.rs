//! The context of a call, as a driver in a child has it: what the host knows is asked of the host.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use abi_stable::std_types::RStr;
use baton_plugin_api::{
    Error, ErrorKind, Time,
    abi::{RawContext, RawResult, RawValue, guard},
};

use super::uplink::{Heard, Uplink};
use crate::process::message::{Aside, Moment, Said, What, WireValue};

/// For so long it is believed that a call was not cancelled, without asking again: a driver may look in a tight loop.
const BELIEVED: Duration = Duration::from_millis(1);

/// See [`RawContext`].
pub(super) struct CallContext<'a> {
    uplink: &'a Uplink,
    /// The device that is inside of it.
    device: u32,
    /// When it is overdue.
    ends: u64,
    cancelled: AtomicBool,
    /// When the host last said that it is not.
    heard: Mutex<Instant>,
}

impl<'a> CallContext<'a> {
    pub(super) fn new(uplink: &'a Uplink, device: u32, at: Moment) -> Self {
        CallContext {
            uplink,
            device,
            ends: at.ends,
            cancelled: AtomicBool::new(at.cancelled),
            heard: Mutex::new(Instant::now()),
        }
    }

    fn ask(&self, what: Said, bulk: &[u8]) -> (What, Vec<u8>) {
        self.note(self.uplink.ask(what, bulk))
    }

    fn note(&self, (what, at, bulk): Heard) -> (What, Vec<u8>) {
        if at.cancelled {
            self.cancelled.store(true, Ordering::Release);
        }
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        (what, bulk)
    }

    /// Makes a nested call.
    fn nested(&self, what: Said, bulk: &[u8]) -> Result<RawValue, Error> {
        match self.ask(what, bulk) {
            (What::Answer(answer), bulk) => answer?.raw(bulk),
            _ => Err(Error::new(ErrorKind::InternalError, "the host gave no answer")),
        }
    }
}

impl RawContext for CallContext<'_> {
    fn cancelled(&self) -> bool {
        if self.cancelled.load(Ordering::Acquire) {
            return true;
        }
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.elapsed() >= BELIEVED
            && let Some(heard) = self.uplink.try_ask(Said::Ask)
        {
            self.note(heard);
        }
        self.cancelled.load(Ordering::Acquire)
    }

    fn progress(&self, done: f64) {
        self.uplink.report(Said::Progress(done), &[]);
    }

    fn now(&self) -> u64 {
        self.uplink.clock().now().as_nanoseconds()
    }

    fn sleep(&self, nanoseconds: u64) -> bool {
        match self.ask(Said::Sleep(nanoseconds), &[]) {
            (What::Slept(whole), _) => whole,
            _ => false,
        }
    }

    fn remaining(&self) -> u64 {
        if self.ends == u64::MAX {
            return u64::MAX;
        }
        let rest = Time::from_nanoseconds(self.ends).since(self.uplink.clock().now());
        u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX)
    }

    fn get(&self, path: RStr<'_>) -> RawResult {
        guard::entry("get", || self.nested(Said::Get(path.to_string()), &[]))
    }

    fn set(&self, path: RStr<'_>, value: RawValue) -> RawResult {
        guard::entry("set", || {
            let (carried, bulk) = WireValue::of(&value)?;
            self.nested(Said::Set(path.to_string(), carried), bulk)
        })
    }

    fn call(&self, path: RStr<'_>, argument: RawValue) -> RawResult {
        guard::entry("call", || {
            let (carried, bulk) = WireValue::of(&argument)?;
            self.nested(Said::Call(path.to_string(), carried), bulk)
        })
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64) {
        guard::contained(|| {
            if let Ok((carried, bulk)) = WireValue::of(&value) {
                let aside = Aside::Publish(self.device, parameter.to_string(), carried, time);
                self.uplink.aside(&aside, bulk);
            }
        });
    }
}
