//! `baton break`, `baton protect` and `baton unprotect`.

use serde_json::{Value as Json, json};

use super::unless_unknown;
use super::who::{holders, no_locks, text, texts};
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::names;
use crate::cli::output::Output;

/// Breaks the lock that `holder` has on `target`, if that is still so.
pub(super) fn break_lock(client: &mut Client, holder: &str, target: &str, output: Output) -> Result<(), Failure> {
    client.introduce()?;
    let id = match holder.parse::<u64>() {
        Ok(id) => id,
        Err(_) => find(client, holder, target)?,
    };
    let broken = ask(client, "_break", json!({ "target": target, "holder": id }), target)?;
    if output.json {
        return output.object(broken);
    }
    let (targets, name) = (texts(&broken, "targets").join(", "), text(&broken["holder"], "name"));
    output.note(&format!("{targets}: the lock of {name} is broken"));
    Ok(())
}

/// The number of the holder who is called that, and has something of the target.
fn find(client: &mut Client, holder: &str, target: &str) -> Result<u64, Failure> {
    let rows = holders(client)?;
    let device = names::split(target).0;
    let locks = rows.iter().filter(|row| text(row, "kind") == "lock");
    let concerned = locks.filter(|row| {
        let covers = texts(row, "covers");
        covers
            .iter()
            .any(|covered| names::split(covered).0.eq_ignore_ascii_case(device))
    });
    let concerned: Vec<&Json> = concerned.collect();
    let is_called = |row: &&&Json| {
        let name = text(&row["owner"], "name");
        let short = name.split([',', ' ']).next().unwrap_or(name);
        [name, short, text(&row["owner"], "user")].contains(&holder)
    };
    let mut ids: Vec<u64> = concerned
        .iter()
        .filter(is_called)
        .filter_map(|row| row["owner"]["id"].as_u64())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let others: Vec<_> = concerned
        .iter()
        .map(|row| format!("{} (id {})", text(&row["owner"], "name"), row["owner"]["id"]))
        .collect();
    match (ids.as_slice(), others.as_slice()) {
        ([id], _) => Ok(*id),
        ([], []) => Err(Failure::Request(format!("{target} is not locked"))),
        ([], others) => {
            let others = others.join(", ");
            Err(Failure::Request(format!(
                "{target} is not locked by {holder}, but by {others}"
            )))
        }
        _ => {
            let text = format!(
                "{holder} has several locks on {target}; name one by its id: {}",
                others.join(", ")
            );
            Err(Failure::Request(text))
        }
    }
}

/// Protects targets from everybody.
pub(super) fn protect(
    client: &mut Client,
    targets: &[String],
    note: Option<&str>,
    permanent: bool,
    output: Output,
) -> Result<(), Failure> {
    client.introduce()?;
    let mut data = json!({ "targets": targets, "permanent": permanent });
    if let Some(note) = note {
        data["note"] = json!(note);
    }
    let what = if permanent {
        "protected until the host ends"
    } else {
        "protected"
    };
    change(client, "_protect", data, targets, what, output)
}

/// Takes protection back.
pub(super) fn unprotect(client: &mut Client, targets: &[String], output: Output) -> Result<(), Failure> {
    client.introduce()?;
    change(
        client,
        "_unprotect",
        json!({ "targets": targets }),
        targets,
        "can be written again",
        output,
    )
}

fn change(
    client: &mut Client,
    action: &'static str,
    data: Json,
    targets: &[String],
    what: &str,
    output: Output,
) -> Result<(), Failure> {
    let path = targets.join(", ");
    let changed = ask(client, action, data, &path)?;
    if output.json {
        return output.object(changed);
    }
    output.note(&format!("{path}: {what}"));
    Ok(())
}

/// Makes a request that only hosts of ours know.
fn ask(client: &mut Client, action: &'static str, data: Json, path: &str) -> Result<Json, Failure> {
    let request = client.send_custom(action, data, path)?;
    unless_unknown(client.answer(&request))?.ok_or_else(|| no_locks(client))
}
