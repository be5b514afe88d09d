//! A thermal model of first order: the temperature follows a setpoint that runs to the target at a given rate.

use baton_plugin_api::Time;

/// Temperatures in °C, times in seconds, rates in K/s.
pub(super) struct Thermal {
    time_constant: f64,
    ambient: f64,
    /// When the numbers below were true.
    since: Time,
    temperature: f64,
    setpoint: f64,
    target: f64,
    rate: f64,
}

/// Heat that the oven loses for each degree above the surroundings, in W/K.
const LOSS: f64 = 0.5;

impl Thermal {
    pub(super) fn new(ambient: f64, time_constant: f64, rate: f64, now: Time) -> Self {
        Thermal {
            time_constant,
            ambient,
            since: now,
            temperature: ambient,
            setpoint: ambient,
            target: ambient,
            rate,
        }
    }

    /// Runs to a new target, from the temperature that it has now.
    pub(super) fn set_target(&mut self, target: f64, now: Time) {
        self.advance(now);
        self.setpoint = self.temperature;
        self.target = target;
    }

    pub(super) fn set_rate(&mut self, rate: f64, now: Time) {
        self.advance(now);
        self.rate = rate;
    }

    /// Stays at the temperature that it has now.
    pub(super) fn hold(&mut self, now: Time) {
        let temperature = self.temperature(now);
        self.set_target(temperature, now);
    }

    pub(super) fn target(&self) -> f64 {
        self.target
    }

    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    pub(super) fn temperature(&self, now: Time) -> f64 {
        self.at(now).0
    }

    /// Power that the heater gives, in W: the loss at the temperature that it drives towards. Below that of the
    /// surroundings it is off, and a cooler works.
    pub(super) fn power(&self, now: Time) -> f64 {
        let (_, setpoint) = self.at(now);
        (LOSS * (setpoint - self.ambient)).max(0.0)
    }

    /// Seconds from now until the temperature stays within `tolerance` of the target `target`.
    pub(super) fn seconds_to(&self, target: f64, tolerance: f64, now: Time) -> f64 {
        let distance = (target - self.temperature(now)).abs();
        // When the setpoint arrives, the temperature is behind by at most what it runs in one time constant.
        let behind = (self.rate * self.time_constant).min(distance);
        distance / self.rate + self.time_constant * (behind / tolerance).max(1.0).ln()
    }

    fn advance(&mut self, now: Time) {
        (self.temperature, self.setpoint) = self.at(now);
        self.since = now;
    }

    /// Temperature and setpoint, solved exactly: a poll more or less changes nothing.
    fn at(&self, now: Time) -> (f64, f64) {
        let seconds = now.since(self.since).as_secs_f64();
        let tau = self.time_constant;
        let way = self.target - self.setpoint;
        let ramp = way.abs() / self.rate;
        let slope = self.rate * way.signum();

        // While the setpoint runs, the temperature follows it at a distance that tends to `slope * tau`.
        let on_ramp = seconds.min(ramp);
        let setpoint = if seconds < ramp {
            self.setpoint + slope * on_ramp
        } else {
            self.target
        };
        let lag = slope * tau + (self.setpoint - self.temperature - slope * tau) * (-on_ramp / tau).exp();
        // Then the distance dies away.
        let lag = lag * (-(seconds - on_ramp) / tau).exp();
        (setpoint - lag, setpoint)
    }
}
