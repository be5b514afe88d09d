//! What replies look like that tell of an error, and how the instrument is asked for one.

use std::collections::BTreeMap;

use baton_plugin_api::ErrorKind;

use super::{
    CodeEntry, ErrorQueryEntry, Kind, TroubleEntry,
    reader::Reader,
    subjects::Subject,
    talk::PLAIN,
    templates::{Role, Scope},
};
use crate::{
    script::{Code, Codes, ErrorQuery, Trouble},
    template::{self, Conversion, Notation},
};

impl Reader<'_> {
    /// What the whole file has under `[errors]`.
    pub(super) fn errors(&mut self) -> Option<Vec<Trouble>> {
        let before = self.count();
        let mut troubles = Vec::new();
        for pattern in self.keys(&["errors"]) {
            let path = ["errors", pattern];
            let entry: Option<TroubleEntry> = self.part(&path);
            troubles.extend(entry.and_then(|entry| self.trouble(&path, pattern, &entry)));
        }
        (self.count() == before).then_some(troubles)
    }

    /// A table of patterns, in the order of the file.
    pub(super) fn troubles(&mut self, path: &[&str], entries: &BTreeMap<String, TroubleEntry>) -> Option<Vec<Trouble>> {
        let mut troubles = Vec::new();
        let before = self.count();
        for pattern in self.keys(path) {
            let Some(entry) = entries.get(pattern) else { continue };
            troubles.extend(self.trouble(&[path, &[pattern]].concat(), pattern, entry));
        }
        (self.count() == before).then_some(troubles)
    }

    fn trouble(&mut self, path: &[&str], pattern: &str, entry: &TroubleEntry) -> Option<Trouble> {
        let (kind, text, codes) = match entry {
            TroubleEntry::Kind(kind) => (*kind, None, Codes::new()),
            TroubleEntry::Told(told) => (told.kind, told.text.clone(), codes(&told.codes)),
        };
        // The place of a mistake in a pattern is that of the key.
        let before = self.count();
        let subject = Subject::plain(self.kind_in(pattern));
        let format = self.format(path, pattern, Role::Echo, Scope::alone(&subject));
        let place = self.key_place(path);
        self.relocate_after(before, &place);
        let format = format?;
        if format.parts.iter().all(|part| part.is_anything()) && !format.parts.is_empty() {
            let error = self.key_error(path, "every reply looks like this, and would be an error");
            self.push(error.help("write what tells an error from an answer: `\"ERR {}\"`"));
            return None;
        }
        if !codes.is_empty() && !format.has_own() {
            let error = self.key_error(&[path, &["codes"]].concat(), "nothing in the pattern is the code");
            self.push(error.help("put `{:d}` in its place"));
            return None;
        }
        Some(Trouble {
            format,
            kind: kind.kind(),
            text,
            codes,
        })
    }

    /// The error query, if the file has one. `None` if it is wrong.
    pub(super) fn error_query(&mut self) -> Option<Option<ErrorQuery>> {
        let path = ["error_query"];
        if !self.exists(&path) {
            return Some(None);
        }
        let entry: ErrorQueryEntry = self.part(&path)?;
        let template = template::parse(&entry.expect, self.ends.encoding).ok();
        let code = template.and_then(|template| {
            let mut named = template
                .placeholders()
                .filter(|p| p.whose == template::Whose::Of(ErrorQuery::CODE.into()));
            named.next().map(|placeholder| placeholder.conversion.clone())
        });
        let kind = match code {
            Some(Conversion::Number(Notation::Text(_) | Notation::Raw(_))) => Kind::Integer,
            _ => Kind::Text,
        };
        let special = [
            (ErrorQuery::CODE, Subject::plain(kind)),
            (ErrorQuery::TEXT, Subject::plain(Kind::Text)),
        ];
        let scope = Scope {
            own: &PLAIN,
            others: false,
            special: &special,
        };
        let exchange = self.exchange(
            &path,
            (&entry.send, (Role::Question, Scope::alone(&PLAIN))),
            (Some(&entry.expect), (Role::Telling, scope)),
            &entry.manners(),
        )?;
        if code.is_none() {
            let error = self.error(&["error_query", "expect"], "nothing in the answer is the code");
            self.push(error.help("put `{code:d}` in its place: `\"{code:d},{text:q}\"`"));
            return None;
        }
        Some(Some(ErrorQuery {
            exchange,
            none: entry.none.unwrap_or_else(|| "0".to_owned()),
            kind: entry.kind.kind(),
            codes: codes(&entry.codes),
        }))
    }
}

fn codes(entries: &BTreeMap<String, CodeEntry>) -> Codes {
    let code = |entry: &CodeEntry| match entry {
        CodeEntry::Text(text) => Code {
            kind: None,
            text: Some(text.clone()),
        },
        CodeEntry::Told(told) => Code {
            kind: told.kind.map(|kind| -> ErrorKind { kind.kind() }),
            text: told.text.clone(),
        },
    };
    entries.iter().map(|(key, entry)| (key.clone(), code(entry))).collect()
}
