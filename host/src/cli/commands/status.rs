//! `baton status`: how the host is doing.

use serde_json::{Value as Json, json};

use super::unless_unknown;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::format::{local_time, one_line};
use crate::cli::output::Output;

/// Writes what the host says of itself, or what any SECoP node tells.
pub(super) fn run(client: &mut Client, output: Output) -> Result<(), Failure> {
    let address = client.address().to_string();
    let facts = match unless_unknown(client.custom("_status", json!({})))? {
        Some(status) if output.json => return output.object(status),
        Some(status) => of_host(&address, &status),
        None => {
            let node = client.describe()?;
            let facts = json!({
                "address": address, "equipment_id": node.equipment_id, "firmware": node.firmware,
                "description": node.description, "protocol": client.ident(), "devices": node.devices.len(),
            });
            if output.json {
                return output.object(facts);
            }
            output.note("this is a SECoP node, but no Baton host; it tells only this much");
            let fields = facts.as_object().into_iter().flatten();
            fields
                .map(|(name, value)| (name.replace('_', " "), plain(value)))
                .collect()
        }
    };
    for (name, fact) in facts {
        let fact = one_line(&fact);
        output.line(format!("{name:<12}  {fact}").trim_end())?;
    }
    Ok(())
}

fn of_host(address: &str, status: &Json) -> Vec<(String, String)> {
    let part = |pointer: &str| status.pointer(pointer).map(plain).unwrap_or_else(|| "-".to_owned());
    let list = |name: &str| status.get(name).and_then(Json::as_array).into_iter().flatten();
    let since = |item: &Json| local_time(item.get("since").and_then(Json::as_f64));
    let listen: Vec<String> = list("listen").map(plain).collect();
    let calls = format!(
        "{} done, {} failed, {} pending",
        part("/calls/done"),
        part("/calls/failed"),
        part("/calls/pending")
    );
    let mut facts = vec![
        ("lab", part("/lab")),
        (
            "host",
            format!(
                "baton {}, pid {}, since {}",
                part("/version"),
                part("/pid"),
                since(status)
            ),
        ),
        ("address", address.to_owned()),
        ("listens at", listen.join(", ")),
        ("config", part("/config")),
        ("execution", part("/execution")),
        ("devices", devices(status)),
    ];
    for opening in list("opening") {
        facts.push(("  opening", plain(opening)));
    }
    for down in list("down") {
        let name = down.get("device").map(plain).unwrap_or_default();
        let cause = down.get("cause").map(plain).unwrap_or_default();
        facts.push(("  down", format!("{name} since {}: {cause}", since(down))));
    }
    facts.extend([
        ("drivers", part("/drivers")),
        ("connections", part("/connections")),
        ("locks", locks(&part("/locks"))),
        ("calls", calls),
    ]);
    if status.get("audit").is_some() {
        let problem = match (part("/audit/error").as_str(), part("/audit/lost").as_str()) {
            ("-", "0") => String::new(),
            ("-", lost) => format!("; {lost} entries are missing"),
            (error, lost) => format!("; cannot be written: {error}; {lost} entries are missing"),
        };
        facts.push(("audit log", format!("{}{problem}", part("/audit/file"))));
    }
    for process in list("processes") {
        facts.push(("  process", of_process(process)));
    }
    for stuck in list("stuck") {
        let text = |name: &str| stuck.get(name).map(plain).unwrap_or_default();
        let fact = format!("{} since {}: in {}", text("worker"), since(stuck), text("inside"));
        facts.push(("  stuck", fact));
    }
    for behind in list("left_behind") {
        let text = |name: &str| behind.get(name).map(plain).unwrap_or_default();
        let fact = format!("{} since {}: in {}", text("worker"), since(behind), text("inside"));
        facts.push(("  behind", fact));
    }
    facts.into_iter().map(|(name, fact)| (name.to_owned(), fact)).collect()
}

/// `20 of 20 up`, or `degraded 18/20`.
fn devices(status: &Json) -> String {
    let part = |pointer: &str| status.pointer(pointer).map_or_else(|| "-".to_owned(), plain);
    let (up, total) = (part("/devices/up"), part("/devices/total"));
    match part("/state").as_str() {
        state @ ("degraded" | "opening") => format!("{state} {up}/{total}"),
        _ => format!("{up} of {total} up"),
    }
}

/// `stage: pid 4711, started 3 times; its process was killed by SIGSEGV`
fn of_process(process: &Json) -> String {
    let number = |name: &str| process.get(name).and_then(Json::as_u64).unwrap_or_default();
    let worker = process.get("worker").map(plain).unwrap_or_default();
    let pid = match process.get("pid").and_then(Json::as_u64) {
        Some(pid) => format!("pid {pid}"),
        None => "not running".to_owned(),
    };
    let deaths = match number("deaths") {
        0 => String::new(),
        deaths => format!(", started {} times, died {deaths} times", number("starts")),
    };
    let last = process
        .get("last_death")
        .map(|last| format!("; {}", plain(last)))
        .unwrap_or_default();
    format!("{worker}: {pid}{deaths}{last}")
}

fn locks(count: &str) -> String {
    match count {
        "-" | "0" => count.to_owned(),
        count => format!("{count}; see: baton who"),
    }
}

/// A JSON value as text, without the quotes of a string; what an object says, one thing after the other.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "-".to_owned(),
        Json::Object(fields) => {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{name} {}", plain(value)))
                .collect();
            fields.join(", ")
        }
        other => other.to_string(),
    }
}
