//! The table of names and subscriptions, and what is around it.

#[path = "shell/handle.rs"]
mod handle;
#[path = "shell/pool.rs"]
mod pool;
#[path = "shell/queue.rs"]
mod queue;
#[path = "shell/runner.rs"]
mod runner;
#[path = "shell/topic.rs"]
mod topic;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use handle::Subscription;
use pool::Pool;
pub use queue::Queue;
pub use runner::PANICS_MAX;
use runner::{Handler, Runner};
pub(crate) use topic::Known;
pub use topic::Topic;

use super::{
    Bounds, Ended, Message, Pattern, Payload, Policy,
    message::{CLIENT, Name, root},
    sink::{Displaced, Sink},
    subscription::Core,
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};
use crate::{clock::Time, config::Execution};

/// So many names of senders outside are kept; of more, those that were silent for longest are forgotten, and count from 1
/// again.
const OUTSIDE_MAX: usize = 4096;

/// Relays the messages of one lab (M7). See the [module](super).
pub struct Dispatcher {
    table: RwLock<Table>,
    pool: Arc<Pool>,
    /// Numbers subscriptions, from 1.
    next: AtomicU64,
    /// Counts the topics that were made: what was used lately is told from what was not by it.
    age: AtomicU64,
}

#[derive(Default)]
struct Table {
    /// All topics, by the root of their sender.
    topics: HashMap<Arc<str>, Vec<Arc<Topic>>>,
    /// How many of these are of senders outside.
    outside: usize,
    /// Those that are not over, for topics that are yet to come.
    subscriptions: BTreeMap<u64, (Arc<Core>, Arc<dyn Sink>)>,
    is_closed: bool,
}

impl Dispatcher {
    /// A dispatcher whose handlers have threads of their own, or, inline, run when somebody [asks](Self::flush) for it.
    pub fn new(execution: Execution) -> Arc<Self> {
        Arc::new(Dispatcher {
            table: RwLock::default(),
            pool: Pool::new(execution),
            next: AtomicU64::new(1),
            age: AtomicU64::new(0),
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // Nothing of others runs while it is held.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name by which `sender` sends `message`, to be kept by whoever does so often. Who may speak for a sender is up to
    /// whoever has the dispatcher; see [`send`](Self::send).
    pub fn topic(&self, sender: &Arc<str>, message: &str, is_state: bool) -> Arc<Topic> {
        let mut displaced = Displaced::default();
        self.write().topic(sender, message, is_state, &mut displaced)
    }

    /// Sends a message and gives its number. Costs a look-up if nobody hears it.
    ///
    /// Whoever can speak for a sender may use this; a lab lets nobody but its own devices, its host and, as
    /// `client:<name>`, its [owners](crate::lab::Owner::send).
    pub fn send(&self, sender: &str, message: &str, payload: impl FnOnce() -> (Payload, Time)) -> u64 {
        let mut displaced = Displaced::default();
        if let Some(topic) = self.read().find(sender, message) {
            return self.send_by(topic, &mut displaced, payload);
        }
        let topic = self.write().topic(&sender.into(), message, false, &mut displaced);
        self.age.fetch_add(1, Ordering::Relaxed);
        self.send_by(&topic, &mut displaced, payload)
    }

    fn send_by(&self, topic: &Topic, displaced: &mut Displaced, payload: impl FnOnce() -> (Payload, Time)) -> u64 {
        topic.used.store(self.age.load(Ordering::Relaxed), Ordering::Relaxed);
        topic.send(displaced, payload)
    }

    /// Sends all that `pattern` wants to a queue, from now on.
    pub fn subscribe<R: Send + 'static>(
        self: &Arc<Self>,
        pattern: Pattern,
        policy: Policy,
        queue: &Arc<Queue<R>>,
    ) -> Subscription {
        let joining = self.begin(pattern, policy, Arc::clone(queue) as _);
        self.join_all(&joining);
        joining.done()
    }

    /// Gives all that `pattern` wants to a handler, from now on.
    pub fn handle(
        self: &Arc<Self>,
        pattern: Pattern,
        (policy, bounds): (Policy, Bounds),
        handler: impl FnMut(Message) + Send + 'static,
    ) -> Subscription {
        let joining = self.begin_handler(pattern, (policy, bounds), Box::new(handler));
        self.join_all(&joining);
        joining.done()
    }

    /// Begins a subscription: what is known by now is yet to be [attached](Topic::attach); what comes later does so by
    /// itself.
    pub(crate) fn begin(self: &Arc<Self>, pattern: Pattern, policy: Policy, sink: Arc<dyn Sink>) -> Joining {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let core = Arc::new(Core::new(id, pattern, policy));
        let subscription = Subscription::new(self, &core);
        let mut displaced = Displaced::default();
        let mut table = self.write();
        if table.is_closed {
            core.end(Ended::Closed, &mut displaced);
            sink.close(false, &mut displaced);
        } else {
            table.subscriptions.insert(id, (Arc::clone(&core), Arc::clone(&sink)));
        }
        drop(table);
        Joining {
            core,
            sink,
            runner: None,
            subscription,
        }
    }

    /// The same for a handler, which runs once the subscription is done.
    pub(crate) fn begin_handler(
        self: &Arc<Self>,
        pattern: Pattern,
        (policy, bounds): (Policy, Bounds),
        handler: Handler,
    ) -> Joining {
        let queue = Arc::new(Queue::new(bounds));
        let joining = self.begin(pattern, policy, Arc::clone(&queue) as _);
        let runner = Runner::new(Arc::clone(&joining.core), queue, Arc::clone(&self.pool), handler);
        self.pool.add(Arc::clone(&runner));
        Joining {
            runner: Some((Arc::clone(&self.pool), runner)),
            ..joining
        }
    }

    /// Attaches a subscription that has begun to all topics that it wants, but for those that it has.
    pub(crate) fn join_all(&self, joining: &Joining) {
        let wanted = self.read().wanted(&joining.core.pattern);
        let mut displaced = Displaced::default();
        for topic in wanted {
            joining.attach(&topic, None, &mut displaced);
        }
    }

    /// Whether `pattern` wants anything that is there by now.
    pub(crate) fn knows(&self, pattern: &Pattern) -> bool {
        !self.read().wanted(pattern).is_empty()
    }

    /// The names of all messages that a sender, by its exact name, is known to send.
    pub(crate) fn messages_of(&self, sender: &str) -> Vec<Arc<str>> {
        let wanted = self.read().wanted(&Pattern::new(sender, "*"));
        let own = wanted.iter().filter(|topic| *topic.name().sender == *sender);
        own.map(|topic| Arc::clone(&topic.name().message)).collect()
    }

    /// Ends a subscription, by its number. What waits in a queue of its subscriber stays there; a handler gets no more. One
    /// that runs already is not waited for. `false` if it is over already.
    pub fn unsubscribe(&self, id: u64) -> bool {
        self.end(id, Ended::Unsubscribed)
    }

    fn end(&self, id: u64, why: Ended) -> bool {
        let mut displaced = Displaced::default();
        let Some((core, sink)) = self.write().subscriptions.remove(&id) else {
            return false;
        };
        let was_on = core.end(why, &mut displaced);
        let topics = self.read().wanted(&core.pattern);
        for topic in topics {
            topic.detach(id, &mut displaced);
        }
        if self.pool.find(id).is_some() {
            sink.close(true, &mut displaced);
        }
        displaced.sinks.push(sink);
        was_on
    }

    /// Blocks until every handler has had all that was sent before this, at most for `timeout`; `false` if some have not.
    /// A handler that calls this does not wait for itself. Inline, the handlers run here.
    pub fn flush(&self, timeout: Duration) -> bool {
        while self.pool.execution() == Execution::Inline && self.pool.run_one() {}
        self.await_handlers(timeout)
    }

    /// The same, where somebody else runs the handlers, if it is inline.
    pub(crate) fn await_handlers(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        // Inline, one that runs is further up this stack.
        let waits_for_us = |runner: &Arc<Runner>| self.pool.execution() == Execution::Inline && runner.is_running();
        let all = self.pool.all();
        let mut others = all.iter().filter(|runner| !waits_for_us(runner));
        others.all(|runner| runner.flush(deadline))
    }

    /// Inline: gives one handler one message; `false` if there is none.
    pub(crate) fn run_one(&self) -> bool {
        self.pool.run_one()
    }

    /// Inline: has whoever runs the lab told when a handler has something to do.
    pub(crate) fn set_alarm(&self, alarm: impl Fn() + Send + Sync + 'static) {
        self.pool.set_alarm(Box::new(alarm));
    }

    /// Ends all subscriptions. What waits for handlers they still get, if that takes no longer than `limit`; `false` if it
    /// does.
    pub(crate) fn close(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut displaced = Displaced::default();
        let (subscriptions, topics) = {
            let mut table = self.write();
            table.is_closed = true;
            let subscriptions = std::mem::take(&mut table.subscriptions);
            let topics: Vec<_> = table.topics.values().flatten().cloned().collect();
            (subscriptions, topics)
        };
        for (core, sink) in subscriptions.into_values() {
            core.end(Ended::Closed, &mut displaced);
            sink.close(false, &mut displaced);
            displaced.sinks.push(sink);
        }
        for topic in topics {
            topic.clear(&mut displaced);
        }
        drop(displaced);
        while self.pool.execution() == Execution::Inline && self.pool.run_one() {}
        self.pool.close(deadline)
    }
}

impl Table {
    fn find(&self, sender: &str, message: &str) -> Option<&Arc<Topic>> {
        let topics = self.topics.get(root(sender))?;
        topics.iter().find(|topic| {
            let name = topic.name();
            *name.message == *message && *name.sender == *sender
        })
    }

    /// A topic, which is made if there is none, with all subscribers that want it.
    fn topic(&mut self, sender: &Arc<str>, message: &str, is_state: bool, displaced: &mut Displaced) -> Arc<Topic> {
        if let Some(known) = self.find(sender, message) {
            return Arc::clone(known);
        }
        if sender.starts_with(CLIENT) {
            self.outside += 1;
            if self.outside > OUTSIDE_MAX {
                self.forget_silent(displaced);
            }
        }
        let topic = Topic::new(Name {
            sender: Arc::clone(sender),
            message: message.into(),
            is_state,
        });
        let name = topic.name();
        self.topics
            .entry(name.root().into())
            .or_default()
            .push(Arc::clone(&topic));
        for (core, sink) in self.subscriptions.values() {
            if core.pattern.wants(name) {
                topic.attach(core, sink, None, displaced);
            }
        }
        topic
    }

    /// Forgets half of the topics of senders outside: those that were silent for longest.
    fn forget_silent(&mut self, displaced: &mut Displaced) {
        let outside = self.topics.values().flatten();
        let outside = outside.filter(|topic| topic.name().sender.starts_with(CLIENT));
        let mut used: Vec<_> = outside.map(|topic| topic.used.load(Ordering::Relaxed)).collect();
        used.sort_unstable();
        let since = used[used.len() / 2];
        for topics in self.topics.values_mut() {
            let silent = |topic: &mut Arc<Topic>| {
                let last = topic.used.load(Ordering::Relaxed);
                topic.name().sender.starts_with(CLIENT) && last <= since && topic.is_alone()
            };
            for topic in topics.extract_if(.., silent) {
                self.outside -= 1;
                topic.clear(displaced);
            }
        }
        self.topics.retain(|_, topics| !topics.is_empty());
    }

    /// All that a pattern wants.
    fn wanted(&self, pattern: &Pattern) -> Vec<Arc<Topic>> {
        let wants = |topics: &Vec<Arc<Topic>>| {
            let wanted = topics.iter().filter(|topic| pattern.wants(topic.name()));
            wanted.cloned().collect::<Vec<_>>()
        };
        match pattern.root().and_then(|root| self.topics.get(root)) {
            Some(topics) => wants(topics),
            None => self.topics.values().flat_map(wants).collect(),
        }
    }
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dispatcher({} subscriptions)", self.read().subscriptions.len())
    }
}

/// A subscription that is not attached to everything yet.
pub(crate) struct Joining {
    core: Arc<Core>,
    sink: Arc<dyn Sink>,
    runner: Option<(Arc<Pool>, Arc<Runner>)>,
    subscription: Subscription,
}

impl Joining {
    /// What it is to.
    pub(crate) fn pattern(&self) -> &Pattern {
        &self.core.pattern
    }

    /// Lets it have what a topic sends from now on, and first what is `known`. Under the mutex under which that changes,
    /// nothing lies between (M5).
    pub(crate) fn attach(&self, topic: &Topic, known: impl IntoIterator<Item = Known>, displaced: &mut Displaced) {
        if self.core.pattern.wants(topic.name()) {
            topic.attach(&self.core, &self.sink, known, displaced);
        }
    }

    /// It has everything: handlers begin to run.
    pub(crate) fn done(self) -> Subscription {
        if let Some((pool, runner)) = self.runner {
            Pool::schedule(&pool, runner);
        }
        self.subscription
    }
}
