//! What host and child say to each other.
//!
//! On the *call* channel the host gives an [`Order`] and the child answers with a [`Report`]; what comes before the last
//! report are questions of the call that the order is. On the *side* channel goes what belongs to no call: [`Aside`]s of
//! the driver, from any thread, and stops.

use baton_plugin_api::{
    Array, Error, ErrorKind,
    abi::{RawError, RawResult, RawValue, View, array::ElementType},
};
use serde::{Deserialize, Serialize};

/// What goes with every order: the lab's time when it was given, and what the call's context says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Nanoseconds since the Unix epoch on the lab's clock.
    pub now: u64,
    /// When the call is overdue; `u64::MAX` for never.
    pub ends: u64,
    /// Whether it was cancelled.
    pub cancelled: bool,
}

/// Host to child, on the call channel.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// When.
    pub at: Moment,
    /// What.
    pub what: What,
}

/// What the child is to do, or an answer to its question.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// The first order, which has no report.
    Load(Load),
    /// Open a controller.
    OpenController(Opening),
    /// Open a device; on the controller, if one is open.
    OpenDevice(Opening),
    /// Enter a device.
    Enter {
        /// Its handle.
        device: u32,
        /// Where.
        entry: Entry,
    },
    /// Close the controller.
    CloseController,
    /// End. No report.
    End,
    /// What a nested call came to.
    Answer(Result<WireValue, WireError>),
    /// Whether a sleep was not cut short.
    Slept(bool),
    /// The moment says it all.
    Told,
}

/// The library that a child is to load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// The private copy; empty if it is the second descriptor that was handed over.
    pub copy: String,
    /// Libraries to open before it.
    pub first: Vec<String>,
    /// The original, for messages.
    pub file: String,
    /// The version of the plugin API that it was built with, for messages.
    pub plugin_api: String,
    /// How far the lab's clock is ahead of the system's monotonic one; `None` if it is virtual.
    pub clock: Option<u64>,
    /// Whether anybody looks at the traffic on the line.
    pub traffic: bool,
}

/// Something to be opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The number by which it is known from now on.
    pub handle: u32,
    /// Its name in the lab.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// JSON.
    pub options: String,
}

/// An entry of a device.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// Parameter.
    Read(u32),
    /// Parameter and value.
    Write(u32, WireValue),
    /// Command and argument.
    Run(u32, WireValue),
    /// Ask for the status.
    Status,
    /// Stop, on the worker.
    Stop,
    /// Parameter and value.
    Estimate(u32, WireValue),
    /// Pass on what the instrument says.
    Listen,
    /// Drop it.
    Close,
}

/// Child to host, on the call channel.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How many asides were sent before it: they are heard first.
    pub asides: u64,
    /// What.
    pub what: Said,
}

/// How an order ended, or a question on the way.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Said {
    /// It is done.
    Done(Result<Outcome, WireError>),
    /// Read a parameter of a member.
    Get(String),
    /// Write a parameter of a member.
    Set(String, WireValue),
    /// Run a command of a member.
    Call(String, WireValue),
    /// Sleep so many nanoseconds on the lab's clock.
    Sleep(u64),
    /// Tell whether the call was cancelled.
    Ask,
    /// So much of the call is done. Not answered.
    Progress(f64),
}

/// What an order came to.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// A value, or nothing.
    Value(WireValue),
    /// An estimate.
    Nanoseconds(u64),
    /// It is open; whether it has a stopper.
    Opened {
        /// Whether it has one.
        stopper: bool,
    },
}

/// Child to host, on the side channel.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Aside {
    /// Handle, message, payload.
    Send(u32, String, WireValue),
    /// Handle, parameter, value, time.
    Publish(u32, String, WireValue, u64),
    /// Handle, level, text.
    Log(u32, u32, String),
    /// Handle, direction; the bytes are the bulk.
    Traffic(u32, u32),
    /// Number of the stop, and how it ended.
    Stopped(u32, Result<(), WireError>),
    /// The driver has dropped its last host of this handle.
    Forget(u32),
}

/// Host to child, on the side channel.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Interrupt {
    /// Call the stopper of a device, from a thread of its own.
    Stop {
        /// Number of the stop.
        id: u32,
        /// Handle of the device.
        device: u32,
    },
}

/// An error on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireError {
    kind: u32,
    message: String,
    detail: String,
}

/// A value on its way. The elements of an array are the frame's bulk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum WireValue {
    /// Nothing.
    Unit,
    /// Yes or no.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Text(String),
    /// The text of a JSON document.
    Json(String),
    /// Element type and shape.
    Array(u32, Vec<u64>),
}

impl WireValue {
    /// A value, and its bulk.
    pub(super) fn of(value: &RawValue) -> Result<(WireValue, &[u8]), Error> {
        Ok(match value.view()? {
            View::Unit => (WireValue::Unit, &[]),
            View::Bool(yes) => (WireValue::Bool(yes), &[]),
            View::Int(n) => (WireValue::Int(n), &[]),
            View::Float(x) => (WireValue::Float(x), &[]),
            View::Text(text) => (WireValue::Text(text.to_owned()), &[]),
            View::Json(text) => (WireValue::Json(text.to_owned()), &[]),
            View::Array { element, shape, bytes } => {
                let shape = shape.into_iter().map(|n| n as u64).collect();
                (WireValue::Array(element as u32, shape), bytes)
            }
        })
    }

    /// The value as it crosses the driver interface.
    pub(super) fn raw(self, bulk: Vec<u8>) -> Result<RawValue, Error> {
        use baton_plugin_api::Value;
        Ok(match self {
            WireValue::Unit => RawValue::UNIT,
            WireValue::Bool(yes) => Value::Bool(yes).into(),
            WireValue::Int(n) => Value::Int(n).into(),
            WireValue::Float(x) => Value::Float(x).into(),
            WireValue::Text(text) => Value::Text(text).into(),
            WireValue::Json(text) => RawValue::json(text),
            WireValue::Array(element, shape) => {
                let unknown = || Error::new(ErrorKind::InternalError, format!("no elements are of type {element}"));
                let element = ElementType::from_number(element).ok_or_else(unknown)?;
                let shape: Vec<usize> = shape.into_iter().map(|n| n as usize).collect();
                Value::Array(Array::from_bytes(bulk, element, &shape)?).into()
            }
        })
    }
}

impl From<&RawError> for WireError {
    fn from(error: &RawError) -> Self {
        WireError {
            kind: error.kind,
            message: error.message.to_string(),
            detail: error.detail.to_string(),
        }
    }
}

impl From<WireError> for RawError {
    fn from(error: WireError) -> Self {
        RawError {
            kind: error.kind,
            message: error.message.into(),
            detail: error.detail.into(),
        }
    }
}

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        WireError::from(&RawError::from(error))
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        RawError::from(error).into()
    }
}

/// A driver's result, ready for a frame together with its bulk, which is inside `result`.
pub(super) fn carried(result: &RawResult) -> (Result<WireValue, WireError>, &[u8]) {
    match result.as_ref().into_result() {
        Ok(value) => match WireValue::of(value) {
            Ok((value, bulk)) => (Ok(value), bulk),
            Err(error) => (Err(error.into()), &[]),
        },
        Err(error) => (Err(error.into()), &[]),
    }
}
