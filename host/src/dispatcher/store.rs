//! What waits in a queue: a plain structure without locks (M4).
//!
//! Each subscription of a queue to each name has a *place* in it. The entries of a place are linked, so that the oldest of
//! them goes at no cost, whatever lies between. When the queue is full, it is the place that takes up the most that loses
//! its oldest: whoever floods a queue loses messages of its own.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Bounds, Policy,
    message::{Message, Sent},
    sink::Displaced,
};

/// The most entries for which there is room again when all are taken.
const KEPT: usize = 1024;
/// No entry.
const NONE: u64 = u64::MAX;

pub(super) struct Store<R> {
    bounds: Bounds,
    entries: VecDeque<Entry<R>>,
    /// Number of the first entry; an entry's number changes only when those before it that are gone are forgotten.
    first: u64,
    /// Entries from here on came after the last reply; only these may be coalesced (M2).
    after_reply: u64,
    places: Vec<Place>,
    free: Vec<u32>,
    /// Given up, with something in them.
    closing: Vec<u32>,
    /// Raised when everything is taken: what a place says of an earlier one is over.
    epoch: u64,
    /// Places with something in them.
    occupied: usize,
    messages: usize,
    replies: usize,
    /// Of all that waits.
    bytes: usize,
    /// Of the messages alone.
    message_bytes: usize,
    /// The places that had the most entries and bytes when it was looked for last.
    most: u32,
    largest: u32,
    /// How many places were looked at to make room.
    #[cfg(test)]
    looked: std::cell::Cell<usize>,
}

/// What waits of one subscription and one name.
struct Place {
    subscription: u64,
    policy: Policy,
    epoch: u64,
    head: u64,
    tail: u64,
    count: usize,
    bytes: usize,
    /// Lost, with no entry left to say so.
    lost: u64,
}

pub(super) enum Entry<R> {
    Message {
        sent: Arc<Sent>,
        place: u32,
        /// Lost since the one before of the same place.
        lost: u64,
        /// Of the same place.
        previous: u64,
        next: u64,
        subscription: u64,
    },
    /// With its bytes.
    Reply(R, usize),
    /// A message stood here that was lost, or that a later one replaced.
    Gone,
}

/// An entry as it is taken out.
#[derive(Debug)]
pub enum Taken<R> {
    /// A message.
    Message(Message),
    /// A reply.
    Reply(R),
}

impl<R> Entry<R> {
    fn take(self) -> Option<Taken<R>> {
        match self {
            Entry::Message {
                sent,
                lost,
                subscription,
                ..
            } => Some(Taken::Message(Message {
                lost: lost + sent.skipped,
                sent,
                subscription,
            })),
            Entry::Reply(reply, _) => Some(Taken::Reply(reply)),
            Entry::Gone => None,
        }
    }
}

/// All that was taken out at once, in order.
pub struct Batch<R> {
    entries: std::collections::vec_deque::IntoIter<Entry<R>>,
}

impl<R> Default for Batch<R> {
    fn default() -> Self {
        Batch {
            entries: VecDeque::new().into_iter(),
        }
    }
}

impl<R> Iterator for Batch<R> {
    type Item = Taken<R>;

    fn next(&mut self) -> Option<Taken<R>> {
        self.entries.by_ref().find_map(Entry::take)
    }
}

impl<R> Store<R> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Store {
            bounds,
            entries: VecDeque::new(),
            first: 0,
            after_reply: 0,
            places: Vec::new(),
            free: Vec::new(),
            closing: Vec::new(),
            epoch: 0,
            occupied: 0,
            messages: 0,
            replies: 0,
            bytes: 0,
            message_bytes: 0,
            most: 0,
            largest: 0,
            #[cfg(test)]
            looked: std::cell::Cell::new(0),
        }
    }

    /// How many messages wait, and bytes of all that waits.
    pub(super) fn load(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    /// Whether replies alone are more than the queue holds.
    pub(super) fn is_over(&self) -> bool {
        self.replies >= self.bounds.entries || self.bytes > self.bounds.bytes.saturating_mul(2)
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.messages + self.replies == 0
    }

    /// The number that the next entry will have; never less than what it was before.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    pub(super) fn open(&mut self, subscription: u64, policy: Policy) -> u32 {
        let place = Place {
            subscription,
            policy,
            epoch: self.epoch,
            head: NONE,
            tail: NONE,
            count: 0,
            bytes: 0,
            lost: 0,
        };
        match self.free.pop() {
            Some(index) => {
                self.places[index as usize] = place;
                index
            }
            None => {
                self.places.push(place);
                self.places.len() as u32 - 1
            }
        }
    }

    pub(super) fn close(&mut self, place: u32) {
        if self.place(place).count > 0 {
            self.closing.push(place);
        } else {
            self.free.push(place);
        }
    }

    /// The place, with what it says of now.
    fn place(&mut self, index: u32) -> &mut Place {
        let place = &mut self.places[index as usize];
        if place.epoch != self.epoch {
            place.epoch = self.epoch;
            (place.head, place.tail) = (NONE, NONE);
            (place.count, place.bytes) = (0, 0);
        }
        place
    }

    pub(super) fn reply(&mut self, reply: R, bytes: usize) {
        self.entries.push_back(Entry::Reply(reply, bytes));
        self.replies += 1;
        self.bytes += bytes;
        self.after_reply = self.end();
    }

    /// Takes a message in; `false` if it may not be lost and there is no room for it.
    pub(super) fn deliver(&mut self, index: u32, sent: &Arc<Sent>, displaced: &mut Displaced) -> bool {
        let bounds = self.bounds;
        let (count, tail, policy) = {
            let place = self.place(index);
            (place.count, place.tail, place.policy)
        };
        let mut lost = 0;
        match policy {
            Policy::Latest if count > 0 && tail >= self.after_reply => lost = self.replace(index, displaced),
            Policy::Lossless if self.messages >= bounds.entries || self.bytes + sent.bytes > bounds.bytes => {
                return self.messages == 0 && self.append(index, sent, 0);
            }
            _ => {}
        }
        if self.messages >= bounds.entries || self.bytes + sent.bytes > bounds.bytes {
            self.make_room(index, sent.bytes, displaced);
        }
        self.append(index, sent, lost)
    }

    fn append(&mut self, index: u32, sent: &Arc<Sent>, lost: u64) -> bool {
        let number = self.end();
        let place = self.place(index);
        let previous = std::mem::replace(&mut place.tail, number);
        place.count += 1;
        place.bytes += sent.bytes;
        let lost = lost + std::mem::take(&mut place.lost);
        let subscription = place.subscription;
        if previous == NONE {
            place.head = number;
            self.occupied += 1;
        } else {
            self.link(previous, |_, next| *next = number);
        }
        self.entries.push_back(Entry::Message {
            sent: Arc::clone(sent),
            place: index,
            lost,
            previous,
            next: NONE,
            subscription,
        });
        self.messages += 1;
        self.bytes += sent.bytes;
        self.message_bytes += sent.bytes;
        true
    }

    /// Changes what an entry says of the one before and the one after it.
    fn link(&mut self, number: u64, change: impl FnOnce(&mut u64, &mut u64)) {
        if number != NONE
            && let Entry::Message { previous, next, .. } = &mut self.entries[(number - self.first) as usize]
        {
            change(previous, next);
        }
    }

    /// Removes the newest entry of a place, which a newer one replaces. Gives how many are lost before that.
    fn replace(&mut self, index: u32, displaced: &mut Displaced) -> u64 {
        let tail = self.place(index).tail;
        self.remove(tail, displaced)
    }

    /// Removes an entry, and gives how many are lost with it: itself, and what was lost before it.
    fn remove(&mut self, number: u64, displaced: &mut Displaced) -> u64 {
        let at = (number - self.first) as usize;
        let Entry::Message {
            sent,
            place: index,
            lost,
            previous,
            next,
            ..
        } = std::mem::replace(&mut self.entries[at], Entry::Gone)
        else {
            return 0;
        };
        self.link(previous, |_, after| *after = next);
        self.link(next, |before, _| *before = previous);
        let place = self.place(index);
        place.count -= 1;
        place.bytes -= sent.bytes;
        if place.head == number {
            place.head = next;
        }
        if place.tail == number {
            place.tail = previous;
        }
        self.occupied -= usize::from(self.place(index).count == 0);
        self.messages -= 1;
        self.bytes -= sent.bytes;
        self.message_bytes -= sent.bytes;
        let lost = lost + 1 + sent.skipped;
        displaced.push(sent);
        self.trim();
        lost
    }

    /// Makes room for one more message of a place: the oldest of the largest place goes, never a reply.
    fn make_room(&mut self, index: u32, bytes: usize, displaced: &mut Displaced) {
        loop {
            let full = self.messages >= self.bounds.entries;
            let heavy = self.bytes + bytes > self.bounds.bytes;
            if self.messages == 0 || !(full || heavy) {
                return;
            }
            let own = self.place(index);
            let (own_count, own_bytes) = (own.count, own.bytes);
            let other = if full { self.most() } else { self.largest() };
            let other_place = &self.places[other as usize];
            let own_is_larger = match full {
                true => own_count + 1 >= other_place.count,
                false => own_bytes + bytes >= other_place.bytes,
            };
            self.lose_oldest(if own_is_larger && own_count > 0 { index } else { other }, displaced);
        }
    }

    /// The oldest of a place goes, and the next one says so.
    fn lose_oldest(&mut self, index: u32, displaced: &mut Displaced) {
        let head = self.place(index).head;
        let lost = self.remove(head, displaced);
        let head = self.place(index).head;
        match head {
            NONE => self.place(index).lost += lost,
            head => {
                let at = (head - self.first) as usize;
                if let Entry::Message { lost: before, .. } = &mut self.entries[at] {
                    *before += lost;
                }
            }
        }
    }

    /// A place with the most entries, or with no less than the average.
    fn most(&mut self) -> u32 {
        let total = self.messages;
        if !self.is_heavy(self.most, total, |place| place.count) {
            self.most = self.next_heavy(self.most, total, |place| place.count);
        }
        self.most
    }

    /// The same by bytes.
    fn largest(&mut self) -> u32 {
        let total = self.message_bytes;
        if !self.is_heavy(self.largest, total, |place| place.bytes) {
            self.largest = self.next_heavy(self.largest, total, |place| place.bytes);
        }
        self.largest
    }

    /// Whether a place has no less than the average of those with something in them, which have so much together.
    fn is_heavy(&self, index: u32, total: usize, weight: impl Fn(&Place) -> usize) -> bool {
        #[cfg(test)]
        self.looked.set(self.looked.get() + 1);
        let place = &self.places[index as usize];
        place.epoch == self.epoch && place.count > 0 && weight(place).saturating_mul(self.occupied) >= total
    }

    /// The next such place behind another, of which there is always one. Looking on from there and not from the first, a
    /// queue that is full of places with one message each finds the next at once: whoever delivers holds locks, and somebody
    /// who reads nothing must not make that long.
    fn next_heavy(&self, after: u32, total: usize, weight: impl Fn(&Place) -> usize) -> u32 {
        let count = self.places.len() as u32;
        let mut around = (after + 1..count).chain(0..=after);
        around
            .find(|index| self.is_heavy(*index, total, &weight))
            .unwrap_or(after)
    }

    /// Forgets what is gone at the front, and compacts the rest when most of it is gone.
    fn trim(&mut self) {
        while let Some(Entry::Gone) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
        if self.entries.len() > 64 && self.entries.len() > 4 * (self.messages + self.replies) {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let end = self.end();
        let behind_reply = end.saturating_sub(self.after_reply) as usize;
        let behind = self.entries.iter().rev().take(behind_reply);
        let left_behind = behind.filter(|entry| !matches!(entry, Entry::Gone)).count();
        self.entries.retain(|entry| !matches!(entry, Entry::Gone));
        self.first = end - self.entries.len() as u64;
        self.after_reply = end - left_behind as u64;
        for index in 0..self.places.len() as u32 {
            let place = self.place(index);
            (place.head, place.tail) = (NONE, NONE);
        }
        for at in 0..self.entries.len() {
            let number = self.first + at as u64;
            let Entry::Message { place: index, .. } = self.entries[at] else {
                continue;
            };
            let place = self.place(index);
            let before = std::mem::replace(&mut place.tail, number);
            if before == NONE {
                place.head = number;
            }
            self.link(before, |_, next| *next = number);
            self.link(number, |previous, next| (*previous, *next) = (before, NONE));
        }
    }

    /// Takes all of it, whatever there is, without looking at any.
    pub(super) fn take_all(&mut self) -> Batch<R> {
        self.first = self.end();
        self.epoch += 1;
        // What comes next is probably about as much.
        let next = VecDeque::with_capacity(self.entries.len().min(KEPT));
        let entries = std::mem::replace(&mut self.entries, next);
        (self.messages, self.replies, self.occupied) = (0, 0, 0);
        (self.bytes, self.message_bytes) = (0, 0);
        self.free.append(&mut self.closing);
        Batch {
            entries: entries.into_iter(),
        }
    }

    /// Takes the first.
    pub(super) fn take_one(&mut self) -> Option<Taken<R>> {
        self.trim();
        let entry = self.entries.pop_front()?;
        self.first += 1;
        match &entry {
            Entry::Message { sent, place, next, .. } => {
                let (bytes, next) = (sent.bytes, *next);
                let place = self.place(*place);
                place.count -= 1;
                place.bytes -= bytes;
                place.head = next;
                if next == NONE {
                    place.tail = NONE;
                    self.occupied -= 1;
                }
                self.messages -= 1;
                self.bytes -= bytes;
                self.message_bytes -= bytes;
                self.link(next, |previous, _| *previous = NONE);
            }
            Entry::Reply(_, bytes) => {
                self.replies -= 1;
                self.bytes -= bytes;
            }
            Entry::Gone => {}
        }
        entry.take()
    }
}

#[cfg(test)]
mod tests;
