//! What the fake has to say that never changes.

use serde_json::{Value as Json, json};

use super::TIME;

/// Everything that is updated after activation.
pub(super) const ACCESSIBLES: [&str; 12] = [
    "stage:value",
    "stage:status",
    "stage:target",
    "stage:target_limits",
    "stage:_velocity",
    "shutter:value",
    "shutter:status",
    "shutter:target",
    "pump:value",
    "pump:status",
    "gauge:value",
    "gauge:status",
];

/// The description; of a foreign node, without what only our hosts say.
pub(super) fn description(foreign: bool) -> Json {
    let description = serde_json::from_str(include_str!("description.json")).unwrap();
    if foreign { plain(description) } else { description }
}

pub(super) fn stop_report() -> Json {
    json!({ "devices": [
        { "device": "stage", "outcome": "stopped", "error": null, "elapsed": 0.012 },
        { "device": "pump", "outcome": "failed", "error": "no reply within 2 s", "elapsed": 2.0 },
        { "device": "gauge", "outcome": "nothing to stop", "error": null, "elapsed": 0.0 },
    ] })
}

pub(super) fn status() -> Json {
    json!({
        "lab": "quickstart", "version": "0.1.0", "pid": 4711, "since": TIME, "config": "/lab/lab.toml",
        "listen": ["127.0.0.1:10767", "unix:/run/baton.sock"], "execution": "threaded",
        "devices": { "total": 4, "up": 3 },
        "down": [{ "device": "gauge", "since": TIME, "cause": "no reply within 2 s" }],
        "connections": 2, "drivers": 1, "calls": { "done": 10, "failed": 1, "pending": 0 },
        "stuck": [{ "worker": "pump", "since": 1_700_000_000.25, "inside": "write of pump.flow" }],
    })
}

/// What is known of a device beside its description, three seconds after its last reading.
pub(super) fn device(name: &str) -> Json {
    let limits = json!([
        { "lower": -10.0, "upper": 100.0, "whose": "driver" },
        { "lower": 0.0, "upper": 50.0, "whose": "lab.toml:12:14" },
    ]);
    json!({
        "device": name, "now": TIME + 3.0, "origin": "lab.toml:10:10", "type": "motor", "controller": null,
        "driver": { "name": "sim", "version": "1.0", "file": "/lab/drivers/libsim.so", "hash": "0123456789abcdef" },
        "generation": 2, "status": { "code": 100, "text": "", "since": TIME },
        "connection": { "state": "up", "since": TIME },
        "counters": { "calls": 120, "errors": 1, "timeouts": 0, "reconnects": 1 }, "on_exit": "stop",
        "parameters": [{ "name": "position", "limits": limits }],
        "messages": [{ "name": "limit_hit", "doc": "It has run into a switch", "payload": "text" }],
    })
}

pub(super) fn drivers() -> Json {
    json!({ "drivers": [
        { "file": "/lab/drivers/libsim.so", "name": "sim", "version": "1.0", "state": "ok", "reason": null,
          "plugin_api": "0.1.0", "rustc": "1.95.0", "hash": "00", "devices": ["motor", "pump"],
          "controllers": ["rack"], "warnings": ["the folder is writable by its group"] },
        { "file": "/lab/drivers/notes.txt", "name": null, "version": null, "state": "refused",
          "reason": "not a shared library", "devices": [], "controllers": [], "warnings": [] },
    ] })
}

/// A description without our properties.
fn plain(mut description: Json) -> Json {
    let is_standard = |name: &String, _: &mut Json| !name.starts_with('_');
    for module in description["modules"].as_object_mut().unwrap().values_mut() {
        module.as_object_mut().unwrap().retain(is_standard);
        for accessible in module["accessibles"].as_object_mut().unwrap().values_mut() {
            accessible.as_object_mut().unwrap().retain(is_standard);
        }
    }
    description
}
