//! The dispatcher over the wire (RULES.md M): `_subscribe`, `_send`, `_history`.

use std::net::TcpStream;

use expect_test::expect;
use serde_json::{Value as Json, json};

use crate::client::{Client, Host, STAGE, data};

type Connection = Client<TcpStream>;

/// A message as it came.
#[derive(Debug)]
struct Heard {
    /// `sender:message`
    name: String,
    payload: Json,
    n: u64,
    lost: u64,
    id: u64,
}

impl Heard {
    fn parse(line: &str) -> Heard {
        let mut parts = line.splitn(3, ' ');
        assert_eq!(parts.next(), Some("_message"), "{line}");
        let name = parts.next().unwrap().to_owned();
        let data = data(line);
        let number = |key: &str| data[1][key].as_u64().unwrap_or_else(|| panic!("no {key}: {line}"));
        assert!(data[1]["t"].is_f64(), "{line}");
        Heard {
            name,
            payload: data[0].clone(),
            n: number("n"),
            lost: number("lost"),
            id: number("id"),
        }
    }
}

/// Subscribes, and gives the number.
fn subscribe(client: &mut Connection, data: &str) -> u64 {
    let reply = client.ask(&format!("_subscribe s {data}"));
    assert!(reply.starts_with("_subscribed s "), "{reply}");
    self::data(&reply)["id"].as_u64().unwrap()
}

/// The next message of that name.
fn hear(client: &mut Connection, name: &str) -> Heard {
    loop {
        let line = client.line();
        if line.starts_with("_message ") {
            let heard = Heard::parse(&line);
            if heard.name == name {
                return heard;
            }
        }
    }
}

/// What has come by now.
fn heard(client: &mut Connection) -> Vec<Heard> {
    client.send("ping heard");
    let lines = client.until("pong heard");
    lines
        .iter()
        .filter(|line| line.starts_with("_message "))
        .map(|line| Heard::parse(line))
        .collect()
}

#[test]
fn m5_whoever_subscribes_is_told_what_is_so_and_then_each_change() {
    let host = Host::start(&format!("poll = \"0 s\"\n{STAGE}"));
    let (mut client, mut other) = (host.connect(), host.connect());
    other.ask("change stage:_velocity 3");
    let id = subscribe(&mut client, r#"{"sender":"Stage:velocity","message":"changed"}"#);
    let first = hear(&mut client, "stage.velocity:changed");
    assert_eq!((&first.payload["value"], first.lost, first.id), (&json!(3.0), 0, id));
    assert!(
        first.payload["t"].is_f64() && first.payload["quality"].is_string(),
        "{first:?}"
    );
    let mut last = first;
    for velocity in 4..=9 {
        other.ask(&format!("change stage:_velocity {velocity}"));
        // What it was set to, and what was read after that: no news, but no number is missing.
        while last.payload["value"] != f64::from(velocity) {
            let next = hear(&mut client, "stage.velocity:changed");
            assert_eq!((next.n, next.lost), (last.n + 1, 0));
            last = next;
        }
    }
    client.send(&format!("_unsubscribe u {{\"id\":{id}}}"));
    client.until("_unsubscribed u");
    other.ask("change stage:_velocity 1");
    assert!(heard(&mut client).is_empty());
}

#[test]
fn m1_a_motion_is_told_in_order_as_call_target_status_and_readings() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    subscribe(&mut client, r#"{"sender":"stage"}"#);
    client.send("change stage:target 5");
    let mut names = Vec::new();
    loop {
        let line = client.line();
        if !line.starts_with("_message ") {
            continue;
        }
        let heard = Heard::parse(&line);
        let what = match heard.name.as_str() {
            "stage:call" => format!("call {}", heard.payload["event"].as_str().unwrap()),
            "stage:status" => format!("status {}", heard.payload["state"].as_str().unwrap()),
            "stage.position:target" => format!("target {}", heard.payload["value"]),
            _ => continue,
        };
        names.push(what);
        if names.iter().any(|name| name == "call end") {
            break;
        }
    }
    let place = |name: &str| {
        names
            .iter()
            .position(|known| known == name)
            .unwrap_or_else(|| panic!("no {name}: {names:?}"))
    };
    assert!(place("target 5.0") < place("call end"), "{names:?}");
    assert!(place("call begin") < place("call end"), "{names:?}");
    let after = &names[place("call begin")..];
    let busy = after.iter().position(|name| name == "status busy").expect("it is busy");
    let idle = after
        .iter()
        .rposition(|name| name == "status idle")
        .expect("it is idle");
    assert!(busy < idle, "{names:?}");
}

#[test]
fn m6_a_client_sends_as_itself_and_as_nobody_else() {
    let host = Host::start(STAGE);
    let (mut ana, mut ben) = (host.connect(), host.connect());
    ana.ask(r#"_introduce i {"user":"ana"}"#);
    let id = subscribe(&mut ben, r#"{"sender":"client:*"}"#);
    let talk = ana.talk(
        r#"_send a {"message":"go","payload":{"sample":12}}
        _send a {"message":"go","sender":"client:ana"}
        _send a {"message":"limit_hit","sender":"stage"}
        _send a {"message":"loaded","sender":"host"}
        _send a {"message":"go","sender":"client:ben"}
        _send a {"message":"no name"}
        _send a {"payload":3}
        _send a {"message":"go","paylaod":3}"#,
    );
    expect![[r#"
        > _send a {"message":"go","payload":{"sample":12}}
        < _sent a {"sender":"client:ana","message":"go","n":1}
        > _send a {"message":"go","sender":"client:ana"}
        < _sent a {"sender":"client:ana","message":"go","n":2}
        > _send a {"message":"limit_hit","sender":"stage"}
        < error__send a ["Impossible","you send as `client:ana`, and cannot speak for `stage`; leave `sender` out",{}]
        > _send a {"message":"loaded","sender":"host"}
        < error__send a ["Impossible","you send as `client:ana`, and cannot speak for `host`; leave `sender` out",{}]
        > _send a {"message":"go","sender":"client:ben"}
        < error__send a ["Impossible","you send as `client:ana`, and cannot speak for `client:ben`; leave `sender` out",{}]
        > _send a {"message":"no name"}
        < error__send a ["WrongType","`no name` cannot be the name of a message: a name has letters a to z, digits and `_`, does not begin with a digit, and is at most 63 long",{}]
        > _send a {"payload":3}
        < error__send a ["ProtocolError","_send: missing field `message`",{}]
        > _send a {"message":"go","paylaod":3}
        < error__send a ["ProtocolError","_send: unknown field `paylaod`, expected one of `message`, `payload`, `sender`",{}]
    "#]].assert_eq(&talk);
    let went: Vec<_> = (0..2).map(|_| hear(&mut ben, "client:ana:go")).collect();
    assert_eq!(
        (&went[0].payload, went[0].n, went[0].id),
        (&json!({"sample": 12}), 1, id)
    );
    assert_eq!((&went[1].payload, went[1].n), (&Json::Null, 2));
    assert!(heard(&mut ben).is_empty());
    // Who acts in her session speaks as she does; whoever says nothing of itself is somebody.
    let token = data(&ana.ask("_introduce i {}"))["token"].clone();
    let mut child = host.connect();
    child.ask(&format!("_join j {{\"token\":{token}}}"));
    assert_eq!(data(&child.ask(r#"_send c {"message":"go"}"#))["sender"], "client:ana");
    assert_eq!(
        data(&host.connect().ask(r#"_send c {"message":"go"}"#))["sender"],
        "client:somebody"
    );
}

#[test]
fn subscriptions_of_one_connection_that_overlap_are_told_each_by_its_number() {
    let host = Host::start(&format!("poll = \"0 s\"\n{STAGE}"));
    let mut client = host.connect();
    let wide = subscribe(&mut client, r#"{"sender":"client:*","message":"*"}"#);
    let narrow = subscribe(
        &mut client,
        r#"{"sender":"client:somebody","message":"go","policy":"latest"}"#,
    );
    client.ask(r#"_send a {"message":"go","payload":1}"#);
    let mut ids: Vec<_> = (0..2)
        .map(|_| hear(&mut client, "client:somebody:go"))
        .map(|heard| (heard.id, heard.n))
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [(wide, 1), (narrow, 1)]);
    client.ask(&format!("_unsubscribe u {{\"id\":{wide}}}"));
    client.ask(r#"_send a {"message":"go","payload":2}"#);
    let next = hear(&mut client, "client:somebody:go");
    assert_eq!((next.id, next.n, next.lost), (narrow, 2, 0));
    assert!(heard(&mut client).is_empty());
}

#[test]
fn m4_what_a_subscription_may_not_be_is_said_with_what_may() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    let talk = client.talk(
        r#"_subscribe s {"sender":"stage","policy":"lossless"}
        _subscribe s {"sender":"stage","policy":"newest"}
        _subscribe s {"sender":"stgae"}
        _subscribe s {"sender":"stage.postion"}
        _subscribe s {"sender":"stage","since":-1}
        _subscribe s {"sender":"stage","sicne":1}
        _subscribe s 3
        _history h {"path":"stgae"}
        _history h {"path":"stage.postion"}
        _history h {}"#,
    );
    expect![[r#"
        > _subscribe s {"sender":"stage","policy":"lossless"}
        < error__subscribe s ["ProtocolError","`lossless` is for subscribers in the host's own process: for a socket that is not read, the host would have to keep everything. `drop_oldest` loses nothing of a client that reads, and says what is lost of one that does not",{}]
        > _subscribe s {"sender":"stage","policy":"newest"}
        < error__subscribe s ["ProtocolError","`newest` is no policy: expected \"drop_oldest\" or \"latest\"",{}]
        > _subscribe s {"sender":"stgae"}
        < error__subscribe s ["NoSuchModule","there is no device `stgae`; did you mean `stage`?",{}]
        > _subscribe s {"sender":"stage.postion"}
        < error__subscribe s ["NoSuchParameter","stage has no parameter `postion`; did you mean `position`?",{}]
        > _subscribe s {"sender":"stage","since":-1}
        < error__subscribe s ["ProtocolError","`since` is -1.0, which is no number of seconds to go back by",{}]
        > _subscribe s {"sender":"stage","sicne":1}
        < error__subscribe s ["ProtocolError","_subscribe: unknown field `sicne`, expected one of `sender`, `message`, `policy`, `since`",{}]
        > _subscribe s 3
        < error__subscribe s ["ProtocolError","_subscribe: invalid type: integer `3`, expected struct Subscribe",{}]
        > _history h {"path":"stgae"}
        < error__history h ["NoSuchModule","there is no device `stgae`; did you mean `stage`?",{}]
        > _history h {"path":"stage.postion"}
        < error__history h ["NoSuchParameter","stage has no parameter `postion`; did you mean `position`?",{}]
        > _history h {}
        < error__history h ["ProtocolError","_history: missing field `path`",{}]
    "#]].assert_eq(&talk);
    let unknown = client.ask(r#"_subscribe s {"sender":"stage","message":"sttaus"}"#);
    assert!(
        unknown.contains("did you mean `status`?; it sends status, "),
        "{unknown}"
    );
    for _ in 0..1000 {
        subscribe(&mut client, r#"{"sender":"client:ana"}"#);
    }
    let refused = client.ask(r#"_subscribe s {"sender":"client:ana"}"#);
    assert!(refused.contains("IsBusy") && refused.contains("1000"), "{refused}");
    assert!(client.ask("_unsubscribe u {\"id\":17}").starts_with("_unsubscribed"));
    subscribe(&mut client, r#"{"sender":"client:ana"}"#);
}

/// Sends so many messages of a kilobyte, as fast as `fast` takes them.
fn flood(host: &Host, fast: &mut Connection, total: u64) {
    let me = host.lab.owner("flood");
    let payload = "x".repeat(1000);
    for n in 1..=total {
        me.send("wave", payload.as_str()).unwrap();
        if n % 1000 == 0 {
            let mut next = n - 999;
            while next <= n {
                let heard = hear(fast, "client:flood:wave");
                assert_eq!((heard.n, heard.lost), (next, 0), "a client that reads loses nothing");
                next += 1;
            }
        }
    }
}

#[test]
fn m4_who_does_not_read_loses_messages_is_told_how_many_and_holds_nobody_up() {
    const TOTAL: u64 = 40_000;
    let host = Host::start(STAGE);
    let (mut fast, mut slow, mut latest) = (host.connect(), host.connect(), host.connect());
    subscribe(&mut fast, r#"{"sender":"client:*"}"#);
    subscribe(&mut slow, r#"{"sender":"client:*"}"#);
    subscribe(&mut latest, r#"{"sender":"client:*","policy":"latest"}"#);
    flood(&host, &mut fast, TOTAL);
    for (client, most_waiting) in [(&mut slow, 10_000), (&mut latest, 1)] {
        let (mut last, mut lost) = (0, 0);
        let mut behind = 0;
        while last < TOTAL {
            let heard = hear(client, "client:flood:wave");
            // What it is told is exactly what is missing.
            assert_eq!(heard.n, last + 1 + heard.lost, "{} after {last}", heard.n);
            behind = if heard.lost > 0 { 0 } else { behind + 1 };
            (last, lost) = (heard.n, lost + heard.lost);
        }
        assert!(
            lost > 0 && behind <= most_waiting,
            "{lost} lost, {behind} kept at the end"
        );
        // It is not cut for it, and goes on as if nothing had been.
        assert!(client.ask("ping still").starts_with("pong still"));
    }
}

#[test]
fn w4_messages_wait_while_an_answer_of_ours_is_owed_unless_the_client_says_otherwise() {
    let host = Host::start(STAGE);
    let (mut held, mut eager, mut other) = (host.connect(), host.connect(), host.connect());
    subscribe(&mut held, r#"{"sender":"client:*"}"#);
    eager.ask(r#"_introduce i {"tokens":true}"#);
    subscribe(&mut eager, r#"{"sender":"client:*"}"#);
    for client in [&mut held, &mut eager] {
        client.send(r#"_wait_for w {"path":"stage.referenced","value":true}"#);
        client.send("ping sent");
        assert!(client.line().starts_with("pong sent"));
    }
    assert_eq!(data(&other.ask(r#"_send a {"message":"go"}"#))["n"], 1);
    assert_eq!(Heard::parse(&eager.line()).n, 1);
    held.send("ping still");
    assert!(held.line().starts_with("pong still"));
    assert!(other.ask("do stage:_home").starts_with("done"));
    assert!(held.line().starts_with("_reached w "));
    assert_eq!(Heard::parse(&held.line()).n, 1);
}

#[test]
fn the_last_minutes_are_kept_for_whoever_comes_late() {
    let host = Host::start(&format!("poll = \"0 s\"\n{STAGE}"));
    let (mut client, mut other) = (host.connect(), host.connect());
    for velocity in 1..=5 {
        other.ask(&format!("change stage:_velocity {velocity}"));
    }
    let history = data(&client.ask(r#"_history h {"path":"stage:velocity","since":3600}"#));
    assert_eq!(history["path"], "stage.velocity");
    let readings = history["readings"].as_array().unwrap();
    let mut values: Vec<_> = readings.iter().map(|reading| reading[0].as_f64().unwrap()).collect();
    // Some were read twice.
    values.dedup();
    assert!(values.ends_with(&[1.0, 2.0, 3.0, 4.0, 5.0]), "{history}");
    assert!(readings.iter().all(|reading| reading[1]["t"].is_f64()), "{history}");
    let all = data(&client.ask(r#"_history h {"path":"stage.velocity"}"#));
    assert_eq!(all["readings"], history["readings"]);
    subscribe(
        &mut client,
        r#"{"sender":"stage.velocity","message":"changed","since":3600}"#,
    );
    other.ask("change stage:_velocity 6");
    let mut told = Vec::new();
    while told.last() != Some(&6.0) {
        let heard = hear(&mut client, "stage.velocity:changed");
        assert_eq!(heard.lost, 0);
        told.push(heard.payload["value"].as_f64().unwrap());
    }
    told.dedup();
    assert!(told.ends_with(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), "{told:?}");
}
