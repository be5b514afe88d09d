//! A lab device host.

pub mod plugin;
pub mod units;
