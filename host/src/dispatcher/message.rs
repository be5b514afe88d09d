//! A message: once as it was sent, and as it comes to each subscriber.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::Payload;
use crate::{clock::Time, device::split_path};

/// Who sends, and what its message is called: interned, one for all that are sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Name {
    /// Who sends: `stage`, `stage.position`, `host`, `client:ana`.
    pub sender: Arc<str>,
    /// What the message is called: `changed`.
    pub message: Arc<str>,
    /// Whether it says what is so, and not what has happened: whoever subscribes is told of the last one first (M5).
    pub is_state: bool,
}

impl Name {
    /// What comes and goes as a whole with all that it sends: the device of a parameter, else the sender itself.
    pub fn root(&self) -> &str {
        root(&self.sender)
    }
}

/// See [`Name::root`].
pub(super) fn root(sender: &str) -> &str {
    match sender.starts_with(CLIENT) {
        true => sender,
        false => sender.split_once('.').map_or(sender, |(device, _)| device),
    }
}

/// What the names of senders outside begin with (M6).
pub(crate) const CLIENT: &str = "client:";
/// The host, as a sender.
pub(crate) const HOST: &str = "host";

/// A message as it was sent, once for all its subscribers.
#[derive(Debug)]
pub struct Sent {
    pub(super) name: Arc<Name>,
    pub(super) payload: Payload,
    pub(super) t: Time,
    pub(super) n: u64,
    /// So many of the same name were given up before it by their own sender, and are nobody's any more.
    pub(super) skipped: u64,
    /// Of its payload, roughly.
    pub(super) bytes: usize,
}

impl Sent {
    pub(crate) fn t(&self) -> Time {
        self.t
    }

    pub(crate) fn payload(&self) -> &Payload {
        &self.payload
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A message as a subscriber gets it (M1). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Message {
    pub(super) sent: Arc<Sent>,
    pub(super) lost: u64,
    pub(super) subscription: u64,
}

impl Message {
    /// A message that was kept elsewhere than in a queue: nothing was lost before it, and no subscription brought it.
    pub(crate) fn kept(sent: Arc<Sent>) -> Self {
        Message {
            sent,
            lost: 0,
            subscription: 0,
        }
    }

    /// Who has sent it: `stage`, `stage.position`, `host`, `client:ana`.
    pub fn sender(&self) -> &Arc<str> {
        &self.sent.name.sender
    }

    /// What it is called: `changed`.
    pub fn message(&self) -> &Arc<str> {
        &self.sent.name.message
    }

    /// The device that has sent it, itself or by one of its parameters; for all others the sender.
    pub fn device(&self) -> &str {
        self.sent.name.root()
    }

    /// The parameter that has sent it, by its name alone.
    pub fn parameter(&self) -> Option<&str> {
        match self.sender().starts_with(CLIENT) {
            true => None,
            false => Some(split_path(self.sender()).1).filter(|name| !name.is_empty()),
        }
    }

    /// What it carries.
    pub fn payload(&self) -> &Payload {
        &self.sent.payload
    }

    /// When it was sent; of what is told first to a new subscriber, since when it is so.
    pub fn t(&self) -> Time {
        self.sent.t
    }

    /// Counts what this sender sends by this name, from 1. One that is told first to a new subscriber has the number of
    /// the last one, 0 if there was none.
    pub fn n(&self) -> u64 {
        self.sent.n
    }

    /// How many of the same sender and name were sent since the last one that this subscriber got, and will never come to
    /// it: the gap in [`n`](Self::n).
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Which [subscription](super::Subscription::id) brought it.
    pub fn subscription(&self) -> u64 {
        self.subscription
    }

    /// What comes beside the payload on the wire: `{"t", "n", "lost"}`, the time in seconds since the Unix epoch.
    pub fn qualifiers(&self) -> Json {
        json!({ "t": self.t().as_seconds(), "n": self.n(), "lost": self.lost })
    }
}
