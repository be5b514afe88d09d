//! A name with its subscribers: where a message is counted and goes to all of them.

use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::super::{
    Payload,
    message::{Name, Sent},
    sink::{Displaced, Sink},
    subscription::Core,
    sync::{Mutex, MutexGuard},
};
use crate::clock::Time;

/// A name, and those who have subscribed to it. Whoever sends by it often keeps it, and looks for nobody.
pub struct Topic {
    name: Arc<Name>,
    /// Given up by the sender since the last one that was sent.
    skipped: AtomicU64,
    /// When it was sent last, in the order of all that are looked for by name.
    pub(super) used: AtomicU64,
    routes: Mutex<Routes>,
}

struct Routes {
    n: u64,
    list: Vec<Route>,
}

/// The way to one subscriber.
struct Route {
    core: Arc<Core>,
    sink: Arc<dyn Sink>,
    place: u32,
}

impl Topic {
    pub(super) fn new(name: Name) -> Arc<Self> {
        Arc::new(Topic {
            name: Arc::new(name),
            skipped: AtomicU64::new(0),
            used: AtomicU64::new(0),
            routes: Mutex::new(Routes { n: 0, list: Vec::new() }),
        })
    }

    /// The name.
    pub fn name(&self) -> &Arc<Name> {
        &self.name
    }

    fn lock(&self) -> MutexGuard<'_, Routes> {
        // Nothing of ours panics while it is held, and nothing of others runs.
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody has subscribed.
    pub(crate) fn is_heard(&self) -> bool {
        !self.lock().list.is_empty()
    }

    /// Counts a message, and sends it if anybody has subscribed. Gives its number.
    pub(crate) fn send(&self, displaced: &mut Displaced, content: impl FnOnce() -> (Payload, Time)) -> u64 {
        let mut routes = self.lock();
        let skipped = self.count(&mut routes);
        if !routes.list.is_empty() {
            let sent = self.distribute(&mut routes, skipped, content(), displaced);
            // If no queue kept it, it goes with the displaced ones.
            displaced.push(sent);
        }
        routes.n
    }

    /// Sends a message, and gives its number.
    pub fn post(&self, payload: impl FnOnce() -> (Payload, Time)) -> u64 {
        self.send(&mut Displaced::default(), payload)
    }

    /// Sends a message, and gives it back: whoever keeps it shares it with the subscribers.
    pub(crate) fn publish(&self, payload: Payload, t: Time, displaced: &mut Displaced) -> Arc<Sent> {
        let mut routes = self.lock();
        let skipped = self.count(&mut routes);
        let sent = self.distribute(&mut routes, skipped, (payload, t), displaced);
        displaced.push(Arc::clone(&sent));
        sent
    }

    /// The sender gives one up, without taking a lock for it: it is counted, and lost to all.
    pub(crate) fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self, routes: &mut Routes) -> u64 {
        let skipped = match self.skipped.load(Ordering::Relaxed) {
            0 => 0,
            _ => self.skipped.swap(0, Ordering::Relaxed),
        };
        routes.n += 1 + skipped;
        skipped
    }

    fn distribute(
        &self,
        routes: &mut Routes,
        skipped: u64,
        (payload, t): (Payload, Time),
        displaced: &mut Displaced,
    ) -> Arc<Sent> {
        let sent = self.sent(payload, t, routes.n, skipped);
        let mut any_ended = false;
        for route in &routes.list {
            if let Some(ended) = route.sink.deliver(route.place, &sent, displaced) {
                any_ended = true;
                route.core.end(ended, displaced);
            }
        }
        if any_ended {
            self.forget_ended(routes, displaced);
        }
        sent
    }

    #[cold]
    fn forget_ended(&self, routes: &mut Routes, displaced: &mut Displaced) {
        let nothing = |route: &mut Route| route.core.is_over();
        for route in routes.list.extract_if(.., nothing) {
            displaced.sinks.push(route.sink);
        }
    }

    fn sent(&self, payload: Payload, t: Time, n: u64, skipped: u64) -> Arc<Sent> {
        Arc::new(Sent {
            name: Arc::clone(&self.name),
            bytes: payload.bytes(),
            payload,
            t,
            n,
            skipped,
        })
    }

    /// Lets a subscriber have all that is sent from now on, and first what `known` says is so now. `false` if it had that
    /// already, or is over.
    pub(crate) fn attach(
        &self,
        core: &Arc<Core>,
        sink: &Arc<dyn Sink>,
        known: impl IntoIterator<Item = Known>,
        displaced: &mut Displaced,
    ) -> bool {
        let mut routes = self.lock();
        // Whoever ends it says so first, and then takes it off here.
        if core.is_over() || routes.list.iter().any(|route| route.core.id == core.id) {
            return false;
        }
        let place = sink.open_place(core.id, core.policy);
        for known in known {
            let sent = match known {
                Known::Sent(sent) => sent,
                Known::Now(payload, t) => self.sent(payload, t, routes.n, 0),
            };
            sink.deliver(place, &sent, displaced);
            displaced.push(sent);
        }
        routes.list.push(Route {
            core: Arc::clone(core),
            sink: Arc::clone(sink),
            place,
        });
        true
    }

    /// Ends it. What waits for the subscriber stays there.
    pub(super) fn detach(&self, subscription: u64, displaced: &mut Displaced) {
        let mut routes = self.lock();
        let Some(at) = routes.list.iter().position(|route| route.core.id == subscription) else {
            return;
        };
        // In order: those that came first are told first.
        let route = routes.list.remove(at);
        drop(routes);
        route.sink.close_place(route.place);
        displaced.sinks.push(route.sink);
    }

    /// Whether nobody else knows it, so that it can be forgotten.
    pub(super) fn is_alone(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1
    }

    /// Ends all that go to it.
    pub(super) fn clear(&self, displaced: &mut Displaced) {
        let list = std::mem::take(&mut self.lock().list);
        for route in list {
            route.sink.close_place(route.place);
            displaced.sinks.push(route.sink);
        }
    }
}

/// What a new subscriber is told first.
pub(crate) enum Known {
    /// What was sent before, as it was.
    Sent(Arc<Sent>),
    /// What is so, and since when.
    Now(Payload, Time),
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Topic({}:{})", self.name.sender, self.name.message)
    }
}
