//! Files that describe instruments, for drivers that need no code for one: what all such files have in common, whatever
//! the instrument speaks. Feature `toml`.
//!
//! A driver has serde structs for its file, with [`About`] under `instrument` and tables `parameters` and `commands`, and
//! a function that makes of a [`Reader`] what it works with:
//! 1. [`read`] parses the file, checks its structure against the schema of the structs, and turns durations, such as
//!    `"500 ms"`, into seconds.
//! 2. The function checks what a schema cannot say; [`Reader::part`] gives it what is sound so far.
//! 3. All mistakes, each with its place, come out in the order of the file; or what the function made.
//!
//! [`schema()`] is the schema for editors.

mod duration;
mod facts;
mod names;
mod reader;
mod schema;
mod state;
#[cfg(test)]
mod tests;

use std::path::Path;

use schemars::JsonSchema;
use serde::Deserialize;

pub use duration::resolve as resolve_durations;
pub use facts::Facts;
pub use reader::{Reader, collect};
pub use schema::schema;
pub use state::{Meaning, State, StateText};

use crate::{
    Error, ErrorKind, Result,
    diagnostic::{self, Diagnostic},
    source::Source,
};

/// What the instrument is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Maker and model: `"Julabo FP50"`.
    pub name: String,
    /// One sentence about it.
    pub doc: Option<String>,
    /// Where its protocol is described: title, edition and page of the manual, or a link.
    pub manual: Option<String>,
}

impl About {
    /// Name and sentence, for the table.
    pub fn sentence(&self) -> String {
        match &self.doc {
            Some(doc) => format!("{}: {doc}", self.name),
            None => self.name.clone(),
        }
    }
}

/// Reads an instrument file that is described by `F`.
///
/// # Errors
/// If it cannot be read at all, or everything that is wrong in it, as diagnostics in the error's detail.
pub fn read_file<F: JsonSchema, S>(path: &Path, understand: impl FnOnce(&mut Reader<'_>) -> Option<S>) -> Result<S> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the instrument file {name}: {error}");
        Error::new(ErrorKind::WrongType, message)
    })?;
    read::<F, S>(&Source::new(name, text), understand).map_err(|found| diagnostic::to_error(&found))
}

/// Reads the text of an instrument file that is described by `F`. `understand` gives `None` only if it has found something
/// wrong, or met something that the check of the structure has.
///
/// # Errors
/// Everything that is wrong in it, in the order of the file.
pub fn read<F: JsonSchema, S>(
    source: &Source,
    understand: impl FnOnce(&mut Reader<'_>) -> Option<S>,
) -> Result<S, Vec<Diagnostic>> {
    let (tree, mut found) = source.parse_recoverable();
    if !found.is_empty() {
        // What is missing or odd after a slip of the pen is a consequence of it; so is the same again at the same place.
        found.dedup();
        return Err(found);
    }
    let mut checked = tree.check(&schemars::schema_for!(F));
    found.extend(duration::resolve(&tree, &mut checked));
    let mut reader = Reader::new(&tree, &checked);
    let understood = understand(&mut reader);
    found.extend(reader.take_found());
    found.extend(checked.into_diagnostics());
    found.sort_by_key(|d| d.place.as_ref().map_or(0, |place| place.span.start));
    match understood {
        Some(understood) if found.is_empty() => Ok(understood),
        _ => Err(found),
    }
}
