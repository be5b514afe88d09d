//! What goes over the wire by itself: updates and messages, to one client and to many.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use baton_host::{
    config::Execution,
    lab::{Lab, Owner},
    server::Server,
};
use baton_tests::lab::{WATCHDOG, done, lab_in};
use tokio::sync::oneshot;

use crate::measure::Report;

/// A device that publishes, and one that is polled by nobody.
const LAB: &str = "poll = \"0 s\"\n[devices.ticker]\ndriver = \"bench\"\ntype = \"ticker\"\n";
/// Readings of which the time to a client is measured.
const TICKS: usize = 2000;

/// What is measured.
const NAMES: [&str; 3] = [
    "message over the wire to 1 client, rate",
    "message over the wire to 100 clients, rate",
    "update over the wire, from its driver",
];

/// Measures messages to 1 and to 100 clients, each beside a writer of the same bytes, and how old an update is when it
/// comes.
pub(crate) fn measure(report: &mut Report) {
    if !NAMES.iter().any(|name| report.wants(name)) {
        return;
    }
    let lab = lab_in(Execution::Threaded, LAB);
    let (address, stop, serving) = serve(&lab);
    let me = lab.owner("bench");
    compare(report, NAMES[0], &me, address, (1, 2000));
    compare(report, NAMES[1], &me, address, (100, 100));
    ages(report, &lab, address);
    drop(stop);
    serving.join().expect("the server's thread ends");
    lab.close();
}

fn serve(lab: &Lab) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::bind(lab, Some("127.0.0.1:0"), None).expect("there is a free port");
    let address = server.tcp_address().expect("it serves TCP");
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.expect("the system gives threads");
        let outcome = runtime.block_on(server.run(async { drop(stopped.await) }));
        outcome.expect("the server ends when it is told to");
    });
    (address, stop, serving)
}

/// Messages to so many clients, over a loop that writes the same line to as many sockets; per message and client.
fn compare(report: &mut Report, what: &str, me: &Owner, address: SocketAddr, (clients, messages): (usize, usize)) {
    if !report.wants(what) {
        return;
    }
    let mut ours: Vec<_> = (0..clients).map(|_| Client::subscribed(address)).collect();
    me.send("wave", 1.5).expect("it has a name");
    let line = ours.iter_mut().map(Client::line).last().expect("there is a client");
    let (mut written, mut floor) = pairs(clients);
    let rate = report.rate(
        what,
        "",
        &mut || {
            let send = || (0..messages).for_each(|_| drop(me.send("wave", 1.5)));
            transfer(send, &mut ours, messages)
        },
        &mut || {
            let write = || {
                for _ in 0..messages {
                    written
                        .iter_mut()
                        .for_each(|socket| socket.write_all(line.as_bytes()).expect("somebody reads"));
                }
            };
            transfer(write, &mut floor, messages)
        },
    );
    report.note(&format!("{rate:.0} a second, of {} bytes", line.len()));
}

/// The time of one of so many messages to each of the clients, from the first send to the last receipt.
fn transfer(send: impl FnOnce() + Send, clients: &mut [Client], messages: usize) -> Duration {
    let started = Instant::now();
    let count = clients.len();
    std::thread::scope(|scope| {
        scope.spawn(send);
        clients.iter_mut().for_each(|client| client.skip(messages));
    });
    started.elapsed() / u32::try_from(messages * count).expect("there are not so many")
}

/// Sockets that are written to, and the clients that read from them.
fn pairs(count: usize) -> (Vec<TcpStream>, Vec<Client>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = listener.local_addr().expect("a listener has an address");
    let pair = |_| {
        let client = Client::connect(address);
        let (socket, _) = listener.accept().expect("it has connected");
        socket.set_nodelay(true).expect("a TCP stream can be without delay");
        (socket, client)
    };
    (0..count).map(pair).unzip()
}

/// How old the readings that a driver publishes are when a client has them.
fn ages(report: &mut Report, lab: &Lab, address: SocketAddr) {
    let what = NAMES[2];
    if !report.wants(what) {
        return;
    }
    let mut client = Client::connect(address);
    client.ask("activate ticker\n", "active");
    let mut ages = Vec::with_capacity(TICKS);
    let mut tick = || {
        let me = lab.owner("bench");
        done(me.call("ticker.tick", i64::try_from(TICKS).expect("it is a small number")));
        ages.clear();
        // A newer one takes the place of one that waits, so there may be fewer; the last one always comes.
        loop {
            let line = client.line();
            let Some(data) = line.strip_prefix("update ticker:value ") else {
                continue;
            };
            ages.extend(time_of(data).map(|time| lab.clock().now().as_seconds() - time));
            if data.starts_with(&format!("[{TICKS},")) {
                break;
            }
        }
        ages.sort_by(f64::total_cmp);
        Duration::from_secs_f64(ages[ages.len() / 2].max(0.0))
    };
    let middle = tick();
    let percentile = |part: usize| Duration::from_secs_f64(ages[ages.len() * part / 1000].max(0.0));
    report.figure(what, middle);
    report.note(&format!(
        "of {} readings, one each millisecond: p99 {:.1} µs, p99.9 {:.1} µs",
        ages.len(),
        percentile(990).as_secs_f64() * 1e6,
        percentile(999).as_secs_f64() * 1e6
    ));
}

/// When a reading was published, of `[value,{"t":…}]`.
fn time_of(data: &str) -> Option<f64> {
    let (_, rest) = data.split_once("\"t\":")?;
    rest.split([',', '}']).next()?.parse().ok()
}

/// Whoever is sent lines.
struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("somebody listens");
        stream.set_nodelay(true).expect("a TCP stream can be without delay");
        stream
            .set_read_timeout(Some(WATCHDOG))
            .expect("a TCP stream can time out");
        Client {
            stream: BufReader::with_capacity(64 << 10, stream),
        }
    }

    fn subscribed(address: SocketAddr) -> Client {
        let mut client = Client::connect(address);
        client.ask(
            "_subscribe s {\"sender\":\"client:*\",\"message\":\"wave\"}\n",
            "_subscribed",
        );
        client
    }

    fn ask(&mut self, request: &str, reply: &str) {
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .expect("the server reads");
        while !self.line().starts_with(reply) {}
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server sends");
        line
    }

    /// Reads so many lines and looks at none.
    fn skip(&mut self, lines: usize) {
        let mut left = lines;
        let mut buffer = [0; 64 << 10];
        // What was read ahead of a line.
        let ahead = self.stream.buffer();
        let (bytes, ends) = (ahead.len(), ahead.iter().filter(|byte| **byte == b'\n').count());
        self.stream.consume(bytes);
        left -= ends;
        while left > 0 {
            let count = self.stream.get_mut().read(&mut buffer).expect("the server sends");
            assert!(count > 0, "the server goes on");
            left -= buffer[..count].iter().filter(|byte| **byte == b'\n').count();
        }
    }
}
