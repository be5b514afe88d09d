//! A power supply on a resistive load: constant voltage, or constant current where the limit is reached.

use baton_plugin_api::{
    Context, Device, DeviceClass, Host, Result, Status, StatusCode, Structured, Table,
    schemars::{self, JsonSchema},
};
use serde::{Deserialize, Serialize};

use crate::{
    checks::positive,
    faults::{self, FaultOptions, Faults, Simulated},
    noise::Noise,
};

/// Options of a power supply.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SupplyOptions {
    /// Resistance of the load; 10 Ohm if not given.
    #[schemars(extend("unit" = "Ohm"))]
    load: f64,
    /// Standard deviation of what is measured, relative to it; 0.0001 if not given.
    noise: f64,
    /// Seed of the noise.
    seed: u64,
    #[serde(flatten)]
    faults: FaultOptions,
}

impl Default for SupplyOptions {
    fn default() -> Self {
        SupplyOptions {
            load: 10.0,
            noise: 1e-4,
            seed: 1,
            faults: FaultOptions::default(),
        }
    }
}

/// What the output keeps constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Off,
    /// Constant voltage.
    Cv,
    /// Constant current: the load would draw more than the limit.
    Cc,
}

impl Structured for Mode {}

pub(crate) struct Supply {
    /// As programmed, in V.
    voltage: f64,
    /// As programmed, in A.
    current_limit: f64,
    is_on: bool,
    /// In Ohm.
    load: f64,
    noise: Noise,
    deviation: f64,
    faults: Faults,
}

impl Device for Supply {
    type Options = SupplyOptions;
    const TYPE: &'static str = "supply";

    fn open(options: SupplyOptions, host: Host) -> Result<Self> {
        Ok(Supply {
            faults: Faults::open(&options.faults, &host)?,
            voltage: 0.0,
            current_limit: 1.0,
            is_on: false,
            load: positive("load", options.load)?,
            noise: Noise::new(options.seed),
            deviation: options.noise,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A simulated laboratory power supply with a resistive load");
        t.simulated();
        // It reports a status, but a new voltage is there at once: nothing is driven.
        t.class(DeviceClass::Writable);
        t.parameter("voltage")
            .doc("Voltage as programmed; `measured_voltage` is what the load sees")
            .unit("V")
            .limits(0.0..=30.0)
            .tolerance(0.001)
            .digits(3)
            .read(|supply, _| Ok(supply.voltage))
            .write(|supply, voltage: f64, _| {
                supply.voltage = voltage;
                Ok(())
            });
        t.parameter("current")
            .doc("Current through the load")
            .unit("A")
            .digits(3)
            .read(|supply, cx| Ok(supply.measured(supply.output().1, 0, cx)));
        t.parameter("current_limit")
            .doc("Greatest current that the output gives")
            .unit("A")
            .limits(0.0..=5.0)
            .digits(3)
            .read(|supply, _| Ok(supply.current_limit))
            .write(|supply, current: f64, _| {
                supply.current_limit = current;
                Ok(())
            });
        t.parameter("output")
            .doc("Whether the output is on")
            .read(|supply, _| Ok(supply.is_on))
            .write(|supply, on, _| {
                supply.is_on = on;
                Ok(())
            });
        t.parameter("measured_voltage")
            .doc("Voltage across the load")
            .unit("V")
            .digits(3)
            .read(|supply, cx| Ok(supply.measured(supply.output().0, 1, cx)));
        t.parameter("mode")
            .doc("What the output keeps constant: the voltage (cv) or, at the current limit, the current (cc)")
            .read(|supply, _| Ok(supply.output().2));
        t.status(Self::status);
        faults::add(t);
    }
}

impl Simulated for Supply {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Supply {
    /// Voltage, current and mode of the output, by Ohm's law.
    fn output(&self) -> (f64, f64, Mode) {
        let wanted = self.voltage / self.load;
        match (self.is_on, wanted > self.current_limit) {
            (false, _) => (0.0, 0.0, Mode::Off),
            (true, false) => (self.voltage, wanted, Mode::Cv),
            (true, true) => (self.current_limit * self.load, self.current_limit, Mode::Cc),
        }
    }

    fn measured(&self, value: f64, channel: u64, cx: &Context) -> f64 {
        value * (1.0 + self.deviation * self.noise.normal(cx.now(), channel))
    }

    fn status(&mut self, _: &Context) -> Result<Status> {
        Ok(match self.output().2 {
            Mode::Off => Status::new(StatusCode::Idle, "output off"),
            Mode::Cv => Status::idle(),
            Mode::Cc => Status::warn("current limit reached"),
        })
    }
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::testkit::Bench;
    use serde_json::json;

    use super::*;

    fn check(bench: &mut Bench, expected: &str) {
        let mode = bench.read("mode").unwrap();
        let [volts, amperes] = ["measured_voltage", "current"].map(|name| bench.read(name).unwrap().as_f64().unwrap());
        let status = bench.status().unwrap();
        let found = format!(
            "{} {volts:.2} V {amperes:.2} A {} {}",
            mode.as_str().unwrap(),
            status.code.word(),
            status.text
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn the_current_limit_decides_between_constant_voltage_and_constant_current() {
        let mut supply = Bench::open::<Supply>(json!({ "load": 10 })).unwrap();
        supply.write("voltage", 5).unwrap();
        check(&mut supply, "off 0.00 V 0.00 A idle output off");
        supply.write("output", true).unwrap();
        check(&mut supply, "cv 5.00 V 0.50 A idle ");
        supply.write("current_limit", 0.2).unwrap();
        check(&mut supply, "cc 2.00 V 0.20 A warn current limit reached");
        assert_eq!(supply.read("voltage").unwrap(), 5.0.into());
        supply.write("voltage", 1).unwrap();
        check(&mut supply, "cv 1.00 V 0.10 A idle ");
    }

    #[test]
    fn what_is_refused_never_reaches_the_supply() {
        let mut supply = Bench::open::<Supply>(json!({})).unwrap();
        assert!(supply.write("voltage", 30.1).is_err());
        assert!(supply.write("voltage", "high").is_err());
        assert!(supply.write("current", 1).is_err());
        assert_eq!(supply.read("calls").unwrap(), 0.into());
        supply.write("voltage", 30).unwrap();
        assert_eq!(supply.read("calls").unwrap(), 1.into());
    }

    #[test]
    fn a_load_of_nothing_is_refused() {
        let error = Bench::open::<Supply>(json!({ "load": 0 })).err().unwrap();
        assert_eq!(error.message(), "option `load` is 0, but must be greater than 0");
    }
}
