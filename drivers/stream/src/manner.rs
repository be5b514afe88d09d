//! How a line is spoken: where a reply ends, and how much time everything may take.

use std::time::Duration;

use crate::template::{Notation, find};

/// How a line is spoken, where an exchange says nothing else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manner {
    /// Ends what is sent; may be empty.
    pub(crate) send_terminator: Vec<u8>,
    /// Where a reply ends.
    pub(crate) reply_end: ReplyEnd,
    /// How long a reply may take, from the question to its last byte.
    pub(crate) reply_timeout: Duration,
    /// Longest silence within a reply; what stops for longer is half a reply. `None` if only `reply_timeout` counts.
    pub(crate) char_timeout: Option<Duration>,
    /// Time that the instrument needs between the end of one exchange and the beginning of the next.
    pub(crate) pause: Duration,
    /// Whether the instrument repeats what it is sent before it answers.
    pub(crate) echo: bool,
    /// How often a question is asked again when there is no answer to it, or one that does not fit.
    pub(crate) retries: u8,
}

/// What one exchange does in another way than the rest of its line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Turn {
    /// What ends the line that is sent.
    pub(crate) send_terminator: Option<Vec<u8>>,
    /// Where its reply ends.
    pub(crate) reply_end: Option<ReplyEnd>,
    /// How long its reply may take.
    pub(crate) reply_timeout: Option<Duration>,
    /// Time that the instrument needs after it.
    pub(crate) pause: Option<Duration>,
}

#[cfg(test)]
impl Turn {
    /// Nothing in another way.
    pub(crate) const NONE: Turn = Turn {
        send_terminator: None,
        reply_end: None,
        reply_timeout: None,
        pause: None,
    };
}

/// Where a reply ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ReplyEnd {
    /// Before these bytes, which are not part of it; never empty.
    Terminator(Vec<u8>),
    /// After so many bytes, all of which are part of it.
    Length(usize),
    /// After as many bytes as it says itself.
    Field(LengthField),
    /// When nothing has come for so long.
    Silence(Duration),
}

/// The place in a reply that says how long it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LengthField {
    /// Byte of the reply at which it begins, from 0.
    pub(crate) at: usize,
    /// How it is written; of a certain size.
    pub(crate) notation: Notation,
    /// What has to be added for the length of the whole reply.
    pub(crate) plus: i64,
}

/// A whole reply within what has come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Bytes of the reply, from the first that came.
    pub(crate) reply: usize,
    /// Bytes to take off: the reply, and what ends it.
    pub(crate) taken: usize,
}

impl ReplyEnd {
    /// The whole reply at the start of what has `received`, if it is there; by a silence it never is. The first `searched`
    /// bytes have been looked at before.
    ///
    /// # Errors
    /// What is wrong with a length that the reply says itself: such a line is out of step.
    pub(crate) fn cut(&self, received: &[u8], searched: usize) -> Result<Option<Cut>, String> {
        let whole = |length: usize| {
            (received.len() >= length).then_some(Cut {
                reply: length,
                taken: length,
            })
        };
        match self {
            ReplyEnd::Terminator(terminator) => {
                let from = searched
                    .saturating_sub(terminator.len().saturating_sub(1))
                    .min(received.len());
                let found = find(&received[from..], terminator);
                Ok(found.map(|found| Cut {
                    reply: from + found,
                    taken: from + found + terminator.len(),
                }))
            }
            ReplyEnd::Length(length) => Ok(whole(*length)),
            ReplyEnd::Field(field) => Ok(field.length(received)?.and_then(whole)),
            ReplyEnd::Silence(_) => Ok(None),
        }
    }

    /// What ends it, for messages: "had not ended with `\r\n`".
    pub(crate) fn describe(&self) -> String {
        match self {
            ReplyEnd::Terminator(terminator) => format!("with {}", crate::text::show(terminator)),
            ReplyEnd::Length(length) => format!("after {length} bytes"),
            ReplyEnd::Field(_) => "after as many bytes as it says".to_owned(),
            ReplyEnd::Silence(silence) => format!("with a silence of {silence:?}"),
        }
    }
}

/// Longest reply, in bytes, that a length within it may ask for.
const MOST_REPLY: i128 = 64 * 1024;

impl LengthField {
    /// The length of the whole reply, once the field has come.
    fn length(&self, received: &[u8]) -> Result<Option<usize>, String> {
        let size = self.notation.size().unwrap_or(0);
        let end = self.at + size;
        let Some(field) = received.get(self.at..end) else {
            return Ok(None);
        };
        let show = || crate::text::show(field);
        let number = self
            .notation
            .whole(field)
            .ok_or_else(|| format!("{} where the length of the reply is due", show()))?;
        let length = number + i128::from(self.plus);
        if length < end as i128 || length > MOST_REPLY {
            return Err(format!("a reply of {length} bytes ({} says so)", show()));
        }
        Ok(usize::try_from(length).ok())
    }
}

impl Manner {
    /// What ends the line that an exchange sends.
    pub(crate) fn send_terminator<'m>(&'m self, turn: &'m Turn) -> &'m [u8] {
        turn.send_terminator.as_deref().unwrap_or(&self.send_terminator)
    }

    /// Where the reply to an exchange ends.
    pub(crate) fn reply_end<'m>(&'m self, turn: &'m Turn) -> &'m ReplyEnd {
        turn.reply_end.as_ref().unwrap_or(&self.reply_end)
    }

    /// How long the reply to an exchange may take.
    pub(crate) fn reply_timeout(&self, turn: &Turn) -> Duration {
        turn.reply_timeout.unwrap_or(self.reply_timeout)
    }

    /// How long the instrument needs after an exchange.
    pub(crate) fn pause(&self, turn: &Turn) -> Duration {
        turn.pause.unwrap_or(self.pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{NumberFormat, Order, Radix, Raw, RawKind};

    fn cut(end: &ReplyEnd, received: &[u8]) -> Result<Option<(usize, usize)>, String> {
        Ok(end.cut(received, 0)?.map(|cut| (cut.reply, cut.taken)))
    }

    #[test]
    fn a_reply_ends_as_its_line_says() {
        let terminator = ReplyEnd::Terminator(b"\r\n".to_vec());
        assert_eq!(cut(&terminator, b"24.0\r\nrest"), Ok(Some((4, 6))));
        assert_eq!(cut(&terminator, b"24.0\r"), Ok(None));
        assert_eq!(terminator.cut(b"24.0\r\n", 5), Ok(Some(Cut { reply: 4, taken: 6 })));
        assert_eq!(cut(&ReplyEnd::Length(3), b"ab"), Ok(None));
        assert_eq!(cut(&ReplyEnd::Length(3), b"abcd"), Ok(Some((3, 3))));
        assert_eq!(cut(&ReplyEnd::Silence(Duration::from_millis(20)), b"abcd"), Ok(None));
    }

    #[test]
    fn a_reply_that_says_its_length_is_believed_within_reason() {
        let binary = ReplyEnd::Field(LengthField {
            at: 1,
            notation: Notation::Raw(Raw {
                kind: RawKind::Unsigned,
                bytes: 2,
                order: Order::Big,
            }),
            plus: 4,
        });
        assert_eq!(cut(&binary, b"\x02\x00"), Ok(None));
        assert_eq!(cut(&binary, b"\x02\x00\x02abc"), Ok(Some((6, 6))));
        assert_eq!(
            cut(&binary, b"\x02\xff\xffabc"),
            Err("a reply of 65539 bytes (`\\xff\\xff` says so)".into())
        );
        let mut digits = NumberFormat::plain(Radix::Decimal);
        digits.width = 2;
        let text = ReplyEnd::Field(LengthField {
            at: 0,
            notation: Notation::Text(digits),
            plus: 2,
        });
        assert_eq!(cut(&text, b"03abcd"), Ok(Some((5, 5))));
        assert_eq!(
            cut(&text, b"x3abc"),
            Err("`x3` where the length of the reply is due".into())
        );
        assert_eq!(cut(&text, b"-2"), Err("a reply of 0 bytes (`-2` says so)".into()));
    }
}
