//! The logs of the fake, and the settings that it takes.

use serde_json::{Value as Json, json};

use super::TIME;

/// The lines that a request is answered with: action and data.
pub(super) fn answers(action: &str, data: &Json) -> Vec<(String, Json)> {
    let line = |action: &str, data: Json| (action.to_owned(), data);
    let mut lines = Vec::new();
    match action {
        "_log" if data["devices"] == json!(["stgae"]) => {
            let text = "there is no device `stgae`; did you mean `stage`?";
            lines.push(line("error__log", json!(["NoSuchModule", text, {}])));
        }
        "_log" => {
            let said: Vec<Json> = match data["level"] == "info" {
                true => vec![logged("warn", "gauge", 0.0), logged("info", "gauge", 1.0)],
                false => Vec::new(),
            };
            lines.push(line(
                "_log_is",
                json!({ "lines": said, "more": false, "level": "info", "id": 1 }),
            ));
            if data["follow"] == true {
                lines.push(line("_logged", logged("error", "stage", 2.0)));
                lines.push(line("_logged", json!({ "lost": 3 })));
                lines.push(line("_logged", logged("trace", "stage", 3.0)));
            }
        }
        "_audit" if data["owner"] == "nobody" => {
            lines.push(line(
                "_audit_is",
                json!({ "file": "/lab/audit.jsonl", "entries": [], "more": false }),
            ));
        }
        _ => {
            let entries = json!([
                entry("write", "stage.position", "done", 0),
                json!({ "time": "2023-11-14T22:13:20.500000000Z", "event": "lost", "count": 12 }),
                entry("lock", "pump, stage.velocity", "refused", 1),
            ]);
            let answer = json!({ "file": "/lab/audit.jsonl", "entries": entries, "more": data["limit"] == 2, "id": 2 });
            lines.push(line("_audit_is", answer));
            if data["follow"] == true {
                lines.push(line("_audited", entry("stop", "stage", "done", 2)));
            }
        }
    }
    lines
}

fn logged(level: &str, device: &str, after: f64) -> Json {
    json!({ "t": TIME + after, "level": level, "device": device, "text": format!("{device} says something\u{7}") })
}

fn entry(event: &str, path: &str, outcome: &str, after: u32) -> Json {
    let (old, new) = if event == "write" {
        (json!(1.0), json!(2.5))
    } else {
        (Json::Null, Json::Null)
    };
    let error = (outcome == "refused").then_some("stage is locked by ben");
    json!({
        "time": format!("2023-11-14T22:13:2{after}.250000000Z"), "event": event, "owner": "ann@lab2", "owner_id": 7,
        "path": path, "old": old, "new": new, "outcome": outcome, "error": error, "elapsed": 0.5,
    })
}
