//! From a file to a script, or to everything that is wrong in it.

use std::{path::Path, time::Duration};

use baton_plugin_api::{
    Error, ErrorKind, Result,
    diagnostic::{self, Diagnostic},
    source::Source,
};

use super::{
    About, InstrumentFile, LineEntry, Talk, TerminatorEntry, quantity,
    reader::{Ends, Reader},
};
use crate::{
    manner::{Manner, ReplyEnd},
    script::Script,
    template,
};

const REPLY_TIMEOUT: f64 = 1.0;
const CONNECT_TIMEOUT: f64 = 3.0;

/// Reads an instrument file.
///
/// # Errors
/// If it cannot be read at all, or everything that is wrong in it, as diagnostics in the error's detail.
pub(crate) fn read(path: &Path) -> Result<Script> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the instrument file {name}: {error}");
        Error::new(ErrorKind::WrongType, message)
    })?;
    read_source(&Source::new(name, text)).map_err(|found| diagnostic::to_error(&found))
}

/// Reads the text of an instrument file.
///
/// # Errors
/// Everything that is wrong in it, in the order of the file.
pub(super) fn read_source(source: &Source) -> Result<Script, Vec<Diagnostic>> {
    let (tree, mut found) = source.parse_recoverable();
    if !found.is_empty() {
        // What is missing or odd after a slip of the pen is a consequence of it; so is the same again at the same place.
        found.dedup();
        return Err(found);
    }
    let mut checked = tree.check(&schemars::schema_for!(InstrumentFile));
    found.extend(quantity::resolve(&tree, &mut checked));
    let mut reader = Reader::new(&tree, &checked);
    let script = reader.script();
    found.append(&mut reader.found);
    found.extend(checked.into_diagnostics());
    found.sort_by_key(|d| d.place.as_ref().map_or(0, |place| place.span.start));
    match script {
        Some(script) if found.is_empty() => Ok(script),
        _ => Err(found),
    }
}

impl Reader<'_> {
    /// Reads the whole file. `None` only if something wrong was found.
    fn script(&mut self) -> Option<Script> {
        let line = self.line();
        let about: Option<About> = self.part(&["instrument"]);
        let init = self.init();
        self.names();
        let parameters = self.parameters();
        let commands = self.commands();
        let stop: Option<Talk> = self.part(&["stop"]);
        let stop = stop.map(|talk| self.talk(&["stop"], &talk.send, talk.expect.as_deref()));
        let status = self.status(stop.is_some());
        let (manner, connect_timeout) = line?;
        Some(Script {
            doc: about?.sentence(),
            manner,
            connect_timeout,
            encoding: self.ends.encoding,
            init: init?,
            parameters: parameters?,
            commands: commands?,
            status: status?,
            stop: match stop {
                Some(stop) => Some(stop?),
                None => None,
            },
        })
    }

    fn line(&mut self) -> Option<(Manner, Duration)> {
        let line: LineEntry = self.part(&["line"])?;
        self.ends.encoding = line.encoding;
        let (send, reply) = match line.terminator {
            TerminatorEntry::Both(both) => {
                let bytes = self.terminator(&["line", "terminator"], &both, true)?;
                (bytes.clone(), bytes)
            }
            TerminatorEntry::Each(each) => (
                self.terminator(&["line", "terminator", "send"], &each.send, false)?,
                self.terminator(&["line", "terminator", "reply"], &each.reply, true)?,
            ),
        };
        self.ends = Ends {
            encoding: line.encoding,
            send: send.clone(),
            reply: reply.clone(),
        };
        let manner = Manner {
            send_terminator: send,
            reply_end: ReplyEnd::Terminator(reply),
            reply_timeout: Duration::from_secs_f64(line.reply_timeout.unwrap_or(REPLY_TIMEOUT)),
            char_timeout: None,
            pause: Duration::ZERO,
            echo: false,
            retries: 0,
        };
        let connect_timeout = Duration::from_secs_f64(line.connect_timeout.unwrap_or(CONNECT_TIMEOUT));
        Some((manner, connect_timeout))
    }

    fn terminator(&mut self, path: &[&str], text: &str, ends_replies: bool) -> Option<Vec<u8>> {
        match template::literal(text, self.ends.encoding) {
            Ok(bytes) if bytes.is_empty() && ends_replies => {
                let error = self.error(path, "a reply has to end with something");
                self.push(error.help("most instruments end their lines with \"\\r\\n\", \"\\n\" or \"\\r\""));
                None
            }
            Ok(bytes) => Some(bytes),
            Err(slips) => {
                self.push_slips(path, slips);
                None
            }
        }
    }
}

impl About {
    fn sentence(&self) -> String {
        match &self.doc {
            Some(doc) => format!("{}: {doc}", self.name),
            None => self.name.clone(),
        }
    }
}
