//! `baton instrument check`: everything that is wrong with instrument files.

use std::path::PathBuf;

use super::{BAD_CONFIG, find, options, title};
use crate::{
    cli::{args::How, commands::check::count, failure::Failure, output::Output},
    config::{LabConfig, render},
};

/// Checks, and writes what was found.
pub(in crate::cli::commands) fn check(files: &[PathBuf], how: &How, output: Output) -> Result<(), Failure> {
    let mut found = Vec::new();
    let mut all_sound = true;
    for path in files {
        let file = find(path, how, output)?;
        let resolution = file.check(&options(&file, how)?);
        match &resolution.config {
            Some(config) if !output.json => output.line(&sound(file.name(), config))?,
            config => all_sound &= config.is_some(),
        }
        found.extend(resolution.diagnostics);
    }
    if output.json {
        output.line(&render::json(&found).to_string())?;
    } else {
        output.diagnostics(&found);
    }
    match all_sound {
        true => Ok(()),
        false => Err(Failure::Told(BAD_CONFIG)),
    }
}

fn sound(name: &str, config: &LabConfig) -> String {
    let table = config.devices.first().map(|device| &device.table);
    let (parameters, commands) = table.map_or((0, 0), |table| (table.parameters.len(), table.commands.len()));
    let (parameters, commands) = (count(parameters, "parameter"), count(commands, "command"));
    format!("{name} is sound: {}; {parameters}, {commands}", title(config))
}
