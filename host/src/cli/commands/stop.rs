//! `baton stop`: ends what moves, whoever began it and whoever holds a lock.

use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use serde_json::{Value as Json, json};

use super::unless_unknown;
use crate::cli::client::{Client, Device, REPLY_TIMEOUT};
use crate::cli::failure::Failure;
use crate::cli::names;
use crate::cli::output::Output;
use crate::cli::table::{Cell, Table};

/// What became of the order to stop one device.
struct Stopped {
    device: String,
    outcome: String,
    error: Option<String>,
    elapsed: f64,
}

/// Stops every device of the lab.
pub(super) fn all(client: &mut Client, output: Output) -> Result<(), Failure> {
    // First of all the order itself, and whose it is; what there is to stop is the host's to know.
    client.introduce()?;
    let report = match unless_unknown(client.custom("_stop_all", json!({})))? {
        Some(data) => data
            .get("devices")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .map(Stopped::parse)
            .collect(),
        None => {
            let node = client.describe()?;
            let devices: Vec<&Device> = node.devices.iter().filter(|device| device.has_stop()).collect();
            stop(client, &devices)?
        }
    };
    write(&report, output)
}

/// Stops the devices of these names.
pub(super) fn some(client: &mut Client, names: &[String], output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    // A wrong name must not keep the right ones moving: all that are known are stopped first.
    let found: Vec<_> = names.iter().map(|name| names::device(&node, name)).collect();
    let known: Vec<&Device> = found
        .iter()
        .filter_map(|device| device.as_ref().ok().copied())
        .collect();
    let report = stop(client, &known)?;
    let written = match known.is_empty() {
        true => Ok(()),
        false => write(&report, output),
    };
    match found.into_iter().find_map(Result::err) {
        Some(failure) => Err(failure),
        None => written,
    }
}

/// Sends all orders, and only then waits for what they say.
fn stop(client: &mut Client, devices: &[&Device]) -> Result<Vec<Stopped>, Failure> {
    let started = Instant::now();
    let mut requests = Vec::new();
    for device in devices {
        requests.push(client.send("do", &device.on("stop"), Json::Null, &device.name)?);
    }
    let deadline = Some(started + REPLY_TIMEOUT);
    let mut report = Vec::new();
    for (device, request) in devices.iter().zip(&requests) {
        let error = match client.reply(request, deadline, &mut |_| {}) {
            Ok(_) => None,
            Err(failure @ Failure::Gone { .. }) => return Err(failure),
            Err(Failure::Remote { error, .. }) => Some(format!("{} ({})", error.text, error.class)),
            Err(failure) => Some(failure.to_string()),
        };
        report.push(Stopped::new(&device.name, error, started.elapsed()));
    }
    Ok(report)
}

fn write(report: &[Stopped], output: Output) -> Result<(), Failure> {
    if output.json {
        let devices: Vec<Json> = report.iter().map(Stopped::to_json).collect();
        output.object(json!({ "devices": devices }))?;
    } else {
        let mut table = Table::new(["DEVICE", "OUTCOME", "ELAPSED", "ERROR"]);
        for stopped in report {
            table.row(stopped.row());
        }
        output.table(&table)?;
    }
    match report.iter().any(Stopped::has_failed) {
        true => Err(Failure::Told(1)),
        false => Ok(()),
    }
}

impl Stopped {
    fn new(device: &str, error: Option<String>, elapsed: Duration) -> Stopped {
        Stopped {
            device: device.to_owned(),
            outcome: if error.is_some() { "failed" } else { "stopped" }.to_owned(),
            error,
            elapsed: elapsed.as_secs_f64(),
        }
    }

    fn parse(row: &Json) -> Stopped {
        let text = |key: &str| row.get(key).and_then(Json::as_str).map(str::to_owned);
        Stopped {
            device: text("device").unwrap_or_default(),
            outcome: text("outcome").unwrap_or_default(),
            error: text("error"),
            elapsed: row.get("elapsed").and_then(Json::as_f64).unwrap_or(0.0),
        }
    }

    /// Whether the device may still be moving.
    fn has_failed(&self) -> bool {
        !matches!(self.outcome.as_str(), "stopped" | "nothing to stop")
    }

    fn row(&self) -> [Cell; 4] {
        let style = match self.has_failed() {
            true => AnsiColor::Red.on_default().bold(),
            false => Style::new(),
        };
        [
            self.device.as_str().into(),
            Cell::styled(&self.outcome, style),
            format!("{:.3} s", self.elapsed).into(),
            self.error.as_deref().unwrap_or_default().into(),
        ]
    }

    fn to_json(&self) -> Json {
        json!({
            "device": self.device, "outcome": self.outcome, "error": self.error, "elapsed": self.elapsed,
        })
    }
}
