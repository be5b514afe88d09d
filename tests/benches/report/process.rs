//! Drivers in processes of their own, beside what any other process would cost.

use std::{
    io::{Read, Write},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use baton_host::{config::Execution, lab::Lab};
use baton_tests::lab::{WATCHDOG, lab_in};
use tokio::sync::{mpsc, oneshot};

use crate::measure::{Report, each};

/// What the large value has.
const FRAME: usize = 8 << 20;
/// So many bytes go over the wire for a call, and for its answer.
const CALL: usize = 32;
/// The argument that makes this program a sender.
const SENDER: &str = "--sender";

/// A lab with one device of the benchmark's driver, in a process of its own.
fn lab(device: &str) -> Lab {
    let isolated = "driver = \"bench\"\nisolation = \"process\"";
    lab_in(
        Execution::Threaded,
        &format!("[devices.{device}]\ntype = \"{device}\"\n{isolated}\n"),
    )
}

/// Measures a call, a large value, and a crash.
pub(crate) fn measure(report: &mut Report) {
    if report.wants("process call") {
        call(report);
    }
    if report.wants("process, 8 MiB value") {
        value(report);
    }
    if report.wants("process, crash to the next answer") {
        crash(report);
    }
}

fn call(report: &mut Report) {
    let lab = lab("register");
    let me = lab.owner("benchmark");
    let floor = Hop::start();
    report.ratio(
        "process call, over a hop and a socketpair echo",
        "≤ 1.3",
        &mut || {
            each(2_000, || {
                let call = me.get("register").expect("a register can be read");
                call.wait(WATCHDOG).expect("it is read");
            })
        },
        &mut || each(2_000, || drop(floor.call().blocking_recv())),
    );
    lab.close();
}

fn value(report: &mut Report) {
    let lab = lab("camera");
    let me = lab.owner("benchmark");
    let mut floor = Sender::start();
    report.ratio(
        "process, 8 MiB value, over a socketpair",
        "≤ 1.2",
        &mut || {
            each(20, || {
                let call = me.get("camera").expect("a frame can be read");
                call.wait(WATCHDOG).expect("it is read");
            })
        },
        &mut || each(20, || drop(floor.receive())),
    );
    lab.close();
}

fn crash(report: &mut Report) {
    let lab = lab("camera");
    let me = lab.owner("benchmark");
    let library = baton_tests::driver("bench");
    report.ratio(
        "process, crash to the next answer, over fork and dlopen",
        "",
        &mut || {
            let started = Instant::now();
            let crashed = me.call("camera.crash", ()).expect("it can crash").wait(WATCHDOG);
            assert!(crashed.is_err(), "nothing survives that");
            // Not when the back-off says so, which is for those that crash again and again.
            let again = me.reopen("camera").expect("it can be opened").wait(WATCHDOG);
            again.expect("it is there again");
            started.elapsed()
        },
        &mut || fork_and_load(&library),
    );
    lab.close();
}

/// A program that does nothing, with the library loaded into it.
fn fork_and_load(library: &std::path::Path) -> Duration {
    let started = Instant::now();
    let status = Command::new("/bin/true").env("LD_PRELOAD", library).status();
    assert!(status.expect("it can be started").success());
    started.elapsed()
}

/// A bare thread that has what it is given echoed by another process.
struct Hop {
    requests: mpsc::Sender<oneshot::Sender<u8>>,
}

impl Hop {
    fn start() -> Self {
        let (requests, mut inbox) = mpsc::channel::<oneshot::Sender<u8>>(100);
        std::thread::spawn(move || {
            let (mut socket, mut echo) = with_socket(&mut Command::new("cat"));
            let mut bytes = [7; CALL];
            while let Some(reply) = inbox.blocking_recv() {
                socket.write_all(&bytes).expect("the other process reads");
                socket.read_exact(&mut bytes).expect("the other process answers");
                let _ = reply.send(bytes[0]);
            }
            drop(socket);
            let _ = echo.wait();
        });
        Hop { requests }
    }

    fn call(&self) -> oneshot::Receiver<u8> {
        let (reply, answer) = oneshot::channel();
        self.requests.blocking_send(reply).expect("the thread runs");
        answer
    }
}

/// Another process that sends a frame for each byte that it gets.
struct Sender {
    socket: UnixStream,
    process: Child,
}

impl Sender {
    fn start() -> Self {
        let own = std::env::current_exe().expect("a process knows its executable");
        let (socket, process) = with_socket(Command::new(own).arg(SENDER));
        Sender { socket, process }
    }

    fn receive(&mut self) -> Vec<u8> {
        self.socket.write_all(&[1]).expect("the other process reads");
        let mut frame = Vec::with_capacity(FRAME);
        let mut rest = Read::by_ref(&mut self.socket).take(FRAME as u64);
        rest.read_to_end(&mut frame).expect("the other process answers");
        frame
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts a program whose standard input and output are one end of a socket.
fn with_socket(command: &mut Command) -> (UnixStream, Child) {
    let (ours, theirs) = UnixStream::pair().expect("the system gives sockets");
    let output = theirs.try_clone().expect("a socket can be had twice");
    let started = command
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::from(OwnedFd::from(output)))
        .spawn();
    (ours, started.expect("the program is there"))
}

/// Whether this process is the one that sends frames.
pub(crate) fn is_sender() -> bool {
    std::env::args().any(|argument| argument == SENDER)
}

/// Sends a frame for each byte that comes in, until none does.
pub(crate) fn send() {
    let frame = vec![7u8; FRAME];
    let mut byte = [0];
    // Not buffered by lines.
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let mut output = std::fs::File::from(output.expect("there is a standard output"));
    while let Ok(1) = std::io::stdin().read(&mut byte) {
        output.write_all(&frame).expect("whoever asked reads");
    }
}
