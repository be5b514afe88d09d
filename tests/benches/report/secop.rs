//! Over the wire.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread::JoinHandle,
};

use baton_host::{config::Execution, server::Server};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
};

use crate::{
    calls::lab,
    measure::{Report, each},
};

/// Measures one request at a time over TCP.
pub(crate) fn measure(report: &mut Report) {
    let lab = lab(Execution::Threaded);
    let me = lab.owner("benchmark");
    me.get("register.cached")
        .expect("it can be read")
        .wait(baton_tests::lab::WATCHDOG)
        .expect("it is read");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::bind(&lab, Some("127.0.0.1:0"), None).expect("there is a free port");
    let address = server.tcp_address().expect("it serves TCP");
    let serving = on_a_runtime(async move {
        let outcome = server.run(async { drop(stopped.await) }).await;
        outcome.expect("the server ends when it is told to");
    });
    let mut ours = Client::connect(address);
    let reply = ours.ask("read register:_cached\n");
    let (mut floor, echo) = Client::to_echo(reply);
    report.ratio(
        "SECoP read from cache, over a TCP echo",
        "≤ 1.5",
        &mut || each(2_000, || drop(ours.ask("read register:_cached\n"))),
        &mut || each(2_000, || drop(floor.ask("read register:_cached\n"))),
    );
    report.ratio(
        "SECoP read from the driver, over a TCP echo",
        "",
        &mut || each(2_000, || drop(ours.ask("read register\n"))),
        &mut || each(2_000, || drop(floor.ask("read register:_cached\n"))),
    );
    drop((ours, floor, stop));
    serving.join().expect("the server's thread ends");
    echo.join().expect("the echo's thread ends");
    lab.close();
}

fn on_a_runtime(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.expect("the system gives threads").block_on(future);
    })
}

/// A client that waits for each answer.
struct Client {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_nodelay(true).expect("a TCP stream can be without delay");
        Client {
            stream: BufReader::new(stream),
            line: String::new(),
        }
    }

    /// A client of a server that answers every line with `reply`, and that server.
    fn to_echo(reply: String) -> (Self, JoinHandle<()>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        listener.set_nonblocking(true).expect("a listener need not block");
        let echo = on_a_runtime(async move {
            let listener = TcpListener::from_std(listener).expect("tokio takes a listener");
            let (stream, _) = listener.accept().await.expect("a client comes");
            stream.set_nodelay(true).expect("a TCP stream can be without delay");
            let (read, mut write) = stream.into_split();
            let mut lines = tokio::io::BufReader::new(read).lines();
            while let Ok(Some(_)) = lines.next_line().await {
                write.write_all(reply.as_bytes()).await.expect("the client reads");
            }
        });
        (Client::connect(address), echo)
    }

    fn ask(&mut self, request: &str) -> String {
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .expect("the server reads");
        self.line.clear();
        self.stream.read_line(&mut self.line).expect("the server answers");
        self.line.clone()
    }
}
