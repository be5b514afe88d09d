//! Addresses, and the end.

use std::{net::TcpStream, os::unix::fs::PermissionsExt};

use baton_host::server::Server;
use baton_tests::lab::{is_inline, lab};

use crate::client::{Host, STAGE, connect_unix, data};

#[test]
fn a_unix_socket_is_a_face_like_any_other_and_goes_with_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.sock");
    let mut host = Host::start_with(lab(STAGE), Some(&path), |server| server);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut client = connect_unix(&path);
    assert!(client.ask("*IDN?").starts_with("ISSE&SINE2020,SECoP,"));
    assert!(client.ask("change stage:_velocity 4").starts_with("changed"));
    // O3: what the kernel knows of the one who acts is shown to the others.
    // O3: what the kernel knows of the one who acts is shown to the others. Inline, the motion is over by then.
    if !is_inline() {
        client.ask("change stage:target 50");
        let refused = host.connect().ask("change stage:target 1");
        let text = data(&refused)[1].as_str().unwrap().to_owned();
        assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
    }
    host.shut_down();
    assert!(!path.exists());
    assert_eq!(client.until_end().last(), None);
}

#[test]
fn x4_a_taken_port_names_the_other() {
    let host = Host::start(STAGE);
    let lab = lab("");
    let Err(error) = Server::bind(&lab, Some(&host.address), None) else {
        panic!("two servers cannot have one port")
    };
    assert_eq!(
        error.to_string(),
        format!(
            "{} is taken by another Baton, lab `test`; stop it, or choose another address with --listen",
            host.address
        )
    );
    let Err(error) = Server::bind(&lab, Some("nonsense"), None) else {
        panic!("this is no address")
    };
    assert!(error.to_string().contains("nonsense"), "{error}");
}

#[test]
fn at_the_end_clients_get_what_they_are_owed() {
    let mut host = Host::start(STAGE);
    let mut client = host.connect();
    client.send("activate");
    client.until("active");
    client.send("change stage:_velocity 3\nping last");
    client.until("pong");
    host.shut_down();
    let rest = client.until_end();
    assert!(rest.iter().all(|line| !line.starts_with("error")), "{rest:?}");
    assert!(TcpStream::connect(&host.address).is_err());
}
