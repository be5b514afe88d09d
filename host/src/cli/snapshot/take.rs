//! Taking a snapshot: everything is read once; nothing is written, and no command is run.

use jiff::Timestamp;
use serde_json::Value as Json;

use super::{Entry, Section, Snapshot, Stored};
use crate::cli::{
    client::{Client, Datainfo, Device, Node, Parameter, Pending, REPLY_TIMEOUT, Reading},
    failure::Failure,
    readings::LOCKED_BY,
};

/// So many requests are on their way at a time.
const BATCH: usize = 64;

/// Reads all parameters of these devices from the hardware. What cannot be read is noted as such.
///
/// # Errors
/// If the host is gone.
pub(crate) fn take(client: &mut Client, node: &Node, devices: &[&Device]) -> Result<Snapshot, Failure> {
    let mut snapshot = Snapshot {
        lab: node.equipment_id.clone(),
        taken: format!("{:.9}", Timestamp::now()),
        ..Snapshot::default()
    };
    let wanted: Vec<_> = devices
        .iter()
        .flat_map(|device| device.parameters.iter().map(move |parameter| (*device, parameter)))
        .filter(|(device, parameter)| is_setting(device, parameter) || is_reading(device, parameter))
        .collect();
    for batch in wanted.chunks(BATCH) {
        let requests = batch
            .iter()
            .map(|(device, parameter)| Request::send(client, device, parameter))
            .collect::<Result<Vec<_>, _>>()?;
        for request in requests {
            let (device, parameter) = (request.device, request.parameter);
            let entry = request.entry(client)?;
            let section = match is_setting(device, parameter) {
                true => &mut snapshot.settings,
                false => &mut snapshot.readings,
            };
            add(section, device, parameter, entry);
        }
    }
    Ok(snapshot)
}

fn add(section: &mut Section, device: &Device, parameter: &Parameter, entry: Entry) {
    let entries = section.entry(device.name.clone()).or_default();
    entries.push((parameter.name.clone(), entry));
}

/// The read of one parameter, and of its target where it has one.
struct Request<'a> {
    device: &'a Device,
    parameter: &'a Parameter,
    value: Pending,
    target: Option<Pending>,
}

impl<'a> Request<'a> {
    fn send(client: &mut Client, device: &'a Device, parameter: &'a Parameter) -> Result<Self, Failure> {
        let path = device.path(&parameter.name);
        let mut read = |wire: &str| client.send("read", &device.on(wire), Json::Null, &path);
        let has_target = parameter
            .wire_target
            .as_deref()
            .is_some_and(|target| target != parameter.wire);
        Ok(Request {
            device,
            parameter,
            value: read(&parameter.wire)?,
            target: if has_target { Some(read("target")?) } else { None },
        })
    }

    fn entry(&self, client: &mut Client) -> Result<Entry, Failure> {
        let mut stored = |pending: &Pending| -> Result<Result<Stored, String>, Failure> {
            let deadline = Some(std::time::Instant::now() + REPLY_TIMEOUT);
            match client.reply(pending, deadline, &mut |_| {}) {
                Ok(data) => Ok(Ok(Stored::of(self.parameter, &Reading::parse(&data).value))),
                Err(Failure::Remote { error, .. }) => Ok(Err(error.text.clone())),
                Err(Failure::Timeout(text)) => Ok(Err(text)),
                Err(failure) => Err(failure),
            }
        };
        let value = stored(&self.value)?;
        let target = self.target.as_ref().map(stored).transpose()?;
        let target = target.and_then(Result::ok);
        let elsewhere = |target: &Stored| {
            value
                .as_ref()
                .is_ok_and(|value| !target.is_same(value, self.parameter.tolerance()))
        };
        Ok(Entry {
            target: target.filter(elsewhere),
            value,
        })
    }
}

/// Whether a parameter is of the device itself, and not something that the protocol says about it.
fn is_own(device: &Device, parameter: &Parameter) -> bool {
    let wire = parameter.wire.as_str();
    let about = ["status", "target", "pollinterval", LOCKED_BY].contains(&wire)
        || wire.ends_with("_limits") && is_about(device, wire);
    // A device without a main parameter shows its status there.
    let status = wire == "value" && device.driver.is_some() && !parameter.properties.contains_key("_name");
    !about && !status
}

/// Whether `..._limits` belongs to another parameter.
fn is_about(device: &Device, wire: &str) -> bool {
    let of = wire.trim_end_matches("_limits");
    device.parameters.iter().any(|parameter| {
        let written = parameter.wire_target.as_deref();
        parameter.wire == of || written == Some(of)
    })
}

/// Whether it can be written.
pub(crate) fn is_setting(device: &Device, parameter: &Parameter) -> bool {
    parameter.wire_target.is_some() && is_own(device, parameter)
}

/// Whether it is worth a line: frames are not.
fn is_reading(device: &Device, parameter: &Parameter) -> bool {
    let bulky = matches!(parameter.datainfo, Datainfo::Array { .. } | Datainfo::Blob);
    is_own(device, parameter) && parameter.wire_target.is_none() && !bulky
}

/// Whether writing it moves something.
pub(crate) fn is_motion(device: &Device, parameter: &Parameter) -> bool {
    device.class == "Drivable" && parameter.wire == "value"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What the host says about a device or a parameter is neither set nor read: it would come back as a difference.
    #[test]
    fn what_the_host_adds_to_a_device_is_not_kept() {
        let number = |readonly: bool| json!({ "readonly": readonly, "datainfo": { "type": "double", "unit": "mm" } });
        let pair = json!({ "type": "tuple", "members": [{ "type": "double" }, { "type": "double" }] });
        let pair = json!({ "readonly": true, "datainfo": pair });
        let text = json!({ "readonly": true, "datainfo": { "type": "string" } });
        let accessibles = json!({
            "value": number(true), "status": pair, "target": number(false), "target_limits": pair,
            "_velocity": number(false), "_velocity_limits": pair, "_load": number(true), "_soft_limits": pair,
            "pollinterval": number(false), LOCKED_BY: text,
        });
        let stage = json!({ "interface_classes": ["Drivable"], "_main": "position", "accessibles": accessibles });
        let node = Node::parse(&json!({ "modules": { "stage": stage } })).unwrap();
        let device = &node.devices[0];
        let kept = |filter: fn(&Device, &Parameter) -> bool| {
            let kept = device.parameters.iter().filter(|parameter| filter(device, parameter));
            kept.map(|parameter| parameter.wire.as_str()).collect::<Vec<_>>()
        };
        assert_eq!(kept(is_setting), ["value", "_velocity"]);
        assert_eq!(kept(is_reading), ["_load", "_soft_limits"]);
    }
}
