//! The arguments of what follows what happens: `watch`, `listen`, `log`, `audit`; and of `send`.

use clap::Args;

use super::Form;
use crate::cli::input::duration;

/// When to end, and what to do if the host ends first.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Until {
    /// End after so many lines
    #[arg(short = 'n', long, value_name = "LINES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// End after this time, such as "30 s"; with --count, exit code 75 if too few lines have come by then
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) time: Option<f64>,
    /// End when the host does (exit code 69), instead of waiting for it to come back
    #[arg(long)]
    pub(crate) no_reconnect: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Log {
    /// Only what is about these devices or controllers
    #[arg(value_name = "DEVICE")]
    pub(crate) devices: Vec<String>,
    /// How much: error, warn, info or debug; debug is only logged while somebody wants to see it
    #[arg(short, long, value_name = "LEVEL", default_value = "info", value_parser = ["error", "warn", "info", "debug"])]
    pub(crate) level: String,
    /// What goes over the lines of instruments as well, byte by byte; logged only while somebody wants to see it
    #[arg(short, long)]
    pub(crate) wire: bool,
    /// Only lines that are not older than this, such as "5m"
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) since: Option<f64>,
    /// So many of the last lines
    #[arg(long, value_name = "LINES", default_value_t = 100)]
    pub(crate) last: u64,
    /// Go on with what is logged from now on
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) until: Until,
}

#[derive(Args, Debug)]
pub(crate) struct Audit {
    /// Only what was done to these: devices, or DEVICE.PARAMETER
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Only by this owner: a part of the name, or the number that `baton who` shows
    #[arg(long, value_name = "OWNER")]
    pub(crate) by: Option<String>,
    /// Only these: write, command, stop, lock, unlock, break, protect, limits, zero, re-opening, …
    #[arg(long = "verb", alias = "event", value_name = "VERB", value_delimiter = ',')]
    pub(crate) verbs: Vec<String>,
    /// Only what ended like this: done, refused, failed, timeout, stopped, cancelled, superseded
    #[arg(long = "outcome", value_name = "OUTCOME", value_delimiter = ',')]
    pub(crate) outcomes: Vec<String>,
    /// Only entries that are not older than this, such as "1h"
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) since: Option<f64>,
    /// So many of the last entries
    #[arg(long, value_name = "ENTRIES", default_value_t = 100)]
    pub(crate) last: u64,
    /// Go on with what is done from now on, a line each
    #[arg(short, long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) until: Until,
}

#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// Paths, where * stands for any text and ? for one character
    #[arg(required = true, value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
    #[command(flatten)]
    pub(crate) form: Form,
    /// Say as well how far a value is from the one before, and how much later
    #[arg(short, long, conflicts_with = "terse")]
    pub(crate) delta: bool,
    /// Begin with the readings of the last time, such as "5m", as far as the host keeps them
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) since: Option<f64>,
    #[command(flatten)]
    pub(crate) until: Until,
}

#[derive(Args, Debug)]
pub(crate) struct Listen {
    /// SENDER:MESSAGE, where * stands for any text; SENDER alone for all that it sends
    #[arg(required = true, value_name = "PATTERN")]
    pub(crate) patterns: Vec<String>,
    /// Of what comes faster than it is taken: lose the oldest, or keep only the latest of each name
    #[arg(long, value_name = "POLICY", default_value = "drop_oldest", value_parser = ["drop_oldest", "latest"])]
    pub(crate) policy: String,
    /// Begin with the readings of the last time, such as "5m", as far as the host keeps them
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) since: Option<f64>,
    #[command(flatten)]
    pub(crate) until: Until,
}
