//! Takes a reply apart.

use baton_plugin_api::Value;

use super::{Checksum, Format, Mismatch, Notation, Slot, find, format::Part, mismatch::Why};
use crate::text::show;

/// What a reply says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Scanned {
    /// The value of the parameter, or command, whose exchange it is.
    pub(crate) own: Option<Value>,
    /// Values of other parameters.
    pub(crate) others: Vec<(String, Value)>,
}

impl Scanned {
    /// The value of the parameter of that name.
    pub(crate) fn other(&self, name: &str) -> Option<&Value> {
        self.others
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

impl Format {
    /// The values in a reply. Every byte of it has to be accounted for.
    ///
    /// # Errors
    /// Where and why it does not fit.
    pub(crate) fn scan(&self, reply: &[u8]) -> Result<Scanned, Mismatch> {
        let mut scanned = Scanned::default();
        let (mut at, mut start, mut end) = (0, 0, None);
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(bytes) if reply[at..].starts_with(bytes) => at += bytes.len(),
                Part::Literal(bytes) => return Err(Mismatch::missing(show(bytes), at)),
                Part::Field(field) => {
                    let open_end = match field.codec.is_open() {
                        true => Some(self.open_end(index, reply, at)?),
                        false => None,
                    };
                    let (value, taken) = field.codec.scan(reply, at, open_end, self.encoding)?;
                    at += taken;
                    match &field.slot {
                        Slot::Own => scanned.own = Some(value),
                        Slot::Of(name) => scanned.others.push((name.clone(), value)),
                        Slot::Nobody => {}
                    }
                }
                Part::Start => start = at,
                Part::End => end = Some(at),
                Part::Checksum(checksum) => {
                    let of = &reply[start..end.unwrap_or(at).max(start)];
                    at += check(*checksum, of, reply, at)?;
                }
            }
        }
        match &reply[at..] {
            [] => Ok(scanned),
            rest => Err(Mismatch::unusable(format!("{} is too much", show(rest)), at)),
        }
    }

    /// Where something without an end of its own ends: as far from the end of the reply as what follows is long, or before
    /// the literal that follows it.
    fn open_end(&self, index: usize, reply: &[u8], at: usize) -> Result<usize, Mismatch> {
        let next = self.parts[index + 1..].iter().find(|part| part.size() != Some(0));
        let what = || match next {
            Some(Part::Literal(bytes)) => show(bytes),
            Some(Part::Field(field)) => field.codec.noun(),
            Some(Part::Checksum(checksum)) => format!("the checksum {:?}", checksum.algorithm),
            Some(Part::Start | Part::End) | None => "its end".to_owned(),
        };
        if let Some(tail) = self.tail_size(index + 1) {
            let fits = |end: &usize| match next {
                Some(Part::Literal(bytes)) => reply[*end..].starts_with(bytes),
                _ => true,
            };
            let end = reply.len().checked_sub(tail).filter(|end| *end >= at && fits(end));
            return end.ok_or_else(|| Mismatch::missing(what(), reply.len()));
        }
        match next {
            Some(Part::Literal(bytes)) => {
                let found = find(&reply[at..], bytes);
                found
                    .map(|found| at + found)
                    .ok_or_else(|| Mismatch::missing(show(bytes), at))
            }
            _ => Ok(reply.len()),
        }
    }
}

/// Checks a checksum at byte `at`, and says how many bytes it takes. It has to stand there as it would be sent, but for
/// capitals: a space for a zero may be a byte that was changed.
fn check(checksum: Checksum, of: &[u8], reply: &[u8], at: usize) -> Result<usize, Mismatch> {
    let Checksum { algorithm, notation } = checksum;
    let due = notation.print_whole(algorithm.of(of).into());
    let due =
        due.ok_or_else(|| Mismatch::unusable(format!("the checksum does not fit into {}", notation.noun()), at))?;
    let missing = || Mismatch::missing(format!("the checksum {algorithm:?}"), at);
    let came = reply.get(at..at + due.len()).ok_or_else(missing)?;
    let is_same = match notation {
        Notation::Text(_) => came.eq_ignore_ascii_case(&due),
        Notation::Raw(_) => came == due,
    };
    let show = |bytes: &[u8]| match notation {
        Notation::Text(_) => show(bytes),
        Notation::Raw(_) => format!(
            "`{}`",
            bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>()
        ),
    };
    let why = || {
        format!(
            "the checksum {algorithm:?} of what came is {}, not {}",
            show(&due),
            show(came)
        )
    };
    match is_same {
        true => Ok(due.len()),
        false => Err(Mismatch {
            at,
            why: Why::Checksum(why()),
        }),
    }
}
