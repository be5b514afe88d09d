//! A small blocking SECoP client: the command line's only way to a host.
//!
//! One connection, requests matched to their replies by action and specifier, and the updates that flow in between
//! kept and handed on. Nothing here knows of terminals or output; nodes that are not ours are served as far as SECoP
//! itself goes.

mod admission;
mod datainfo;
mod description;
mod message;
mod ownership;
mod transport;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

pub(crate) use datainfo::{Datainfo, Number};
pub(crate) use description::{Command, Device, Node, Parameter};
pub(crate) use message::{Message, Reading, RemoteError, Update};
pub(crate) use ownership::Membership;
use transport::Link;
pub(crate) use transport::{Address, Incoming};

use super::failure::Failure;
use crate::{config::Secret, owner::Identity};

/// How long a request may take; a SECoP node answers within 10 s, ours within 8 s.
pub(crate) const REPLY_TIMEOUT: Duration = Duration::from_secs(10);

/// Replies and messages that arrive before anybody waits for them are kept, up to so many.
const STASH_MAX: usize = 100_000;

/// A connection to a SECoP node, after the handshake.
pub(crate) struct Client {
    address: Address,
    link: Link,
    /// What the node said of itself in the handshake.
    ident: String,
    /// Replies to requests whose turn has not come.
    stash: VecDeque<Message>,
    /// The last reading of each `module:accessible` seen.
    latest: HashMap<String, Reading>,
    tokens: u32,
    trace: bool,
    /// What we say of ourselves as soon as we know that it is a host of ours.
    introduction: Option<Identity>,
    /// The token that was given for the host.
    token: Option<Secret>,
}

/// A request that was sent; give it to [`Client::reply`].
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    action: &'static str,
    specifier: String,
    /// What the failures of this request are about, for people.
    path: String,
}

/// What a reply may look like for each request.
const REPLIES: &[(&str, &str)] = &[
    ("_authenticate", "_authenticated"),
    ("describe", "describing"),
    ("activate", "active"),
    ("read", "reply"),
    ("change", "changed"),
    ("do", "done"),
    ("ping", "pong"),
    ("_wait", "_resolved"),
    ("_wait_for", "_reached"),
    ("_cancel", "_cancelled"),
    ("_stop_all", "_stopped"),
    ("_stop", "_stopped"),
    ("_timeout", "_timeout_is"),
    ("_status", "_status_is"),
    ("_device", "_device_is"),
    ("_drivers", "_drivers_are"),
    ("_log", "_log_is"),
    ("_audit", "_audit_is"),
    ("_subscribe", "_subscribed"),
    ("_unsubscribe", "_unsubscribed"),
    ("_send", "_sent"),
    ("_history", "_history_is"),
    ("_join", "_joined"),
    ("_introduce", "_introduced"),
    ("_lock", "_locked"),
    ("_unlock", "_unlocked"),
    ("_who", "_holders"),
    ("_break", "_broken"),
    ("_set_zero", "_zero"),
    ("_reopen", "_reopened"),
    ("_protect", "_protected"),
    ("_unprotect", "_unprotected"),
];

impl Client {
    /// Connects and shakes hands. With `trace`, every line is shown on standard error.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] if nobody answers, or somebody who does not speak SECoP.
    pub(crate) fn connect(address: &Address, trace: bool) -> Result<Client, Failure> {
        let unreachable = |cause: String| Failure::Unreachable {
            address: address.to_string(),
            cause,
        };
        let link = Link::connect(address).map_err(|error| unreachable(plain(&error)))?;
        let mut client = Client {
            address: address.clone(),
            link,
            ident: String::new(),
            stash: VecDeque::new(),
            latest: HashMap::new(),
            tokens: 0,
            trace,
            introduction: None,
            token: None,
        };
        client.ident = client.shake_hands().map_err(unreachable)?;
        Ok(client)
    }

    fn shake_hands(&mut self) -> Result<String, String> {
        self.write_line("*IDN?").map_err(|error| plain(&error))?;
        match self.link.next(Some(Instant::now() + REPLY_TIMEOUT / 2)) {
            Some(Incoming::Line(line)) => {
                let line = line.trim_end();
                self.show('<', line);
                if is_secop(line) {
                    return Ok(line.to_owned());
                }
                let shown: String = line.chars().take(60).collect();
                Err(format!("what listens there is no SECoP node, it says {shown:?}"))
            }
            Some(Incoming::Closed(cause)) => Err(format!("what listens there is no SECoP node: {cause}")),
            Some(Incoming::Interrupt) => Err("interrupted".to_owned()),
            None => Err("it accepts connections, but does not answer".to_owned()),
        }
    }

    /// Where we are connected to.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// What the node said of itself in the handshake.
    pub(crate) fn ident(&self) -> &str {
        &self.ident
    }

    /// Where a watcher puts what is to end a wait.
    pub(crate) fn interrupter(&self) -> std::sync::mpsc::SyncSender<Incoming> {
        self.link.sender()
    }

    /// The node's description.
    pub(crate) fn describe(&mut self) -> Result<Node, Failure> {
        let data = self.request("describe", ".", Json::Null, "")?;
        let node = Node::parse(&data).map_err(|cause| Failure::Unreachable {
            address: self.address.to_string(),
            cause: format!("its description makes no sense: {cause}"),
        })?;
        if node.is_baton() {
            self.introduce()?;
        }
        Ok(node)
    }

    /// Sends a request with a fresh token and waits for the reply's data; for requests that only our hosts know.
    pub(crate) fn custom(&mut self, action: &'static str, data: Json) -> Result<Json, Failure> {
        let pending = self.send_custom(action, data, "")?;
        self.answer(&pending)
    }

    /// Waits for the reply to a request as long as any may take, and returns its data.
    pub(crate) fn answer(&mut self, pending: &Pending) -> Result<Json, Failure> {
        self.reply(pending, Some(Instant::now() + REPLY_TIMEOUT), &mut |_| {})
    }

    /// What the host has said of its own accord with this action and token, if it has: the oldest.
    pub(crate) fn notice(&mut self, action: &str, specifier: &str) -> Option<Message> {
        let said = |message: &Message| message.action == action && message.specifier == specifier;
        let index = self.stash.iter().position(said)?;
        self.stash.remove(index)
    }

    /// What the host has said of its own accord with this action, about anything: the oldest.
    pub(crate) fn event(&mut self, action: &str) -> Option<Message> {
        let index = self.stash.iter().position(|message| message.action == action)?;
        self.stash.remove(index)
    }

    /// Drops replies of this action that nobody waits for.
    pub(crate) fn forget(&mut self, action: &str) {
        self.stash.retain(|message| message.action != action);
    }

    /// Sends a request with a fresh token.
    pub(crate) fn send_custom(&mut self, action: &'static str, data: Json, path: &str) -> Result<Pending, Failure> {
        self.tokens += 1;
        let token = format!("t{}", self.tokens);
        self.send(action, &token, data, path)
    }

    /// Sends a request and waits for the reply's data.
    pub(crate) fn request(&mut self, action: &'static str, on: &str, data: Json, path: &str) -> Result<Json, Failure> {
        let pending = self.send(action, on, data, path)?;
        self.reply(&pending, Some(Instant::now() + REPLY_TIMEOUT), &mut |_| {})
    }

    /// Reads a parameter from the hardware.
    pub(crate) fn read(&mut self, on: &str, path: &str) -> Result<Reading, Failure> {
        self.request("read", on, Json::Null, path)
            .map(|data| Reading::parse(&data))
    }

    /// Asks for updates of one module, or of all. The current readings have arrived when this returns.
    pub(crate) fn activate(&mut self, module: Option<&str>) -> Result<(), Failure> {
        let module = module.unwrap_or_default();
        self.request("activate", module, Json::Null, module).map(drop)
    }

    /// The last reading of `module:accessible` that has arrived.
    pub(crate) fn latest(&self, on: &str) -> Option<&Reading> {
        self.latest.get(on)
    }

    /// Sends a request. `path` is what its failures are about, in the user's words.
    pub(crate) fn send(&mut self, action: &'static str, on: &str, data: Json, path: &str) -> Result<Pending, Failure> {
        let mut line = action.to_owned();
        if !on.is_empty() && action != "describe" {
            line = format!("{line} {on}");
        }
        if !data.is_null() {
            line = format!("{line} {data}");
        }
        self.write_line(&line).map_err(|error| self.gone(plain(&error)))?;
        Ok(Pending {
            action,
            specifier: on.to_owned(),
            path: path.to_owned(),
        })
    }

    /// Waits for the reply to `pending` and returns its data; updates that come first go to `on_update`.
    ///
    /// # Errors
    /// [`Failure::Remote`] as the node says; [`Failure::Timeout`] once `deadline` has passed, [`Failure::Interrupted`]
    /// at Ctrl-C, and then the reply can still be waited for.
    pub(crate) fn reply(
        &mut self,
        pending: &Pending,
        deadline: Option<Instant>,
        on_update: &mut dyn FnMut(&Update),
    ) -> Result<Json, Failure> {
        loop {
            if let Some(index) = self.stash.iter().position(|message| pending.is_answered_by(message)) {
                let message = self.stash.remove(index).expect("the position was found in it");
                return pending.outcome(message);
            }
            match self.next(deadline) {
                Ok(Some(update)) => on_update(&update),
                Ok(None) => {}
                Err(Failure::Timeout(_)) => return Err(Failure::Timeout(pending.overdue())),
                Err(failure) => return Err(failure),
            }
        }
    }

    /// As [`reply`](Self::reply), for as long as it takes; lines of the action `news` for the same request come first.
    pub(crate) fn reply_with_news(
        &mut self,
        pending: &Pending,
        news: &str,
        on_news: &mut dyn FnMut(&Json),
    ) -> Result<Json, Failure> {
        let is_news = |message: &Message| message.action == news && message.specifier == pending.specifier;
        loop {
            while let Some(index) = self.stash.iter().position(is_news) {
                let message = self.stash.remove(index).expect("the position was found in it");
                on_news(&message.data);
            }
            if let Some(index) = self.stash.iter().position(|message| pending.is_answered_by(message)) {
                let message = self.stash.remove(index).expect("the position was found in it");
                return pending.outcome(message);
            }
            self.next(None)?;
        }
    }

    /// Waits for the next line: an update is returned, a reply kept.
    ///
    /// # Errors
    /// [`Failure::Timeout`], [`Failure::Interrupted`], or [`Failure::Gone`].
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Result<Option<Update>, Failure> {
        let line = match self.link.next(deadline) {
            Some(Incoming::Line(line)) => line,
            Some(Incoming::Closed(cause)) => return Err(self.gone(cause)),
            Some(Incoming::Interrupt) => return Err(Failure::Interrupted("interrupted".to_owned())),
            None => return Err(Failure::Timeout("nothing was heard in time".to_owned())),
        };
        self.show('<', line.trim_end());
        let message = Message::parse(&line).map_err(|cause| self.gone(cause))?;
        if let Some(update) = message.update() {
            let on = format!("{}:{}", update.module, update.accessible);
            self.latest.insert(on, update.reading.clone());
            return Ok(Some(update));
        }
        if self.stash.len() < STASH_MAX {
            self.stash.push_back(message);
        }
        Ok(None)
    }

    fn write_line(&mut self, line: &str) -> std::io::Result<()> {
        self.show('>', admission::without_token(line));
        self.link.send(line)
    }

    fn show(&self, direction: char, line: &str) {
        if self.trace {
            super::output::trace(direction, line);
        }
    }

    fn gone(&self, cause: String) -> Failure {
        Failure::Gone {
            address: self.address.to_string(),
            cause,
        }
    }
}

/// What the operating system says, without its number: nobody looks that up.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Whether an identification is that of a SECoP node: maker, protocol, version, revision, the maker naming ISSE.
fn is_secop(ident: &str) -> bool {
    let mut parts = ident.split(',');
    let maker = parts.next().unwrap_or_default();
    maker.contains("ISSE") && parts.next() == Some("SECoP")
}

impl Pending {
    /// By what the host tells this request from others; it may say more about it later.
    pub(crate) fn token(&self) -> &str {
        &self.specifier
    }

    fn is_answered_by(&self, message: &Message) -> bool {
        let reply = REPLIES.iter().find(|(request, _)| *request == self.action);
        let answers = reply.is_some_and(|(_, reply)| *reply == message.action)
            || message.action.strip_prefix("error_") == Some(self.action);
        // Only one description can be on its way, and nodes differ in what they call themselves in it.
        answers && (self.action == "describe" || message.specifier == self.specifier)
    }

    fn outcome(&self, message: Message) -> Result<Json, Failure> {
        if !message.action.starts_with("error_") {
            return Ok(message.data);
        }
        Err(Failure::Remote {
            path: self.path.clone(),
            error: Box::new(RemoteError::parse(&message.data)),
        })
    }

    fn overdue(&self) -> String {
        let object = if self.path.is_empty() { "the host" } else { &self.path };
        format!("{object}: no reply to \"{}\" in time", self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_every_generation_are_known_by_their_ident() {
        assert!(is_secop("ISSE&SINE2020,SECoP,V2019-09-16,v1.0"));
        assert!(is_secop("ISSE,SECoP,V2021-02-01,v2.0"));
        assert!(!is_secop("SSH-2.0-OpenSSH_9.2"));
        assert!(!is_secop(""));
    }
}
