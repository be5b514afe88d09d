//! Readings: values with the time and the quality that they were read with.

use baton_plugin_api::{Error, Time, Value};
use serde::Serialize;

/// What a reading is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// Read from the hardware.
    Good,
    /// Older than it should be: polls came late.
    Stale,
    /// Written, but the hardware was not or cannot be asked whether it took it.
    #[serde(rename = "not verified")]
    NotVerified,
    /// Read from a simulation.
    Simulated,
}

impl Quality {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Quality::Good => "good",
            Quality::Stale => "stale",
            Quality::NotVerified => "not verified",
            Quality::Simulated => "simulated",
        }
    }
}

/// A value, when it was true, and what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The value, in the parameter's unit.
    pub value: Value,
    /// When the hardware gave it.
    pub time: Time,
    /// What it is worth.
    pub quality: Quality,
}

/// The last that is known of a parameter: a reading, or why there is none.
pub type LastReading = Result<Reading, ReadingError>;

/// Why there is no reading, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingError {
    /// What went wrong.
    pub error: Error,
    /// When.
    pub time: Time,
}

impl Reading {
    /// A good reading.
    pub fn good(value: Value, time: Time) -> Self {
        Reading {
            value,
            time,
            quality: Quality::Good,
        }
    }
}
