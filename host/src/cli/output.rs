//! Where the CLI writes: data to standard output, messages to standard error, colours only where a person reads them.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use baton_plugin_api::diagnostic::Diagnostic;
use serde_json::{Value as Json, json};

use super::failure::Failure;
use super::table::Table;
use crate::config::render;

/// Version of the JSON forms. It grows when a key changes its meaning or goes.
const SCHEMA: u32 = 1;

/// The standard streams, as the user asked for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether data is written as JSON.
    pub(crate) json: bool,
    /// Whether messages that are no errors are left out.
    pub(crate) quiet: bool,
}

impl Output {
    /// Writes a line of data.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Writes a table, or nothing if it has no rows.
    pub(crate) fn table(self, table: &Table) -> Result<(), Failure> {
        let mut stdout = anstream::stdout().lock();
        write!(stdout, "{table}")?;
        Ok(stdout.flush()?)
    }

    /// Writes the one object that is a command's whole output, with the version of its form in front.
    pub(crate) fn object(self, object: Json) -> Result<(), Failure> {
        let mut all = json!({ "schema": SCHEMA });
        if let (Some(all), Json::Object(object)) = (all.as_object_mut(), object) {
            all.extend(object);
        }
        self.line(&all.to_string())
    }

    /// Draws what is wrong with a file for people.
    pub(crate) fn diagnostics(self, diagnostics: &[Diagnostic]) {
        if !diagnostics.is_empty() {
            // The stream takes the colours away where nobody wants them.
            message(render::text(diagnostics, true).trim_end());
        }
    }

    /// Writes a message for people.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            message(text);
        }
    }

    /// Writes an error for people.
    pub(crate) fn error(self, text: &str) {
        let red = AnsiColor::Red.on_default().bold();
        message(&format!("{red}error{red:#}: {text}"));
    }

    /// Tells of a failure: for people, and in the JSON form for programs as well.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_quiet() {
            return;
        }
        self.error(&super::format::one_line(&failure.to_string()));
        if let Some(hint) = failure.hint() {
            let bold = Style::new().bold();
            self.note(&format!("{bold}hint{bold:#}: {hint}"));
        }
        if self.json {
            // Nobody is left to be told if this cannot be written.
            let _ = self.object(json!({ "error": failure.to_json() }));
        }
    }
}

/// Writes an error for people, from where no output is at hand.
pub(crate) fn complain(text: &str) {
    let error = Output {
        json: false,
        quiet: false,
    };
    error.error(text);
}

/// Shows a line of the protocol, for `--verbose`.
pub(crate) fn trace(direction: char, line: &str) {
    let dimmed = Style::new().dimmed();
    message(&format!(
        "{dimmed}{direction} {}{dimmed:#}",
        super::format::one_line(line)
    ));
}

/// Whether a person is watching standard error.
pub(crate) fn stderr_is_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stderr())
}

/// How many columns there are for a table: those of the terminal, or what `COLUMNS` says; `None` where lines may be as
/// long as they are, as in a file.
pub(crate) fn columns() -> Option<usize> {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    told.or_else(terminal).filter(|columns| *columns >= 20)
}

/// Whether standard output is a pipe that nobody reads any more.
///
/// A write would tell as well, but a quiet lab gives us nothing to write for a long time.
pub(crate) fn reader_has_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut polled = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&at_once)).is_ok() && polled[0].revents().contains(PollFlags::ERR)
}

fn message(text: &str) {
    // There is no better place to report that this place does not work.
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
