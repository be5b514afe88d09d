//! Units of drivers that nobody knows.

use std::collections::BTreeSet;

use baton_plugin_api::{Datatype, Field};

use crate::{
    config::{DeviceConfig, LabConfig},
    units::Unit,
};

/// Says once for each driver and unit that it is not known: such a unit is text that equals itself alone (D4).
pub(super) fn warn_of_unknown(config: &LabConfig) {
    let mut told = BTreeSet::new();
    for device in &config.devices {
        for (path, unit) in units(device) {
            if !Unit::parse(&unit).is_known() && told.insert((device.driver.clone(), unit.clone())) {
                let (driver, name) = (&device.driver, &device.name);
                tracing::warn!(
                    driver,
                    "driver {driver}: unknown unit `{unit}` of {name}.{path}: it is not converted, and equals itself alone"
                );
            }
        }
    }
}

/// Every unit that the driver names for a device, and what for.
fn units(device: &DeviceConfig) -> Vec<(String, String)> {
    let mut units = Vec::new();
    for parameter in &device.table.parameters {
        units.push((parameter.name.clone(), parameter.unit.clone()));
        fields(&parameter.name, &parameter.datatype, &mut units);
    }
    for command in &device.table.commands {
        for (unit, datatype) in [
            (&command.argument_unit, &command.argument),
            (&command.result_unit, &command.result),
        ] {
            units.push((command.name.clone(), unit.clone()));
            fields(&command.name, datatype, &mut units);
        }
    }
    units
}

fn fields(path: &str, datatype: &Datatype, units: &mut Vec<(String, String)>) {
    if let Datatype::Record { fields: inner } = datatype.element() {
        for Field {
            name, unit, datatype, ..
        } in inner
        {
            let path = format!("{path}.{name}");
            units.push((path.clone(), unit.clone()));
            fields(&path, datatype, units);
        }
    }
}
