//! What a caller can be told: refusals, before anything moved, and failures, after which the device should be read back.

use std::time::Duration;

use baton_plugin_api::{Error, ErrorKind, Status, StatusCode, Time};
use serde_json::json;

use crate::{
    arbiter::{BrokenBy, Deadlock, Locked, ProtectedBy},
    device::SetBy,
    units::UnitError,
};

/// Why a request was refused. The device was not touched.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of their fields")]
pub enum Refusal {
    /// No device of that name.
    #[error("there is no device `{name}`{}", did_you_mean(suggestion))]
    NoSuchDevice { name: String, suggestion: Option<String> },
    /// The device has no parameter of that name.
    #[error("{device} has no parameter `{name}`{}", did_you_mean(suggestion))]
    NoSuchParameter {
        device: String,
        name: String,
        suggestion: Option<String>,
    },
    /// The device has no command of that name.
    #[error("{device} has no command `{name}`{}", did_you_mean(suggestion))]
    NoSuchCommand {
        device: String,
        name: String,
        suggestion: Option<String>,
    },
    /// Nobody of that name sends a message of that name.
    #[error("{sender} sends no message `{name}`{}; it sends {known}", did_you_mean(suggestion))]
    NoSuchMessage {
        sender: String,
        name: String,
        suggestion: Option<String>,
        known: String,
    },
    /// What was given as a name is none.
    #[error(
        "`{name}` cannot be the name of {what}: a name has letters a to z, digits and `_`, does not begin with a digit, and is at most 63 long"
    )]
    NotAName { what: &'static str, name: String },
    /// The parameter cannot be written.
    #[error("{path} is read-only")]
    ReadOnly { path: String },
    /// The parameter can only be written, and never has been.
    #[error("{path} can only be written, and has not been since the device was opened")]
    WriteOnly { path: String },
    /// The value is of another datatype.
    #[error("{path}: {why}")]
    WrongType { path: String, why: String },
    /// The value's unit does not fit.
    #[error("{path}: {error}{}", and_help(error))]
    WrongUnit { path: String, error: UnitError },
    /// The value is outside the limits.
    #[error(
        "{path}: {value} is outside the limits {}{}",
        both(allowed, lower, upper),
        set_by(which, whose)
    )]
    Limit {
        path: String,
        value: String,
        lower: String,
        upper: String,
        /// Both in the unit of whoever asked, if that is another one: `0 cm to 5 cm`.
        allowed: Option<String>,
        /// The one that was met, `lower` or `upper`, if the other has been set by somebody else.
        which: &'static str,
        whose: String,
    },
    /// Limits that a user wants to set are the wrong way round.
    #[error("{path}: the limits {lower} to {upper} are reversed; the smallest value comes first")]
    Reversed { path: String, lower: String, upper: String },
    /// With these limits, or in this frame, nothing could be set any more.
    #[error("{path}: {what} would leave nothing that can be set: {lower}, but {upper}")]
    NoRoom {
        path: String,
        what: String,
        lower: String,
        upper: String,
    },
    /// The value is not a finite number.
    #[error("{path}: {value} is not a finite number")]
    NotFinite { path: String, value: f64 },
    /// An earlier write or command is still on its way (C5).
    #[error("{path} is busy: {call}, by {owner}, has been on its way for {}; wait for it, or stop {path}", seconds(*.age))]
    Busy {
        path: String,
        call: String,
        owner: String,
        age: Duration,
    },
    /// The device is in a state in which its driver does not allow this (D6).
    #[error("{path} is not allowed while {device} is {}{}; it is while {device} is {}", state.code.word(), in_brackets(&state.text), states(allowed))]
    NotAllowed {
        path: String,
        device: String,
        state: Status,
        allowed: Vec<StatusCode>,
    },
    /// The device is not there.
    #[error("{device} is not connected: {cause} (down for {}, tried again by itself)", seconds(*.down_for))]
    Down {
        device: String,
        cause: String,
        down_for: Duration,
    },
    /// The device's worker does not come back from its driver (S3).
    #[error(
        "{device} cannot be used: {scope} has been stuck in {inside} since {} ({}); if it does not come back: baton \
         reopen --abandon {device}",
        clock_time(*.since), seconds(*.stuck_for)
    )]
    Stuck {
        device: String,
        scope: String,
        inside: String,
        since: Time,
        stuck_for: Duration,
    },
    /// So much has been left behind that nothing more may be (S6).
    #[error(
        "{device}: {count} workers have been left behind in their drivers already, which is the most; restart the host, \
         and give drivers that hang a process of their own"
    )]
    TooManyBehind { device: String, count: usize },
    /// The system gives no thread for a worker that is to take over.
    #[error("{device}: the system gave no thread: {error}")]
    NoThread { device: String, error: String },
    /// The caller's time was over before the device was free.
    #[error("{path}: still waiting for {device} after {}, so nothing was done", seconds(*.waited))]
    Expired {
        path: String,
        device: String,
        waited: Duration,
    },
    /// The call would wait for itself (C7).
    #[error("{path} cannot be reached from here: {chain} would wait for itself")]
    Circular { path: String, chain: String },
    /// A nested call to a device that the caller's options do not name (C7).
    #[error("{path} is not a member of {device}: its options do not name it")]
    NotAMember { path: String, device: String },
    /// Too many calls wait for the device already.
    #[error("{device} has {waiting} calls waiting, which is the most that are kept")]
    QueueFull { device: String, waiting: usize },
    /// The lab is being closed.
    #[error("{device} is closed: the host is ending")]
    Closed { device: String },
    /// Somebody has it locked, is next, or moves it (L4, L7, C7).
    #[error("{0}")]
    Locked(Box<Locked>),
    /// The caller's lock was broken (L9).
    #[error("{0}")]
    Broken(Box<BrokenBy>),
    /// It is protected from being written (L10).
    #[error("{0}")]
    Protected(Box<ProtectedBy>),
    /// Waiting for the lock would never end (L2).
    #[error("{0}")]
    WouldDeadlock(Box<Deadlock>),
    /// A lock was asked for that is on nothing.
    #[error("nothing to lock was named")]
    NoTargets,
    /// A part of what is locked or protected cannot be given back alone.
    #[error("{path} is a part of {whole}, which is locked or protected as a whole")]
    PartOf { path: String, whole: String },
    /// Nobody has the lock that was to be broken.
    #[error("{path} is not locked, so there is nothing to break")]
    NotTheHolder { path: String },
    /// Nothing is protected that was to be unprotected.
    #[error("{path} is not protected")]
    NotProtected { path: String },
    /// The owner left while its request waited.
    #[error("the request for {path} was withdrawn: {owner} has left")]
    Withdrawn { path: String, owner: String },
}

/// Why a call did not do what was asked, after the device was or may have been touched: read it back.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of their fields")]
pub enum Failure {
    /// It was refused after all, before the driver was called.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The driver said so.
    #[error("{path}: {}", error.message())]
    Driver { path: String, error: Error },
    /// The driver did not return in time (S3), or the motion did not end (S4).
    #[error("{path}: the {call} has not ended {} after it began; its limit is {}, {set_by}", seconds(*.elapsed), seconds(*.limit))]
    Timeout {
        path: String,
        /// What it was: `read`, `write`, `command`.
        call: &'static str,
        limit: Duration,
        /// Who has set the limit.
        set_by: SetBy,
        /// Since the driver was entered, or took the target; since it was asked for, where that is whose limit it was.
        elapsed: Duration,
    },
    /// The readback is not where it should be (C3).
    #[error(
        "{path} did not arrive: target {target}, actual {actual}, tolerance {tolerance}{}",
        off_by(off)
    )]
    Missed {
        path: String,
        target: String,
        actual: String,
        tolerance: String,
        /// How far it is from the target; empty where that is no matter of far and near.
        off: String,
    },
    /// A ramp did not get to its end.
    #[error("{path}: the ramp to {target} ended at {reached}: {cause}")]
    Ramp {
        path: String,
        target: String,
        reached: String,
        cause: Box<Failure>,
    },
    /// What was waited for did not come in time.
    #[error("{path} was not {wanted} within {}; it is {last}", seconds(*.limit))]
    NotReached {
        path: String,
        wanted: String,
        last: String,
        limit: Duration,
    },
    /// Somebody stopped the device.
    #[error("{path} was stopped by {by}")]
    Stopped { path: String, by: String },
    /// The caller cancelled.
    #[error("{path} was cancelled")]
    Cancelled { path: String },
    /// A later write took its place.
    #[error("{path} was superseded by a write of {by}")]
    Superseded { path: String, by: String },
    /// A function of the user panicked (C6).
    #[error("{what} panicked: {message}")]
    Panicked { what: String, message: String },
}

fn in_brackets(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!(" ({text})"),
    }
}

/// `idle`, `idle or warn`.
fn states(allowed: &[StatusCode]) -> String {
    let words: Vec<&str> = allowed.iter().map(|code| code.word()).collect();
    words.join(" or ")
}

fn and_help(error: &UnitError) -> String {
    error.help().map(|help| format!("; {help}")).unwrap_or_default()
}

fn off_by(off: &str) -> String {
    match off {
        "" => String::new(),
        off => format!(", off by {off}"),
    }
}

fn both(allowed: &Option<String>, lower: &str, upper: &str) -> String {
    match allowed {
        Some(allowed) => format!("{allowed} ({lower} to {upper})"),
        None => format!("{lower} to {upper}"),
    }
}

fn set_by(which: &str, whose: &str) -> String {
    match which {
        "" => format!(" set by the {whose}"),
        which => format!("; the {which} one is set by the {whose}"),
    }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion
        .as_ref()
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a value that is no text".to_owned())
}

/// A duration as a tired human reads it.
pub(crate) fn seconds(duration: Duration) -> String {
    let s = duration.as_secs_f64();
    match s {
        ..0.01 => format!("{:.2} ms", s * 1e3),
        ..1.0 => format!("{:.0} ms", s * 1e3),
        ..60.0 => format!("{s:.1} s"),
        ..3600.0 => format!("{:.0} min", s / 60.0),
        _ => format!("{:.1} h", s / 3600.0),
    }
}

/// A moment as a tired human reads it: `14:02:03` today, `2026-03-01 14:02` before.
pub(crate) fn clock_time(time: Time) -> String {
    let nanoseconds = i128::from(time.as_nanoseconds());
    let Ok(time) = jiff::Timestamp::from_nanosecond(nanoseconds) else {
        return "-".to_owned();
    };
    let (time, now) = (time.to_zoned(jiff::tz::TimeZone::system()), jiff::Zoned::now());
    let form = match time.date() == now.date() {
        true => "%H:%M:%S",
        false => "%Y-%m-%d %H:%M",
    };
    time.strftime(form).to_string()
}

impl Refusal {
    /// The SECoP class.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Refusal::NoSuchDevice { .. } => ErrorKind::NoSuchModule,
            Refusal::NoSuchParameter { .. } | Refusal::NoSuchMessage { .. } => ErrorKind::NoSuchParameter,
            Refusal::NoSuchCommand { .. } => ErrorKind::NoSuchCommand,
            Refusal::ReadOnly { .. } => ErrorKind::ReadOnly,
            Refusal::WriteOnly { .. } => ErrorKind::ReadFailed,
            Refusal::WrongType { .. } | Refusal::WrongUnit { .. } | Refusal::NotAName { .. } => ErrorKind::WrongType,
            Refusal::Limit { .. } | Refusal::NotFinite { .. } | Refusal::Reversed { .. } | Refusal::NoRoom { .. } => {
                ErrorKind::RangeError
            }
            Refusal::Busy { .. } | Refusal::QueueFull { .. } | Refusal::Locked(_) | Refusal::Broken(_) => {
                ErrorKind::IsBusy
            }
            Refusal::Protected(_) => ErrorKind::ReadOnly,
            Refusal::NotAllowed { state, .. } => match state.code {
                StatusCode::Busy => ErrorKind::IsBusy,
                StatusCode::Error => ErrorKind::IsError,
                StatusCode::Disabled => ErrorKind::Disabled,
                StatusCode::Idle | StatusCode::Warn => ErrorKind::Impossible,
            },
            Refusal::Down { .. } | Refusal::Stuck { .. } => ErrorKind::CommunicationFailed,
            Refusal::Expired { .. } => ErrorKind::Timeout,
            // Trying again while holding what one has cannot help (L2).
            Refusal::WouldDeadlock(_)
            | Refusal::Circular { .. }
            | Refusal::NotAMember { .. }
            | Refusal::NoTargets
            | Refusal::PartOf { .. }
            | Refusal::NotTheHolder { .. }
            | Refusal::NotProtected { .. }
            | Refusal::TooManyBehind { .. } => ErrorKind::Impossible,
            Refusal::NoThread { .. } => ErrorKind::InternalError,
            Refusal::Withdrawn { .. } => ErrorKind::Cancelled,
            Refusal::Closed { .. } => ErrorKind::Disabled,
        }
    }

    /// Data for programs, beside the text: who is in the way, since when and why.
    pub fn detail(&self) -> serde_json::Value {
        match self {
            Refusal::Locked(locked) => locked.detail(),
            Refusal::Broken(broken) => broken.detail(),
            Refusal::Protected(protected) => protected.detail(),
            Refusal::WouldDeadlock(deadlock) => deadlock.detail(),
            _ => json!({}),
        }
    }

    /// As a driver's error, for nested calls.
    pub(crate) fn to_error(&self) -> Error {
        Error::new(self.kind(), self.to_string()).with_detail(self.detail())
    }
}

impl Failure {
    /// The SECoP class.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Failure::Refused(refusal) => refusal.kind(),
            Failure::Driver { error, .. } => error.kind(),
            Failure::Timeout { .. } | Failure::NotReached { .. } => ErrorKind::Timeout,
            Failure::Missed { .. } => ErrorKind::HardwareError,
            Failure::Ramp { cause, .. } => cause.kind(),
            Failure::Stopped { .. } | Failure::Cancelled { .. } | Failure::Superseded { .. } => ErrorKind::Cancelled,
            Failure::Panicked { .. } => ErrorKind::InternalError,
        }
    }

    /// How the call ended, in one word for programs: `failed`, `refused`, `timeout`, `stopped`, `cancelled`, `superseded`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Failure::Refused(_) => "refused",
            Failure::Ramp { cause, .. } => cause.outcome(),
            Failure::Driver { error, .. } if error.kind() == ErrorKind::Cancelled => "cancelled",
            Failure::Driver { .. } | Failure::Missed { .. } | Failure::Panicked { .. } => "failed",
            Failure::Timeout { .. } | Failure::NotReached { .. } => "timeout",
            Failure::Stopped { .. } => "stopped",
            Failure::Cancelled { .. } => "cancelled",
            Failure::Superseded { .. } => "superseded",
        }
    }

    /// Data for programs, beside the text.
    pub fn detail(&self) -> serde_json::Value {
        match self {
            Failure::Refused(refusal) => refusal.detail(),
            Failure::Ramp {
                target, reached, cause, ..
            } => {
                let mut detail = cause.detail();
                if let Some(detail) = detail.as_object_mut() {
                    detail.insert("ramp_target".into(), json!(target));
                    detail.insert("reached".into(), json!(reached));
                }
                detail
            }
            Failure::Driver { error, .. } if !error.detail().is_null() => error.detail().clone(),
            Failure::Missed {
                target,
                actual,
                tolerance,
                off,
                ..
            } => {
                json!({ "target": target, "actual": actual, "tolerance": tolerance, "off": off })
            }
            Failure::Stopped { by, .. } | Failure::Superseded { by, .. } => json!({ "by": by }),
            Failure::NotReached {
                wanted, last, limit, ..
            } => {
                json!({ "wanted": wanted, "last": last, "limit": limit.as_secs_f64() })
            }
            Failure::Timeout {
                limit, set_by, elapsed, ..
            } => {
                json!({ "limit": limit.as_secs_f64(), "limit_of": set_by.word(), "elapsed": elapsed.as_secs_f64() })
            }
            _ => json!({}),
        }
    }

    /// As a driver's error, for nested calls.
    pub(crate) fn to_error(&self) -> Error {
        Error::new(self.kind(), self.to_string()).with_detail(self.detail())
    }
}
