//! What was sent of a parameter lately, for those who come late.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    clock::Time,
    dispatcher::{Displaced, Sent},
};

/// The most bytes that are kept of one parameter: an array that is larger is kept alone.
const BYTES_MAX: usize = 4 << 20;

/// A ring of messages, shared with those who were sent them.
#[derive(Debug)]
pub(super) struct History {
    /// The most messages.
    length: usize,
    ring: VecDeque<Arc<Sent>>,
    bytes: usize,
}

impl History {
    pub(super) fn new(length: usize) -> Self {
        History {
            length,
            ring: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Whether anything is kept.
    pub(super) fn is_kept(&self) -> bool {
        self.length > 0
    }

    pub(super) fn push(&mut self, sent: Arc<Sent>, displaced: &mut Displaced) {
        self.bytes += sent.bytes();
        self.ring.push_back(sent);
        while self.ring.len() > self.length || self.bytes > BYTES_MAX && self.ring.len() > 1 {
            let Some(oldest) = self.ring.pop_front() else { break };
            self.bytes -= oldest.bytes();
            displaced.push(oldest);
        }
    }

    /// Those that were sent since then, oldest first.
    pub(super) fn since(&self, since: Time) -> impl Iterator<Item = Arc<Sent>> {
        let from = self.ring.partition_point(|sent| sent.t() < since);
        self.ring.range(from..).cloned()
    }
}
