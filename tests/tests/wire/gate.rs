//! W6: who is let in, and how much each may take.

use std::net::TcpStream;

use baton_host::{config::Secret, lab::Lab, server::Server};
use baton_tests::lab::{lab, lab_with_host};

use crate::client::{Client, Host, STAGE, data};

const TOKEN: &str = "correct horse battery staple";

/// A served lab that other machines could reach.
fn open_host() -> Host {
    let lab = lab_with_host(STAGE, |host| host.token = Secret::new(TOKEN));
    Host::start_at("0.0.0.0:0", lab)
}

fn connect(host: &Host) -> Client<TcpStream> {
    host.connect()
}

fn authenticate(client: &mut Client<TcpStream>, token: &str) -> String {
    client.ask(&format!("_authenticate t {{\"token\":\"{token}\"}}"))
}

fn bind_error(lab: &Lab, listen: &str) -> String {
    Server::bind(lab, Some(listen), None).err().unwrap().to_string()
}

#[test]
fn w6_without_a_token_no_other_machine_can_reach_a_host() {
    let lab = lab("");
    for listen in ["0.0.0.0:0", "[::]:0"] {
        let error = bind_error(&lab, listen);
        assert!(
            error.contains("is open to other machines") && error.contains("--token-file"),
            "{error}"
        );
    }
    assert!(Server::bind(&lab, Some("127.0.0.1:0"), None).is_ok());
}

#[test]
fn w6_on_an_open_address_only_the_token_opens() {
    let host = open_host();
    let mut stranger = connect(&host);
    assert!(stranger.ask("*IDN?").starts_with("ISSE&SINE2020,SECoP,"));
    for asked in [
        "describe",
        "activate",
        "read stage:value",
        "_stop_all t {}",
        "do stage:stop",
        "help",
        "_who t",
    ] {
        let refused = stranger.ask(asked);
        let action = asked.split(' ').next().unwrap();
        assert!(refused.starts_with(&format!("error_{action} ")), "{refused}");
        assert!(
            refused.contains("[\"Impossible\",\"this host wants a token"),
            "{refused}"
        );
    }
    assert_eq!(authenticate(&mut stranger, TOKEN), "_authenticated t {}");
    assert!(stranger.ask("read stage:value").starts_with("reply stage:value"));
    // A second time does no harm, whatever is shown.
    assert_eq!(authenticate(&mut stranger, "wrong"), "_authenticated t {}");

    let mut liar = connect(&host);
    let refused = authenticate(&mut liar, "correct horse");
    assert!(
        refused.starts_with("error__authenticate t [\"Impossible\""),
        "{refused}"
    );
    assert_eq!(data(&refused)[2]["authenticate"], true);
    assert_eq!(liar.until_end().len(), 0);
}

#[test]
fn w6_loopback_and_the_unix_socket_ask_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.sock");
    let lab = lab_with_host(STAGE, |host| host.token = Secret::new(TOKEN));
    let host = Host::start_with(lab, Some(&path), |server| server);
    assert!(host.connect().ask("read stage:value").starts_with("reply"));
    let mut unix = crate::client::connect_unix(&path);
    assert!(unix.ask("read stage:value").starts_with("reply"));
    assert_eq!(unix.ask("_authenticate t {\"token\":\"any\"}"), "_authenticated t {}");
}

#[test]
fn w6_fifty_strangers_do_not_keep_out_who_has_the_token() {
    let host = open_host();
    let mut known = connect(&host);
    authenticate(&mut known, TOKEN);
    let mut strangers: Vec<_> = (0..50).map(|_| connect(&host)).collect();
    for stranger in &mut strangers {
        let _ = stranger.try_send_bytes(b"\x00\xff junk\nGET / HTTP/1.1\n\n");
    }
    let refused = |stranger: &mut Client<TcpStream>| stranger.next().is_none_or(|line| line.starts_with("error_"));
    assert!(strangers.iter_mut().all(refused));
    assert!(known.ask("read stage:value").starts_with("reply"));
    drop(strangers);
    let let_in = (0..1000).any(|_| {
        let mut client = connect(&host);
        client
            .try_ask(&format!("_authenticate t {{\"token\":\"{TOKEN}\"}}"))
            .is_some_and(|line| line.starts_with("_authenticated"))
    });
    assert!(let_in, "strangers who have left take nobody's place");
}

#[test]
fn w6_one_peer_does_not_get_all_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.sock");
    let lab = lab_with_host(STAGE, |host| host.clients.connections_per_peer = 2);
    let host = Host::start_with(lab, Some(&path), |server| server);
    let mut greedy: Vec<_> = (0..2).map(|_| host.connect()).collect();
    for client in &mut greedy {
        assert!(client.ask("ping x").starts_with("pong"));
    }
    let lines = host.connect().until_end();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("error_connect  [\"IsBusy\",\"this host serves 2 connections of one peer"));
    assert!(crate::client::connect_unix(&path).ask("ping x").starts_with("pong"));
}

#[test]
fn w6_the_config_says_how_much_a_client_may_take() {
    let lab = lab_with_host(STAGE, |host| {
        host.clients.line_bytes = 1000;
        host.clients.pending = 1;
    });
    let host = Host::start_with(lab, None, |server| server);
    let mut client = host.connect();
    client.ask("change stage:_velocity 0.001");
    let taken = client.ask("change stage:target 40");
    let call = &data(&taken)[1]["_call"];
    client.send(&format!("_wait one {{\"call\":{call}}}"));
    let refused = client.ask("read stage:value");
    assert!(
        refused.contains("[\"IsBusy\",\"1 requests of this connection"),
        "{refused}"
    );
    client.send("do stage:stop");
    client.until("_resolved one");
    client.send_bytes(&[b'x'; 1001]);
    let lines = client.until_end();
    assert!(
        lines.iter().any(|line| line.contains("a line has at most 1000 bytes")),
        "{lines:?}"
    );
}
