//! What goes on: values, and messages.

use std::io::{BufRead, BufReader};

use expect_test::expect;

use crate::{baton, check, check_at, fake, interrupt, transcript};

#[test]
fn watch_shows_values_then_changes_and_says_when_the_host_is_gone() {
    check(
        &["watch", "st*.*", "gauge", "--no-reconnect"],
        expect![[r#"
        2023-11-14 22:13:20.250 stage.position 0.000 mm
        2023-11-14 22:13:20.250 stage.status idle
        2023-11-14 22:13:20.250 stage.target 0.000 mm
        2023-11-14 22:13:20.250 stage.target_limits (0, 45)
        2023-11-14 22:13:20.250 stage.velocity 5.0 mm/s
        2023-11-14 22:13:20.250 gauge.pressure error: no reply within 2 s (CommunicationFailed)
        2023-11-14 22:13:21.250 gauge.pressure 12.5 Pa
        2023-11-14 22:13:22.250 gauge.pressure 12.5 Pa (stale)
        ! error: the host at ADDRESS is gone: it closed the connection
        [exit 69]
    "#]],
    );
    check(
        &["watch", "gauge", "--json", "--no-reconnect"],
        expect![[r#"
        {"path":"gauge.pressure","value":null,"error":{"class":"CommunicationFailed","text":"no reply within 2 s"},"unit":"Pa","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"error"}
        {"path":"gauge.pressure","value":12.5,"text":"12.5","unit":"Pa","timestamp":"2023-11-14T22:13:21.250000000Z","quality":"good"}
        {"path":"gauge.pressure","value":12.5,"text":"12.5","unit":"Pa","timestamp":"2023-11-14T22:13:22.250000000Z","quality":"stale"}
        {"schema":1,"error":{"class":"ConnectionLost","text":"the host at ADDRESS is gone: it closed the connection"}}
        ! error: the host at ADDRESS is gone: it closed the connection
        [exit 69]
    "#]],
    );
}

#[test]
fn watch_goes_on_when_the_host_is_back() {
    // The gauge of the fake ends the connection after each activation, and then begins anew.
    check(
        &["watch", "gauge", "-n", "5"],
        expect![[r#"
        2023-11-14 22:13:20.250 gauge.pressure error: no reply within 2 s (CommunicationFailed)
        2023-11-14 22:13:21.250 gauge.pressure 12.5 Pa
        2023-11-14 22:13:22.250 gauge.pressure 12.5 Pa (stale)
        2023-11-14 22:13:20.250 gauge.pressure error: no reply within 2 s (CommunicationFailed)
        2023-11-14 22:13:21.250 gauge.pressure 12.5 Pa
        ! the host at ADDRESS is gone: it closed the connection; waiting until it is back
        ! the host at ADDRESS is back
    "#]],
    );
    check(
        &["watch", "gauge", "-n", "5", "-q", "-t"],
        expect![[r#"
        -
        12.5
        12.5
        -
        12.5
    "#]],
    );
}

#[test]
fn watch_has_a_terse_and_a_wide_form_and_says_what_lies_between() {
    check(
        &["watch", "stage", "shutter", "-t", "-n", "2"],
        expect![[r#"
        0.000
        closed
    "#]],
    );
    check(
        &["watch", "stage", "shutter", "--wide", "-n", "2"],
        expect![[r#"
        2023-11-14 22:13:20.250 stage.position 0.000 mm good idle
        2023-11-14 22:13:20.250 shutter.state closed good idle
    "#]],
    );
    check(
        &["watch", "gauge", "--delta", "-n", "3", "--no-reconnect"],
        expect![[r#"
            2023-11-14 22:13:20.250 gauge.pressure error: no reply within 2 s (CommunicationFailed)
            2023-11-14 22:13:21.250 gauge.pressure 12.5 Pa (+1.000 s)
            2023-11-14 22:13:22.250 gauge.pressure 12.5 Pa (stale) (+0 Pa, +1.000 s)
        "#]],
    );
    check(
        &["watch", "stage", "--delta", "--json", "--since", "5m", "-n", "3"],
        expect![[r#"
            {"path":"stage.position","value":0.5,"text":"0.500","unit":"mm","timestamp":"2023-11-14T22:13:16.250000000Z","quality":"good","delta":null,"elapsed":_null}
            {"path":"stage.position","value":0.25,"text":"0.250","unit":"mm","timestamp":"2023-11-14T22:13:18.250000000Z","quality":"good","delta":-0.25,"elapsed":_}
            {"path":"stage.position","value":0.0,"text":"0.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good","delta":-0.25,"elapsed":_}
        "#]],
    );
}

#[test]
fn watch_begins_with_what_the_host_has_kept() {
    check(
        &["watch", "stage", "pump", "--since", "5m", "-n", "6", "--delta"],
        expect![[r#"
            2023-11-14 22:13:16.250 stage.position 0.500 mm
            2023-11-14 22:13:16.250 pump.flow 0.50 mL/min
            2023-11-14 22:13:18.250 stage.position 0.250 mm (-0.250 mm, +2.000 s)
            2023-11-14 22:13:18.250 pump.flow 0.25 mL/min (-0.25 mL/min, +2.000 s)
            2023-11-14 22:13:20.250 stage.position 0.000 mm (-0.250 mm, +2.000 s)
            2023-11-14 22:13:20.250 pump.flow 1.25 mL/min (+1.00 mL/min, +2.000 s)
        "#]],
    );
    check_at(
        &fake::start_foreign().address,
        &["watch", "stage", "--since", "5m"],
        expect![[r#"
            ! error: ADDRESS is no Baton host, and keeps no readings
            [exit 1]
        "#]],
    );
}

#[test]
fn watch_ends_quietly_when_nobody_reads() {
    let fake = fake::start();
    let mut child = baton(&fake.address, &["watch", "stage.*", "--json"]).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    expect![[r#"
        {"path":"stage.position","value":0.0,"text":"0.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"}
    "#]].assert_eq(&first);
    expect![[""]].assert_eq(&transcript(child));
}

#[test]
fn watch_ends_with_ctrl_c() {
    let fake = fake::start();
    let mut child = baton(&fake.address, &["watch", "stage"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("stage.position"));
    interrupt(&child);
    assert_eq!(lines.count(), 0);
    expect![[r#"
        [exit 130]
    "#]]
    .assert_eq(&transcript(child));
}

#[test]
fn watch_ends_with_ctrl_c_while_it_waits_for_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("baton.sock");
    // One connection, which the gauge ends, and nobody listens any more.
    fake::bridge(&path, &fake::start().address);
    let address = format!("unix:{}", path.display());
    let mut child = baton(&address, &["watch", "gauge"]).spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(notes.next().unwrap().unwrap().ends_with("; waiting until it is back"));
    interrupt(&child);
    assert_eq!(notes.count(), 0);
    expect![[r#"
        2023-11-14 22:13:20.250 gauge.pressure error: no reply within 2 s (CommunicationFailed)
        2023-11-14 22:13:21.250 gauge.pressure 12.5 Pa
        2023-11-14 22:13:22.250 gauge.pressure 12.5 Pa (stale)
        [exit 130]
    "#]]
    .assert_eq(&transcript(child));
}

#[test]
fn listen_shows_messages_with_what_was_lost() {
    check(
        &["listen", "*:*", "-n", "3"],
        expect![[r#"
        2023-11-14 22:13:21.250 *:asked "* drop_oldest"
        2023-11-14 22:13:22.250 stage:limit_hit "upper\u001b[31m"
        2023-11-14 22:13:23.250 client:ana:go (12 lost before it)
    "#]],
    );
    check(
        &[
            "listen",
            "stage:limit_hit",
            "client:ana",
            "--policy",
            "latest",
            "--since",
            "1m",
            "-n",
            "6",
            "--json",
        ],
        expect![[r#"
            {"sender":"stage","message":"asked","payload":"limit_hit latest since 60 s","timestamp":"2023-11-14T22:13:21.250000000Z","n":1,"lost":0}
            {"sender":"stage","message":"limit_hit","payload":"upper\u001b[31m","timestamp":"2023-11-14T22:13:22.250000000Z","n":2,"lost":0}
            {"sender":"client:ana","message":"go","payload":null,"timestamp":"2023-11-14T22:13:23.250000000Z","n":3,"lost":12}
            {"sender":"client:ana","message":"asked","payload":"* latest since 60 s","timestamp":"2023-11-14T22:13:21.250000000Z","n":1,"lost":0}
            {"sender":"stage","message":"limit_hit","payload":"upper\u001b[31m","timestamp":"2023-11-14T22:13:22.250000000Z","n":2,"lost":0}
            {"sender":"client:ana","message":"go","payload":null,"timestamp":"2023-11-14T22:13:23.250000000Z","n":3,"lost":12}
        "#]],
    );
    check(
        &["listen", "stgae"],
        expect![[r#"
        ! error: stgae: there is no device `stgae`; did you mean `stage`? (NoSuchModule)
        [exit 1]
    "#]],
    );
    check(
        &["listen", "stage", "--policy", "lossless"],
        expect![[r#"
        ! error: invalid value 'lossless' for '--policy <POLICY>'
        !   [possible values: drop_oldest, latest]
        ! 
        ! For more information, try '--help'.
        [exit 2]
    "#]],
    );
    check_at(
        &fake::start_foreign().address,
        &["listen", "stage"],
        expect![[r#"
        ! error: ADDRESS is no Baton host, and sends no messages
        [exit 1]
    "#]],
    );
}

#[test]
fn send_says_as_whom() {
    check(
        &["send", "go"],
        expect![[r#"
        ! sent as client:ann:go
    "#]],
    );
    check(
        &["send", "sample", r#"{"number": 12}"#, "--json"],
        expect![[r#"
        {"schema":1,"sender":"client:ann","message":"sample","n":13}
    "#]],
    );
    check(&["send", "sample", "-5 mm", "-q"], expect![[r#""#]]);
    check_at(
        &fake::start_foreign().address,
        &["send", "go"],
        expect![[r#"
        ! error: ADDRESS is no Baton host, and takes no messages
        [exit 1]
    "#]],
    );
}
