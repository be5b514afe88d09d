//! `baton who`: who has locked what, since when and why.

use serde_json::{Value as Json, json};

use super::unless_unknown;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::format::{brief_time, duration, one_line, rfc3339, shortened};
use crate::cli::output::Output;
use crate::cli::table::Table;

/// Widest note and call in the table.
const CELL_CHARS: usize = 40;

/// Writes a row for everything that keeps anybody from anything.
pub(super) fn run(client: &mut Client, output: Output) -> Result<(), Failure> {
    let rows = holders(client)?;
    if output.json {
        return output.object(json!({ "holders": rows.iter().map(to_json).collect::<Vec<_>>() }));
    }
    if rows.is_empty() {
        output.note("nothing is locked");
        return Ok(());
    }
    let now = jiff::Timestamp::now().as_millisecond() as f64 / 1e3;
    let mut table = Table::new([
        "TARGET", "KIND", "ID", "OWNER", "SINCE", "NOTE", "LEASE", "RUNNING", "WAITING",
    ]);
    for row in &rows {
        table.row([
            texts(row, "targets").join(" ").into(),
            text(row, "kind").into(),
            row.pointer("/owner/id").map(Json::to_string).unwrap_or_default().into(),
            text(&row["owner"], "name").into(),
            brief_time(row["since"].as_f64()).into(),
            shortened(text(row, "note"), CELL_CHARS).into(),
            left(&row["lease"], now).into(),
            shortened(&texts(row, "running").join(", "), CELL_CHARS).into(),
            waiting(row, now).into(),
        ]);
    }
    output.table(&table)
}

/// What the host answers to `_who`.
pub(super) fn holders(client: &mut Client) -> Result<Vec<Json>, Failure> {
    match unless_unknown(client.custom("_who", json!({})))? {
        Some(Json::Array(rows)) => Ok(rows),
        Some(_) => Ok(Vec::new()),
        None => Err(no_locks(client)),
    }
}

/// What there is to say of a node that is none of ours.
pub(super) fn no_locks(client: &Client) -> Failure {
    Failure::Request(format!("{} is no Baton host, and knows no locks", client.address()))
}

/// A text of a row; empty if there is none.
pub(super) fn text<'a>(row: &'a Json, key: &str) -> &'a str {
    row.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// A list of texts of a row.
pub(super) fn texts<'a>(row: &'a Json, key: &str) -> Vec<&'a str> {
    let list = row.get(key).and_then(Json::as_array).into_iter().flatten();
    list.filter_map(Json::as_str).collect()
}

/// How long a lease lasts from now on.
fn left(lease: &Json, now: f64) -> String {
    lease.as_f64().map(|ends| duration(ends - now)).unwrap_or_default()
}

/// Who waits, and for how long: `ben@lab2 (2 min)`.
fn waiting(row: &Json, now: f64) -> String {
    let list = row.get("waiting").and_then(Json::as_array).into_iter().flatten();
    let one = |waiting: &Json| {
        let since = waiting["since"].as_f64().unwrap_or(now);
        format!(
            "{} ({})",
            one_line(text(&waiting["owner"], "name")),
            duration(now - since)
        )
    };
    list.map(one).collect::<Vec<_>>().join(", ")
}

/// The row with its times as programs like them.
fn to_json(row: &Json) -> Json {
    let mut row = row.clone();
    with_times(&mut row);
    for waiting in row
        .get_mut("waiting")
        .and_then(Json::as_array_mut)
        .into_iter()
        .flatten()
    {
        with_times(waiting);
    }
    row
}

fn with_times(object: &mut Json) {
    for key in ["since", "lease"] {
        if let Some(time) = object.get_mut(key) {
            *time = rfc3339(time.as_f64());
        }
    }
    if let Some(owner) = object.get_mut("owner") {
        let since = owner.get("since").and_then(Json::as_f64);
        if let Some(time) = owner.get_mut("since") {
            *time = rfc3339(since);
        }
    }
}
