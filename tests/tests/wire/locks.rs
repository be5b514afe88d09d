//! W4: locks over the wire.

#[path = "locks/ends.rs"]
mod ends;
#[path = "locks/shown.rs"]
mod shown;

use std::io::Write;

use baton_tests::lab::is_inline;
use expect_test::expect;
use serde_json::json;

use crate::client::{Client, Host, data, masked};

/// A motor that is slow, a pump, a slit of two motors, and a fast motor.
const LAB: &str = r#"
    poll = "0 s"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "5 mm/s" }
    parameters.position.limits = ["0 mm", "50 mm"]
    [devices.pump]
    driver = "sim"
    type = "pump"
    [devices.left]
    driver = "sim"
    type = "motor"
    options = { start = "10 mm", velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    [devices.right]
    driver = "sim"
    type = "motor"
    options = { start = "20 mm", velocity = "100 mm/s", acceleration = "10000 mm/s2" }
    [devices.slit]
    driver = "sim"
    type = "slit"
    options = { left = "left", right = "right" }
"#;

/// Ids of owners and other numbers that differ become `_`.
fn told(reply: &str) -> String {
    let mut line = masked(reply);
    for key in ["\"id\":", "\"since\":", "\"lease\":", "\"time\":"] {
        let mut parts = line.split(key);
        let mut clean = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            clean += key;
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || "e.-".contains(c));
            clean += if rest.len() < part.len() { "_" } else { "" };
            clean += rest;
        }
        line = clean;
    }
    aged(&line)
}

/// Spans of time in a text become `_ ago`: `for 12 ms` is `for _`.
fn aged(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let is_unit = |word: &str| {
        ["ms", "s", "min"]
            .iter()
            .any(|unit| word.trim_end_matches(|c: char| !c.is_alphabetic()) == *unit)
    };
    let mut out = Vec::new();
    let mut index = 0;
    while index < words.len() {
        let number = words[index].parse::<f64>().is_ok();
        if number
            && words
                .get(index + 1)
                .is_some_and(|next| is_unit(next.split(['"', ';', ',']).next().unwrap_or(next)))
        {
            let next = words[index + 1];
            let unit = next.find(|c: char| !c.is_alphabetic()).unwrap_or(next.len());
            out.push(format!("_{}", &next[unit..]));
            index += 2;
        } else {
            out.push(words[index].to_owned());
            index += 1;
        }
    }
    out.join(" ")
}

/// The class and the text of an error.
fn error(reply: &str) -> (String, String) {
    let data = data(reply);
    let part = |index: usize| data[index].as_str().unwrap_or_default().to_owned();
    (part(0), aged(&part(1)))
}

fn named<W: Write>(mut client: Client<W>, user: &str) -> Client<W> {
    client.ask(&format!(r#"_introduce i {{"user":"{user}"}}"#));
    client
}

/// A host, and two clients who have said who they are.
fn lab() -> (Host, Client<std::net::TcpStream>, Client<std::net::TcpStream>) {
    let host = Host::start(LAB);
    let (ana, ben) = (named(host.connect(), "ana"), named(host.connect(), "ben"));
    (host, ana, ben)
}

/// Asks until nothing is locked and nothing runs.
fn until_free<W: Write>(client: &mut Client<W>) {
    while data(&client.ask("_who w")) != json!([]) {}
}

#[test]
fn w4_a_lock_keeps_others_from_writing_and_from_nothing_else() {
    let (_host, mut ana, mut ben) = lab();
    let locked = ana.ask(r#"_lock scan {"targets":["stage","pump:_flow","pump.flow"],"note":"tomo run 12"}"#);
    expect![[r#"_locked scan {"targets":["stage","pump.flow"],"owner":{"id":_,"name":"ana (claimed)","user":"ana","host":null,"program":null,"pid":null,"address":"127.0.0.1:_","claimed":true,"since":_},"since":_,"note":"tomo run 12","lease":null,"keepalive":null}"#]]
        .assert_eq(&told(&locked));
    let refused = ben.ask("change stage:_velocity 4");
    let (class, text) = error(&refused);
    assert_eq!(class, "IsBusy");
    expect![[r#"stage.velocity is not free: stage is locked by ana (claimed), for _ ("tomo run 12")"#]]
        .assert_eq(&text);
    let by = &data(&refused)[2]["locked_by"];
    assert_eq!(
        (&by["target"], &by["note"], &by["owner"]["name"]),
        (&json!("stage"), &json!("tomo run 12"), &json!("ana (claimed)"))
    );
    for line in [
        "change pump:target 2",
        "change pump:_flow 2",
        "do pump:_dispense 1",
        "do stage:_home",
        "do stage:clear_errors",
    ] {
        assert_eq!(error(&ben.ask(line)).0, "IsBusy", "{line}");
    }
    for line in [
        "read stage:value",
        "read stage:_velocity",
        "do stage:stop",
        "change pump:_on false",
        "change right:target 20.5",
    ] {
        let reply = ben.ask(line);
        assert!(!reply.starts_with("error"), "{line}: {reply}");
    }
    for line in [
        "change stage:_velocity 4",
        "change pump:_flow 2",
        "change pump:target 3",
    ] {
        // The write before may still be on its way (C5).
        let reply = (0..500).map(|_| ana.ask(line)).find(|reply| !reply.contains("IsBusy"));
        assert!(reply.is_some_and(|reply| reply.starts_with("changed")), "{line}");
    }
    let given = ana.ask("_unlock scan");
    assert_eq!(
        data(&given),
        json!({ "targets": ["stage", "pump.flow"], "withdrawn": false })
    );
    assert!(ben.ask("change stage:_velocity 4").starts_with("changed"));
}

#[test]
fn w4_who_tells_everything_and_nothing_when_all_is_free() {
    let (_host, mut ana, mut ben) = lab();
    assert_eq!(ben.ask("_who w"), "_holders w []");
    ana.ask(r#"_lock t {"targets":["slit"],"note":"alignment","lease":600}"#);
    ben.send(r#"_lock t {"targets":["left"],"queue":true,"note":"my turn"}"#);
    assert!(ben.line().starts_with("_queued t "));
    let row = &data(&ana.ask("_who w"))[0];
    assert_eq!(
        (&row["kind"], &row["targets"], &row["covers"], &row["note"]),
        (
            &json!("lock"),
            &json!(["slit"]),
            &json!(["left", "right", "slit"]),
            &json!("alignment")
        )
    );
    assert_eq!(row["owner"]["name"], "ana (claimed)");
    let waiting = &row["waiting"][0];
    assert_eq!(
        (&waiting["owner"]["name"], &waiting["targets"], &waiting["note"]),
        (&json!("ben (claimed)"), &json!(["left"]), &json!("my turn"))
    );
    if !is_inline() {
        let ends = row["lease"].as_f64().unwrap() - row["since"].as_f64().unwrap();
        assert!((ends - 600.0).abs() < 1.0, "{row}");
    }
    drop(ana);
    // The next waiter has it as soon as the holder is gone.
    assert!(ben.line().starts_with("_locked t "));
    assert_eq!(data(&ben.ask("_who w"))[0]["owner"]["name"], "ben (claimed)");
    assert_eq!(data(&ben.ask("_unlock t"))["targets"], json!(["left"]));
    until_free(&mut ben);
}

#[test]
fn l1_a_set_is_granted_whole_or_not_at_all() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock t {"targets":["right"]}"#);
    let (class, text) = error(&ben.ask(r#"_lock t {"targets":["stage","slit"]}"#));
    assert_eq!(class, "IsBusy");
    expect!["stage, slit is not free: right is locked by ana (claimed), for _"].assert_eq(&text);
    assert!(
        ana.ask("change stage:_velocity 3").starts_with("changed"),
        "nothing of it is held"
    );
    // The slit would move the blade; the other blade alone is nobody's.
    assert_eq!(error(&ben.ask("change slit:target 3")).0, "IsBusy");
    assert!(ben.ask("change left:target 11").starts_with("changed"));
}

#[test]
fn l3_a_token_names_its_grants_and_targets_narrow_them() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock a {"targets":["stage"]}"#);
    // Said again, it adds.
    assert_eq!(
        data(&ana.ask(r#"_lock a {"targets":["pump"]}"#))["targets"],
        json!(["pump"])
    );
    ana.ask(r#"_lock b {"targets":["stage","left"]}"#);
    assert_eq!(data(&ana.ask("_unlock a"))["targets"], json!(["stage", "pump"]));
    assert!(ben.ask("change pump:_flow 2").starts_with("changed"));
    assert_eq!(
        error(&ben.ask("change stage:_velocity 2")).0,
        "IsBusy",
        "b has it still"
    );
    assert_eq!(
        data(&ana.ask(r#"_unlock b {"targets":["stage"]}"#))["targets"],
        json!(["stage"])
    );
    assert!(ben.ask("change stage:_velocity 2").starts_with("changed"));
    assert_eq!(error(&ben.ask("change left:_velocity 2")).0, "IsBusy");
    let (class, text) = error(&ana.ask(r#"_unlock b {"targets":["left:_velocity"]}"#));
    assert_eq!(class, "Impossible");
    expect!["left.velocity is a part of left, which is locked or protected as a whole"].assert_eq(&text);
    ana.ask("_unlock b");
    expect![[r#"
        > _unlock b
        < error__unlock b ["Impossible","this connection has no lock `b`, and none is on its way",{}]
        > _unlock never {}
        < error__unlock never ["Impossible","this connection has no lock `never`, and none is on its way",{}]
    "#]]
    .assert_eq(&ana.talk(
        "_unlock b
         _unlock never {}",
    ));
    until_free(&mut ben);
}

#[test]
fn l2_waiting_for_each_other_is_refused_at_once_with_the_cycle() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock a {"targets":["stage"]}"#);
    ben.ask(r#"_lock a {"targets":["pump"]}"#);
    ana.send(r#"_lock b {"targets":["pump"],"queue":true}"#);
    assert!(ana.line().starts_with("_queued b "));
    let refused = ben.ask(r#"_lock b {"targets":["stage"],"wait":8}"#);
    let (class, text) = error(&refused);
    assert_eq!(class, "Impossible");
    assert!(text.starts_with("waiting for stage would never end: "), "{text}");
    let cycle = data(&refused)[2]["cycle"].as_array().unwrap().clone();
    assert_eq!(cycle.len(), 2, "{cycle:?}");
    // Nothing has changed for anybody.
    assert_eq!(data(&ben.ask("_unlock a"))["targets"], json!(["pump"]));
    assert!(ana.line().starts_with("_locked b "));
}

#[test]
fn l10_what_is_protected_nobody_writes_until_it_is_taken_back() {
    let (_host, mut ana, mut ben) = lab();
    let protected = ana.ask(r#"_protect p {"targets":["pump.flow","stage"],"note":"sample inside"}"#);
    assert_eq!(
        data(&protected),
        json!({ "targets": ["stage", "pump.flow"], "permanent": false })
    );
    for client in [&mut ana, &mut ben] {
        let (class, text) = error(&client.ask("change pump:_flow 2"));
        assert_eq!(class, "ReadOnly");
        expect![[r#"pump.flow is protected by ana (claimed), for _ ("sample inside"); anybody may unprotect it"#]]
            .assert_eq(&text);
    }
    assert!(ben.ask("do stage:stop").starts_with("done"));
    // It outlives whoever put it there.
    drop(ana);
    assert_eq!(data(&ben.ask("_who w"))[0]["kind"], "protected");
    assert!(
        ben.ask(r#"_unprotect p {"targets":["pump.flow","stage"]}"#)
            .starts_with("_unprotected p ")
    );
    assert!(ben.ask("change pump:_flow 2").starts_with("changed"));
    ben.ask(r#"_protect p {"targets":["stage"],"permanent":true}"#);
    let (class, text) = error(&ben.ask(r#"_unprotect p {"targets":["stage"]}"#));
    assert_eq!(class, "ReadOnly");
    expect!["stage is protected by ben (claimed), for _; it stays so until the host ends"].assert_eq(&text);
}
