//! A lab device host.

pub mod cli;
pub mod config;
pub mod plugin;
pub mod units;
