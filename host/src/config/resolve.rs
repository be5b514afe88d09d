//! Raw → resolved: everything that can be said of a config before anything is opened.

mod allowed;
mod clients;
mod controller;
mod device;
mod frame;
mod home;
mod host;
mod indirect;
mod initial;
mod names;
mod options;
mod order;
mod parameter;
mod quantity;
mod ramp;
mod references;
mod section;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
};

use baton_plugin_api::{
    description::LibraryDescription,
    diagnostic::{Diagnostic, Place},
};

use super::{Catalogue, Files, LabConfig, Surroundings, isolation::Defaults, raw};
pub(super) use host::keys as host_keys;
use section::{Parsed, Section};

/// What resolving came to.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The lab; `None` if there is any error.
    pub config: Option<LabConfig>,
    /// Errors and warnings, in the order of files and lines.
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolves a config for the machine called `machine`, whose `[host.NAME]` counts.
///
/// Everything that is wrong is told at once: a mistake hides no other, unless the other depends on it.
pub fn resolve(
    files: &Files,
    catalogue: &dyn Catalogue,
    surroundings: &dyn Surroundings,
    machine: Option<&str>,
) -> Resolution {
    let schema = raw::schema();
    let mut resolver = Resolver {
        files,
        catalogue,
        surroundings,
        found: RefCell::default(),
        everything_is_read: true,
        isolation: Cell::default(),
    };
    let parsed: Vec<Parsed> = files
        .sources()
        .map(|source| Parsed::new(source, schema, &resolver))
        .collect();
    resolver.everything_is_read = parsed.iter().all(|file| file.sound);
    let lab = resolver.lab(&parsed, machine);
    let Found {
        mut diagnostics,
        files: more,
        missing_drivers,
    } = resolver.found.into_inner();
    in_order(&mut diagnostics, files);
    let sound = !diagnostics.iter().any(Diagnostic::is_error);
    let mut all: Vec<PathBuf> = files.paths().map(Into::into).collect();
    all.extend(more);
    let config = lab.filter(|_| sound).map(|lab| LabConfig {
        files: all,
        missing_drivers,
        ..lab
    });
    Resolution { config, diagnostics }
}

fn in_order(diagnostics: &mut Vec<Diagnostic>, files: &Files) {
    let names: Vec<&str> = files.sources().map(|source| source.name()).collect();
    // Those of other files, such as instrument files, come last.
    let file = |place: &Place| names.iter().position(|name| *name == place.file).unwrap_or(names.len());
    let key = |d: &Diagnostic| {
        d.place
            .as_ref()
            .map(|place| (file(place), place.file.clone(), place.span.start))
    };
    diagnostics.sort_by_key(key);
    diagnostics.dedup();
}

/// What a resolution works with.
struct Resolver<'a> {
    files: &'a Files,
    catalogue: &'a dyn Catalogue,
    surroundings: &'a dyn Surroundings,
    found: RefCell<Found>,
    /// Whether all files are TOML, so that a name that is in none of them does not exist.
    everything_is_read: bool,
    /// What `[host]` says of those that say nothing.
    isolation: Cell<Defaults>,
}

/// What it gathers on its way.
#[derive(Default)]
struct Found {
    diagnostics: Vec<Diagnostic>,
    /// Files beside those of the config itself.
    files: Vec<PathBuf>,
    missing_drivers: Vec<String>,
}

/// A thing of a driver that a config names.
#[derive(Clone, Copy)]
enum Lookup<T> {
    /// It is there.
    There(T),
    /// There are no drivers, so nothing can be said.
    Offline,
    /// It is not there, and that has been reported.
    Wrong,
}

impl<T> Lookup<T> {
    fn and_then<U>(self, then: impl FnOnce(T) -> Lookup<U>) -> Lookup<U> {
        match self {
            Lookup::There(thing) => then(thing),
            Lookup::Offline => Lookup::Offline,
            Lookup::Wrong => Lookup::Wrong,
        }
    }

    fn there(self) -> Option<T> {
        match self {
            Lookup::There(thing) => Some(thing),
            Lookup::Offline | Lookup::Wrong => None,
        }
    }
}

impl<'a> Resolver<'a> {
    fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().diagnostics.push(diagnostic);
    }

    /// Notes a file that the config depends on.
    fn depends_on(&self, path: PathBuf) {
        let files = &mut self.found.borrow_mut().files;
        if !files.contains(&path) {
            files.push(path);
        }
    }

    /// The config, as far as it goes: what has errors is left out.
    fn lab(&self, parsed: &'a [Parsed], machine: Option<&str>) -> Option<LabConfig> {
        let host = self.host(parsed, machine);
        self.check_allowed(parsed);
        let controllers = section::named(parsed, "controllers");
        let devices = section::named(parsed, "devices");
        names::check(self, parsed, controllers.iter().chain(&devices));
        let controllers: Vec<_> = controllers.iter().map(|section| self.controller(section)).collect();
        let devices: Vec<_> = devices
            .iter()
            .map(|section| self.device(section, &controllers))
            .collect();
        let devices = references::resolve(self, devices);
        let (name, description) = self.name(parsed);
        Some(LabConfig {
            name,
            description,
            host: host?,
            controllers: controllers
                .into_iter()
                .filter_map(|controller| controller.config)
                .collect(),
            devices: order::members_first(devices),
            path: self.files.path().to_path_buf(),
            files: Vec::new(),
            missing_drivers: Vec::new(),
        })
    }

    /// The driver that `section` names by its key `driver`.
    fn driver(&self, name: &str, section: &Section<'_>) -> Lookup<&'a LibraryDescription> {
        if let Some(library) = self.catalogue.driver(name) {
            return Lookup::There(library);
        }
        let drivers = self.catalogue.drivers();
        if !drivers.is_empty() {
            let error = section.error(&["driver"], format!("there is no driver `{name}`"));
            let names = drivers.iter().map(|driver| driver.name.as_str());
            self.report(match self.catalogue.rejected(name) {
                Some(why) => error.help(why),
                None => error.help_names(name, "drivers", names),
            });
            return Lookup::Wrong;
        }
        if self.is_first_mention(name) {
            let message = format!("the driver `{name}` is not there, so what depends on it is not checked");
            let warning = Diagnostic::warning(message).at(section.place(&["driver"]));
            self.report(match self.catalogue.rejected(name) {
                Some(why) => warning.help(why),
                None => warning,
            });
        }
        Lookup::Offline
    }

    /// Notes a driver that is not there; false if it has been noted already.
    fn is_first_mention(&self, name: &str) -> bool {
        let missing = &mut self.found.borrow_mut().missing_drivers;
        let first = !missing.iter().any(|known| known == name);
        if first {
            missing.push(name.to_owned());
        }
        first
    }
}
