//! Waiting for a lock, and how it ends.

use std::time::Duration;

use baton_tests::lab::{is_inline, skip_inline};
use expect_test::expect;
use serde_json::{Value as Json, json};

use super::{LAB, aged, error, lab, named, until_free};
use crate::client::{Host, data};

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
fn w4_a_client_that_goes_by_tokens_is_told_at_once() {
    let (_host, mut ana, mut ben) = lab();
    ben.ask(r#"_introduce i {"tokens":true}"#);
    ana.ask(r#"_lock a {"targets":["stage"]}"#);
    ana.ask(r#"_lock b {"targets":["pump"]}"#);
    ben.send(r#"_lock first {"targets":["stage"],"queue":true}"#);
    assert!(ben.line().starts_with("_queued first "));
    ben.send(r#"_lock second {"targets":["pump"],"wait":8}"#);
    ana.ask("_unlock a");
    let line = ben.line();
    assert!(line.starts_with("_locked first "), "{line}");
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

#[test]
fn l6_what_a_holder_leaves_behind_is_stopped_where_the_config_says_so() {
    if skip_inline("the motion is over when the holder leaves") {
        return;
    }
    let host = Host::start(&LAB.replacen("type = \"motor\"", "type = \"motor\"\non_disconnect = \"stop\"", 1));
    let (mut ana, mut ben) = (named(host.connect(), "ana"), named(host.connect(), "ben"));
    ana.ask(r#"_lock t {"targets":["stage"]}"#);
    assert!(ana.ask("change stage:target 50").starts_with("changed"));
    ben.send(r#"_lock t {"targets":["stage"],"queue":true}"#);
    assert!(ben.line().starts_with("_queued t "));
    drop(ana);
    // 50 mm take ten seconds, and then the next one has it; stopped, it is there at once.
    assert!(ben.line().starts_with("_locked t "));
    let position = data(&ben.ask("read stage:value"))[0].as_f64().unwrap();
    assert!(position < 45.0, "{position}");
    let text = data(&ben.ask("read stage:status"))[0][1].as_str().unwrap().to_owned();
    assert!(
        text.contains("was stopped by the host, because a lock of ana"),
        "{text}"
    );
}

#[test]
fn l3_a_client_that_sends_no_more_gives_back_what_it_has() {
    let (_host, mut ana, mut ben) = lab();
    ana.ask(r#"_lock t {"targets":["stage"]}"#);
    ana.send("change stage:target 1");
    ana.half_close();
    // What it asked for under the lock is answered, and done.
    assert!(ana.line().starts_with("changed stage:target"));
    ben.send(r#"_lock t {"targets":["stage"],"wait":8}"#);
    assert!(ben.line().starts_with("_locked t "));
    assert_eq!(data(&ben.ask("read stage:value"))[0], 1.0);
}
