//! What lies between two configs: the running one and another, as data (R2, R4).
//!
//! [`Difference::between`] is pure. It says for each device and controller what has changed, from what to what and where
//! that is written, and how it can be brought about: while the device runs, by opening it again, or not before the host
//! starts anew. Two configs that mean the same have no difference, whatever moved in their files: the difference of a
//! config to itself is empty.
//!
//! What stands in the way of a change, a lock or a motion, is no part of it: that is asked when it is to be made.

mod device;
mod host;
mod options;
mod parameter;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ControllerConfig, DeviceConfig, LabConfig, Origin};

/// What lies between two configs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Of the lab itself and its host.
    pub host: Vec<Change>,
    /// Of controllers and devices: those that are gone, in the order of the old config, then all others in the order of
    /// the new one, controllers first.
    pub parts: Vec<Part>,
}

/// A controller or a device that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// What it is.
    pub what: What,
    /// What happens to it.
    #[serde(flatten)]
    pub fate: Fate,
    /// Where it is written: in the new config, or in the old one if it is gone.
    pub origin: Origin,
}

/// A controller or a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it all")]
pub enum What {
    Controller,
    Device,
}

/// What happens to a controller or a device.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "fate", rename_all = "lowercase")]
pub enum Fate {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is there in both.
    Changed {
        /// What of it, at least one.
        changes: Vec<Change>,
        /// Whether clients that were given its old description cannot go on with it (R5): a parameter or command is
        /// gone, or has another datatype, unit or access, or the device is of another class.
        retyped: bool,
    },
}

/// One thing that is not what it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The key, as in the config: `parameters.position.limits`.
    pub key: String,
    /// What it was, as people write it; `None` if it was not there. What was looked up is not shown.
    pub old: Option<String>,
    /// What it shall be; `None` if it shall not be there.
    pub new: Option<String>,
    /// How it comes about.
    pub way: Way,
    /// Where it is written in the new config; where its table is, if it is not written any more.
    pub origin: Option<Origin>,
}

/// How a change comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// At once, under locks and in the middle of a motion: it only forbids, or only the host is concerned (R4).
    AtOnce,
    /// While the device runs, but not against a lock or a motion: it allows more, or reaches the driver.
    WhenFree,
    /// By closing and opening the device, or its controller with all that is on it.
    Reopen,
    /// Not in a running host.
    Restart,
}

impl Difference {
    /// What has to change for `old` to become `new`.
    pub fn between(old: &LabConfig, new: &LabConfig) -> Difference {
        let mut parts = Vec::new();
        parts.extend(old.controllers.iter().filter_map(|c| gone(c, &new.controllers)));
        parts.extend(old.devices.iter().filter_map(|d| gone(d, &new.devices)));
        let before: BTreeMap<_, _> = old.controllers.iter().map(|c| (c.name.as_str(), c)).collect();
        parts.extend(
            new.controllers
                .iter()
                .filter_map(|c| part(before.get(c.name.as_str()).copied(), c)),
        );
        let before: BTreeMap<_, _> = old.devices.iter().map(|d| (d.name.as_str(), d)).collect();
        parts.extend(
            new.devices
                .iter()
                .filter_map(|d| part(before.get(d.name.as_str()).copied(), d)),
        );
        Difference {
            host: host::changes(old, new),
            parts,
        }
    }

    /// Whether nothing has to change.
    pub fn is_empty(&self) -> bool {
        self.host.is_empty() && self.parts.is_empty()
    }
}

impl Part {
    /// The slowest way among its changes; `None` for what is new or gone.
    pub fn way(&self) -> Option<Way> {
        match &self.fate {
            Fate::Changed { changes, .. } => changes.iter().map(|change| change.way).max(),
            Fate::Added | Fate::Removed => None,
        }
    }
}

/// What a controller and a device have in common here.
trait Named {
    const WHAT: What;
    fn name(&self) -> &str;
    fn origin(&self) -> &Origin;
    /// What has changed since `old`, and whether clients have to be told anew what it is.
    fn changes_since(&self, old: &Self) -> (Vec<Change>, bool);
}

impl Named for DeviceConfig {
    const WHAT: What = What::Device;

    fn name(&self) -> &str {
        &self.name
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn changes_since(&self, old: &Self) -> (Vec<Change>, bool) {
        (device::changes(old, self), device::is_retyped(old, self))
    }
}

impl Named for ControllerConfig {
    const WHAT: What = What::Controller;

    fn name(&self) -> &str {
        &self.name
    }

    fn origin(&self) -> &Origin {
        &self.origin
    }

    fn changes_since(&self, old: &Self) -> (Vec<Change>, bool) {
        (device::controller_changes(old, self), false)
    }
}

fn gone<N: Named>(old: &N, new: &[N]) -> Option<Part> {
    let is_there = new.iter().any(|new| new.name() == old.name());
    (!is_there).then(|| entry(old, Fate::Removed))
}

fn part<N: Named>(old: Option<&N>, new: &N) -> Option<Part> {
    let Some(old) = old else {
        return Some(entry(new, Fate::Added));
    };
    let (changes, retyped) = new.changes_since(old);
    (!changes.is_empty()).then(|| entry(new, Fate::Changed { changes, retyped }))
}

fn entry<N: Named>(config: &N, fate: Fate) -> Part {
    Part {
        name: config.name().to_owned(),
        what: N::WHAT,
        fate,
        origin: config.origin().clone(),
    }
}

/// Gathers changes; each of its methods compares one key.
struct Comparison<'a> {
    changes: Vec<Change>,
    /// Where the table that is compared is written.
    table: &'a Origin,
}

impl<'a> Comparison<'a> {
    fn new(table: &'a Origin) -> Self {
        Comparison {
            changes: Vec::new(),
            table,
        }
    }

    /// A key whose values say themselves what they are.
    fn key<T: PartialEq>(&mut self, key: &str, way: Way, old: &T, new: &T, shown: impl Fn(&T) -> String) {
        if old != new {
            self.push(key, way, Some(shown(old)), Some(shown(new)), None);
        }
    }

    /// A text; an empty one is none.
    fn text(&mut self, key: &str, way: Way, old: &str, new: &str) {
        let shown = |text: &str| (!text.is_empty()).then(|| format!("{text:?}"));
        if old != new {
            self.push(key, way, shown(old), shown(new), None);
        }
    }

    fn push(
        &mut self,
        key: impl Into<String>,
        way: Way,
        old: Option<String>,
        new: Option<String>,
        at: Option<&Origin>,
    ) {
        self.changes.push(Change {
            key: key.into(),
            old,
            new,
            way,
            origin: Some(at.unwrap_or(self.table).clone()),
        });
    }
}
