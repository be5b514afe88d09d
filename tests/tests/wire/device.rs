//! What is known of a device beside its description.

use serde_json::json;

use crate::client::{Host, STAGE, data};

#[test]
fn a_device_tells_whose_its_limits_are_and_what_was_counted() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    let mut ask = |line: &str| data(&client.ask(line));
    let before = ask(r#"_device a {"device":"Stage"}"#);
    assert_eq!(before["device"], "stage");
    assert_eq!(
        (&before["generation"], &before["counters"]["reconnects"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&before["connection"]["state"], &before["driver"]["name"]),
        (&json!("up"), &json!("sim"))
    );
    let limits = before["parameters"][0]["limits"].as_array().unwrap().clone();
    assert_eq!(limits.last().unwrap()["upper"], 50.0);
    assert!(
        limits.last().unwrap()["whose"]
            .as_str()
            .unwrap()
            .starts_with("lab.toml:"),
        "{limits:?}"
    );
    assert_eq!(limits[0]["whose"], "driver");
    ask("change stage:_fault_on \"read\"");
    ask("change stage:_fault \"drop_connection\"");
    ask("read stage:value");
    // It is opened again by itself, before anything else is read of it.
    ask("read stage:_velocity");
    let after = ask(r#"_device b {"device":"stage"}"#);
    assert!(after["counters"]["errors"].as_u64() >= Some(1), "{after}");
    assert_eq!(
        (&after["generation"], &after["counters"]["reconnects"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(ask("_device c {}")[0], "ProtocolError");
    assert_eq!(ask(r#"_device d {"device":"stge"}"#)[0], "NoSuchModule");
}
