//! Answers that have to be waited for, in order where a client could not tell them apart.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use futures_util::stream::{FuturesUnordered, Stream};

use super::{super::reply::Line, Request, calls::Record, locks::Granted};

/// What is to be sent, and the call that the client may refer to from then on.
pub(in crate::server) struct Answer {
    pub(super) line: Line,
    pub(super) record: Option<Record>,
    /// A lock that the client has got with it.
    pub(super) lock: Option<Granted>,
}

impl From<Line> for Answer {
    fn from(line: Line) -> Answer {
        Answer {
            line,
            record: None,
            lock: None,
        }
    }
}

/// What a client tells replies apart by: action and specifier. Those of one key are answered in order (W2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn new(request: Request<'_>) -> Key {
        Key(format!("{} {}", request.action, request.specifier))
    }

    /// Whether it is of a request of ours, which SECoP does not know.
    fn is_custom(&self) -> bool {
        self.0.starts_with('_')
    }
}

pub(super) type Pending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// See the module.
#[derive(Default)]
pub(super) struct Answers {
    /// The first of each key.
    running: FuturesUnordered<Keyed>,
    /// Those behind it, for each key that has a first.
    behind: HashMap<Key, VecDeque<Pending>>,
    count: usize,
    /// Those of requests of ours.
    custom: usize,
    /// Whether the client tells replies by their tokens, and takes nothing else for one.
    by_token: bool,
}

/// The first answer of a key.
struct Keyed {
    key: Option<Key>,
    answer: Pending,
}

impl Future for Keyed {
    type Output = (Key, Answer);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match self.answer.as_mut().poll(cx) {
            Poll::Ready(answer) => answer,
            Poll::Pending => return Poll::Pending,
        };
        let key = self.key.take().expect("a future is not polled after it was ready");
        Poll::Ready((key, answer))
    }
}

impl Answers {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the answer of a request of ours is still to come, which the client could take another line for.
    pub(super) fn has_custom(&self) -> bool {
        self.custom > 0 && !self.by_token
    }

    /// The client has said that it tells replies by their tokens.
    pub(super) fn go_by_token(&mut self) {
        self.by_token = true;
    }

    /// Adds an answer behind those of its key.
    pub(super) fn push(&mut self, key: Key, answer: Pending) {
        self.count += 1;
        self.custom += usize::from(key.is_custom());
        match self.behind.entry(key) {
            Entry::Occupied(mut behind) => behind.get_mut().push_back(answer),
            Entry::Vacant(first) => {
                let key = Some(first.key().clone());
                first.insert(VecDeque::new());
                self.running.push(Keyed { key, answer });
            }
        }
    }

    /// Gives a line back that can be sent now; keeps it if earlier answers of its key are still to come.
    pub(super) fn hold_back(&mut self, key: &Key, line: Line) -> Option<Line> {
        match self.behind.get_mut(key) {
            None => Some(line),
            Some(behind) => {
                behind.push_back(Box::pin(std::future::ready(line.into())));
                self.count += 1;
                self.custom += usize::from(key.is_custom());
                None
            }
        }
    }

    /// The next answer that is ready; pending while there is none.
    pub(super) async fn next(&mut self) -> Answer {
        let (key, answer) = poll_fn(|cx| match Pin::new(&mut self.running).poll_next(cx) {
            Poll::Ready(Some(ready)) => Poll::Ready(ready),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        })
        .await;
        self.count -= 1;
        self.custom -= usize::from(key.is_custom());
        if let Entry::Occupied(mut behind) = self.behind.entry(key) {
            match behind.get_mut().pop_front() {
                Some(next) => {
                    let key = Some(behind.key().clone());
                    self.running.push(Keyed { key, answer: next });
                }
                None => {
                    behind.remove();
                }
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn key(line: &str) -> Key {
        Key::new(Request::parse(line.as_bytes()).unwrap().unwrap())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn w2_answers_keep_their_order_within_a_key_only() {
        let mut answers = Answers::default();
        let line = |text: &str| Line::new(text, "", "");
        let (first, wait) = oneshot::channel::<()>();
        let late = async move {
            let _ = wait.await;
            Line::new("first", "", "").into()
        };
        answers.push(key("read a:x"), Box::pin(late));
        assert_eq!(answers.hold_back(&key("read a:x"), line("second")), None);
        answers.push(key("read a:y"), Box::pin(std::future::ready(line("other").into())));
        assert_eq!(answers.hold_back(&key("do a:stop"), line("stop")), Some(line("stop")));
        assert_eq!(answers.next().await.line, line("other"));
        first.send(()).unwrap();
        assert_eq!(answers.next().await.line, line("first"));
        assert_eq!(answers.next().await.line, line("second"));
        assert!(answers.is_empty() && answers.behind.is_empty());
    }
}
