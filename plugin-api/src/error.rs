//! Errors as drivers return them and hosts relay them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a driver returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a driver could not do what it was asked.
///
/// It converts from every `std::error::Error`, so `?` works on whatever a vendor's library returns. An
/// [`std::io::Error`] keeps its meaning: a time-out becomes [`ErrorKind::Timeout`], any other becomes
/// [`ErrorKind::CommunicationFailed`]. Everything else becomes [`ErrorKind::HardwareError`]; use the constructors where
/// the kind is known. Like `anyhow::Error`, it is no `std::error::Error` itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    detail: serde_json::Value,
}

/// The class of an error, named as in SECoP 1.1, section "Error classes".
///
/// The numbers cross the ABI and are final. A number that this build does not know is [`ErrorKind::Unknown`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
#[non_exhaustive]
pub enum ErrorKind {
    /// A request that is not well-formed.
    ProtocolError,
    /// No device of that name.
    NoSuchModule,
    /// No parameter of that name.
    NoSuchParameter,
    /// No command of that name.
    NoSuchCommand,
    /// The parameter cannot be written.
    ReadOnly,
    /// The value is of another datatype.
    WrongType,
    /// The value is outside the limits.
    RangeError,
    /// Not JSON.
    BadJson,
    /// Planned, but not there.
    NotImplemented,
    /// The hardware does not do as it should.
    HardwareError,
    /// A command is still running.
    CommandRunning,
    /// The line to the instrument is gone. The host closes the device (or its whole controller) and opens it again.
    CommunicationFailed,
    /// The instrument did not answer in time. The line is thought to be sound: the device is not re-opened.
    Timeout,
    /// Busy, or locked by another; it may work later.
    IsBusy,
    /// The device is in an error state that has to be cleared first.
    IsError,
    /// The device is switched off.
    Disabled,
    /// Not possible as things stand now.
    Impossible,
    /// The value could not be read.
    ReadFailed,
    /// The value that was read is not a sensible one.
    OutOfRange,
    /// A mistake in driver or host.
    InternalError,
    /// The call was cancelled or stopped before it was done.
    Cancelled,
    /// The driver panicked; made by the host's side of the ABI, never by an author.
    Panic,
    /// A kind from a later version.
    Unknown(u32),
}

/// Number and SECoP class of each kind. The numbers are pinned by a test: the layout check cannot see them.
const KINDS: [(ErrorKind, u32, &str); 22] = [
    (ErrorKind::ProtocolError, 1, "ProtocolError"),
    (ErrorKind::NoSuchModule, 2, "NoSuchModule"),
    (ErrorKind::NoSuchParameter, 3, "NoSuchParameter"),
    (ErrorKind::NoSuchCommand, 4, "NoSuchCommand"),
    (ErrorKind::ReadOnly, 5, "ReadOnly"),
    (ErrorKind::WrongType, 6, "WrongType"),
    (ErrorKind::RangeError, 7, "RangeError"),
    (ErrorKind::BadJson, 8, "BadJSON"),
    (ErrorKind::NotImplemented, 9, "NotImplemented"),
    (ErrorKind::HardwareError, 10, "HardwareError"),
    (ErrorKind::CommandRunning, 11, "CommandRunning"),
    (ErrorKind::CommunicationFailed, 12, "CommunicationFailed"),
    (ErrorKind::Timeout, 13, "TimeoutError"),
    (ErrorKind::IsBusy, 14, "IsBusy"),
    (ErrorKind::IsError, 15, "IsError"),
    (ErrorKind::Disabled, 16, "Disabled"),
    (ErrorKind::Impossible, 17, "Impossible"),
    (ErrorKind::ReadFailed, 18, "ReadFailed"),
    (ErrorKind::OutOfRange, 19, "OutOfRange"),
    (ErrorKind::InternalError, 20, "InternalError"),
    // SECoP has no class for these two: what was stopped is impossible now, and a panic is a mistake in the code.
    (ErrorKind::Cancelled, 100, "Impossible"),
    (ErrorKind::Panic, 101, "InternalError"),
];

impl ErrorKind {
    /// The number that crosses the ABI.
    pub fn number(self) -> u32 {
        match self {
            ErrorKind::Unknown(number) => number,
            known => {
                KINDS
                    .iter()
                    .find(|row| row.0 == known)
                    .expect("every known kind has a row")
                    .1
            }
        }
    }

    /// The SECoP error class; `InternalError` for a kind of a later version.
    pub fn class(self) -> &'static str {
        KINDS
            .iter()
            .find(|row| row.0 == self)
            .map_or("InternalError", |row| row.2)
    }

    /// The kind that a SECoP error class stands for, if it is one of ours.
    pub fn from_class(class: &str) -> Option<ErrorKind> {
        KINDS.iter().find(|row| row.2 == class).map(|row| row.0)
    }
}

impl From<u32> for ErrorKind {
    fn from(number: u32) -> Self {
        KINDS
            .iter()
            .find(|row| row.1 == number)
            .map_or(ErrorKind::Unknown(number), |row| row.0)
    }
}

impl From<ErrorKind> for u32 {
    fn from(kind: ErrorKind) -> Self {
        kind.number()
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Unknown(number) => write!(f, "error kind {number} of a later version"),
            known => f.write_str(known.class()),
        }
    }
}

impl Error {
    /// An error of `kind`. The message says what went wrong and with which value, in lower case without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            detail: serde_json::Value::Null,
        }
    }

    /// The hardware does not do as it should.
    pub fn hardware(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::HardwareError, message)
    }

    /// The line to the instrument is gone; the host opens the device again (see [`ErrorKind::CommunicationFailed`]).
    pub fn communication(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::CommunicationFailed, message)
    }

    /// The instrument did not answer in time, on a line that is thought to be sound.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Timeout, message)
    }

    /// A value outside what the device takes.
    pub fn range(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::RangeError, message)
    }

    /// Not possible as things stand now.
    pub fn impossible(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Impossible, message)
    }

    /// The call was cancelled. [`Context::sleep`](crate::Context::sleep) returns it.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }

    /// Adds data for programs, any JSON; people get the message.
    #[must_use]
    pub fn with_detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = detail;
        self
    }

    /// Puts `what` in front of the message: "what: message".
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text for people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Data for programs; `null` if there is none.
    pub fn detail(&self) -> &serde_json::Value {
        &self.detail
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let kind = match (&error as &dyn std::any::Any)
            .downcast_ref::<std::io::Error>()
            .map(std::io::Error::kind)
        {
            Some(std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock) => ErrorKind::Timeout,
            Some(_) => ErrorKind::CommunicationFailed,
            None => ErrorKind::HardwareError,
        };
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::new(kind, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_kinds_never_change() {
        let numbers: Vec<_> = KINDS
            .iter()
            .map(|(_, number, class)| format!("{number} {class}"))
            .collect();
        assert_eq!(
            numbers.join(", "),
            "1 ProtocolError, 2 NoSuchModule, 3 NoSuchParameter, 4 NoSuchCommand, 5 ReadOnly, 6 WrongType, \
             7 RangeError, 8 BadJSON, 9 NotImplemented, 10 HardwareError, 11 CommandRunning, 12 CommunicationFailed, \
             13 TimeoutError, 14 IsBusy, 15 IsError, 16 Disabled, 17 Impossible, 18 ReadFailed, 19 OutOfRange, \
             20 InternalError, 100 Impossible, 101 InternalError"
        );
    }

    #[test]
    fn io_errors_keep_their_meaning() {
        let kind = |kind| Error::from(std::io::Error::new(kind, "x")).kind();
        assert_eq!(kind(std::io::ErrorKind::TimedOut), ErrorKind::Timeout);
        assert_eq!(
            kind(std::io::ErrorKind::ConnectionReset),
            ErrorKind::CommunicationFailed
        );
        assert_eq!(
            Error::from("x".parse::<f64>().unwrap_err()).kind(),
            ErrorKind::HardwareError
        );
    }

    #[test]
    fn a_kind_of_a_later_version_keeps_its_number() {
        assert_eq!(ErrorKind::from(4242), ErrorKind::Unknown(4242));
        assert_eq!(ErrorKind::Unknown(4242).number(), 4242);
        assert_eq!(ErrorKind::Unknown(4242).class(), "InternalError");
    }
}
