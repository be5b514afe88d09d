//! Snapshots: what a lab is set to, as a file that people read and edit.
//!
//! `[settings.DEVICE]` holds what can be written, `[readings.DEVICE]` what is only read. A number is a text with its unit,
//! as it would be typed. What could not be read is kept as `{ unavailable = "why" }`, and is never written back.

mod stored;
mod take;

use std::{collections::BTreeMap, io::Write, path::Path};

use serde_json::Value as Json;

pub(crate) use stored::Stored;
pub(crate) use take::{is_motion, is_setting, take};

use super::failure::Failure;

/// Version of the form of the file.
const FORMAT: i64 = 1;

/// What a lab was set to, and what it read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) lab: String,
    /// When, as RFC 3339.
    pub(crate) taken: String,
    pub(crate) settings: Section,
    pub(crate) readings: Section,
}

/// The parameters of each device.
pub(crate) type Section = BTreeMap<String, Vec<(String, Entry)>>;

/// One parameter.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Its value, or why there was none.
    pub(crate) value: Result<Stored, String>,
    /// Where it was sent, if it was not there.
    pub(crate) target: Option<Stored>,
}

impl Entry {
    /// What is to be written to have it as it was: where it was sent, or else where it was.
    pub(crate) fn wanted(&self) -> Result<&Stored, &str> {
        match (&self.target, &self.value) {
            (Some(target), Ok(_)) => Ok(target),
            (_, value) => value.as_ref().map_err(String::as_str),
        }
    }
}

impl Snapshot {
    /// Reads a file.
    ///
    /// # Errors
    /// Says what is wrong with it, and where.
    pub(crate) fn read(path: &Path) -> Result<Snapshot, Failure> {
        let about = |what: String| Failure::Request(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| about(error.to_string()))?;
        let table: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| about(error.to_string()))?;
        Snapshot::parse(&table).map_err(about)
    }

    fn parse(table: &toml::Table) -> Result<Snapshot, String> {
        match table.get("format").and_then(toml::Value::as_integer) {
            Some(FORMAT) => {}
            Some(other) => return Err(format!("it has the format {other}; this program knows {FORMAT}")),
            None => return Err("it is no snapshot: it has no `format`".to_owned()),
        }
        let known = ["format", "lab", "taken", "settings", "readings"];
        if let Some(key) = table.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("unknown key `{key}`; there are {}", known.join(", ")));
        }
        let text = |key: &str| {
            table
                .get(key)
                .and_then(toml::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Ok(Snapshot {
            lab: text("lab"),
            taken: text("taken"),
            settings: section(table, "settings")?,
            readings: section(table, "readings")?,
        })
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!(
            "# What the lab {} was set to. Numbers are in their unit; edit them, or leave out what is not to be restored.\n\
             #   baton snapshot diff FILE      what is different now\n\
             #   baton snapshot restore FILE   writes it back, after showing what that means\n\
             format = {FORMAT}\nlab = {}\ntaken = {}\n",
            self.lab,
            quoted(&self.lab),
            quoted(&self.taken)
        );
        for (name, section) in [("settings", &self.settings), ("readings", &self.readings)] {
            for (device, entries) in section {
                text.push_str(&format!("\n[{name}.{}]\n", key(device)));
                for (parameter, entry) in entries {
                    text.push_str(&format!("{} = {}\n", key(parameter), entry.to_toml()));
                }
            }
        }
        text
    }

    /// Writes the file: all of it, or nothing. One that exists is left alone unless `force` is given.
    pub(crate) fn write(&self, path: &Path, force: bool) -> Result<(), Failure> {
        let about = |error: std::io::Error| Failure::Request(format!("{}: {error}", path.display()));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(about)?;
        file.write_all(self.to_text().as_bytes()).map_err(about)?;
        file.as_file().sync_all().map_err(about)?;
        readable_by_all(file.as_file()).map_err(about)?;
        let kept = match force {
            true => file.persist(path),
            false => file.persist_noclobber(path),
        };
        kept.map(drop).map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::Request(format!("{} exists already; --force writes over it", path.display()))
            }
            _ => about(error.error),
        })
    }
}

/// A file for people, as an editor would have made it, and not a secret of this process.
fn readable_by_all(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

fn section(table: &toml::Table, name: &str) -> Result<Section, String> {
    let mut section = Section::new();
    let Some(devices) = table.get(name) else {
        return Ok(section);
    };
    let devices = devices.as_table().ok_or_else(|| format!("`{name}` is no table"))?;
    for (device, parameters) in devices {
        let parameters = parameters
            .as_table()
            .ok_or_else(|| format!("`{name}.{device}` is no table"))?;
        let entries = parameters.iter().map(|(parameter, value)| {
            let entry = Entry::parse(value).map_err(|what| format!("`{name}.{device}.{parameter}`: {what}"))?;
            Ok((parameter.clone(), entry))
        });
        section.insert(device.clone(), entries.collect::<Result<_, String>>()?);
    }
    Ok(section)
}

impl Entry {
    fn parse(value: &toml::Value) -> Result<Entry, String> {
        let Some(table) = value.as_table() else {
            return Ok(Entry {
                value: Ok(Stored::parse(value)?),
                target: None,
            });
        };
        if let Some(why) = table.get("unavailable") {
            let why = why.as_str().unwrap_or("not known why").to_owned();
            return Ok(Entry {
                value: Err(why),
                target: None,
            });
        }
        if table.contains_key("value") && table.contains_key("target") {
            return Ok(Entry {
                value: Ok(Stored::parse(&table["value"])?),
                target: Some(Stored::parse(&table["target"])?),
            });
        }
        Ok(Entry {
            value: Ok(Stored::parse(value)?),
            target: None,
        })
    }

    fn to_toml(&self) -> String {
        match (&self.value, &self.target) {
            (Err(why), _) => format!("{{ unavailable = {} }}", quoted(why)),
            (Ok(value), None) => value.to_toml(),
            (Ok(value), Some(target)) => format!("{{ value = {}, target = {} }}", value.to_toml(), target.to_toml()),
        }
    }
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A key as TOML has it.
fn key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if is_bare { name.to_owned() } else { quoted(name) }
}

/// JSON as TOML; what TOML has no form for is a text.
fn to_toml(json: &Json) -> toml::Value {
    match json {
        Json::Bool(value) => toml::Value::from(*value),
        Json::Number(number) => match number.as_i64() {
            Some(integer) => toml::Value::from(integer),
            None => toml::Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => toml::Value::from(text.as_str()),
        Json::Array(items) => toml::Value::Array(items.iter().map(to_toml).collect()),
        Json::Object(fields) => toml::Value::Table(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), to_toml(value)))
                .collect(),
        ),
        Json::Null => toml::Value::from("null"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn stored(value: Json, unit: &str) -> Stored {
        Stored {
            value,
            unit: unit.to_owned(),
        }
    }

    fn entry(value: Json, unit: &str) -> Entry {
        Entry {
            value: Ok(stored(value, unit)),
            target: None,
        }
    }

    fn snapshot() -> Snapshot {
        let oven = Entry {
            target: Some(stored(json!(80.0), "degC")),
            ..entry(json!(63.2), "degC")
        };
        let stage = vec![
            ("position".to_owned(), entry(json!(0.1), "mm")),
            ("repeats".to_owned(), entry(json!(3), "")),
            ("offsets".to_owned(), entry(json!([1.0, 2.5]), "um")),
            ("label".to_owned(), entry(json!("a \"b\"\n"), "")),
            ("on".to_owned(), entry(json!(true), "")),
            ("shape".to_owned(), entry(json!({ "x": 1, "y": [0.5] }), "")),
        ];
        let gone = Entry {
            value: Err("not connected: no reply".to_owned()),
            target: None,
        };
        Snapshot {
            lab: "test lab".to_owned(),
            taken: "2026-03-01T12:00:00.000000000Z".to_owned(),
            settings: [
                ("oven".to_owned(), vec![("temperature".to_owned(), oven)]),
                ("stage".to_owned(), stage),
                ("pump".to_owned(), vec![("flow".to_owned(), gone)]),
            ]
            .into(),
            readings: [(
                "gauge".to_owned(),
                vec![("pressure".to_owned(), entry(json!(1e-7), "mbar"))],
            )]
            .into(),
        }
    }

    #[test]
    fn a_snapshot_is_read_as_it_was_written() {
        let text = snapshot().to_text();
        expect![[r##"
            # What the lab test lab was set to. Numbers are in their unit; edit them, or leave out what is not to be restored.
            #   baton snapshot diff FILE      what is different now
            #   baton snapshot restore FILE   writes it back, after showing what that means
            format = 1
            lab = "test lab"
            taken = "2026-03-01T12:00:00.000000000Z"

            [settings.oven]
            temperature = { value = "63.2 degC", target = "80 degC" }

            [settings.pump]
            flow = { unavailable = "not connected: no reply" }

            [settings.stage]
            position = "0.1 mm"
            repeats = 3
            offsets = { value = [1.0, 2.5], unit = "um" }
            label = """
            a "b"
            """
            on = true
            shape = { x = 1, y = [0.5] }

            [readings.gauge]
            pressure = "1e-7 mbar"
        "##]].assert_eq(&text);
        let table: toml::Table = text.parse().unwrap();
        let read = Snapshot::parse(&table).unwrap();
        assert_eq!(read.to_text().len(), text.len());
        for (device, entries) in &read.settings {
            for (name, entry) in entries {
                let original = &snapshot().settings[device];
                let (_, original) = original.iter().find(|(other, _)| other == name).unwrap();
                match (&entry.value, &original.value) {
                    (Ok(a), Ok(b)) => assert!(a.is_same(b, None), "{a:?} {b:?}"),
                    (a, b) => assert_eq!(a, b),
                }
            }
        }
    }

    #[test]
    fn what_is_no_snapshot_is_told() {
        let parse = |text: &str| Snapshot::parse(&text.parse().unwrap()).unwrap_err();
        assert_eq!(parse("lab = \"x\""), "it is no snapshot: it has no `format`");
        assert_eq!(parse("format = 9"), "it has the format 9; this program knows 1");
        assert_eq!(
            parse("format = 1\n[seting.stage]"),
            "unknown key `seting`; there are format, lab, taken, settings, readings"
        );
        assert_eq!(parse("format = 1\nsettings = 3"), "`settings` is no table");
    }

    #[test]
    fn a_file_is_written_whole_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.toml");
        snapshot().write(&path, false).unwrap();
        let refused = Snapshot::default().write(&path, false).unwrap_err();
        assert!(
            refused.to_string().contains("exists already; --force writes over it"),
            "{refused}"
        );
        assert_eq!(Snapshot::read(&path).unwrap().lab, "test lab");
        Snapshot::default().write(&path, true).unwrap();
        assert_eq!(Snapshot::read(&path).unwrap(), Snapshot::default());
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left behind"
        );
    }
}
