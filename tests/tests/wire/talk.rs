//! What is said and answered, word for word.

use expect_test::{Expect, expect};

use crate::client::{Host, STAGE, data, masked};

fn check(lines: &str, expected: Expect) {
    let host = Host::start(STAGE);
    expected.assert_eq(&host.connect().talk(lines));
}

#[test]
fn w1_a_client_greets_reads_and_writes() {
    check(
        "*IDN?
         ping x
         read stage:value
         read stage
         read stage:status
         read stage:position
         read stage:target_limits
         read stage:pollinterval
         read stage:velocity
         change stage:_velocity 5
         change stage:_velocity \"2000 um/s\"
         logging stage \"debug\"
         deactivate",
        expect![[r#"
            > *IDN?
            < ISSE&SINE2020,SECoP,V2019-09-16,v1.0
            > ping x
            < pong x [null,{"t":_}]
            > read stage:value
            < reply stage:value [0.0,{"t":_}]
            > read stage
            < reply stage [0.0,{"t":_}]
            > read stage:status
            < reply stage:status [[100,""],{"t":_}]
            > read stage:position
            < reply stage:position [0.0,{"t":_}]
            > read stage:target_limits
            < reply stage:target_limits [[0.0,50.0],{"t":_,"_origin":"lab.toml:10:25"}]
            > read stage:pollinterval
            < reply stage:pollinterval [1.0,{"t":_}]
            > read stage:velocity
            < reply stage:velocity [100.0,{"t":_}]
            > change stage:_velocity 5
            < changed stage:_velocity [5.0,{"t":_,"_call":_}]
            > change stage:_velocity "2000 um/s"
            < changed stage:_velocity [2.0,{"t":_,"_call":_}]
            > logging stage "debug"
            < logging stage "off"
            > deactivate
            < inactive
        "#]],
    );
}

#[test]
fn errors_have_class_and_text() {
    check(
        "read nothing:value
         read stag:value
         read stage:speed
         read stage:_home
         change stage:value 3
         change stage:status [100, \"\"]
         change stage:pollinterval 2
         change stage:target 60
         change stage:target \"3 s\"
         change stage:target \"fast\"
         change stage:target
         change stage:target {
         change stage:target [1]
         change stage:target null
         do stage:value
         do stage:hom
         do stage:_home 3
         activate nothing
         describe stage
         make coffee
         _wait t1 {\"call\":99999}
         _wait t1 7
         _cancel t2 {\"call\":",
        expect![[r#"
            > read nothing:value
            < error_read nothing:value ["NoSuchModule","there is no device `nothing`",{}]
            > read stag:value
            < error_read stag:value ["NoSuchModule","there is no device `stag`; did you mean `stage`?",{}]
            > read stage:speed
            < error_read stage:speed ["NoSuchParameter","stage has no parameter `speed`",{}]
            > read stage:_home
            < error_read stage:_home ["NoSuchParameter","stage has no parameter `_home`",{}]
            > change stage:value 3
            < error_change stage:value ["ReadOnly","stage:value is read-only",{}]
            > change stage:status [100, ""]
            < error_change stage:status ["ReadOnly","stage:status is read-only",{}]
            > change stage:pollinterval 2
            < error_change stage:pollinterval ["ReadOnly","stage:pollinterval is read-only",{}]
            > change stage:target 60
            < error_change stage:target ["RangeError","stage.position: 60 mm is outside the limits 0 mm to 50 mm set by the config at lab.toml:10:25",{}]
            > change stage:target "3 s"
            < error_change stage:target ["WrongType","stage.position: `s` is a time, not a length; write it in `mm`, or in a unit that converts to it",{}]
            > change stage:target "fast"
            < error_change stage:target ["WrongType","stage.position: `fast` is no number with a unit; write a number with its unit, such as `\"5 mm\"`",{}]
            > change stage:target
            < error_change stage:target ["ProtocolError","the value is missing: `change NAME VALUE`",{}]
            > change stage:target {
            < error_change stage:target ["BadJSON","not JSON: EOF while parsing an object at line 1 column 1",{}]
            > change stage:target [1]
            < error_change stage:target ["WrongType","stage.position: expected a number, found array",{}]
            > change stage:target null
            < error_change stage:target ["WrongType","stage.position: expected a number, found nothing",{}]
            > do stage:value
            < error_do stage:value ["NoSuchCommand","stage has no command `value`",{}]
            > do stage:hom
            < error_do stage:hom ["NoSuchCommand","stage has no command `hom`; did you mean `home`?",{}]
            > do stage:_home 3
            < error_do stage:_home ["WrongType","stage.home: expected nothing, found integer",{}]
            > activate nothing
            < error_activate nothing ["NoSuchModule","there is no device `nothing`",{}]
            > describe stage
            < error_describe stage ["ProtocolError","only the whole node is described: `describe`",{}]
            > make coffee
            < error_make coffee ["ProtocolError","there is no request `make`; try `help`",{}]
            > _wait t1 {"call":99999}
            < error__wait t1 ["Impossible","this connection has not begun a call 99999",{}]
            > _wait t1 7
            < error__wait t1 ["ProtocolError","which call? expected {\"call\": NUMBER}",{}]
            > _cancel t2 {"call":
            < error__cancel t2 ["BadJSON","not JSON: EOF while parsing a value at line 1 column 8",{}]
        "#]],
    );
}

#[test]
fn activation_sends_everything_first_and_deactivation_ends_it() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.send("activate stage");
    let mut lines: Vec<_> = client.until("active").iter().map(|line| masked(line)).collect();
    assert_eq!(lines.pop().as_deref(), Some("active stage"));
    // The order of the first updates is nobody's business.
    lines.sort();
    expect![[r#"
        update stage:_acceleration [10000.0,{"t":_}]
        update stage:_acceleration_limits [[0.01,10000.0],{"t":_,"_origin":"driver"}]
        update stage:_calls [0,{"t":_}]
        update stage:_fault [0,{"t":_}]
        update stage:_fault_delay [1.0,{"t":_}]
        update stage:_fault_delay_limits [[0.0,3600.0],{"t":_,"_origin":"driver"}]
        update stage:_fault_on [0,{"t":_}]
        update stage:_fault_times [1,{"t":_}]
        update stage:_locked_by ["",{"t":_}]
        update stage:_referenced [false,{"t":_}]
        update stage:_velocity [100.0,{"t":_}]
        update stage:_velocity_limits [[0.001,100.0],{"t":_,"_origin":"driver"}]
        update stage:pollinterval [1.0,{"t":_}]
        update stage:status [[100,""],{"t":_}]
        update stage:target [0.0,{"t":_}]
        update stage:target_limits [[0.0,50.0],{"t":_,"_origin":"lab.toml:10:25"}]
        update stage:value [0.0,{"t":_}]"#]]
    .assert_eq(&lines.join("\n"));
    let mut all = host.connect();
    all.send("activate");
    let lines = all.until("active");
    assert_eq!(lines.last().unwrap(), "active");
    assert_eq!(client.ask("deactivate stage"), "inactive stage");
    client.ask("change stage:_velocity 7");
    let told = all.until("update stage:_velocity").pop().unwrap();
    assert_eq!(data(&told)[0], 7.0);
    // Nothing of it came to the one that has had enough.
    client.send("ping end");
    assert!(client.line().starts_with("pong end"));
}

#[test]
fn w2_updates_come_before_the_reply() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.send("activate stage");
    client.until("active");
    client.send("change stage:_velocity 7");
    let lines = client.until("changed");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("update stage:_velocity [7.0,")),
        "{lines:?}"
    );
}

#[test]
fn a_description_has_what_clients_need_in_their_order() {
    let host = Host::start(STAGE);
    let reply = host.connect().ask("describe");
    assert!(reply.starts_with("describing . {"));
    let description = data(&reply);
    let stage = &description["modules"]["stage"];
    let names: Vec<_> = stage["accessibles"].as_object().unwrap().keys().collect();
    expect![[r#"["value", "status", "target", "stop", "target_limits", "_velocity", "_acceleration", "_referenced", "_fault", "_fault_on", "_fault_delay", "_fault_times", "_calls", "_home", "_release", "pollinterval", "clear_errors", "_velocity_limits", "_acceleration_limits", "_fault_delay_limits", "_locked_by"]"#]].assert_eq(&format!("{names:?}"));
    let target = &stage["accessibles"]["target"];
    expect![[r#"{"description":"Where it was sent","readonly":false,"datainfo":{"type":"double","unit":"mm","min":-1000.0,"max":1000.0,"fmtstr":"%.3f"},"_name":"position","_timeout":5.0,"_tolerance":0.01,"_digits":3,"_poll":1.0}"#]].assert_eq(&target.to_string());
    expect![[r#"{"description":"Smallest and greatest position that may be asked for; can be narrowed","readonly":false,"datainfo":{"type":"tuple","members":[{"type":"double","unit":"mm","fmtstr":"%.3f"},{"type":"double","unit":"mm","fmtstr":"%.3f"}]},"_origin":"lab.toml:10:25"}"#]].assert_eq(&stage["accessibles"]["target_limits"].to_string());
}

#[test]
fn the_host_tells_about_itself() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    let _other = host.connect().ask("ping x");
    let status = data(&client.ask("_status t1 {}"));
    assert_eq!(status["lab"], "test");
    assert_eq!(status["devices"], serde_json::json!({ "total": 1, "up": 1 }));
    assert_eq!(status["pid"], std::process::id());
    assert_eq!(status["listen"][0], host.address);
    assert!(
        status["config"].as_str().unwrap().ends_with("lab.toml"),
        "{}",
        status["config"]
    );
    let drivers = data(&client.ask("_drivers t2 {}"));
    assert_eq!(drivers["drivers"][0]["name"], "sim");
    assert!(client.ask("help").starts_with("helping 1 "));
}

#[test]
fn enums_go_by_name_or_number_and_come_as_numbers() {
    let host =
        Host::start("[devices.shutter]\ndriver = \"sim\"\ntype = \"shutter\"\noptions = { travel_time = \"1 ms\" }");
    let mut client = host.connect();
    let description = data(&client.ask("describe"));
    let datainfo = &description["modules"]["shutter"]["accessibles"]["target"]["datainfo"];
    expect![[r#"{"type":"enum","members":{"closed":0,"open":1}}"#]].assert_eq(&datainfo.to_string());
    let taken = client.ask("change shutter:target \"open\"");
    assert_eq!(data(&taken)[0], 1);
    client.until_idle("shutter");
    assert_eq!(data(&client.ask("read shutter:value"))[0], 1);
    assert_eq!(data(&client.ask("change shutter:target 0"))[0], 0);
    client.until_idle("shutter");
    expect![[r#"
        > change shutter:target "ajar"
        < error_change shutter:target ["WrongType","shutter.position: expected one of `closed`, `open`, found `ajar`",{}]
        > change shutter:target 7
        < error_change shutter:target ["WrongType","shutter.position: expected one of `closed`, `open`, found 7",{}]
    "#]].assert_eq(&client.talk(
        "change shutter:target \"ajar\"
         change shutter:target 7",
    ));
}

#[test]
fn a_reading_that_fails_is_an_error_until_there_is_one_again() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    for line in [
        "change stage:_fault_on \"read\"",
        "change stage:_fault_times 0",
        "change stage:_fault \"fail\"",
    ] {
        assert!(client.ask(line).starts_with("changed"));
    }
    client.send("activate stage");
    client.until("active");
    client.send("read stage:velocity");
    let lines = client.until("error_read stage:velocity");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("error_update stage:_velocity [\"HardwareError\"")),
        "{lines:?}"
    );
    // Who comes now is told the same.
    let mut late = host.connect();
    late.send("activate stage");
    let lines = late.until("active");
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("error_update stage:_velocity"))
    );
    assert!(late.ask("change stage:_fault \"none\"").starts_with("changed"));
    late.send("read stage:velocity");
    client.until("update stage:_velocity");
}
