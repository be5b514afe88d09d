//! `baton audit`: who did what, when, and how it ended.

use anstyle::{AnsiColor, Style};
use serde_json::{Value as Json, json};

use super::follow::{self, Followed, Lines};
use super::{connect, unless_unknown};
use crate::cli::args::{Audit, Global};
use crate::cli::client::{Client, Update};
use crate::cli::failure::Failure;
use crate::cli::format::{local_time, one_line, shortened};
use crate::cli::names;
use crate::cli::output::{self, Output};
use crate::cli::table::{Cell, Table};

/// Widest value in the table.
const VALUE_CHARS: usize = 24;

/// Writes the last entries as a table; with `--follow` a line for each, and for those that come.
pub(super) fn run(global: &Global, audit: &Audit, output: Output) -> Result<(), Failure> {
    if audit.follow {
        let mut followed = Shown {
            audit,
            token: String::new(),
            last: Json::Null,
        };
        return follow::run(global, &audit.until, output, &mut followed);
    }
    let mut client = connect(global)?;
    let answer = ask(&mut client, audit, false)?.1;
    let entries = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if output.json {
        return output.object(json!({ "file": answer["file"], "more": answer["more"], "entries": entries }));
    }
    if entries.is_empty() {
        output.note("nothing of that kind was noted");
        return hint(&mut client, audit, output);
    }
    if answer["more"] == true {
        output.note(&format!(
            "the last {}; there may be more: --last N, --since TIME",
            entries.len()
        ));
    }
    let mut table = Table::new(["TIME", "OWNER", "VERB", "TARGET", "OLD", "NEW", "OUTCOME", "ERROR"]);
    for entry in entries {
        let outcome = text(entry, "outcome");
        table.row([
            time(entry).into(),
            text(entry, "owner").into(),
            verb(entry).into(),
            text(entry, "path").into(),
            shortened(&value(entry, "old"), VALUE_CHARS).into(),
            shortened(&value(entry, "new"), VALUE_CHARS).into(),
            Cell::styled(outcome, outcome_style(outcome)),
            text(entry, "error").into(),
        ]);
    }
    output.table(&table.without_empty_columns().fit(output::columns()))
}

/// A name that nobody has may be a slip, or a device that was there once.
fn hint(client: &mut Client, audit: &Audit, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    for path in &audit.paths {
        let (device, _) = names::split(path);
        if let Err(failure) = names::device(&node, device) {
            output.note(&format!("{failure}"));
        }
    }
    Ok(())
}

/// The token of the request, and its answer.
fn ask(client: &mut Client, audit: &Audit, again: bool) -> Result<(String, Json), Failure> {
    let mut asked = json!({
        "paths": audit.paths, "events": audit.verbs, "outcomes": audit.outcomes, "limit": audit.last, "follow": audit.follow,
    });
    if let Some(owner) = &audit.by {
        asked["owner"] = json!(owner);
    }
    if let Some(since) = audit.since {
        asked["since"] = json!(since);
    }
    if again {
        // All that may have been noted meanwhile.
        asked["limit"] = json!(10_000);
    }
    let pending = client.send_custom("_audit", asked, "")?;
    let token = pending.token().to_owned();
    match unless_unknown(client.answer(&pending))? {
        Some(answer) => Ok((token, answer)),
        None => Err(Failure::Request(format!(
            "{} is no Baton host, and keeps no audit log",
            client.address()
        ))),
    }
}

struct Shown<'a> {
    audit: &'a Audit,
    /// Of the request that asked for what comes.
    token: String,
    /// The last entry that was written.
    last: Json,
}

impl Followed for Shown<'_> {
    fn begin(&mut self, client: &mut Client, lines: &mut Lines, again: bool) -> Result<(), Failure> {
        let (token, answer) = ask(client, self.audit, again)?;
        self.token = token;
        for entry in follow::news(&answer["entries"], &self.last.clone()) {
            self.write(entry, lines)?;
        }
        Ok(())
    }

    fn heard(&mut self, client: &mut Client, lines: &mut Lines, _: Option<Update>) -> Result<(), Failure> {
        while let Some(message) = client.notice("_audited", &self.token) {
            self.write(&message.data, lines)?;
        }
        Ok(())
    }
}

impl Shown<'_> {
    fn write(&mut self, entry: &Json, lines: &mut Lines) -> Result<(), Failure> {
        self.last = entry.clone();
        write(entry, lines)
    }
}

/// `2026-03-01 14:02:03 ana@lab2 write stage.position: 1.0 → 2.0 done`
fn write(entry: &Json, lines: &mut Lines) -> Result<(), Failure> {
    if lines.output.json {
        return lines.write(&entry.to_string());
    }
    let (outcome, error) = (text(entry, "outcome"), text(entry, "error"));
    let style = outcome_style(outcome);
    let mut line = format!(
        "{} {} {} {}",
        time(entry),
        text(entry, "owner"),
        verb(entry),
        text(entry, "path")
    );
    match (value(entry, "old"), value(entry, "new")) {
        (old, new) if old.is_empty() && new.is_empty() => {}
        (old, new) if old.is_empty() => line += &format!(": {new}"),
        (old, new) => line += &format!(": {old} → {new}"),
    }
    let mut line = one_line(line.trim_end());
    if !outcome.is_empty() {
        line += &format!(" {style}{outcome}{style:#}");
    }
    if !error.is_empty() {
        line += &format!(" ({})", one_line(error));
    }
    lines.write(&line)
}

fn text<'a>(entry: &'a Json, key: &str) -> &'a str {
    entry.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// Local time, to the millisecond.
fn time(entry: &Json) -> String {
    let time: Option<jiff::Timestamp> = text(entry, "time").parse().ok();
    local_time(time.map(|time| time.as_nanosecond() as f64 / 1e9))
}

/// What was done; of what is missing, how much.
fn verb(entry: &Json) -> String {
    match (text(entry, "event"), entry.get("count")) {
        ("lost", Some(count)) => format!("({count} entries are missing here)"),
        (event, _) => event.to_owned(),
    }
}

fn value(entry: &Json, key: &str) -> String {
    match entry.get(key) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn outcome_style(outcome: &str) -> Style {
    match outcome {
        "refused" | "stopped" | "cancelled" | "superseded" => AnsiColor::Yellow.on_default(),
        "failed" | "timeout" => AnsiColor::Red.on_default().bold(),
        _ => Style::new(),
    }
}
