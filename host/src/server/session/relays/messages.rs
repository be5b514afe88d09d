//! `_subscribe`, `_send` and `_history`: the dispatcher over the wire (M).
//!
//! All subscriptions of a connection share one queue, where their messages wait until the client can take them. It is
//! bounded: when it is full, the sender and name of which most is waiting loses its oldest message, and says so with the
//! next one.

use std::{collections::HashMap, sync::Arc};

use baton_plugin_api::{Time, Value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::super::{
    super::{
        reply::{self, Line, Report},
        request::Request,
    },
    Session,
    ownership::parse,
};
use crate::dispatcher::{Bounds, Message, Payload, Policy, Queue, Subscription, Taken, Terms};

/// What waits for a client of all its subscriptions.
const BOUNDS: Bounds = Bounds {
    entries: 10_000,
    bytes: 8 << 20,
};

/// The data of `_subscribe`.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Subscribe {
    sender: String,
    message: String,
    policy: String,
    /// Seconds before now.
    since: Option<f64>,
}

impl Default for Subscribe {
    fn default() -> Self {
        Subscribe {
            sender: "*".to_owned(),
            message: "*".to_owned(),
            policy: "drop_oldest".to_owned(),
            since: None,
        }
    }
}

/// The data of `_send`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Send {
    message: String,
    #[serde(default)]
    payload: Json,
    sender: Option<String>,
}

/// The data of `_history`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct History {
    path: String,
    /// Seconds before now.
    since: Option<f64>,
}

/// The subscriptions of a connection.
pub(in crate::server::session) struct Subscriptions {
    queue: Arc<Queue<()>>,
    /// By the number that the dispatcher gives them, which it puts into their messages.
    all: HashMap<u64, Subscribed>,
}

/// A subscription, and the number by which the client ends it.
struct Subscribed {
    id: u64,
    _subscription: Subscription,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Subscriptions {
            queue: Arc::new(Queue::new(BOUNDS)),
            all: HashMap::new(),
        }
    }
}

impl Subscriptions {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Ends one; what waits of it is not told any more. `false` if there is none of that number.
    pub(super) fn end(&mut self, id: u64) -> bool {
        let before = self.all.len();
        self.all.retain(|_, subscribed| subscribed.id != id);
        self.all.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.all.clear();
    }

    /// The next message, of those that are wanted still.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped.
    pub(super) async fn next(&self, most: usize) -> Vec<Line> {
        loop {
            let Some(first) = std::future::poll_fn(|cx| self.queue.poll_one(cx.waker())).await else {
                // The lab is closed: nothing comes any more.
                return std::future::pending().await;
            };
            let more = std::iter::from_fn(|| self.queue.take_one());
            let lines: Vec<_> = std::iter::once(first)
                .chain(more)
                .take(most)
                .filter_map(|taken| self.line(taken))
                .collect();
            if !lines.is_empty() {
                return lines;
            }
        }
    }

    /// `_message stage:limit_hit [payload, {"t", "n", "lost", "id"}]`.
    fn line(&self, taken: Taken<()>) -> Option<Line> {
        let Taken::Message(message) = taken else { return None };
        // What has been ended since is not wanted any more.
        let id = self.all.get(&message.subscription())?.id;
        let specifier = format!("{}:{}", message.sender(), message.message());
        let mut qualifiers = message.qualifiers();
        qualifiers["id"] = json!(id);
        let data = format!("[{},{qualifiers}]", message.payload().to_json());
        Some(Line::new("_message", &specifier, &data))
    }
}

impl Session {
    /// `_subscribe TOKEN {"sender":"stage","message":"*"}`.
    pub(in crate::server::session) fn subscribe_to(&mut self, request: Request<'_>) {
        match self.begin_subscription(request) {
            Ok(id) => {
                let data = json!({ "id": id }).to_string();
                self.answer(request, Line::new("_subscribed", request.specifier, &data));
            }
            Err(report) => self.fail(request, report),
        }
    }

    fn begin_subscription(&mut self, request: Request<'_>) -> Result<u64, Report> {
        let asked: Subscribe = parse(request)?;
        self.check_followed()?;
        let terms = Terms {
            policy: policy(&asked.policy)?,
            since: asked.since.map(|seconds| self.before(seconds)).transpose()?,
            ..Terms::default()
        };
        let queue = &self.relays.subscriptions.queue;
        let lab = &self.shared.lab;
        let subscription = lab.subscribe_queue(&asked.sender, &asked.message, &terms, queue)?;
        let number = subscription.id();
        let id = self.relays.next_id();
        let subscribed = Subscribed {
            id,
            _subscription: subscription,
        };
        self.relays.subscriptions.all.insert(number, subscribed);
        Ok(id)
    }

    /// `_send TOKEN {"message":"go","payload":3}`: as `client:<name>`, and nobody else (M6).
    pub(in crate::server::session) fn send_message(&mut self, request: Request<'_>) {
        let sent = parse::<Send>(request).and_then(|send| {
            let owner = self.actor()?.introduced();
            let sender = owner.sender();
            if let Some(other) = send.sender.filter(|other| !other.eq_ignore_ascii_case(sender)) {
                let text = format!("you send as `{sender}`, and cannot speak for `{other}`; leave `sender` out");
                return Err(Report::new("Impossible", text));
            }
            let n = owner.send(&send.message, Value::from_json(send.payload))?;
            Ok(json!({ "sender": &**sender, "message": send.message, "n": n }))
        });
        match sent {
            Ok(data) => self.answer(request, Line::new("_sent", request.specifier, &data.to_string())),
            Err(report) => self.fail(request, report),
        }
    }

    /// `_history TOKEN {"path":"stage.position","since":300}`: the readings of the last minutes, as far as they are kept.
    pub(in crate::server::session) fn history(&mut self, request: Request<'_>) {
        match self.read_history(request) {
            Ok(data) => self.answer(request, Line::new("_history_is", request.specifier, &data)),
            Err(report) => self.fail(request, report),
        }
    }

    fn read_history(&self, request: Request<'_>) -> Result<String, Report> {
        let asked: History = parse(request)?;
        let since = asked.since.map(|seconds| self.before(seconds)).transpose()?;
        let (device, name) = crate::device::split_path(&asked.path);
        let parameter = self.shared.lab.device(device)?.parameter(name)?;
        let datatype = &parameter.description().datatype;
        let readings = self
            .shared
            .lab
            .history(parameter.path(), since.unwrap_or(Time::from_nanoseconds(0)))?;
        let mut data = format!("{{\"path\":{},\"readings\":[", json!(&**parameter.path()));
        let shown = readings.iter().filter_map(|message| reading(message, datatype));
        data += &shown.collect::<Vec<_>>().join(",");
        data += "]}";
        Ok(data)
    }

    /// The time so many seconds before now.
    pub(in crate::server::session) fn before(&self, seconds: f64) -> Result<Time, Report> {
        let span = std::time::Duration::try_from_secs_f64(seconds).ok();
        let span = span.filter(|span| *span <= std::time::Duration::from_secs(366 * 86_400));
        let nanoseconds = span.map(|span| self.now().as_nanoseconds().saturating_sub(span.as_nanos() as u64));
        nanoseconds.map(Time::from_nanoseconds).ok_or_else(|| {
            let text = format!("`since` is {seconds:?}, which is no number of seconds to go back by");
            Report::protocol(text)
        })
    }
}

/// `[value, {"t"}]`, or `[null, {"t", "error"}]`.
fn reading(message: &Message, datatype: &baton_plugin_api::Datatype) -> Option<String> {
    match message.payload() {
        Payload::Reading(Ok(reading)) => {
            let mut shown = String::new();
            reply::push_reading(&mut shown, reading, datatype, None);
            Some(shown)
        }
        Payload::Reading(Err(error)) => {
            let t = error.time.as_seconds();
            Some(json!([null, { "t": t, "error": reply::reading_error(error).to_json() }]).to_string())
        }
        _ => None,
    }
}

fn policy(word: &str) -> Result<Policy, Report> {
    match word {
        "latest" => Ok(Policy::Latest),
        "drop_oldest" => Ok(Policy::DropOldest),
        "lossless" => Err(Report::protocol(
            "`lossless` is for subscribers in the host's own process: for a socket that is not read, the host would have to \
             keep everything. `drop_oldest` loses nothing of a client that reads, and says what is lost of one that does not",
        )),
        other => Err(Report::protocol(format!(
            "`{other}` is no policy: expected \"drop_oldest\" or \"latest\""
        ))),
    }
}
