//! O2, O3: who acts, and in whose name.

use baton_tests::lab::lab;
use expect_test::expect;
use serde_json::json;

use crate::client::{Host, STAGE, connect_unix, data};

/// The secret of a session.
fn token(reply: &str) -> String {
    data(reply)["token"].as_str().expect("a token").to_owned()
}

#[test]
fn o3_over_tcp_a_client_says_who_it_is_and_is_shown_with_a_mark() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    let reply = client.ask(r#"_introduce t1 {"user":"ana","host":"beamline","program":"scan.py","pid":4711}"#);
    assert!(reply.starts_with("_introduced t1 "), "{reply}");
    let owner = &data(&reply)["owner"];
    assert_eq!(owner["name"], "ana@beamline (claimed), scan.py, pid 4711");
    assert_eq!((&owner["user"], &owner["claimed"]), (&json!("ana"), &json!(true)));
    let address = owner["address"].as_str().unwrap();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    // Said once, it stays: nobody changes who was seen to move something.
    let again = client.ask(r#"_introduce t2 {"user":"root"}"#);
    assert_eq!(data(&again)["owner"], *owner);
    assert_eq!(token(&again), token(&reply));
}

#[test]
fn o3_over_a_unix_socket_the_kernel_knows_better() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.sock");
    let _host = Host::start_with(lab(STAGE), Some(&path), |server| server);
    let mut client = connect_unix(&path);
    let reply = client.ask(r#"_introduce t1 {"user":"nobody","host":"moon","program":"scan.py","pid":1}"#);
    let owner = &data(&reply)["owner"];
    assert_eq!(owner["pid"], std::process::id());
    assert_eq!(
        (&owner["claimed"], &owner["program"]),
        (&json!(false), &json!("scan.py"))
    );
    assert_ne!(owner["user"], "nobody");
    assert_ne!(owner["host"], "moon");
}

#[test]
fn o2_a_connection_joins_a_session_and_is_the_same_owner_until_that_ends() {
    let host = Host::start(STAGE);
    let mut founder = host.connect();
    let introduced = founder.ask(r#"_introduce t {"user":"ana"}"#);
    let mut child = host.connect();
    let joined = child.ask(&format!(r#"_join t {{"token":"{}"}}"#, token(&introduced)));
    assert!(joined.starts_with("_joined t "), "{joined}");
    assert_eq!(data(&joined)["owner"], data(&introduced)["owner"]);
    // It is not told the secret again, by which others could join.
    assert_eq!(data(&child.ask("_introduce t {}"))["token"], json!(null));
    assert!(child.ask("change stage:_velocity 5").starts_with("changed"));
    drop(founder);
    let mut other = host.connect();
    let ended = || other.ask(&format!(r#"_join t {{"token":"{}"}}"#, token(&introduced)));
    let refused = std::iter::repeat_with(ended).find(|reply| reply.starts_with("error__join"));
    expect![[
        r#"error__join t ["Impossible","no session has this token; it ends with the connection that founded it",{}]"#
    ]]
    .assert_eq(&refused.unwrap());
    expect![[r#"
        > change stage:_velocity 4
        < error_change stage:_velocity ["Impossible","the session of ana (claimed) that was joined here has ended; connect anew",{}]
        > do stage:_home
        < error_do stage:_home ["Impossible","the session of ana (claimed) that was joined here has ended; connect anew",{}]
    "#]]
    .assert_eq(&child.talk(
        "change stage:_velocity 4
         do stage:_home",
    ));
    // What needs no right is done as ever.
    assert!(
        child
            .ask("read stage:_velocity")
            .starts_with("reply stage:_velocity [5.0,")
    );
    assert!(child.ask("do stage:stop").starts_with("done"));
}

#[test]
fn w6_junk_about_owners_gets_an_error() {
    let host = Host::start(STAGE);
    expect![[r#"
        > _join t
        < error__join t ["ProtocolError","_join: missing field `token`",{}]
        > _join t {"token":7}
        < error__join t ["ProtocolError","_join: invalid type: integer `7`, expected a string",{}]
        > _join t {"token":"guess"}
        < error__join t ["Impossible","no session has this token; it ends with the connection that founded it",{}]
        > _introduce t {"name":"ana"}
        < error__introduce t ["ProtocolError","_introduce: unknown field `name`, expected one of `user`, `host`, `program`, `pid`, `tokens`",{}]
        > _introduce t {"pid":-1}
        < error__introduce t ["ProtocolError","_introduce: invalid value: integer `-1`, expected u32",{}]
        > _introduce t [
        < error__introduce t ["BadJSON","not JSON: EOF while parsing a list at line 1 column 1",{}]
    "#]]
    .assert_eq(&host.connect().talk(
        r#"_join t
           _join t {"token":7}
           _join t {"token":"guess"}
           _introduce t {"name":"ana"}
           _introduce t {"pid":-1}
           _introduce t ["#,
    ));
    let long = "x\\u0007".repeat(5000);
    let reply = host.connect().ask(&format!(r#"_introduce t {{"user":"{long}"}}"#));
    assert_eq!(data(&reply)["owner"]["user"], "x".repeat(100));
}
