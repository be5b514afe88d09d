//! The host, as a driver in a child has it for life.

use std::sync::Arc;

use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RSlice, RStr, RString},
};
use baton_plugin_api::abi::{BoxHost, RawHost, RawHost_TO, RawValue, guard};

use super::uplink::Uplink;
use crate::process::message::{Aside, WireValue};

/// See [`RawHost`].
#[derive(Clone)]
pub(super) struct ChildHost {
    handle: Arc<Handle>,
}

/// By what the real host knows it.
struct Handle {
    uplink: Arc<Uplink>,
    number: u32,
    name: String,
}

impl ChildHost {
    pub(super) fn boxed(uplink: &Arc<Uplink>, number: u32, name: &str) -> BoxHost {
        let handle = Arc::new(Handle {
            uplink: Arc::clone(uplink),
            number,
            name: name.to_owned(),
        });
        RawHost_TO::from_value(ChildHost { handle }, TD_Opaque)
    }

    fn aside(&self, value: &RawValue, aside: impl FnOnce(u32, WireValue) -> Aside) {
        let handle = &self.handle;
        guard::contained(|| match WireValue::of(value) {
            Ok((carried, bulk)) => handle.uplink.aside(&aside(handle.number, carried), bulk),
            Err(error) => eprintln!("dropped: {}", error.message()),
        });
    }
}

impl RawHost for ChildHost {
    fn name(&self) -> RString {
        self.handle.name.as_str().into()
    }

    fn send(&self, message: RStr<'_>, payload: RawValue) {
        self.aside(&payload, |handle, payload| {
            Aside::Send(handle, message.to_string(), payload)
        });
    }

    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64) {
        self.aside(&value, |handle, value| {
            Aside::Publish(handle, parameter.to_string(), value, time)
        });
    }

    fn log(&self, level: u32, text: RStr<'_>) {
        let handle = &self.handle;
        guard::contained(|| {
            let aside = Aside::Log(handle.number, level, text.to_string());
            handle.uplink.aside(&aside, &[]);
        });
    }

    fn now(&self) -> u64 {
        self.handle.uplink.clock().now().as_nanoseconds()
    }

    fn traffic(&self, direction: u32, bytes: RSlice<'_, u8>) {
        let handle = &self.handle;
        if handle.uplink.wants_traffic() {
            guard::contained(|| handle.uplink.aside(&Aside::Traffic(handle.number, direction), &bytes));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.uplink.aside(&Aside::Forget(self.number), &[]);
    }
}
