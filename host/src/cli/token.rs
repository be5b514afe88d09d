//! The token of a host, from a file or the environment. Never from an argument: those are for all to see.

use std::path::Path;

use super::failure::Failure;
use crate::config::Secret;

/// Where the token stands if there is no file.
pub(crate) const VARIABLE: &str = "BATON_TOKEN";

/// The token in `file`, or else that of the environment, if there is one.
///
/// # Errors
/// If the file cannot be read, or holds none.
pub(crate) fn read(file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let Some(file) = file else {
        return Ok(std::env::var(VARIABLE).ok().and_then(|text| Secret::new(&text)));
    };
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| Failure::Request(format!("--token-file {}: {error}", file.display())))?;
    match Secret::new(&text) {
        Some(secret) => Ok(Some(secret)),
        None => Err(Failure::Request(format!(
            "--token-file {}: the file is empty",
            file.display()
        ))),
    }
}
