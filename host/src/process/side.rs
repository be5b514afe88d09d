//! The host's end of a side channel: what a driver says outside of calls, and stops.

use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    sync::{Mutex, MutexGuard, PoisonError},
};

use baton_plugin_api::{
    Error,
    abi::{BoxHost, RawError},
};
use rustix::net::RecvFlags;

use super::{
    frame::{Read, Reader},
    message::Aside,
};

/// So many are heard at a time, so that a driver that never stops talking does not keep the others waiting.
const TURN: usize = 1000;

/// What comes over it.
pub(super) struct Side {
    socket: OwnedFd,
    state: Mutex<State>,
    /// The hosts of the devices that were opened in the child, by handle.
    hosts: Mutex<HashMap<u32, BoxHost>>,
}

struct State {
    reader: Reader<Aside>,
    /// How many asides were heard.
    heard: u64,
    is_open: bool,
    /// Stops that somebody waits for, and how they ended.
    stops: HashMap<u32, Option<Result<(), RawError>>>,
}

impl Side {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Side {
            socket,
            state: Mutex::new(State {
                reader: Reader::new(),
                heard: 0,
                is_open: true,
                stops: HashMap::new(),
            }),
            hosts: Mutex::default(),
        }
    }

    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// From now on what is said under this handle goes to this host.
    pub(super) fn add(&self, handle: u32, host: BoxHost) {
        self.hosts().insert(handle, host);
    }

    /// Forgets a host.
    pub(super) fn forget(&self, handle: u32) {
        // Dropped outside of the lock: it may hold the last of something.
        let host = self.hosts().remove(&handle);
        drop(host);
    }

    /// Hears what has come, for one turn. `false` once there can be no more.
    ///
    /// # Errors
    /// If what came is no message.
    pub(super) fn drain(&self) -> Result<bool, Error> {
        let mut state = self.state();
        for _ in 0..TURN {
            if !self.hear(&mut state)? {
                break;
            }
        }
        Ok(state.is_open)
    }

    /// Hears everything that was said up to the `mark`th aside: it was sent before what has just come over the call channel.
    ///
    /// # Errors
    /// If what came is no message.
    pub(super) fn catch_up(&self, mark: u64) -> Result<(), Error> {
        let mut state = self.state();
        while state.heard < mark && self.hear(&mut state)? {}
        Ok(())
    }

    /// Whether everything up to that aside was heard; looks at no lock that is held for long.
    fn hear(&self, state: &mut State) -> Result<bool, Error> {
        if !state.is_open {
            return Ok(false);
        }
        match state.reader.read(&self.socket, RecvFlags::DONTWAIT) {
            Ok(Read::Message(aside, bulk)) => {
                state.heard += 1;
                self.pass_on(state, aside, bulk);
                Ok(true)
            }
            Ok(Read::Nothing) => Ok(false),
            Ok(Read::End) => {
                state.is_open = false;
                Ok(false)
            }
            Err(error) => {
                state.is_open = false;
                Err(error.into())
            }
        }
    }

    fn pass_on(&self, state: &mut State, aside: Aside, bulk: Vec<u8>) {
        match aside {
            Aside::Send(handle, message, payload) => {
                if let (Some(host), Ok(payload)) = (self.host(handle), payload.raw(bulk)) {
                    host.send(message.as_str().into(), payload);
                }
            }
            Aside::Publish(handle, parameter, value, time) => {
                if let (Some(host), Ok(value)) = (self.host(handle), value.raw(bulk)) {
                    host.publish(parameter.as_str().into(), value, time);
                }
            }
            Aside::Log(handle, level, text) => {
                if let Some(host) = self.host(handle) {
                    host.log(level, text.as_str().into());
                }
            }
            Aside::Traffic(handle, direction) => {
                if let Some(host) = self.host(handle) {
                    host.traffic(direction, bulk.as_slice().into());
                }
            }
            Aside::Stopped(id, outcome) => {
                if let Some(stop) = state.stops.get_mut(&id) {
                    *stop = Some(outcome.map_err(RawError::from));
                }
            }
            Aside::Forget(handle) => self.forget(handle),
        }
    }

    /// Somebody is going to wait for this stop.
    pub(super) fn expect_stop(&self, id: u32) {
        self.state().stops.insert(id, None);
    }

    /// How a stop ended, if it has.
    pub(super) fn stopped(&self, id: u32) -> Option<Result<(), RawError>> {
        let mut state = self.state();
        match state.stops.get(&id) {
            Some(Some(_)) => state.stops.remove(&id).flatten(),
            _ => None,
        }
    }

    /// Nobody waits for this stop any more.
    pub(super) fn give_up_stop(&self, id: u32) {
        self.state().stops.remove(&id);
    }

    fn host(&self, handle: u32) -> Option<BoxHost> {
        self.hosts().get(&handle).cloned()
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<u32, BoxHost>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
