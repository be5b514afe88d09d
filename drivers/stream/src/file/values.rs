//! Enums and bools: the names of their members, and what stands for each on the line.

use std::collections::BTreeMap;

use baton_plugin_api::{Datatype, Member, diagnostic::list};

use super::{Kind, reader::Reader, subjects::Subject};
use crate::{template, text::show};

type Values = BTreeMap<String, String>;

impl Reader<'_> {
    /// The members of an enum or a bool, with what stands for each.
    pub(super) fn members(&mut self, path: &[&str], kind: Kind, values: Option<&Values>) -> Vec<(String, Vec<u8>)> {
        match (kind, values) {
            (Kind::Enum, Some(values)) => self.spellings(&[path, &["values"]].concat(), values),
            (Kind::Enum, None) => {
                let error = self.error(&[path, &["type"]].concat(), "an enum has `values`");
                self.push(
                    error.help("`values = { off = \"0\", on = \"1\" }`: each name, and what stands for it on the line"),
                );
                Vec::new()
            }
            (Kind::Bool, None) => [("false", "0"), ("true", "1")]
                .map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec()))
                .into(),
            (Kind::Bool, Some(values)) => {
                let path = [path, &["values"]].concat();
                self.names_of_members(&path, values, &["false", "true"], "a bool");
                self.spellings(&path, values)
            }
            (_, Some(_)) => {
                let error = self.key_error(&[path, &["values"]].concat(), "only an enum has `values`");
                self.push(error.help("leave `type` out, or write `type = \"enum\"`"));
                Vec::new()
            }
            (_, None) => Vec::new(),
        }
    }

    fn spellings(&mut self, path: &[&str], values: &Values) -> Vec<(String, Vec<u8>)> {
        let mut members: Vec<(String, Vec<u8>)> = Vec::new();
        for name in self.keys(path) {
            let here = [path, &[name]].concat();
            let Some(text) = values.get(name) else { continue };
            let bytes = match template::literal(text, self.ends.encoding) {
                Ok(bytes) => bytes,
                Err(slips) => {
                    self.push_slips(&here, slips);
                    continue;
                }
            };
            let twin = members.iter().find(|(_, other)| *other == bytes);
            if bytes.is_empty() {
                let error = self.error(&here, format!("nothing stands for `{name}`"));
                self.push(error.help("say what the instrument sends for it"));
            } else if let Some((twin, _)) = twin {
                let error = self.error(&here, format!("{} stands for `{twin}` already", show(&bytes)));
                self.push(error.help("what comes has to tell which of them it is"));
            }
            members.push((name.to_owned(), bytes));
        }
        if values.is_empty() {
            let error = self.error(path, "an enum has at least one value");
            self.push(error.help("`values = { off = \"0\", on = \"1\" }`"));
        }
        members
    }

    /// What stands for the members in one direction, where that is said apart; it has to be said for all of them.
    pub(super) fn overridden(&mut self, path: &[&str], values: Option<&Values>, subject: &Subject) -> Subject {
        let Some(values) = values else { return subject.clone() };
        let path = [path, &["values"]].concat();
        if !matches!(subject.kind, Kind::Enum | Kind::Bool) {
            let error = self.key_error(&path, "only an enum has `values`");
            self.push(error.help("write `type = \"enum\"`, and all `values` beside it"));
            return subject.clone();
        }
        let names: Vec<&str> = subject.members.iter().map(|(name, _)| name.as_str()).collect();
        self.names_of_members(&path, values, &names, "the enum");
        Subject {
            members: self.spellings(&path, values),
            ..subject.clone()
        }
    }

    /// Tells of values for names that are no members, and of members without a value.
    fn names_of_members(&mut self, path: &[&str], values: &Values, names: &[&str], whole: &str) {
        for name in values.keys().filter(|name| !names.contains(&name.as_str())) {
            let error = self.key_error(&[path, &[name]].concat(), format!("{whole} has no member `{name}`"));
            self.push(error.help_names(name, "members", names.iter().copied()));
        }
        let missing: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !values.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            let list = list(missing);
            let error = self.key_error(path, format!("nothing stands for {list} here"));
            self.push(error.help("where `values` are said apart, they are said for every member"));
        }
    }
}

/// Members have the numbers that the instrument has for them, if it has any.
pub(super) fn enumeration(members: &[(String, Vec<u8>)]) -> Datatype {
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok();
    let mut numbers: Vec<i64> = members.iter().filter_map(|(_, bytes)| number(bytes)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() < members.len() {
        return Datatype::enumeration(members.iter().map(|(name, _)| name.as_str()));
    }
    let member = |(name, bytes): &(String, Vec<u8>)| Member {
        name: name.clone(),
        value: number(bytes).unwrap_or_default(),
    };
    Datatype::Enum {
        members: members.iter().map(member).collect(),
    }
}
