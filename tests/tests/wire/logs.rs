//! The host's log and the audit log over the wire, read back and followed.

use std::{path::Path, sync::OnceLock};

use baton_host::log::Log;
use baton_tests::lab::lab;
use expect_test::expect;
use serde_json::{Value as Json, json};
use tracing_subscriber::layer::SubscriberExt;

use crate::client::{Client, Host, STAGE, data};

/// The log of this process, which all tests in it share: each looks at a device of its own name.
fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::new(tracing::Level::INFO);
        let subscriber = tracing_subscriber::registry().with(log.layer());
        tracing::subscriber::set_global_default(subscriber).expect("no test has set another");
        log
    })
}

fn host(devices: &str) -> Host {
    Host::start_with(lab(devices), None, |server| server.with_log(log()))
}

/// Loses the device's connection, which the host logs, and logs again when it is back.
fn lose(host: &Host, device: &str) {
    let mut client = host.connect();
    client.ask(&format!("change {device}:_fault_on \"read\""));
    client.ask(&format!("change {device}:_fault \"drop_connection\""));
    // A poll may have met the fault before this does.
    client.ask(&format!("read {device}:value"));
    // A virtual clock stands still while nobody waits for anything, and so would the device.
    client.ask(&format!("_reopen r {{\"device\":\"{device}\"}}"));
}

/// The lines up to one with this in it.
fn until_text<W: std::io::Write>(client: &mut Client<W>, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains(text)) {
        lines.push(client.line());
    }
    lines
}

#[test]
fn logging_sends_what_is_logged_about_a_module_until_it_is_off() {
    let host = host(&STAGE.replace("devices.stage", "devices.logged"));
    let (mut client, mut other) = (host.connect(), host.connect());
    let levels = client.talk(
        r#"logging logged "loud"
        logging elsewhere "info"
        logging logged "info"
        logging logged:target "debug"
        logging  "error"
        logging logged "comlog"
        logging logged false
        logging LOGGED "warning""#,
    );
    expect![[r#"
        > logging logged "loud"
        < error_logging logged ["ProtocolError","\"loud\" is no level: expected \"error\", \"warning\", \"info\", \"comlog\", \"debug\" or \"off\"",{}]
        > logging elsewhere "info"
        < error_logging elsewhere ["NoSuchModule","there is no device `elsewhere`",{}]
        > logging logged "info"
        < logging logged "info"
        > logging logged:target "debug"
        < logging logged "debug"
        > logging  "error"
        < logging  "error"
        > logging logged "comlog"
        < logging logged "comlog"
        > logging logged false
        < logging logged false
        > logging LOGGED "warning"
        < logging logged "warning"
    "#]]
    .assert_eq(&levels);
    other.ask("logging logged \"info\"");
    lose(&host, "logged");
    let lines = until_text(&mut other, "is back");
    assert!(lines[0].starts_with("log logged:warning \"logged"), "{lines:?}");
    assert!(
        lines
            .last()
            .unwrap()
            .starts_with("log logged:info \"logged is back after "),
        "{lines:?}"
    );
    // Less was asked for here; and then nothing.
    let lines = until_text(&mut client, "log logged:warning");
    assert!(
        !lines.iter().any(|line| line.starts_with("log logged:info")),
        "{lines:?}"
    );
    assert_eq!(client.ask("logging logged \"off\""), "logging logged \"off\"");
    lose(&host, "logged");
    until_text(&mut other, "is back");
    client.send("ping x");
    let lines = client.until("pong x");
    assert!(!lines.iter().any(|line| line.starts_with("log ")), "{lines:?}");
}

#[test]
fn a_host_without_a_log_says_that_logging_stays_off() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    assert_eq!(client.ask("logging stage \"debug\""), "logging stage \"off\"");
    assert_eq!(data(&client.ask("_log x {}"))[0], "Impossible");
}

#[test]
fn the_log_is_read_back_filtered_and_followed() {
    let host = host(&STAGE.replace("devices.stage", "devices.followed"));
    let mut client = host.connect();
    lose(&host, "followed");
    until_log(&mut client, "followed");
    let log = data(&client.ask(r#"_log a {"devices":["Followed"]}"#));
    let line = &log["lines"][0];
    assert_eq!(
        (&line["device"], &line["level"]),
        (&json!("followed"), &json!("warn")),
        "{log}"
    );
    assert!(
        line["t"].is_f64() && line["text"].as_str().unwrap().starts_with("followed"),
        "{log}"
    );
    assert_eq!(
        (&log["more"], &log["level"], &log["id"]),
        (&json!(false), &json!("info"), &Json::Null)
    );
    let log = data(&client.ask(r#"_log a {"devices":["followed"],"level":"error"}"#));
    assert_eq!(log["lines"], json!([]));
    let log = data(&client.ask(r#"_log a {"devices":["followed"],"since":0}"#));
    assert_eq!(log["lines"], json!([]));
    let followed = data(&client.ask(r#"_log mine {"devices":["followed"],"limit":0,"follow":true}"#));
    assert_eq!((&followed["lines"], &followed["more"]), (&json!([]), &json!(true)));
    lose(&host, "followed");
    let lines = until_text(&mut client, "is back");
    assert!(
        lines.iter().all(|line| line.starts_with("_logged mine {\"t\":")),
        "{lines:?}"
    );
    let id = &followed["id"];
    assert_eq!(
        client.ask(&format!("_unsubscribe u {{\"id\":{id}}}")),
        format!("_unsubscribed u {{\"id\":{id}}}")
    );
    let wrong = client.talk(
        r#"_unsubscribe u {"id":999}
        _log x {"devices":["folowed"]}
        _log x {"level":"loud"}
        _log x {"levels":"info"}"#,
    );
    expect![[r#"
        > _unsubscribe u {"id":999}
        < error__unsubscribe u ["Impossible","this connection follows nothing with the id 999",{}]
        > _log x {"devices":["folowed"]}
        < error__log x ["NoSuchModule","there is no device `folowed`; did you mean `followed`?",{}]
        > _log x {"level":"loud"}
        < error__log x ["ProtocolError","`loud` is no level: expected error, warn, info, debug or trace",{}]
        > _log x {"levels":"info"}
        < error__log x ["ProtocolError","_log: unknown field `levels`, expected one of `devices`, `level`, `wire`, `since`, `limit`, `follow`",{}]
    "#]]
    .assert_eq(&wrong);
}

#[test]
fn w4_what_is_followed_waits_while_an_answer_of_ours_is_owed() {
    let host = host(&STAGE.replace("devices.stage", "devices.held"));
    let (mut client, mut other) = (host.connect(), host.connect());
    client.ask("logging held \"info\"");
    client.ask(r#"_log mine {"devices":["held"],"limit":0,"follow":true}"#);
    client.send(r#"_wait_for w {"path":"held.referenced","value":true}"#);
    client.send("ping sent");
    assert!(client.line().starts_with("pong"));
    lose(&host, "held");
    // It has been logged; the client is not told before it has its answer.
    until_log(&mut other, "held");
    client.send("ping still");
    assert!(client.line().starts_with("pong still"));
    assert!(other.ask("do held:_home").starts_with("done"));
    let lines = until_text(&mut client, "_logged mine");
    assert!(lines[0].starts_with("_reached w "), "{lines:?}");
    assert!(lines.len() > 1, "{lines:?}");
}

/// Asks for the log until it says that the device is back.
fn until_log<W: std::io::Write>(client: &mut Client<W>, device: &str) {
    while !client
        .ask(&format!("_log u {{\"devices\":[\"{device}\"]}}"))
        .contains("is back")
    {}
}

fn audited(path: &Path) -> Host {
    Host::start(&format!(
        "audit = {:?}\npoll = \"0 s\"\n{STAGE}",
        path.display().to_string()
    ))
}

/// `event path outcome: error`
fn shown(entry: &Json) -> String {
    let text = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {}: {}",
        text("event"),
        text("path"),
        text("outcome"),
        text("error")
    )
}

#[test]
fn x5_the_audit_log_is_read_back_with_what_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let host = audited(&folder.path().join("audit.jsonl"));
    let (mut ana, mut ben) = (host.connect(), host.connect());
    ana.ask(r#"_introduce i {"user":"ana"}"#);
    ben.ask(r#"_introduce i {"user":"ben"}"#);
    ana.ask(r#"_lock l {"targets":["stage"],"note":"mine"}"#);
    ben.ask(r#"_lock l {"targets":["stage:value"]}"#);
    ben.ask(r#"_lock l {"targets":["stage"],"wait":0.05}"#);
    ben.ask(r#"_lock l {"targets":["stgae"]}"#);
    ben.ask(r#"_break b {"target":"stage","holder":999999}"#);
    ben.ask("change stage:target 1");
    ben.ask("change stage:value 1");
    ben.ask("change stgae:target 1");
    ben.ask("do stage:_hoem");
    ana.ask("change stage:_velocity 5");
    let all = data(&ben.ask("_audit a {}"));
    let entries = |answer: &Json| -> String {
        let list = answer["entries"].as_array().unwrap();
        list.iter().map(|entry| format!("{}\n", mask(&shown(entry)))).collect()
    };
    expect![[r#"
        lock stage done: -
        lock stage.position refused: stage.position is not free: stage is locked by ana (claimed), for _ ms ("mine")
        lock stage refused: stage is locked by ana (claimed), for _ ms ("mine"); gave up after waiting for _ ms
        lock stgae refused: there is no device `stgae`; did you mean `stage`?
        break stage refused: stage is locked by ana (claimed), for _ ms ("mine")
        write stage.position refused: stage.position is not free: stage is locked by ana (claimed), for _ ms ("mine")
        write stage:value refused: stage:value is read-only
        write stgae:target refused: there is no device `stgae`; did you mean `stage`?
        command stage:_hoem refused: stage has no command `_hoem`
        write stage.velocity done: -
    "#]]
    .assert_eq(&entries(&all));
    assert_eq!(all["more"], false);
    let some = data(&ana.ask(r#"_audit a {"owner":"ANA","events":["write"],"paths":["stage"]}"#));
    assert_eq!(entries(&some), "write stage.velocity done: -\n");
    let some = data(&ana.ask(r#"_audit a {"outcomes":["refused"],"limit":1}"#));
    assert_eq!(
        (some["entries"].as_array().unwrap().len(), &some["more"]),
        (1, &json!(true))
    );
    assert_eq!(data(&ana.ask(r#"_audit a {"since":-1e300}"#))[0], "ProtocolError");
    assert_eq!(data(&ana.ask(r#"_audit a {"since":"yesterday"}"#))[0], "ProtocolError");
}

/// How long somebody has had a lock differs from run to run.
fn mask(text: &str) -> String {
    let mut parts = text.split("ms");
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.truncate(
            masked
                .trim_end_matches(|c: char| c.is_ascii_digit() || ". ".contains(c))
                .len(),
        );
        masked += &format!(" _ ms{part}");
    }
    masked
}

#[test]
fn x5_the_audit_log_is_followed_from_where_it_was_read_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let host = audited(&folder.path().join("audit.jsonl"));
    let (mut client, mut other) = (host.connect(), host.connect());
    for velocity in 1..=3 {
        other.ask(&format!("change stage:_velocity {velocity}"));
    }
    let read = data(&client.ask(r#"_audit mine {"events":["write"],"follow":true}"#));
    for velocity in 4..=6 {
        other.ask(&format!("change stage:_velocity {velocity}"));
        other.ask("do stage:stop");
    }
    let mut velocities: Vec<f64> = read["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["new"].as_f64())
        .collect();
    while velocities.len() < 6 {
        let line = client.line();
        assert!(line.starts_with("_audited mine {"), "{line}");
        let entry = data(&line);
        assert_eq!(entry["event"], "write");
        velocities.push(entry["new"].as_f64().unwrap());
    }
    assert_eq!(velocities, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(
        client
            .ask(&format!("_unsubscribe u {{\"id\":{}}}", read["id"]))
            .starts_with("_unsubscribed")
    );
}

#[test]
fn x5_a_host_without_an_audit_log_says_how_to_have_one() {
    let host = Host::start(STAGE);
    let answer = host.connect().ask("_audit a {}");
    assert_eq!(
        answer,
        r#"error__audit a ["Impossible","this host keeps no audit log; its config names a file for one: [host] audit = \"audit.jsonl\"",{}]"#
    );
}
