//! `baton schema`: the JSON Schema of configs, or of instrument files, for editors.

use std::path::PathBuf;

use crate::{
    cli::{failure::Failure, lab_file, output::Output},
    config::schema,
};

/// Writes the schema with the options of all drivers that are found; or that of the files of one driver.
pub(super) fn run(instrument: Option<&str>, folders: &[PathBuf], output: Output) -> Result<(), Failure> {
    let drivers = lab_file::load_drivers(folders, Vec::new(), None)?;
    let schema = match instrument {
        None => schema::schema(&drivers).to_value(),
        Some(driver) => schema::of_files(&drivers, driver)
            .ok_or_else(|| Failure::Request(format!("there is no driver `{driver}` that reads instrument files")))?,
    };
    output.line(&match output.json {
        true => schema.to_string(),
        false => format!("{schema:#}"),
    })
}
