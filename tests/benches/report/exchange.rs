//! Exchanges with instruments that are described in a file, over loopback.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use baton_host::{
    config::Execution,
    device::Device,
    dispatcher::{Bounds, Policy, Queue, Subscription},
    executor::Call,
    lab::Lab,
};
use baton_tests::lab::{WATCHDOG, lab_in};

use crate::measure::{Report, each, on_one_processor};

const FILE: &str = "\
[instrument]
name = \"Thermometer\"
[line]
terminator = \"\\n\"
[parameters.temperature]
unit = \"degC\"
poll = \"0 s\"
read = { send = \"T?\", expect = \"T={:f}\" }
";
const QUESTION: &[u8] = b"T?\n";
const ANSWER: &[u8] = b"T=23.456\n";

/// Exchanges on each line while several are measured.
const ROUNDS: usize = 40;

/// Measures single exchanges, and many lines at once.
pub(crate) fn measure(report: &mut Report) {
    for execution in [Execution::Inline, Execution::Threaded] {
        let mode = match execution {
            Execution::Inline => "inline",
            Execution::Threaded => "threaded",
        };
        overhead(report, execution, &format!("exchange, {mode}, over the bare bytes"));
    }
    for lines in [1, 50] {
        let plural = if lines == 1 { "line" } else { "lines" };
        rate(report, lines, &format!("exchanges on {lines} {plural}, rate"));
    }
}

/// What write, reply, parse, cache and publish cost, over the same bytes between two bare sockets.
fn overhead(report: &mut Report, execution: Execution, what: &str) {
    if !report.wants(what) {
        return;
    }
    let instrument = Instrument::start();
    // Both ends take turns, so that a second processor only adds what waking it takes.
    on_one_processor(|| {
        let labs = Labs::open(execution, &instrument, 1);
        let mut bare = Bare::connect(instrument.address);
        let me = labs.lab.owner("benchmark");
        report.ratio(
            what,
            "",
            &mut || {
                each(500, || {
                    let call = me.get("d0").expect("a thermometer can be read");
                    call.wait(WATCHDOG).expect("it answers");
                    drop(labs.queue.take_all());
                })
            },
            &mut || each(500, || bare.exchange()),
        );
        labs.lab.close();
    });
}

/// How many exchanges there are in a second, on one line or on many at once.
fn rate(report: &mut Report, lines: usize, what: &str) {
    if !report.wants(what) {
        return;
    }
    let instrument = Instrument::start();
    let labs = Labs::open(Execution::Threaded, &instrument, lines);
    let me = labs.lab.owner("benchmark");
    let paths: Vec<String> = (0..lines).map(|n| format!("d{n}")).collect();
    let mut bare: Vec<Bare> = (0..lines).map(|_| Bare::connect(instrument.address)).collect();
    let exchanges = (lines * ROUNDS) as u32;
    let per_second = report.rate(
        what,
        "",
        &mut || {
            let started = Instant::now();
            let calls: Vec<Call> = (0..ROUNDS)
                .flat_map(|_| &paths)
                .map(|path| me.get(path).expect("a thermometer can be read"))
                .collect();
            for call in calls {
                call.wait(WATCHDOG).expect("it answers");
            }
            drop(labs.queue.take_all());
            started.elapsed() / exchanges
        },
        &mut || {
            let started = Instant::now();
            std::thread::scope(|scope| {
                for bare in &mut bare {
                    scope.spawn(|| (0..ROUNDS).for_each(|_| bare.exchange()));
                }
            });
            started.elapsed() / exchanges
        },
    );
    report.note(&format!("{per_second:.0} a second"));
    labs.lab.close();
}

/// A lab of thermometers, and a subscriber to all of them.
struct Labs {
    lab: Lab,
    queue: Arc<Queue<()>>,
    _subscriptions: Vec<Subscription>,
    _folder: tempfile::TempDir,
}

impl Labs {
    fn open(execution: Execution, instrument: &Instrument, lines: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file: PathBuf = folder.path().join("thermometer.toml");
        std::fs::write(&file, FILE).expect("it can be written");
        let options = format!("{{ file = {file:?}, address = \"tcp://{}\" }}", instrument.address);
        let devices: String = (0..lines)
            .map(|n| format!("[devices.d{n}]\ndriver = \"stream\"\ntype = \"instrument\"\noptions = {options}\n"))
            .collect();
        let lab = lab_in(execution, &devices);
        let bounds = Bounds {
            entries: 1 << 20,
            bytes: 1 << 30,
        };
        let queue = Arc::new(Queue::new(bounds));
        let subscribe = |device: &Arc<Device>| device.subscribe(Policy::DropOldest, &queue);
        let subscriptions = lab.devices().iter().map(subscribe).collect();
        Labs {
            lab,
            queue,
            _subscriptions: subscriptions,
            _folder: folder,
        }
    }
}

/// A thermometer that answers at once, with a thread for each connection.
struct Instrument {
    address: SocketAddr,
}

impl Instrument {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || answer(stream));
            }
        });
        Instrument { address }
    }
}

/// Answers every line until the connection ends.
fn answer(stream: TcpStream) {
    stream.set_nodelay(true).expect("a stream has this option");
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if reader.get_mut().write_all(ANSWER).is_err() {
            return;
        }
        line.clear();
    }
}

/// The same bytes without anything around them.
struct Bare {
    stream: TcpStream,
}

impl Bare {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a stream has this option");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a stream has this option");
        Bare { stream }
    }

    fn exchange(&mut self) {
        self.stream.write_all(QUESTION).expect("it is connected");
        let mut answer = [0; ANSWER.len()];
        self.stream.read_exact(&mut answer).expect("it answers");
    }
}
