//! The calls that a client has begun and may still refer to.

use std::{collections::VecDeque, sync::Arc};

use baton_plugin_api::Datatype;
use serde_json::Value as Json;

use super::super::reply::{self, Report};
use crate::{
    device::{Device, Reading},
    executor::Call,
    failure::Failure,
    lab::Lab,
};

/// So many are kept; beyond that, the oldest that is resolved is forgotten, else the oldest.
const KEPT: usize = 256;

/// A call, and what it is about.
#[derive(Clone)]
pub(in crate::server) struct Record {
    pub(super) call: Call,
    pub(super) device: Arc<Device>,
    pub(super) about: About,
}

/// What a call's reading is of. The numbers are places in the driver's table.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) enum About {
    Parameter(usize),
    Command(usize),
    /// The status.
    Status,
}

impl Record {
    /// The kind of its reading.
    pub(super) fn datatype(&self) -> &Datatype {
        match self.about {
            About::Parameter(index) => &self.device.parameters()[index].description().datatype,
            About::Command(index) => &self.device.commands()[index].description().result,
            // It is JSON already.
            About::Status => &Datatype::Unit,
        }
    }

    /// What it is about, for people.
    pub(super) fn path(&self) -> &str {
        match self.about {
            About::Parameter(index) => self.device.parameters()[index].path(),
            About::Command(index) => self.device.commands()[index].path(),
            About::Status => self.device.name(),
        }
    }

    /// Whether its result is too large to be kept for somebody who might ask again.
    pub(super) fn is_bulky(&self) -> bool {
        let bulky = matches!(
            self.datatype(),
            Datatype::Array { .. } | Datatype::Bytes { .. } | Datatype::Record { .. }
        );
        bulky && matches!(self.about, About::Command(_))
    }

    /// The data of `_resolved`.
    pub(super) fn resolved(&self, lab: &Lab, outcome: Result<Reading, Failure>) -> String {
        let last = match self.about {
            // Where a failed write has left the parameter.
            About::Parameter(index) => self.device.last(index).and_then(Result::ok),
            About::Command(_) | About::Status => None,
        };
        let ended = match &outcome {
            Ok(reading) => reading.time,
            Err(_) => lab.clock().now(),
        };
        let (word, error) = match &outcome {
            Ok(_) => ("done", Json::Null),
            Err(failure) => (failure.outcome(), Report::from(failure.clone()).to_json()),
        };
        let reading = match outcome.ok().or(last) {
            Some(reading) => {
                let mut out = String::new();
                reply::push_reading(&mut out, &reading, self.datatype(), None);
                out
            }
            None => "null".to_owned(),
        };
        let (call, elapsed) = (self.call.id(), ended.since(self.call.accepted()).as_secs_f64());
        format!(r#"{{"call":{call},"outcome":"{word}","reading":{reading},"error":{error},"elapsed":{elapsed:?}}}"#)
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Calls {
    /// Oldest first.
    records: VecDeque<Record>,
}

impl Calls {
    pub(super) fn insert(&mut self, record: Record) {
        if self.records.len() >= KEPT {
            let resolved = self.records.iter().position(|record| record.call.is_resolved());
            self.records.remove(resolved.unwrap_or(0));
        }
        self.records.push_back(record);
    }

    pub(super) fn get(&self, id: u64) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.call.id() == id)
    }
}
