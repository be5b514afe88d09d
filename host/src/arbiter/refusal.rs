//! What whoever cannot have a lock, or cannot write because of one, is told: who, where, since when and why.

use std::{fmt, time::Duration};

use serde_json::{Value as Json, json};

use crate::{clock::Time, failure::seconds, owner::OwnerId};

/// Somebody is in the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Locked {
    /// What was asked for.
    pub path: String,
    /// How somebody is in the way of that.
    pub by: InTheWay,
    /// What they have, or wait for; `path`, or what covers it, or a part of it.
    pub target: String,
    /// Who.
    pub owner: OwnerId,
    /// Since when.
    pub since: Time,
    /// How long that has been.
    pub age: Duration,
    /// Why, in their words.
    pub note: Option<String>,
    /// What their calls do there now.
    pub running: Vec<String>,
    /// How long the request has waited.
    pub waited: Duration,
}

/// How somebody is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InTheWay {
    /// They have it locked.
    Lock,
    /// They came first, and wait for it.
    Waiter,
    /// A call of theirs runs there.
    Call,
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Locked {
            path, target, owner, ..
        } = self;
        match self.by {
            InTheWay::Lock if path == target => write!(f, "{path} is locked by {owner}")?,
            InTheWay::Lock => write!(f, "{path} is not free: {target} is locked by {owner}")?,
            InTheWay::Waiter if path == target => write!(f, "{path} is next for {owner}, who waits to lock it")?,
            InTheWay::Waiter => write!(f, "{path} is not free: {owner} waits to lock {target}")?,
            InTheWay::Call => match self.running.first() {
                Some(call) => write!(f, "{path} is not free: a {call}, by {owner}, runs")?,
                None => write!(f, "{path} is not free: a call of {owner} runs")?,
            },
        }
        write!(f, ", for {}", seconds(self.age))?;
        if let Some(note) = &self.note {
            write!(f, " (\"{note}\")")?;
        }
        if let (InTheWay::Lock, [call, ..]) = (self.by, self.running.as_slice()) {
            write!(f, "; a {call} runs")?;
        }
        match self.waited.is_zero() {
            true => Ok(()),
            false => write!(f, "; gave up after waiting for {}", seconds(self.waited)),
        }
    }
}

impl Locked {
    /// For programs.
    pub fn detail(&self) -> Json {
        json!({ "locked_by": {
            "target": self.target,
            "owner": self.owner.to_json(),
            "since": self.since.as_seconds(),
            "note": self.note,
            "running": self.running,
            "how": match self.by {
                InTheWay::Lock => "lock",
                InTheWay::Waiter => "waits",
                InTheWay::Call => "runs",
            },
        }})
    }
}

/// The writer had a lock, which somebody else has broken (L9).
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenBy {
    /// What was asked for.
    pub path: String,
    /// What was locked.
    pub target: String,
    /// Who broke it.
    pub owner: OwnerId,
    /// When.
    pub time: Time,
    /// How long ago that is.
    pub age: Duration,
}

impl fmt::Display for BrokenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BrokenBy {
            path, target, owner, ..
        } = self;
        let ago = seconds(self.age);
        write!(
            f,
            "{path} is not yours any more: {owner} broke your lock of {target} {ago} ago; unlock it, or lock it anew"
        )
    }
}

impl BrokenBy {
    /// For programs.
    pub fn detail(&self) -> Json {
        json!({ "broken_by": {
            "target": self.target,
            "owner": self.owner.to_json(),
            "time": self.time.as_seconds(),
        }})
    }
}

/// It is protected from everybody (L10).
#[derive(Clone, Debug, PartialEq)]
pub struct ProtectedBy {
    /// What was asked for.
    pub path: String,
    /// What is protected.
    pub target: String,
    /// Who did that.
    pub owner: OwnerId,
    /// Since when.
    pub since: Time,
    /// How long that has been.
    pub age: Duration,
    /// Why, in their words.
    pub note: Option<String>,
    /// Whether it stays so until the host ends.
    pub permanent: bool,
}

impl fmt::Display for ProtectedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ProtectedBy {
            path, target, owner, ..
        } = self;
        match path == target {
            true => write!(f, "{path} is protected by {owner}")?,
            false => write!(f, "{path} cannot be written: {target} is protected by {owner}")?,
        }
        write!(f, ", for {}", seconds(self.age))?;
        if let Some(note) = &self.note {
            write!(f, " (\"{note}\")")?;
        }
        match self.permanent {
            true => f.write_str("; it stays so until the host ends"),
            false => f.write_str("; anybody may unprotect it"),
        }
    }
}

impl ProtectedBy {
    /// For programs.
    pub fn detail(&self) -> Json {
        json!({ "protected_by": {
            "target": self.target,
            "owner": self.owner.to_json(),
            "since": self.since.as_seconds(),
            "note": self.note,
            "permanent": self.permanent,
        }})
    }
}

/// Waiting would never end (L2).
#[derive(Clone, Debug, PartialEq)]
pub struct Deadlock {
    /// What was asked for.
    pub path: String,
    /// Who waits for what, and who has it, from whoever asked around to them again. Empty if nobody but the thread that
    /// waits could free it (I4).
    pub cycle: Vec<CycleLink>,
}

/// One step of a cycle.
#[derive(Clone, Debug, PartialEq)]
pub struct CycleLink {
    /// Who waits.
    pub waiter: OwnerId,
    /// For what.
    pub target: String,
    /// Who has it.
    pub holder: OwnerId,
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        if self.cycle.is_empty() {
            return write!(
                f,
                "waiting for {path} would never end: nobody but the thread that waits could free it"
            );
        }
        write!(f, "waiting for {path} would never end: ")?;
        for (index, link) in self.cycle.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(
                f,
                "{} waits for {}, which {} has",
                link.waiter, link.target, link.holder
            )?;
        }
        f.write_str("; unlock what you have first, and lock all of it at once")
    }
}

impl Deadlock {
    /// For programs.
    pub fn detail(&self) -> Json {
        let link = |link: &CycleLink| json!({ "waiter": link.waiter.to_json(), "target": link.target, "holder": link.holder.to_json() });
        json!({ "cycle": self.cycle.iter().map(link).collect::<Vec<_>>() })
    }
}
