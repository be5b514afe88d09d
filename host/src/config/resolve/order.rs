//! The order in which devices are opened.

use std::collections::{HashMap, HashSet};

use crate::config::DeviceConfig;

/// Members before their composites, otherwise in the given order.
///
/// References form no cycle by now, or the config has an error and the order does not matter.
pub(super) fn members_first(devices: Vec<DeviceConfig>) -> Vec<DeviceConfig> {
    let places: HashMap<String, usize> = devices
        .iter()
        .enumerate()
        .map(|(n, device)| (device.name.clone(), n))
        .collect();
    let mut order = Vec::new();
    let mut seen = HashSet::new();
    for place in 0..devices.len() {
        visit(place, &devices, &places, &mut seen, &mut order);
    }
    let mut devices: Vec<Option<DeviceConfig>> = devices.into_iter().map(Some).collect();
    order.into_iter().filter_map(|place| devices[place].take()).collect()
}

fn visit(
    place: usize,
    devices: &[DeviceConfig],
    places: &HashMap<String, usize>,
    seen: &mut HashSet<usize>,
    order: &mut Vec<usize>,
) {
    if !seen.insert(place) {
        return;
    }
    for member in &devices[place].members {
        if let Some(&member) = places.get(&member.device) {
            visit(member, devices, places, seen, order);
        }
    }
    order.push(place);
}
