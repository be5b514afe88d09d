//! What restoring a snapshot means here and now: decided before anything is written.

use serde_json::{Value as Json, json};

use super::short;
use crate::cli::{
    client::{Device, Node, Parameter},
    failure::Failure,
    format::one_line,
    input, names,
    output::Output,
    snapshot::{Entry, Snapshot, Stored, is_motion, is_setting},
    table::Table,
};

/// What is to be done about one parameter.
pub(super) struct Step<'a> {
    pub(super) path: String,
    pub(super) now: Option<Stored>,
    pub(super) wanted: Option<Stored>,
    pub(super) action: Action<'a>,
}

/// What is done.
pub(super) enum Action<'a> {
    /// It is written.
    Write {
        device: &'a Device,
        parameter: &'a Parameter,
        value: Json,
        moves: bool,
    },
    /// It is that already.
    Unchanged,
    /// It is left alone on purpose, because of this.
    Skip(String),
    /// It should be written and cannot, because of this.
    Refuse(String),
}

/// The steps in the order in which they are taken: those of each device as its driver has them, and what moves at the
/// very end, when speeds and limits are what they were.
pub(super) fn plan<'a>(
    node: &'a Node,
    old: &Snapshot,
    now: &Snapshot,
    devices: &[&'a Device],
    moving: bool,
) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    for device in devices {
        let Some(entries) = old.settings.get(&device.name) else {
            continue;
        };
        let place = |(name, _): &&(String, Entry)| device.parameters.iter().position(|p| p.name == *name);
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(place);
        steps.extend(
            entries
                .into_iter()
                .map(|(name, entry)| step(node, device, name, entry, now, moving)),
        );
    }
    let gone = old
        .settings
        .keys()
        .filter(|name| !node.devices.iter().any(|device| device.name == **name));
    steps.extend(gone.map(|name| Step {
        path: name.clone(),
        now: None,
        wanted: None,
        action: Action::Refuse(format!("there is no device {name} here")),
    }));
    // Stable: everything else stays as it is.
    steps.sort_by_key(|step| matches!(step.action, Action::Write { moves: true, .. }));
    steps
}

fn step<'a>(node: &'a Node, device: &'a Device, name: &str, old: &Entry, now: &Snapshot, moving: bool) -> Step<'a> {
    let current = now.settings.get(&device.name).into_iter().flatten();
    let current = current
        .filter(|(other, _)| other == name)
        .map(|(_, entry)| entry.wanted())
        .next();
    let action = action(node, device, name, old, current, moving);
    Step {
        path: device.path(name),
        now: current.and_then(Result::ok).cloned(),
        wanted: old.wanted().ok().cloned(),
        action,
    }
}

fn action<'a>(
    node: &'a Node,
    device: &'a Device,
    name: &str,
    old: &Entry,
    current: Option<Result<&Stored, &str>>,
    moving: bool,
) -> Action<'a> {
    let wanted = match old.wanted() {
        Ok(wanted) => wanted,
        Err(why) => return Action::Skip(format!("it was not available: {}", one_line(why))),
    };
    let Some(parameter) = names::find_parameter(device, name) else {
        return Action::Refuse(format!("{} has no parameter {name}", device.name));
    };
    if !is_setting(device, parameter) {
        return Action::Skip("it is read-only".to_owned());
    }
    match current {
        Some(Ok(current)) if current.is_same(wanted, parameter.tolerance()) => return Action::Unchanged,
        Some(Err(why)) => return Action::Refuse(format!("it cannot be read: {}", one_line(why))),
        _ => {}
    }
    let moves = is_motion(device, parameter);
    if moves && !moving {
        return Action::Skip("writing it moves the device; --move does that".to_owned());
    }
    let typed = wanted.typed(&parameter.target_datainfo);
    match input::encode(&device.path(name), &parameter.target_datainfo, &typed, node.is_baton()) {
        Ok(value) => Action::Write {
            device,
            parameter,
            value,
            moves,
        },
        Err(failure) => Action::Refuse(failure.to_string()),
    }
}

impl Step<'_> {
    pub(super) fn is_write(&self) -> bool {
        matches!(self.action, Action::Write { .. })
    }

    fn word(&self) -> (&'static str, &str) {
        match &self.action {
            Action::Write { moves: true, .. } => ("move", ""),
            Action::Write { .. } => ("write", ""),
            Action::Unchanged => ("unchanged", ""),
            Action::Skip(why) => ("skip", why),
            Action::Refuse(why) => ("impossible", why),
        }
    }

    pub(super) fn to_json(&self) -> Json {
        let (action, reason) = self.word();
        let text = |stored: &Option<Stored>| stored.as_ref().map(Stored::to_string);
        json!({ "path": self.path, "action": action, "reason": reason, "now": text(&self.now), "wanted": text(&self.wanted) })
    }
}

/// Shows a plan; what is unchanged is only counted.
pub(super) fn show(steps: &[Step<'_>], output: Output) -> Result<(), Failure> {
    let mut table = Table::new(["PARAMETER", "NOW", "WILL BE", ""]);
    for step in steps.iter().filter(|step| !matches!(step.action, Action::Unchanged)) {
        let (word, why) = step.word();
        let text = |stored: &Option<Stored>| stored.as_ref().map_or_else(|| "-".to_owned(), short);
        let note = match why {
            "" => word.to_owned(),
            why => format!("{word}: {why}"),
        };
        let wanted = if step.is_write() {
            text(&step.wanted)
        } else {
            "-".to_owned()
        };
        table.row([
            step.path.as_str().into(),
            text(&step.now).into(),
            wanted.into(),
            note.into(),
        ]);
    }
    let writes = steps.iter().filter(|step| step.is_write()).count();
    let unchanged = steps
        .iter()
        .filter(|step| matches!(step.action, Action::Unchanged))
        .count();
    if writes + unchanged < steps.len() || writes > 0 {
        output.table(&table)?;
    }
    output.note(&format!("{writes} to write, {unchanged} as they were"));
    Ok(())
}
