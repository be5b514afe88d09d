//! Settings: what differs from one instrument of a kind to the next, and is said in the lab's config.

use baton_plugin_api::{Error, ErrorKind, Value, diagnostic::Diagnostic};
use serde_json::Value as Json;

use super::{
    Kind, SettingEntry, SettingValue,
    reader::{Reader, STATION},
    subjects::Subject,
};

impl Reader<'_> {
    /// Reads all settings, with what the lab's config gives for them.
    pub(super) fn read_settings(&mut self) {
        for name in self.keys(&["settings"]) {
            let before = self.count();
            let entry: Option<SettingEntry> = self.part(&["settings", name]);
            let setting = entry.and_then(|entry| self.read_setting(name, &entry));
            let setting = setting.filter(|_| self.count() == before);
            self.settings.push((name.to_owned(), setting));
        }
    }

    fn read_setting(&mut self, name: &str, entry: &SettingEntry) -> Option<(Subject, Value)> {
        let path = ["settings", name];
        let by_default = entry.default.as_ref().map(SettingValue::kind);
        let kind = entry
            .kind
            .or(entry.values.as_ref().map(|_| Kind::Enum))
            .or(by_default)
            .unwrap_or(Kind::Text);
        let subject = self.subject(&path, kind, entry.values.as_ref(), (None, None));
        self.check_numbers(&path, kind, &[("limits", entry.limits.is_some())]);
        self.check_limits(&path, kind, entry.limits.as_ref());
        let default = entry.default.as_ref().map(SettingValue::to_json);
        let Some(json) = self.given.get(name).cloned().or(default) else {
            let error = self.key_error(&path, format!("the setting `{name}` has no value"));
            let help = format!(
                "give it one in the lab's config, `options = {{ settings = {{ {name} = … }} }}`, or a `default` here"
            );
            self.push(error.help(help));
            return None;
        };
        let is_default = !self.given.contains_key(name);
        let here = if is_default {
            &["settings", name, "default"][..]
        } else {
            &path[..]
        };
        let value = value_of(&json).conform(&subject.datatype()).and_then(|value| {
            let limits = entry.limits.as_ref();
            let limits = limits.and_then(|(lower, upper)| Some(lower.as_f64()?..=upper.as_f64()?));
            match (value.as_f64(), limits) {
                (Some(x), Some(limits)) if !limits.contains(&x) => {
                    Err(format!("{x} is outside of {} to {}", limits.start(), limits.end()))
                }
                _ => Ok(value),
            }
        });
        match value {
            Ok(value) => Some((subject, value)),
            Err(wrong) => {
                let error = self.error(here, format!("the setting `{name}`: {wrong}"));
                self.push(match is_default {
                    true => error,
                    false => error.help("the lab's config gives it this value, under `options.settings`"),
                });
                None
            }
        }
    }

    /// What `{$name}` stands for.
    pub(super) fn setting(&self, name: &str) -> Result<Option<(Subject, Value)>, Diagnostic> {
        match self.settings.iter().find(|(known, _)| known == name) {
            Some((_, setting)) => Ok(setting.clone()),
            None => {
                let names: Vec<&str> = self.settings.iter().map(|(known, _)| known.as_str()).collect();
                let error = Diagnostic::error(format!("there is no setting `{name}`"));
                Err(match names.is_empty() {
                    true => error.help(format!("describe it under `[settings.{name}]`")),
                    false => error.help_names(name, "settings", names),
                })
            }
        }
    }

    /// Tells of a setting that the lab's config gives and the file does not have.
    pub(super) fn unknown_setting(&self) -> Option<Error> {
        let names = self.keys(&["settings"]);
        let unknown = self
            .given
            .keys()
            .find(|name| *name != STATION && !names.contains(&name.as_str()))?;
        let known = match names.is_empty() {
            true => "it has none".to_owned(),
            false => match baton_plugin_api::diagnostic::nearest(unknown, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it has {}", baton_plugin_api::diagnostic::list(names)),
            },
        };
        let message = format!("the instrument file has no setting `{unknown}`; {known}");
        Some(Error::new(ErrorKind::WrongType, message))
    }
}

impl SettingValue {
    fn kind(&self) -> Kind {
        match self {
            SettingValue::Bool(_) => Kind::Bool,
            SettingValue::Number(number) if number.is_i64() => Kind::Integer,
            SettingValue::Number(_) => Kind::Number,
            SettingValue::Text(_) => Kind::Text,
        }
    }

    fn to_json(&self) -> Json {
        match self {
            SettingValue::Bool(b) => Json::from(*b),
            SettingValue::Number(number) => Json::Number(number.clone()),
            SettingValue::Text(text) => Json::from(text.as_str()),
        }
    }
}

fn value_of(json: &Json) -> Value {
    match json {
        Json::Bool(b) => Value::Bool(*b),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match number.as_i64() {
            Some(n) => Value::Int(n),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => Value::Json(other.clone()),
    }
}
