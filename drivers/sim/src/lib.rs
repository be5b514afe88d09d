//! Simulated instruments: a lab without hardware, to try a program on and to see how a driver is written.
//!
//! | type | main parameter | what it shows |
//! | --- | --- | --- |
//! | `motor` | `position` | a motion with velocity, acceleration, travel limits and homing |
//! | `axis` of a `motion` controller | `position` | the same motor, several on one line |
//! | `shutter` | `position` | an enum that takes its time |
//! | `pump` | `flow` | a long command with progress: `dispense` |
//! | `oven` | `temperature` | a target that is approached slowly, with noise |
//! | `supply` | `voltage` | programmed and measured values that differ |
//! | `detector` | `counts` | a reading that takes time and depends on another device; arrays |
//! | `slit` | `gap` | a device made of two others, which it moves as one |
//!
//! Time comes from the lab's clock and noise from a seed in the options, so the same program on the same clock sees the
//! same numbers. Every device can be made to [misbehave](faults).
#![forbid(unsafe_code)]

mod checks;
mod detector;
pub mod faults;
mod motion;
mod motor;
mod noise;
mod oven;
mod pump;
mod shutter;
mod slit;
mod supply;

use {
    detector::Detector, motion::Motion, motor::Motor, oven::Oven, pump::Pump, shutter::Shutter, slit::Slit,
    supply::Supply,
};

baton_plugin_api::export_driver!(Motor, Shutter, Pump, Oven, Supply, Detector, Slit; controllers: Motion);

#[cfg(test)]
mod tests {
    use baton_plugin_api::{
        Device,
        description::TableDescription,
        schemars::{self, JsonSchema},
        testkit::Bench,
    };
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn tables() -> [TableDescription; 7] {
        fn of<D: Device>() -> TableDescription {
            Bench::open::<D>(json!({})).unwrap().table().clone()
        }
        [
            of::<Motor>(),
            of::<Shutter>(),
            of::<Pump>(),
            of::<Oven>(),
            of::<Supply>(),
            of::<Detector>(),
            Bench::open::<Slit>(json!({ "left": "a", "right": "b" }))
                .unwrap()
                .table()
                .clone(),
        ]
    }

    #[test]
    fn what_the_devices_are() {
        /// `fault`, `fault_on`, `fault_delay`, `fault_times` and `calls`, which come last.
        const OF_FAULTS: usize = 5;
        let lines = tables().map(|table| {
            let parameters: Vec<_> = table.parameters.iter().map(|row| row.name.as_str()).collect();
            let commands: Vec<_> = table.commands.iter().map(|row| row.name.as_str()).collect();
            let (class, own) = (table.class(), parameters.len() - OF_FAULTS);
            format!("{class:?} {} | {}\n", parameters[..own].join(" "), commands.join(" "))
        });
        expect![[r#"
            Drivable position velocity acceleration referenced | home release
            Drivable position | release
            Writable flow on volume | dispense reset_volume release
            Drivable temperature rate heater | release
            Writable voltage current current_limit output measured_voltage mode | release
            Readable counts exposure spectrum frame | release
            Drivable gap center | close release
        "#]]
        .assert_eq(&lines.concat());
    }

    #[test]
    fn everything_is_documented() {
        for table in tables() {
            assert!(!table.doc.is_empty());
            let parameters = table.parameters.iter().map(|row| (&row.name, &row.doc));
            let commands = table.commands.iter().map(|row| (&row.name, &row.doc));
            for (name, doc) in parameters.chain(commands) {
                assert!(!doc.is_empty(), "{name} has no doc");
            }
        }
    }

    #[test]
    fn the_schema_of_an_axis_refuses_what_is_not_there() {
        fn schema<O: JsonSchema>() -> schemars::Schema {
            schemars::SchemaGenerator::default().into_root_schema_for::<O>()
        }
        for schema in [schema::<motion::AxisOptions>(), schema::<motor::MotorOptions>()] {
            assert_eq!(schema.get("additionalProperties"), Some(&json!(false)));
            let description = schema.get("description").and_then(|text| text.as_str()).unwrap();
            assert!(description.starts_with("Options of a"), "{description}");
        }
    }
}
