//! The lab as SECoP sees it: modules with accessibles, and the way from one name to the other.
//!
//! A device is a module. Its main parameter is `value`, and `target` if it can be written. What only a driver knows gets
//! the underscore that SECoP demands of names of our own.

mod datainfo;
mod describe;
mod names;

use std::{collections::HashMap, sync::Arc};

use baton_plugin_api::{Datatype, DeviceClass, Time, Value};
use serde_json::{Value as Json, json};

pub(super) use names::Role;

use super::{
    reply::{self, Line, Report},
    value,
};
use crate::{
    arbiter::Target,
    config::{Bound, Limits},
    device::{Device, Parameter},
    dispatcher::{Message, Payload},
    failure::Refusal,
    lab::Lab,
};

/// All modules of a lab, and their description as it is sent.
pub(super) struct Node {
    lab: Lab,
    modules: Vec<Module>,
    by_name: HashMap<Arc<str>, usize>,
    description: Arc<str>,
}

/// A device on the wire.
pub(super) struct Module {
    pub(super) device: Arc<Device>,
    /// In the order of the description.
    accessibles: Vec<Accessible>,
    /// The accessible that shows each parameter's readback, by the parameter's own name.
    readbacks: HashMap<Arc<str>, (usize, String)>,
    /// The same for the limits of parameters.
    limits: HashMap<Arc<str>, (usize, String)>,
}

/// Something of a module that can be read, written or run.
pub(super) struct Accessible {
    pub(super) name: String,
    pub(super) role: Role,
}

impl Node {
    pub(super) fn new(lab: &Lab) -> Node {
        let modules: Vec<_> = lab.devices().iter().map(Module::new).collect();
        let names = modules.iter().enumerate();
        let by_name = names
            .map(|(index, module)| (Arc::clone(module.device.name()), index))
            .collect();
        let description = Line::new("describing", ".", &describe::node(lab, &modules).to_string());
        Node {
            lab: lab.clone(),
            modules,
            by_name,
            description: description.as_str().into(),
        }
    }

    /// The reply to `describe`.
    pub(super) fn description(&self) -> Line {
        Line::Shared(Arc::clone(&self.description))
    }

    pub(super) fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The place of the module of that name; case does not count.
    ///
    /// # Errors
    /// `NoSuchModule`, with the name that was probably meant.
    pub(super) fn find(&self, name: &str) -> Result<usize, Refusal> {
        if let Some(index) = self.by_name.get(name) {
            return Ok(*index);
        }
        let device = self.lab.device(name)?;
        Ok(self.by_name[device.name()])
    }

    /// What can be locked under a name: `stage`, or one of its parameters by any of its names.
    ///
    /// # Errors
    /// `NoSuchModule`, `NoSuchParameter`, with the name that was probably meant.
    pub(super) fn target(&self, name: &str) -> Result<Target, Report> {
        let (module, accessible) = self.split(name)?;
        let place = module.device.place();
        if accessible.is_empty() {
            return Ok(Target::device(place));
        }
        match module.role(accessible) {
            Some(Role::Value(index) | Role::Target(index) | Role::Parameter(index)) => {
                Ok(Target::parameter(place, index))
            }
            Some(role) if role.is_command() => {
                let text = format!(
                    "{name} is a command; to have it for yourself, lock {}",
                    module.device.name()
                );
                Err(Report::new("NoSuchParameter", text))
            }
            Some(_) => Err(Report::new(
                "NoSuchParameter",
                format!("{name} cannot be written, so it cannot be locked"),
            )),
            None => Err(module.no_such_parameter(accessible)),
        }
    }

    /// The module and the rest of a specifier such as `stage:value`.
    pub(super) fn split<'a>(&self, specifier: &'a str) -> Result<(&Module, &'a str), Refusal> {
        let (module, accessible) = crate::device::split_path(specifier);
        Ok((&self.modules[self.find(module)?], accessible))
    }

    /// How many different things there are to be told.
    pub(super) fn topics(&self) -> usize {
        self.modules.iter().map(|module| module.accessibles.len()).sum()
    }

    /// Appends the update lines that a message is to a client; none if it is of no concern to SECoP.
    pub(super) fn push_update(&self, out: &mut String, message: &Message) {
        let Some(module) = self.by_name.get(message.device()).map(|index| &self.modules[*index]) else {
            return;
        };
        let parameter = message.parameter().unwrap_or_default();
        match (&**message.message(), message.payload()) {
            ("changed", Payload::Reading(reading)) => {
                if let Some((index, wire)) = module.readbacks.get(parameter) {
                    push_reading(out, module, wire, *index, reading);
                }
            }
            ("target", Payload::Reading(reading)) => {
                let main = module.device.main().filter(|main| **main.name() == *parameter);
                if let Some(main) = main.filter(|main| main.description().writable) {
                    push_reading(out, module, "target", main.index(), reading);
                }
            }
            ("limits", Payload::Limits(limits)) => {
                if let Some((index, wire)) = module.limits.get(parameter) {
                    push_update(out, module, wire, &module.show_limits(*index, limits, message.t()));
                }
            }
            ("locked_by", Payload::Value(owner)) => {
                if let Some(accessible) = module.accessibles.iter().find(|known| known.role == Role::LockedBy) {
                    let owner = value::to_string(owner, &Datatype::Text { max_chars: None });
                    push_update(
                        out,
                        module,
                        &accessible.name,
                        &reply::qualified(&owner, message.t(), None),
                    );
                }
            }
            ("status", Payload::Status(status)) => {
                let code = status.code.number();
                let both = json!([code, status.text]).to_string();
                push_update(out, module, "status", &reply::qualified(&both, message.t(), None));
                if module.shows_status_as_value() {
                    let code = code.to_string();
                    push_update(out, module, "value", &reply::qualified(&code, message.t(), None));
                }
            }
            _ => {}
        }
    }
}

fn push_reading(out: &mut String, module: &Module, wire: &str, index: usize, reading: &crate::device::LastReading) {
    match reading {
        Ok(reading) => {
            push_head(out, "update", module, wire);
            let datatype = &module.device.parameters()[index].description().datatype;
            reply::push_reading(out, reading, datatype, None);
        }
        Err(error) => {
            push_head(out, "error_update", module, wire);
            out.push_str(&reply::reading_error(error).to_json().to_string());
        }
    }
    out.push('\n');
}

fn push_update(out: &mut String, module: &Module, wire: &str, data: &str) {
    push_head(out, "update", module, wire);
    out.push_str(data);
    out.push('\n');
}

fn push_head(out: &mut String, action: &str, module: &Module, wire: &str) {
    for part in [action, " ", module.device.name(), ":", wire, " "] {
        out.push_str(part);
    }
}

impl Module {
    fn new(device: &Arc<Device>) -> Module {
        let accessibles = names::accessibles(device);
        let readbacks = accessibles.iter().filter_map(|accessible| match accessible.role {
            Role::Value(index) | Role::Parameter(index) => {
                let name = Arc::clone(device.parameters()[index].name());
                Some((name, (index, accessible.name.clone())))
            }
            _ => None,
        });
        let limits = accessibles.iter().filter_map(|accessible| match accessible.role {
            Role::Limits(index) => {
                let name = Arc::clone(device.parameters()[index].name());
                Some((name, (index, accessible.name.clone())))
            }
            _ => None,
        });
        Module {
            readbacks: readbacks.collect(),
            limits: limits.collect(),
            device: Arc::clone(device),
            accessibles,
        }
    }

    pub(super) fn accessibles(&self) -> &[Accessible] {
        &self.accessibles
    }

    /// A device without a main parameter is about its status.
    fn shows_status_as_value(&self) -> bool {
        let first = self.accessibles.first();
        first.is_some_and(|accessible| accessible.role == Role::StatusValue)
    }

    /// What a name stands for: as the description has it, with or without the underscore, or the main parameter's own.
    /// Case does not count.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        let exact = self.accessibles.iter().find(|accessible| accessible.name == name);
        if let Some(accessible) = exact {
            return Some(accessible.role);
        }
        let same = |accessible: &&Accessible| {
            let plain = accessible.name.strip_prefix('_').unwrap_or(&accessible.name);
            accessible.name.eq_ignore_ascii_case(name) || plain.eq_ignore_ascii_case(name)
        };
        if let Some(accessible) = self.accessibles.iter().find(same) {
            return Some(accessible.role);
        }
        let plain = name.strip_prefix('_').unwrap_or(name);
        if let Some(limited) = plain.strip_suffix("_limits") {
            // Those that nobody has set yet are not described, and can be set all the same.
            let limited = self.device.parameter(limited).ok().filter(|p| p.can_have_limits())?;
            return Some(Role::Limits(limited.index()));
        }
        let main = self.device.main()?;
        main.name()
            .eq_ignore_ascii_case(plain)
            .then_some(Role::Value(main.index()))
    }

    /// The parameter of an index in the driver's table.
    pub(super) fn parameter(&self, index: usize) -> &Parameter {
        &self.device.parameters()[index]
    }

    /// What never changes while the lab runs, as it is sent; `None` for everything else.
    pub(super) fn constant(&self, role: Role) -> Option<String> {
        match role {
            Role::PollInterval(index) => {
                let interval = self.parameter(index).poll()?;
                Some(format!("{:?}", interval.as_secs_f64()))
            }
            _ => None,
        }
    }

    /// The limits of a parameter that count at `time`, as they are sent: with who has set each.
    pub(super) fn show_limits(&self, index: usize, limits: &Limits, time: Time) -> String {
        let datatype = self.parameter(index).description().datatype.element();
        let bound = |bound: &Option<Bound>, none: f64| {
            let bound = bound.as_ref().map_or(none, |bound| bound.value);
            let number = match datatype {
                Datatype::Int { .. } => Value::Int(bound as i64),
                _ => Value::Float(bound),
            };
            value::to_string(&number, datatype)
        };
        // A datatype of SECoP has no infinity.
        let both = [bound(&limits.lower, f64::MIN), bound(&limits.upper, f64::MAX)];
        let origin = describe::origin(limits);
        format!(
            "[[{}],{{\"t\":{:?},\"_origin\":{origin}}}]",
            both.join(","),
            time.as_seconds()
        )
    }

    /// The error for a name that is no parameter of this module.
    pub(super) fn no_such_parameter(&self, name: &str) -> Report {
        match self.device.parameter(name) {
            // It is one of the driver's, and hidden behind an accessible of ours with the same name.
            Ok(_) => Report::new(
                "NoSuchParameter",
                format!("{} has no parameter `{name}`", self.device.name()),
            ),
            Err(refusal) => refusal.into(),
        }
    }

    /// Whether a write of this parameter is a motion: it is answered when it is taken (W1).
    pub(super) fn moves(&self, index: usize) -> bool {
        self.device.moves(&self.device.parameters()[index])
    }

    /// SECoP's name of the class.
    pub(super) fn class(&self) -> &'static str {
        match self.device.class() {
            DeviceClass::Readable => "Readable",
            DeviceClass::Writable => "Writable",
            DeviceClass::Drivable => "Drivable",
            DeviceClass::Communicator => "Communicator",
        }
    }
}

/// A datainfo of two numbers, or whatever else is fixed.
fn tuple(members: impl IntoIterator<Item = Json>) -> Json {
    json!({ "type": "tuple", "members": members.into_iter().collect::<Vec<_>>() })
}
