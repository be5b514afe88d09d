//! One client: what it asks for, and what it is told. Knows no socket.
//!
//! Requests are taken up in the order of their lines and start at once: nothing here waits, so a `stop` is acted upon
//! when its line is parsed, whatever came before it (S1, W2). What has to be waited for becomes an answer in
//! [`Answers`]; replies and updates leave through one queue.

mod answers;
mod calls;
mod commands;
mod custom;
mod device;
mod limits;
mod locks;
mod notices;
mod ownership;
mod parameters;
mod relays;
mod settings;
mod updates;
mod waiting;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use answers::{Answer, Answers, Key};
use calls::Calls;
pub(super) use locks::Told;
use locks::{Grants, Happening};
use notices::Notices;
use relays::Relays;
use tokio::sync::{Notify, broadcast};

use super::{
    Shared,
    owners::WireOwner,
    reply::{self, Line, Report},
    request::Request,
};
use crate::{
    dispatcher::{Bounds, Queue, Subscription},
    lab::Owner,
    owner::Identity,
};

/// Every request is answered within this time; clients give up after 10 s (W1).
const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// A motion is answered when the driver has taken it, but not later than this (W1).
const TAKEN_WITHIN: Duration = Duration::from_millis(200);
/// Bytes that may wait for a client before what can be dropped is dropped, and what cannot ends its connection.
const QUEUE_BYTES: usize = 16 << 20;

/// What the client is to be sent, in order.
pub(super) type Outbound = Queue<Line>;

/// Something to be told to the client.
pub(super) enum Next {
    /// The answer of a request.
    Answer(Answer),
    /// What happened to a lock of its owner.
    Lock(Happening),
    /// Lines of what it follows.
    Followed(Vec<Line>),
}

/// See the module.
pub(super) struct Session {
    shared: Arc<Shared>,
    /// Acts for the client (O1).
    owner: Owner,
    /// The session in which it does so, its own or one that it has joined (O2).
    acts_in: Arc<WireOwner>,
    /// Whether that is its own.
    is_founder: bool,
    queue: Arc<Outbound>,
    answers: Answers,
    /// What is told when no answer of a request of ours is owed (W4).
    notices: Notices,
    calls: Calls,
    /// How long each request of this connection may take from now on.
    limit: Option<Duration>,
    locks: Grants,
    /// What it follows, told when nothing else is owed.
    relays: Relays,
    /// Notified when some of the queue was taken to be sent.
    taken: Arc<Notify>,
    /// What happens to locks of the owner that somebody else does.
    told: broadcast::Receiver<Told>,
    /// What the client wants updates of, by the module's place.
    subscriptions: HashMap<usize, Subscription>,
    /// What the client was refused because it asks for more than its share, until somebody takes note of it.
    overdone: Option<&'static str>,
}

impl Session {
    /// A session of a client of whom so much is known.
    pub(super) fn new(shared: &Arc<Shared>, identity: Identity) -> Session {
        // Each thing that there is to be told waits once between two replies; readings are replaced, not queued up.
        let bounds = Bounds {
            entries: 8192 + 4 * shared.node.topics(),
            bytes: QUEUE_BYTES,
        };
        let acts_in = shared.owners.found(shared.lab.known_owner(identity));
        Session {
            owner: acts_in.owner().clone(),
            told: acts_in.listen(),
            acts_in,
            is_founder: true,
            shared: Arc::clone(shared),
            queue: Arc::new(Queue::new(bounds)),
            answers: Answers::default(),
            notices: Notices::default(),
            relays: Relays::default(),
            taken: Arc::default(),
            calls: Calls::default(),
            limit: None,
            locks: Grants::default(),
            subscriptions: HashMap::new(),
            overdone: None,
        }
    }

    /// What the client was refused because it asks for more than its share, once.
    pub(super) fn take_overdone(&mut self) -> Option<&'static str> {
        self.overdone.take()
    }

    /// What the client is to be sent.
    pub(super) fn queue(&self) -> &Arc<Outbound> {
        &self.queue
    }

    /// To be notified whenever some of the queue is taken.
    pub(super) fn taken(&self) -> &Arc<Notify> {
        &self.taken
    }

    /// Whether the client does not read what it asked for; its connection is to be cut.
    pub(super) fn is_stalled(&self) -> bool {
        self.queue.is_overflown()
    }

    /// Takes up one line.
    pub(super) fn handle(&mut self, line: &[u8]) {
        self.acts_in.hear();
        match Request::parse(line) {
            Ok(Some(request)) => self.request(request),
            Ok(None) => {}
            Err(malformed) => self.send(Line::error(&malformed.action, "", &malformed.report)),
        }
    }

    /// The next thing to be told, to be given to [`deliver`](Self::deliver). Pending while there is nothing.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Next {
        let heard = self.acts_in.heard();
        let is_owed = self.answers.has_custom();
        tokio::select! {
            answer = self.answers.next() => Next::Answer(answer),
            happening = self.locks.next(heard, &mut self.told) => Next::Lock(happening),
            lines = self.relays.next(&self.queue, &self.taken), if !is_owed => Next::Followed(lines),
        }
    }

    /// Tells it.
    pub(super) fn deliver(&mut self, next: Next) {
        match next {
            Next::Answer(answer) => {
                let line = self.take(answer);
                self.send(line);
            }
            Next::Lock(happening) => self.happened(happening),
            Next::Followed(lines) => lines.into_iter().for_each(|line| self.send(line)),
        }
        self.flush_notices();
    }

    /// Keeps what comes with an answer, and gives its line.
    fn take(&mut self, answer: Answer) -> Line {
        let Answer { line, record, lock } = answer;
        if let Some(record) = record {
            self.calls.insert(record);
        }
        if let Some(granted) = lock {
            self.locks.keep(granted);
        }
        line
    }

    /// Whether answers are still to come.
    pub(super) fn has_pending(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Tells the client why its connection is closed.
    pub(super) fn refuse(&self, report: &Report) {
        self.send(Line::error("", "", report));
    }

    fn request(&mut self, request: Request<'_>) {
        let (action, specifier) = (request.action, request.specifier);
        // One connection may well stop hundreds of devices one by one.
        let most = self.shared.limits.pending * if is_urgent(&request) { 2 } else { 1 };
        if self.answers.len() >= most {
            self.overdone = Some("as many of its requests as may wait for their answers already");
            let text = format!("{most} requests of this connection wait for their answers already");
            return self.send(Line::error(action, specifier, &Report::new("IsBusy", text)));
        }
        match action {
            "*IDN?" => self.send(Line::Shared(super::ident())),
            "describe" => self.describe(request),
            "activate" => self.activate(request),
            "deactivate" => self.deactivate(request),
            "read" => self.read(request),
            "change" => self.change(request),
            "do" => self.run(request),
            "ping" => {
                let pong = reply::qualified("null", self.now(), None);
                self.answer(request, Line::new("pong", specifier, &pong));
            }
            "logging" => self.logging(request),
            "help" => self.help(),
            "_wait" => self.wait_for_call(request),
            "_wait_for" => self.wait_for_value(request),
            "_cancel" => self.cancel_call(request),
            "_timeout" => self.set_limit(request),
            "_stop" => self.stop_hard(request),
            "_stop_all" => self.stop_all(request),
            "_set_zero" => self.set_zero(request),
            "_reopen" => self.reopen(request),
            "_status" => self.status(request),
            "_device" => self.device(request),
            "_drivers" => self.drivers(request),
            "_log" => self.log(request),
            "_audit" => self.audit(request),
            "_subscribe" => self.subscribe_to(request),
            "_send" => self.send_message(request),
            "_history" => self.history(request),
            "_unsubscribe" => self.unsubscribe_one(request),
            "_lock" => self.lock(request),
            "_unlock" => self.unlock(request),
            "_who" => self.who(request),
            "_break" => self.break_lock(request),
            "_protect" => self.protect(request),
            "_unprotect" => self.unprotect(request),
            "_authenticate" => self.answer(request, Line::new("_authenticated", specifier, "{}")),
            "_introduce" => self.introduce(request),
            "_join" => self.join(request),
            _ => {
                let text = format!("there is no request `{action}`; try `help`");
                self.fail(request, Report::protocol(text));
            }
        }
    }

    fn describe(&mut self, request: Request<'_>) {
        match request.specifier {
            "" | "." => self.send(self.shared.node.description()),
            _ => self.fail(
                request,
                Report::protocol("only the whole node is described: `describe`"),
            ),
        }
    }

    fn help(&mut self) {
        for (number, text) in super::HELP.lines().enumerate() {
            let text = serde_json::Value::from(text).to_string();
            self.send(Line::new("helping", &(number + 1).to_string(), &text));
        }
    }

    fn now(&self) -> crate::clock::Time {
        self.shared.lab.clock().now()
    }

    /// Sends a line behind all that was sent before.
    fn send(&self, line: Line) {
        let bytes = line.as_str().len();
        self.queue.reply(line, bytes);
    }

    /// Answers a request, after earlier ones of the same key.
    fn answer(&mut self, request: Request<'_>, line: Line) {
        if self.answers.is_empty() {
            return self.send(line);
        }
        if let Some(line) = self.answers.hold_back(&Key::new(request), line) {
            self.send(line);
        }
    }

    /// Answers a request with an error.
    fn fail(&mut self, request: Request<'_>, report: impl Into<Report>) {
        let line = Line::error(request.action, request.specifier, &report.into());
        self.answer(request, line);
    }

    /// Answers a request once `answer` is ready.
    fn answer_later(&mut self, request: Request<'_>, answer: impl Future<Output = Answer> + Send + 'static) {
        self.answers.push(Key::new(request), Box::pin(answer));
    }

    /// When a request that comes now has to be answered. Promises to clients are kept on the real clock (I6).
    fn deadline() -> Instant {
        Instant::now() + ANSWER_WITHIN
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.leave();
        self.unsubscribe_all();
    }
}

/// What ends something, or waits for nothing.
fn is_urgent(request: &Request<'_>) -> bool {
    let stops = request.action == "do"
        && crate::device::split_path(request.specifier)
            .1
            .eq_ignore_ascii_case("stop");
    stops || matches!(request.action, "ping" | "_stop" | "_stop_all" | "_cancel" | "_unlock")
}
