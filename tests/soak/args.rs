//! What the soak is asked for.

use std::time::Duration;

use super::Result;

const USAGE: &str = "\
cargo test --release -p baton-tests --test soak -- --minutes 30

  --minutes N, --seconds N   how long it takes; a few seconds if nothing is said
  --devices N                100, if nothing is said
  --people N                 how many use it at a time; 48, if nothing is said
  --in-process               no device in a process of its own; else one in four is
  --seed N                   the same chances again
  --json                     the report for programs
  --leak threads|descriptors|memory   the host leaks on purpose: the soak has to notice";

/// What the soak is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) time: Duration,
    pub(crate) devices: usize,
    pub(crate) people: usize,
    pub(crate) isolated: bool,
    pub(crate) seed: u64,
    pub(crate) json: bool,
    pub(crate) leak: Option<String>,
}

/// What this program is to do.
pub(crate) enum Asked {
    /// To soak.
    Soak(Args),
    /// To be the test that it is among others.
    Test,
    /// To say what there is, or nothing.
    Nothing,
}

impl Args {
    /// As a test among others.
    pub(crate) fn short() -> Args {
        Args {
            time: Duration::from_secs(6),
            devices: 100,
            people: 24,
            isolated: true,
            seed: 1,
            json: false,
            leak: None,
        }
    }
}

/// Reads the command line, which is that of a test as well: `cargo test` gives the same arguments to all of them.
pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Asked> {
    let mut args = Args {
        people: 48,
        ..Args::short()
    };
    let (mut is_soak, mut filters) = (false, Vec::new());
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value\n\n{USAGE}"));
        match word.as_str() {
            "--minutes" => args.time = seconds(&value()?, 60.0)?,
            "--seconds" => args.time = seconds(&value()?, 1.0)?,
            "--devices" => args.devices = value()?.parse()?,
            "--people" => args.people = value()?.parse()?,
            "--seed" => args.seed = value()?.parse()?,
            "--leak" => args.leak = Some(value()?),
            "--in-process" => args.isolated = false,
            "--json" => args.json = true,
            "--help" | "-h" => {
                eprintln!("{USAGE}");
                return Ok(Asked::Nothing);
            }
            "--list" => {
                println!("soak: test");
                return Ok(Asked::Nothing);
            }
            option if option.starts_with('-') => continue,
            filter => {
                filters.push(filter.to_owned());
                continue;
            }
        }
        is_soak = true;
    }
    let is_meant = filters.is_empty() || filters.iter().any(|filter| "soak".contains(filter.as_str()));
    Ok(match (is_soak, is_meant) {
        (true, _) => Asked::Soak(args),
        (false, true) => Asked::Test,
        (false, false) => Asked::Nothing,
    })
}

fn seconds(text: &str, unit: f64) -> Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse::<f64>()? * unit)?)
}
