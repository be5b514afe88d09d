//! `baton check`: says whether a config is sound, and everything that is wrong with it.

use crate::{
    cli::{
        args::{Check, How},
        failure::Failure,
        lab_file::{self, Against},
        output::Output,
    },
    config::render,
    instrument::is_instrument,
};

/// The exit code of a config with warnings, where these are not tolerated.
const WARNINGS: u8 = 3;
/// The exit code of a config that cannot be used, as sysexits has it.
pub(super) const BAD_CONFIG: u8 = 78;

/// Checks, and writes what was found.
pub(super) fn run(check: &Check, output: Output) -> Result<(), Failure> {
    if !check.offline && is_instrument(&check.path) {
        let how = How {
            drivers: check.places.drivers.clone(),
            ..How::default()
        };
        return super::instrument::check(std::slice::from_ref(&check.path), &how, output);
    }
    let against = if check.offline {
        Against::Nothing
    } else {
        Against::Drivers
    };
    let file = lab_file::read(
        &check.path,
        &check.places.drivers,
        check.places.machine.as_deref(),
        against,
    )?;
    let diagnostics = &file.resolution.diagnostics;
    if output.json {
        output.line(&render::json(diagnostics).to_string())?;
    } else {
        output.diagnostics(diagnostics);
        if let Some(config) = &file.resolution.config {
            let (devices, drivers) = (count(config.devices.len(), "device"), drivers(&file));
            output.line(&format!("{} is sound: {devices}, {drivers}", check.path.display()))?;
        }
    }
    match file.resolution.config {
        None => Err(Failure::Told(BAD_CONFIG)),
        Some(_) if check.deny_warnings && !diagnostics.is_empty() => Err(Failure::Told(WARNINGS)),
        Some(_) => Ok(()),
    }
}

fn drivers(file: &lab_file::LabFile) -> String {
    match file.drivers.libraries().len() {
        0 => "checked without drivers".to_owned(),
        n => format!("checked against {}", count(n, "driver")),
    }
}

/// `1 device`, `2 devices`.
pub(super) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}
