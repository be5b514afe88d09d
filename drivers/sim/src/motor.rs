//! A linear stage, alone or as one axis of a controller.

use std::time::Duration;

use baton_plugin_api::{
    Context, Device, Error, Host, Result, Shared, Status, Stopper, Table,
    schemars::{self, JsonSchema},
};
use serde::{Deserialize, Serialize};

use crate::faults::{self, FaultOptions, Faults, Simulated};

mod mechanics;
mod profile;
#[cfg(test)]
mod tests;

pub(crate) use mechanics::Mechanics;

/// Options of a motor.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MotorOptions {
    /// Greatest velocity, until the parameter changes it; 5 mm/s if not given.
    #[schemars(extend("unit" = "mm/s"))]
    pub(crate) velocity: f64,
    /// Acceleration, until the parameter changes it; 20 mm/s2 if not given.
    #[schemars(extend("unit" = "mm/s2"))]
    pub(crate) acceleration: f64,
    /// Position of the lower end switch; -5 mm if not given.
    #[schemars(extend("unit" = "mm"))]
    pub(crate) travel_min: f64,
    /// Position of the upper end switch; 105 mm if not given.
    #[schemars(extend("unit" = "mm"))]
    pub(crate) travel_max: f64,
    /// Where it stands when it is opened; 0 mm if not given.
    #[schemars(extend("unit" = "mm"))]
    pub(crate) start: f64,
    /// How it stops before it has arrived; `decelerate` if not given.
    pub(crate) stop_mode: StopMode,
    #[serde(flatten)]
    pub(crate) faults: FaultOptions,
}

impl Default for MotorOptions {
    fn default() -> Self {
        MotorOptions {
            velocity: 5.0,
            acceleration: 20.0,
            travel_min: -5.0,
            travel_max: 105.0,
            start: 0.0,
            stop_mode: StopMode::Decelerate,
            faults: FaultOptions::default(),
        }
    }
}

/// How a motor stops.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StopMode {
    /// It brakes with its acceleration.
    Decelerate,
    /// It stands still where it is.
    AtOnce,
}

pub(crate) struct Motor {
    /// Shared with the stopper, and by an axis with its controller. No call keeps it for longer than a calculation, so
    /// the stopper never waits for one.
    mechanics: Shared<Mechanics>,
    /// Whether other axes wait for the line while a call is inside.
    is_axis: bool,
    host: Host,
    faults: Faults,
}

impl Device for Motor {
    type Options = MotorOptions;
    const TYPE: &'static str = "motor";

    fn open(options: MotorOptions, host: Host) -> Result<Self> {
        Ok(Motor {
            faults: Faults::open(&options.faults, &host)?,
            mechanics: Shared::new(Mechanics::new(&options, host.now())?),
            is_axis: false,
            host,
        })
    }

    fn table(t: &mut Table<Self>) {
        t.doc("A simulated linear stage");
        t.simulated();
        t.parameter("position")
            .doc("Where the stage is")
            .unit("mm")
            .limits(-1000.0..=1000.0)
            .tolerance(0.01)
            .digits(3)
            .read(Self::position)
            .write(Self::move_to)
            .estimate(|motor, target| motor.mechanics.lock().estimate(target, motor.host.now()));
        t.parameter("velocity")
            .doc("Greatest velocity of the next motion")
            .unit("mm/s")
            .limits(0.001..=100.0)
            .read(|motor, _| Ok(motor.mechanics.lock().velocity))
            .write(|motor, velocity: f64, _| {
                motor.mechanics.lock().velocity = velocity;
                Ok(())
            });
        t.parameter("acceleration")
            .doc("Acceleration of the next motion, and deceleration of a stop")
            .unit("mm/s2")
            .limits(0.01..=10_000.0)
            .read(|motor, _| Ok(motor.mechanics.lock().acceleration))
            .write(|motor, acceleration: f64, _| {
                motor.mechanics.lock().acceleration = acceleration;
                Ok(())
            });
        t.parameter("referenced")
            .doc("Whether the zero of the position has been found by `home`")
            .read(Self::referenced);
        t.command("home")
            .doc("Finds the zero: runs to the lower end switch, and from there to 0 mm")
            .long()
            .run(Self::home);
        t.message::<String>("limit_hit", "The motion ended at a travel limit, `lower` or `upper`");
        t.status(Self::status);
        t.stop(|motor, cx| {
            motor.mechanics.lock().stop(cx.now());
            Ok(())
        });
        faults::add(t);
    }

    fn stopper(&self) -> Option<Stopper> {
        let (mechanics, host) = (self.mechanics.clone(), self.host.clone());
        Some(self.faults.stopper(move || {
            mechanics.lock().stop(host.now());
            Ok(())
        }))
    }
}

impl Simulated for Motor {
    fn faults(&self) -> &Faults {
        &self.faults
    }
}

impl Motor {
    /// An axis of a controller, which keeps the mechanics.
    pub(crate) fn axis(mechanics: Shared<Mechanics>, faults: Faults, host: Host) -> Self {
        Motor {
            mechanics,
            is_axis: true,
            host,
            faults,
        }
    }

    fn position(&mut self, cx: &Context) -> Result<f64> {
        self.tell_limit(cx);
        Ok(self.mechanics.lock().position(cx.now()))
    }

    fn move_to(&mut self, target: f64, cx: &Context) -> Result<()> {
        self.mechanics.lock().move_to(target, cx.now())
    }

    fn referenced(&mut self, cx: &Context) -> Result<bool> {
        let mut mechanics = self.mechanics.lock();
        mechanics.position(cx.now());
        Ok(mechanics.referenced)
    }

    fn status(&mut self, cx: &Context) -> Result<Status> {
        self.tell_limit(cx);
        Ok(self.mechanics.lock().status(cx.now()))
    }

    fn home(&mut self, cx: &Context) -> Result<()> {
        self.mechanics.lock().home(cx.now())?;
        match self.is_axis {
            true => Ok(()),
            false => self.wait_until_referenced(cx),
        }
    }

    fn wait_until_referenced(&mut self, cx: &Context) -> Result<()> {
        const STEP: Duration = Duration::from_millis(100);
        let total = self.mechanics.lock().remaining(cx.now());
        loop {
            let left = self.mechanics.lock().remaining(cx.now());
            cx.publish("position", self.mechanics.lock().position(cx.now()));
            cx.progress(1.0 - left.as_secs_f64() / total.as_secs_f64().max(f64::MIN_POSITIVE));
            if left.is_zero() {
                break;
            }
            if let Err(cancelled) = cx.sleep(left.min(STEP)) {
                self.mechanics.lock().stop(cx.now());
                return Err(cancelled);
            }
        }
        match self.referenced(cx)? {
            true => Ok(()),
            false => Err(Error::cancelled().context("stopped on the way to the zero")),
        }
    }

    fn tell_limit(&self, cx: &Context) {
        let limit = self.mechanics.lock().new_limit(cx.now());
        if let Some(limit) = limit {
            self.host.send("limit_hit", limit.name());
        }
    }
}
