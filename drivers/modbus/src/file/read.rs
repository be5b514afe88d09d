//! From a file to a script, or to everything that is wrong in it.

use std::{path::Path, time::Duration};

use baton_plugin_api::{
    Result,
    instrument::{self, About, Reader},
};

use super::{Conventions, ModbusFile, fields::FileReader};
use crate::{blocks::Limits, script::Script};

const REPLY_TIMEOUT: f64 = 1.0;
const MAX_GAP: u16 = 8;
const MAX_BLOCK: u16 = 125;

/// Reads a Modbus instrument file.
///
/// # Errors
/// If it cannot be read at all, or everything that is wrong in it, as diagnostics in the error's detail.
pub(crate) fn read(path: &Path) -> Result<Script> {
    instrument::read_file::<ModbusFile, _>(path, script)
}

/// Reads the text of a Modbus instrument file.
///
/// # Errors
/// Everything that is wrong in it, in the order of the file.
#[cfg(test)]
pub(crate) fn read_source(
    source: &baton_plugin_api::source::Source,
) -> Result<Script, Vec<baton_plugin_api::diagnostic::Diagnostic>> {
    instrument::read::<ModbusFile, _>(source, script)
}

/// Reads the whole file. `None` only if something wrong was found.
fn script(reader: &mut Reader<'_>) -> Option<Script> {
    let about: Option<About> = reader.part(&["instrument"]);
    let conventions: Option<Conventions> = match reader.exists(&["modbus"]) {
        true => reader.part(&["modbus"]),
        false => Some(Conventions::default()),
    };
    reader.names();
    let is_sound = conventions.is_some();
    let mut file = FileReader {
        reader,
        conventions: conventions.unwrap_or_default(),
    };
    let init = file.steps(&["init"], None);
    let parameters = file.parameters();
    let commands = file.commands();
    let stop = file.stop();
    let status = file.status(matches!(&stop, Some(Some(_))));
    let conventions = file.conventions;
    Some(Script {
        doc: about?.sentence(),
        blocks: conventions.blocks.unwrap_or(true).then(|| Limits {
            max_gap: conventions.max_gap.unwrap_or(MAX_GAP),
            max_block: conventions.max_block.unwrap_or(MAX_BLOCK),
        }),
        pause: Duration::from_secs_f64(conventions.pause.unwrap_or(0.0)),
        reply_timeout: Duration::from_secs_f64(conventions.reply_timeout.unwrap_or(REPLY_TIMEOUT)),
        init: init?,
        parameters: parameters?,
        commands: commands?,
        status: status?,
        stop: stop?,
    })
    .filter(|_| is_sound)
}
