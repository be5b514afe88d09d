//! Limits: what a parameter may be set to, and who says so (D3).

use std::{fmt, sync::Arc};

use super::{Frame, Origin};

/// The limits of a parameter that count, inclusive (D3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// The lower one.
    pub lower: Option<Bound>,
    /// The upper one.
    pub upper: Option<Bound>,
}

/// One limit and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// The limit, in the declared unit.
    pub value: f64,
    /// Whose it is.
    pub whose: Whose,
}

/// Who has set a limit.
#[derive(Clone, Debug, PartialEq)]
pub enum Whose {
    /// The driver.
    Driver,
    /// The config, there.
    Config(Origin),
    /// A user, at run time.
    User(Arc<str>),
}

impl fmt::Display for Whose {
    /// As it goes with "set by the".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::Driver => f.write_str("driver"),
            Whose::Config(origin) => write!(f, "config at {origin}"),
            Whose::User(who) => write!(f, "user {who}"),
        }
    }
}

/// Limits that somebody has set, whether they count or not.
#[derive(Clone, Debug, PartialEq)]
pub struct StatedLimits {
    /// The smallest value.
    pub lower: f64,
    /// The greatest value.
    pub upper: f64,
    /// Whether they are in the hardware's frame, and not in the user's.
    pub is_dial: bool,
    /// Whose they are.
    pub whose: Whose,
}

impl Limits {
    /// The narrowest of several, in the user's frame.
    pub fn of(stated: &[StatedLimits], frame: &Frame) -> Limits {
        let mut limits = Limits::default();
        for StatedLimits {
            lower,
            upper,
            is_dial,
            whose,
        } in stated
        {
            let (lower, upper) = match is_dial {
                true => frame.range_to_user((*lower, *upper)),
                false => (*lower, *upper),
            };
            limits.narrow(lower, upper, whose);
        }
        limits
    }

    /// Takes each bound that is narrower than what there is.
    pub fn narrow(&mut self, lower: f64, upper: f64, whose: &Whose) {
        let bound = |value| {
            Some(Bound {
                value,
                whose: whose.clone(),
            })
        };
        // An infinite bound is none.
        if lower.is_finite() && self.lower.as_ref().is_none_or(|old| old.value < lower) {
            self.lower = bound(lower);
        }
        if upper.is_finite() && self.upper.as_ref().is_none_or(|old| old.value > upper) {
            self.upper = bound(upper);
        }
    }
}
