//! The main thread: one order after the other.

use std::{
    collections::HashMap,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::Arc,
};

use abi_stable::{sabi_trait::TD_Opaque, sabi_types::RRef, std_types::ROption};
use baton_plugin_api::{
    Error, ErrorKind,
    abi::{BoxController, BoxDevice, RawContext_TO, RawResult, RawValue, RefContext},
};

use super::{context::CallContext, host::ChildHost, stops::Stops, uplink::Uplink};
use crate::{
    plugin::{CopyPaths, Entries},
    process::message::{Entry, Load, Moment, Opening, Outcome, Said, What, WireError, WireValue, carried},
};

/// What is open.
pub(super) struct Work {
    uplink: Arc<Uplink>,
    /// Or why the library cannot be used.
    entries: Result<Entries, String>,
    stops: Arc<Stops>,
    controller: Option<BoxController>,
    devices: HashMap<u32, BoxDevice>,
    /// The library itself, where it has no other name than the descriptor's.
    _library: Option<OwnedFd>,
}

/// How an order ended, with what holds the elements of an array.
type Ended = (Result<Outcome, WireError>, RawValue);

impl Work {
    /// Loads the library.
    ///
    /// # Errors
    /// If the system gives no thread. A library that cannot be used is told of when something is to be opened.
    pub(super) fn new(uplink: Arc<Uplink>, load: &Load, library: Option<OwnedFd>) -> Result<Self, String> {
        let stops = Arc::new(Stops::default());
        // First, so that the host's end is noticed whatever the library does when it is loaded.
        let no_thread = |error| format!("the system gave no thread: {error}");
        stops.start(&uplink).map_err(no_thread)?;
        let path = match &library {
            Some(library) => format!("/proc/self/fd/{}", library.as_raw_fd()),
            None => load.copy.clone(),
        };
        let copy = CopyPaths {
            path: path.into(),
            first: load.first.iter().map(Into::into).collect(),
        };
        Ok(Work {
            entries: Entries::attach(&copy, Path::new(&load.file), &load.plugin_api),
            uplink,
            stops,
            controller: None,
            devices: HashMap::new(),
            _library: library,
        })
    }

    /// Works until it is told to end.
    pub(super) fn run(mut self) {
        while let Some((what, at, bulk)) = self.uplink.order() {
            let (outcome, value) = self.obey(what, at, bulk);
            // The elements of an array go out from where the driver has them.
            let bulk = match &outcome {
                Ok(Outcome::Value(WireValue::Array(..))) => WireValue::of(&value).map_or(&[][..], |(_, bulk)| bulk),
                _ => &[],
            };
            self.uplink.report(Said::Done(outcome), bulk);
        }
    }

    fn obey(&mut self, what: What, at: Moment, bulk: Vec<u8>) -> Ended {
        let plain = |outcome: Result<Outcome, Error>| (outcome.map_err(WireError::from), RawValue::UNIT);
        match what {
            What::OpenController(opening) => plain(self.open_controller(&opening)),
            What::OpenDevice(opening) => plain(self.open_device(&opening)),
            What::Enter { device, entry } => self.enter(device, entry, at, bulk),
            What::CloseController => plain(match self.controller.take() {
                Some(mut controller) => nothing(controller.close()),
                None => Ok(Outcome::Value(WireValue::Unit)),
            }),
            What::Load(_) | What::End | What::Answer(_) | What::Slept(_) | What::Told => {
                plain(Err(internal("this is no order")))
            }
        }
    }

    fn entries(&self) -> Result<Entries, Error> {
        let refused = |reason: &String| {
            let message = format!("the driver cannot be loaded in a process of its own: {reason}");
            Error::new(ErrorKind::Impossible, message)
        };
        self.entries.as_ref().copied().map_err(refused)
    }

    fn open_controller(&mut self, opening: &Opening) -> Result<Outcome, Error> {
        let host = ChildHost::boxed(&self.uplink, opening.handle, &opening.name);
        let controller = self.entries()?.open_controller(&opening.kind, &opening.options, host)?;
        self.controller = Some(controller);
        Ok(Outcome::Opened { stopper: false })
    }

    fn open_device(&mut self, opening: &Opening) -> Result<Outcome, Error> {
        let host = ChildHost::boxed(&self.uplink, opening.handle, &opening.name);
        let device = match &mut self.controller {
            Some(controller) => {
                let (kind, options) = (opening.kind.as_str().into(), opening.options.as_str().into());
                result(controller.open_device(kind, options, host))?
            }
            None => self.entries()?.open_device(&opening.kind, &opening.options, host)?,
        };
        let stopper = device.stopper();
        self.devices.insert(opening.handle, device);
        let has_stopper = stopper.is_some();
        if let ROption::RSome(stopper) = stopper {
            self.stops.add(opening.handle, stopper);
        }
        Ok(Outcome::Opened { stopper: has_stopper })
    }

    fn enter(&mut self, handle: u32, entry: Entry, at: Moment, bulk: Vec<u8>) -> Ended {
        if matches!(entry, Entry::Close) {
            self.stops.remove(handle);
            let closed = self
                .devices
                .remove(&handle)
                .map_or(Ok(Outcome::Value(WireValue::Unit)), |mut device| {
                    nothing(device.close())
                });
            return (closed.map_err(WireError::from), RawValue::UNIT);
        }
        let Some(device) = self.devices.get_mut(&handle) else {
            return (Err(internal("the device is not open").into()), RawValue::UNIT);
        };
        let context = CallContext::new(&self.uplink, handle, at);
        let cx = RawContext_TO::from_ptr(RRef::new(&context), TD_Opaque);
        match enter(device, entry, bulk, cx) {
            Ok(Answer::Value(raw)) => {
                let (value, _) = carried(&raw);
                let held = raw.into_result().unwrap_or(RawValue::UNIT);
                (value.map(Outcome::Value), held)
            }
            Ok(Answer::Outcome(outcome)) => (outcome.map_err(WireError::from), RawValue::UNIT),
            Err(error) => (Err(error.into()), RawValue::UNIT),
        }
    }
}

/// What an entry returned.
enum Answer {
    Value(RawResult),
    Outcome(Result<Outcome, Error>),
}

fn enter(device: &mut BoxDevice, entry: Entry, bulk: Vec<u8>, cx: RefContext<'_>) -> Result<Answer, Error> {
    Ok(match entry {
        Entry::Read(parameter) => Answer::Value(device.read(parameter, cx)),
        Entry::Write(parameter, value) => Answer::Outcome(nothing(device.write(parameter, value.raw(bulk)?, cx))),
        Entry::Run(command, argument) => Answer::Value(device.run(command, argument.raw(bulk)?, cx)),
        Entry::Status => Answer::Value(device.status(cx)),
        Entry::Stop => Answer::Outcome(nothing(device.stop(cx))),
        Entry::Estimate(parameter, value) => {
            let estimate = device.estimate(parameter, value.raw(bulk)?, cx);
            Answer::Outcome(result(estimate).map(Outcome::Nanoseconds))
        }
        Entry::Listen => Answer::Outcome(nothing(device.listen(cx))),
        Entry::Close => Answer::Outcome(nothing(device.close())),
    })
}

fn result<T>(raw: RawResult<T>) -> Result<T, Error> {
    raw.into_result().map_err(Error::from)
}

fn nothing(raw: RawResult<()>) -> Result<Outcome, Error> {
    result(raw).map(|()| Outcome::Value(WireValue::Unit))
}

fn internal(what: &str) -> Error {
    Error::new(ErrorKind::InternalError, what)
}
