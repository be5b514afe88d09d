use futures_util::FutureExt;
use tokio::{
    io::{AsyncReadExt, DuplexStream},
    time::Instant,
};

use super::*;
use crate::{
    config::{Files, NoDrivers, System, resolve},
    lab::Lab,
    plugin::Drivers,
    server::{Server, places::Peer},
};

#[tokio::test(flavor = "current_thread", start_paused = true)]
async fn w6_a_client_that_takes_nothing_is_cut_and_a_slow_one_is_not() {
    let (mut client, mut server) = tokio::io::duplex(64);
    let slow = async {
        let mut taken = [0; 10];
        for _ in 0..100 {
            tokio::time::sleep(STALLED / 2).await;
            tokio::io::AsyncReadExt::read_exact(&mut client, &mut taken)
                .await
                .unwrap();
        }
    };
    let mut text = "x".repeat(1000);
    let (sent, ()) = tokio::join!(send(&mut server, &mut text), slow);
    assert!(sent.is_ok() && text.is_empty());
    let started = Instant::now();
    let mut text = "x".repeat(1000);
    let error = send(&mut server, &mut text).await.unwrap_err();
    assert_eq!((error.kind(), started.elapsed()), (io::ErrorKind::TimedOut, STALLED));
}

/// A server of a lab without devices, which nobody runs.
fn server() -> Server {
    let files = Files::from_sources(".", []);
    let config = resolve(&files, &NoDrivers, &System, None).config;
    let lab = Lab::open(config.expect("an empty config is sound"), Drivers::default()).unwrap();
    Server::bind(&lab, None, None).unwrap()
}

/// A client whose connection runs, and who has sent this before the host looked.
fn connected(server: &Server, ends: &watch::Receiver<bool>, sent: &str) -> DuplexStream {
    let place = server.shared.places.take(Peer::Unknown, 9, 9).unwrap();
    let connection = Connection::new(&server.shared, ends.clone(), place, Identity::default());
    let (mut client, socket) = tokio::io::duplex(4 << 20);
    let written = client.write_all(sent.as_bytes()).now_or_never();
    written.expect("there is room for it").unwrap();
    let (reader, writer) = tokio::io::split(socket);
    tokio::spawn(async move { connection.converse(None, reader, writer).await });
    client
}

/// The lines that a client has been sent by now.
fn lines_so_far(client: &mut DuplexStream) -> usize {
    let mut bytes = Vec::new();
    while let Some(Ok(1..)) = client.read_buf(&mut bytes).now_or_never() {}
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[tokio::test(flavor = "current_thread")]
async fn w6_a_flood_by_one_leaves_the_others_their_turns() {
    let server = server();
    let (_stays, ends) = watch::channel(false);
    // Lines that lie ready, so that nothing but the turns decides who is served when.
    let mut flood = connected(&server, &ends, &"ping x\n".repeat(10_000));
    let mut others: Vec<_> = (0..5).map(|_| connected(&server, &ends, "ping y\n")).collect();
    // A task like those of the connections, so that it has its turns as they have.
    let ahead = tokio::spawn(async move {
        for other in &mut others {
            let mut pong = [0; 4];
            other.read_exact(&mut pong).await.unwrap();
            assert_eq!(&pong, b"pong");
        }
        lines_so_far(&mut flood)
    });
    let ahead = ahead.await.unwrap();
    assert!(ahead <= 4 * TURN_LINES, "{ahead} of the flood were answered first");
}
