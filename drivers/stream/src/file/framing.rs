//! Where a reply ends: what `[line]` says, and what an exchange says of its own.

use std::time::Duration;

use super::{
    LengthEntry, LineEntry, Manners, TerminatorEntry,
    reader::{Ends, Reader},
};
use crate::{
    manner::{LengthField, Manner, ReplyEnd, Turn},
    template::{self, Field, Format, Part, Slot},
};

const REPLY_TIMEOUT: f64 = 1.0;
const CONNECT_TIMEOUT: f64 = 3.0;

/// How long nothing has to come where nothing at all says how a reply ends, because none is expected.
const UNSAID: Duration = Duration::from_millis(20);

impl Reader<'_> {
    /// What `[line]` says, and how long connecting may take.
    pub(super) fn line(&mut self) -> Option<(Manner, Duration)> {
        let line: LineEntry = self.part(&["line"])?;
        self.ends.encoding = line.encoding;
        let (send, reply) = match &line.terminator {
            None => (Vec::new(), None),
            Some(TerminatorEntry::Both(both)) => {
                let bytes = self.terminator(&["line", "terminator"], both, true)?;
                (bytes.clone(), Some(bytes))
            }
            Some(TerminatorEntry::Each(each)) => {
                let send = self.terminator(&["line", "terminator", "send"], &each.send, false)?;
                let reply = match &each.reply {
                    Some(reply) => Some(self.terminator(&["line", "terminator", "reply"], reply, true)?),
                    None => None,
                };
                (send, reply)
            }
        };
        let manners = Manners {
            send_terminator: None,
            terminator: None,
            length: line.reply_length,
            field: line.length_field.as_ref(),
            silence: line.silence,
            timeout: None,
            pause: None,
            errors: &std::collections::BTreeMap::new(),
        };
        if reply.is_some() {
            self.only_one_end(&["line"], &manners, Some("terminator"));
        }
        let end = self.said_end(&["line"], &manners)?;
        self.ends = Ends {
            encoding: line.encoding,
            send: send.clone(),
            reply: reply.clone().unwrap_or_default(),
            default: reply.map(ReplyEnd::Terminator).or(end),
            is_known: true,
        };
        let manner = Manner {
            send_terminator: send,
            reply_end: self.ends.default.clone().unwrap_or(ReplyEnd::Silence(UNSAID)),
            reply_timeout: Duration::from_secs_f64(line.reply_timeout.unwrap_or(REPLY_TIMEOUT)),
            char_timeout: line.char_timeout.map(Duration::from_secs_f64),
            pause: Duration::from_secs_f64(line.pause.unwrap_or(0.0)),
            echo: line.echo,
            retries: line.retries,
        };
        let connect_timeout = Duration::from_secs_f64(line.connect_timeout.unwrap_or(CONNECT_TIMEOUT));
        Some((manner, connect_timeout))
    }

    fn terminator(&mut self, path: &[&str], text: &str, ends_replies: bool) -> Option<Vec<u8>> {
        match template::literal(text, self.ends.encoding) {
            Ok(bytes) if bytes.is_empty() && ends_replies => {
                let error = self.error(path, "a reply has to end with something");
                self.push(error.help(
                    "most instruments end their lines with \"\\r\\n\", \"\\n\" or \"\\r\"; for those that do not, see `reply_length`, `length_field` and `silence`",
                ));
                None
            }
            Ok(bytes) => Some(bytes),
            Err(slips) => {
                self.push_slips(path, slips);
                None
            }
        }
    }

    /// What an exchange does in another way than the rest of its line. Where the reply is as long as what is expected, and
    /// no terminator can be trusted, the format says so; `None` if something is wrong.
    pub(super) fn turn(&mut self, path: &[&str], manners: &Manners<'_>, expect: Option<&mut Format>) -> Option<Turn> {
        let said = self.said_end(path, manners);
        let send_terminator = manners.send_terminator.map(|text| {
            let path = [path, &["send_terminator"]].concat();
            self.terminator(&path, text, false)
        });
        let reply_end = match (expect, said?) {
            (None, Some(_)) => {
                let keys = ["reply_terminator", "reply_length", "length_field", "silence"];
                let key = keys.into_iter().find(|key| self.exists(&[path, &[key]].concat()));
                let here = [path, key.as_slice()].concat();
                let error = self.key_error(&here, "where the reply ends is said, but no reply is expected");
                self.push(error.help("add `expect`"));
                return None;
            }
            (None, None) => None,
            (Some(expect), Some(end)) => {
                self.same_length(path, &end, expect)?;
                Some(end)
            }
            (Some(expect), None) => self.unsaid_end(path, expect)?,
        };
        Some(Turn {
            send_terminator: match send_terminator {
                Some(terminator) => Some(terminator?),
                None => None,
            },
            reply_end,
            reply_timeout: manners.timeout.map(Duration::from_secs_f64),
            pause: manners.pause.map(Duration::from_secs_f64),
        })
    }

    /// Where the reply ends if the exchange does not say.
    fn unsaid_end(&mut self, path: &[&str], expect: &mut Format) -> Option<Option<ReplyEnd>> {
        match (self.ends.default.clone(), expect.size()) {
            // What is missing there was told.
            _ if !self.ends.is_known => None,
            (Some(ReplyEnd::Terminator(terminator)), Some(size)) if expect.is_raw() => {
                // Among bytes that mean numbers, the terminator may come by chance: it counts at its place alone.
                let length = size + terminator.len();
                expect.parts.push(Part::Literal(terminator));
                Some(Some(ReplyEnd::Length(length)))
            }
            (Some(ReplyEnd::Terminator(_)), None) if expect.is_raw() => {
                let error = self.error(
                    &[path, &["expect"]].concat(),
                    "nothing tells where this reply ends: the terminator may come by chance among its bytes",
                );
                self.push(error.help("give what is open a width, or say `reply_length`, `length_field` or `silence`"));
                None
            }
            (None, Some(size @ 1..)) => Some(Some(ReplyEnd::Length(size))),
            (None, _) => {
                let error = self.error(&[path, &["expect"]].concat(), "nothing tells where this reply ends");
                self.push(error.help(
                    "say `terminator`, `reply_length`, `length_field` or `silence` in `[line]`, or give every placeholder a width",
                ));
                None
            }
            (Some(end), _) => {
                self.same_length(path, &end, expect)?;
                Some(None)
            }
        }
    }

    /// What is said of where a reply ends, which may be nothing. `None` if it is wrong.
    fn said_end(&mut self, path: &[&str], manners: &Manners<'_>) -> Option<Option<ReplyEnd>> {
        let before = self.count();
        self.only_one_end(path, manners, None);
        let terminator = manners.terminator.and_then(|text| {
            let path = [path, &["reply_terminator"]].concat();
            self.terminator(&path, text, true).map(ReplyEnd::Terminator)
        });
        let field = manners.field.and_then(|entry| {
            let path = [path, &["length_field"]].concat();
            self.length_field(&path, entry).map(ReplyEnd::Field)
        });
        if self.count() > before {
            return None;
        }
        let length = manners.length.map(|bytes| ReplyEnd::Length(bytes as usize));
        let silence = manners
            .silence
            .map(|time| ReplyEnd::Silence(Duration::from_secs_f64(time)));
        Some(terminator.or(length).or(field).or(silence))
    }

    /// A reply ends in one way.
    fn only_one_end(&mut self, path: &[&str], manners: &Manners<'_>, other: Option<&str>) {
        let said = [
            other,
            manners.terminator.map(|_| "reply_terminator"),
            manners.length.map(|_| "reply_length"),
            manners.field.map(|_| "length_field"),
            manners.silence.map(|_| "silence"),
        ];
        let mut said = said.into_iter().flatten();
        if let (Some(first), Some(second)) = (said.next(), said.next()) {
            let error = self.key_error(&[path, &[second]].concat(), "a reply ends in one way");
            let first = self.key_place(&[path, &[first]].concat());
            self.push(error.related(first, "said here already").help("leave one of them"));
        }
    }

    fn length_field(&mut self, path: &[&str], entry: &LengthEntry) -> Option<LengthField> {
        let notation = template::notation_of(&entry.is);
        let notation = notation.ok().filter(|n| n.is_whole() && n.size().is_some());
        let Some(notation) = notation else {
            let path = [path, &["is"]].concat();
            let error = self.error(&path, format!("`{}` is no whole number of a certain width", entry.is));
            self.push(error.help("write it as in a placeholder: `\"u8\"`, `\"u16be\"`, `\"2d\"`, `\"4X\"`"));
            return None;
        };
        Some(LengthField {
            at: entry.at as usize,
            notation,
            plus: entry.plus,
        })
    }

    /// A length that is said and one that follows from what is expected are the same.
    fn same_length(&mut self, path: &[&str], end: &ReplyEnd, expect: &Format) -> Option<()> {
        let open = expect.fields().any(|field| field.codec.size().is_none());
        match (end, expect.size()) {
            (ReplyEnd::Length(length), Some(size)) if *length != size && !open => {
                let path = [path, &["expect"]].concat();
                let error = self.error(&path, format!("this is {size} bytes long, and the reply has {length}"));
                self.push(error.help("leave out what is of no interest by `{_}`, which takes any number of bytes"));
                None
            }
            _ => Some(()),
        }
    }
}

impl Format {
    /// Whether it has a value of its own.
    pub(super) fn has_own(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Field(Field { slot: Slot::Own, .. })))
    }
}
