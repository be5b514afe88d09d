//! A lab device host.

pub mod cli;
pub mod clock;
pub mod config;
pub mod device;
pub mod dispatcher;
pub mod executor;
pub mod failure;
pub mod lab;
pub mod owner;
pub mod plugin;
pub mod server;
pub mod units;
