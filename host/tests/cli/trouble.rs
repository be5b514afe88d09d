//! Wrong names, hosts that are not there or are not ours.

use expect_test::expect;

use crate::fake;
use crate::{baton, check, check_at, interrupt, transcript};

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
fn nodes_that_are_not_ours_are_served_as_far_as_secop_goes() {
    let check = |arguments: &[&str], expected| check_at(&fake::start_foreign().address, arguments, expected);
    check(
        &["list"],
        expect![[r#"
        DEVICE   TYPE      STATUS                      VALUE
        stage    Drivable  idle                        0 mm
        shutter  Writable  idle                        closed
        pump     Readable  idle                        1.25 mL/min
        gauge    Readable  error: no reply within 2 s  -
    "#]],
    );
    check(
        &["describe", "stage"],
        expect![[r#"
            stage: Drivable
            Linear stage under the microscope
            NAME      VALUE  TARGET  UNIT  LIMITS       ACCESS  DOC
            value     0      0       mm    0 to 45      rw      Where the stage is
            status    idle                              r       State of the device
            velocity  5.0            mm/s  0.1 to 20.0  rw      How fast it moves
            stop                                        call    Stops the stage
            home                                        call    Finds the reference switch
        "#]],
    );
    check(
        &["set", "stage", "2 mm"],
        expect![[r#"
        stage.value 2 mm
    "#]],
    );
    check(
        &["set", "stage", "2000 um"],
        expect![[r#"
        ! error: stage.value: "2000 um" is not a number in mm
        [exit 1]
    "#]],
    );
    check(
        &["set", "stage", "13"],
        expect![[r#"
            ! error: stage.position: the readback is 10.000 mm, 3.000 mm short of 13.000 mm (tolerance 0.010 mm) (HardwareError)
            [exit 1]
        "#]],
    );
    check(
        &["set", "stage.velocity", "3"],
        expect![[r#"
        stage.velocity 5.0 mm/s
    "#]],
    );
    check(&["call", "stage", "home", "-q"], expect![[""]]);
    check(
        &["call", "pump", "dispense", r#"{"volume": 2}"#],
        expect![[r#"
        7 strokes
    "#]],
    );
    check(
        &["status"],
        expect![[r#"
        address       ADDRESS
        equipment id  baton_quickstart
        firmware      baton 0.1.0
        description   A lab on a desk
        protocol      ISSE&SINE2020,SECoP,V2019-09-16,v1.0
        devices       4
        ! this is a SECoP node, but no Baton host; it tells only this much
    "#]],
    );
    check(
        &["drivers"],
        expect![[r#"
        ! error: ADDRESS is no Baton host, it has no drivers
        [exit 1]
    "#]],
    );
}

#[test]
fn ctrl_c_stops_a_device_of_a_foreign_node_too() {
    let fake = fake::start_foreign();
    let child = baton(&fake.address, &["set", "stage", "40"]).spawn().unwrap();
    fake.stuck.recv().unwrap();
    interrupt(&child);
    expect![[r#"
        ! stopping stage, which may take 10 s (Ctrl-C again: stop harder)
        ! error: interrupted; stage stopped at 10 mm
        [exit 130]
    "#]]
    .assert_eq(&transcript(child));
}

#[test]
fn stop_all_stops_each_device_of_a_foreign_node_that_can_be() {
    // How long it took differs from run to run.
    let child = baton(&fake::start_foreign().address, &["stop", "--all", "--json"])
        .spawn()
        .unwrap();
    expect![[r#"
        {"schema":1,"devices":[{"device":"stage","outcome":"stopped","error":null,"elapsed":_}]}
    "#]]
    .assert_eq(&transcript(child));
}

#[test]
fn a_host_may_listen_at_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("baton.sock");
    let address = fake::start().address;
    fake::bridge(&path, &address);
    check_at(
        &format!("unix:{}", path.display()),
        &["get", "stage"],
        expect![[r#"
        stage.position 0.000 mm
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

/// Whoever names a machine means its table; who names none has this machine's, if there is one.
#[test]
fn a_machine_without_a_table_of_its_own_is_a_slip() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    let file = file.to_str().unwrap();
    let check = |config: &str, arguments: &[&str]| {
        std::fs::write(file, config).unwrap();
        let mut command = baton("127.0.0.1:1", arguments);
        transcript(command.env_remove("BATON_MACHINE").spawn().unwrap()).replace(file, "lab.toml")
    };
    let overlays = "[host.cellar]\npoll = \"1 s\"\n[host.attic]\npoll = \"2 s\"\n";
    expect![[r#"
        ! error: there is no [host.celar] in the config for the machine `celar`
        !  |
        !  = help: did you mean `cellar`? (tables [host.NAME]: `cellar`, `attic`)
        ! 
        ! 1 error
        [exit 78]
    "#]]
    .assert_eq(&check(overlays, &["check", "--offline", file, "--machine", "celar"]));
    expect![[r#"
        ! error: there is no [host.cellar] in the config for the machine `cellar`
        !  |
        !  = help: there are no tables [host.NAME]
        ! 
        ! 1 error
        [exit 78]
    "#]]
    // What the folder beside the executable holds is another matter.
    .assert_eq(&check("", &["run", file, "--machine", "cellar", "--log", "error"]));
    let sound = "lab.toml is sound: 0 devices, checked without drivers\n";
    assert_eq!(
        check(overlays, &["check", "--offline", file, "--machine", "cellar"]),
        sound
    );
    assert_eq!(check(overlays, &["check", "--offline", file]), sound);
    assert_eq!(check("", &["check", "--offline", file]), sound);
}

/// A row alone would be overlooked: the folder was named, so it should be there.
#[test]
fn a_named_folder_of_drivers_that_is_not_there_is_a_failure() {
    let child = baton("127.0.0.1:1", &["drivers", "--drivers", "/no/such/folder"])
        .spawn()
        .unwrap();
    expect![[r#"
        DRIVER  VERSION  STATE       FILE             OFFERS  REASON
        -       -        unreadable  /no/such/folder          no such folder
        ! error: /no/such/folder: no such folder
        [exit 1]
    "#]]
    .assert_eq(&transcript(child));
}
