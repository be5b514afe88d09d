//! An oven: a target that is approached slowly, and a readback with noise.

use std::time::Duration;

use baton_plugin_api::{
    Context, Device, Host, Result, Status, Table,
    schemars::{self, JsonSchema},
};
use serde::Deserialize;

use crate::{
    checks::positive,
    faults::{self, FaultOptions, Faults, Simulated},
    noise::Noise,
};

mod thermal;

use thermal::Thermal;

/// Options of an oven.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OvenOptions {
    /// Temperature of the surroundings, which the oven has when it is opened; 25 degC if not given.
    #[schemars(extend("unit" = "degC"))]
    ambient: f64,
    /// Time in which the distance to the setpoint falls to a third; 2 s if not given.
    #[schemars(extend("unit" = "s"))]
    time_constant: f64,
    /// Rate of the setpoint, until the parameter changes it; 60 K/min if not given.
    #[schemars(extend("unit" = "K/min"))]
    rate: f64,
    /// Standard deviation of the readback; 0.02 K if not given.
    #[schemars(extend("unit" = "K", "difference" = true))]
    noise: f64,
    /// Seed of the noise.
    seed: u64,
    #[serde(flatten)]
    faults: FaultOptions,
}

impl Default for OvenOptions {
    fn default() -> Self {
        OvenOptions {
            ambient: 25.0,
            time_constant: 2.0,
            rate: 60.0,
            noise: 0.02,
            seed: 1,
            faults: FaultOptions::default(),
        }
    }
}

pub(crate) struct Oven {
    thermal: Thermal,
    host: Host,
    noise: Noise,
    deviation: f64,
    faults: Faults,
}

/// How far from its target the oven counts as arrived, in K.
const TOLERANCE: f64 = 0.5;

/// It is busy until it is this close, in K, so that neither noise nor the last bit of the way brings it out again.
const SETTLED: f64 = TOLERANCE / 2.0;

impl Device for Oven {
    type Options = OvenOptions;
    const TYPE: &'static str = "oven";

    fn open(options: OvenOptions, host: Host) -> Result<Self> {
        let rate = positive("rate", options.rate)? / 60.0;
        let time_constant = positive("time_constant", options.time_constant)?;
        Ok(Oven {
            faults: Faults::open(&options.faults, &host)?,
            thermal: Thermal::new(options.ambient, time_constant, rate, host.now()),
            noise: Noise::new(options.seed),
            deviation: options.noise,
            host,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A simulated oven");
        t.simulated();
        t.parameter("temperature")
            .doc("Temperature inside")
            .unit("degC")
            .limits(0.0..=300.0)
            .tolerance(TOLERANCE)
            .digits(2)
            .retarget()
            .read(Self::temperature)
            .write(Self::set_target)
            .estimate(Self::estimate);
        t.parameter("rate")
            .doc("How fast the setpoint runs to a new target")
            .unit("K/min")
            .limits(0.1..=6000.0)
            .read(|oven, _| Ok(oven.thermal.rate() * 60.0))
            .write(|oven, rate: f64, cx| {
                oven.thermal.set_rate(rate / 60.0, cx.now());
                Ok(())
            });
        t.parameter("heater")
            .doc("Power that the heater gives")
            .unit("W")
            .digits(1)
            .read(|oven, cx| Ok(oven.thermal.power(cx.now())));
        t.status(Self::status);
        t.stop(|oven, cx| {
            oven.thermal.hold(cx.now());
            Ok(())
        });
        faults::add(t);
    }
}

impl Simulated for Oven {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Oven {
    fn temperature(&mut self, cx: &Context) -> Result<f64> {
        let now = cx.now();
        Ok(self.thermal.temperature(now) + self.deviation * self.noise.normal(now, 0))
    }

    fn set_target(&mut self, target: f64, cx: &Context) -> Result<()> {
        self.thermal.set_target(target, cx.now());
        Ok(())
    }

    fn estimate(&mut self, target: f64) -> Duration {
        let seconds = self.thermal.seconds_to(target, SETTLED, self.host.now());
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    fn status(&mut self, cx: &Context) -> Result<Status> {
        let left = self.thermal.target() - self.thermal.temperature(cx.now());
        Ok(match left {
            left if left > SETTLED => Status::busy("heating"),
            left if left < -SETTLED => Status::busy("cooling"),
            _ => Status::idle(),
        })
    }
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::testkit::Bench;
    use serde_json::json;

    use super::*;

    fn number(bench: &mut Bench, parameter: &str) -> f64 {
        bench.read(parameter).unwrap().as_f64().unwrap()
    }

    #[test]
    fn it_is_busy_until_it_has_settled_and_no_longer_than_estimated() {
        let mut oven = Bench::open::<Oven>(json!({})).unwrap();
        let estimate = oven.estimate("temperature", 55.0).unwrap().unwrap();
        oven.write("temperature", 55.0).unwrap();
        oven.advance(Duration::from_secs(15));
        assert_eq!(oven.status().unwrap(), Status::busy("heating"));
        // The setpoint is at 40 degC, and the temperature a time constant behind.
        assert!((number(&mut oven, "temperature") - 38.0).abs() < 0.2);

        oven.until_idle(estimate - Duration::from_secs(15) + Duration::from_millis(20))
            .unwrap();
        for _ in 0..100 {
            oven.advance(Duration::from_secs(1));
            assert!((number(&mut oven, "temperature") - 55.0).abs() < TOLERANCE);
        }
    }

    #[test]
    fn the_heater_covers_the_loss_and_cannot_cool() {
        let mut oven = Bench::open::<Oven>(json!({})).unwrap();
        oven.write("temperature", 55.0).unwrap();
        oven.advance(Duration::from_secs(10));
        assert!((number(&mut oven, "heater") - 5.0).abs() < 1e-9);
        oven.advance(Duration::from_secs(100));
        assert!((number(&mut oven, "heater") - 15.0).abs() < 1e-9);

        oven.write("temperature", 10.0).unwrap();
        assert_eq!(oven.status().unwrap(), Status::busy("cooling"));
        oven.until_idle(Duration::from_secs(60)).unwrap();
        assert_eq!(number(&mut oven, "heater"), 0.0);
    }

    #[test]
    fn a_stop_holds_the_temperature() {
        let mut oven = Bench::open::<Oven>(json!({ "noise": 0.0 })).unwrap();
        oven.write("temperature", 55.0).unwrap();
        oven.advance(Duration::from_secs(15));
        let before = number(&mut oven, "temperature");
        oven.stop().unwrap();
        oven.advance(Duration::from_secs(100));
        assert!((number(&mut oven, "temperature") - before).abs() < 1e-9);
        assert_eq!(oven.status().unwrap(), Status::idle());
    }

    #[test]
    fn a_new_target_or_rate_is_taken_on_the_way_without_a_jump() {
        let mut oven = Bench::open::<Oven>(json!({ "noise": 0.0 })).unwrap();
        oven.write("temperature", 55.0).unwrap();
        oven.advance(Duration::from_secs(10));
        let before = number(&mut oven, "temperature");
        oven.write("rate", 600.0).unwrap();
        oven.write("temperature", 30.0).unwrap();
        assert_eq!(number(&mut oven, "temperature"), before);
        oven.until_idle(Duration::from_secs(20)).unwrap();
        assert!((number(&mut oven, "temperature") - 30.0).abs() < TOLERANCE);
    }

    #[test]
    fn the_same_seed_gives_the_same_noise_whatever_was_read_before() {
        let mut one = Bench::open::<Oven>(json!({ "seed": 3 })).unwrap();
        let mut two = Bench::open::<Oven>(json!({ "seed": 3 })).unwrap();
        let mut other = Bench::open::<Oven>(json!({ "seed": 4 })).unwrap();
        number(&mut one, "temperature");
        for bench in [&one, &two, &other] {
            bench.advance(Duration::from_secs(1));
        }
        let reading = number(&mut one, "temperature");
        assert_eq!(reading, number(&mut two, "temperature"));
        assert_ne!(reading, number(&mut other, "temperature"));
    }
}
