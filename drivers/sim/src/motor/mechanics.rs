//! What a motor drives: where it is, where it goes, and what stops it.

use std::{collections::VecDeque, ops::RangeInclusive, time::Duration};

use baton_plugin_api::{Error, ErrorKind, Result, Status, Time};

use super::{MotorOptions, StopMode, profile::Profile};
use crate::checks::positive;

/// A slide with an end switch on either side. Lengths in mm, times in seconds.
pub(crate) struct Mechanics {
    travel: RangeInclusive<f64>,
    pub(super) velocity: f64,
    pub(super) acceleration: f64,
    stop_mode: StopMode,
    profile: Profile,
    doing: Doing,
    /// Where to go when the profile has ended: homing has two legs.
    legs: VecDeque<f64>,
    pub(super) referenced: bool,
    /// The end switch that the last motion ran into, until the next one starts.
    limit: Option<Limit>,
    announced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Moving,
    Homing,
    Stopping,
}

/// An end of the travel range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    Lower,
    Upper,
}

impl Limit {
    pub(super) fn name(self) -> &'static str {
        match self {
            Limit::Lower => "lower",
            Limit::Upper => "upper",
        }
    }
}

impl Mechanics {
    pub(crate) fn new(options: &MotorOptions, now: Time) -> Result<Self> {
        let travel = options.travel_min..=options.travel_max;
        if !travel.contains(&options.start) {
            let (lower, upper) = travel.into_inner();
            let what = format!(
                "option `start` is {} mm, outside the travel from {lower} to {upper} mm",
                options.start
            );
            return Err(Error::range(what));
        }
        Ok(Mechanics {
            travel,
            velocity: positive("velocity", options.velocity)?,
            acceleration: positive("acceleration", options.acceleration)?,
            stop_mode: options.stop_mode,
            profile: Profile::rest(options.start, now),
            doing: Doing::Moving,
            legs: VecDeque::new(),
            referenced: false,
            limit: None,
            announced: false,
        })
    }

    /// Starts towards `target`.
    ///
    /// # Errors
    /// If it is still moving.
    pub(super) fn move_to(&mut self, target: f64, now: Time) -> Result<()> {
        self.begin(Doing::Moving, target, now)
    }

    /// Starts towards the lower end switch, and from there to zero.
    ///
    /// # Errors
    /// If it is still moving.
    pub(super) fn home(&mut self, now: Time) -> Result<()> {
        let (lower, upper) = (*self.travel.start(), *self.travel.end());
        self.begin(Doing::Homing, lower, now)?;
        self.referenced = false;
        self.legs.push_back(0f64.clamp(lower, upper));
        Ok(())
    }

    fn begin(&mut self, doing: Doing, target: f64, now: Time) -> Result<()> {
        if self.is_moving(now) {
            return Err(Error::new(ErrorKind::IsBusy, "the motor is still moving"));
        }
        let position = self.position(now);
        self.profile = self.plan(position, target, now).within(&self.travel);
        self.doing = doing;
        self.limit = match target {
            x if x < *self.travel.start() => Some(Limit::Lower),
            x if x > *self.travel.end() => Some(Limit::Upper),
            _ => None,
        };
        self.announced = false;
        Ok(())
    }

    /// Brakes, or stands still at once.
    pub(super) fn stop(&mut self, now: Time) {
        if !self.is_moving(now) || self.doing == Doing::Stopping {
            return;
        }
        self.legs.clear();
        self.limit = None;
        self.doing = Doing::Stopping;
        self.profile = match self.stop_mode {
            StopMode::Decelerate => self.profile.braked(self.acceleration, now).within(&self.travel),
            StopMode::AtOnce => Profile::rest(self.profile.at(now).0, now),
        };
    }

    pub(super) fn position(&mut self, now: Time) -> f64 {
        self.follow(now);
        self.profile.at(now).0
    }

    pub(super) fn status(&mut self, now: Time) -> Status {
        match (self.is_moving(now), self.doing, self.limit) {
            (true, Doing::Moving, _) => Status::busy("moving"),
            (true, Doing::Homing, _) => Status::busy("homing"),
            (true, Doing::Stopping, _) => Status::busy("stopping"),
            (false, _, Some(limit)) => Status::warn(format!("at the {} travel limit", limit.name())),
            (false, _, None) => Status::idle(),
        }
    }

    /// How long a motion to `target` will take.
    pub(super) fn estimate(&mut self, target: f64, now: Time) -> Duration {
        let position = self.position(now);
        self.plan(position, target, now).duration()
    }

    /// Time until it stands still, as far as it is planned.
    pub(super) fn remaining(&mut self, now: Time) -> Duration {
        self.follow(now);
        let end = self.profile.end();
        let mut total = end.since(now);
        let mut from = self.profile.at(end).0;
        for &leg in &self.legs {
            total += self.plan(from, leg, end).duration();
            from = leg;
        }
        total
    }

    /// The end switch that was reached since this was last asked.
    pub(super) fn new_limit(&mut self, now: Time) -> Option<Limit> {
        if self.announced || self.is_moving(now) {
            return None;
        }
        self.announced = self.limit.is_some();
        self.limit
    }

    fn is_moving(&mut self, now: Time) -> bool {
        self.follow(now);
        now < self.profile.end()
    }

    /// Begins the legs that are due. A leg starts when the one before has ended, not when somebody looks.
    fn follow(&mut self, now: Time) {
        while now >= self.profile.end() {
            let Some(leg) = self.legs.pop_front() else { break };
            let end = self.profile.end();
            self.profile = self.plan(self.profile.at(end).0, leg, end);
        }
        if self.doing == Doing::Homing && self.legs.is_empty() && now >= self.profile.end() {
            self.referenced = true;
        }
    }

    fn plan(&self, from: f64, to: f64, start: Time) -> Profile {
        Profile::between(from, to, self.velocity, self.acceleration, start)
    }
}
