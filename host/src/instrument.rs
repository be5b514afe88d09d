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

mod config;
mod kind;

use std::{io, path::Path};

use baton_plugin_api::{diagnostic::Diagnostic, source::Source};
use kind::{Kind, guess, kinds, missing};

use crate::{
    config::{Resolution, render},
    dialogue::{Dialogue, Replay, Replayed},
    plugin::Drivers,
};

/// Where the device is, when it is only looked at: a port where nobody listens.
const NOWHERE: &str = "tcp://127.0.0.1:9";

/// Name of the one device.
pub const DEVICE: &str = "instrument";

/// An instrument file, with the driver that understands it.
pub struct InstrumentFile {
    source: Source,
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
            None => guess(text.clone(), &kinds),
        };
        let source = Source::new(path.display().to_string(), text.as_str());
        let kind = kind.cloned().ok_or_else(|| missing(driver, &kinds))?;
        Ok(InstrumentFile { source, drivers, kind })
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

    /// As people know it.
    pub fn name(&self) -> &str {
        self.source.name()
    }

    /// The option that says which station the instrument is, on a line that several share: one of the driver's own, or a
    /// setting of the file. `None` if there is none that could be meant.
    pub fn station(&self, options: &[(String, String)]) -> Option<String> {
        config::station(&self.kind, &self.source, options)
    }

    /// The lab of the one device at that address, and everything that is wrong with the file. Options whose names begin
    /// with `line.` are those of a line that several instruments share; with any of them the device is on such a line.
    pub fn resolve(&self, address: &str, options: &[(String, String)]) -> Resolution {
        config::lab(&self.kind, &self.drivers, self.name(), address, options)
    }

    /// As [`resolve`](Self::resolve), for a look at the file alone: what it leaves open to the lab is made up.
    pub fn check(&self, options: &[(String, String)]) -> Resolution {
        let invented = config::invented(&self.source, options);
        let options: Vec<_> = options.iter().cloned().chain(invented).collect();
        self.resolve(NOWHERE, &options)
    }
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
