//! The owner's end of a subscription.

use std::{
    future::poll_fn,
    sync::{Arc, Weak},
};

use super::{
    super::{Ended, Pattern, subscription::Core},
    Dispatcher,
};

/// A subscription, which lasts as long as this is kept; [`detach`](Self::detach) lets it last as long as the lab.
#[must_use = "the subscription ends when this is dropped"]
#[derive(Debug)]
pub struct Subscription {
    core: Arc<Core>,
    /// `None` once nobody ends it by this.
    dispatcher: Option<Weak<Dispatcher>>,
}

impl Subscription {
    pub(super) fn new(dispatcher: &Arc<Dispatcher>, core: &Arc<Core>) -> Self {
        Subscription {
            core: Arc::clone(core),
            dispatcher: Some(Arc::downgrade(dispatcher)),
        }
    }

    /// A number that names it, in [messages](super::super::Message::subscription) too, by which anybody can
    /// [end](Dispatcher::unsubscribe) it: its own handler, for one.
    pub fn id(&self) -> u64 {
        self.core.id
    }

    /// What it is to.
    pub fn pattern(&self) -> &Pattern {
        &self.core.pattern
    }

    /// Why it is over; `None` while it is not.
    pub fn ended(&self) -> Option<Ended> {
        self.core.ended()
    }

    /// Waits until it is over.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub async fn over(&self) -> Ended {
        poll_fn(|cx| self.core.poll_ended(cx)).await
    }

    /// Lets it last until the lab is closed, or somebody ends it by its number.
    pub fn detach(mut self) {
        self.dispatcher = None;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(dispatcher) = self.dispatcher.take().and_then(|dispatcher| dispatcher.upgrade()) {
            dispatcher.unsubscribe(self.core.id);
        }
    }
}
