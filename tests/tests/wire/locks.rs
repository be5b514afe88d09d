//! W4: locks over the wire.

use std::{io::Write, time::Duration};

use baton_tests::lab::is_inline;
use expect_test::expect;
use serde_json::{Value as Json, json};

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
        assert!(ana.ask(line).starts_with("changed"), "{line}");
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
fn w4_a_lock_waits_as_long_as_it_was_told_and_is_withdrawn() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock a {"targets":["stage"],"note":"mine"}"#);
    let (class, text) = error(&ben.ask(r#"_lock t {"targets":["stage"],"wait":0.05}"#));
    assert_eq!(class, "IsBusy");
    expect![[r#"stage is locked by ana (claimed), for _ ("mine"); gave up after waiting for _"#]].assert_eq(&text);
    // One that was queued is told later that its time is over.
    ben.send(r#"_lock t {"targets":["stage"],"wait":0.05,"queue":true}"#);
    let queued = ben.line();
    assert!(queued.starts_with("_queued t "), "{queued}");
    expect![[r#"stage is locked by ana (claimed), for _ ("mine")"#]]
        .assert_eq(&aged(data(&queued)["text"].as_str().unwrap()));
    assert_eq!(data(&queued)["waiting_for"]["owner"]["name"], "ana (claimed)");
    assert_eq!(error(&ben.line()).0, "IsBusy");
    // Withdrawn, it has an answer as well.
    ben.send(r#"_lock u {"targets":["stage"],"wait":8}"#);
    ben.send("_unlock u {}");
    let mut lines = [ben.line(), ben.line()];
    lines.sort();
    expect![[r#"
        _unlocked u {"targets":[],"withdrawn":true}
        error__lock u ["Impossible","the request was withdrawn by `_unlock`",{}]"#]]
    .assert_eq(&lines.join("\n"));
    ana.ask("_unlock a");
    until_free(&mut ben);
    // A wait that is granted is answered like one that need not wait.
    ana.ask(r#"_lock a {"targets":["stage"]}"#);
    ben.send(r#"_lock t {"targets":["stage"],"wait":8}"#);
    ana.ask("_unlock a");
    assert!(ben.line().starts_with("_locked t "));
}

#[test]
fn w4_what_nobody_asked_for_waits_while_an_answer_is_owed() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock a {"targets":["stage"]}"#);
    ana.ask(r#"_lock b {"targets":["pump"]}"#);
    ben.send(r#"_lock first {"targets":["stage"],"queue":true}"#);
    assert!(ben.line().starts_with("_queued first "));
    ben.send(r#"_lock second {"targets":["pump"],"wait":8}"#);
    // A plain request is no such request, and is answered meanwhile.
    assert!(ben.ask("ping x").starts_with("pong x"));
    ana.ask("_unlock a");
    assert!(ben.ask("ping y").starts_with("pong y"), "the grant is held back");
    ana.ask("_unlock b");
    assert!(ben.line().starts_with("_locked second "));
    assert!(ben.line().starts_with("_locked first "));
}

#[test]
fn l9_a_broken_lock_is_told_and_refuses_until_it_is_locked_anew() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock t {"targets":["stage"]}"#);
    let holder = data(&ben.ask("_who w"))[0]["owner"]["id"].clone();
    let (class, text) = error(&ben.ask(r#"_break b {"target":"stage","holder":99999999}"#));
    assert_eq!(class, "IsBusy");
    assert!(text.starts_with("stage is locked by ana"), "{text}");
    let broken = ben.ask(&format!(r#"_break b {{"target":"stage","holder":{holder}}}"#));
    assert_eq!(
        (&data(&broken)["targets"], &data(&broken)["holder"]["name"]),
        (&json!(["stage"]), &json!("ana (claimed)"))
    );
    let lost = ana.line();
    assert!(lost.starts_with("_lost t "), "{lost}");
    let lost = data(&lost);
    assert_eq!(
        (&lost["targets"], &lost["how"], &lost["by"]["name"]),
        (&json!(["stage"]), &json!("broken"), &json!("ben (claimed)"))
    );
    expect!["stage: the lock was broken by ben (claimed)"].assert_eq(lost["text"].as_str().unwrap());
    let refused = ana.ask("change stage:_velocity 2");
    let (class, text) = error(&refused);
    assert_eq!(class, "IsBusy");
    expect![
        "stage.velocity is not yours any more: ben (claimed) broke your lock of stage _ ago; unlock it, or lock it anew"
    ]
    .assert_eq(&text);
    assert_eq!(data(&refused)[2]["broken_by"]["owner"]["name"], "ben (claimed)");
    assert!(ben.ask("change stage:_velocity 2").starts_with("changed"));
    let (class, text) = error(&ben.ask(&format!(r#"_break b {{"target":"stage","holder":{holder}}}"#)));
    assert_eq!(
        (class.as_str(), text.as_str()),
        ("Impossible", "stage is not locked, so there is nothing to break")
    );
    assert_eq!(data(&ana.ask("_unlock t"))["targets"], json!([]));
    assert!(ana.ask("change stage:_velocity 3").starts_with("changed"));
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

#[test]
fn l8_a_holder_who_promised_to_be_heard_loses_its_lock_when_it_is_not() {
    let (host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock t {"targets":["stage"],"keepalive":1}"#);
    // Silent, but only as far as this connection goes: another of the same session is heard.
    let token = data(&ana.ask("_introduce i"))["token"].as_str().unwrap().to_owned();
    let mut child = host.connect();
    child.ask(&format!(r#"_join j {{"token":"{token}"}}"#));
    let heard = std::time::Instant::now();
    while heard.elapsed() < Duration::from_millis(1500) {
        child.ask("ping x");
        assert_eq!(error(&ben.ask("change stage:_velocity 2")).0, "IsBusy");
    }
    ben.send(r#"_lock t {"targets":["stage"],"queue":true}"#);
    assert!(ben.line().starts_with("_queued t "));
    let lost = ana.line();
    assert!(lost.starts_with("_lost t "), "{lost}");
    assert_eq!(data(&lost)["how"], "silent");
    expect!["stage: the lock is over, as nothing was heard for _"]
        .assert_eq(&aged(data(&lost)["text"].as_str().unwrap()));
    assert!(ben.line().starts_with("_locked t "));
}

#[test]
fn l6_a_lease_ends_by_the_clock_on_the_wall() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock t {"targets":["stage"],"lease":0.2}"#);
    assert_eq!(error(&ben.ask("change stage:_velocity 2")).0, "IsBusy");
    let lost = data(&ana.line());
    assert_eq!((&lost["how"], &lost["targets"]), (&json!("expired"), &json!(["stage"])));
    assert!(ben.ask("change stage:_velocity 2").starts_with("changed"));
    assert!(
        ana.ask("change stage:_velocity 2").starts_with("changed"),
        "an expired lock binds nobody"
    );
    assert_eq!(data(&ana.ask("_unlock t"))["targets"], json!([]));
}

#[test]
fn l4_l6_the_next_has_it_when_the_calls_of_the_one_before_have_ended() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock t {"targets":["stage"]}"#);
    assert!(ana.ask("change stage:target 2").starts_with("changed"));
    ben.send("activate stage");
    ben.until("active");
    ben.send(r#"_lock t {"targets":["stage"],"queue":true}"#);
    drop(ana);
    let lines = ben.until("_locked t ");
    let told = |what: &str| lines.iter().rposition(|line| line.contains(what));
    // Not before it has arrived: what moves under a lock that is gone is its owner's still.
    if !is_inline() {
        assert!(told("update stage:value [2.0,").is_some(), "{lines:#?}");
        assert!(told("update stage:status [[100,").is_some(), "{lines:#?}");
    }
    assert!(ben.ask("change stage:target 3").starts_with("changed"));
}

#[test]
fn o2_the_locks_of_all_connections_end_with_the_one_that_founded_the_session() {
    let (host, mut ana, mut ben) = lab();
    let token = data(&ana.ask("_introduce i"))["token"].as_str().unwrap().to_owned();
    ana.ask(r#"_lock t {"targets":["pump"]}"#);
    let mut child = host.connect();
    child.ask(&format!(r#"_join j {{"token":"{token}"}}"#));
    assert!(
        child.ask("change pump:_flow 2").starts_with("changed"),
        "the child of a holder has what it has"
    );
    child.ask(r#"_lock t {"targets":["stage","pump"]}"#);
    // What the child has of its own goes with it.
    let mut sibling = host.connect();
    sibling.ask(&format!(r#"_join j {{"token":"{token}"}}"#));
    drop(child);
    while ben.ask("change stage:_velocity 2").starts_with("error") {}
    assert_eq!(error(&ben.ask("change pump:_flow 2")).0, "IsBusy");
    sibling.ask(r#"_lock t {"targets":["left"]}"#);
    drop(ana);
    until_free(&mut ben);
    let lost = sibling.line();
    assert!(lost.starts_with("_lost t "), "{lost}");
    assert_eq!(data(&lost)["how"], "ended");
    assert_eq!(error(&sibling.ask(r#"_lock t {"targets":["left"]}"#)).0, "Impossible");
    assert!(ben.ask("change left:_velocity 3").starts_with("changed"));
}

#[test]
fn w4_each_module_shows_who_has_locked_it() {
    let (_host, mut ana, mut ben) = lab();
    let shown = |reply: &str| data(reply)[0].as_str().unwrap().to_owned();
    assert_eq!(shown(&ben.ask("read stage:_locked_by")), "");
    assert_eq!(error(&ben.ask("change stage:_locked_by \"me\"")).0, "ReadOnly");
    let description = data(&ben.ask("describe"));
    let accessible = &description["modules"]["stage"]["accessibles"]["_locked_by"];
    expect![[r#"{"description":"Who has locked stage, or parts of it; empty if nobody has","readonly":true,"datainfo":{"type":"string","isUTF8":true}}"#]]
        .assert_eq(&accessible.to_string());
    ben.send("activate");
    assert!(
        ben.until("active")
            .iter()
            .any(|line| line.starts_with(r#"update pump:_locked_by ["","#))
    );
    ana.ask(r#"_lock t {"targets":["pump.flow","slit"]}"#);
    ben.until(r#"update slit:_locked_by ["ana (claimed)","#);
    assert_eq!(shown(&ben.ask("read pump:_locked_by")), "flow: ana (claimed)");
    assert_eq!(shown(&ben.ask("read left:_locked_by")), "ana (claimed)");
    assert_eq!(shown(&ben.ask("read stage:_locked_by")), "");
    ana.ask("_unlock t");
    ben.until(r#"update slit:_locked_by ["","#);
    assert_eq!(shown(&ben.ask("read pump:_locked_by")), "");
}

#[test]
fn w6_junk_about_locks_gets_an_error() {
    let host = Host::start(LAB);
    expect![[r#"
        > _lock t
        < error__lock t ["ProtocolError","_lock: missing field `targets`",{}]
        > _lock t {"targets":"stage"}
        < error__lock t ["ProtocolError","_lock: invalid type: string \"stage\", expected a sequence",{}]
        > _lock t {"targets":[]}
        < error__lock t ["Impossible","nothing to lock was named",{}]
        > _lock t {"targets":["stge"]}
        < error__lock t ["NoSuchModule","there is no device `stge`; did you mean `stage`?",{}]
        > _lock t {"targets":["stage.positoin"]}
        < error__lock t ["NoSuchParameter","stage has no parameter `positoin`; did you mean `position`?",{}]
        > _lock t {"targets":["stage:stop"]}
        < error__lock t ["NoSuchParameter","stage:stop is a command; to have it for yourself, lock stage",{}]
        > _lock t {"targets":["stage:status"]}
        < error__lock t ["NoSuchParameter","stage:status cannot be written, so it cannot be locked",{}]
        > _lock t {"targets":["stage"],"wait":-1}
        < error__lock t ["ProtocolError","_lock: `wait` is -1.0, which is no number of seconds to go by",{}]
        > _lock t {"targets":["stage"],"wait":1e300}
        < error__lock t ["ProtocolError","_lock: `wait` is 1e300, which is no number of seconds to go by",{}]
        > _lock t {"targets":["stage"],"lease":0}
        < error__lock t ["ProtocolError","_lock: `lease` has to be more than 0 s",{}]
        > _lock t {"targets":["stage"],"keepalive":"5 s"}
        < error__lock t ["ProtocolError","_lock: invalid type: string \"5 s\", expected f64",{}]
        > _lock t {"targets":["stage"],"leese":5}
        < error__lock t ["ProtocolError","_lock: unknown field `leese`, expected one of `targets`, `wait`, `note`, `lease`, `keepalive`, `queue`",{}]
        > _break t {"target":"stage"}
        < error__break t ["ProtocolError","_break: missing field `holder`",{}]
        > _break t {"target":"stage","holder":1}
        < error__break t ["Impossible","stage is not locked, so there is nothing to break",{}]
        > _protect t {"targets":[]}
        < error__protect t ["Impossible","nothing to lock was named",{}]
        > _unprotect t {"targets":["stage"]}
        < error__unprotect t ["Impossible","stage is not protected",{}]
        > _unlock t {"targets":7}
        < error__unlock t ["ProtocolError","_unlock: invalid type: integer `7`, expected a sequence",{}]
        > _who t
        < _holders t []
    "#]]
    .assert_eq(&host.connect().talk(
        r#"_lock t
           _lock t {"targets":"stage"}
           _lock t {"targets":[]}
           _lock t {"targets":["stge"]}
           _lock t {"targets":["stage.positoin"]}
           _lock t {"targets":["stage:stop"]}
           _lock t {"targets":["stage:status"]}
           _lock t {"targets":["stage"],"wait":-1}
           _lock t {"targets":["stage"],"wait":1e300}
           _lock t {"targets":["stage"],"lease":0}
           _lock t {"targets":["stage"],"keepalive":"5 s"}
           _lock t {"targets":["stage"],"leese":5}
           _break t {"target":"stage"}
           _break t {"target":"stage","holder":1}
           _protect t {"targets":[]}
           _unprotect t {"targets":["stage"]}
           _unlock t {"targets":7}
           _who t"#,
    ));
    // A hundred thousand names of one device are that device.
    let many = vec!["stage"; 100_000];
    let reply = host.connect().ask(&format!("_lock t {}", json!({ "targets": many })));
    assert_eq!(data(&reply)["targets"], json!(["stage"]));
    // Without a token there is one lock without a name.
    let mut client = host.connect();
    assert!(
        client
            .ask(r#"_lock . {"targets":["pump"],"note":""}"#)
            .starts_with("_locked . ")
    );
    assert_eq!(data(&client.ask("_unlock . {}"))["targets"], json!(["pump"]));
}

#[test]
fn w6_requests_that_wait_are_bounded_and_can_be_withdrawn_all_the_same() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock t {"targets":["stage"]}"#);
    for n in 0..1000 {
        ben.send(&format!(r#"_lock t{n} {{"targets":["stage"],"queue":true}}"#));
    }
    for _ in 0..1000 {
        assert!(ben.line().starts_with("_queued t"));
    }
    let (class, text) = error(&ben.ask(r#"_lock more {"targets":["stage"],"queue":true}"#));
    assert_eq!(
        (class.as_str(), text.as_str()),
        ("IsBusy", "1000 requests for locks of this connection wait already")
    );
    assert_eq!(data(&ben.ask("_unlock t0"))["withdrawn"], Json::Bool(true));
    drop(ben);
    ana.ask("_unlock t");
    until_free(&mut ana);
}
