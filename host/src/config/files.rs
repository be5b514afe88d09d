//! The files of a config, read but not yet understood.

use std::{
    io,
    path::{Path, PathBuf},
};

use baton_plugin_api::{
    diagnostic::Diagnostic,
    source::{Node, NodeValue, Source},
};

use super::resolve::host_keys;

/// The files of a config.
#[derive(Clone, Debug)]
pub struct Files {
    /// The folder that relative paths in the config start from; absolute.
    folder: PathBuf,
    /// What was read: the file or the folder; absolute.
    path: PathBuf,
    /// The same folder as people gave it.
    shown: PathBuf,
    files: Vec<(PathBuf, Source)>,
}

impl Files {
    /// Reads one TOML file, or every `*.toml` of a folder in the order of their names. Hidden files are passed over.
    ///
    /// # Errors
    /// A diagnostic without a place for each file that cannot be read, or for a folder without any.
    pub fn read(path: &Path) -> Result<Files, Vec<Diagnostic>> {
        let cannot =
            |path: &Path, error: io::Error| Diagnostic::error(format!("cannot read {}: {error}", path.display()));
        let absolute = std::path::absolute(path).map_err(|error| vec![cannot(path, error)])?;
        if !path.is_dir() {
            let folder = absolute.parent().unwrap_or(&absolute).to_path_buf();
            let text = std::fs::read_to_string(path).map_err(|error| vec![cannot(path, error)])?;
            let source = Source::new(path.display().to_string(), text);
            return Ok(Files {
                folder,
                path: absolute.clone(),
                shown: path.parent().map(Path::to_path_buf).unwrap_or_default(),
                files: vec![(absolute, source)],
            });
        }
        let names = toml_files(path).map_err(|error| vec![cannot(path, error)])?;
        let mut files = Vec::new();
        let mut errors = Vec::new();
        for name in &names {
            let shown = path.join(name);
            match std::fs::read_to_string(&shown) {
                Ok(text) => files.push((absolute.join(name), Source::new(shown.display().to_string(), text))),
                Err(error) => errors.push(cannot(&shown, error)),
            }
        }
        if names.is_empty() {
            let error = Diagnostic::error(format!("there is no *.toml file in the folder {}", path.display()));
            errors.push(error);
        }
        let files = Files {
            folder: absolute.clone(),
            path: absolute,
            shown: path.to_path_buf(),
            files,
        };
        if errors.is_empty() { Ok(files) } else { Err(errors) }
    }

    /// Files that were read elsewhere, all in `folder`. One alone is a config by itself.
    pub fn from_sources(folder: impl Into<PathBuf>, sources: impl IntoIterator<Item = Source>) -> Files {
        let folder = folder.into();
        let files: Vec<(PathBuf, Source)> = sources
            .into_iter()
            .map(|source| (folder.join(source.name()), source))
            .collect();
        let path = match files.as_slice() {
            [(only, _)] => only.clone(),
            _ => folder.clone(),
        };
        Files {
            folder,
            path,
            shown: PathBuf::new(),
            files,
        }
    }

    /// The folder that relative paths in the config start from; absolute.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the config was read from: a file, or a folder of them; absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path as people see it: like those of the config's own files, if it is below their folder.
    pub(super) fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(&self.folder) {
            Ok(below) => self.shown.join(below).display().to_string(),
            Err(_) => path.display().to_string(),
        }
    }

    /// Absolute paths of the files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The texts of the files.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().map(|(_, source)| source)
    }

    /// The folders with drivers that `[host]` names, absolute, for the machine called `machine`. Mistakes are passed
    /// over here: [`resolve`](super::resolve()) tells of them.
    pub fn driver_folders(&self, machine: Option<&str>) -> Vec<PathBuf> {
        let tree = self.sources().map(|source| source.parse_recoverable().0);
        let host = tree.filter_map(|tree| tree.get(&["host"]).cloned()).next();
        let folders = host.and_then(|host| host_keys(&host, machine).get("drivers").map(|node| (*node).clone()));
        match folders.map(|node| node.value) {
            Some(NodeValue::Array(items)) => items
                .iter()
                .filter_map(Node::as_str)
                .map(|folder| self.folder.join(folder))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Says that somebody asked for `[host.NAME]` of a machine and there is none; `None` if there is. Where a file is no
    /// TOML, it may be in what could not be read, and nothing is said.
    pub(crate) fn missing_overlay(&self, machine: &str) -> Option<Diagnostic> {
        let mut machines = Vec::new();
        for source in self.sources() {
            let tree = source.parse().ok()?;
            let host = tree.get(&["host"]).map(Node::entries).unwrap_or_default();
            let overlays = host
                .iter()
                .filter(|entry| matches!(entry.node.value, NodeValue::Table(_)));
            machines.extend(overlays.map(|entry| entry.key.clone()));
        }
        let names = || machines.iter().map(String::as_str);
        if names().any(|name| name == machine) {
            return None;
        }
        let error = Diagnostic::error(format!(
            "there is no [host.{machine}] in the config for the machine `{machine}`"
        ));
        Some(error.help_names(machine, "tables [host.NAME]", names()))
    }
}

fn toml_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = PathBuf::from(entry?.file_name());
        let hidden = name.to_string_lossy().starts_with('.');
        if !hidden && name.extension().is_some_and(|extension| extension == "toml") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
