//! The arguments of `baton lock`.

use std::ffi::OsString;

use clap::Args;

use crate::cli::input::duration;

#[derive(Args, Debug)]
pub(crate) struct Lock {
    /// Devices, or DEVICE.PARAMETER; all of them or none
    #[arg(required = true, value_name = "TARGET")]
    pub(crate) targets: Vec<String>,
    /// Why, for whoever is kept off
    #[arg(long)]
    pub(crate) note: Option<String>,
    /// End the lock after this time, such as "30m"
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) lease: Option<f64>,
    /// Wait so long if somebody else is in the way (exit code 73 after that); at once if not given
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "queue")]
    pub(crate) wait: Option<f64>,
    /// Wait for as long as it takes
    #[arg(long)]
    pub(crate) queue: bool,
    /// Give the lock up when nothing is heard of us for this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "15 s")]
    pub(crate) keepalive: f64,
    /// The command to run meanwhile
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}
