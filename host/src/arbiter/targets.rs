//! What can be locked: devices and parameters, by name, and what each of them covers (L1, C7).

use std::{collections::HashMap, fmt, sync::Arc};

/// A device, or one of its parameters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    device: u32,
    /// A parameter, or [`WHOLE`].
    scope: u32,
}

/// The scope of a device as a whole. Less than any parameter's, so that a device sorts before its parameters.
const WHOLE: u32 = 0;

impl Target {
    /// A device, by its place in the lab.
    pub fn device(device: usize) -> Target {
        Target {
            device: device as u32,
            scope: WHOLE,
        }
    }

    /// A parameter, by its place in the table of its device.
    pub fn parameter(device: usize, parameter: usize) -> Target {
        Target {
            device: device as u32,
            scope: parameter as u32 + 1,
        }
    }

    /// The place of its device in the lab.
    pub(crate) fn device_index(self) -> usize {
        self.device as usize
    }

    fn is_whole(self) -> bool {
        self.scope == WHOLE
    }

    /// Whether whoever has this has the other as well.
    pub(super) fn covers(self, other: Target) -> bool {
        self.device == other.device && (self.is_whole() || self.scope == other.scope)
    }

    /// Whether two owners cannot have the two at once.
    pub(super) fn overlaps(self, other: Target) -> bool {
        self.covers(other) || other.covers(self)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_whole() {
            true => write!(f, "{}", self.device),
            false => write!(f, "{}.{}", self.device, self.scope - 1),
        }
    }
}

/// Targets that are taken together, and all that they cover. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetSet {
    inner: Arc<Covered>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Covered {
    /// What was asked for, sorted.
    named: Vec<Target>,
    /// What it covers: sorted, and nothing twice.
    items: Vec<Target>,
    /// Whether a call that holds it reaches for members, which are then its own alone (C7).
    composite: bool,
}

impl TargetSet {
    fn new(
        named: impl IntoIterator<Item = Target>,
        covered: impl IntoIterator<Item = Target>,
        composite: bool,
    ) -> Self {
        let mut named: Vec<_> = named.into_iter().collect();
        named.sort_unstable();
        named.dedup();
        let mut items: Vec<_> = covered.into_iter().collect();
        items.sort_unstable();
        items.dedup();
        let whole: Vec<_> = items.iter().copied().filter(|item| item.is_whole()).collect();
        items.retain(|item| item.is_whole() || !whole.iter().any(|whole| whole.covers(*item)));
        TargetSet {
            inner: Arc::new(Covered {
                named,
                items,
                composite,
            }),
        }
    }

    /// What was asked for.
    pub fn named(&self) -> &[Target] {
        &self.inner.named
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.inner.items.is_empty()
    }

    /// The places of the devices that it is on, each once.
    pub(super) fn devices(&self) -> Vec<usize> {
        let mut devices: Vec<_> = self.items().iter().map(|item| item.device_index()).collect();
        devices.dedup();
        devices
    }

    pub(super) fn items(&self) -> &[Target] {
        &self.inner.items
    }

    pub(super) fn is_composite(&self) -> bool {
        self.inner.composite
    }

    pub(super) fn covers(&self, item: Target) -> bool {
        self.items().iter().any(|own| own.covers(item))
    }

    pub(super) fn overlaps(&self, item: Target) -> bool {
        self.items().iter().any(|own| own.overlaps(item))
    }
}

/// What the arbiter is told of a device: names, and which of them go together.
#[derive(Clone, Debug, Default)]
pub struct DeviceTargets {
    /// Its name.
    pub name: String,
    /// Its parameters in the order of its table.
    pub parameters: Vec<String>,
    /// Its commands in the order of its table.
    pub commands: Vec<CommandTargets>,
    /// The devices and parameters that it reaches for (C7), by name.
    pub members: Vec<(String, Option<String>)>,
    /// The controller that it shares a line with others on.
    pub controller: Option<String>,
    /// Whether what its holder has on its way there is stopped when a lock ends by itself (L6).
    pub stop_on_disconnect: bool,
}

/// What a command acts on (L5).
#[derive(Clone, Debug, Default)]
pub struct CommandTargets {
    /// Its name.
    pub name: String,
    /// The parameters that it touches; none for the whole device.
    pub touches: Vec<String>,
}

/// All targets of a lab.
#[derive(Debug, Default)]
pub(super) struct Targets {
    devices: Vec<Known>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Known {
    targets: DeviceTargets,
    /// All that a write of it may reach for, members of members included.
    members: Vec<Target>,
    /// What a write of each parameter holds.
    writes: Vec<TargetSet>,
    /// What each command holds.
    commands: Vec<TargetSet>,
}

impl Targets {
    pub(super) fn new(devices: Vec<DeviceTargets>) -> Targets {
        let by_name = devices.iter().enumerate();
        let by_name = by_name.map(|(index, device)| (device.name.to_ascii_lowercase(), index));
        let mut targets = Targets {
            by_name: by_name.collect(),
            devices: Vec::new(),
        };
        targets.devices = devices
            .into_iter()
            .map(|device| Known {
                targets: device,
                members: Vec::new(),
                writes: Vec::new(),
                commands: Vec::new(),
            })
            .collect();
        for device in 0..targets.devices.len() {
            let mut members = Vec::new();
            targets.reach(device, &mut members);
            targets.devices[device].members = members;
        }
        for device in 0..targets.devices.len() {
            let parameters = 0..targets.devices[device].targets.parameters.len();
            let writes = parameters.map(|index| targets.held(device, [Target::parameter(device, index)]));
            let writes = writes.collect();
            let commands = 0..targets.devices[device].targets.commands.len();
            let commands = commands.map(|index| targets.held_by_command(device, index)).collect();
            (targets.devices[device].writes, targets.devices[device].commands) = (writes, commands);
        }
        targets
    }

    /// Collects the members of a device, and theirs. Configs have no cycles of them.
    fn reach(&self, device: usize, found: &mut Vec<Target>) {
        for (name, parameter) in &self.devices[device].targets.members {
            let Some(&member) = self.by_name.get(&name.to_ascii_lowercase()) else {
                continue;
            };
            let target = parameter.as_deref().and_then(|name| self.parameter(member, name));
            let target = target.unwrap_or(Target::device(member));
            if !found.contains(&target) {
                found.push(target);
                self.reach(member, found);
            }
        }
    }

    fn parameter(&self, device: usize, name: &str) -> Option<Target> {
        let parameters = &self.devices[device].targets.parameters;
        let found = parameters.iter().position(|known| known.eq_ignore_ascii_case(name))?;
        Some(Target::parameter(device, found))
    }

    /// What a call on these holds while it runs.
    fn held(&self, device: usize, own: impl IntoIterator<Item = Target>) -> TargetSet {
        let members = &self.devices[device].members;
        let own: Vec<_> = own.into_iter().collect();
        let items = own.iter().chain(members).copied();
        TargetSet::new(own.clone(), items, !members.is_empty())
    }

    /// A command targets its whole device unless it is declared to touch certain parameters only; a raw exchange can reach
    /// all that shares its line (L5).
    fn held_by_command(&self, device: usize, command: usize) -> TargetSet {
        let targets = &self.devices[device].targets;
        let command = &targets.commands[command];
        if let (true, Some(controller)) = (command.name == "communicate", &targets.controller) {
            let shares = |known: &Known| known.targets.controller.as_ref() == Some(controller);
            let all = (0..self.devices.len()).filter(|&index| shares(&self.devices[index]));
            return TargetSet::new([Target::device(device)], all.map(Target::device), false);
        }
        let touched = command.touches.iter().filter_map(|name| self.parameter(device, name));
        let mut touched: Vec<_> = touched.collect();
        if touched.is_empty() {
            touched.push(Target::device(device));
        }
        self.held(device, touched)
    }

    pub(super) fn len(&self) -> usize {
        self.devices.len()
    }

    pub(super) fn find(&self, device: &str) -> Option<usize> {
        match self.by_name.get(device) {
            Some(found) => Some(*found),
            None => self.by_name.get(&device.to_ascii_lowercase()).copied(),
        }
    }

    /// A set that is granted whole or not at all: a device covers its parameters, a composite its members as well.
    pub(super) fn set(&self, named: impl IntoIterator<Item = Target>) -> TargetSet {
        let named: Vec<_> = named.into_iter().collect();
        let covered = named.iter().flat_map(|target| {
            let members = &self.devices[target.device_index()].members;
            std::iter::once(target).chain(members).copied()
        });
        TargetSet::new(named.iter().copied(), covered, false)
    }

    /// One target, without the members of a composite.
    pub(super) fn alone(&self, target: Target) -> TargetSet {
        TargetSet::new([target], [target], false)
    }

    /// What a write holds while it runs.
    pub(super) fn write(&self, device: usize, parameter: usize) -> &TargetSet {
        &self.devices[device].writes[parameter]
    }

    /// What a command holds while it runs.
    pub(super) fn command(&self, device: usize, command: usize) -> &TargetSet {
        &self.devices[device].commands[command]
    }

    /// Whether a call of a composite may act on a set: its members, and theirs, are all of it.
    pub(super) fn reaches(&self, composite: usize, set: &TargetSet) -> bool {
        let members = &self.devices[composite].members;
        set.items()
            .iter()
            .all(|item| members.iter().any(|member| member.covers(*item)))
    }

    pub(super) fn stops_on_disconnect(&self, device: usize) -> bool {
        self.devices[device].targets.stop_on_disconnect
    }

    /// `stage` or `stage.position`.
    pub(super) fn name(&self, target: Target) -> String {
        let device = &self.devices[target.device_index()].targets;
        match target.is_whole() {
            true => device.name.clone(),
            false => format!("{}.{}", device.name, device.parameters[target.scope as usize - 1]),
        }
    }

    /// What of a set was asked for by name, so that it has `item`.
    pub(super) fn named_for(&self, set: &TargetSet, item: Target) -> Target {
        let mut named = set.named().iter();
        let has = |named: &&Target| self.set([**named]).items().iter().any(|own| own.overlaps(item));
        *named.find(has).unwrap_or(&item)
    }

    pub(super) fn names(&self, set: &TargetSet) -> Vec<String> {
        set.named().iter().map(|target| self.name(*target)).collect()
    }
}

#[cfg(test)]
mod tests;
