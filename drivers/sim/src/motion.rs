//! A motion controller: several axes on one line.

use std::collections::HashMap;

use baton_plugin_api::{
    Controller, Devices, Host, Result, Shared,
    schemars::{self, JsonSchema},
};
use serde::Deserialize;

use crate::{
    faults::{FaultOptions, Faults, Line},
    motor::{Mechanics, Motor, MotorOptions},
};

/// Options of a motion controller.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MotionOptions {
    #[serde(flatten)]
    faults: FaultOptions,
}

/// Options of an axis.
// It is the flattened options that deny unknown fields: serde hands them whatever is not `axis`.
#[derive(Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct AxisOptions {
    /// Number of the axis on the controller.
    axis: u8,
    #[serde(flatten)]
    motor: MotorOptions,
}

pub(crate) struct Motion {
    line: Line,
    /// The mechanics by number of the axis. They stay when an axis is closed, as hardware does.
    axes: HashMap<u8, Shared<Mechanics>>,
}

impl Controller for Motion {
    type Options = MotionOptions;
    const TYPE: &'static str = "motion";

    fn open(options: MotionOptions, host: Host) -> Result<Self> {
        // A controller has no calls of its own that could fail; only its opening can.
        drop(Faults::open(&options.faults, &host)?);
        Ok(Motion {
            line: Line::default(),
            axes: HashMap::new(),
        })
    }

    fn devices(devices: &mut Devices<Self>) {
        devices.device("axis", Self::axis);
    }

    fn doc() -> &'static str {
        "A simulated motion controller, whose axes share a line"
    }
}

impl Motion {
    fn axis(&mut self, options: AxisOptions, host: Host) -> Result<Motor> {
        let faults = Faults::on_line(&options.motor.faults, &host, self.line.clone())?;
        let mechanics = match self.axes.get(&options.axis) {
            Some(mechanics) => mechanics.clone(),
            None => Shared::new(Mechanics::new(&options.motor, host.now())?),
        };
        self.axes.insert(options.axis, mechanics.clone());
        Ok(Motor::axis(mechanics, faults, host))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use baton_plugin_api::{ErrorKind, Status, testkit::Bench};
    use serde_json::json;

    use super::*;

    #[test]
    fn axes_move_at_the_same_time_and_homing_does_not_keep_the_line() {
        let motion = Bench::open_controller::<Motion>(json!({})).unwrap();
        let mut x = motion.device("axis", json!({ "axis": 1 })).unwrap();
        let mut y = motion.device("axis", json!({ "axis": 2 })).unwrap();
        let start = x.now();
        x.run("home", ()).unwrap();
        y.write("position", 10.0).unwrap();
        assert_eq!(x.now(), start);
        assert_eq!(x.status().unwrap(), Status::busy("homing"));
        x.until_idle(Duration::from_secs(10)).unwrap();
        y.until_idle(Duration::from_secs(10)).unwrap();
        assert_eq!(x.read("referenced").unwrap(), true.into());
        assert_eq!(y.read("position").unwrap(), 10.0.into());
    }

    #[test]
    fn the_stopper_ends_homing() {
        let motion = Bench::open_controller::<Motion>(json!({})).unwrap();
        let mut x = motion.device("axis", json!({ "axis": 1, "start": 30.0 })).unwrap();
        x.run("home", ()).unwrap();
        x.advance(Duration::from_secs(1));
        x.stopper().unwrap()().unwrap();
        x.until_idle(Duration::from_secs(1)).unwrap();
        assert_eq!(x.read("referenced").unwrap(), false.into());
        assert!(x.read("position").unwrap().as_f64().unwrap() > 20.0);
    }

    #[test]
    fn an_axis_that_is_opened_again_stands_where_it_stood() {
        let motion = Bench::open_controller::<Motion>(json!({})).unwrap();
        let mut x = motion.device("axis", json!({ "axis": 1, "velocity": 50.0 })).unwrap();
        x.write("position", 10.0).unwrap();
        x.until_idle(Duration::from_secs(10)).unwrap();
        x.reopen().unwrap();
        assert_eq!(x.read("position").unwrap(), 10.0.into());
    }

    #[test]
    fn an_option_that_is_not_there_is_refused() {
        let motion = Bench::open_controller::<Motion>(json!({})).unwrap();
        let error = motion.device("axis", json!({ "axis": 1, "velcity": 1 })).err().unwrap();
        assert!(error.message().contains("unknown field `velcity`"), "{error}");
    }

    #[test]
    fn a_lost_line_takes_all_axes_with_it() {
        let motion = Bench::open_controller::<Motion>(json!({})).unwrap();
        let mut x = motion.device("axis", json!({ "axis": 1 })).unwrap();
        let mut y = motion.device("axis", json!({ "axis": 2 })).unwrap();
        x.write("fault", "drop_connection").unwrap();
        assert_eq!(x.read("position").unwrap_err().kind(), ErrorKind::CommunicationFailed);
        assert_eq!(y.read("position").unwrap_err().kind(), ErrorKind::CommunicationFailed);
        assert_eq!(y.reopen().unwrap_err().kind(), ErrorKind::CommunicationFailed);
    }
}
