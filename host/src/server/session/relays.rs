//! What a client follows: lines of the logs that come by themselves.
//!
//! They wait where they arise, bounded there, until the client can take them: not while the answer of a request of ours
//! is owed, which a client could take them for (W4), nor while much waits to be sent to it already. So a client that
//! reads slowly loses the oldest of them, is told how many, and is not cut for it.

mod audit;
mod log;
mod messages;

use futures_util::future::{BoxFuture, select_all};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;

use self::{
    audit::AuditLines,
    log::{LogLines, Logging},
    messages::Subscriptions,
};
use super::{
    super::{
        reply::{Line, Report},
        request::Request,
    },
    Outbound, Session,
    ownership::parse,
};

/// So much may wait to be sent before what is followed has to wait as well.
const ROOM_BYTES: usize = 64 << 10;
/// So many lines are taken at a time.
const AT_A_TIME: usize = 128;

/// See the module.
#[derive(Default)]
pub(super) struct Relays {
    followed: Vec<Followed>,
    subscriptions: Subscriptions,
    /// What `logging` asked for.
    logging: Option<Logging>,
    /// The last number that was given to anything that is followed.
    last_id: u64,
}

/// Something that is followed, by the number that ends it.
struct Followed {
    id: u64,
    lines: Lines,
}

/// Where lines come from.
enum Lines {
    Audit(AuditLines),
    Log(LogLines),
}

impl Lines {
    /// Waits until there is something to be told.
    async fn ready(&mut self) {
        match self {
            Lines::Audit(lines) => lines.ready().await,
            Lines::Log(lines) => lines.ready().await,
        }
    }

    /// What there is, as it is sent.
    fn take(&mut self) -> Vec<Line> {
        match self {
            Lines::Audit(lines) => lines.take(AT_A_TIME),
            Lines::Log(lines) => lines.take(AT_A_TIME),
        }
    }
}

impl Relays {
    /// How much is followed.
    fn len(&self) -> usize {
        self.followed.len() + self.subscriptions.len()
    }

    /// A number that ends something that is followed.
    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Follows; the number ends it.
    fn follow(&mut self, lines: Lines) -> u64 {
        let id = self.next_id();
        self.followed.push(Followed { id, lines });
        id
    }

    /// Ends what has this number; `false` if there is nothing.
    fn end(&mut self, id: u64) -> bool {
        let before = self.followed.len();
        self.followed.retain(|followed| followed.id != id);
        self.followed.len() < before || self.subscriptions.end(id)
    }

    /// Ends everything.
    pub(super) fn clear(&mut self) {
        self.followed.clear();
        self.subscriptions.clear();
        self.logging = None;
    }

    /// The next lines to be sent, when there is room for them. `taken` is notified when some of `queue` was taken.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self, queue: &Outbound, taken: &Notify) -> Vec<Line> {
        while queue.load().1 > ROOM_BYTES {
            taken.notified().await;
        }
        let Relays {
            followed,
            subscriptions,
            logging,
            ..
        } = self;
        tokio::select! {
            lines = subscriptions.next(AT_A_TIME) => lines,
            lines = next_of_logs(followed, logging) => lines,
        }
    }
}

async fn next_of_logs(followed: &mut [Followed], logging: &mut Option<Logging>) -> Vec<Line> {
    if followed.is_empty() && logging.is_none() {
        return std::future::pending().await;
    }
    let mut all: Vec<BoxFuture<'_, ()>> = Vec::with_capacity(followed.len() + 1);
    for followed in &mut *followed {
        all.push(Box::pin(followed.lines.ready()));
    }
    if let Some(logging) = &mut *logging {
        all.push(Box::pin(logging.ready()));
    }
    let ((), index, _) = select_all(all).await;
    match (followed.get_mut(index), logging) {
        (Some(followed), _) => followed.lines.take(),
        (None, Some(logging)) => logging.take(AT_A_TIME),
        (None, None) => Vec::new(),
    }
}

/// The data of `_unsubscribe`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsubscribe {
    id: u64,
}

impl Session {
    /// `_unsubscribe TOKEN {"id": 3}`: ends what is followed.
    pub(super) fn unsubscribe_one(&mut self, request: Request<'_>) {
        let ended = parse::<Unsubscribe>(request).and_then(|Unsubscribe { id }| match self.relays.end(id) {
            true => Ok(json!({ "id": id })),
            false => Err(Report::new(
                "Impossible",
                format!("this connection follows nothing with the id {id}"),
            )),
        });
        match ended {
            Ok(data) => self.answer(
                request,
                Line::new("_unsubscribed", request.specifier, &data.to_string()),
            ),
            Err(report) => self.fail(request, report),
        }
    }
}
