//! Limits, zero and re-opening over the wire.

use crate::client::{Host, STAGE, data, masked};

#[test]
fn d3_a_client_narrows_limits_and_everybody_hears_of_it() {
    let host = Host::start(STAGE);
    let (mut client, mut other) = (host.connect(), host.connect());
    other.send("activate stage");
    let known = other.until("active");
    let limits = known.iter().find(|line| line.starts_with("update stage:target_limits"));
    assert_eq!(
        data(limits.expect("they are told with the rest"))[0]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let changed = client.ask("change stage:target_limits [\"1 cm\", 20]");
    assert!(
        changed.starts_with("changed stage:target_limits [[10.0,20.0],{\"t\":"),
        "{changed}"
    );
    let changed = data(&changed);
    assert!(
        changed[1]["_origin"].as_str().unwrap().starts_with("user "),
        "{changed}"
    );
    assert!(
        changed[1]["_warnings"][0]
            .as_str()
            .unwrap()
            .contains("outside these limits"),
        "{changed}"
    );
    other.until("update stage:target_limits [[10.0,20.0]");
    assert_eq!(data(&client.ask("read stage:target_limits"))[0][1], 20.0);
    let refused = data(&client.ask("change stage:target 20.5"));
    assert_eq!(refused[0], "RangeError");
    assert!(
        refused[1]
            .as_str()
            .unwrap()
            .contains("limits 10 mm to 20 mm set by the user "),
        "{refused}"
    );
    for (value, class) in [
        ("[20, 10]", "RangeError"),
        ("[1]", "WrongType"),
        ("[\"1 s\", 2]", "WrongType"),
        ("[true, 2]", "WrongType"),
        ("", "ProtocolError"),
    ] {
        let refused = client.ask(format!("change stage:target_limits {value}").trim_end());
        assert!(
            refused.starts_with(&format!("error_change stage:target_limits [\"{class}\"")),
            "{refused}"
        );
    }
    // One side only, and what nobody had set before.
    assert_eq!(data(&client.ask("change stage:target_limits [null, 30]"))[0][1], 30.0);
    let count = client.ask("change stage:_fault_times_limits [0, 3]");
    assert!(
        count.starts_with("changed stage:_fault_times_limits [[0,3],"),
        "{count}"
    );
    assert_eq!(data(&client.ask("change stage:_fault_times 4"))[0], "RangeError");
    let cleared = data(&client.ask("change stage:target_limits null"));
    assert!(!cleared[1]["_origin"].to_string().contains("user"), "{cleared}");
}

#[test]
fn d8_a_client_says_what_the_place_is_called() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    assert!(client.ask("change stage:target 2").starts_with("changed"));
    client.until_idle("stage");
    client.send("deactivate");
    client.until("inactive");
    let zero = client.ask(r#"_set_zero z {"path":"stage.position"}"#);
    assert_eq!(
        masked(&zero),
        r#"_zero z {"path":"stage.position","reading":[0.0,{"t":_}],"zero":2.0}"#
    );
    assert_eq!(data(&client.ask("read stage"))[0], 0.0);
    assert_eq!(data(&client.ask("read stage:target"))[0], 0.0);
    let refused = client.ask(r#"_set_zero z {"path":"stage.referenced"}"#);
    assert!(refused.starts_with(r#"error__set_zero z ["WrongType""#), "{refused}");
    assert!(
        client
            .ask("_set_zero z 3")
            .starts_with(r#"error__set_zero z ["ProtocolError""#)
    );
}

#[test]
fn d6_a_client_opens_a_device_again() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    assert!(client.ask("change stage:_velocity 3").starts_with("changed"));
    assert_eq!(
        client.ask(r#"_reopen r {"device":"stage"}"#),
        r#"_reopened r {"device":"stage","left_behind":null,"killed":false}"#
    );
    assert_ne!(data(&client.ask("read stage:_velocity"))[0], 3.0);
    assert!(
        client
            .ask(r#"_reopen r {"device":"stag"}"#)
            .starts_with(r#"error__reopen r ["NoSuchModule""#)
    );
}
