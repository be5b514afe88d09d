//! What clients of the server may take of it, and the secret by which those from elsewhere are let in.

use std::{fmt, time::Duration};

use sha2::{Digest, Sha256};

/// How much clients may take of the host; what is more is refused, and said (W6).
///
/// The defaults leave the host responsive whatever a client does: no key has to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Connections at a time.
    pub connections: usize,
    /// Connections at a time from one address; all those over the Unix socket by one user count as from one.
    pub connections_per_peer: usize,
    /// Bytes of a line, without its end.
    pub line_bytes: usize,
    /// How long a client may take for a line that it has begun, for its first one, and to show its token.
    pub line_within: Duration,
    /// Requests of one connection that wait for their answers; those that stop something may be twice as many.
    pub pending: usize,
    /// Subscriptions of one connection to messages.
    pub subscriptions: usize,
}

impl Default for ClientLimits {
    fn default() -> ClientLimits {
        ClientLimits {
            // Together with files and driver libraries these stay below the 1024 descriptors that many systems allow a
            // process.
            connections: 800,
            connections_per_peer: 600,
            line_bytes: 1 << 20,
            line_within: Duration::from_secs(60),
            pending: 1000,
            subscriptions: 1000,
        }
    }
}

/// A secret of the host. It is not shown, and compared in a time that says nothing about it.
#[derive(Clone)]
pub struct Secret {
    text: String,
}

impl Secret {
    /// The shortest that cannot be guessed before somebody notices.
    pub const GOOD: usize = 16;

    /// A secret text without the blanks and line ends around it; `None` if nothing is left of it.
    pub fn new(text: &str) -> Option<Secret> {
        let text = text.trim().to_owned();
        (!text.is_empty()).then_some(Secret { text })
    }

    /// Whether it is this text. Takes as long whatever the two have in common.
    pub fn is(&self, text: &str) -> bool {
        let (ours, theirs) = (Sha256::digest(&self.text), Sha256::digest(text));
        ours.iter().zip(&theirs).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
    }

    /// The text itself, to be sent to a host and shown to nobody.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// Whether it is so short that it can be guessed.
    pub fn is_short(&self) -> bool {
        self.text.chars().count() < Secret::GOOD
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.is(&other.text)
    }
}

/// Without the secret: this may end up in a log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_whole_text_without_line_ends_and_is_never_shown() {
        let secret = Secret::new("open sesame\n").unwrap();
        assert!(secret.is("open sesame") && secret.is_short());
        for other in ["", "open sesam", "open sesame ", "Open sesame"] {
            assert!(!secret.is(other), "{other:?}");
        }
        assert!(!format!("{secret:?}").contains("sesame"));
        assert!(Secret::new(" \n").is_none());
    }
}
