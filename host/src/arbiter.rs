//! The arbiter: inside a lock, its owner has exclusive access to devices and parameters (RULES.md L).
//!
//! ```text
//! arbiter.ask(owner, set, terms) ─▶ Asking, a future ─▶ Held, a guard ─▶ dropped or released: whoever is next
//! arbiter.permit_write(owner, …) ─▶ Permit, of one call, from its acceptance to its resolution
//! arbiter.who()                    ─▶ who has what, since when and why, and who waits
//! ```
//!
//! It knows names, not devices. All that it decides, it decides in its [`table`], a plain state machine; around that is a
//! thin shell: a mutex, wakers, and a list of what is due when. Nobody's code runs under the mutex: wakers, stops and
//! observers come after it, these in the order of what happened.
//!
//! What it promises:
//!
//! - A set of targets is granted whole or not at all. A device covers its parameters, a composite its members (L1).
//! - While somebody has a target, everybody else's writes and commands to it are refused before a driver is called, with
//!   who has it, since when and why ([`Refusal::Locked`](crate::failure::Refusal)). Reads, watches and stops pass (L7).
//! - A lock is granted when no call of anybody else runs on its targets any more, motions included, and from the moment on
//!   at which it waits for nothing else, no new ones begin (L4). Whoever gives a lock back while calls of theirs run keeps
//!   others off until these are resolved (L6).
//! - First come, first served, among those who want the same (L2). A request that could only be granted after its own
//!   owner gave something back is refused at once, with the circle of those who wait for each other.
//! - An owner that has a target may lock it again; it has it until the last of these locks ends (L3).
//!
//! From Rust, locks are asked for through [`lab::Owner::lock`](crate::lab::Owner::lock).

mod refusal;
mod shell;
mod slab;
mod table;
mod targets;

/// What the shell is made of; a test has another one of it, which goes through the orders in which threads can run.
mod sync {
    pub(super) use std::sync::{Mutex, MutexGuard};
}

pub use refusal::{BrokenBy, CycleLink, Deadlock, InTheWay, Locked, ProtectedBy};
pub use shell::{Arbiter, Asking, Happened, Held, Hooks, LockEvent, Permit, Release, Terms};
pub use table::{Doing, Row, RowKind, Waiting};
pub use targets::{CommandTargets, DeviceTargets, Target, TargetSet};

#[cfg(test)]
mod explored;
