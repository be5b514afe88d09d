//! What holds of every text that is taken for a config, for a test and for the target in `tests/fuzz`.

use std::{cell::RefCell, io, path::Path};

use baton_host::config::{Files, LabConfig, NoDrivers, Resolution, Surroundings, render, resolve};
use baton_plugin_api::{
    diagnostic::{Diagnostic, Place},
    is_name,
    source::Source,
};

use crate::fake_drivers::FakeDrivers;

/// The files of a config are parted by this: `lab.toml`, `more.toml`, and the text of whatever else is read.
const PARTS: char = '\0';

thread_local! {
    static DRIVERS: FakeDrivers = FakeDrivers::reading(|_| InMemory.read(Path::new("")));
    static OTHER: RefCell<String> = RefCell::default();
}

/// Takes bytes as the files of a config.
///
/// It comes to a lab unless there is an error. Each place that a diagnostic names lies in its file, with the lines that
/// belong to it, and can be drawn. What a lab names is there, and before those who use it.
pub(crate) fn config(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, PARTS);
    let mut sources = vec![Source::new("lab.toml", parts.next().unwrap_or_default())];
    sources.extend(parts.next().map(|more| Source::new("more.toml", more)));
    OTHER.set(parts.next().unwrap_or_default().to_owned());
    let files = Files::from_sources("/lab", sources);
    let _ = files.driver_folders(Some("cellar"));
    DRIVERS.with(|drivers| resolution_holds(&files, &resolve(&files, drivers, &InMemory, Some("cellar")), true));
    resolution_holds(&files, &resolve(&files, &NoDrivers, &InMemory, None), false);
}

/// A machine with one variable, one text, and every file whose name has an extension.
struct InMemory;

impl Surroundings for InMemory {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "PORT").then(|| "5025".to_owned())
    }

    fn read(&self, _: &Path) -> io::Result<String> {
        Ok(OTHER.with_borrow(String::clone))
    }

    fn content_hash(&self, path: &Path) -> Option<String> {
        path.extension().map(|_| "cafe".to_owned())
    }
}

fn resolution_holds(files: &Files, resolution: &Resolution, colours: bool) {
    let Resolution { config, diagnostics } = resolution;
    let is_wrong = diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(config.is_none(), is_wrong, "{diagnostics:#?}");
    for diagnostic in diagnostics {
        assert!(!diagnostic.message.is_empty());
        for place in diagnostic.place.as_deref().into_iter().chain(&diagnostic.related) {
            place_holds(files, place);
        }
    }
    assert_eq!(render::text(diagnostics, colours).is_empty(), diagnostics.is_empty());
    assert_eq!(render::json(diagnostics)["valid"], !is_wrong);
    if let Some(config) = config {
        lab_holds(config);
    }
}

fn place_holds(files: &Files, place: &Place) {
    // Those that a driver reads by itself are named as it likes.
    let Some(source) = files.sources().find(|source| source.name() == place.file) else {
        return;
    };
    let text = source.text();
    assert!(text.get(place.span.clone()).is_some(), "{place:?} is not in the file");
    assert_eq!((place.line, place.column), source.position(place.span.start));
    assert_eq!((place.end_line, place.end_column), source.position(place.span.end));
    let excerpt = text.get(place.excerpt_start..).expect("it lies in the file");
    assert!(excerpt.starts_with(&place.excerpt), "{place:?}");
    assert!(place.excerpt_start <= place.span.start, "{place:?}");
}

fn lab_holds(lab: &LabConfig) {
    let names: Vec<&str> = lab.devices.iter().map(|device| device.name.as_str()).collect();
    for (index, device) in lab.devices.iter().enumerate() {
        assert!(is_name(&device.name), "{}", device.name);
        assert!(
            !names[..index]
                .iter()
                .any(|other| other.eq_ignore_ascii_case(&device.name)),
            "{} is there twice",
            device.name
        );
        assert!(
            device
                .members
                .iter()
                .all(|member| names[..index].contains(&member.device.as_str())),
            "{:?}",
            device.members
        );
        let controller = device.controller.as_ref();
        assert!(controller.is_none_or(|name| lab.controllers.iter().any(|controller| controller.name == *name)));
        for (index, parameter) in device.table.parameters.iter().enumerate() {
            let shown = device.describe(index);
            assert_eq!(shown.name, parameter.name);
            let limits = device.limits(&parameter.name);
            let bounds = [limits.lower, limits.upper].map(|bound| bound.map(|bound| bound.value));
            assert!(
                bounds.iter().flatten().all(|bound| !bound.is_nan()),
                "{bounds:?} of {}",
                parameter.name
            );
        }
        let times = [&device.parameters]
            .into_iter()
            .flat_map(|parameters| parameters.values());
        for setting in times.flat_map(|settings| {
            [
                &settings.poll,
                &settings.timeout,
                &settings.motion_timeout,
                &settings.tolerance,
            ]
        }) {
            assert!(
                setting
                    .as_ref()
                    .is_none_or(|setting| setting.value.is_finite() && setting.value >= 0.0),
                "{setting:?}"
            );
        }
    }
}
