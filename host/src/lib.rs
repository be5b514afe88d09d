//! A lab device host.

pub mod plugin;
