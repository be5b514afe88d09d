//! Commands that move something, and how they end.

use expect_test::expect;

use crate::fake;
use crate::{baton, check, check_at, interrupt, transcript};

#[test]
fn set_waits_and_writes_the_readback() {
    check(
        &["set", "stage", "2"],
        expect![[r#"
        stage.position 2.000 mm
    "#]],
    );
    check(
        &["set", "stage.position", "2 mm", "-t"],
        expect![[r#"
        2.000
    "#]],
    );
    check(
        &["set", "stage.position", "2000", "um", "-a"],
        expect![[r#"
        Old: 2023-11-14 22:13:20.250 stage.position 0.000 mm
        New: 2023-11-14 22:13:20.250 stage.position 2.000 mm
    "#]],
    );
    check(
        &["set", "stage.position", "4", "--json"],
        expect![[r#"
        {"schema":1,"path":"stage.position","outcome":"done","target":4.0,"old":{"path":"stage.position","value":0.0,"text":"0.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"reading":{"path":"stage.position","value":4.0,"text":"4.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"elapsed":_}
    "#]],
    );
    check(
        &["set", "stage.velocity", "5"],
        expect![[r#"
            stage.velocity 9.0 mm/s
        "#]],
    );
    check(
        &["set", "shutter", "opne"],
        expect![[r#"
        ! error: shutter.state: "opne" is none of its values; did you mean "open"?
        [exit 1]
    "#]],
    );
}

#[test]
fn wait_says_when_it_is_so_and_exits_with_75_when_it_was_not_in_time() {
    check(
        &["wait", "stage", "2 mm", "--within", "10 um", "--for", "3 s"],
        expect![[r#"
            stage.position 2.000 mm
        "#]],
    );
    check(
        &["wait", "stage.position", "2000", "um", "--within", "10 um", "--json"],
        expect![[r#"
            {"schema":1,"path":"stage.position","outcome":"reached","reading":{"path":"stage.position","value":2.0,"text":"2.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"held":3.0,"elapsed":_}
        "#]],
    );
    check(
        &["wait", "stage", "idle"],
        expect![[r#"
        stage.status idle
    "#]],
    );
    check(
        &["wait", "shutter", "open", "--timeout", "10 min"],
        expect![[r#"
        ! error: shutter.state was not open within 10.0 min; it is closed (TimeoutError)
        [exit 75]
    "#]],
    );
    check(
        &["wait", "stage", "> far"],
        expect![[r#"
        ! error: stage.position: "far" is not a number in mm
        [exit 1]
    "#]],
    );
    let foreign = fake::start_foreign();
    check_at(
        &foreign.address,
        &["wait", "stage", "2"],
        expect![[r#"
        ! error: ADDRESS is no Baton host, and does not wait for values
        [exit 1]
    "#]],
    );
}

#[test]
fn set_without_waiting_returns_when_it_is_taken() {
    check(
        &["set", "stage", "40", "--no-wait"],
        expect![[r#"
        ! stage.position: taken, on its way to 40.000 mm
    "#]],
    );
    check(
        &["set", "stage", "40", "--no-wait", "--json"],
        expect![[r#"
        {"schema":1,"path":"stage.position","outcome":"taken","target":40.0}
    "#]],
    );
    check(&["set", "stage", "40", "--no-wait", "-q"], expect![[""]]);
}

#[test]
fn a_target_that_is_missed_or_refused_is_an_error_in_the_words_of_the_host() {
    check(
        &["set", "stage", "13"],
        expect![[r#"
        ! error: stage.position: the readback is 10.000 mm, 3.000 mm short of 13.000 mm (tolerance 0.010 mm) (HardwareError)
        [exit 1]
    "#]],
    );
    check(
        &["set", "stage", "13", "--json"],
        expect![[r#"
        {"schema":1,"error":{"path":"stage.position","class":"HardwareError","text":"stage.position: the readback is 10.000 mm, 3.000 mm short of 13.000 mm (tolerance 0.010 mm)","detail":{},"outcome":"failed","reading":{"path":"stage.position","value":10.0,"text":"10.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"}}}
        ! error: stage.position: the readback is 10.000 mm, 3.000 mm short of 13.000 mm (tolerance 0.010 mm) (HardwareError)
        [exit 1]
    "#]],
    );
    check(
        &["set", "stage", "-5 mm"],
        expect![[r#"
        ! error: stage.position: -5.000 mm is outside the limits 0 to 45 mm of lab.toml:12 (RangeError)
        [exit 1]
    "#]],
    );
    check(
        &["set", "pump", "3"],
        expect![[r#"
        ! error: pump.flow is read-only
        [exit 1]
    "#]],
    );
}

#[test]
fn a_lock_of_another_has_an_exit_code_of_its_own() {
    check(
        &["set", "shutter", "open"],
        expect![[r#"
        ! error: shutter is locked by ann@lab2 since 14:02 (IsBusy)
        [exit 73]
    "#]],
    );
}

#[test]
fn s3_the_limit_of_a_request_is_the_hosts_to_keep_and_ends_as_75() {
    check(
        &["set", "stage", "40", "-w", "0.2"],
        expect![[r#"
        ! error: stage.position: the write has not ended 200 ms after it began; its limit is 200 ms, set by the request (TimeoutError)
        [exit 75]
    "#]],
    );
    // A node that knows no limits goes on.
    let foreign = fake::start_foreign();
    check_at(
        &foreign.address,
        &["set", "stage", "40", "-w", "0.2"],
        expect![[r#"
            ! error: stage.value: not done in time; it goes on, stop it with: baton stop stage
            [exit 75]
        "#]],
    );
}

#[test]
fn s2_ctrl_c_twice_stops_harder_and_says_what_did_not_stop() {
    let fake = fake::start();
    let child = baton(&fake.address, &["set", "stage", "41"]).spawn().unwrap();
    // It moves, then it has been told to stop and says nothing.
    for _ in 0..2 {
        fake.stuck.recv().unwrap();
        interrupt(&child);
    }
    expect![[r#"
        ! stopping stage, which may take 10 s (Ctrl-C again: stop harder)
        ! error: stage: its driver is inside the write
        ! stopping stage and all that it moves, each by itself, which may take 4 s (Ctrl-C again: leave at once)
        ! error: stage: no answer
        !   pump: stopped
        ! error: interrupted twice; stage may still be on its way; look with: baton list; if its driver hangs: baton reopen --abandon stage
        [exit 130]
    "#]]
    .assert_eq(&transcript(child));
}

#[test]
fn s2_ctrl_c_three_times_leaves_at_once() {
    let fake = fake::start();
    let child = baton(&fake.address, &["set", "stage", "42"]).spawn().unwrap();
    for _ in 0..3 {
        fake.stuck.recv().unwrap();
        interrupt(&child);
    }
    expect![[r#"
        ! stopping stage, which may take 10 s (Ctrl-C again: stop harder)
        ! error: stage: its driver is inside the write
        ! stopping stage and all that it moves, each by itself, which may take 4 s (Ctrl-C again: leave at once)
        ! error: left at once; stage was told to stop, and nobody knows whether it did; look with: baton list; if its driver hangs: baton reopen --abandon stage
        [exit 130]
    "#]].assert_eq(&transcript(child));
}

#[test]
fn ctrl_c_stops_the_device_and_says_where() {
    let fake = fake::start();
    let child = baton(&fake.address, &["set", "stage", "40"]).spawn().unwrap();
    fake.stuck.recv().unwrap();
    interrupt(&child);
    expect![[r#"
        ! stopping stage, which may take 10 s (Ctrl-C again: stop harder)
        ! error: interrupted; stage stopped at 10.000 mm
        [exit 130]
    "#]]
    .assert_eq(&transcript(child));
}

#[test]
fn call_waits_and_writes_the_result() {
    check(&["call", "stage", "home", "-q"], expect![[""]]);
    check(
        &["call", "stage", "home", "--json"],
        expect![[r#"
        {"schema":1,"path":"stage.home","outcome":"done","result":null,"unit":"","elapsed":_}
    "#]],
    );
    check(
        &["call", "pump", "dispense", r#"{"volume": 2}"#],
        expect![[r#"
        7 strokes
    "#]],
    );
    check(
        &["call", "pump", "dispense", r#"{"volume": 2}"#, "--json"],
        expect![[r#"
            {"schema":1,"path":"pump.dispense","outcome":"done","result":7,"unit":"strokes","elapsed":_}
        "#]],
    );
}

#[test]
fn the_result_of_a_command_that_takes_its_time_comes_in_the_end() {
    check(
        &["call", "pump", "dispense", r#"{"volume": 9}"#],
        expect![[r#"
        9 strokes
    "#]],
    );
}

#[test]
fn stop_reports_each_device() {
    check(
        &["stop", "--all"],
        expect![[r#"
        DEVICE  OUTCOME          ELAPSED  ERROR
        stage   stopped          0.012 s
        pump    failed           2.000 s  no reply within 2 s
        gauge   nothing to stop  0.000 s
        [exit 1]
    "#]],
    );
    check(
        &["stop", "--all", "--json"],
        expect![[r#"
        {"schema":1,"devices":[{"device":"stage","outcome":"stopped","error":null,"elapsed":_},{"device":"pump","outcome":"failed","error":"no reply within 2 s","elapsed":_},{"device":"gauge","outcome":"nothing to stop","error":null,"elapsed":_}]}
        [exit 1]
    "#]],
    );
    check(
        &["stop", "pump", "--json"],
        expect![[r#"
        {"schema":1,"devices":[{"device":"pump","outcome":"failed","error":"what? (ProtocolError)","elapsed":_}]}
        [exit 1]
    "#]],
    );
    check(
        &["stop"],
        expect![[r#"
            ! error: the following required arguments were not provided:
            !   <DEVICE>...
            ! 
            ! Usage: baton stop <DEVICE>...
            !        baton stop --all
            ! 
            ! For more information, try '--help'.
            [exit 2]
        "#]],
    );
}

#[test]
fn o2_baton_owner_makes_us_act_in_the_session_of_somebody_else() {
    let run = |owner: &str, arguments: &[&str]| {
        let host = fake::start();
        let mut command = baton(&host.address, arguments);
        command.env("BATON_OWNER", owner.replace("HERE", &host.address));
        if owner.ends_with("HERE") {
            // The session knows where its host is.
            command.env_remove("BATON_HOST");
        }
        transcript(command.spawn().unwrap())
    };
    let joined = run("c0ffee@HERE", &["set", "stage", "2", "-v"]);
    expect![[r#"
        ! > *IDN?
        ! < ISSE&SINE2020,SECoP,V2019-09-16,v1.0
        ! > _join t1 {"token":"c0ffee"}
        ! < _joined t1 {"owner":{}}
        ! > describe
    "#]]
    .assert_eq(&first_lines(&joined, 5));
    expect![[r#"
        ! error: BATON_OWNER: no session has this token; it ends with the connection that founded it
        [exit 1]
    "#]]
    .assert_eq(&run("decaf@HERE", &["set", "stage", "2"]));
    // A stop needs no session.
    assert!(run("decaf@HERE", &["stop", "stage"]).starts_with("DEVICE  OUTCOME"));
    // On another host than the session's we are ourselves.
    assert_eq!(
        run("decaf@127.0.0.1:1", &["set", "stage", "2"]),
        "stage.position 2.000 mm\n"
    );
    let wrong = run("decaf", &["set", "stage", "2"]);
    assert!(
        wrong.contains("expected TOKEN@ADDRESS") && wrong.ends_with("[exit 2]\n"),
        "{wrong}"
    );
}

fn first_lines(text: &str, count: usize) -> String {
    // Only messages: what goes to standard output is written before them here.
    let lines = text.lines().filter(|line| line.starts_with('!')).take(count);
    lines.map(|line| format!("{line}\n")).collect()
}
