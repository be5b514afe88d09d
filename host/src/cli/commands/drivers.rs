//! `baton drivers`: one row for each file that the host has seen in its driver folders.

mod pin;

use std::path::PathBuf;

use anstyle::{AnsiColor, Style};
use serde_json::{Value as Json, json};

pub(super) use pin::run as pin;

use super::unless_unknown;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::lab_file;
use crate::cli::output::Output;
use crate::cli::table::{Cell, Table};
use crate::plugin::{Probe, Quarantined, Row, SearchPath, State, seems_to_be};

/// Writes the host's list.
pub(super) fn of_host(client: &mut Client, output: Output) -> Result<(), Failure> {
    let address = client.address().to_string();
    let answer = unless_unknown(client.custom("_drivers", json!({})))?;
    let answer = answer.ok_or_else(|| Failure::Request(format!("{address} is no Baton host, it has no drivers")))?;
    write(answer, output)
}

/// Looks at files as a host would, without one. Good drivers are loaded into this process for it. A place that was named
/// and cannot be looked at has a row like the others, but is a failure: nobody names it for nothing.
pub(super) fn of_folders(folders: &[PathBuf], output: Output) -> Result<(), Failure> {
    let mut loader = lab_file::loader()?;
    let drivers = loader.scan(&SearchPath::named(folders));
    write(json!({ "drivers": drivers.rows() }), output)?;
    let named: Vec<_> = folders
        .iter()
        .filter_map(|place| std::path::absolute(place).ok())
        .collect();
    let unreadable = |row: &&Row| row.state == State::Unreadable && named.contains(&row.file);
    let mut missing = drivers.rows().iter().filter(unreadable).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    missing.for_each(|row| {
        let reason = row.reason.as_deref().unwrap_or("it cannot be read");
        output.error(&format!("{}: {reason}", row.file.display()));
    });
    Err(Failure::Told(1))
}

/// Has quarantined contents tried again, by whichever host looks at them next.
pub(super) fn clear(what: &str, output: Output) -> Result<(), Failure> {
    let mut probe = Probe::default();
    let (meant, others): (Vec<_>, Vec<_>) = probe.quarantined().into_iter().partition(|one| is_meant(one, what));
    if meant.is_empty() {
        let names: Vec<_> = others.iter().map(|one| one.file.display().to_string()).collect();
        let there = match names.as_slice() {
            [] => "nothing is".to_owned(),
            names => format!("these are: {}", names.join(", ")),
        };
        return Err(Failure::Request(format!(
            "no driver `{what}` is quarantined here; {there}"
        )));
    }
    for one in &meant {
        let failed = |error| Failure::Request(format!("{}: it stays quarantined: {error}", one.file.display()));
        probe.clear(&one.hash).map_err(failed)?;
    }
    if output.json {
        return output.object(json!({ "cleared": meant }));
    }
    for one in &meant {
        output.line(&format!(
            "{}: is tried again when a host looks for drivers next",
            one.file.display()
        ))?;
    }
    Ok(())
}

/// Whether a user means this by a name, a file, or the beginning of a hash.
fn is_meant(one: &Quarantined, what: &str) -> bool {
    let by_hash = what.len() >= 6 && one.hash.starts_with(what.strip_prefix("sha256:").unwrap_or(what));
    by_hash || seems_to_be(&one.file, what) || std::path::absolute(what).is_ok_and(|path| path == one.file)
}

fn write(answer: Json, output: Output) -> Result<(), Failure> {
    if output.json {
        return output.object(answer);
    }
    let mut table = Table::new(["DRIVER", "VERSION", "STATE", "FILE", "OFFERS", "REASON"]);
    let rows = answer.get("drivers").and_then(Json::as_array).into_iter().flatten();
    rows.for_each(|driver| table.row(row(driver)));
    output.table(&table)
}

fn row(driver: &Json) -> [Cell; 6] {
    let text = |key: &str| driver.get(key).and_then(Json::as_str).unwrap_or("-");
    let state = text("state");
    let style = match state {
        "ok" => Style::new(),
        "not a driver" => Style::new().dimmed(),
        "shadowed" => AnsiColor::Yellow.on_default(),
        _ => AnsiColor::Red.on_default(),
    };
    let reasons = driver.get("reason").into_iter().chain(list(driver, "warnings"));
    let reasons: Vec<&str> = reasons.filter_map(Json::as_str).collect();
    let offers: Vec<&str> = ["devices", "controllers"]
        .iter()
        .flat_map(|key| list(driver, key))
        .filter_map(Json::as_str)
        .collect();
    [
        text("name").into(),
        text("version").into(),
        Cell::styled(state, style),
        text("file").into(),
        offers.join(" ").into(),
        reasons.join("; ").into(),
    ]
}

fn list<'a>(driver: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    driver.get(key).and_then(Json::as_array).into_iter().flatten()
}
