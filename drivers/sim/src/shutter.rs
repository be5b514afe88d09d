//! A shutter: a blade that takes its time between two positions.

use std::time::Duration;

use baton_plugin_api::{
    Context, Device, Host, Result, Status, StatusCode, Structured, Table, Time,
    schemars::{self, JsonSchema},
};
use serde::{Deserialize, Serialize};

use crate::{
    checks,
    faults::{self, FaultOptions, Faults, Simulated},
};

/// Options of a shutter.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ShutterOptions {
    /// Time that the blade takes from one position to the other; 0.2 s if not given.
    #[schemars(extend("unit" = "s"))]
    travel_time: f64,
    #[serde(flatten)]
    faults: FaultOptions,
}

impl Default for ShutterOptions {
    fn default() -> Self {
        ShutterOptions {
            travel_time: 0.2,
            faults: FaultOptions::default(),
        }
    }
}

/// Where the blade is.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Blade {
    Closed,
    Open,
}

impl Structured for Blade {}

pub(crate) struct Shutter {
    travel_time: Duration,
    from: Blade,
    to: Blade,
    /// When the blade is at `to`; until then it is at `from`.
    arrival: Time,
    faults: Faults,
}

impl Device for Shutter {
    type Options = ShutterOptions;
    const TYPE: &'static str = "shutter";

    fn open(options: ShutterOptions, host: Host) -> Result<Self> {
        Ok(Shutter {
            faults: Faults::open(&options.faults, &host)?,
            travel_time: checks::duration("travel_time", options.travel_time)?,
            from: Blade::Closed,
            to: Blade::Closed,
            arrival: host.now(),
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A simulated beam shutter");
        t.simulated();
        t.parameter("position")
            .doc("Whether the beam passes")
            // After an error somebody has to look, and run `clear_errors`, before the beam may pass again.
            .allowed_in([StatusCode::Idle])
            .read(Self::position)
            .write(Self::move_to)
            .estimate(|shutter, _| shutter.travel_time);
        t.status(Self::status);
        t.stop(Self::stop);
        faults::add(t);
    }
}

impl Simulated for Shutter {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Shutter {
    fn position(&mut self, cx: &Context) -> Result<Blade> {
        Ok(if cx.now() < self.arrival { self.from } else { self.to })
    }

    fn move_to(&mut self, target: Blade, cx: &Context) -> Result<()> {
        self.from = self.position(cx)?;
        self.to = target;
        self.arrival = match self.from == target {
            true => cx.now(),
            false => cx.now() + self.travel_time,
        };
        Ok(())
    }

    fn status(&mut self, cx: &Context) -> Result<Status> {
        match (cx.now() < self.arrival, self.to) {
            (false, _) => Ok(Status::idle()),
            (true, Blade::Open) => Ok(Status::busy("opening")),
            (true, Blade::Closed) => Ok(Status::busy("closing")),
        }
    }

    /// A blade on its way falls shut, which is the safe end; one at rest stays.
    fn stop(&mut self, cx: &Context) -> Result<()> {
        if cx.now() < self.arrival {
            self.to = Blade::Closed;
            self.arrival = cx.now();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use baton_plugin_api::{ErrorKind, testkit::Bench};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_blade_arrives_after_its_travel_time() {
        let mut shutter = Bench::open::<Shutter>(json!({})).unwrap();
        shutter.write("position", "open").unwrap();
        shutter.advance(Duration::from_millis(199));
        assert_eq!(shutter.read("position").unwrap(), "closed".into());
        assert_eq!(shutter.status().unwrap(), Status::busy("opening"));
        shutter.advance(Duration::from_millis(1));
        assert_eq!(shutter.read("position").unwrap(), "open".into());
        assert_eq!(shutter.status().unwrap(), Status::idle());
    }

    #[test]
    fn a_stop_on_the_way_closes_and_a_stop_at_rest_changes_nothing() {
        let mut shutter = Bench::open::<Shutter>(json!({ "travel_time": 2 })).unwrap();
        shutter.write("position", "open").unwrap();
        shutter.stop().unwrap();
        assert_eq!(shutter.read("position").unwrap(), "closed".into());

        shutter.write("position", "open").unwrap();
        shutter.until_idle(Duration::from_secs(3)).unwrap();
        shutter.stop().unwrap();
        assert_eq!(shutter.read("position").unwrap(), "open".into());
    }

    #[test]
    fn there_is_no_third_position() {
        let mut shutter = Bench::open::<Shutter>(json!({})).unwrap();
        assert_eq!(
            shutter.write("position", "ajar").unwrap_err().kind(),
            ErrorKind::WrongType
        );
    }
}
