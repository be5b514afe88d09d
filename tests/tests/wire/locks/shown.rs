//! What modules show of locks, and what is said to nonsense.

use expect_test::expect;
use serde_json::json;

use super::{LAB, error, lab};
use crate::client::{Host, data};

#[test]
fn w4_each_module_shows_who_has_locked_it() {
    let (_host, mut ana, mut ben) = lab();
    let shown = |reply: &str| data(reply)[0].as_str().unwrap().to_owned();
    assert_eq!(shown(&ben.ask("read stage:_locked_by")), "");
    assert_eq!(error(&ben.ask("change stage:_locked_by \"me\"")).0, "ReadOnly");
    let description = data(&ben.ask("describe"));
    let accessible = &description["modules"]["stage"]["accessibles"]["_locked_by"];
    expect![[r#"{"description":"Who has locked stage, or parts of it; empty if nobody has","readonly":true,"datainfo":{"type":"string","isUTF8":true}}"#]]
        .assert_eq(&accessible.to_string());
    ben.send("activate");
    assert!(
        ben.until("active")
            .iter()
            .any(|line| line.starts_with(r#"update pump:_locked_by ["","#))
    );
    ana.ask(r#"_lock t {"targets":["pump.flow","slit"]}"#);
    ben.until(r#"update slit:_locked_by ["ana (claimed)","#);
    assert_eq!(shown(&ben.ask("read pump:_locked_by")), "flow: ana (claimed)");
    assert_eq!(shown(&ben.ask("read left:_locked_by")), "ana (claimed)");
    assert_eq!(shown(&ben.ask("read stage:_locked_by")), "");
    ana.ask("_unlock t");
    ben.until(r#"update slit:_locked_by ["","#);
    assert_eq!(shown(&ben.ask("read pump:_locked_by")), "");
}

#[test]
fn w6_junk_about_locks_gets_an_error() {
    let host = Host::start(LAB);
    expect![[r#"
        > _lock t
        < error__lock t ["ProtocolError","_lock: missing field `targets`",{}]
        > _lock t {"targets":"stage"}
        < error__lock t ["ProtocolError","_lock: invalid type: string \"stage\", expected a sequence",{}]
        > _lock t {"targets":[]}
        < error__lock t ["Impossible","nothing to lock was named",{}]
        > _lock t {"targets":["stge"]}
        < error__lock t ["NoSuchModule","there is no device `stge`; did you mean `stage`?",{}]
        > _lock t {"targets":["stage.positoin"]}
        < error__lock t ["NoSuchParameter","stage has no parameter `positoin`; did you mean `position`?",{}]
        > _lock t {"targets":["stage:stop"]}
        < error__lock t ["NoSuchParameter","stage:stop is a command; to have it for yourself, lock stage",{}]
        > _lock t {"targets":["stage:status"]}
        < error__lock t ["NoSuchParameter","stage:status cannot be written, so it cannot be locked",{}]
        > _lock t {"targets":["stage"],"wait":-1}
        < error__lock t ["ProtocolError","_lock: `wait` is -1.0, which is no number of seconds to go by",{}]
        > _lock t {"targets":["stage"],"wait":1e300}
        < error__lock t ["ProtocolError","_lock: `wait` is 1e300, which is no number of seconds to go by",{}]
        > _lock t {"targets":["stage"],"lease":0}
        < error__lock t ["ProtocolError","_lock: `lease` has to be more than 0 s",{}]
        > _lock t {"targets":["stage"],"keepalive":"5 s"}
        < error__lock t ["ProtocolError","_lock: invalid type: string \"5 s\", expected f64",{}]
        > _lock t {"targets":["stage"],"leese":5}
        < error__lock t ["ProtocolError","_lock: unknown field `leese`, expected one of `targets`, `wait`, `note`, `lease`, `keepalive`, `queue`",{}]
        > _break t {"target":"stage"}
        < error__break t ["ProtocolError","_break: missing field `holder`",{}]
        > _break t {"target":"stage","holder":1}
        < error__break t ["Impossible","stage is not locked, so there is nothing to break",{}]
        > _protect t {"targets":[]}
        < error__protect t ["Impossible","nothing to lock was named",{}]
        > _unprotect t {"targets":["stage"]}
        < error__unprotect t ["Impossible","stage is not protected",{}]
        > _unlock t {"targets":7}
        < error__unlock t ["ProtocolError","_unlock: invalid type: integer `7`, expected a sequence",{}]
        > _who t
        < _holders t []
    "#]]
    .assert_eq(&host.connect().talk(
        r#"_lock t
           _lock t {"targets":"stage"}
           _lock t {"targets":[]}
           _lock t {"targets":["stge"]}
           _lock t {"targets":["stage.positoin"]}
           _lock t {"targets":["stage:stop"]}
           _lock t {"targets":["stage:status"]}
           _lock t {"targets":["stage"],"wait":-1}
           _lock t {"targets":["stage"],"wait":1e300}
           _lock t {"targets":["stage"],"lease":0}
           _lock t {"targets":["stage"],"keepalive":"5 s"}
           _lock t {"targets":["stage"],"leese":5}
           _break t {"target":"stage"}
           _break t {"target":"stage","holder":1}
           _protect t {"targets":[]}
           _unprotect t {"targets":["stage"]}
           _unlock t {"targets":7}
           _who t"#,
    ));
    // A hundred thousand names of one device are that device.
    let many = vec!["stage"; 100_000];
    let reply = host.connect().ask(&format!("_lock t {}", json!({ "targets": many })));
    assert_eq!(data(&reply)["targets"], json!(["stage"]));
    // Without a token there is one lock without a name.
    let mut client = host.connect();
    assert!(
        client
            .ask(r#"_lock . {"targets":["pump"],"note":""}"#)
            .starts_with("_locked . ")
    );
    assert_eq!(data(&client.ask("_unlock . {}"))["targets"], json!(["pump"]));
}
