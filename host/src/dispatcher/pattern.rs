//! What a subscription is to: senders and messages, by name or with `*`.

use super::message::{Name, root};

/// Which messages a subscription wants.
///
/// The sender is one by name, `*`, or a name with `*` in it: `stage.*`, `client:*`. A device stands for itself and all its
/// parameters, as it does for locks: `stage` covers `stage.position`. `stage.*` is its parameters alone. The message is one
/// by name, `*`, or a name with `*` in it. Upper and lower case do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    sender: String,
    message: String,
    /// Only what says what is so.
    states: bool,
}

impl Pattern {
    /// Messages of that name of that sender.
    pub fn new(sender: impl Into<String>, message: impl Into<String>) -> Self {
        Pattern {
            sender: sender.into(),
            message: message.into(),
            states: false,
        }
    }

    /// Everything of that sender that says what is so, and nothing that happens: what SECoP clients are sent.
    pub fn states(sender: impl Into<String>) -> Self {
        Pattern {
            states: true,
            ..Pattern::new(sender, "*")
        }
    }

    /// The senders that it wants.
    pub fn sender(&self) -> &str {
        &self.sender
    }

    /// The messages that it wants.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The one device, or other sender, that all of it comes from, if there is one.
    pub(super) fn root(&self) -> Option<&str> {
        let root = root(&self.sender);
        (!has_star(root)).then_some(root)
    }

    /// Whether a device, or another sender, may have anything that it wants.
    pub(crate) fn may_want(&self, device: &str) -> bool {
        match self.root() {
            Some(root) => root.eq_ignore_ascii_case(device),
            None => true,
        }
    }

    pub(crate) fn wants(&self, name: &Name) -> bool {
        (name.is_state || !self.states)
            && matches(&self.message, &name.message)
            && (matches(&self.sender, &name.sender) || matches(&self.sender, name.root()))
    }
}

/// Whether it stands for more than one name.
pub(crate) fn has_star(name: &str) -> bool {
    name.contains('*')
}

/// Whether `name` is what `pattern` says, where `*` is any text.
fn matches(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (pattern.as_bytes(), name.as_bytes());
    // Where to go on when what follows the last `*` does not fit: that may stand for one more.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), name.split_first()) {
            (Some((b'*', rest)), _) => {
                again = Some((rest, name));
                pattern = rest;
            }
            (Some((a, rest)), Some((b, more))) if a.eq_ignore_ascii_case(b) => (pattern, name) = (rest, more),
            (None, None) => return true,
            _ => match again {
                Some((after, [_, more @ ..])) => {
                    again = Some((after, more));
                    (pattern, name) = (after, more);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(sender: &str, message: &str) -> Name {
        Name {
            sender: sender.into(),
            message: message.into(),
            is_state: message == "changed",
        }
    }

    #[test]
    fn a_device_covers_its_parameters_and_a_star_is_any_text() {
        let wanted = [
            ("stage", "*"),
            ("Stage.*", "changed"),
            ("*", "*"),
            ("*.position", "ch*ed"),
            ("stage.position", "changed"),
            ("s*.p*n", "*"),
        ];
        for (sender, message) in wanted {
            assert!(
                Pattern::new(sender, message).wants(&name("stage.position", "changed")),
                "{sender}:{message}"
            );
        }
        for (sender, message) in [
            ("stag", "*"),
            ("stage.position", "status"),
            ("*.pos", "*"),
            ("client:*", "*"),
        ] {
            assert!(
                !Pattern::new(sender, message).wants(&name("stage.position", "changed")),
                "{sender}:{message}"
            );
        }
        assert!(!Pattern::new("stage.*", "*").wants(&name("stage", "status")));
        assert!(Pattern::new("client:*", "*").wants(&name("client:a.b", "done")));
        assert!(!Pattern::states("stage").wants(&name("stage", "limit_hit")));
        assert!(Pattern::states("stage").wants(&name("stage.position", "changed")));
    }

    #[test]
    fn what_comes_of_one_device_alone_is_known() {
        for (sender, root) in [
            ("stage.*", Some("stage")),
            ("stage", Some("stage")),
            ("client:a.b", Some("client:a.b")),
            ("*.position", None),
            ("client:*", None),
        ] {
            assert_eq!(Pattern::new(sender, "*").root(), root, "{sender}");
        }
    }
}
