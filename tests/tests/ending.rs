//! How a host ends (RULES.md S5): the program itself, with signals.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, ChildStderr, Command, Stdio},
};

use baton_tests::{
    driver,
    lab::{skip_inline, skip_isolated},
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// `baton`.
const BATON: &str = env!("CARGO_BIN_EXE_baton-under-test");

const LAB: &str = r#"
[lab]
name = "ending"
[host]
poll = "0 s"
[devices.mule]
driver = "puppet"
type = "mule"
[devices.stage]
driver = "sim"
type = "motor"
options = { velocity = "1 mm/s" }
"#;

/// A host that serves, and what it says.
struct Host {
    child: Child,
    said: BufReader<ChildStderr>,
    socket: PathBuf,
    _folder: TempDir,
}

impl Host {
    fn start() -> Host {
        let folder = tempfile::tempdir().unwrap();
        for name in ["puppet", "sim"] {
            let library = driver(name);
            fs::copy(&library, folder.path().join(library.file_name().unwrap())).unwrap();
        }
        let (config, socket) = (folder.path().join("lab.toml"), folder.path().join("socket"));
        fs::write(&config, LAB).unwrap();
        let mut child = Command::new(BATON)
            .args(["run", "--log", "error", "--listen", "127.0.0.1:0", "--socket"])
            .arg(&socket)
            .arg("--drivers")
            .arg(folder.path())
            .arg(&config)
            .env("XDG_STATE_HOME", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Its table is written once it serves.
        let mut table = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("stage ") {
            line.clear();
            assert_ne!(table.read_line(&mut line).unwrap(), 0, "it ended");
        }
        let said = BufReader::new(child.stderr.take().unwrap());
        Host {
            child,
            said,
            socket,
            _folder: folder,
        }
    }

    /// Sends lines, and gives the connection.
    fn send(&self, lines: &str) -> BufReader<UnixStream> {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.write_all(lines.as_bytes()).unwrap();
        BufReader::new(stream)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The next line that it says and that contains this.
    fn says(&mut self, text: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.said.read_line(&mut line).unwrap(), 0, "it did not say {text:?}");
            if line.contains(text) {
                return line;
            }
        }
    }

    fn ends(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line that starts with this.
fn until(client: &mut impl BufRead, start: &str) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(client.read_line(&mut line).unwrap(), 0, "no {start:?} came");
        if line.starts_with(start) {
            return line;
        }
    }
}

#[test]
fn s5_sigterm_stops_what_moves_and_ends() {
    let mut host = Host::start();
    let mut client = host.send("change stage:target 90\n");
    until(&mut client, "changed");
    host.signal(Signal::TERM);
    host.says("ending: stopping what moves, then closing the devices");
    host.says("stage: stopped");
    assert_eq!(host.ends(), Some(0));
}

#[test]
fn s5_ctrl_c_says_what_hung_and_a_second_one_waits_for_nobody() {
    if skip_inline("a real hang cannot be cut short") || skip_isolated("what hangs there is killed, and ends as well") {
        return;
    }
    let mut host = Host::start();
    let mut client = host.send("do mule:_hang\nping x\n");
    until(&mut client, "pong");
    host.signal(Signal::INT);
    host.says("Ctrl-C again: wait for nobody");
    host.signal(Signal::INT);
    host.says("not waiting for clients and hung drivers any more");
    host.says("mule is still inside the command of mule.hang, since ");
    assert_eq!(host.ends(), Some(130));
}

#[test]
fn s5_a_third_ctrl_c_leaves_at_once() {
    if skip_inline("a real hang cannot be cut short") {
        return;
    }
    let mut host = Host::start();
    let mut client = host.send("do mule:_hang\nping x\n");
    until(&mut client, "pong");
    for _ in 0..3 {
        host.signal(Signal::INT);
        // A signal that comes while the last one is pending is lost; this one has to arrive.
        std::thread::yield_now();
    }
    // It was in a hurry, or has left at once: it has ended, and not as if all were well.
    assert_eq!(host.ends(), Some(130));
}
