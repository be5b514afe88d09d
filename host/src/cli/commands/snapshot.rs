//! `baton snapshot`: keeps what a lab is set to, says what has changed, and brings it back.

mod plan;
mod restore;

use super::{actor, connect};
use crate::cli::{
    args::{Global, Snapshot as Arguments},
    client::{Client, Device, Node},
    failure::Failure,
    names,
    output::Output,
    snapshot::{Entry, Section, Snapshot, Stored, take},
    table::Table,
};
use serde_json::{Value as Json, json};

/// Exit code of `diff --exit-code` where there is a difference.
const DIFFERENT: u8 = 4;

/// Runs one of them.
pub(super) fn run(global: &Global, arguments: &Arguments, output: Output) -> Result<(), Failure> {
    match arguments {
        Arguments::Save { file, devices, force } => {
            let mut client = connect(global)?;
            let node = client.describe()?;
            let snapshot = take(&mut client, &node, &chosen(&node, devices)?)?;
            if file.as_os_str() == "-" {
                return output.line(snapshot.to_text().trim_end());
            }
            snapshot.write(file, *force)?;
            let (settings, readings) = (count(&snapshot.settings), count(&snapshot.readings));
            if output.json {
                let file = file.display().to_string();
                return output.object(json!({ "file": file, "settings": settings, "readings": readings }));
            }
            output.note(&format!("{}: {settings} settings, {readings} readings", file.display()));
            Ok(())
        }
        Arguments::Diff {
            file,
            other,
            all,
            exit_code,
        } => {
            let old = Snapshot::read(file)?;
            let (new, node) = match other {
                Some(other) => (Snapshot::read(other)?, None),
                None => {
                    let (snapshot, node) = now(&mut connect(global)?, &old)?;
                    (snapshot, Some(node))
                }
            };
            let differences = differences(&old, &new, node.as_ref(), *all);
            write(&differences, output)?;
            match *exit_code && !differences.is_empty() {
                true => Err(Failure::Told(DIFFERENT)),
                false => Ok(()),
            }
        }
        Arguments::Restore(arguments) => restore::run(&mut actor(global, "baton snapshot")?, arguments, output),
    }
}

/// The devices of these names; all of them without any.
fn chosen<'a>(node: &'a Node, names: &[String]) -> Result<Vec<&'a Device>, Failure> {
    match names.is_empty() {
        true => Ok(node.devices.iter().collect()),
        false => names.iter().map(|name| names::device(node, name)).collect(),
    }
}

/// What the devices of a snapshot are set to now.
fn now(client: &mut Client, old: &Snapshot) -> Result<(Snapshot, Node), Failure> {
    let node = client.describe()?;
    let known = |device: &&Device| old.settings.contains_key(&device.name) || old.readings.contains_key(&device.name);
    let devices: Vec<&Device> = node.devices.iter().filter(known).collect();
    let snapshot = take(client, &node, &devices)?;
    Ok((snapshot, node))
}

fn count(section: &Section) -> usize {
    section.values().map(Vec::len).sum()
}

/// A parameter that is not what it was.
struct Difference {
    path: String,
    old: Option<Entry>,
    new: Option<Entry>,
}

/// Settings that differ, and with `all` also readings. Numbers differ by more than their tolerance, where it is known.
fn differences(old: &Snapshot, new: &Snapshot, node: Option<&Node>, all: bool) -> Vec<Difference> {
    let mut pairs = vec![(&old.settings, &new.settings)];
    if all {
        pairs.push((&old.readings, &new.readings));
    }
    let mut found = Vec::new();
    for (old, new) in pairs {
        let devices: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for device in devices {
            let none = Vec::new();
            let (olds, news) = (old.get(device).unwrap_or(&none), new.get(device).unwrap_or(&none));
            let added = news
                .iter()
                .filter(|(name, _)| olds.iter().all(|(other, _)| other != name));
            for (name, _) in olds.iter().chain(added) {
                let of = |entries: &[(String, Entry)]| {
                    let entry = entries.iter().find(|(other, _)| other == name);
                    entry.map(|(_, entry)| entry.clone())
                };
                let difference = Difference {
                    path: format!("{device}.{name}"),
                    old: of(olds),
                    new: of(news),
                };
                let tolerance = node.and_then(|node| names::parameter(node, &difference.path).ok()?.1.tolerance());
                if difference.counts(tolerance) {
                    found.push(difference);
                }
            }
        }
    }
    found
}

impl Difference {
    fn counts(&self, tolerance: Option<f64>) -> bool {
        let wanted = |entry: &Option<Entry>| entry.as_ref().map(|entry| entry.wanted().cloned().map_err(drop));
        match (wanted(&self.old), wanted(&self.new)) {
            (Some(Ok(old)), Some(Ok(new))) => !old.is_same(&new, tolerance),
            (Some(Err(())), Some(Err(()))) => false,
            _ => true,
        }
    }

    fn to_json(&self) -> Json {
        let entry = |entry: &Option<Entry>| match entry.as_ref().map(Entry::wanted) {
            None => Json::Null,
            Some(Err(why)) => json!({ "unavailable": why }),
            Some(Ok(stored)) => json!({ "value": stored.value, "unit": stored.unit, "text": stored.to_string() }),
        };
        json!({ "path": self.path, "old": entry(&self.old), "new": entry(&self.new) })
    }
}

/// A value for people; `-` where there is none at all.
fn shown(entry: Option<&Entry>) -> String {
    match entry.map(Entry::wanted) {
        None => "-".to_owned(),
        Some(Err(_)) => "unavailable".to_owned(),
        Some(Ok(stored)) => short(stored),
    }
}

/// Longest value in a table.
const CELL_CHARS: usize = 40;

fn short(stored: &Stored) -> String {
    crate::cli::format::shortened(&stored.to_string(), CELL_CHARS)
}

fn write(differences: &[Difference], output: Output) -> Result<(), Failure> {
    if output.json {
        let differences: Vec<_> = differences.iter().map(Difference::to_json).collect();
        return output.object(json!({ "differences": differences }));
    }
    if differences.is_empty() {
        output.note("no difference");
        return Ok(());
    }
    let mut table = Table::new(["PARAMETER", "OLD", "NEW"]);
    for difference in differences {
        table.row([
            difference.path.as_str().into(),
            shown(difference.old.as_ref()).into(),
            shown(difference.new.as_ref()).into(),
        ]);
    }
    output.table(&table)
}
