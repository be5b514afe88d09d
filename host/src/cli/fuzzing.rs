//! What holds of whatever a host sends to us.

use super::client::{Message, RemoteError};

/// A line of a host's is understood.
///
/// # Panics
/// If it is not.
pub(crate) fn message(line: &str) {
    let message = Message::parse(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
    if message.action.starts_with("error_") {
        let error = RemoteError::parse(&message.data);
        assert_ne!(error.class, "InternalError", "{line}");
        assert!(!error.text.is_empty(), "{line}");
    }
    let _ = message.update();
}
