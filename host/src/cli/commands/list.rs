//! `baton list`: every device in one line.

use serde_json::{Value as Json, json};

use crate::cli::client::{Client, Device};
use crate::cli::failure::Failure;
use crate::cli::format::{shortened, status_style};
use crate::cli::output::Output;
use crate::cli::readings::{self, Status, locked_by};
use crate::cli::table::{Cell, Table};

/// Widest status and value; who needs all of it asks `get`.
const CELL_CHARS: usize = 48;

/// Shows what the host knows now; nothing is read from the hardware for it.
pub(super) fn run(client: &mut Client, output: Output) -> Result<(), Failure> {
    let node = client.describe()?;
    client.activate(None)?;
    if output.json {
        let devices: Vec<Json> = node.devices.iter().map(|device| to_json(client, device)).collect();
        return output.object(json!({ "devices": devices }));
    }
    // Where nothing is locked, nobody looks for it.
    let any_locked = node.devices.iter().any(|device| locked_by(client, device).is_some());
    let last = if any_locked { "LOCKED BY" } else { "" };
    let mut table = Table::new(["DEVICE", "TYPE", "STATUS", "VALUE", last]);
    for device in &node.devices {
        let status = status(client, device);
        table.row([
            device.name.as_str().into(),
            device.type_name().into(),
            Cell::styled(
                status
                    .as_ref()
                    // A device that is stuck says since when, and in what.
                    .map_or("-".to_owned(), |s| shortened(&s.label(), 2 * CELL_CHARS)),
                status_style(status.as_ref().map_or("", Status::word)),
            ),
            shortened(&value(client, device), CELL_CHARS).into(),
            shortened(locked_by(client, device).unwrap_or_default(), CELL_CHARS).into(),
        ]);
    }
    output.table(&table)
}

fn status(client: &Client, device: &Device) -> Option<Status> {
    client.latest(&device.on("status")).map(Status::of)
}

fn value(client: &Client, device: &Device) -> String {
    let reading = device
        .main()
        .and_then(|main| Some((main, client.latest(&device.on(&main.wire))?)));
    match reading {
        Some((main, reading)) => readings::with_unit(main, &reading.value),
        None => "-".to_owned(),
    }
}

fn to_json(client: &Client, device: &Device) -> Json {
    let reading = device.main().and_then(|main| {
        let reading = client.latest(&device.on(&main.wire))?;
        Some(readings::to_json(&device.path(&main.name), main, reading))
    });
    let mut json = json!({
        "device": device.name,
        "type": device.type_name(),
        "class": device.class,
        "description": device.doc,
        "status": status(client, device).map(|status| status.to_json()),
        "reading": reading,
    });
    if let Some(owner) = locked_by(client, device) {
        json["locked_by"] = json!(owner);
    }
    json
}
