//! How long something may take, and who says so.

use std::{fmt, sync::Arc, time::Duration};

use crate::config::{Origin, Setting};

/// How long a call or a motion may take (S3, S4).
#[derive(Clone, Debug, PartialEq)]
pub struct TimeLimit {
    /// So long.
    pub duration: Duration,
    /// Who says so.
    pub set_by: SetBy,
}

/// Who has set a limit. The first of these that says anything counts: the request, the config, the driver, the default.
#[derive(Clone, Debug, PartialEq)]
pub enum SetBy {
    /// Whoever asked, for this one call.
    Request,
    /// The config says it of this parameter or command, there.
    Config(Arc<str>),
    /// The driver declares it.
    Driver,
    /// The driver has estimated how long this motion takes.
    Estimate,
    /// Nobody says anything of this one; it is that of the lab for all.
    Default,
    /// It is what was left to the call that it was made from.
    Root,
    /// The host, of what it does by itself.
    Host,
}

impl SetBy {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            SetBy::Request => "request",
            SetBy::Config(_) => "config",
            SetBy::Driver => "driver",
            SetBy::Estimate => "estimate",
            SetBy::Default => "default",
            SetBy::Root => "root",
            SetBy::Host => "host",
        }
    }
}

impl fmt::Display for SetBy {
    /// As it goes with "its limit is 2 s, ".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetBy::Request => f.write_str("set by the request"),
            SetBy::Config(origin) => write!(f, "set by the config at {origin}"),
            SetBy::Driver => f.write_str("set by the driver"),
            SetBy::Estimate => f.write_str("twice what the driver estimates and 5 s"),
            SetBy::Default => f.write_str("the default of the lab"),
            SetBy::Root => f.write_str("what was left to the call that made it"),
            SetBy::Host => f.write_str("set by the host"),
        }
    }
}

impl TimeLimit {
    /// Of what config, driver and lab say, what counts; all in seconds.
    pub(super) fn of(config: Option<&Setting<f64>>, driver: Option<f64>, default: f64) -> TimeLimit {
        let (seconds, set_by) = match (config, driver) {
            (Some(setting), _) => (setting.value, SetBy::Config(shown(&setting.origin))),
            (None, Some(seconds)) => (seconds, SetBy::Driver),
            (None, None) => (default, SetBy::Default),
        };
        TimeLimit {
            duration: super::parameter::time(seconds),
            set_by,
        }
    }

    /// One that the host sets itself.
    pub(crate) fn of_host(duration: Duration) -> TimeLimit {
        TimeLimit {
            duration,
            set_by: SetBy::Host,
        }
    }
}

fn shown(origin: &Origin) -> Arc<str> {
    origin.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_config_goes_before_driver_and_driver_before_default() {
        let config = Setting {
            value: 1.0,
            origin: Origin {
                file: "lab.toml".into(),
                line: 1,
                column: 1,
            },
        };
        let word = |limit: TimeLimit| (limit.duration.as_secs(), limit.set_by.word());
        assert_eq!(word(TimeLimit::of(Some(&config), Some(2.0), 3.0)), (1, "config"));
        assert_eq!(word(TimeLimit::of(None, Some(2.0), 3.0)), (2, "driver"));
        assert_eq!(word(TimeLimit::of(None, None, 3.0)), (3, "default"));
    }
}
