//! Commands that look: nothing moves.

use expect_test::expect;

use crate::fake;
use crate::{baton, check, transcript};

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
            config: lab.toml:10:10
            file: /lab/drivers/libsim.so  sha256 0123456789ab
            status: idle since 2023-11-14 22:13
            connection: up since 2023-11-14 22:13, generation 2
            counters: 120 calls, 1 errors, 0 timeouts, 1 reconnects
            NAME       VALUE  TARGET  UNIT  LIMITS              FROM            AGE    ACCESS   DOC
            position   0.000  0.000   mm    0.000 to 50.000     lab.toml:12:14  3.0 s  rw       Where the stage is
                                            -10.000 to 100.000  driver
            status     idle                                                     3.0 s  r        State of the device
            velocity   5.0            mm/s  0.1 to 20.0                         3.0 s  rw       How fast it moves
            stop                                                                       call     Stops the stage
            home                                                                       call     Finds the reference switch
            limit_hit                                                                  message  It has run into a switch: text
        "#]],
    );
    check(
        &["describe", "pump"],
        expect![[r#"
            pump: sim/pump, Readable, driver sim 1.0
            Syringe pump
            config: lab.toml:10:10
            file: /lab/drivers/libsim.so  sha256 0123456789ab
            status: idle since 2023-11-14 22:13
            connection: up since 2023-11-14 22:13, generation 2
            counters: 120 calls, 1 errors, 0 timeouts, 1 reconnects
            NAME       VALUE  UNIT    AGE    ACCESS   LOCK                         DOC
            flow       1.25   mL/min  3.0 s  r        ann@lab2, scan.py, pid 4711  Flow
            status     idle           3.0 s  r                                     State of the device
            dispense                         call                                  Dispenses a volume: dispense(volume: number mL, fast?: bool) -> integer strokes
            limit_hit                        message                               It has run into a switch: text
        "#]],
    );
    check(
        &["describe", "stage.position"],
        expect![[r#"
            stage.position
              doc          Where the stage is
              value        0.000 mm
              target       0.000 mm
              age          3.0 s
              kind         number
              unit         mm
              limits       0.000 to 45.000
              all limits   0.000 to 50.000 (lab.toml:12:14), -10.000 to 100.000 (driver)
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
            {"schema":1,"device":"shutter","type":"sim/shutter","class":"Writable","driver":"sim","driver_version":"1.0","description":"Beam shutter","members":[],"locked_by":null,"parameters":[{"name":"state","description":"What it is","access":"rw","limits":"","reading":{"path":"shutter.state","value":0,"text":"closed","unit":"","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"wire":"value","wire_target":"target","properties":{"description":"What it is","readonly":true,"_name":"state","datainfo":{"type":"enum","members":{"closed":0,"open":1}}},"all_limits":[],"target":0,"locked_by":"ann@lab2, scan.py, pid 4711"},{"name":"status","description":"State of the device","access":"r","limits":"","reading":{"path":"shutter.status","value":[100,""],"text":"idle","unit":"","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"wire":"status","wire_target":null,"properties":{"description":"State of the device","readonly":true,"datainfo":{"type":"tuple","members":[{"type":"int"},{"type":"string"}]}},"all_limits":[],"target":null,"locked_by":"ann@lab2, scan.py, pid 4711"},{"name":"target","description":"What it should be","access":"rw","limits":"","reading":{"path":"shutter.target","value":0,"text":"closed","unit":"","timestamp":"2023-11-14T22:13:20.250000000Z","quality":"good"},"wire":"target","wire_target":"target","properties":{"description":"What it should be","readonly":false,"_name":"state","datainfo":{"type":"enum","members":{"closed":0,"open":1}}},"all_limits":[],"target":null,"locked_by":"ann@lab2, scan.py, pid 4711"}],"commands":[],"info":{"device":"shutter","now":1700000003.25,"origin":"lab.toml:10:10","type":"motor","controller":null,"driver":{"name":"sim","version":"1.0","file":"/lab/drivers/libsim.so","hash":"0123456789abcdef"},"generation":2,"status":{"code":100,"text":"","since":1700000000.25},"connection":{"state":"up","since":1700000000.25},"counters":{"calls":120,"errors":1,"timeouts":0,"reconnects":1},"on_exit":"stop","parameters":[{"name":"position","limits":[{"lower":-10.0,"upper":100.0,"whose":"driver"},{"lower":0.0,"upper":50.0,"whose":"lab.toml:12:14"}]}],"messages":[{"name":"limit_hit","doc":"It has run into a switch","payload":"text"}]}}
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
fn drivers_of_a_folder_are_looked_at_without_a_host() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "to do").unwrap();
    std::fs::write(folder.path().join("empty.so"), "").unwrap();
    let path = folder.path().canonicalize().unwrap();
    let path = path.to_str().unwrap();
    let child = baton("127.0.0.1:1", &["drivers", "--drivers", path]).spawn().unwrap();
    // How wide the columns are depends on where the system keeps temporary files.
    let list = transcript(child).replace(path, "DIR");
    let lines: Vec<String> = list
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    expect![[r#"
        DRIVER VERSION STATE FILE OFFERS REASON
        - - not a driver DIR/empty.so an empty file
        - - not a driver DIR/notes.txt not a shared library: it begins with "to d""#]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn colours_are_for_terminals_or_who_insists() {
    let list = |variables: &[(&str, &str)]| {
        let mut command = baton(&fake::start().address, &["list"]);
        let child = command.envs(variables.iter().copied()).spawn().unwrap();
        transcript(child).contains('\u{1b}')
    };
    assert!(!list(&[]));
    assert!(list(&[("CLICOLOR_FORCE", "1")]));
    assert!(!list(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn verbose_shows_the_lines_of_the_protocol() {
    let child = baton(&fake::start().address, &["get", "pump", "-v"]).spawn().unwrap();
    let lines = transcript(child);
    let lines: Vec<&str> = lines.lines().filter(|line| !line.contains("describing")).collect();
    expect![[r#"
        pump.flow 1.25 mL/min
        ! > *IDN?
        ! < ISSE&SINE2020,SECoP,V2019-09-16,v1.0
        ! > describe
        ! > read pump:value
        ! < reply pump:value [1.25,{"t":1700000000.25}]"#]]
    .assert_eq(&lines.join("\n"));
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
            locks         -
            calls         10 done, 1 failed, 0 pending
              stuck       pump since 2023-11-14 22:13:20.250: in write of pump.flow
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
