//! `baton instrument test`: dialogues played back without hardware.

use baton_plugin_api::diagnostic::Diagnostic;
use serde_json::{Value as Json, json};

use super::{BAD_CONFIG, find, options};
use crate::{
    cli::{args::Test, commands::check::count, failure::Failure, output::Output},
    config::render,
    dialogue::Replayed,
    instrument::ReplayError,
};

/// The exit code if a dialogue went another way than it is written.
const DIFFERENT: u8 = 1;

/// Plays all of them, and tells of each how it went.
pub(super) fn run(test: &Test, output: Output) -> Result<(), Failure> {
    let file = find(&test.file, &test.how, output)?;
    let options = options(&file, &test.how)?;
    let mut worst = 0;
    let mut rows = Vec::new();
    for path in &test.dialogues {
        let name = path.display().to_string();
        let (code, found, replayed) = match file.replay(path, &options) {
            Ok(replayed) => (0, Vec::new(), Some(replayed)),
            Err(ReplayError::Differs(difference)) => (DIFFERENT, vec![*difference], None),
            Err(ReplayError::Mistakes(found)) => (BAD_CONFIG, found, None),
            Err(error @ ReplayError::Io(_)) => return Err(Failure::Request(error.to_string())),
        };
        worst = worst.max(code);
        if output.json {
            rows.push(row(&name, replayed, &found));
            continue;
        }
        match replayed {
            Some(Replayed { actions, sent }) => output.line(&format!(
                "{name}: ok, {}, {}",
                count(actions, "action"),
                count(sent, "exchange")
            ))?,
            None => output.diagnostics(&found),
        }
    }
    if output.json {
        output.object(json!({ "file": file.name(), "passed": worst == 0, "dialogues": rows }))?;
    }
    match worst {
        0 => Ok(()),
        code => Err(Failure::Told(code)),
    }
}

fn row(name: &str, replayed: Option<Replayed>, found: &[Diagnostic]) -> Json {
    json!({
        "dialogue": name,
        "passed": replayed.is_some(),
        "actions": replayed.map(|replayed| replayed.actions),
        "exchanges": replayed.map(|replayed| replayed.sent),
        "diagnostics": render::json(found)["diagnostics"],
    })
}
