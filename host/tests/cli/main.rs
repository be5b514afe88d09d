//! The program `baton` as a user runs it, against a scripted server (`fake`).

mod fake;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use expect_test::{Expect, expect};
use rustix::process::{Pid, Signal, kill_process};

/// `baton` with these arguments, against the host at `address`.
fn baton(address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command
        .args(arguments)
        .env("BATON_HOST", address)
        .env("TZ", "UTC")
        .env_remove("NO_COLOR");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Everything that a finished run has to say: standard output, standard error with `! `, and an exit code that is not 0.
fn transcript(child: Child) -> String {
    let output = child.wait_with_output().unwrap();
    let mut transcript = String::from_utf8(output.stdout).unwrap();
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        transcript += &format!("! {line}\n");
    }
    if !output.status.success() {
        transcript += &format!("[exit {}]\n", output.status.code().unwrap());
    }
    without_elapsed(&transcript)
}

/// Times that differ from run to run become `_`.
fn without_elapsed(text: &str) -> String {
    let mut parts = text.split("\"elapsed\":");
    let mut clean = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        clean += "\"elapsed\":_";
        clean += part.trim_start_matches(|c: char| c.is_ascii_digit() || "e.-".contains(c));
    }
    clean
}

/// Runs `baton` with the words of `line` against `address`.
fn check_at(address: &str, arguments: &[&str], expected: Expect) {
    let transcript = transcript(baton(address, arguments).spawn().unwrap());
    expected.assert_eq(&transcript.replace(address, "ADDRESS"));
}

/// Runs `baton` with these arguments against a fresh fake.
fn check(arguments: &[&str], expected: Expect) {
    check_at(&fake::start().address, arguments, expected);
}

#[test]
fn list_shows_every_device_in_one_line() {
    check(
        &["list"],
        expect![[r#"
            DEVICE   TYPE         STATUS                      VALUE
            stage    sim/motor    idle                        0.000 mm
            shutter  sim/shutter  idle                        closed
            pump     sim/pump     idle                        1.25 mL/min
            gauge    sim/gauge    error: no reply within 2 s  -
        "#]],
    );
    check(
        &["list", "--json"],
        expect![[r#"
            {"schema":1,"devices":[{"device":"stage","type":"sim/motor","class":"Drivable","description":"Linear stage under the microscope","status":{"state":"idle","code":100,"text":""},"reading":{"path":"stage.position","value":0.0,"text":"0.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"}},{"device":"shutter","type":"sim/shutter","class":"Writable","description":"Beam shutter","status":{"state":"idle","code":100,"text":""},"reading":{"path":"shutter.state","value":0,"text":"closed","unit":"","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"}},{"device":"pump","type":"sim/pump","class":"Readable","description":"Syringe pump","status":{"state":"idle","code":100,"text":""},"reading":{"path":"pump.flow","value":1.25,"text":"1.25","unit":"mL/min","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"}},{"device":"gauge","type":"sim/gauge","class":"Readable","description":"Pressure gauge","status":{"state":"error","code":400,"text":"no reply within 2 s"},"reading":{"path":"gauge.pressure","value":null,"error":{"class":"CommunicationFailed","text":"no reply within 2 s"},"unit":"Pa","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"error"}}]}
        "#]],
    );
}

#[test]
fn describe_shows_parameters_and_commands_in_one_table() {
    check(
        &["describe", "stage"],
        expect![[r#"
            stage: sim/motor, Drivable, driver sim 1.0
            Linear stage under the microscope
            NAME      VALUE  UNIT  LIMITS           ACCESS  DOC
            position  0.000  mm    0.000 to 45.000  rw      Where the stage is
            status    idle                          r       State of the device
            target    0.000  mm    0.000 to 45.000  rw      Where the stage was sent
            velocity  5.0    mm/s  0.1 to 20.0      rw      How fast it moves
            stop                                    call    Stops the stage
            home                                    call    Finds the reference switch
        "#]],
    );
    check(
        &["describe", "pump"],
        expect![[r#"
            pump: sim/pump, Readable, driver sim 1.0
            Syringe pump
            NAME      VALUE  UNIT    LIMITS  ACCESS  DOC
            flow      1.25   mL/min          r       Flow
            status    idle                   r       State of the device
            dispense                         call    Dispenses a volume: dispense(volume: number mL, fast?: bool) -> integer strokes
        "#]],
    );
    check(
        &["describe", "stage.position"],
        expect![[r#"
        stage.position
          doc          Where the stage is
          value        0.000 mm
          kind         number
          unit         mm
          limits       0.000 to 45.000
          access       rw
          tolerance    0.01 mm
          poll         1.0 s
          on the wire  stage:value
    "#]],
    );
    check(
        &["describe", "stage:home"],
        expect![[r#"
        stage.home
          doc          Finds the reference switch
          call         home()
          long         yes, it takes as long as a motion
          on the wire  stage:_home
    "#]],
    );
    check(
        &["describe", "shutter", "--json"],
        expect![[r#"
        {"schema":1,"device":"shutter","type":"sim/shutter","class":"Writable","driver":"sim","driver_version":"1.0","description":"Beam shutter","members":[],"parameters":[{"name":"state","description":"What it is","access":"rw","limits":"","reading":{"path":"shutter.state","value":0,"text":"closed","unit":"","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"wire":"value","wire_target":"target","properties":{"description":"What it is","readonly":true,"_name":"state","datainfo":{"type":"enum","members":{"closed":0,"open":1}}}},{"name":"status","description":"State of the device","access":"r","limits":"","reading":{"path":"shutter.status","value":[100,""],"text":"idle","unit":"","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"wire":"status","wire_target":null,"properties":{"description":"State of the device","readonly":true,"datainfo":{"type":"tuple","members":[{"type":"int"},{"type":"string"}]}}},{"name":"target","description":"What it should be","access":"rw","limits":"","reading":{"path":"shutter.target","value":0,"text":"closed","unit":"","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"wire":"target","wire_target":"target","properties":{"description":"What it should be","readonly":false,"_name":"state","datainfo":{"type":"enum","members":{"closed":0,"open":1}}}}],"commands":[]}
    "#]],
    );
}

#[test]
fn get_has_a_terse_a_usual_and_a_wide_form() {
    check(
        &["get", "stage", "pump:flow", "STAGE.Velocity"],
        expect![[r#"
        stage.position 0.000 mm
        pump.flow 1.25 mL/min
        stage.velocity 5.0 mm/s
    "#]],
    );
    check(
        &["get", "-t", "stage.value", "shutter"],
        expect![[r#"
        0.000
        closed
    "#]],
    );
    check(
        &["get", "-a", "stage.position", "shutter"],
        expect![[r#"
        stage.position 2023-11-14 22:13:20.250 0.000 mm good idle
        shutter.state 2023-11-14 22:13:20.250 closed good idle
    "#]],
    );
    check(
        &["get", "-a", "stage", "--json"],
        expect![[r#"
        {"schema":1,"readings":[{"path":"stage.position","value":0.0,"text":"0.000","unit":"mm","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good","status":{"state":"idle","code":100,"text":""}}]}
    "#]],
    );
}

#[test]
fn get_shows_what_can_be_read_and_fails_for_the_rest() {
    check(
        &["get", "gauge", "pump"],
        expect![[r#"
        pump.flow 1.25 mL/min
        ! error: gauge.pressure: no reply within 2 s (CommunicationFailed)
        [exit 1]
    "#]],
    );
    check(
        &["get", "gauge", "pump", "--json"],
        expect![[r#"
        {"schema":1,"readings":[{"path":"gauge","error":{"path":"gauge.pressure","class":"CommunicationFailed","text":"no reply within 2 s","detail":{"t":1700000000.25}}},{"path":"pump.flow","value":1.25,"text":"1.25","unit":"mL/min","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"}]}
        ! error: gauge.pressure: no reply within 2 s (CommunicationFailed)
        [exit 1]
    "#]],
    );
}

#[test]
fn an_age_that_is_too_old_is_read_anew() {
    check(
        &["get", "pump", "--max-age", "1 s"],
        expect![[r#"
        pump.flow 1.25 mL/min
    "#]],
    );
    check(
        &["get", "pump", "--max-age", "soon"],
        expect![[r#"
        ! error: invalid value 'soon' for '--max-age <DURATION>': expected a duration such as "500 ms", "2 s" or "1 min"
        ! 
        ! For more information, try '--help'.
        [exit 2]
    "#]],
    );
}

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
        stage.velocity 5.0 mm/s
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
fn the_end_of_patience_is_75_and_the_device_goes_on() {
    check(
        &["set", "stage", "40", "-w", "0.2"],
        expect![[r#"
        ! error: stage.position: not done in time; it goes on, stop it with: baton stop stage
        [exit 75]
    "#]],
    );
}

#[test]
fn ctrl_c_stops_the_device_and_says_where() {
    let fake = fake::start();
    let child = baton(&fake.address, &["set", "stage", "40"]).spawn().unwrap();
    fake.stuck.recv().unwrap();
    interrupt(&child);
    expect![[r#"
        ! stopping stage
        ! error: interrupted; stage stopped at 10.000 mm
        [exit 130]
    "#]]
    .assert_eq(&transcript(child));
}

fn interrupt(child: &Child) {
    kill_process(Pid::from_child(child), Signal::INT).unwrap();
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
fn call_says_what_a_command_needs() {
    check(
        &["call", "pump", "dispense"],
        expect![[r#"
        ! error: pump.dispense needs an argument: dispense(volume: number mL, fast?: bool) -> integer strokes
        [exit 1]
    "#]],
    );
    check(
        &["call", "pump", "dispense", "2"],
        expect![[r#"
            ! error: pump.dispense: "2" is not a JSON object, for {volume: number mL, fast?: bool}
            [exit 1]
        "#]],
    );
    check(
        &["call", "stage", "home", "1"],
        expect![[r#"
        ! error: stage.home takes no argument
        [exit 1]
    "#]],
    );
    check(
        &["call", "stage", "hoem"],
        expect![[r#"
        ! error: stage has no command "hoem"; did you mean "home"?
        [exit 1]
    "#]],
    );
    check(
        &["get", "stage.home"],
        expect![[r#"
        ! error: stage.home is a command; call it with: baton call stage home
        [exit 1]
    "#]],
    );
}

#[test]
fn names_that_do_not_exist_are_answered_with_the_nearest() {
    check(
        &["get", "stgae.position"],
        expect![[r#"
        ! error: no device "stgae"; did you mean "stage"?
        [exit 1]
    "#]],
    );
    check(
        &["get", "stage.postion"],
        expect![[r#"
        ! error: stage has no parameter "postion"; did you mean "position"?
        [exit 1]
    "#]],
    );
    check(
        &["get", "laser"],
        expect![[r#"
        ! error: no device "laser"; there are: stage, shutter, pump, gauge
        [exit 1]
    "#]],
    );
    check(
        &["watch", "laser.*"],
        expect![[r#"
        ! error: no parameter matches "laser.*"; see: baton list
        [exit 1]
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
        ! Usage: baton stop --host <ADDRESS> <DEVICE>...
        ! 
        ! For more information, try '--help'.
        [exit 2]
    "#]],
    );
}

#[test]
fn status_and_drivers_say_how_the_host_is_doing() {
    check(
        &["status"],
        expect![[r#"
            lab           quickstart
            host          baton 0.1.0, pid 4711, since 2023-11-14 22:13:20.250
            address       ADDRESS
            listens at    127.0.0.1:10767, unix:/run/baton.sock
            config        /lab/lab.toml
            execution     threaded
            devices       3 of 4 up
              down        gauge since 2023-11-14 22:13:20.250: no reply within 2 s
            drivers       1
            connections   2
            calls         10 done, 1 failed, 0 pending
              stuck       device pump, in write flow, for 35
        "#]],
    );
    check(
        &["drivers"],
        expect![[r#"
        DRIVER  VERSION  STATE    FILE                    OFFERS           REASON
        sim     1.0      ok       /lab/drivers/libsim.so  motor pump rack  the folder is writable by its group
        -       -        refused  /lab/drivers/notes.txt                   not a shared library
    "#]],
    );
    check(
        &["drivers", "--json"],
        expect![[r#"
        {"schema":1,"drivers":[{"file":"/lab/drivers/libsim.so","name":"sim","version":"1.0","state":"ok","reason":null,"plugin_api":"0.1.0","rustc":"1.95.0","hash":"00","devices":["motor","pump"],"controllers":["rack"],"warnings":["the folder is writable by its group"]},{"file":"/lab/drivers/notes.txt","name":null,"version":null,"state":"refused","reason":"not a shared library","devices":[],"controllers":[],"warnings":[]}]}
    "#]],
    );
}

#[test]
fn watch_shows_values_then_changes_and_says_when_the_host_is_gone() {
    check(
        &["watch", "st*.*", "gauge"],
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
        &["watch", "gauge", "--json"],
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
fn a_host_that_is_not_there_has_an_exit_code_and_a_hint() {
    // A port that was free a moment ago; the system does not hand it out again at once.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = baton(&format!("127.0.0.1:{port}"), &["list"]).spawn().unwrap();
    expect![[r#"
        ! error: no host at 127.0.0.1:PORT: connection refused
        ! hint: is it running? start it with: baton run lab.toml
        !       or name another with -H host:port, -H unix:/path or BATON_HOST
        [exit 69]
    "#]]
    .assert_eq(&transcript(child).replace(&port.to_string(), "PORT"));
    check_at(
        "unix:/no/such/socket",
        &["-q", "list", "--json"],
        expect![[r#"
            {"schema":1,"error":{"class":"Unreachable","text":"no host at ADDRESS: no such file or directory"}}
            ! error: no host at ADDRESS: no such file or directory
            [exit 69]
        "#]],
    );
    check_at(
        "lab:port",
        &["list"],
        expect![[r#"
            ! error: invalid value 'ADDRESS' for '--host <ADDRESS>': expected host:port, or unix:/path of a socket
            ! 
            ! For more information, try '--help'.
            [exit 2]
        "#]],
    );
}

#[test]
fn what_is_no_secop_node_is_named_as_that() {
    check_at(
        &fake::start_garbage(b"SSH-2.0-OpenSSH_9.2\r\n"),
        &["list", "-q"],
        expect![[r#"
            ! error: no host at ADDRESS: what listens there is no SECoP node, it says "SSH-2.0-OpenSSH_9.2"
            [exit 69]
        "#]],
    );
    check_at(
        &fake::start_garbage(b"\xff\x00\x1b[31m\n"),
        &["list", "-q"],
        expect![[r#"
            ! error: no host at ADDRESS: what listens there is no SECoP node, it says "�\0\u{1b}[31m"
            [exit 69]
        "#]],
    );
}

#[test]
fn a_host_that_goes_away_during_a_motion_is_not_taken_for_success() {
    check(
        &["set", "stage", "7"],
        expect![[r#"
        ! error: the host at ADDRESS is gone: it closed the connection; stage.position may still be on its way
        [exit 69]
    "#]],
    );
}
