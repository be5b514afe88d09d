//! Lines that nobody asked for, and that are no updates: a lock that came or went.
//!
//! A client that knows nothing of our requests takes the next line that it does not know for the reply to one (W4). So
//! while the answer of such a request is owed, these wait.

use std::collections::VecDeque;

use super::{super::reply::Line, Answer, Session};

/// So many are kept; then the oldest go. There is one for each lock of the client, and it holds no more of these.
const KEPT: usize = 10_000;

/// Lines that wait, oldest first.
#[derive(Default)]
pub(super) struct Notices {
    waiting: VecDeque<Line>,
}

impl Session {
    /// Tells the client something that it has not asked for, at once or when it has the answer that it waits for.
    pub(super) fn notify(&mut self, line: Line) {
        if self.notices.waiting.len() >= KEPT {
            self.notices.waiting.pop_front();
        }
        self.notices.waiting.push_back(line);
        self.flush_notices();
    }

    /// The same, of an answer that the client was told to wait for.
    pub(super) fn deliver_notice(&mut self, answer: Answer) {
        let line = self.take(answer);
        self.notify(line);
    }

    /// Sends what waits, if no answer is in the way any more.
    pub(super) fn flush_notices(&mut self) {
        if !self.answers.has_custom() {
            while let Some(line) = self.notices.waiting.pop_front() {
                self.send(line);
            }
        }
    }
}
