//! What moves, and how it is stopped.

use baton_tests::lab::is_inline;
use expect_test::expect;
use serde_json::json;

use crate::client::{Host, STAGE, data, masked};

/// A motor that would need a minute for its way.
const SLOW: &str = r#"
    [devices.slow]
    driver = "sim"
    type = "motor"
    options = { velocity = "1 mm/s", acceleration = "1000 mm/s2", travel_min = "-5 mm", travel_max = "105 mm" }
"#;

#[test]
fn w1_busy_comes_before_the_reply_and_idle_after_the_readback() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.send("activate stage");
    client.until("active");
    client.send("change stage:target 2");
    let taken = client.until("changed");
    let busy = taken.iter().find(|line| line.starts_with("update stage:status"));
    assert_eq!(data(busy.expect("busy is sent first"))[0][0], 300);
    assert_eq!(
        masked(taken.last().unwrap()),
        r#"changed stage:target [2.0,{"t":_,"_call":_}]"#
    );
    let call = data(taken.last().unwrap())[1]["_call"].clone();
    let rest = client.until("update stage:status [[100");
    let last = rest
        .iter()
        .rfind(|line| line.starts_with("update stage:value"))
        .unwrap();
    assert_eq!(data(last)[0], 2.0);
    let resolved = client.ask(&format!("_wait t1 {{\"call\":{call}}}"));
    expect![[r#"_resolved t1 {"call":_,"outcome":"done","reading":[2.0,{"t":_}],"error":null,"elapsed":_}"#]]
        .assert_eq(&masked(&resolved));
}

#[test]
fn c5_a_second_move_is_busy_and_stop_passes() {
    let host = Host::start(SLOW);
    let mut client = host.connect();
    let taken = client.ask("change slow:target 60");
    let call = data(&taken)[1]["_call"].clone();
    let refused = client.ask("change slow:target 50");
    assert_eq!(data(&refused)[0], "IsBusy", "{refused}");
    client.send(&format!("_wait w {{\"call\":{call}}}\ndo slow:stop"));
    let mut lines = [client.line(), client.line()];
    lines.sort();
    let [resolved, done] = lines;
    assert_eq!(masked(&done), r#"done slow:stop [null,{"t":_}]"#);
    let resolved = data(&resolved);
    assert_eq!(resolved["outcome"], "stopped");
    assert_eq!(resolved["error"][0], "Impossible");
    assert!(resolved["reading"][0].as_f64().unwrap() < 60.0);
    // The next move belongs to the new epoch.
    assert!(client.ask("change slow:target 0").starts_with("changed"));
}

#[test]
fn s1_a_move_behind_a_stop_on_one_line_goes() {
    let host = Host::start(SLOW);
    let mut client = host.connect();
    client.send("change slow:target 60\ndo slow:stop\nping x");
    let mut lines = [client.line(), client.line(), client.line()];
    lines.sort();
    let words: Vec<_> = lines.iter().map(|line| line.split('[').next().unwrap()).collect();
    let changed = words.iter().any(|word| word.contains("change"));
    assert!(
        changed && words.contains(&"done slow:stop ") && words.contains(&"pong x "),
        "{words:?}"
    );
    client.until_idle("slow");
    assert!(client.ask("change slow:target 1").starts_with("changed"));
}

#[test]
fn a_cancelled_call_ends_as_cancelled() {
    let host = Host::start(SLOW);
    let mut client = host.connect();
    let taken = client.ask("change slow:target 60");
    let call = data(&taken)[1]["_call"].clone();
    let cancelled = client.ask(&format!("_cancel c {{\"call\":{call}}}"));
    assert_eq!(
        masked(&cancelled),
        r#"_cancelled c {"call":_,"how":"stopping","text":null}"#
    );
    let resolved = data(&client.ask(&format!("_wait w {{\"call\":{call}}}")));
    assert_eq!(resolved["outcome"], "cancelled");
    // A call belongs to the connection that began it.
    let other = host.connect().ask(&format!("_wait w {{\"call\":{call}}}"));
    assert!(other.starts_with("error__wait w [\"Impossible\""), "{other}");
}

#[test]
fn s2_stop_all_reports_for_each_device() {
    let host = Host::start(&format!(
        "{SLOW}\n[devices.supply]\ndriver = \"sim\"\ntype = \"supply\"\noptions = {{ load = \"10 Ohm\" }}"
    ));
    let mut client = host.connect();
    client.ask("change slow:target 60");
    let stopped = client.ask("_stop_all t {}");
    expect![[r#"_stopped t {"devices":[{"device":"slow","outcome":"stopped","error":null,"elapsed":_},{"device":"supply","outcome":"nothing to stop","error":null,"elapsed":_}]}"#]].assert_eq(&masked(&stopped));
}

#[test]
fn long_commands_are_answered_when_taken() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.send("activate stage");
    client.until("active");
    client.send("do stage:_home");
    let lines = client.until("done");
    assert!(lines.iter().any(|line| line.starts_with("update stage:status [[300")));
    assert_eq!(
        masked(lines.last().unwrap()),
        r#"done stage:_home [null,{"t":_,"_call":_}]"#
    );
    // Inline, the whole motion has happened inside the driver's function, before the server had its turn.
    if !lines.iter().any(|line| line.starts_with("update stage:status [[100")) {
        client.until("update stage:status [[100");
    }
}

/// A driver that hangs cannot be interrupted where it runs on the server's thread (I5).
#[test]
fn w1_what_takes_longer_than_a_reply_may_is_still_running() {
    if is_inline() {
        return;
    }
    let host = Host::start(&format!("{STAGE}\nparameters.velocity.timeout = \"12 s\""));
    let mut client = host.connect();
    for line in [
        "change stage:_fault_delay 9",
        "change stage:_fault_on \"write\"",
        "change stage:_fault \"late\"",
    ] {
        assert!(client.ask(line).starts_with("changed"));
    }
    let started = std::time::Instant::now();
    client.send("change stage:_velocity 3\nping now");
    assert!(client.line().starts_with("pong now"));
    let late = client.line();
    assert!(started.elapsed().as_secs_f64() < 9.0, "before the driver returned");
    assert!(
        late.starts_with(r#"error_change stage:_velocity ["TimeoutError","stage.velocity is still running"#),
        "{late}"
    );
    let call = &data(&late)[2]["_call"];
    let resolved = data(&client.ask(&format!("_wait t {}", json!({ "call": call }))));
    assert_eq!(resolved["call"], *call);
}

#[test]
fn w1_a_motion_that_is_not_taken_in_time_is_answered_all_the_same() {
    if is_inline() {
        return;
    }
    let host = Host::start(STAGE);
    let mut client = host.connect();
    for line in [
        "change stage:_fault_delay 1",
        "change stage:_fault_on \"write\"",
        "change stage:_fault \"late\"",
    ] {
        assert!(client.ask(line).starts_with("changed"));
    }
    client.send("activate stage");
    client.until("active");
    client.send("change stage:target 1");
    let lines = client.until("changed");
    assert!(lines.iter().any(|line| line.starts_with("update stage:status [[300")));
    assert!(!lines.iter().any(|line| line.starts_with("update stage:status [[100")));
    let call = &data(lines.last().unwrap())[1]["_call"];
    let resolved = data(&client.ask(&format!("_wait t {}", json!({ "call": call }))));
    assert_eq!(resolved["outcome"], "done");
    assert!(resolved["elapsed"].as_f64().unwrap() >= 1.0);
}

#[test]
fn a_later_client_sees_what_a_failed_motion_has_left_until_it_is_cleared() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    for line in ["change stage:_fault_on \"write\"", "change stage:_fault \"fail\""] {
        assert!(client.ask(line).starts_with("changed"));
    }
    let failed = client.ask("change stage:target 1");
    assert!(
        failed.starts_with("error_change stage:target [\"HardwareError\""),
        "{failed}"
    );
    let status = data(&host.connect().ask("read stage:status"));
    assert_eq!(status[0][0], 400);
    assert!(client.ask("do stage:clear_errors").starts_with("done"));
    let status = data(&host.connect().ask("read stage:status"));
    assert_eq!(status[0][0], 100);
}
