//! Checks of options that a schema alone does not make.

use std::time::Duration;

use baton_plugin_api::{Error, Result};

/// The option as a number that is greater than zero.
pub(crate) fn positive(option: &str, number: f64) -> Result<f64> {
    match number.is_finite() && number > 0.0 {
        true => Ok(number),
        false => Err(Error::range(format!(
            "option `{option}` is {number}, but must be greater than 0"
        ))),
    }
}

/// The option, in seconds, as a time.
pub(crate) fn duration(option: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::range(format!("option `{option}` is {seconds} s, which is no length of time")))
}
