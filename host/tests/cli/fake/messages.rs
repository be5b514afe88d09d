//! Messages and history of the fake.

use serde_json::{Value as Json, json};

use super::TIME;

/// The lines that a request is answered with: action, specifier and data.
pub(super) fn answers(action: &str, token: &str, data: &Json) -> Vec<(String, String, Json)> {
    let line = |action: &str, specifier: &str, data: Json| (action.to_owned(), specifier.to_owned(), data);
    let message = |specifier: &str, payload: Json, n: u64, lost: u64| {
        line(
            "_message",
            specifier,
            json!([payload, { "t": TIME + n as f64, "n": n, "lost": lost, "id": 1 }]),
        )
    };
    match (action, data["sender"].as_str()) {
        ("_subscribe", Some("stgae")) => {
            let text = "there is no device `stgae`; did you mean `stage`?";
            vec![line("error__subscribe", token, json!(["NoSuchModule", text, {}]))]
        }
        ("_subscribe", sender) => {
            let since = data["since"]
                .as_f64()
                .map_or(String::new(), |since| format!(" since {since} s"));
            let asked = format!(
                "{} {}{since}",
                data["message"].as_str().unwrap(),
                data["policy"].as_str().unwrap()
            );
            vec![
                line("_subscribed", token, json!({ "id": 1 })),
                message(&format!("{}:asked", sender.unwrap()), json!(asked), 1, 0),
                message("stage:limit_hit", json!("upper\u{1b}[31m"), 2, 0),
                message("client:ana:go", Json::Null, 3, 12),
            ]
        }
        ("_send", _) => {
            assert_eq!(data["sender"], Json::Null);
            let payload = data["payload"].to_string();
            vec![line(
                "_sent",
                token,
                json!({ "sender": "client:ann", "message": data["message"], "n": payload.len() }),
            )]
        }
        _ => {
            assert_eq!(data["since"], 300.0, "{data}");
            let path = data["path"].as_str().unwrap();
            let readings = match path {
                "gauge.pressure" => json!([
                    [11.0, { "t": TIME - 3.0 }],
                    [null, { "t": TIME - 1.0, "error": ["CommunicationFailed", "no reply within 2 s", {}] }],
                ]),
                _ => json!([[0.5, { "t": TIME - 4.0 }], [0.25, { "t": TIME - 2.0 }], [0.0, { "t": TIME }]]),
            };
            vec![line(
                "_history_is",
                token,
                json!({ "path": path, "readings": readings }),
            )]
        }
    }
}
