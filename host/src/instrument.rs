//! Instrument files without a lab: a file, the driver that understands it, and the one device that it describes.
//!
//! ```no_run
//! use baton_host::{instrument::InstrumentFile, plugin::{Loader, SearchPath}};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let drivers = Loader::new()?.scan(&SearchPath::named(["target/release"]));
//! let file = InstrumentFile::find("bath.toml".as_ref(), drivers, None)?;
//! file.replay("bath.dialogue".as_ref(), &[])?;
//! # Ok(())
//! # }
//! ```

use std::{
    io,
    path::{Path, PathBuf},
};

use baton_plugin_api::{
    description::LibraryDescription,
    diagnostic::Diagnostic,
    schemars::Schema,
    source::{Source, Tree},
};
use serde_json::Value as Json;

use crate::{
    config::{Files, Resolution, System, render, resolve},
    dialogue::{Dialogue, Replay, Replayed},
    plugin::Drivers,
};

/// Where the device is, when it is only looked at: a port where nobody listens.
pub const NOWHERE: &str = "tcp://127.0.0.1:9";

/// Name of the one device.
pub const DEVICE: &str = "instrument";

/// What a station is called: by drivers, and by those who write files.
const STATIONS: [&str; 6] = ["station", "unit", "node", "id", "slave", "address"];

/// What the made-up config of the device is called in diagnostics. Its first lines are ours, the rest is the user's.
const OPTIONS: &str = "options";
const OUR_LINES: usize = 7;

/// An instrument file, with the driver that understands it.
pub struct InstrumentFile {
    path: PathBuf,
    drivers: Drivers,
    kind: Kind,
}

/// Why nothing can be done with an instrument file.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages are the documentation of their fields")]
pub enum FindError {
    /// It cannot be read.
    #[error("cannot read the instrument file {path}: {error}")]
    Unreadable { path: String, error: io::Error },
    /// None of the drivers is for such files, or is called so.
    #[error("{0}")]
    NoDriver(String),
}

/// Why a dialogue was not played to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It went another way than it is written.
    #[error("{}", render::text(std::slice::from_ref(.0), false))]
    Differs(Box<Diagnostic>),
    /// The dialogue, or the instrument file, has mistakes.
    #[error("{}", render::text(.0, false))]
    Mistakes(Vec<Diagnostic>),
    /// There is no port, or no thread, for the instrument.
    #[error("cannot play the instrument: {0}")]
    Io(#[from] io::Error),
}

/// A type of device that is described by a file.
#[derive(Clone, Debug, PartialEq)]
struct Kind {
    driver: String,
    device_type: String,
    /// The option that names the file.
    option: String,
    /// All options.
    options: Vec<String>,
    /// What such a file looks like.
    schema: Schema,
}

impl InstrumentFile {
    /// Finds the driver that the file is for: the one called `driver` (`stream`, or `stream/instrument`), or else the one
    /// whose schema it fits best.
    ///
    /// # Errors
    /// If the file cannot be read, or there is no such driver.
    pub fn find(path: &Path, drivers: Drivers, driver: Option<&str>) -> Result<Self, FindError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let path = path.display().to_string();
            FindError::Unreadable { path, error }
        })?;
        let libraries = drivers.libraries().iter();
        let kinds: Vec<Kind> = libraries.flat_map(|library| kinds(library.description())).collect();
        let kind = match driver {
            Some(name) => kinds.iter().find(|kind| kind.is_named(name)),
            None => guess(text, &kinds),
        };
        let kind = kind.cloned().ok_or_else(|| missing(driver, &kinds))?;
        let path = path.to_path_buf();
        Ok(InstrumentFile { path, drivers, kind })
    }

    /// The drivers that it was looked for in.
    pub fn drivers(&self) -> &Drivers {
        &self.drivers
    }

    /// Plays a dialogue back to the device, with options besides those that the dialogue has.
    ///
    /// # Errors
    /// The first difference, or the mistakes of either file.
    pub fn replay(&self, dialogue: &Path, options: &[(String, String)]) -> Result<Replayed, ReplayError> {
        let name = dialogue.display().to_string();
        let text = std::fs::read_to_string(dialogue).map_err(|error| {
            let message = format!("cannot read the dialogue {name}: {error}");
            ReplayError::Mistakes(vec![Diagnostic::error(message)])
        })?;
        let dialogue = Dialogue::parse(Source::new(name, text)).map_err(ReplayError::Mistakes)?;
        let replay = Replay::new(&dialogue)?;
        let own = dialogue
            .with
            .iter()
            .map(|(name, value, _)| (name.clone(), value.clone()));
        let options: Vec<_> = options.iter().cloned().chain(own).collect();
        let resolution = self.resolve(&replay.address(), &options);
        let config = resolution.config.ok_or(ReplayError::Mistakes(resolution.diagnostics))?;
        replay.run(&config, &self.drivers).map_err(ReplayError::Differs)
    }

    /// The option that says which station the instrument is on a line that several share: one of the driver's own, or a
    /// setting of the file. `None` if there is none that could be meant.
    pub fn station(&self) -> Option<String> {
        let known = |names: &[String]| {
            STATIONS
                .iter()
                .find(|name| names.iter().any(|found| found == *name))
                .copied()
        };
        // The address of a device is where its line is.
        if let Some(own) = known(&self.kind.options).filter(|name| *name != "address") {
            return Some(own.to_owned());
        }
        let (tree, _) = Source::new("", std::fs::read_to_string(&self.path).ok()?).parse_recoverable();
        let settings: Vec<String> = tree
            .get(&["settings"])?
            .entries()
            .iter()
            .map(|entry| entry.key.clone())
            .collect();
        match settings.as_slice() {
            [only] => Some(format!("settings.{only}")),
            several => known(several).map(|name| format!("settings.{name}")),
        }
    }

    /// As people know it.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// The lab of the one device at that address, and everything that is wrong with the file.
    pub fn resolve(&self, address: &str, options: &[(String, String)]) -> Resolution {
        let Kind {
            driver,
            device_type,
            option,
            ..
        } = &self.kind;
        let (file, address) = (quoted(&self.name()), quoted(address));
        let mut text = format!(
            "[devices.{DEVICE}]\ndriver = {driver:?}\ntype = {device_type:?}\n\n[devices.{DEVICE}.options]\n{option} = {file}\n\
             address = {address}\n"
        );
        for (name, value) in options {
            text.push_str(&format!("{name} = {value}\n"));
        }
        let here = std::env::current_dir().unwrap_or_default();
        let files = Files::from_sources(here, [Source::new(OPTIONS, text)]);
        let mut resolution = resolve(&files, &self.drivers, &System, None);
        resolution.diagnostics.iter_mut().for_each(hide_our_lines);
        resolution
    }
}

/// What is wrong with an address is told without a line that nobody wrote.
fn hide_our_lines(diagnostic: &mut Diagnostic) {
    let place = diagnostic.place.take();
    diagnostic.place = place.filter(|place| place.file != OPTIONS || place.line > OUR_LINES);
}

/// A text as TOML has it; what JSON escapes, TOML escapes in the same way.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}

impl Kind {
    fn is_named(&self, name: &str) -> bool {
        match name.split_once('/') {
            Some((driver, device_type)) => self.driver == driver && self.device_type == device_type,
            None => self.driver == name,
        }
    }

    /// How much in a file is not as its schema says.
    fn misfits(&self, tree: &Tree) -> usize {
        tree.check(&self.schema).problems.len()
    }
}

/// The types of a driver whose options name a file that a schema describes.
fn kinds(library: &LibraryDescription) -> Vec<Kind> {
    let types = library.devices.iter();
    let described = types.filter_map(|device| {
        let options = device.options.as_value().get("properties")?.as_object()?;
        let (option, schema) = options
            .iter()
            .find_map(|(name, option)| Some((name, option.get("fileSchema")?)))?;
        let schema = Schema::try_from(schema.clone()).ok()?;
        Some(Kind {
            driver: library.name.clone(),
            device_type: device.name.clone(),
            option: option.clone(),
            options: options.keys().cloned().collect(),
            schema,
        })
    });
    described.collect()
}

/// The kind whose schema the file fits best; of several such the first.
fn guess(text: String, kinds: &[Kind]) -> Option<&Kind> {
    let (tree, _) = Source::new("", text).parse_recoverable();
    kinds.iter().min_by_key(|kind| kind.misfits(&tree))
}

fn missing(name: Option<&str>, kinds: &[Kind]) -> FindError {
    let there: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{}/{}", kind.driver, kind.device_type))
        .collect();
    let what = match name {
        Some(name) => format!("there is no driver `{name}` for instrument files"),
        None => "there is no driver for instrument files".to_owned(),
    };
    FindError::NoDriver(match there.is_empty() {
        true => format!("{what}; name its folder with --drivers DIR"),
        false => format!("{what}; there are: {}", there.join(", ")),
    })
}

/// Whether a TOML file describes an instrument, not a lab.
pub fn is_instrument(path: &Path) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else {
        return false;
    };
    let (tree, _) = Source::new(path.display().to_string(), text).parse_recoverable();
    let has = |key: &str| tree.get(&[key]).is_some();
    has("instrument") && !["lab", "host", "devices", "controllers"].into_iter().any(has)
}
