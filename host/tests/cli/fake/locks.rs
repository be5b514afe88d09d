//! Locks, as the fake knows them: the shutter is Ann's and becomes free at once, the pump is lost as soon as it is locked.

use serde_json::{Value as Json, json};

use super::TIME;

/// The lines that a request is answered with: action and data.
pub(super) fn answers(action: &str, data: &Json) -> Vec<(String, Json)> {
    let targets = data["targets"].clone();
    let line = |action: &str, data: Json| (action.to_owned(), data);
    match action {
        "_lock" if targets == json!(["shutter"]) && data["queue"] == true => vec![
            line(
                "_queued",
                json!({ "text": "shutter is locked by ann@lab2, for 3 min (\"beam on\")", "waiting_for": {} }),
            ),
            line("_locked", locked(data)),
        ],
        "_lock" if targets == json!(["shutter"]) => {
            let detail = json!({ "locked_by": { "target": "shutter", "owner": { "id": 17, "name": "ann@lab2" } } });
            vec![line(
                "error__lock",
                json!([
                    "IsBusy",
                    "shutter is locked by ann@lab2, for 3 min (\"beam on\")",
                    detail
                ]),
            )]
        }
        "_lock" if targets == json!(["pump"]) => {
            let how = if data["lease"].is_null() { "broken" } else { "expired" };
            let text = format!("pump: the lock was {how}");
            vec![
                line("_locked", locked(data)),
                line("_lost", json!({ "targets": ["pump"], "how": how, "text": text })),
            ]
        }
        "_lock" => vec![line("_locked", locked(data))],
        "_unlock" => vec![line("_unlocked", json!({ "targets": [], "withdrawn": false }))],
        "_who" => vec![line("_holders", who())],
        "_break" if data["holder"] == 17 => {
            let holder = json!({ "id": 17, "name": "ann@lab2, scan.py, pid 4711" });
            vec![line(
                "_broken",
                json!({ "targets": [data["target"]], "holder": holder }),
            )]
        }
        "_break" => vec![line(
            "error__break",
            json!(["Impossible", "stage is not locked, so there is nothing to break", {}]),
        )],
        "_protect" => vec![line(
            "_protected",
            json!({ "targets": targets, "permanent": data["permanent"] }),
        )],
        _ => vec![line("_unprotected", json!({ "targets": targets }))],
    }
}

fn locked(data: &Json) -> Json {
    assert_eq!(data["keepalive"], 15.0);
    json!({ "targets": data["targets"], "owner": {}, "since": TIME, "note": data["note"], "lease": null })
}

fn who() -> Json {
    let owner = |id: u64, name: &str| json!({ "id": id, "name": name, "user": null, "since": TIME });
    json!([
        {
            "kind": "lock", "targets": ["shutter", "pump.flow"], "covers": ["shutter", "pump.flow"],
            "owner": owner(17, "ann@lab2, scan.py, pid 4711"), "since": TIME, "note": "beam on", "lease": null,
            "running": ["write of shutter.state"],
            "waiting": [{ "owner": owner(18, "ben@lab1 (claimed)"), "targets": ["shutter"], "since": TIME, "note": null }],
        },
        {
            "kind": "lock", "targets": ["pump.rate"], "covers": ["pump.rate"], "owner": owner(19, "ann@lab2, notebook, pid 9"),
            "since": TIME, "note": null, "lease": null, "running": [], "waiting": [],
        },
        {
            "kind": "protected", "targets": ["gauge"], "covers": ["gauge"], "owner": owner(20, "eve@lab1"), "since": TIME,
            "note": null, "lease": null, "running": [], "waiting": [],
        },
    ])
}
