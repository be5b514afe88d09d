//! The arguments, as clap parses them; each help text is what a user gets to read.

mod follow;
mod instrument;
mod lock;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use super::client::{Address, Membership};
use super::input::duration;

pub(crate) use follow::{Audit, Listen, Log, Until, Watch};
pub(crate) use instrument::{How, Instrument, Test, Try};
pub(crate) use lock::Lock;

const AFTER_HELP: &str = "\
Paths: stage.position is a parameter of the device stage, stage alone its main parameter.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 warnings denied, 69 no host there,
  73 locked by another, 75 timeout, 77 not let in, 78 bad config, 130 Ctrl-C.
Example: baton set stage.position \"2 mm\"";

/// Looks after the devices of a lab.
#[derive(Debug, Parser)]
#[command(name = "baton", version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "For all commands")]
pub(crate) struct Global {
    /// Where the host listens: host:port, or unix:/path of a socket [default: 127.0.0.1:10767]
    #[arg(short = 'H', long, global = true, env = "BATON_HOST", value_name = "ADDRESS")]
    pub(crate) host: Option<Address>,
    /// The session to act in, as `baton lock` gives it to the command that it runs
    #[arg(long, global = true, env = "BATON_OWNER", hide = true, hide_env_values = true)]
    pub(crate) owner: Option<Membership>,
    /// File with the token of the host, if it asks for one; without this, the token is taken from BATON_TOKEN
    #[arg(long, global = true, env = "BATON_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Write JSON: one object, or for `watch` one on each line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write no messages but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Show every line that goes to the host (>) and comes from it (<)
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open a lab and serve it, until Ctrl-C or SIGTERM
    ///
    /// Devices that cannot be opened are tried again and again; the rest of the lab works meanwhile. At the end,
    /// whatever moves is stopped, unless the config says `on_exit = "keep"`.
    #[command(after_help = "Examples:\n  baton run config/quickstart.toml\n  baton run lab/ --listen 127.0.0.1:0")]
    Run(Run),
    /// Check a config, and say everything that is wrong with it
    ///
    /// Exit codes: 0 sound, 78 not, 3 if there are warnings and --deny-warnings is given.
    #[command(after_help = "Examples:\n  baton check config/quickstart.toml\n  baton check lab/ --offline --json")]
    Check(Check),
    /// Write the JSON Schema of configs, with the options of the drivers there are, for editors
    #[command(
        after_help = "Examples:\n  baton schema > config/lab.schema.json\n  baton schema --instrument > config/instruments/instrument.schema.json"
    )]
    Schema {
        /// Instead, that of the files that a driver reads its instruments from; the driver is `stream` if not said
        #[arg(long, value_name = "DRIVER", num_args = 0..=1, require_equals = true, default_missing_value = "stream")]
        instrument: Option<String>,
        /// A folder with drivers; may be given several times
        #[arg(long = "drivers", value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
    /// List the devices with status and value
    #[command(after_help = "Example: baton list")]
    List,
    /// Describe a device, one of its parameters, or one of its commands
    #[command(after_help = "Examples:\n  baton describe stage\n  baton describe stage.position")]
    Describe {
        /// The device, or DEVICE.NAME
        path: String,
    },
    /// Read parameters from the hardware
    #[command(after_help = "Examples:\n  baton get stage.position oven.temperature\n  baton get -t stage   # 2.000")]
    Get(Get),
    /// Set a parameter, and wait until the readback has arrived there
    ///
    /// Ctrl-C stops the device; again, it and all that it moves, each by itself; a third time leaves at once.
    #[command(
        after_help = "Examples:\n  baton set stage.position \"2 mm\"\n  baton set stage 2 mm -w 30\n  baton set shutter open --no-wait"
    )]
    Set(Set),
    /// Run a command of a device, and wait until it is done
    ///
    /// Ctrl-C stops the device; again, it and all that it moves, each by itself; a third time leaves at once.
    #[command(after_help = "Examples:\n  baton call stage home\n  baton call pump dispense '{\"volume\": 2.5}'")]
    Call(Call),
    /// Follow parameters: their values now, and a line for each change
    ///
    /// Goes on when the host ends and comes back. Ctrl-C ends it.
    #[command(
        after_help = "Examples:\n  baton watch 'stage.*' pump.flow\n  baton watch oven --delta --since 5m\n  baton watch stage --json --count 10 --for 30s"
    )]
    Watch(Watch),
    /// Follow messages of devices, drivers, the host and other clients
    ///
    /// What is so now comes first, then all that is sent. Goes on when the host ends and comes back. Ctrl-C ends it.
    #[command(
        after_help = "Examples:\n  baton listen '*:*'\n  baton listen stage:limit_hit 'client:*'\n  baton listen 'stage:call' --json --count 1"
    )]
    Listen(Listen),
    /// Send a message as `client:NAME`, your own name, to whoever listens
    #[command(after_help = "Examples:\n  baton send sample_changed '{\"sample\": 12}'\n  baton send go")]
    Send {
        /// What it is called
        message: String,
        /// What it carries: JSON, or any text
        #[arg(allow_hyphen_values = true)]
        payload: Option<String>,
    },
    /// Wait until a value is what it shall be, or a device is idle
    ///
    /// The host looks, at least five times a second if the instrument is fast enough. A reading that fails is waited out.
    /// Exit codes: 0 reached, 75 not within --timeout.
    #[command(
        after_help = "Examples:\n  baton wait oven.temperature \"80 degC\" --within \"0.5 K\" --for \"30 s\" --timeout \"10 min\"\n  baton wait gauge.pressure \"< 1e-6 mbar\"\n  baton wait shutter open\n  baton wait stage idle"
    )]
    Wait(Wait),
    /// Stop devices at once, whoever moves them
    #[command(
        override_usage = "baton stop <DEVICE>...\n       baton stop --all",
        after_help = "Examples:\n  baton stop stage\n  baton stop --all"
    )]
    Stop {
        /// The devices
        #[arg(required_unless_present = "all", conflicts_with = "all", value_name = "DEVICE")]
        devices: Vec<String>,
        /// Stop every device of the lab
        #[arg(long)]
        all: bool,
    },
    /// Lock devices and parameters: nobody else writes them until the command that follows has ended, or until Ctrl-C
    ///
    /// The command and whatever it starts act as the same owner. It is run only once all targets are locked; its exit
    /// code is ours. If somebody breaks the lock, or it is over after --for, that is said and the command goes on.
    #[command(
        after_help = "Examples:\n  baton lock stage pump.flow --note \"tomo run 12\" -- python scan.py\n  baton lock stage --for 30m\n  baton lock stage --wait 1min -- baton set stage.position \"1 mm\""
    )]
    Lock(Lock),
    /// Show who has locked what, since when and why, what runs there, and who waits
    #[command(after_help = "Example: baton who")]
    Who,
    /// Break the lock of somebody else, if they still have it
    ///
    /// What they write to it from then on is refused, and tells them who broke it; what they have begun goes on, unless
    /// the config of the device says `on_disconnect = "stop"`.
    #[command(after_help = "Examples:\n  baton break --holder ana@beamline stage\n  baton break --holder 17 pump.flow")]
    Break {
        /// Who has it: the id that `baton who` shows, or the name up to a comma
        #[arg(long, value_name = "HOLDER")]
        holder: String,
        /// The device, or DEVICE.PARAMETER
        target: String,
    },
    /// Protect devices and parameters from being written by anybody, yourself included
    ///
    /// It is no lock: it stays until anybody takes it back with `baton unprotect`.
    #[command(after_help = "Example: baton protect oven.temperature --note \"sample inside\"")]
    Protect {
        /// Devices, or DEVICE.PARAMETER
        #[arg(required = true, value_name = "TARGET")]
        targets: Vec<String>,
        /// Why, for whoever wants to write
        #[arg(long)]
        note: Option<String>,
        /// Until the host ends: nobody can take it back
        #[arg(long)]
        permanent: bool,
    },
    /// Let protected devices and parameters be written again
    #[command(after_help = "Example: baton unprotect oven.temperature")]
    Unprotect {
        /// As they were protected
        #[arg(required = true, value_name = "TARGET")]
        targets: Vec<String>,
    },
    /// Keep what the lab is set to in a file, say what has changed since, and bring it back
    #[command(
        after_help = "Examples:\n  baton snapshot save before.toml\n  baton snapshot diff before.toml\n  baton snapshot restore before.toml stage --dry-run"
    )]
    Snapshot {
        /// What to do
        #[command(subcommand)]
        command: Snapshot,
    },
    /// Show the limits of a parameter and who has set them, or narrow them until they are taken back
    ///
    /// Nobody widens what driver and config allow. What moves is not stopped by new limits; what waits and lies outside
    /// is refused.
    #[command(
        after_help = "Examples:\n  baton limits stage.position\n  baton limits stage.position \"0 mm\" \"1 cm\"\n  baton limits stage.position none \"1 cm\"\n  baton limits stage.position --clear"
    )]
    Limits(Limits),
    /// Let the place where a parameter is be called 0, or something else; nothing moves
    #[command(after_help = "Examples:\n  baton zero stage\n  baton zero stage.position \"3 mm\"")]
    Zero {
        /// The parameter
        path: String,
        /// What the place is to be called
        #[arg(default_value = "0", allow_hyphen_values = true)]
        value: String,
    },
    /// Close a device and open it again: the way out where there is no other
    ///
    /// A driver that does not come back from a call can be left behind: its thread and what it has open stay, and are
    /// never used again. There may be 16 of these until the host is restarted. A driver in a process of its own is killed.
    #[command(after_help = "Examples:\n  baton reopen stage\n  baton reopen --abandon stage")]
    Reopen {
        /// The device
        device: String,
        /// If its driver does not come back, leave that behind, with all devices of its controller
        #[arg(long)]
        abandon: bool,
    },
    /// Show how the host is doing
    #[command(after_help = "Example: baton status")]
    Status,
    /// Show the host's log
    #[command(
        after_help = "Examples:\n  baton log\n  baton log stage --level debug --follow\n  baton log psu --wire --follow   # what goes over its line"
    )]
    Log(Log),
    /// Show who did what, when, and how it ended: the host's audit log
    #[command(
        after_help = "Examples:\n  baton audit stage --since 1h\n  baton audit --by ana --verb write,lock\n  baton audit --outcome refused --follow"
    )]
    Audit(Audit),
    /// List the driver files that the host has seen, with the reason where one is not in use
    ///
    /// Each new file is tried in a process of its own first. One that crashes there, hangs, or ends the process is
    /// quarantined: it is not opened until its content is another, or --clear has it tried again.
    #[command(
        after_help = "Examples:\n  baton drivers\n  baton drivers --drivers target/release   # without a host\n  baton drivers --clear psu"
    )]
    Drivers {
        /// Look at the files of this folder instead, without a host; may be given several times
        #[arg(long = "drivers", value_name = "DIR")]
        folders: Vec<PathBuf>,
        /// Have a quarantined driver of this machine tried again: its name, its file, or the beginning of its hash
        #[arg(long, value_name = "DRIVER", conflicts_with = "folders")]
        clear: Option<String>,
        /// Write the hashes of the drivers that a config uses into it, so that no other content is opened for it
        #[arg(long, value_name = "CONFIG", conflicts_with = "clear")]
        pin: Option<PathBuf>,
    },
    /// Try, test and check files that describe instruments, without a host
    #[command(subcommand)]
    Instrument(Instrument),
    /// Write a completion script for a shell
    #[command(after_help = "Example: baton completions bash > ~/.local/share/bash-completion/completions/baton")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Where drivers are, and which machine this is.
#[derive(Args, Debug)]
pub(crate) struct Places {
    /// A folder with drivers, searched before all others; may be given several times
    #[arg(long = "drivers", value_name = "DIR")]
    pub(crate) drivers: Vec<PathBuf>,
    /// Which [host.NAME] of the config counts, if it is not that of this machine's own name; it has to be there
    #[arg(long, env = "BATON_MACHINE", value_name = "NAME")]
    pub(crate) machine: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The config: a TOML file, or a folder of them
    pub(crate) config: PathBuf,
    /// Serve SECoP at this address instead of the config's; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Serve on this Unix socket, too
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Run every call where it is made, in a fixed order, for tests; simulated devices then have a virtual clock
    #[arg(long)]
    pub(crate) disable_async: bool,
    /// End with exit code 1 if a device cannot be opened at the first try; for scripts and tests
    #[arg(long)]
    pub(crate) require_all: bool,
    /// What goes to the log on standard error: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log: tracing::Level,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    /// The config: a TOML file, or a folder of them
    pub(crate) path: PathBuf,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Do not look for drivers; check what the config says by itself
    #[arg(long, conflicts_with = "drivers")]
    pub(crate) offline: bool,
    /// Take warnings for errors (exit code 3)
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}

/// How a reading is written.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Write the value alone, without its unit; arrays are whole, as in JSON
    #[arg(short, long)]
    pub(crate) terse: bool,
    /// Write time, quality and status as well
    #[arg(short = 'a', long, conflicts_with = "terse")]
    pub(crate) wide: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Get {
    /// The parameters
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    #[command(flatten)]
    pub(crate) form: Form,
    /// Take what the host already knows if it is not older than this, such as "500 ms"
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) max_age: Option<f64>,
}

#[derive(Args, Debug)]
pub(crate) struct Set {
    /// The parameter
    pub(crate) path: String,
    /// The value: a number with or without unit, a word, or JSON
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// The unit, where it is a word of its own
    pub(crate) unit: Option<String>,
    #[command(flatten)]
    pub(crate) form: Form,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Args, Debug)]
pub(crate) struct Wait {
    /// The parameter, or a device for its main parameter or its status
    pub(crate) path: String,
    /// A value, to within the parameter's tolerance; ">= 5 mbar", "<", ">", "<=", "!="; idle, busy, warn, error or disabled
    #[arg(allow_hyphen_values = true)]
    pub(crate) condition: String,
    /// The unit, where it is a word of its own
    pub(crate) unit: Option<String>,
    /// How far from the value it may be, such as "0.5 K"
    #[arg(long, value_name = "QUANTITY")]
    pub(crate) within: Option<String>,
    /// It has to be so for this long without a break, such as "30 s"
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) hold: Option<f64>,
    /// Give up after this, such as "10 min" (exit code 75); the device goes on
    #[arg(short = 'w', long, value_name = "DURATION", value_parser = duration)]
    pub(crate) timeout: Option<f64>,
    /// A reading that fails, or a device that is lost, ends the waiting (exit code 1)
    #[arg(long)]
    pub(crate) fail_on_error: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Call {
    /// The device
    pub(crate) device: String,
    /// Its command
    #[arg(value_name = "COMMAND")]
    pub(crate) name: String,
    /// The argument: a value with or without unit, or JSON
    #[arg(allow_hyphen_values = true)]
    pub(crate) argument: Option<String>,
    #[command(flatten)]
    pub(crate) patience: Patience,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Snapshot {
    /// Read everything, and keep it in a file
    ///
    /// Nothing is written to a device, and no command is run.
    Save {
        /// The file; - for standard output
        file: PathBuf,
        /// These devices alone
        #[arg(value_name = "DEVICE")]
        devices: Vec<String>,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Say what is different now, or between two files
    Diff {
        /// The file
        file: PathBuf,
        /// Another, instead of the lab
        #[arg(value_name = "FILE2")]
        other: Option<PathBuf>,
        /// Show what is only read as well
        #[arg(long)]
        all: bool,
        /// Exit with 4 if there is a difference
        #[arg(long)]
        exit_code: bool,
    },
    /// Write back what is different now, after showing what that means
    ///
    /// What was not available is never written, and nothing moves without --move. Exit code 1 if any of it failed.
    Restore(Restore),
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The file
    pub(crate) file: PathBuf,
    /// These devices alone
    #[arg(value_name = "DEVICE")]
    pub(crate) devices: Vec<String>,
    /// Move what moves as well, at the end
    #[arg(long = "move")]
    pub(crate) moves: bool,
    /// Only show what would be written
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Limits {
    /// The parameter
    pub(crate) path: String,
    /// The smallest value, with or without unit, or `none`
    #[arg(allow_hyphen_values = true, requires = "upper")]
    pub(crate) lower: Option<String>,
    /// The greatest value
    #[arg(allow_hyphen_values = true)]
    pub(crate) upper: Option<String>,
    /// Take back what users have set
    #[arg(long, conflicts_with = "lower")]
    pub(crate) clear: bool,
}

/// How long to wait for what was begun.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Return as soon as the device has taken it
    #[arg(long, conflicts_with = "timeout")]
    pub(crate) no_wait: bool,
    /// It may take so many seconds, whatever config and driver say; what has not ended then is stopped (exit code 75)
    #[arg(short = 'w', long = "timeout", value_name = "SECONDS", value_parser = duration)]
    timeout: Option<f64>,
}

impl Patience {
    /// How long it may take, if the user says that.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        let timeout = self.timeout.map(Duration::try_from_secs_f64)?;
        Some(timeout.unwrap_or(Duration::MAX))
    }
}
