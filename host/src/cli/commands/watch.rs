//! `baton watch`: the values now, and a line for each change.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::follow::{self, Followed, Lines};
use super::unless_unknown;
use crate::cli::args::{Global, Watch};
use crate::cli::client::{Client, Datainfo, Node, Parameter, Reading, RemoteError, Update};
use crate::cli::failure::Failure;
use crate::cli::format;
use crate::cli::names::{self, Place};
use crate::cli::output::Output;
use crate::cli::readings::{self, Status};

/// Follows what matches the patterns until the user, the reader of the output or the host has had enough.
pub(super) fn run(global: &Global, watch: &Watch, output: Output) -> Result<(), Failure> {
    let mut watched = Watched {
        watch,
        places: Vec::new(),
        shown: HashMap::new(),
        statuses: HashMap::new(),
    };
    follow::run(global, &watch.until, output, &mut watched)
}

/// What is watched.
struct Watched<'a> {
    watch: &'a Watch,
    /// In the order in which the user named them.
    places: Vec<Watching>,
    /// The reading that was shown last, by specifier.
    shown: HashMap<String, Reading>,
    /// The word for the status of each device.
    statuses: HashMap<String, String>,
}

/// A parameter, as it is described by the host that is there now.
struct Watching {
    /// On the wire: `stage:value`.
    on: String,
    path: String,
    parameter: Parameter,
    device: String,
}

impl Followed for Watched<'_> {
    fn begin(&mut self, client: &mut Client, lines: &mut Lines, again: bool) -> Result<(), Failure> {
        let node = client.describe()?;
        self.places = find(&node, &self.watch.patterns)?;
        let mut modules: Vec<&str> = Vec::new();
        for place in &self.places {
            if !modules.contains(&place.device.as_str()) {
                client.activate(Some(&place.device))?;
                modules.push(&place.device);
            }
        }
        let now: Vec<_> = self
            .places
            .iter()
            .map(|place| client.latest(&place.on).cloned())
            .collect();
        for place in &self.places {
            if let Some(status) = client.latest(&format!("{}:status", place.device)) {
                self.statuses
                    .insert(place.device.clone(), Status::parse(&status.value).label());
            }
        }
        if let Some(since) = self.watch.since.filter(|_| !again) {
            self.show_history(client, since, &now, lines)?;
        }
        for (index, reading) in now.into_iter().enumerate() {
            if let Some(reading) = reading {
                self.show(index, reading, lines)?;
            }
        }
        Ok(())
    }

    fn heard(&mut self, _: &mut Client, lines: &mut Lines, update: Option<Update>) -> Result<(), Failure> {
        let Some(update) = update else { return Ok(()) };
        if update.accessible == "status" {
            let status = Status::parse(&update.reading.value).label();
            self.statuses.insert(update.module.clone(), status);
        }
        let on = format!("{}:{}", update.module, update.accessible);
        match self.places.iter().position(|place| place.on == on) {
            Some(index) => self.show(index, update.reading, lines),
            None => Ok(()),
        }
    }
}

/// Each parameter once, however many patterns it matches.
fn find(node: &Node, patterns: &[String]) -> Result<Vec<Watching>, Failure> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for pattern in patterns {
        for place in names::matching(node, pattern)? {
            if !places.iter().any(|(_, parameter)| std::ptr::eq(*parameter, place.1)) {
                places.push(place);
            }
        }
    }
    let watching = places.into_iter().map(|(device, parameter)| Watching {
        on: device.on(&parameter.wire),
        path: device.path(&parameter.name),
        parameter: parameter.clone(),
        device: device.name.clone(),
    });
    Ok(watching.collect())
}

impl Watched<'_> {
    /// Shows what the host has kept of the time before `now`, of all parameters in one order.
    fn show_history(
        &mut self,
        client: &mut Client,
        since: f64,
        now: &[Option<Reading>],
        lines: &mut Lines,
    ) -> Result<(), Failure> {
        let mut all = Vec::new();
        for (index, place) in self
            .places
            .iter()
            .enumerate()
            .filter(|(_, place)| has_history(&place.parameter))
        {
            let asked = json!({ "path": place.path, "since": since });
            let pending = client.send_custom("_history", asked, &place.path)?;
            let Some(history) = unless_unknown(client.answer(&pending))? else {
                let text = format!("{} is no Baton host, and keeps no readings", client.address());
                return Err(Failure::Request(text));
            };
            let before = now[index]
                .as_ref()
                .and_then(|now| now.timestamp)
                .unwrap_or(f64::INFINITY);
            let readings = history["readings"].as_array().into_iter().flatten().map(kept);
            let older = readings.filter(|reading| reading.timestamp.is_some_and(|t| t < before));
            all.extend(older.map(|reading| (index, reading)));
        }
        all.sort_by(|(_, one), (_, other)| one.timestamp.unwrap_or(0.0).total_cmp(&other.timestamp.unwrap_or(0.0)));
        all.into_iter()
            .try_for_each(|(index, reading)| self.show(index, reading, lines))
    }

    /// Writes a reading, if it says something new.
    fn show(&mut self, index: usize, reading: Reading, lines: &mut Lines) -> Result<(), Failure> {
        let Watching {
            on,
            path,
            parameter,
            device,
        } = &self.places[index];
        let before = self.shown.get(on);
        if before.is_some_and(|shown| !shown.differs(&reading)) {
            return Ok(());
        }
        let delta = self.watch.delta.then(|| Delta::between(before, &reading));
        let form = self.watch.form;
        let line = if lines.output.json {
            let mut object = readings::to_json(path, parameter, &reading);
            if let Some(delta) = delta {
                object["delta"] = json!(delta.value);
                object["elapsed"] = json!(delta.time);
            }
            object.to_string()
        } else if form.terse {
            format::value(parameter, &reading.value)
        } else {
            let mut shown = reading.clone();
            if form.wide && shown.error.is_none() {
                // It has a column of its own.
                "good".clone_into(&mut shown.quality);
            }
            let mut line = readings::timed_line(path, parameter, &shown);
            if let Some(delta) = delta {
                line += &delta.shown(parameter);
            }
            if form.wide {
                let status = self.statuses.get(device).map_or("-", String::as_str);
                line += &format!(" {} {status}", reading.quality);
            }
            line
        };
        self.shown.insert(on.clone(), reading);
        lines.write(&line)
    }
}

/// What only our own hosts show beside the readback is not kept by them.
fn has_history(parameter: &Parameter) -> bool {
    parameter.wire != "status" && parameter.wire != "target" && !parameter.wire.ends_with("_limits")
}

/// A reading of the history: `[value, {"t", "q"}]`, or `[null, {"t", "error"}]`.
fn kept(data: &Json) -> Reading {
    let reading = Reading::parse(data);
    match data.pointer("/1/error") {
        None => reading,
        Some(error) => Reading {
            quality: "error".to_owned(),
            error: Some(RemoteError::parse(error)),
            ..reading
        },
    }
}

/// What lies between two readings.
struct Delta {
    value: Option<f64>,
    /// Seconds.
    time: Option<f64>,
}

impl Delta {
    fn between(before: Option<&Reading>, after: &Reading) -> Delta {
        let difference = |one: Option<f64>, other: Option<f64>| Some(other? - one?);
        Delta {
            value: difference(before.and_then(|before| before.value.as_f64()), after.value.as_f64()),
            time: difference(before.and_then(|before| before.timestamp), after.timestamp),
        }
    }

    /// ` (+0.500 mm, +0.102 s)`; nothing of the first.
    fn shown(&self, parameter: &Parameter) -> String {
        let mut parts = Vec::new();
        if let Some(value) = self.value.filter(|_| is_number(parameter)) {
            parts.push(format!(
                "{}{}",
                plus(value),
                readings::with_unit(parameter, &json!(value))
            ));
        }
        if let Some(time) = self.time {
            parts.push(format!("{}{time:.3} s", plus(time)));
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!(" ({})", parts.join(", "))
        }
    }
}

fn is_number(parameter: &Parameter) -> bool {
    matches!(
        parameter.datainfo,
        Datainfo::Double(_) | Datainfo::Int(_) | Datainfo::Scaled(_)
    )
}

fn plus(number: f64) -> &'static str {
    if number < 0.0 { "" } else { "+" }
}
