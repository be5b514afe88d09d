//! What the executor holds of a device that lives elsewhere: the same traits, by which it enters any other.

use std::sync::Arc;

use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RNone, ROption, RSome, RStr},
};
use baton_plugin_api::{
    Error,
    abi::{
        BoxController, BoxDevice, BoxHost, BoxStopper, RawController, RawController_TO, RawDevice, RawDevice_TO,
        RawResult, RawStopper, RawStopper_TO, RawValue, RefContext, guard,
    },
};

use super::{
    child::{Asker, Child},
    home::{Home, open_device},
    message::{Entry, Outcome, What, WireValue},
};

/// A device in a child.
pub(super) fn device(child: Arc<Child>, handle: u32, stopper: bool) -> BoxDevice {
    RawDevice_TO::from_value(
        Device {
            child,
            handle,
            stopper,
            is_open: true,
        },
        TD_Opaque,
    )
}

/// A controller in a child.
pub(super) fn controller(child: Arc<Child>, home: Arc<Home>) -> BoxController {
    RawController_TO::from_value(
        Controller {
            child,
            home,
            is_open: true,
        },
        TD_Opaque,
    )
}

/// A child that answers something else than it was asked is not to be trusted with another question.
pub(super) fn nonsense(child: &Child) -> Error {
    child.kill("it answered what it was not asked".to_owned());
    Error::communication(child.finish())
}

struct Device {
    child: Arc<Child>,
    handle: u32,
    stopper: bool,
    is_open: bool,
}

impl Device {
    /// Enters the driver; an entry with a value has it carried beside.
    fn enter(&self, entry: Entry, bulk: &[u8], cx: &RefContext<'_>) -> Result<(Outcome, Vec<u8>), Error> {
        self.child.enter(self.handle, entry, bulk, &Asker::Call(cx))
    }

    fn value(&self, entry: Entry, bulk: &[u8], cx: &RefContext<'_>) -> Result<RawValue, Error> {
        match self.enter(entry, bulk, cx)? {
            (Outcome::Value(value), bulk) => value.raw(bulk),
            _ => Err(nonsense(&self.child)),
        }
    }

    fn nothing(&self, entry: Entry, bulk: &[u8], cx: &RefContext<'_>) -> Result<(), Error> {
        self.enter(entry, bulk, cx).map(drop)
    }
}

impl RawDevice for Device {
    fn read(&mut self, parameter: u32, cx: RefContext<'_>) -> RawResult {
        guard::entry("process", || self.value(Entry::Read(parameter), &[], &cx))
    }

    fn write(&mut self, parameter: u32, value: RawValue, cx: RefContext<'_>) -> RawResult<()> {
        guard::entry("process", || {
            let (carried, bulk) = WireValue::of(&value)?;
            self.nothing(Entry::Write(parameter, carried), bulk, &cx)
        })
    }

    fn run(&mut self, command: u32, argument: RawValue, cx: RefContext<'_>) -> RawResult {
        guard::entry("process", || {
            let (carried, bulk) = WireValue::of(&argument)?;
            self.value(Entry::Run(command, carried), bulk, &cx)
        })
    }

    fn status(&mut self, cx: RefContext<'_>) -> RawResult {
        guard::entry("process", || self.value(Entry::Status, &[], &cx))
    }

    fn stop(&mut self, cx: RefContext<'_>) -> RawResult<()> {
        guard::entry("process", || self.nothing(Entry::Stop, &[], &cx))
    }

    fn estimate(&mut self, parameter: u32, value: RawValue, cx: RefContext<'_>) -> RawResult<u64> {
        guard::entry("process", || {
            let (carried, bulk) = WireValue::of(&value)?;
            match self.enter(Entry::Estimate(parameter, carried), bulk, &cx)? {
                (Outcome::Nanoseconds(nanoseconds), _) => Ok(nanoseconds),
                _ => Err(nonsense(&self.child)),
            }
        })
    }

    fn listen(&mut self, cx: RefContext<'_>) -> RawResult<()> {
        guard::entry("process", || self.nothing(Entry::Listen, &[], &cx))
    }

    fn stopper(&self) -> ROption<BoxStopper> {
        if !self.stopper {
            return RNone;
        }
        let stopper = Stopper {
            child: Arc::clone(&self.child),
            device: self.handle,
        };
        RSome(RawStopper_TO::from_value(stopper, TD_Opaque))
    }

    fn close(&mut self) -> RawResult<()> {
        guard::entry("process", || {
            // What died with its process needs no closing, and why it died has been told.
            if !std::mem::take(&mut self.is_open) || self.child.ended().is_some() {
                return Ok(());
            }
            self.child
                .enter(self.handle, Entry::Close, &[], &Asker::Nobody)
                .map(drop)
        })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

struct Stopper {
    child: Arc<Child>,
    device: u32,
}

impl RawStopper for Stopper {
    fn stop(&self) -> RawResult<()> {
        guard::entry("process", || self.child.stop(self.device))
    }
}

struct Controller {
    child: Arc<Child>,
    home: Arc<Home>,
    is_open: bool,
}

impl RawController for Controller {
    fn open_device(&mut self, kind: RStr<'_>, options: RStr<'_>, host: BoxHost) -> RawResult<BoxDevice> {
        guard::entry("process", || {
            open_device(&self.child, self.home.opening(&kind, &options, &host), host)
        })
    }

    fn close(&mut self) -> RawResult<()> {
        guard::entry("process", || {
            if !std::mem::take(&mut self.is_open) || self.child.ended().is_some() {
                return Ok(());
            }
            self.child.order(What::CloseController, &[], &Asker::Nobody).map(drop)
        })
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
