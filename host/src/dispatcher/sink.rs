//! Where messages go, and what is left over on the way.

use std::{sync::Arc, task::Waker};

use super::{Ended, Payload, Policy, message::Sent};
use crate::device::LastReading;

/// One end of a subscription: takes messages, never waits. A place in it is for one subscription to one name.
pub(crate) trait Sink: Send + Sync {
    /// Makes a place.
    fn open_place(&self, subscription: u64, policy: Policy) -> u32;

    /// Gives a place up. What waits there can still be taken.
    fn close_place(&self, place: u32);

    /// Takes one message, unless it takes no more: then it says why.
    fn deliver(&self, place: u32, message: &Arc<Sent>, displaced: &mut Displaced) -> Option<Ended>;

    /// Takes no more. What waits can still be taken, unless it is to be forgotten.
    fn close(&self, forget: bool, displaced: &mut Displaced);
}

/// What a change of a device leaves over. It may hold the last clone of a driver's buffer, and freeing that is the
/// driver's code; and wakers are somebody else's: it is dropped once no lock is held (M2), and wakes them then.
#[derive(Default)]
pub(crate) struct Displaced {
    /// The first, for which there is room without asking for any; the rest.
    message: Option<Arc<Sent>>,
    messages: Vec<Arc<Sent>>,
    pub(crate) payloads: Vec<Payload>,
    pub(crate) readings: Vec<LastReading>,
    pub(super) sinks: Vec<Arc<dyn Sink>>,
    waker: Option<Waker>,
    wakers: Vec<Waker>,
}

impl Displaced {
    pub(crate) fn push(&mut self, message: Arc<Sent>) {
        match self.message {
            None => self.message = Some(message),
            Some(_) => self.messages.push(message),
        }
    }

    pub(super) fn wake(&mut self, waker: Waker) {
        match self.waker {
            None => self.waker = Some(waker),
            Some(_) => self.wakers.push(waker),
        }
    }
}

impl Drop for Displaced {
    fn drop(&mut self) {
        let wakers = std::mem::take(&mut self.wakers);
        self.waker.take().into_iter().chain(wakers).for_each(Waker::wake);
    }
}
