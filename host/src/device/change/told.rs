//! Readings that a driver gives by itself: what an instrument answers in one line with what was asked need not be asked for
//! once more.

use super::Change;
use crate::clock::Time;

impl Change<'_> {
    /// The driver has told a parameter by itself.
    pub(crate) fn tell(&mut self, parameter: usize, now: Time) {
        self.state.told[parameter] = Some(now);
    }

    /// When the driver told a parameter by itself, if that still counts.
    pub(crate) fn told(&self, parameter: usize) -> Option<Time> {
        self.state.told[parameter]
    }

    /// What was told counts no longer: the hardware may have changed since.
    pub(crate) fn forget_told(&mut self) {
        self.state.told.fill(None);
    }
}
