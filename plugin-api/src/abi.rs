//! The stable ABI beneath the author's side; no author names `abi_stable` or any type of it.
//!
//! A driver library exports one root module, [`DriverMod`], and [trait objects](RawDevice) for devices, controllers and
//! what the host offers to them. Everything that is *data* is either a number, JSON text, or the one frozen struct
//! [`RawValue`]. So nothing but methods ever has to grow, and those grow at the end, with a default body:
//! a driver that is older than its host still loads, and so does one that is newer and uses nothing newer.
//!
//! What the layout check cannot see is pinned by tests: the numbers of value kinds, element types and error kinds.

// Each `sabi_trait` expands to impls inside a function, which the lint trips over; abi_stable is frozen upstream.
#![allow(non_local_definitions, reason = "expansions of abi_stable, which is frozen upstream")]

use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings, sabi_trait,
    sabi_types::{RRef, VersionStrings},
    std_types::{RBox, ROption, RResult, RSlice, RStr, RString},
};

pub mod array;
pub(crate) mod entries;
#[doc(hidden)]
pub mod export;
pub mod guard;
mod info;
pub(crate) mod shim;
mod value;

pub use info::BuildInfo;
pub use value::{RawValue, View};

/// Refuses mixed builds while the ABI is not yet declared 1.0: raised with every change that the layout check may miss.
pub const EPOCH: u32 = 1;

/// An error on its way across. Its layout is final; what is new goes into `detail`.
#[repr(C)]
#[derive(StableAbi, Debug, Clone)]
pub struct RawError {
    /// See [`ErrorKind::number`](crate::ErrorKind::number); an open set.
    pub kind: u32,
    /// Text for people.
    pub message: RString,
    /// JSON for programs; empty if there is none.
    pub detail: RString,
}

/// What most entries return.
pub type RawResult<T = RawValue> = RResult<T, RawError>;

/// What the host offers to one call, and only while it runs: it knows the call's owner, its deadline and its chain.
#[sabi_trait]
pub trait RawContext: Sync {
    /// Whether the call was cancelled or stopped.
    fn cancelled(&self) -> bool;
    /// How much of the call is done, from 0 to 1.
    fn progress(&self, done: f64);
    /// Nanoseconds since the Unix epoch, on the lab's clock.
    fn now(&self) -> u64;
    /// Sleeps so many nanoseconds on the lab's clock; `false`, early, if the call was cancelled.
    fn sleep(&self, nanoseconds: u64) -> bool;
    /// Nanoseconds until the call is overdue; `u64::MAX` if it never is.
    fn remaining(&self) -> u64;
    /// Reads a parameter of a member afresh.
    fn get(&self, path: RStr<'_>) -> RawResult;
    /// Writes a parameter of a member and waits until that is done.
    fn set(&self, path: RStr<'_>, value: RawValue) -> RawResult;
    /// Runs a command of a member and waits until that is done.
    fn call(&self, path: RStr<'_>, argument: RawValue) -> RawResult;
    /// Publishes a reading of one of the device's own parameters; a time of 0 is now.
    #[sabi(last_prefix_field)]
    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64);
}

/// The context of one call. Built on the stack for each call, which costs next to nothing.
pub type RefContext<'a> = RawContext_TO<'a, RRef<'a, ()>>;

/// What the host offers to a device for life, from any thread.
#[sabi_trait]
pub trait RawHost: Send + Sync + Clone {
    /// Name of the device (or controller) in the lab.
    fn name(&self) -> RString;
    /// Sends a message of the device.
    fn send(&self, message: RStr<'_>, payload: RawValue);
    /// Publishes a reading of one of the device's parameters; a time of 0 is now.
    fn publish(&self, parameter: RStr<'_>, value: RawValue, time: u64);
    /// Writes to the host's log: 1 error, 2 warning, 3 information, 4 debug, 5 trace.
    fn log(&self, level: u32, text: RStr<'_>);
    /// Nanoseconds since the Unix epoch, on the lab's clock.
    #[sabi(last_prefix_field)]
    fn now(&self) -> u64;
    /// Tells of bytes that went over the device's line: 1 sent, 2 received.
    fn traffic(&self, _direction: u32, _bytes: RSlice<'_, u8>) {}
}

/// The host's side of a device.
pub type BoxHost = RawHost_TO<'static, RBox<()>>;

/// Stops a device from any thread, in the middle of a call.
#[sabi_trait]
pub trait RawStopper: Send + Sync {
    /// Stops what moves.
    #[sabi(last_prefix_field)]
    fn stop(&self) -> RawResult<()>;
}

/// A device's stopper.
pub type BoxStopper = RawStopper_TO<'static, RBox<()>>;

/// An open device. Parameters and commands are named by their place in its table.
#[sabi_trait]
pub trait RawDevice: Send {
    /// Reads a parameter.
    fn read(&mut self, parameter: u32, cx: RefContext<'_>) -> RawResult;
    /// Writes a parameter: starts and returns, unless declared blocking.
    fn write(&mut self, parameter: u32, value: RawValue, cx: RefContext<'_>) -> RawResult<()>;
    /// Runs a command.
    fn run(&mut self, command: u32, argument: RawValue, cx: RefContext<'_>) -> RawResult;
    /// The status, as the JSON text `[code,"text"]`.
    fn status(&mut self, cx: RefContext<'_>) -> RawResult;
    /// Stops what moves; called on the worker, after the call that moves has returned.
    fn stop(&mut self, cx: RefContext<'_>) -> RawResult<()>;
    /// Nanoseconds that a motion to `value` will take; 0 if that is unknown.
    fn estimate(&mut self, parameter: u32, value: RawValue, cx: RefContext<'_>) -> RawResult<u64>;
    /// Asked once, after opening.
    fn stopper(&self) -> ROption<BoxStopper>;
    /// Drops the author's device, so that what its `Drop` does has a name in messages; nothing is called after it.
    #[sabi(last_prefix_field)]
    fn close(&mut self) -> RawResult<()>;
    /// Passes on what the instrument says by itself; called every so often, as the table says.
    fn listen(&mut self, _cx: RefContext<'_>) -> RawResult<()> {
        RResult::ROk(())
    }
}

/// A device of a driver.
pub type BoxDevice = RawDevice_TO<'static, RBox<()>>;

/// An open controller.
#[sabi_trait]
pub trait RawController: Send {
    /// Opens a device of type `kind` that belongs to the controller; `options` is JSON.
    fn open_device(&mut self, kind: RStr<'_>, options: RStr<'_>, host: BoxHost) -> RawResult<BoxDevice>;
    /// Drops the author's controller, see [`RawDevice::close`].
    #[sabi(last_prefix_field)]
    fn close(&mut self) -> RawResult<()>;
}

/// A controller of a driver.
pub type BoxController = RawController_TO<'static, RBox<()>>;

/// What a library exports. A later field comes at the end, with `#[sabi(missing_field(option))]`.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = DriverModRef)))]
#[sabi(missing_field(panic))]
pub struct DriverMod {
    /// The JSON of a [`LibraryDescription`](crate::description::LibraryDescription).
    pub describe: extern "C" fn() -> RawResult<RString>,
    /// (controller type or empty, device type, options as JSON) → JSON of the
    /// [`TableDescription`](crate::description::TableDescription) that such a device will have. Opens nothing.
    pub describe_device: extern "C" fn(RStr<'_>, RStr<'_>, RStr<'_>) -> RawResult<RString>,
    /// (device type, options as JSON, host) → a device that stands alone.
    pub open_device: extern "C" fn(RStr<'_>, RStr<'_>, BoxHost) -> RawResult<BoxDevice>,
    /// (controller type, options as JSON, host) → a controller.
    #[sabi(last_prefix_field)]
    pub open_controller: extern "C" fn(RStr<'_>, RStr<'_>, BoxHost) -> RawResult<BoxController>,
}

impl RootModule for DriverModRef {
    abi_stable::declare_root_module_statics! {DriverModRef}

    const BASE_NAME: &'static str = "baton_driver";
    const NAME: &'static str = "baton driver";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}

impl From<crate::Error> for RawError {
    fn from(error: crate::Error) -> Self {
        let detail = if error.detail().is_null() {
            RString::new()
        } else {
            error.detail().to_string().into()
        };
        RawError {
            kind: error.kind().number(),
            message: error.message().into(),
            detail,
        }
    }
}

impl From<RawError> for crate::Error {
    fn from(raw: RawError) -> Self {
        let error = crate::Error::new(raw.kind.into(), raw.message.as_str());
        match serde_json::from_str(&raw.detail) {
            Ok(detail) => error.with_detail(detail),
            Err(_) => error,
        }
    }
}
