//! `baton schema`: the JSON Schema of configs, for editors.

use std::path::PathBuf;

use crate::{
    cli::{failure::Failure, lab_file, output::Output},
    config::schema,
};

/// Writes the schema with the options of all drivers that are found.
pub(super) fn run(folders: &[PathBuf], output: Output) -> Result<(), Failure> {
    let drivers = lab_file::load_drivers(folders, Vec::new())?;
    let schema = schema::schema(&drivers);
    let text = if output.json {
        schema.as_value().to_string()
    } else {
        format!("{:#}", schema.as_value())
    };
    output.line(&text)
}
