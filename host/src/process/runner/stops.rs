//! Stops: from the side channel to the stoppers of the devices, past whatever the main thread is inside of (P1).

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::Builder,
};

use baton_plugin_api::{Error, ErrorKind, abi::BoxStopper};

use super::uplink::Uplink;
use crate::process::{
    frame::Reader,
    message::{Aside, Interrupt, WireError},
};

/// The stoppers of the open devices.
#[derive(Default)]
pub(super) struct Stops {
    stoppers: Mutex<HashMap<u32, Arc<BoxStopper>>>,
}

impl Stops {
    /// Starts the reader of the side channel, which lives as long as the process.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn start(self: &Arc<Self>, uplink: &Arc<Uplink>) -> io::Result<()> {
        let (stops, uplink) = (Arc::clone(self), Arc::clone(uplink));
        let read = move || {
            let mut reader = Reader::new();
            loop {
                let Interrupt::Stop { id, device } = uplink.interrupt(&mut reader);
                stops.stop(&uplink, id, device);
            }
        };
        Builder::new().name("baton reader".into()).spawn(read).map(drop)
    }

    pub(super) fn add(&self, device: u32, stopper: BoxStopper) {
        self.stoppers().insert(device, Arc::new(stopper));
    }

    pub(super) fn remove(&self, device: u32) {
        // Dropped outside of the lock: that is the driver's code.
        let stopper = self.stoppers().remove(&device);
        drop(stopper);
    }

    /// Calls a stopper on a thread of its own: it may block, and another device's must not wait for it.
    fn stop(&self, uplink: &Arc<Uplink>, id: u32, device: u32) {
        let stopper = self.stoppers().get(&device).cloned();
        let tell = {
            let uplink = Arc::clone(uplink);
            move |outcome: Result<(), WireError>| uplink.aside(&Aside::Stopped(id, outcome), &[])
        };
        let Some(stopper) = stopper else {
            let error = Error::new(ErrorKind::Disabled, "the device is being closed");
            return tell(Err(error.into()));
        };
        let told = tell.clone();
        let run = move || told(stopper.stop().into_result().map_err(|error| WireError::from(&error)));
        if let Err(error) = Builder::new().name("baton stop".into()).spawn(run) {
            let error = Error::new(ErrorKind::InternalError, format!("the system gave no thread: {error}"));
            tell(Err(error.into()));
        }
    }

    fn stoppers(&self) -> MutexGuard<'_, HashMap<u32, Arc<BoxStopper>>> {
        self.stoppers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
