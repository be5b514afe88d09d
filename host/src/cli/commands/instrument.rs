//! `baton instrument`: instrument files without a lab.

mod check;
mod speak;
mod test;
mod trace;

use std::path::Path;

use crate::{
    cli::{
        args::{How, Instrument},
        failure::Failure,
        lab_file,
        output::Output,
    },
    config::LabConfig,
    instrument::{FindError, InstrumentFile},
};

use super::check::BAD_CONFIG;
pub(super) use check::check;

/// Runs one of its commands.
pub(super) fn run(command: &Instrument, output: Output) -> Result<(), Failure> {
    match command {
        Instrument::Try(arguments) => speak::run(arguments, output),
        Instrument::Test(arguments) => test::run(arguments, output),
        Instrument::Check(arguments) => check(&arguments.files, &arguments.how, output),
    }
}

/// The file with its driver.
fn find(path: &Path, how: &How, output: Output) -> Result<InstrumentFile, Failure> {
    let drivers = lab_file::load_drivers(&how.drivers, Vec::new(), None)?;
    InstrumentFile::find(path, drivers, how.driver.as_deref()).map_err(|error| match error {
        FindError::NoDriver(_) => Failure::Request(error.to_string()),
        FindError::Unreadable { .. } => {
            output.error(&error.to_string());
            Failure::Told(BAD_CONFIG)
        }
    })
}

/// The options of the device, the station among them.
fn options(file: &InstrumentFile, how: &How) -> Result<Vec<(String, String)>, Failure> {
    let mut options = how.options.clone();
    if let Some(station) = &how.station {
        let name = file.station(&options).ok_or_else(|| {
            let text = format!(
                "{} has nothing to say which station it is, such as a setting `station`",
                file.name()
            );
            Failure::Request(text)
        })?;
        // What is no number is text.
        let value = match station.parse::<i64>() {
            Ok(number) => number.to_string(),
            Err(_) => format!("{station:?}"),
        };
        options.push((name, value));
    }
    Ok(options)
}

/// The lab of a file's one device; what is wrong with the file is told.
fn resolve(
    file: &InstrumentFile,
    address: &str,
    options: &[(String, String)],
    output: Output,
) -> Result<LabConfig, Failure> {
    let resolution = file.resolve(address, options);
    if !output.json || resolution.config.is_none() {
        output.diagnostics(&resolution.diagnostics);
    }
    resolution.config.ok_or(Failure::Told(BAD_CONFIG))
}

/// What the file calls its instrument.
fn title(config: &LabConfig) -> &str {
    config.devices.first().map_or("", |device| device.table.doc.as_str())
}
