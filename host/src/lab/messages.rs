//! Messages of a lab: who hears them, and how somebody who acts sends them (RULES.md M).

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use baton_plugin_api::{Time, Value, is_name};
use futures_util::Stream;
use serde_json::json;

use super::{Lab, Owner};
use crate::{
    config::Execution,
    device::{Device, split_path},
    dispatcher::{
        CLIENT, Dispatcher, Displaced, Ended, HOST, Joining, Known, Message, Pattern, Payload, Queue, Subscription,
        Taken, Terms, Topic, has_star,
    },
    executor::{Executor, Turn},
    failure::Refusal,
    owner::OwnerId,
    plugin::{Drivers, Row, State},
};

impl Lab {
    /// Has a handler called with every message that `sender` sends by the name `message`; `*` is any, on either side.
    ///
    /// A sender is a device with all its parameters (`stage`), a parameter (`stage.position`, in any spelling), `host`, or
    /// a client (`client:ana`); what they send is in the [table](crate::dispatcher). What is so now comes first, then
    /// everything: nothing lies between, nor is anything missed when a device is opened again (M5).
    ///
    /// The handler runs on a thread that has nothing else to do meanwhile, and on no lock of the host's: it may take its
    /// time, subscribe, unsubscribe (itself as well, by [`Message::subscription`]), send, lock, call devices, and drop the
    /// lab. One that panics is called again; after [`PANICS_MAX`](crate::dispatcher::PANICS_MAX) panics in a row its
    /// subscription [ends](Subscription::ended). Inline, handlers run between two steps, one message at a time, never while
    /// a driver is entered, and what is due before this returns.
    ///
    /// ```no_run
    /// # fn follow(lab: &baton_host::lab::Lab) -> Result<(), baton_host::failure::Refusal> {
    /// let news = lab.subscribe("stage", "*", |message| {
    ///     println!("{}:{} {}", message.sender(), message.message(), message.payload().to_json());
    /// })?;
    /// # drop(news);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `NoSuchDevice`, `NoSuchParameter`, `NoSuchMessage`, with what was probably meant.
    pub fn subscribe(
        &self,
        sender: &str,
        message: &str,
        handler: impl FnMut(Message) + Send + 'static,
    ) -> Result<Subscription, Refusal> {
        self.subscribe_with(sender, message, &Terms::default(), handler)
    }

    /// The same on other terms than the usual: the last 10 000 messages, and 16 MiB, wait for a handler that is slow.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn subscribe_with(
        &self,
        sender: &str,
        message: &str,
        terms: &Terms,
        handler: impl FnMut(Message) + Send + 'static,
    ) -> Result<Subscription, Refusal> {
        let pattern = self.pattern(sender, message)?;
        let queue = (terms.policy, terms.bounds);
        let joining = self.dispatcher().begin_handler(pattern, queue, Box::new(handler));
        self.join(&joining, terms.since);
        let subscription = joining.done();
        self.executor().drain();
        Ok(subscription)
    }

    /// The same messages as a stream, to be taken one by one.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn messages(&self, sender: &str, message: &str) -> Result<Messages, Refusal> {
        self.messages_with(sender, message, &Terms::default())
    }

    /// The same on other terms than the usual.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn messages_with(&self, sender: &str, message: &str, terms: &Terms) -> Result<Messages, Refusal> {
        let queue = Arc::new(Queue::new(terms.bounds));
        Ok(Messages {
            subscription: self.subscribe_queue(sender, message, terms, &queue)?,
            queue,
            executor: Arc::downgrade(self.executor()),
        })
    }

    /// The same messages into a queue, which several subscriptions may share, and the replies of a connection; its bounds
    /// are its own. Which [subscription](Message::subscription) brought a message, it says itself.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub fn subscribe_queue<R: Send + 'static>(
        &self,
        sender: &str,
        message: &str,
        terms: &Terms,
        queue: &Arc<Queue<R>>,
    ) -> Result<Subscription, Refusal> {
        let pattern = self.pattern(sender, message)?;
        let joining = self.dispatcher().begin(pattern, terms.policy, Arc::clone(queue) as _);
        self.join(&joining, terms.since);
        Ok(joining.done())
    }

    /// Ends a subscription by its number; a handler may end its own. What waits for a handler it does not get any more; one
    /// that runs already is not waited for. `false` if it was over.
    pub fn unsubscribe(&self, subscription: u64) -> bool {
        self.dispatcher().unsubscribe(subscription)
    }

    /// Blocks until every handler has had all that was sent before this; `false` if some have not within `timeout`. For
    /// tests: none has to sleep. A handler that calls this does not wait for itself.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.executor().drain_handlers();
        self.dispatcher().await_handlers(timeout)
    }

    /// The messages `changed` of a parameter since then, oldest first, as far back as they are kept: `history` in the
    /// config, 600 readings if it does not say.
    ///
    /// # Errors
    /// `NoSuchDevice`, `NoSuchParameter`.
    pub fn history(&self, path: &str, since: Time) -> Result<Vec<Message>, Refusal> {
        let (device, name) = split_path(path);
        let device = self.device(device)?;
        Ok(device.history(device.parameter(name)?.index(), since))
    }

    pub(crate) fn dispatcher(&self) -> &Arc<Dispatcher> {
        self.executor().dispatcher()
    }

    /// Lets a subscription that has begun have all that it wants: devices one by one (M2), then everybody else.
    fn join(&self, joining: &Joining, since: Option<Time>) {
        let wants_locks = |device: &Arc<Device>| joining.pattern().wants(device.topics().lock.name());
        if self.devices().iter().any(wants_locks) {
            self.send_lock_news();
        }
        for device in self.devices() {
            device.join(joining, since);
        }
        self.inner.host.join(joining, &self.inner.drivers, self.inner.since);
        self.dispatcher().join_all(joining);
    }

    /// What a subscription is to, with names as they are spelled in the config (D5).
    fn pattern(&self, sender: &str, message: &str) -> Result<Pattern, Refusal> {
        let sender = self.canonical(sender)?;
        let pattern = Pattern::new(sender, message);
        let anybody = has_star(pattern.sender()) || pattern.sender().starts_with(CLIENT);
        if anybody || has_star(message) || self.dispatcher().knows(&pattern) {
            return Ok(pattern);
        }
        let known = self.dispatcher().messages_of(pattern.sender());
        let known: Vec<&str> = known.iter().map(|name| &**name).collect();
        Err(Refusal::NoSuchMessage {
            sender: pattern.sender().to_owned(),
            name: message.to_owned(),
            suggestion: crate::device::suggest(message, known.iter().copied()),
            known: known.join(", "),
        })
    }

    fn canonical(&self, sender: &str) -> Result<String, Refusal> {
        if sender.starts_with(CLIENT) || sender.eq_ignore_ascii_case(HOST) {
            return Ok(sender.to_owned());
        }
        let (device, member) = split_path(sender);
        if has_star(device) {
            return Ok(sender.replacen(':', ".", 1));
        }
        let device = self.device(device)?;
        match member {
            "" => Ok(device.name().to_string()),
            member if has_star(member) => Ok(format!("{}.{member}", device.name())),
            member => Ok(device.parameter(member)?.path().to_string()),
        }
    }
}

impl Owner {
    /// Sends a message as `client:<name>`, the name being the owner's own: nobody can speak as a device (M6). Never waits;
    /// what it costs if nobody hears it is a look-up. Gives the number of the message.
    ///
    /// # Errors
    /// `NotAName`.
    pub fn send(&self, message: &str, payload: impl Into<Value>) -> Result<u64, Refusal> {
        if !is_name(message) {
            let name = message.to_owned();
            return Err(Refusal::NotAName {
                what: "a message",
                name,
            });
        }
        let executor = self.lab.executor();
        let n = executor.dispatcher().send(&self.sender, message, || {
            (Payload::Value(payload.into()), executor.clock().now())
        });
        executor.drain();
        Ok(n)
    }

    /// As whom it sends: `client:<name>`. The name is the user's, where one is known, else what the owner is called; what
    /// cannot be in a name becomes `_`.
    pub fn sender(&self) -> &Arc<str> {
        &self.sender
    }
}

/// As whom an owner sends.
pub(super) fn sender_of(owner: &OwnerId) -> Arc<str> {
    let identity = owner.identity();
    let name = match (&identity.user, &identity.address) {
        (Some(user), _) => user,
        (None, Some(_)) => "somebody",
        (None, None) => owner.label(),
    };
    let fits = |c: char| c.is_alphanumeric() || "_-.@".contains(c);
    let name: String = name.chars().take(63).map(|c| if fits(c) { c } else { '_' }).collect();
    format!("{CLIENT}{name}").into()
}

/// A subscription whose messages are taken one by one: with [`next`](Self::next), as a [`Stream`], or without waiting.
///
/// Inline, an awaited message lets the lab do one thing at a time until it comes; a blocking one runs the lab.
#[derive(Debug)]
pub struct Messages {
    queue: Arc<Queue<()>>,
    subscription: Subscription,
    executor: Weak<Executor>,
}

impl Messages {
    /// The next message; `None` once the subscription is [over](Self::ended) and what was waiting is taken.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Message> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The next message if one waits.
    pub fn try_next(&mut self) -> Option<Message> {
        message(self.queue.take_one()?)
    }

    /// Blocks until there is a message, at most for `timeout`: of real time, or inline of the lab's.
    pub fn wait_next(&mut self, timeout: Duration) -> Option<Message> {
        if let Some(message) = self.try_next() {
            return Some(message);
        }
        if let Some(executor) = self.executor.upgrade()
            && executor.mode() == Execution::Inline
        {
            let (until, mut next) = (executor.clock().now() + timeout, None);
            let ran = executor.run_here(Some(until), &mut || {
                next = next.take().or_else(|| message(self.queue.take_one()?));
                next.is_some()
            });
            if ran {
                return next.or_else(|| self.try_next());
            }
        }
        message(self.queue.wait_one(timeout)?)
    }

    /// The subscription.
    pub fn subscription(&self) -> &Subscription {
        &self.subscription
    }

    /// Why it is over; `None` while it is not.
    pub fn ended(&self) -> Option<Ended> {
        self.subscription.ended()
    }

    /// How many messages wait, and how many bytes of all of them.
    pub fn waiting(&self) -> (usize, usize) {
        self.queue.load()
    }
}

fn message(taken: Taken<()>) -> Option<Message> {
    match taken {
        Taken::Message(message) => Some(message),
        Taken::Reply(()) => None,
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if let Poll::Ready(taken) = self.queue.poll_one(cx.waker()) {
            return Poll::Ready(taken.and_then(message));
        }
        // Inline nobody else would let anything happen; whatever else the task does has its turn between two steps.
        let executor = self.executor.upgrade();
        if let Some(executor) =
            executor.filter(|executor| executor.mode() == Execution::Inline && !executor.is_pumped())
        {
            let stepped = match executor.turn() {
                Turn::Ran => true,
                Turn::Idle(Some(until)) => {
                    executor.clock().reach(until);
                    true
                }
                Turn::Idle(None) => false,
            };
            if stepped {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

/// What the host itself sends.
pub(super) struct HostTopics {
    loaded: Arc<Topic>,
    refused: Arc<Topic>,
    /// What happens, and is not so for long: stops of everything.
    events: [Arc<Topic>; 2],
}

impl HostTopics {
    /// Sends what became of each file.
    pub(super) fn new(dispatcher: &Dispatcher, drivers: &Drivers, now: Time) -> Self {
        let host = HOST.into();
        let topics = HostTopics {
            loaded: dispatcher.topic(&host, "loaded", true),
            refused: dispatcher.topic(&host, "refused", true),
            events: ["stop_all", "stopped"].map(|message| dispatcher.topic(&host, message, false)),
        };
        // Whoever subscribes to what a reload will say is not refused.
        let _ = ["reloaded", "rejected"].map(|message| dispatcher.topic(&host, message, false));
        let mut displaced = Displaced::default();
        for row in drivers.rows() {
            if let Some(topic) = topics.of(row) {
                topic.send(&mut displaced, || (of_row(row), now));
            }
        }
        topics
    }

    /// The message that a file is told by; none for what is no driver, or of use elsewhere.
    fn of(&self, row: &Row) -> Option<&Arc<Topic>> {
        match row.state {
            State::Ok => Some(&self.loaded),
            State::Refused | State::Quarantined | State::Unreadable => Some(&self.refused),
            State::Shadowed | State::NotADriver => None,
        }
    }

    /// Attaches a subscription, and first tells it all that is loaded or refused.
    fn join(&self, joining: &Joining, drivers: &Drivers, at: Time) {
        let mut displaced = Displaced::default();
        for event in &self.events {
            joining.attach(event, None, &mut displaced);
        }
        for topic in [&self.loaded, &self.refused] {
            let rows = drivers.rows().iter();
            let rows = rows.filter(|row| self.of(row).is_some_and(|its| Arc::ptr_eq(its, topic)));
            joining.attach(topic, rows.map(|row| Known::Now(of_row(row), at)), &mut displaced);
        }
    }
}

fn of_row(row: &Row) -> Payload {
    Payload::record(json!({
        "driver": row.name,
        "version": row.version,
        "file": row.file,
        "reason": row.reason,
    }))
}
