//! Limits of requests, and ways out for a device that does not come back (RULES.md S2, S3, S6).

use baton_tests::lab::{inside, skip_inline, skip_isolated};

use crate::client::{Host, data};

const MULES: &str = r#"
    timeout = "300 ms"
    [devices.mule]
    driver = "puppet"
    type = "mule"
    [devices.donkey]
    driver = "puppet"
    type = "mule"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "1 mm/s" }
    [devices.hand]
    driver = "puppet"
    type = "hand"
    options.motor = "stage"
"#;

#[test]
fn s3_a_client_says_how_long_its_requests_may_take() {
    let host = Host::start(MULES);
    let mut client = host.connect();
    assert_eq!(
        client.ask(r#"_timeout t {"seconds":"200 ms"}"#),
        r#"_timeout_is t {"seconds":0.2}"#
    );
    let taken = client.ask("change stage:target 60");
    let call = data(&taken)[1]["_call"].clone();
    let resolved = data(&client.ask(&format!("_wait w {{\"call\":{call}}}")));
    assert_eq!(resolved["outcome"], "timeout", "{resolved}");
    assert_eq!(resolved["error"][0], "TimeoutError");
    assert_eq!(resolved["error"][2]["limit_of"], "request");
    assert!(resolved["reading"][0].as_f64().unwrap() < 30.0, "it was stopped");
    // What it says is about itself alone, and can be taken back.
    assert_eq!(client.ask("_timeout t {}"), r#"_timeout_is t {"seconds":null}"#);
    assert!(
        client
            .ask("_timeout t 5")
            .starts_with("error__timeout t [\"ProtocolError\"")
    );
    assert!(
        client
            .ask(r#"_timeout t {"seconds":-1}"#)
            .starts_with("error__timeout t [\"WrongType\"")
    );
}

#[test]
fn s6_what_hangs_is_left_behind_and_that_is_shown() {
    if skip_inline("a real hang cannot be cut short")
        || skip_isolated("what hangs there is killed, and nobody is stuck")
    {
        return;
    }
    let host = Host::start(MULES);
    let mut client = host.connect();
    let hung = client.ask("do mule:_hang");
    assert_eq!(data(&hung)[0], "TimeoutError", "{hung}");
    let status = data(&client.ask("read mule:status"));
    let text = status[0][1].as_str().unwrap_or_else(|| panic!("{status}"));
    assert!(
        text.starts_with("stuck since ") && text.ends_with(" in command of mule.hang"),
        "{status}"
    );
    let refused = client.ask("read mule:value");
    assert!(refused.contains("baton reopen --abandon mule"), "{refused}");
    let reopened = data(&client.ask(r#"_reopen r {"device":"mule","abandon":true}"#));
    assert_eq!(reopened["left_behind"]["inside"], "command of mule.hang", "{reopened}");
    assert!(client.ask("change mule:target 0.5").starts_with("changed"));
    let status = data(&client.ask("_status s {}"));
    assert_eq!(status["left_behind"][0]["worker"], "mule");
    assert_eq!(status["stuck"].as_array().unwrap().len(), 0);
}

#[test]
fn s2_a_cancel_says_that_a_driver_cannot_be_interrupted_and_a_harder_stop_names_what_does_not_answer() {
    if skip_inline("a real hang cannot be cut short") {
        return;
    }
    let host = Host::start(&MULES.replace("300 ms", "60 s"));
    let mut client = host.connect();
    client.send("do mule:_hang");
    inside(&host.lab, "command of mule.hang");
    let mut other = host.connect();
    let stopped = data(&other.ask(r#"_stop s {"device":"mule"}"#));
    assert_eq!(stopped["devices"][0]["device"], "mule", "{stopped}");
    assert_ne!(stopped["devices"][0]["outcome"], "stopped", "{stopped}");
    // A composite and what it moves, each by itself.
    assert!(other.ask("change hand:target 60").starts_with("changed"));
    let stopped = data(&other.ask(r#"_stop s {"device":"hand"}"#));
    let names: Vec<_> = stopped["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["device"])
        .collect();
    assert_eq!(names, ["hand", "stage"]);
    assert_eq!(stopped["devices"][1]["outcome"], "stopped");
    assert!(other.ask("do donkey:_release").starts_with("done"));
}
