//! Drivers in processes of their own (RULES.md P): the same library, the same results, and only the fault is contained.
//!
//! ```text
//! host                                                        child: baton driver-runner
//! worker ── Proxy: RawDevice, RawController ──┐           ┌── main thread: BoxDevice, BoxController of the library
//!                                             ├── call ───┤
//! cx of the call ◀── get, set, call, sleep ───┘           └── RawContext
//! any thread ── Proxy: RawStopper ────────────┬── side ───┬── reader ──▶ a thread for each stop
//! BoxHost of the device ◀── send, publish, log ┘          └── RawHost, on any thread
//! log ◀────────────────────────────────── stdout, stderr ─── whatever the driver prints
//! ```
//!
//! The line is drawn where the driver interface is: the host's end of a child *is* a device to the executor, and the
//! child's end of the host *is* a host to the driver. So neither knows, and deadlines, stops, nested calls, polls and
//! controllers work as ever.
//!
//! - `message` and `frame`: what is said, and how it gets through a socket. Nothing that comes from a child is believed.
//! - `home`: where the devices of one worker live. It starts a child for the first of them, and another when that has died.
//! - `child`: the host's end of one child; `side` what is not of a call; `ending` why it ended; `spawn` how it begins.
//! - `children`: those of one lab. One thread starts them all, since the kernel kills them when that *thread* ends; it also
//!   hears what they say and notices when one dies. Inline there is no thread, and whoever drives the lab does that.
//! - `proxy`: the devices, controllers and stoppers that the executor sees.
//! - [`runner`]: the child.

mod child;
mod children;
mod ending;
mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod home;
mod message;
mod output;
mod proxy;
pub mod runner;
mod side;
mod spawn;

pub(crate) use children::Children;
pub use frame::{FrameError, decode, decode_as, encode};
pub(crate) use home::Home;
pub use home::ProcessStatus;
pub use message::{Aside, Interrupt, Order, Report};
pub(crate) use runner::arguments::Limits;
