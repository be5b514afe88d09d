//! Limits, zero and re-opening, as the fake takes them.

use serde_json::{Value as Json, json};

use super::TIME;

/// What the limits of the stage are before anybody narrows them.
pub(super) fn known_limits() -> Json {
    json!([[0.0, 45.0], { "t": TIME, "_origin": ["driver", "config at lab.toml:12:14"] }])
}

/// The answer to a change of limits.
pub(super) fn limits(asked: &Json) -> (&'static str, Json) {
    let number = |bound: &Json, none: f64| match bound.as_str() {
        Some(text) => text.strip_suffix(" cm").unwrap().parse::<f64>().unwrap() * 10.0,
        None => bound.as_f64().unwrap_or(none),
    };
    let (lower, upper) = (number(&asked[0], 0.0), number(&asked[1], 45.0));
    if lower > upper {
        let text = format!("stage.position: {lower} mm to {upper} mm are reversed");
        return ("error_change", json!(["RangeError", text, {}]));
    }
    let mut qualifiers = json!({ "t": TIME, "_origin": "user ann@lab2" });
    if lower < 0.0 {
        qualifiers["_warnings"] = json!(["the lower limit of the driver, 0 mm, is narrower"]);
    }
    ("changed", json!([[lower.max(0.0), upper], qualifiers]))
}

/// The answer to `_set_zero` and `_reopen`.
pub(super) fn answer(action: &str, data: &Json) -> (&'static str, Json) {
    match (action, data["path"].as_str(), data["device"].as_str()) {
        ("_set_zero", Some("stage.position"), _) => {
            let value = match data["value"].as_str() {
                Some(text) => text.strip_suffix(" mm").unwrap().parse().unwrap(),
                None => data["value"].as_f64().unwrap(),
            };
            let reading = json!([value, { "t": TIME }]);
            (
                "_zero",
                json!({ "path": "stage.position", "reading": reading, "zero": 2.0 - value }),
            )
        }
        ("_set_zero", path, _) => {
            let text = format!("{} cannot be given a zero", path.unwrap());
            ("error__set_zero", json!(["ReadOnly", text, {}]))
        }
        (_, _, Some("gauge")) => {
            let text = "gauge is not connected: no reply within 2 s";
            ("error__reopen", json!(["CommunicationFailed", text, done(data)]))
        }
        (_, _, device) if data["abandon"] == true => {
            let mut done = done(data);
            done["device"] = json!(device);
            ("_reopened", done)
        }
        (_, _, device) => ("_reopened", json!({ "device": device })),
    }
}

/// What was done before a device was opened again: the pump's worker hung, and the gauge has a process of its own.
fn done(data: &Json) -> Json {
    if data["abandon"] != true {
        return json!({});
    }
    let behind = json!({ "worker": "pump", "since": 1_700_000_000.25, "inside": "read of pump.flow" });
    json!({
        "left_behind": if data["device"] == "pump" { behind } else { Json::Null },
        "killed": data["device"] == "gauge",
    })
}
