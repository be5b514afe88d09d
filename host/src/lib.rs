//! A lab device host.

pub mod cli;
pub mod plugin;
pub mod units;
