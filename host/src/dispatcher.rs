//! The dispatcher: relays every change to whoever subscribed.
//!
//! A device sends under its own mutex (M2), so the order of its messages is the order of its changes, for every
//! subscriber. The dispatcher itself knows names, not devices, and runs nobody's code: it puts a shared message into the
//! subscribers' [queues](Queue).

mod queue;

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use baton_plugin_api::{Status, Value};

pub use queue::{Bounds, Delivered, Policy, Queue, Taken};

use crate::{clock::Time, config::Limits, device::LastReading};

/// What happened, once for all its subscribers.
#[derive(Clone, Debug)]
pub struct Message {
    /// Name of the device.
    pub sender: Arc<str>,
    /// What the message is about; messages of one topic replace one another where only the latest counts.
    pub topic: Topic,
    /// What happened.
    pub payload: Payload,
    /// When.
    pub time: Time,
    /// Counts the messages of this sender and topic.
    pub n: u64,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The readback of a parameter.
    Parameter(Arc<str>),
    /// The target of a parameter.
    Target(Arc<str>),
    /// The limits of a parameter that count.
    Limits(Arc<str>),
    /// The status of the device.
    Status,
    /// Who has locked it, or parts of it.
    LockedBy,
    /// A message of its driver.
    Message(Arc<str>),
}

/// What a message carries.
#[derive(Clone, Debug)]
pub enum Payload {
    /// A reading, or why there is none.
    Reading(LastReading),
    /// Limits.
    Limits(Arc<Limits>),
    /// The status.
    Status(Status),
    /// What the driver sent along; or a text of the host.
    Value(Value),
}

/// One end of a subscription: takes messages, never waits.
pub trait Sink: Send + Sync {
    /// Takes one message. What it displaces is pushed to `displaced`, which the sender drops once it holds no lock:
    /// the last clone of a payload may free a driver's buffer, which is the driver's code (M2).
    fn deliver(&self, message: &Arc<Message>, displaced: &mut Vec<Arc<Message>>);
}

/// What a change of a device leaves over. It may hold the last clone of a driver's buffer, and freeing that is the
/// driver's code: it is dropped once no lock is held (M2).
#[derive(Default)]
pub(crate) struct Displaced {
    pub(crate) messages: Vec<Arc<Message>>,
    pub(crate) payloads: Vec<Payload>,
    pub(crate) readings: Vec<LastReading>,
    sinks: Vec<Arc<dyn Sink>>,
}

/// Relays messages of one lab (M7).
#[derive(Default)]
pub struct Dispatcher {
    subscribers: RwLock<HashMap<Arc<str>, Vec<Subscriber>>>,
    next: AtomicU64,
}

struct Subscriber {
    id: u64,
    sink: Weak<dyn Sink>,
}

/// Names a subscription; see [`Dispatcher::unsubscribe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionId {
    sender: Arc<str>,
    id: u64,
}

impl Dispatcher {
    /// Everything that `sender` sends from now on goes to `sink`, until that is dropped or unsubscribed.
    pub fn subscribe(&self, sender: &Arc<str>, sink: Weak<dyn Sink>) -> SubscriptionId {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        let list = subscribers.entry(Arc::clone(sender)).or_default();
        list.retain(|subscriber| subscriber.sink.strong_count() > 0);
        list.push(Subscriber { id, sink });
        SubscriptionId {
            sender: Arc::clone(sender),
            id,
        }
    }

    /// Ends a subscription. What lies in its queue stays there.
    pub fn unsubscribe(&self, subscription: &SubscriptionId) {
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = subscribers.get_mut(&subscription.sender) {
            list.retain(|subscriber| subscriber.id != subscription.id);
        }
    }

    /// Sends to whoever subscribed to `sender`; builds the message only if somebody did, and else gives the payload back.
    pub(crate) fn send(
        &self,
        sender: &Arc<str>,
        payload: Payload,
        displaced: &mut Displaced,
        message: impl FnOnce(Payload) -> Message,
    ) -> Option<Payload> {
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        let Some(list) = subscribers.get(sender).filter(|list| !list.is_empty()) else {
            return Some(payload);
        };
        let message = Arc::new(message(payload));
        displaced.sinks.reserve(list.len());
        for sink in list.iter().filter_map(|subscriber| subscriber.sink.upgrade()) {
            sink.deliver(&message, &mut displaced.messages);
            // Whoever it belongs to may have let it go meanwhile, with all that waits in it.
            displaced.sinks.push(sink);
        }
        // If no queue kept it, it goes with the displaced ones.
        displaced.messages.push(message);
        None
    }
}
