//! Parameters that are bits of a whole number in an answer.

use std::collections::BTreeMap;

use super::{BitsEntry, reader::Reader};
use crate::{
    script::Bits,
    template::{Codec, Format},
};

impl Reader<'_> {
    /// The bits of an exchange. `None` if something is wrong with them.
    pub(super) fn bits(
        &mut self,
        path: &[&str],
        entries: Option<&BTreeMap<String, BitsEntry>>,
        expect: Option<&Format>,
    ) -> Option<Vec<Bits>> {
        let Some(entries) = entries else {
            return Some(Vec::new());
        };
        let path = [path, &["bits"]].concat();
        if !matches!(expect.and_then(Format::codec), Some(Codec::Integer(..))) {
            let error = self.key_error(&path, "only a whole number has bits");
            self.push(error.help("write `{:d}` in `expect`, and `type = \"integer\"` if it is a parameter"));
            return None;
        }
        let before = self.count();
        let mut all: Vec<Bits> = Vec::new();
        for name in self.keys(&path) {
            let Some(entry) = entries.get(name) else { continue };
            let here = [&path[..], &[name]].concat();
            let Some(bits) = self.some_bits(&here, name, entry) else {
                continue;
            };
            let twin = all
                .iter()
                .find(|other| bits.low <= other.high && other.low <= bits.high);
            if let Some(twin) = twin {
                let error = self.error(&here, format!("these bits are those of `{}` already", twin.parameter));
                let first = self.key_place(&[&path[..], &[&twin.parameter]].concat());
                self.push(
                    error
                        .related(first, "here")
                        .help("bits are counted from 0, the one that counts least"),
                );
            }
            all.push(bits);
        }
        (self.count() == before).then_some(all)
    }

    fn some_bits(&mut self, path: &[&str], name: &str, entry: &BitsEntry) -> Option<Bits> {
        let Some((_, subject)) = self.subjects.iter().find(|(known, _)| known == name) else {
            let names: Vec<String> = self.subjects.iter().map(|(known, _)| known.clone()).collect();
            let error = self.key_error(path, format!("there is no parameter `{name}`"));
            self.push(error.help_names(name, "parameters", names.iter().map(String::as_str)));
            return None;
        };
        let (codec, kind) = (subject.of_bits(), subject.kind);
        let Some(codec) = codec else {
            let is = match kind {
                super::Kind::Text | super::Kind::Bytes => "bits are no text",
                _ => "bits are a whole number, and `values` has others",
            };
            let error = self.key_error(path, format!("`{name}` cannot be bits of a number: {is}"));
            self.push(error.help(format!(
                "write `type = \"bool\"` or `type = \"integer\"` under `[parameters.{name}]`"
            )));
            return None;
        };
        let Some((low, high)) = entry.range() else {
            let error = self.error(path, "these are no bits of a number");
            self.push(error.help("write `3` for one, `\"4..7\"` for four of them, from 0 to 62"));
            return None;
        };
        if kind == super::Kind::Bool && low < high {
            let error = self.error(path, format!("a bool is one bit, and these are {}", high - low + 1));
            self.push(error.help(format!("write `{low}`, or give `{name}` another `type`")));
            return None;
        }
        Some(Bits {
            parameter: name.to_owned(),
            low,
            high,
            codec,
        })
    }
}

impl BitsEntry {
    /// The first and the last bit.
    fn range(&self) -> Option<(u8, u8)> {
        let (low, high) = match self {
            BitsEntry::One(bit) => (*bit, *bit),
            BitsEntry::Several(text) => {
                let (low, high) = text.split_once("..")?;
                (low.trim().parse().ok()?, high.trim().parse().ok()?)
            }
        };
        // The last one of a number of 64 bits is its sign.
        (low <= high && high <= 62).then_some((low, high))
    }
}
