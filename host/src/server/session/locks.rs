//! Locks over the wire (W4): `_lock`, `_unlock`, `_who`, `_break`, `_protect`, `_unprotect`.
//!
//! A grant is named by its connection and the TOKEN of the request (L3). What was promised in seconds is kept on the real
//! clock, also where the lab has a virtual one (I6).

mod grants;
mod terms;
mod waiting;

use std::{sync::Arc, task::Poll, time::Instant};

use serde_json::{Value as Json, json};

pub(super) use grants::Grants;
pub(in crate::server) use grants::Happening;
pub(in crate::server) use grants::Told;
use terms::{Break, Lock, Protect, Unlock, Unprotect};
pub(in crate::server) use waiting::Granted;
use waiting::{Pending, Wait};

use super::{
    super::{
        reply::{Line, Report},
        request::Request,
    },
    Session,
    ownership::parse,
};
use crate::arbiter::{Row, RowKind, TargetSet, Terms};

/// The most requests for locks of a connection that may wait without an answer being due.
const QUEUED_MAX: usize = 1000;
/// The most grants of a connection.
const GRANTS_MAX: usize = 10_000;

impl Session {
    /// `_lock TOKEN {"targets": ["stage", "pump:flow"], "wait": 5}`.
    pub(super) fn lock(&mut self, request: Request<'_>) {
        match self.begin_lock(request) {
            Ok(()) => {}
            Err(report) => self.fail(request, report),
        }
    }

    fn begin_lock(&mut self, request: Request<'_>) -> Result<(), Report> {
        let lock: Lock = parse(request)?;
        let terms = lock.check()?;
        let set = self.target_set(&lock.targets);
        let set = set.inspect_err(|report| self.owner.note_refused("lock", &lock.targets.join(", "), report))?;
        if self.locks.len() >= GRANTS_MAX {
            let text = format!("this connection has {GRANTS_MAX} locks, which is the most");
            return Err(Report::new("IsBusy", text));
        }
        let arbiter = Arc::clone(self.shared.lab.arbiter());
        let asked = Terms {
            note: terms.note.clone(),
            wait: terms.patience(),
            // A virtual clock is not the one that clients go by.
            lease: terms.lease.filter(|_| !self.shared.lab.clock().is_virtual()),
        };
        let mut asking = arbiter.ask(self.actor()?.id(), set, asked);
        let asked = asking.look(None);
        // Whoever founded the session may have left since we looked: then nobody would end what was granted after that.
        self.actor()?;
        if let Poll::Ready(outcome) = asked {
            let granted = terms.granted(request.specifier, outcome?);
            let line = granted.line();
            self.locks.keep(granted);
            self.answer(request, line);
            return Ok(());
        }
        let queued = lock.queue.then(|| terms::queued(&asking));
        let pending = Arc::new(Pending::new(asking));
        let wait = Wait::new(request.specifier, Arc::clone(&pending), terms, Instant::now());
        match queued {
            None => {
                self.locks.waits(request.specifier, pending);
                self.answer_later(request, wait.answer());
            }
            Some(_) if self.locks.queued() >= QUEUED_MAX => {
                let text = format!("{QUEUED_MAX} requests for locks of this connection wait already");
                return Err(Report::new("IsBusy", text));
            }
            Some(queued) => {
                self.locks.waits(request.specifier, pending);
                self.locks.queue(wait.answer());
                self.answer(request, Line::new("_queued", request.specifier, &queued.to_string()));
            }
        }
        Ok(())
    }

    /// `_unlock TOKEN {}`: ends the grants of that token, or withdraws the request; with `targets`, gives back these.
    pub(super) fn unlock(&mut self, request: Request<'_>) {
        let ended = parse::<Unlock>(request).and_then(|unlock| self.end_lock(request.specifier, unlock));
        match ended {
            Ok(data) => self.answer(request, Line::new("_unlocked", request.specifier, &data.to_string())),
            Err(report) => self.fail(request, report),
        }
    }

    fn end_lock(&mut self, token: &str, unlock: Unlock) -> Result<Json, Report> {
        if let Some(targets) = unlock.targets {
            let gone = self.target_set(&targets)?;
            self.locks.narrow(&gone)?;
            return Ok(json!({ "targets": self.shared.lab.arbiter().names(&gone), "withdrawn": false }));
        }
        let withdrawn = self.locks.withdraw(token);
        let ended = self.locks.end(token);
        match (withdrawn, ended) {
            (false, None) => {
                let text = format!("this connection has no lock `{token}`, and none is on its way");
                Err(Report::new("Impossible", text))
            }
            (withdrawn, ended) => Ok(json!({ "targets": ended.unwrap_or_default(), "withdrawn": withdrawn })),
        }
    }

    /// `_who TOKEN`: everything that keeps anybody from anything.
    pub(super) fn who(&mut self, request: Request<'_>) {
        let rows: Vec<Json> = self.shared.lab.who().iter().map(row_to_json).collect();
        self.answer(
            request,
            Line::new("_holders", request.specifier, &json!(rows).to_string()),
        );
    }

    /// `_break TOKEN {"target": "stage", "holder": 17}`.
    pub(super) fn break_lock(&mut self, request: Request<'_>) {
        let broken = parse::<Break>(request).and_then(|Break { target, holder }| {
            let set = self.target_set(&[target])?;
            let row = self
                .shared
                .lab
                .who()
                .into_iter()
                .find(|row| row.owner.number() == holder);
            let targets = self.actor()?.break_lock(set, holder)?;
            let owner = row.map_or_else(|| json!({ "id": holder }), |row| row.owner.to_json());
            Ok(json!({ "targets": targets, "holder": owner }))
        });
        self.answer_with(request, "_broken", broken);
    }

    /// `_protect TOKEN {"targets": ["oven"], "note": "…"}`.
    pub(super) fn protect(&mut self, request: Request<'_>) {
        let protected = parse::<Protect>(request).and_then(|protect| {
            let set = self.target_set(&protect.targets)?;
            let names = self.shared.lab.arbiter().names(&set);
            self.actor()?.protect(set, protect.note.as_deref(), protect.permanent)?;
            Ok(json!({ "targets": names, "permanent": protect.permanent }))
        });
        self.answer_with(request, "_protected", protected);
    }

    /// `_unprotect TOKEN {"targets": ["oven"]}`.
    pub(super) fn unprotect(&mut self, request: Request<'_>) {
        let unprotected = parse::<Unprotect>(request).and_then(|unprotect| {
            let set = self.target_set(&unprotect.targets)?;
            let names = self.shared.lab.arbiter().names(&set);
            self.actor()?.unprotect(set)?;
            Ok(json!({ "targets": names }))
        });
        self.answer_with(request, "_unprotected", unprotected);
    }

    fn answer_with(&mut self, request: Request<'_>, action: &str, outcome: Result<Json, Report>) {
        match outcome {
            Ok(data) => self.answer(request, Line::new(action, request.specifier, &data.to_string())),
            Err(report) => self.fail(request, report),
        }
    }

    /// What names on the wire stand for: `stage`, `stage.position`, `stage:value`, `pump:_flow`.
    fn target_set(&self, names: &[String]) -> Result<TargetSet, Report> {
        let targets = names.iter().map(|name| self.shared.node.target(name));
        let targets = targets.collect::<Result<Vec<_>, Report>>()?;
        Ok(self.shared.lab.arbiter().set(targets))
    }

    /// Does what has come due or was told: a lock ends whose owner was not heard, or was broken.
    pub(super) fn happened(&mut self, happening: Happening) {
        let told = match happening {
            Happening::Answer(answer) => return self.deliver_notice(answer),
            Happening::Due => None,
            Happening::Told(told) => told,
        };
        for (token, data) in self.locks.lost(told.as_deref(), self.acts_in.heard()) {
            self.notify(Line::new("_lost", &token, &data.to_string()));
        }
    }
}

fn row_to_json(row: &Row) -> Json {
    json!({
        "kind": match row.kind {
            RowKind::Lock => "lock",
            RowKind::Running => "running",
            RowKind::Protected => "protected",
            RowKind::ProtectedForGood => "permanent",
        },
        "targets": row.targets,
        "covers": row.covers,
        "owner": row.owner.to_json(),
        "since": row.since.as_seconds(),
        "note": row.note.as_deref(),
        "lease": row.lease.map(|lease| lease.as_seconds()),
        "running": row.running.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "waiting": row.waiting.iter().map(|waiting| json!({
            "owner": waiting.owner.to_json(),
            "targets": waiting.targets,
            "since": waiting.since.as_seconds(),
            "note": waiting.note.as_deref(),
        })).collect::<Vec<_>>(),
    })
}
