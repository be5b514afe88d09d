//! What can go wrong for the user of the command line, and the exit code that says so to a script.

use std::io;

use serde_json::{Value as Json, json};

use super::client::RemoteError;

/// Why a command of the CLI ended without success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The user asked for something that does not exist or cannot be: a name, a value.
    #[error("{0}")]
    Request(String),
    /// Nobody answers at the address, or it is no SECoP node.
    #[error("no host at {address}: {cause}")]
    Unreachable { address: String, cause: String },
    /// The connection broke after the handshake.
    #[error("the host at {address} is gone: {cause}")]
    Gone { address: String, cause: String },
    /// The host refused or failed a request.
    #[error("{}", about(.path, .error))]
    Remote { path: String, error: Box<RemoteError> },
    /// A call was taken, but did not end as it should.
    #[error("{}", about(&.0.path, &.0.error))]
    Unfinished(Box<Unfinished>),
    /// Waiting took longer than the user or we allow.
    #[error("{0}")]
    Timeout(String),
    /// The user pressed Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
    /// The message has been written already, item by item; what is left is the exit code.
    #[error("some of it failed")]
    Told(u8),
    /// Standard output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// A call that did not end as it should.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// What it was about, in the user's words.
    pub(crate) path: String,
    /// `failed`, `cancelled`, `stopped`, `superseded`, `timeout`
    pub(crate) outcome: String,
    pub(crate) error: RemoteError,
    /// Where it ended, for programs.
    pub(crate) reading: Option<Json>,
}

/// The host's text, led by the path unless the text already names it.
fn about(path: &str, error: &RemoteError) -> String {
    let device = path.split('.').next().unwrap_or(path);
    if path.is_empty() || error.text.starts_with(device) {
        format!("{} ({})", error.text, error.class)
    } else {
        format!("{path}: {} ({})", error.text, error.class)
    }
}

impl Failure {
    /// The exit code, after sysexits where one fits.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Request(_) => 1,
            Failure::Unreachable { .. } | Failure::Gone { .. } => 69,
            Failure::Remote { error, .. } => error.exit_code(),
            Failure::Unfinished(call) => call.error.exit_code(),
            Failure::Timeout(_) => 75,
            Failure::Interrupted(_) => 130,
            Failure::Told(code) => *code,
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Failure::Output(_) => 74,
        }
    }

    /// What the user can do about it, where we know.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Failure::Unreachable { .. } => Some(
                "is it running? start it with: baton run lab.toml\n      \
                 or name another with -H host:port, -H unix:/path or BATON_HOST"
                    .to_owned(),
            ),
            Failure::Remote { error, .. } if error.wants_token() => Some(
                "whoever runs the host has its token; put it into a file of yours and give it with\n      \
                 --token-file FILE, or in the variable BATON_TOKEN"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Whether nothing is to be written about it: the reader of our output has gone, or has been told already.
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Failure::Told(_) => true,
            Failure::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }

    /// The form for programs: the value of `error` in the JSON output.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Failure::Remote { path, error } => json!({
                "path": path, "class": error.class, "text": error.text, "detail": error.detail,
            }),
            Failure::Unfinished(call) => json!({
                "path": call.path, "class": call.error.class, "text": call.error.text, "detail": call.error.detail,
                "outcome": call.outcome, "reading": call.reading,
            }),
            other => json!({ "class": other.class(), "text": other.to_string() }),
        }
    }

    /// A class of our own for what no host said.
    fn class(&self) -> &'static str {
        match self {
            Failure::Unreachable { .. } => "Unreachable",
            Failure::Gone { .. } => "ConnectionLost",
            Failure::Timeout(_) => "TimeoutError",
            Failure::Interrupted(_) => "Interrupted",
            Failure::Output(_) => "OutputError",
            _ => "BadRequest",
        }
    }
}
