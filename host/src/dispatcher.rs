//! The dispatcher: every change is a message, and goes to whoever has subscribed (RULES.md M).
//!
//! ```text
//! device, driver, client, host ─▶ Topic: counted, and put into the queue of every subscriber ─▶ Queue ─▶ handler, stream, socket
//! ```
//!
//! A message is (sender, message, payload), with the time and a number `n` that counts per sender and message. From Rust,
//! [`Lab::subscribe`](crate::lab::Lab::subscribe) gives them to a handler and [`Lab::messages`](crate::lab::Lab::messages)
//! as a stream; [`Owner::send`](crate::lab::Owner::send) sends. Names are looked up once, by whoever sends often; who
//! subscribes is put on the list of every [`Topic`] that it wants, so that a `*` costs nothing when something is sent, and
//! what nobody hears costs a count.
//!
//! # Built-in messages
//!
//! This table is what Rust, Python and the wire go by. Payloads are given in their one form for programs
//! ([`Payload::to_json`]); *state* says what is so, and comes first to whoever subscribes, with its last number (M5); an
//! *event* has happened.
//!
//! | sender | message | kind | payload | sent when |
//! | --- | --- | --- | --- | --- |
//! | `stage.position` | `changed` | state | `{"value", "t", "quality"}`, or `{"error": {"class", "text"}, "t"}` | there is a reading that is news, and every ten seconds one that is none |
//! | `stage.position` | `target` | state | the same | something else is asked for, or was reached by a stop |
//! | `stage.position` | `limits` | state | `{"lower", "upper"}`, in its unit, `null` for none | they have changed |
//! | `stage` | `status` | state | `{"code", "state", "text"}`; `code` as in SECoP, `state` in a word: `disabled`, `idle`, `warn`, `busy`, `error` | it has changed |
//! | `stage` | `connected` | state | `null` | its driver is open and has answered |
//! | `stage` | `disconnected` | state | `{"cause"}` | it could not be opened, or was lost; also when the cause is another |
//! | `stage` | `locked_by` | state | a text, empty for nobody | who has it, or parts of it, has changed, in a lab that is served |
//! | `stage` | `lock` | event | `{"event", "owner", "targets", "note"}`; `event`: `acquired`, `waiting`, `withdrawn`, `released`, `expired`, `broken` (with `by`), `protected`, `unprotected` | that happened to a lock that concerns it |
//! | `stage` | `call` | event | `{"event", "call", "verb", "path", "owner"}`, and at `begin` `asked`, at `progress` `done` (0 to 1), at `end` `outcome`, `elapsed` and `value` or `error` | a write or a command is accepted; each hundredth of it that its driver tells; it has ended |
//! | `stage` | `flooded` | event | `{"message", "rate"}` | its driver sends more than `rate` messages a second: what is more is lost; once for each flood |
//! | `stage` | `stop` | event | `{"by"}` | somebody stops it, also with all others |
//! | `stage` | `stuck` | event | `{"inside", "since"}` | its worker does not come back from its driver |
//! | `stage` | `came_back` | event | `{"inside", "since", "elapsed"}` | it has, after all |
//! | `stage` | `left_behind` | event | the same | it has not, and a new instance is opened |
//! | `stage` | what its driver declares | event | as declared | its driver sends it |
//! | `host` | `loaded` | state | `{"driver", "version", "file", "reason"}` | a driver was loaded |
//! | `host` | `refused` | state | the same, with the `reason` | a file that should be a driver cannot be used |
//! | `host` | `stop_all` | event | `{"by"}` | somebody stops everything |
//! | `host` | `stopped` | event | `{"by", "devices": [{"device", "outcome", "error", "elapsed"}]}` | what came of that, device by device |
//! | `host` | `reloaded`, `rejected` | event | one outcome for each device and one for the whole (R6) | by a reload of the config, which this version does not have yet |
//! | `client:<name>` | what it likes | event | what it likes | it [sends](crate::lab::Owner::send) it |
//!
//! `outcome` is `done`, or how it [failed](crate::failure::Failure::outcome). `owner` is as in
//! [`OwnerId::to_json`](crate::owner::OwnerId::to_json). A message of a driver that its table does not declare, or that has
//! a name from above, goes to nobody; the log says so.
//!
//! # Who hears what
//!
//! A [`Pattern`] names a sender and a message; `*` stands for any text in either. A device covers its parameters, as it
//! does for locks: who subscribes to `stage` hears `stage.position` too. `stage.*` is its parameters alone, and
//! (`stage`, `status`) its status alone.
//!
//! # What it promises
//!
//! - Who sends never waits: neither for a subscriber, nor for a handler (M3, M4). Every queue is bounded, in messages and in
//!   bytes; when one is full, the sender and name of which most is waiting loses its oldest, so that a flood costs nobody
//!   else's messages.
//! - What a subscriber misses, it is told with the next message of the same sender and name: `lost` is the gap in `n`,
//!   whatever the reason, a newer one under [`Policy::Latest`] included.
//! - All of a device comes in the order in which it happened (M2): it sends under its own mutex. The order of locks is
//!   device, table of names, topic, queue. Nobody's code runs under any of them: what is displaced is dropped, and who waits
//!   is woken, when they are released.
//! - Handlers run on no lock of ours and not on the sender's stack. Each has a thread while it has something to do, so one
//!   that takes its time, or never returns, holds nobody else up. Inline they run between two steps, in the order in which
//!   their messages came, one message at a time.
//! - A subscription ends when its owner ends it, when its handler panics [too often](PANICS_MAX) in a row, when it is
//!   lossless and too slow, or with the lab; its owner can [ask](Subscription::ended) why.
//!
//! It knows names, not devices. All that may be waiting is kept by a plain structure, `store`; around it are mutexes
//! and wakers, and a test goes through the orders in which threads can run them.

mod message;
mod pattern;
mod payload;
mod shell;
mod sink;
mod store;
mod subscription;

/// What the shell is made of; a test has another one of it, which goes through the orders in which threads can run.
mod sync {
    pub(super) use std::{
        sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard},
        thread_local,
    };

    pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        std::thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
    }
}

use crate::clock::Time;

pub(crate) use message::{CLIENT, HOST};
pub use message::{Message, Name, Sent};
pub use pattern::Pattern;
pub(crate) use pattern::has_star;
pub use payload::Payload;
pub use shell::{Dispatcher, PANICS_MAX, Queue, Subscription, Topic};
pub(crate) use shell::{Joining, Known};
pub(crate) use sink::Displaced;
pub use store::{Batch, Taken};
pub use subscription::Ended;

/// What happens when messages come faster than they are taken (M4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// A newer message takes the place of the one of the same sender and name that still waits, and goes to the end.
    Latest,
    /// The oldest goes: of the sender and name of which most is waiting.
    #[default]
    DropOldest,
    /// Nothing goes. When there is no room the subscription ends, with a reason; what waits can still be taken. In process
    /// only, in a queue or for a handler of its own.
    Lossless,
}

/// How much a queue holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages; and replies, if it carries these as well.
    pub entries: usize,
    /// Bytes of what they carry, roughly. One message may be larger.
    pub bytes: usize,
}

impl Default for Bounds {
    /// 10 000 messages and 16 MiB.
    fn default() -> Self {
        Bounds {
            entries: 10_000,
            bytes: 16 << 20,
        }
    }
}

/// On which terms a subscriber is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What happens when messages come faster than they are taken.
    pub policy: Policy,
    /// How much waits for it at most, where the queue is its own.
    pub bounds: Bounds,
    /// First come readings that were sent since then, as far back as they are kept.
    pub since: Option<Time>,
}

impl Terms {
    /// Only the latest of each sender and name waits.
    pub fn latest() -> Self {
        Terms {
            policy: Policy::Latest,
            ..Terms::default()
        }
    }

    /// Nothing is lost; a subscriber that is too slow is cut off.
    pub fn lossless() -> Self {
        Terms {
            policy: Policy::Lossless,
            ..Terms::default()
        }
    }

    /// At most so much waits.
    #[must_use]
    pub fn bounded(self, bounds: Bounds) -> Self {
        Terms { bounds, ..self }
    }

    /// First come readings that were sent since then.
    #[must_use]
    pub fn since(self, since: Time) -> Self {
        Terms {
            since: Some(since),
            ..self
        }
    }
}

#[cfg(test)]
mod explored;
