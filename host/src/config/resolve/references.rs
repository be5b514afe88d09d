//! Devices that refer to others: their members (C7).

use std::collections::HashMap;

use baton_plugin_api::{
    description::TableDescription,
    diagnostic::{Diagnostic, list},
    source::Node,
};

use super::{Resolver, device::Device, options::Reference};
use crate::config::{DeviceConfig, MemberConfig};

/// Most devices in a chain of references, the first included (C7).
const DEEPEST: usize = 16;

/// Resolves the references of all devices, and refuses cycles and chains that are too deep.
pub(super) fn resolve(resolver: &Resolver<'_>, mut devices: Vec<Device<'_>>) -> Vec<DeviceConfig> {
    let mut members: Vec<Vec<MemberConfig>> = Vec::new();
    for device in &devices {
        let found: Vec<_> = device
            .references
            .iter()
            .map(|reference| resolve_one(resolver, reference, &devices))
            .collect();
        check_worker(resolver, device);
        let mut unique: Vec<MemberConfig> = Vec::new();
        for member in found.into_iter().flatten() {
            if !unique.contains(&member) {
                unique.push(member);
            }
        }
        members.push(unique);
    }
    Chains::new(&devices, &members).check(resolver, &devices);
    for (device, members) in devices.iter_mut().zip(members) {
        if let Some(config) = &mut device.config {
            config.members = members;
        }
    }
    devices.into_iter().filter_map(|device| device.config).collect()
}

/// A composite waits for its members; on a controller's worker it would keep the line to itself meanwhile.
fn check_worker(resolver: &Resolver<'_>, device: &Device<'_>) {
    let controller = device.section.node(&["controller"]).and_then(Node::as_str);
    if let (Some(first), Some(controller)) = (device.references.first(), controller) {
        let name = device.section.name();
        let message = format!("`{name}` refers to another device, so it cannot be on a controller");
        let error = Diagnostic::error(message).at(first.place.clone());
        resolver.report(error.related(
            device.section.place(&["controller"]),
            format!("it is on `{controller}`"),
        ));
    }
}

/// The member that a reference is to; `None` if there is none, which is reported.
fn resolve_one(resolver: &Resolver<'_>, reference: &Reference, devices: &[Device<'_>]) -> Option<MemberConfig> {
    let (name, parameter) = match reference.text.split_once(['.', ':']) {
        Some((name, parameter)) => (name, Some(parameter)),
        None => (reference.text.as_str(), None),
    };
    let Some(device) = devices.iter().find(|device| device.section.name() == name) else {
        if resolver.everything_is_read {
            let names = devices.iter().map(|device| device.section.name());
            resolver.report(
                reference
                    .error(format!("there is no device `{name}`"))
                    .help_names(name, "devices", names),
            );
        }
        return None;
    };
    let parameter = match (reference.to_device, parameter) {
        (true, None) => None,
        (true, Some(parameter)) => {
            let error = reference.error(format!("a device is due here, not its parameter `{parameter}`"));
            resolver.report(error.help(format!("write `\"{name}\"`")));
            return None;
        }
        (false, parameter) => Some(resolve_parameter(
            resolver,
            reference,
            name,
            device.table.as_ref()?,
            parameter,
        )?),
    };
    let device = name.to_owned();
    Some(MemberConfig { device, parameter })
}

/// The parameter that is named, or the main one.
fn resolve_parameter(
    resolver: &Resolver<'_>,
    reference: &Reference,
    device: &str,
    table: &TableDescription,
    named: Option<&str>,
) -> Option<String> {
    let named = named.filter(|name| !["value", "target"].contains(name));
    let names = table.parameters.iter().map(|parameter| parameter.name.as_str());
    match named.or(table.main.as_deref()) {
        Some(wanted) if names.clone().any(|name| name == wanted) => Some(wanted.to_owned()),
        Some(wanted) => {
            let error = reference.error(format!("`{device}` has no parameter `{wanted}`"));
            resolver.report(error.help_names(wanted, "parameters", names));
            None
        }
        None => {
            let paths: Vec<_> = names.map(|name| format!("{device}.{name}")).collect();
            let error = reference.error(format!("`{device}` has no main parameter"));
            resolver.report(error.help(format!("name one: {}", list(paths.iter().map(String::as_str)))));
            None
        }
    }
}

/// Walks along the references of all devices.
struct Chains {
    /// For each device, those that it refers to, by their place in the list.
    next: Vec<Vec<usize>>,
    /// Longest chain that starts at a device, in devices; `None` while it is not known.
    depth: Vec<Option<usize>>,
}

impl Chains {
    fn new(devices: &[Device<'_>], members: &[Vec<MemberConfig>]) -> Chains {
        let places: HashMap<&str, usize> = devices
            .iter()
            .enumerate()
            .map(|(n, device)| (device.section.name(), n))
            .collect();
        let next = |members: &Vec<MemberConfig>| {
            let places = members
                .iter()
                .filter_map(|member| places.get(member.device.as_str()).copied());
            places.collect()
        };
        Chains {
            next: members.iter().map(next).collect(),
            depth: vec![None; devices.len()],
        }
    }

    fn check(mut self, resolver: &Resolver<'_>, devices: &[Device<'_>]) {
        for start in 0..devices.len() {
            if let Some(cycle) = self.visit(start, &mut Vec::new()) {
                report(resolver, devices, &cycle, "refers to itself");
            }
        }
        // Of a chain that is too deep, only the device at which it becomes so.
        for start in (0..devices.len()).filter(|&n| self.depth[n] == Some(DEEPEST + 1)) {
            let chain = self.deepest(start);
            report(
                resolver,
                devices,
                &chain,
                &format!("refers to others more than {DEEPEST} deep"),
            );
        }
    }

    /// Finds the depth of the chains from `at`, or a cycle that has not been found before.
    fn visit(&mut self, at: usize, path: &mut Vec<usize>) -> Option<Vec<usize>> {
        if let Some(start) = path.iter().position(|&seen| seen == at) {
            let cycle: Vec<usize> = path[start..].iter().copied().chain([at]).collect();
            return Some(cycle);
        }
        if self.depth[at].is_some() {
            return None;
        }
        path.push(at);
        let mut cycle = None;
        let mut depth = 0;
        for next in self.next[at].clone() {
            cycle = cycle.or(self.visit(next, path));
            depth = depth.max(self.depth[next].unwrap_or(0));
        }
        path.pop();
        self.depth[at] = Some(depth + 1);
        cycle
    }

    fn deepest(&self, start: usize) -> Vec<usize> {
        let mut chain = vec![start];
        while let Some(next) = chain
            .last()
            .and_then(|&at| self.next[at].iter().copied().max_by_key(|&n| self.depth[n]))
        {
            chain.push(next);
        }
        chain
    }
}

/// Reports a chain at the reference with which it starts.
fn report(resolver: &Resolver<'_>, devices: &[Device<'_>], chain: &[usize], what: &str) {
    let names: Vec<&str> = chain.iter().map(|&n| devices[n].section.name()).collect();
    let (Some(first), Some(second)) = (chain.first(), names.get(1)) else {
        return;
    };
    let device = &devices[*first];
    let is_next = |reference: &&Reference| reference.text.split(['.', ':']).next() == Some(second);
    let place = device
        .references
        .iter()
        .find(is_next)
        .map_or_else(|| device.section.key_place(&[]), |r| r.place.clone());
    let error = Diagnostic::error(format!("`{}` {what}", names[0])).at(place);
    resolver.report(error.help(format!("the chain: {}", names.join(" → "))));
}
