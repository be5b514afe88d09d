//! The arguments of `baton instrument`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::input::duration;

#[derive(Debug, Subcommand)]
pub(crate) enum Instrument {
    /// Speak to an instrument once, and show each exchange with what was understood of it
    ///
    /// Reads the parameters given, or all of them. Nothing else is sent but what the file has under `init` and `exit`,
    /// unless --set or --call asks for it; the instrument must not be in use by a host. Exit codes: 0 all understood, 1
    /// not all of it, 69 the instrument cannot be reached, 75 it did not answer in time, 78 the file has mistakes.
    #[command(after_help = "\
Examples:
  baton instrument try config/instruments/julabo.toml --on tcp://10.0.0.7:4001
  baton instrument try bath.toml --on 'serial:///dev/ttyUSB0?baud=9600' temperature
  baton instrument try bath.toml --on tcp://10.0.0.7:4001 --set setpoint='30 degC' --record bath.dialogue")]
    Try(Try),
    /// Play dialogues back to an instrument file, without hardware
    ///
    /// A dialogue says what is asked, sent, and answered; `baton instrument try --record` writes one, and so can you, from
    /// the manual. Exit codes: 0 all as written, 1 a difference, 78 a mistake in file or dialogue.
    #[command(after_help = "\
Example: baton instrument test bath.toml bath.dialogue

A dialogue:
  # Julabo FP50, manual page 74
  read temperature
  -> IN_PV_00\\r
  <- 23.40\\r\\n
  = 23.4 degC")]
    Test(Test),
    /// Check instrument files, and say everything that is wrong with them
    ///
    /// Exit codes: 0 sound, 78 not.
    #[command(after_help = "Example: baton instrument check config/instruments/*.toml")]
    Check(Check),
}

/// What is in the file, and how it is opened.
#[derive(Args, Debug, Default)]
pub(crate) struct How {
    /// A folder with drivers, searched before all others; may be given several times
    #[arg(long = "drivers", value_name = "DIR")]
    pub(crate) drivers: Vec<PathBuf>,
    /// The driver that the file is for, where it does not show: `stream`, or DRIVER/TYPE
    #[arg(long, value_name = "DRIVER")]
    pub(crate) driver: Option<String>,
    /// Which station it is, on a line that several instruments share
    #[arg(long, value_name = "STATION")]
    pub(crate) station: Option<String>,
    /// Another option of the device, in TOML, such as reply_timeout='"2 s"' or settings.channel=2; with `line.` in front, one
    /// of the line that it shares with others: line.select='"++addr {station}"'. May be given several times
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) options: Vec<(String, String)>,
}

#[derive(Args, Debug)]
pub(crate) struct Try {
    /// The instrument file
    pub(crate) file: PathBuf,
    /// The parameters to read; all that can be read, if none is given
    #[arg(value_name = "PARAMETER")]
    pub(crate) parameters: Vec<String>,
    /// Where the instrument is: tcp://host:port, udp://host:port, serial:///dev/ttyUSB0?baud=9600, unix:///path
    #[arg(long = "on", value_name = "ADDRESS")]
    pub(crate) address: String,
    /// Write a parameter first, and read it back; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub(crate) set: Vec<(String, String)>,
    /// Run a command, with its argument if it has one, after what --set asks for
    #[arg(long, num_args = 1..=2, value_names = ["COMMAND", "ARGUMENT"], allow_hyphen_values = true)]
    pub(crate) call: Vec<String>,
    /// Then listen for so long to what the instrument says by itself, such as "10 s"
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) listen: Option<f64>,
    /// Keep the dialogue in this file, for `baton instrument test`
    #[arg(long, value_name = "DIALOGUE")]
    pub(crate) record: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Args, Debug)]
pub(crate) struct Test {
    /// The instrument file
    pub(crate) file: PathBuf,
    /// The dialogues
    #[arg(required = true, value_name = "DIALOGUE")]
    pub(crate) dialogues: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) how: How,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The instrument files
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) how: How,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
