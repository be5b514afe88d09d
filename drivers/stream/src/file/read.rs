//! From a file to a script, or to everything that is wrong in it.

use std::{path::Path, sync::LazyLock};

use baton_plugin_api::{
    Error, ErrorKind, Result,
    diagnostic::{self, Diagnostic},
    instrument::{About, resolve_durations},
    schemars::{self, Schema},
    source::Source,
};

use super::{
    InstrumentFile, Talk, parameter,
    reader::{Given, Reader},
    talk::PLAIN,
    templates::Scope,
};
use crate::script::{Script, Source as ReadFrom};

/// Reads an instrument file, with what the lab's config gives for its settings.
///
/// # Errors
/// If it cannot be read at all, or everything that is wrong in it, as diagnostics in the error's detail.
pub(crate) fn read(path: &Path, given: &Given) -> Result<Script> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot read the instrument file {name}: {error}");
        Error::new(ErrorKind::WrongType, message)
    })?;
    read_source(&Source::new(name, text), given).map_err(|wrong| match wrong {
        Wrong::File(found) => diagnostic::to_error(&found),
        Wrong::Given(error) => error,
    })
}

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// Everything that is wrong in it, in its order.
    File(Vec<Diagnostic>),
    /// What the lab's config gives does not belong to it.
    Given(Error),
}

/// Reads the text of an instrument file.
///
/// # Errors
/// Everything that is wrong.
pub(crate) fn read_source(source: &Source, given: &Given) -> Result<Script, Wrong> {
    let (tree, mut found) = source.parse_recoverable();
    if !found.is_empty() {
        // What is missing or odd after a slip of the pen is a consequence of it; so is the same again at the same place.
        found.dedup();
        return Err(Wrong::File(found));
    }
    // The same for every file, and made once.
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| schemars::schema_for!(InstrumentFile));
    let mut checked = tree.check(&SCHEMA);
    found.extend(resolve_durations(&tree, &mut checked));
    let mut reader = Reader::new(&tree, &checked, given);
    if let Some(error) = reader.unknown_setting() {
        return Err(Wrong::Given(error));
    }
    let script = reader.script();
    found.extend(reader.take_found());
    found.extend(checked.into_diagnostics());
    found.sort_by_key(|d| d.place.as_ref().map_or(0, |place| place.span.start));
    match script {
        Some(script) if found.is_empty() => Ok(script),
        _ => Err(Wrong::File(found)),
    }
}

impl Reader<'_> {
    /// Reads the whole file. `None` only if something wrong was found.
    fn script(&mut self) -> Option<Script> {
        let line = self.line();
        self.read_settings();
        self.read_subjects();
        let about: Option<About> = self.part(&["instrument"]);
        let init = self.talks("init");
        let exit = self.talks("exit");
        self.all_names();
        let readings = self.readings();
        let drafts = self.parameters();
        let commands = self.commands();
        let stop: Option<Talk> = self.part(&["stop"]);
        let stop = stop.map(|talk| self.talk(&["stop"], &talk, Scope::of(&PLAIN)));
        let status = self.status(stop.is_some());
        let errors = self.errors();
        let error_query = self.error_query();
        let unsolicited = self.unsolicited();
        let (manner, connect_timeout) = line?;
        let (readings, mut drafts) = (readings?, drafts?);
        let mut script = Script {
            doc: about?.sentence(),
            manner,
            connect_timeout,
            init: init?,
            exit: exit?,
            parameters: Vec::new(),
            commands: commands?,
            status: status?,
            stop: match stop {
                Some(stop) => Some(stop?),
                None => None,
            },
            errors: errors?,
            error_query: error_query?,
            unsolicited: unsolicited?,
        };
        let told = told(&script, &drafts);
        script.parameters = parameter::connect(std::mem::take(&mut drafts), &readings, &told);
        self.check_sources(&script);
        (self.count() == 0).then_some(script)
    }

    /// What is needed to ask for something must not need that itself; and what tells that the instrument is busy has to be
    /// known.
    fn check_sources(&mut self, script: &Script) {
        for parameter in &script.parameters {
            let mut way = vec![parameter.facts.name.as_str()];
            if self.exists(&["parameters", &parameter.facts.name, "read"]) && leads_back(script, &mut way) {
                let error = self.error(
                    &["parameters", &parameter.facts.name, "read", "send"],
                    "this question needs its own answer",
                );
                self.push(error.help(format!("the way back: {}", way.join(" → "))));
            }
        }
        if let Some(status) = &script.status {
            for (name, _) in &status.busy_while {
                if script.parameter(name).is_some_and(|parameter| parameter.read.is_none()) {
                    let error = self.key_error(&["status", "busy_while", name], format!("`{name}` cannot be read"));
                    self.push(error.help(format!("say how under `[parameters.{name}]`")));
                }
            }
        }
    }
}

/// The parameters whose values come with something else than a question of their own.
fn told(script: &Script, drafts: &[parameter::Draft]) -> Vec<String> {
    let writes = drafts.iter().filter_map(|draft| draft.parameter.write.as_ref());
    let commands = script.commands.iter().map(|command| &command.exchange);
    let status = script.status.iter().filter_map(|status| status.read.as_deref());
    let exchanges = writes.chain(commands).chain(status).chain(&script.stop);
    let unasked = script
        .unsolicited
        .iter()
        .flat_map(|unsolicited| unsolicited.expect.others());
    exchanges
        .flat_map(|exchange| exchange.tells())
        .chain(unasked)
        .map(str::to_owned)
        .collect()
}

/// Whether the questions on the way, each of which needs the next, come back to the one that it began with.
fn leads_back<'s>(script: &'s Script, way: &mut Vec<&'s str>) -> bool {
    let last = way.last().and_then(|last| script.parameter(last));
    let Some(ReadFrom::Asked { exchange, .. }) = last.and_then(|last| last.read.as_ref()) else {
        return false;
    };
    for need in exchange.send.others() {
        let is_first = way.first() == Some(&need);
        if !is_first && way.contains(&need) {
            continue;
        }
        way.push(need);
        if is_first || leads_back(script, way) {
            return true;
        }
        way.pop();
    }
    false
}
