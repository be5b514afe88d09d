//! W6: whatever a client does, it is its own problem.

use baton_tests::lab::lab;
use expect_test::expect;

use crate::client::{Host, STAGE, beside, masked};

/// A client that knows nothing of the trouble of others is served as always.
fn check_health(host: &Host) {
    let mut client = host.connect();
    assert!(client.ask("read stage:value").starts_with("reply"));
}

#[test]
fn junk_gets_an_error_and_the_connection_goes_on() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.send_bytes(b"\x00\x01\x02\xff\xfe\n\r\n\n   \nread\0 stage:value\nping crlf\r\n");
    client.send(&format!("change stage:target {}", "[".repeat(100_000)));
    client.send(&format!("{} x", "a".repeat(1000)));
    client.send("GET / HTTP/1.1");
    client.send("ping end");
    let lines: Vec<_> = client.until("pong").iter().map(|line| masked(line)).collect();
    expect![[r#"
        error_?????  ["ProtocolError","a request is a line of UTF-8 text",{}]
        error_read?  ["ProtocolError","a request is an action, a name and JSON, with a blank in between; try `help`",{}]
        pong crlf [null,{"t":_}]"#]]
    .assert_eq(&lines.join("\n"));
    check_health(&host);
}

#[test]
fn lines_come_in_pieces() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    for byte in b"ping a\nping b" {
        client.send_bytes(&[*byte]);
    }
    assert!(client.line().starts_with("pong a"));
    client.send_bytes(b"\nping c\nping d\n");
    for token in ["b", "c", "d"] {
        assert!(client.line().starts_with(&format!("pong {token}")));
    }
}

#[test]
fn a_line_that_never_ends_ends_the_connection() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    // The host may close before all of it is sent.
    let lines = beside(move || {
        for _ in 0..40 {
            if client.try_send_bytes(&[b'x'; 64 << 10]).is_err() {
                break;
            }
        }
        client.until_end()
    });
    let lines = lines();
    assert!(
        lines.is_empty() || lines == [r#"error_  ["ProtocolError","a line has at most 1048576 bytes",{}]"#],
        "{lines:?}"
    );
    check_health(&host);
}

#[test]
fn a_half_closed_client_gets_its_answers() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.send_bytes(b"activate\nread stage:value\ndescribe\nping last\nping not a line");
    client.half_close();
    let lines = client.until_end();
    let count = |word: &str| lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!(
        [count("reply"), count("describing"), count("pong")],
        [1, 1, 1],
        "{lines:?}"
    );
}

#[test]
fn a_client_that_never_reads_is_cut_and_nobody_else_notices() {
    let host = Host::start(STAGE);
    let mut deaf = host.connect();
    deaf.send("activate");
    let asked = beside(move || {
        // Far more than fits into the sockets' buffers and the queue.
        let asked = (0..100_000)
            .take_while(|_| deaf.try_send_bytes(b"describe\n").is_ok())
            .count();
        (asked, deaf)
    });
    check_health(&host);
    let (asked, _deaf) = asked();
    assert!(asked < 100_000, "it was cut");
    check_health(&host);
}

#[test]
fn requests_that_wait_are_bounded_and_stop_passes() {
    let host = Host::start(STAGE);
    let mut client = host.connect();
    client.ask("change stage:_velocity 0.001");
    let taken = client.ask("change stage:target 40");
    let call = &crate::client::data(&taken)[1]["_call"];
    for token in 0..1000 {
        client.send(&format!("_wait {token} {{\"call\":{call}}}"));
    }
    client.send("read stage:value\nping x\ndo stage:stop");
    assert!(
        client
            .line()
            .starts_with("error_read stage:value [\"IsBusy\",\"1000 requests")
    );
    assert!(client.line().starts_with("pong x"));
    let rest: Vec<_> = (0..1001).map(|_| client.line()).collect();
    let resolved = rest.iter().filter(|line| line.starts_with("_resolved")).count();
    assert_eq!(resolved, 1000);
    assert!(rest.iter().any(|line| line.starts_with("done stage:stop")));
}

#[test]
fn connections_are_bounded_and_refused_politely() {
    let host = Host::start_with(lab(STAGE), None, |server| server.limit_connections(3));
    let mut clients: Vec<_> = (0..3).map(|_| host.connect()).collect();
    for client in &mut clients {
        assert!(client.ask("ping x").starts_with("pong"));
    }
    let lines = host.connect().until_end();
    assert_eq!(
        lines,
        [r#"error_connect  ["IsBusy","this host serves 3 connections, which is the most; try again later",{}]"#]
    );
    assert!(clients[0].ask("read stage:value").starts_with("reply"));
    // A place is free again once somebody has left.
    drop(clients.pop());
    let served = (0..1000).any(|_| {
        host.connect()
            .try_ask("ping x")
            .is_some_and(|line| line.starts_with("pong"))
    });
    assert!(served);
}

#[test]
fn a_thousand_clients_that_say_nothing_cost_nobody_anything() {
    let host = Host::start_with(lab(STAGE), None, |server| server.limit_connections(300));
    let silent: Vec<_> = (0..250).map(|_| host.connect()).collect();
    let mut half: Vec<_> = (0..40).map(|_| host.connect()).collect();
    for client in &mut half {
        client.send_bytes(b"change stage:target ");
    }
    check_health(&host);
    drop(silent);
    check_health(&host);
}
