//! `_audit`: the audit log, read back and followed (X5).

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::sync::oneshot;

use super::{
    super::{
        super::{
            reply::{Line, Report},
            request::Request,
        },
        Session,
        ownership::parse,
    },
    Lines,
};
use crate::{
    audit::{Audit, Filter},
    clock::Time,
    config::Execution,
    journal::Reader,
};

/// How many entries are given if nothing is said, and at most.
const LIMIT: usize = 1000;
const LIMIT_MAX: usize = 10_000;
/// The longest reply, roughly.
const REPLY_BYTES: usize = 4 << 20;

/// The data of `_audit`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    paths: Vec<String>,
    owner: Option<String>,
    events: Vec<String>,
    outcomes: Vec<String>,
    /// Seconds before now.
    since: Option<f64>,
    limit: Option<usize>,
    follow: bool,
}

impl Session {
    /// `_audit TOKEN {"paths":["stage"],"since":3600,"follow":true}`.
    pub(in crate::server::session) fn audit(&mut self, request: Request<'_>) {
        if let Err(report) = self.begin_audit(request) {
            self.fail(request, report);
        }
    }

    fn begin_audit(&mut self, request: Request<'_>) -> Result<(), Report> {
        let asked: Asked = parse(request)?;
        let lab = self.shared.lab.clone();
        let audit = lab.audit().cloned().ok_or_else(|| {
            let text = "this host keeps no audit log; its config names a file for one: [host] audit = \"audit.jsonl\"";
            Report::new("Impossible", text)
        })?;
        let reading = audit
            .read()
            .ok_or_else(|| Report::new("IsBusy", "many read the audit log at the moment; try again later"))?;
        let since = asked
            .since
            .map(|seconds| before(lab.clock().now(), seconds))
            .transpose()?;
        let filter = Filter {
            paths: asked.paths,
            owner: asked.owner.filter(|owner| !owner.is_empty()),
            events: asked.events,
            outcomes: asked.outcomes,
            since,
        };
        let limit = asked.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
        let (mut id, mut followed) = (None, None);
        if asked.follow {
            self.check_followed()?;
            let (sender, reader) = oneshot::channel();
            followed = Some(sender);
            id = Some(self.relays.follow(Lines::Audit(AuditLines {
                token: request.specifier.to_owned(),
                filter: filter.clone(),
                reader: From::Coming(reader),
            })));
        }
        let token = request.specifier.to_owned();
        let read = move || {
            let _reading = reading;
            read(&audit, &filter, limit, id, followed)
        };
        let reading = self.on_a_thread(read)?;
        self.answer_later(request, async move {
            let answer = reading
                .await
                .unwrap_or_else(|_| Err(Report::new("InternalError", "nobody read it")));
            match answer {
                Ok(data) => Line::new("_audit_is", &token, &data.to_string()).into(),
                Err(report) => Line::error("_audit", &token, &report).into(),
            }
        });
        Ok(())
    }

    /// # Errors
    /// If this connection follows as much as it may.
    pub(in crate::server::session) fn check_followed(&self) -> Result<(), Report> {
        let most = self.shared.limits.subscriptions;
        if self.relays.len() < most {
            return Ok(());
        }
        let text = format!("this connection follows {most} things, which is the most; end one with `_unsubscribe`");
        Err(Report::new("IsBusy", text))
    }

    /// Does something that a disk may hold up. Inline there are no threads, and it is done here.
    fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Report> {
        let (sender, receiver) = oneshot::channel();
        // Whoever asked may have left meanwhile.
        let run = move || drop(sender.send(work()));
        match self.shared.lab.config().host.execution {
            Execution::Inline => run(),
            Execution::Threaded => {
                let thread = std::thread::Builder::new().name("baton audit reader".into());
                thread.spawn(run).map_err(|error| {
                    Report::new(
                        "IsBusy",
                        format!("the system gives no thread to read with: {error}; try again later"),
                    )
                })?;
            }
        }
        Ok(receiver)
    }
}

/// The time so many seconds before `now`.
fn before(now: Time, seconds: f64) -> Result<Timestamp, Report> {
    let time = jiff::SignedDuration::try_from_secs_f64(seconds).ok().and_then(|span| {
        let now = Timestamp::from_nanosecond(now.as_nanoseconds().into()).ok()?;
        now.checked_sub(span).ok()
    });
    time.ok_or_else(|| {
        Report::protocol(format!(
            "`since` is {seconds:?}, which is no number of seconds to go back by"
        ))
    })
}

fn read(
    audit: &Arc<Audit>,
    filter: &Filter,
    limit: usize,
    id: Option<u64>,
    followed: Option<oneshot::Sender<Reader<Json>>>,
) -> Result<Json, Report> {
    let (history, reader) = audit.history();
    let chosen = history
        .newest(filter, limit, REPLY_BYTES)
        .map_err(|error| Report::new("ReadFailed", format!("the audit log cannot be read: {error}")))?;
    if let Some(followed) = followed {
        // Whoever follows may have left.
        let _ = followed.send(reader);
    }
    let mut data = json!({ "file": audit.status().file, "entries": chosen.entries, "more": chosen.more });
    if let Some(id) = id {
        data["id"] = json!(id);
    }
    Ok(data)
}

/// Entries of the audit log as they are written.
pub(in crate::server::session) struct AuditLines {
    token: String,
    filter: Filter,
    reader: From,
}

enum From {
    /// The history is read first.
    Coming(oneshot::Receiver<Reader<Json>>),
    Here(Reader<Json>),
    /// It could not be.
    Never,
}

impl AuditLines {
    pub(super) async fn ready(&mut self) {
        loop {
            match &mut self.reader {
                From::Coming(coming) => {
                    self.reader = match coming.await {
                        Ok(reader) => From::Here(reader),
                        Err(_) => From::Never,
                    }
                }
                From::Here(reader) => return reader.ready().await,
                From::Never => std::future::pending().await,
            }
        }
    }

    pub(super) fn take(&mut self, most: usize) -> Vec<Line> {
        let From::Here(reader) = &mut self.reader else {
            return Vec::new();
        };
        let read = reader.read(most);
        let lost = (read.lost > 0).then(|| json!({ "event": "lost", "count": read.lost }));
        let wanted = read.entries.iter().filter(|entry| self.filter.wants(entry));
        let lines = lost.iter().chain(wanted.map(|entry| &**entry));
        lines
            .map(|entry| Line::new("_audited", &self.token, &entry.to_string()))
            .collect()
    }
}
