//! The trapezoidal motion: position and velocity at any time, without steps.

use std::{ops::RangeInclusive, time::Duration};

use baton_plugin_api::Time;

/// A motion from rest, or the braking of one. Lengths in mm, times in seconds.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    start: Time,
    position: f64,
    velocity: f64,
    phases: [Phase; 3],
    /// Where it ends, exactly; the sum over the phases would be off in the last digits.
    end_position: f64,
    /// When it ends, in seconds from the start: after all phases, or earlier at a travel limit.
    seconds: f64,
}

/// A time of constant acceleration.
#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    seconds: f64,
    acceleration: f64,
}

impl Profile {
    /// Standing still.
    pub(super) fn rest(position: f64, now: Time) -> Self {
        Self::new(now, position, 0.0, [Phase::default(); 3], position)
    }

    /// From rest to rest: accelerates, runs at `velocity` if the way is long enough to reach it, and brakes.
    pub(super) fn between(from: f64, to: f64, velocity: f64, acceleration: f64, start: Time) -> Self {
        let (distance, direction) = ((to - from).abs(), (to - from).signum());
        let ramp = (velocity / acceleration).min((distance / acceleration).sqrt());
        let top = acceleration * ramp;
        let cruise = if top > 0.0 {
            (distance - top * ramp).max(0.0) / top
        } else {
            0.0
        };
        let phase = |seconds, acceleration: f64| Phase {
            seconds,
            acceleration: acceleration * direction,
        };
        let phases = [
            phase(ramp, acceleration),
            phase(cruise, 0.0),
            phase(ramp, -acceleration),
        ];
        Self::new(start, from, 0.0, phases, to)
    }

    /// Brakes from where this motion is at `now`.
    pub(super) fn braked(&self, acceleration: f64, now: Time) -> Self {
        let (position, velocity) = self.at(now);
        let seconds = velocity.abs() / acceleration;
        let mut phases = [Phase::default(); 3];
        phases[0] = Phase {
            seconds,
            acceleration: -acceleration * velocity.signum(),
        };
        Self::new(now, position, velocity, phases, position + velocity * seconds / 2.0)
    }

    fn new(start: Time, position: f64, velocity: f64, phases: [Phase; 3], end_position: f64) -> Self {
        Profile {
            start,
            position,
            velocity,
            phases,
            end_position,
            seconds: phases.iter().map(|phase| phase.seconds).sum(),
        }
    }

    /// Ends the motion where it would leave the travel range; it then stops dead, as the end switch cuts the current.
    pub(super) fn within(mut self, travel: &RangeInclusive<f64>) -> Self {
        if !travel.contains(&self.end_position) {
            let (lower, upper) = (*travel.start(), *travel.end());
            // Of a motion that goes one way only, the time at a position is found by halving.
            let is_before = |position: f64| match self.end_position > upper {
                true => position < upper,
                false => position > lower,
            };
            let (mut before, mut after) = (0.0, self.seconds);
            for _ in 0..64 {
                let middle = (before + after) / 2.0;
                *(if is_before(self.run(middle).0) {
                    &mut before
                } else {
                    &mut after
                }) = middle;
            }
            self.seconds = after;
            self.end_position = self.end_position.clamp(lower, upper);
        }
        self
    }

    /// Position and velocity.
    pub(super) fn at(&self, time: Time) -> (f64, f64) {
        match time >= self.end() {
            true => (self.end_position, 0.0),
            false => self.run(time.since(self.start).as_secs_f64()),
        }
    }

    /// When it ends.
    pub(super) fn end(&self) -> Time {
        self.start + self.duration()
    }

    /// How long it takes.
    pub(super) fn duration(&self) -> Duration {
        // A way of astronomical length is as good as endless.
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::MAX)
    }

    fn run(&self, mut seconds: f64) -> (f64, f64) {
        let (mut position, mut velocity) = (self.position, self.velocity);
        for phase in &self.phases {
            let t = seconds.min(phase.seconds);
            position += (velocity + phase.acceleration * t / 2.0) * t;
            velocity += phase.acceleration * t;
            seconds -= t;
        }
        (position, velocity)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const START: Time = Time::from_nanoseconds(1_000_000_000);

    fn check(profile: &Profile, expect: Expect) {
        let steps = (0..=8).map(|n| {
            let (position, velocity) = profile.at(START + Duration::from_millis(n * 500));
            format!("{:.1} s {position:.3} mm {velocity:.3} mm/s\n", n as f64 / 2.0)
        });
        expect.assert_eq(&steps.collect::<String>());
    }

    #[test]
    fn a_long_way_has_three_phases() {
        let profile = Profile::between(0.0, 4.0, 2.0, 2.0, START);
        assert_eq!(profile.duration(), Duration::from_secs(3));
        check(
            &profile,
            expect![[r#"
            0.0 s 0.000 mm 0.000 mm/s
            0.5 s 0.250 mm 1.000 mm/s
            1.0 s 1.000 mm 2.000 mm/s
            1.5 s 2.000 mm 2.000 mm/s
            2.0 s 3.000 mm 2.000 mm/s
            2.5 s 3.750 mm 1.000 mm/s
            3.0 s 4.000 mm 0.000 mm/s
            3.5 s 4.000 mm 0.000 mm/s
            4.0 s 4.000 mm 0.000 mm/s
        "#]],
        );
    }

    #[test]
    fn a_short_way_never_reaches_the_full_velocity() {
        check(
            &Profile::between(1.0, -1.0, 10.0, 2.0, START),
            expect![[r#"
            0.0 s 1.000 mm 0.000 mm/s
            0.5 s 0.750 mm -1.000 mm/s
            1.0 s 0.000 mm -2.000 mm/s
            1.5 s -0.750 mm -1.000 mm/s
            2.0 s -1.000 mm 0.000 mm/s
            2.5 s -1.000 mm 0.000 mm/s
            3.0 s -1.000 mm 0.000 mm/s
            3.5 s -1.000 mm 0.000 mm/s
            4.0 s -1.000 mm 0.000 mm/s
        "#]],
        );
    }

    #[test]
    fn braking_takes_the_way_that_the_velocity_needs() {
        let moving = Profile::between(0.0, 40.0, 2.0, 2.0, START);
        check(
            &moving.braked(2.0, START + Duration::from_secs(2)),
            expect![[r#"
            0.0 s 3.000 mm 2.000 mm/s
            0.5 s 3.000 mm 2.000 mm/s
            1.0 s 3.000 mm 2.000 mm/s
            1.5 s 3.000 mm 2.000 mm/s
            2.0 s 3.000 mm 2.000 mm/s
            2.5 s 3.750 mm 1.000 mm/s
            3.0 s 4.000 mm 0.000 mm/s
            3.5 s 4.000 mm 0.000 mm/s
            4.0 s 4.000 mm 0.000 mm/s
        "#]],
        );
    }

    #[test]
    fn an_end_switch_stops_at_once() {
        check(
            &Profile::between(0.0, -40.0, 2.0, 2.0, START).within(&(-2.5..=9.0)),
            expect![[r#"
                0.0 s 0.000 mm 0.000 mm/s
                0.5 s -0.250 mm -1.000 mm/s
                1.0 s -1.000 mm -2.000 mm/s
                1.5 s -2.000 mm -2.000 mm/s
                2.0 s -2.500 mm 0.000 mm/s
                2.5 s -2.500 mm 0.000 mm/s
                3.0 s -2.500 mm 0.000 mm/s
                3.5 s -2.500 mm 0.000 mm/s
                4.0 s -2.500 mm 0.000 mm/s
            "#]],
        );
    }
}
