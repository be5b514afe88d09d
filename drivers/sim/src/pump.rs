//! A pump: a flow that is switched on and off, the volume it has moved, and a long command.

use std::time::Duration;

use baton_plugin_api::{
    Context, Device, DeviceClass, Error, Host, Result, Status, StatusCode, Table, Time,
    schemars::{self, JsonSchema},
};
use serde::Deserialize;

use crate::faults::{self, FaultOptions, Faults, Simulated};

/// Options of a pump.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PumpOptions {
    /// Flow when it is opened; 1 ml/min if not given.
    #[schemars(extend("unit" = "ml/min"))]
    flow: f64,
    #[serde(flatten)]
    faults: FaultOptions,
}

impl Default for PumpOptions {
    fn default() -> Self {
        PumpOptions {
            flow: 1.0,
            faults: FaultOptions::default(),
        }
    }
}

pub(crate) struct Pump {
    /// In ml/min, while it is on.
    flow: f64,
    is_on: bool,
    /// In ml, up to `since`.
    volume: f64,
    since: Time,
    faults: Faults,
}

impl Device for Pump {
    type Options = PumpOptions;
    const TYPE: &'static str = "pump";

    fn open(options: PumpOptions, host: Host) -> Result<Self> {
        Ok(Pump {
            faults: Faults::open(&options.faults, &host)?,
            flow: options.flow,
            is_on: false,
            volume: 0.0,
            since: host.now(),
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A simulated pump");
        t.simulated();
        // It reports a status, but a new flow is there at once: nothing is driven.
        t.class(DeviceClass::Writable);
        t.parameter("flow")
            .doc("Flow while the pump is on")
            .unit("ml/min")
            .limits(0.0..=50.0)
            .tolerance(0.001)
            .digits(2)
            .read(|pump, _| Ok(pump.flow))
            .write(Self::set_flow);
        t.parameter("on")
            .doc("Whether the pump runs")
            .read(|pump, _| Ok(pump.is_on))
            .write(|pump, on, cx| {
                pump.switch(on, cx.now());
                Ok(())
            });
        t.parameter("volume")
            .doc("Volume pumped since it was opened, or since `reset_volume`")
            .unit("ml")
            .digits(3)
            .read(|pump, cx| Ok(pump.count(cx.now())));
        t.command("dispense")
            .doc("Pumps this volume, and then stops")
            .argument_unit("ml")
            .long()
            .run(Self::dispense);
        t.command("reset_volume")
            .doc("Sets the volume to zero")
            .touches(["volume"])
            .run(Self::reset_volume);
        t.status(|pump, _| {
            Ok(match pump.is_on {
                true => Status::new(StatusCode::Idle, "pumping"),
                false => Status::idle(),
            })
        });
        t.stop(|pump, cx| {
            pump.switch(false, cx.now());
            Ok(())
        });
        faults::add(t);
    }
}

impl Simulated for Pump {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Pump {
    fn set_flow(&mut self, flow: f64, cx: &Context) -> Result<()> {
        self.count(cx.now());
        self.flow = flow;
        Ok(())
    }

    fn switch(&mut self, on: bool, now: Time) {
        self.count(now);
        self.is_on = on;
    }

    /// The volume up to now.
    fn count(&mut self, now: Time) -> f64 {
        if self.is_on {
            self.volume += self.flow / 60.0 * now.since(self.since).as_secs_f64();
        }
        self.since = now;
        self.volume
    }

    fn dispense(&mut self, volume: f64, cx: &Context) -> Result<()> {
        const STEP: Duration = Duration::from_millis(100);
        let total = Duration::try_from_secs_f64(volume / self.flow * 60.0)
            .map_err(|_| Error::impossible(format!("cannot dispense {volume} ml at {} ml/min", self.flow)))?;
        let end = cx.now() + total;
        self.switch(true, cx.now());
        loop {
            let left = end.since(cx.now());
            cx.progress(1.0 - left.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE));
            cx.publish("volume", self.count(cx.now()));
            if left.is_zero() {
                break;
            }
            if let Err(cancelled) = cx.sleep(left.min(STEP)) {
                self.switch(false, cx.now());
                return Err(cancelled);
            }
        }
        self.switch(false, cx.now());
        Ok(())
    }

    fn reset_volume(&mut self, cx: &Context) -> Result<()> {
        self.count(cx.now());
        self.volume = 0.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::{ErrorKind, Value, testkit::Bench};
    use serde_json::json;

    use super::*;

    fn volume(pump: &mut Bench) -> f64 {
        pump.read("volume").unwrap().as_f64().unwrap()
    }

    #[test]
    fn the_volume_is_the_flow_over_the_time_it_was_on() {
        let mut pump = Bench::open::<Pump>(json!({ "flow": 6.0 })).unwrap();
        pump.advance(Duration::from_secs(10));
        pump.write("on", true).unwrap();
        pump.advance(Duration::from_secs(10));
        pump.write("flow", 12.0).unwrap();
        pump.advance(Duration::from_secs(10));
        pump.stop().unwrap();
        pump.advance(Duration::from_secs(10));
        assert!((volume(&mut pump) - 3.0).abs() < 1e-9);
        pump.run("reset_volume", ()).unwrap();
        assert_eq!(volume(&mut pump), 0.0);
    }

    #[test]
    fn dispensing_stays_inside_until_the_volume_is_there() {
        let mut pump = Bench::open::<Pump>(json!({ "flow": 30.0 })).unwrap();
        let start = pump.now();
        pump.run("dispense", 2.0).unwrap();
        assert_eq!(pump.now().since(start), Duration::from_secs(4));
        assert!((volume(&mut pump) - 2.0).abs() < 1e-9);
        assert_eq!(pump.progress(), Some(1.0));
        assert_eq!(pump.published().len(), 41);
        assert_eq!(pump.read("on").unwrap(), Value::Bool(false));
    }

    #[test]
    fn a_cancelled_dispense_switches_off() {
        let mut pump = Bench::open::<Pump>(json!({ "flow": 30.0 })).unwrap();
        pump.cancel_next_after(Duration::from_secs(1));
        assert_eq!(pump.run("dispense", 2.0).unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(pump.read("on").unwrap(), Value::Bool(false));
        assert!((volume(&mut pump) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn without_flow_dispensing_is_refused() {
        let mut pump = Bench::open::<Pump>(json!({ "flow": 0.0 })).unwrap();
        assert_eq!(pump.run("dispense", 2.0).unwrap_err().kind(), ErrorKind::Impossible);
    }
}
