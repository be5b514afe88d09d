//! Over the wire.

use crate::measure::Report;

pub(crate) fn measure(_: &mut Report) {}
