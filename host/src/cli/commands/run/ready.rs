//! What a host says once its devices have been tried.
//!
//! It serves before that: a device that is slow to open holds up nobody who wants another.

use std::time::Duration;

use baton_plugin_api::StatusCode;
use serde_json::json;

use crate::{
    cli::{
        commands::check::count,
        failure::Failure,
        format::status_style,
        output::Output,
        systemd,
        table::{Cell, Table},
    },
    config::Execution,
    device::Device,
    lab::Lab,
    plugin::{Drivers, State},
};

/// How long the table waits for devices that are slow to open; they go on opening.
const OPENING: Duration = Duration::from_secs(5);
/// The same where all of them have to be there.
const OPENING_ALL: Duration = Duration::from_secs(60);

/// Says what runs as soon as every device has been tried, or after a while, and tells systemd. Does not wait for it.
pub(super) fn announce(lab: &Lab, addresses: Vec<String>, output: Output) -> Result<(), Failure> {
    let is_inline = lab.execution() == Execution::Inline;
    let lab = lab.clone();
    let say = move || {
        lab.wait_ready(OPENING);
        introduce(&lab, &addresses, output)?;
        let status = lab.status();
        let (up, total) = (status.devices.up, status.devices.total);
        systemd::ready(&format!("{} {up}/{total} devices", status.state));
        Ok(())
    };
    if is_inline {
        // All have been tried, and no thread is started.
        return say();
    }
    let said = std::thread::Builder::new()
        .name("baton ready".to_owned())
        .spawn(move || {
            // Whoever has closed our output reads nothing more, and that is no reason to end.
            let _ = say();
        });
    said.map(drop)
        .map_err(|error| Failure::Request(format!("no thread: {error}")))
}

/// Waits until every device is open.
///
/// # Errors
/// If one cannot be opened at the first try, or not within a minute. All of them are told, and the lab is closed.
pub(super) fn demand_all(lab: &Lab, output: Output) -> Result<(), Failure> {
    lab.wait_ready(OPENING_ALL);
    let status = lab.status();
    if status.devices.up == status.devices.total {
        return Ok(());
    }
    for down in &status.down {
        output.error(&format!("{}: {}", down.device, down.cause));
    }
    for device in &status.opening {
        output.error(&format!("{device}: it is not open after {} s", OPENING_ALL.as_secs()));
    }
    for stuck in &status.stuck {
        output.error(&format!("{}: it is stuck in {}", stuck.worker, stuck.inside));
    }
    lab.close();
    let (up, total) = (status.devices.up, status.devices.total);
    Err(Failure::Request(format!(
        "degraded {up}/{total}, and --require-all wants all devices"
    )))
}

/// Says what runs, where, and with which drivers and devices.
fn introduce(lab: &Lab, addresses: &[String], output: Output) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if output.json {
        return output.object(json!({
            "version": version,
            "lab": lab.config().name,
            "pid": std::process::id(),
            "listen": addresses,
            "status": lab.status(),
            "drivers": lab.drivers().rows(),
        }));
    }
    let status = lab.status();
    let devices = match status.state {
        "ok" => count(status.devices.total, "device"),
        state => format!("{state} {}/{} devices", status.devices.up, status.devices.total),
    };
    output.line(&format!(
        "baton {version}   lab \"{}\"   {devices}   secop {}",
        lab.config().name,
        addresses.join("  ")
    ))?;
    output.table(&drivers_table(lab.drivers()))?;
    output.table(&devices_table(lab))
}

fn drivers_table(drivers: &Drivers) -> Table {
    let mut table = Table::bare();
    for row in drivers.rows().iter().filter(|row| row.state != State::NotADriver) {
        let offers: Vec<&str> = row.devices.iter().chain(&row.controllers).map(String::as_str).collect();
        let note = row.reason.clone().unwrap_or_else(|| offers.join(" "));
        table.row([
            format!("  {}", row.name.as_deref().unwrap_or("-")).into(),
            row.version.clone().unwrap_or_else(|| "-".to_owned()).into(),
            row.state.name().into(),
            shorten(&row.file.display().to_string()).into(),
            note.into(),
        ]);
    }
    table
}

/// A path from here, where it lies below the current folder.
fn shorten(file: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    match std::path::Path::new(file).strip_prefix(&here) {
        Ok(below) => below.display().to_string(),
        Err(_) => file.to_owned(),
    }
}

fn devices_table(lab: &Lab) -> Table {
    let mut table = Table::new(["  DEVICE", "TYPE", "STATUS", "VALUE"]);
    for device in lab.devices() {
        let config = device.config();
        let (status, _) = device.status();
        let style = status_style(status.code.word());
        table.row([
            format!("  {}", device.name()).into(),
            format!("{}/{}", config.driver, config.device_type).into(),
            Cell::styled(status.code.word(), style),
            value(device, status.code, &status.text).into(),
        ]);
    }
    table
}

/// The value of a device, or what keeps it from having one.
fn value(device: &Device, code: StatusCode, text: &str) -> String {
    let main = device.main().and_then(|main| Some((main, device.last(main.index())?)));
    match main {
        Some((main, Ok(reading))) if code != StatusCode::Error => main.format(&reading.value),
        Some(_) | None if !text.is_empty() => text.to_owned(),
        _ => "-".to_owned(),
    }
}
