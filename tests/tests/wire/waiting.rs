//! Waiting for values over the wire.

use baton_tests::lab::is_inline;
use expect_test::expect;

use crate::client::{Host, STAGE, data, masked};

const OVEN: &str = r#"
    [devices.oven]
    driver = "sim"
    type = "oven"
    options = { rate = "6000 K/min", time_constant = "0.1 s", noise = "0 K" }
"#;

#[test]
fn a_client_is_told_when_a_value_is_there() {
    let host = Host::start(&format!("{STAGE}{OVEN}"));
    let (mut waiting, mut acting) = (host.connect(), host.connect());
    waiting.send(r#"_wait_for w {"path":"oven:value","value":"353.15 K","within":"0.5 K","for":"0.5 s","timeout":60}"#);
    waiting.send(r#"_wait_for s {"path":"stage.position","is":">=","value":"10 mm"}"#);
    // Both are on their way when this is answered.
    waiting.ask("ping 1");
    acting.send("change stage:target 20\nchange oven:target 80");
    let mut lines = [waiting.line(), waiting.line()];
    lines.sort();
    let [stage, oven] = lines;
    assert!(
        stage.starts_with("_reached s ") && oven.starts_with("_reached w "),
        "{stage} {oven}"
    );
    assert!(data(&stage)["reading"][0].as_f64().unwrap() >= 10.0);
    let oven = data(&oven);
    assert!((oven["reading"][0].as_f64().unwrap() - 80.0).abs() <= 0.5);
    assert!(oven["held"].as_f64().unwrap() >= 0.5 && oven["elapsed"].as_f64().unwrap() >= 0.5);
    let idle = waiting.ask(r#"_wait_for i {"path":"stage.status","value":"idle"}"#);
    assert!(
        idle.starts_with(r#"_reached i {"path":"stage.status","reading":[[100,"#),
        "{idle}"
    );
}

#[test]
fn a_client_may_hear_how_it_goes_and_withdraw() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.send(r#"_wait_for w {"path":"stage","value":20,"within":1,"progress":true}"#);
    let progress = client.until(r#"_waiting w {"call":"#).pop().unwrap();
    let call = data(&progress)["call"].clone();
    if !is_inline() {
        // The first may come before the first reading.
        let line = client.until("_waiting w").pop().unwrap_or(progress);
        assert_eq!(data(&line)["distance"].as_f64(), Some(19.0), "{line}");
    }
    client.send(&format!(r#"_cancel c {{"call":{call}}}"#));
    let lines = [client.until("_cancelled c"), client.until("error__wait_for w")].concat();
    expect![[r#"error__wait_for w ["Impossible","stage.position was cancelled",{}]"#]].assert_eq(lines.last().unwrap());
}

#[test]
fn what_is_not_understood_or_comes_to_nothing_is_an_error_of_its_token() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    let transcript = client.talk(
        r#"_wait_for a
        _wait_for b {"path":"stage"}
        _wait_for c {"path":"stage","value":1,"witin":2}
        _wait_for d {"path":"stage","value":"1 s"}
        _wait_for e {"path":"stage.speed","value":1}
        _wait_for f {"path":"stage","value":1,"is":"~"}
        _wait_for g {"path":"stage","value":1,"is":">","within":1}
        _wait_for h {"path":"stage","value":1,"for":"1 mm"}
        _wait_for i {"path":"stage","value":1,"timeout":0.05}
        _wait_for j {"path":"stage.status","value":"busy","timeout":"50 ms"}"#,
    );
    expect![[r#"
        > _wait_for a
        < error__wait_for a ["ProtocolError","what is waited for? expected {\"path\": …, \"value\": …}",{}]
        > _wait_for b {"path":"stage"}
        < error__wait_for b ["ProtocolError","the value is missing",{}]
        > _wait_for c {"path":"stage","value":1,"witin":2}
        < error__wait_for c ["ProtocolError","`_wait_for` knows no `witin`; it knows path, value, is, within, for, timeout, fail_on_error, progress",{}]
        > _wait_for d {"path":"stage","value":"1 s"}
        < error__wait_for d ["WrongType","stage.position: `s` is a time, not a length; write it in `mm`, or in a unit that converts to it",{}]
        > _wait_for e {"path":"stage.speed","value":1}
        < error__wait_for e ["NoSuchParameter","stage has no parameter `speed`",{}]
        > _wait_for f {"path":"stage","value":1,"is":"~"}
        < error__wait_for f ["ProtocolError","`~` is none of =, !=, >=, <=, >, <",{}]
        > _wait_for g {"path":"stage","value":1,"is":">","within":1}
        < error__wait_for g ["ProtocolError","`within` belongs to `=`",{}]
        > _wait_for h {"path":"stage","value":1,"for":"1 mm"}
        < error__wait_for h ["WrongType","`for` is a time: seconds, or a text such as \"30 s\"",{}]
        > _wait_for i {"path":"stage","value":1,"timeout":0.05}
        < error__wait_for i ["TimeoutError","stage.position was not 1 mm within 50 ms; it is 0.000 mm",{"wanted":"1 mm","last":"0.000 mm","limit":0.05}]
        > _wait_for j {"path":"stage.status","value":"busy","timeout":"50 ms"}
        < error__wait_for j ["TimeoutError","stage.status was not busy within 50 ms; it is idle",{"wanted":"busy","last":"idle","limit":0.05}]
    "#]].assert_eq(&transcript);
}

#[test]
fn who_leaves_waits_no_more() {
    let host = Host::start(STAGE);
    let device = host.lab.device("stage").unwrap().clone();
    let mut client = host.connect();
    client.send(r#"_wait_for w {"path":"stage.velocity","value":1,"progress":true}"#);
    client.until("_waiting w");
    assert!(device.is_waited_for());
    drop(client);
    let mut other = host.connect();
    while device.is_waited_for() {
        other.ask("ping");
    }
    assert_eq!(masked(&other.ask("ping 2")), r#"pong 2 [null,{"t":_}]"#);
}
