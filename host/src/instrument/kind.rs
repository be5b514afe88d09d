//! The drivers that describe their devices in files, and which of them a file is for.

use baton_plugin_api::{
    description::{LibraryDescription, TypeDescription},
    schemars::Schema,
    source::{Source, Tree},
};

use super::FindError;

/// A type of device that is described by a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kind {
    pub(super) driver: String,
    pub(super) alone: Described,
    /// The same on a line that several share: the type of its controller, and of the device on it.
    pub(super) shared: Option<(String, Described)>,
    /// What such a file looks like.
    schema: Schema,
}

/// A type whose options name a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Described {
    pub(super) device_type: String,
    /// The option that names the file.
    pub(super) file: String,
    /// All options.
    pub(super) options: Vec<String>,
}

impl Kind {
    pub(super) fn is_named(&self, name: &str) -> bool {
        match name.split_once('/') {
            Some((driver, device_type)) => self.driver == driver && self.alone.device_type == device_type,
            None => self.driver == name,
        }
    }

    /// How much in a file is not as its schema says.
    fn misfits(&self, tree: &Tree) -> usize {
        tree.check(&self.schema).problems.len()
    }
}

/// The types of a driver whose options name a file that a schema describes.
pub(super) fn kinds(library: &LibraryDescription) -> Vec<Kind> {
    let alone = library.devices.iter().filter_map(described);
    let kinds = alone.map(|(alone, schema)| {
        let shared = library.controllers.iter().find_map(|controller| {
            let device = controller
                .devices
                .iter()
                .find(|device| device.name == alone.device_type)?;
            Some((controller.name.clone(), described(device)?.0))
        });
        let driver = library.name.clone();
        Kind {
            driver,
            alone,
            shared,
            schema,
        }
    });
    kinds.collect()
}

fn described(device: &TypeDescription) -> Option<(Described, Schema)> {
    let options = device.options.as_value().get("properties")?.as_object()?;
    let mut files = options
        .iter()
        .filter_map(|(name, option)| Some((name, option.get("fileSchema")?)));
    let (file, schema) = files.next()?;
    let described = Described {
        device_type: device.name.clone(),
        file: file.clone(),
        options: options.keys().cloned().collect(),
    };
    Some((described, Schema::try_from(schema.clone()).ok()?))
}

/// The kind whose schema the file fits best; of several such the first.
pub(super) fn guess(text: String, kinds: &[Kind]) -> Option<&Kind> {
    let (tree, _) = Source::new("", text).parse_recoverable();
    kinds.iter().min_by_key(|kind| kind.misfits(&tree))
}

/// That there is no such kind, and which there are.
pub(super) fn missing(name: Option<&str>, kinds: &[Kind]) -> FindError {
    let there: Vec<String> = kinds
        .iter()
        .map(|kind| format!("{}/{}", kind.driver, kind.alone.device_type))
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
