//! The status of a device.

use serde::{Deserialize, Serialize};

/// How a device is, as a code and a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How it is.
    pub code: StatusCode,
    /// In a few words; may be empty.
    pub text: String,
}

/// The bands of SECoP's status codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u32)]
pub enum StatusCode {
    /// Switched off.
    Disabled = 0,
    /// Ready.
    Idle = 100,
    /// Ready, but something is unusual.
    Warn = 200,
    /// Moving, ramping, counting: not there yet.
    Busy = 300,
    /// Not usable until somebody has looked.
    Error = 400,
}

impl StatusCode {
    /// The code of the band that `number` lies in; above 499 it is an error.
    pub fn from_number(number: u32) -> Self {
        match number {
            0..100 => StatusCode::Disabled,
            100..200 => StatusCode::Idle,
            200..300 => StatusCode::Warn,
            300..400 => StatusCode::Busy,
            _ => StatusCode::Error,
        }
    }

    /// The lower end of the band.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The code in one lower-case word.
    pub fn word(self) -> &'static str {
        match self {
            StatusCode::Disabled => "disabled",
            StatusCode::Idle => "idle",
            StatusCode::Warn => "warn",
            StatusCode::Busy => "busy",
            StatusCode::Error => "error",
        }
    }
}

impl Status {
    /// A status with a text.
    pub fn new(code: StatusCode, text: impl Into<String>) -> Self {
        Status {
            code,
            text: text.into(),
        }
    }

    /// Ready.
    pub fn idle() -> Self {
        Status::new(StatusCode::Idle, "")
    }

    /// Ready, but something is unusual.
    pub fn warn(text: impl Into<String>) -> Self {
        Status::new(StatusCode::Warn, text)
    }

    /// Not there yet.
    pub fn busy(text: impl Into<String>) -> Self {
        Status::new(StatusCode::Busy, text)
    }

    /// Not usable until somebody has looked.
    pub fn error(text: impl Into<String>) -> Self {
        Status::new(StatusCode::Error, text)
    }

    /// Whether it is still on its way.
    pub fn is_busy(&self) -> bool {
        self.code == StatusCode::Busy
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        self.code == StatusCode::Error
    }
}
