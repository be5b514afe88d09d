//! A host to test against, and the plainest client there can be.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    sync::mpsc,
    thread::JoinHandle,
};

use baton_host::{lab::Lab, server::Server};
use baton_tests::lab::{WATCHDOG, lab};
use tokio::sync::oneshot;

/// A motor that needs a tenth of a second for 10 mm, and a detector that sees it.
pub(crate) const STAGE: &str = r#"
    [devices.stage]
    driver = "sim"
    type = "motor"
    options = { velocity = "100 mm/s", acceleration = "10000 mm/s2", travel_min = "-5 mm", travel_max = "105 mm" }
    parameters.position.limits = ["0 mm", "50 mm"]
    parameters.position.tolerance = "0.01 mm"
"#;

/// A served lab. Everything ends when it is dropped.
pub(crate) struct Host {
    pub(crate) lab: Lab,
    pub(crate) address: String,
    shutdown: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    pub(crate) fn start(devices: &str) -> Host {
        Host::start_with(lab(devices), None, |server| server)
    }

    pub(crate) fn start_with(lab: Lab, socket: Option<&Path>, adjust: impl FnOnce(Server) -> Server) -> Host {
        Host::start_server(
            lab.clone(),
            adjust(Server::bind(&lab, Some("127.0.0.1:0"), socket).unwrap()),
        )
    }

    /// At an address of one's own choice.
    pub(crate) fn start_at(listen: &str, lab: Lab) -> Host {
        Host::start_server(lab.clone(), Server::bind(&lab, Some(listen), None).unwrap())
    }

    fn start_server(lab: Lab, server: Server) -> Host {
        let port = server.tcp_address().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let (shutdown, ends) = oneshot::channel();
        // An inline lab runs on the server's thread; a threaded one does not mind.
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let ends = async move {
                let _ = ends.await;
            };
            runtime.unwrap().block_on(server.run(ends)).unwrap();
        };
        Host {
            lab,
            address,
            shutdown: Some(shutdown),
            thread: Some(std::thread::spawn(run)),
        }
    }

    pub(crate) fn connect(&self) -> Client<TcpStream> {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        Client::new(stream.try_clone().unwrap(), stream)
    }

    /// Ends the server and waits for that.
    pub(crate) fn shut_down(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.shut_down();
        self.lab.close();
    }
}

/// A client over TCP or a Unix socket.
pub(crate) struct Client<W> {
    reader: BufReader<Box<dyn Read + Send>>,
    writer: W,
}

pub(crate) fn connect_unix(path: &Path) -> Client<UnixStream> {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(WATCHDOG)).unwrap();
    Client::new(stream.try_clone().unwrap(), stream)
}

impl<W: Write> Client<W> {
    fn new(reader: impl Read + Send + 'static, writer: W) -> Self {
        Client {
            reader: BufReader::new(Box::new(reader)),
            writer,
        }
    }

    /// Sends lines.
    pub(crate) fn send(&mut self, lines: &str) {
        self.send_bytes(format!("{lines}\n").as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
    }

    /// The next line; `None` once the host has closed the connection.
    pub(crate) fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end_matches('\n').to_owned()),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("no line within the watchdog's time: {error}"),
        }
    }

    /// What comes until the host closes the connection.
    pub(crate) fn until_end(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Sends, unless the host has closed the connection.
    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Asks, unless the host closes the connection.
    pub(crate) fn try_ask(&mut self, line: &str) -> Option<String> {
        self.try_send_bytes(format!("{line}\n").as_bytes()).ok()?;
        self.next()
    }

    /// Asks for the status until the device is no longer busy.
    pub(crate) fn until_idle(&mut self, device: &str) {
        self.send(&format!("activate {device}"));
        self.until(&format!("update {device}:status [[100"));
        self.send("deactivate");
        self.until("inactive");
    }

    pub(crate) fn line(&mut self) -> String {
        self.next().expect("the host keeps the connection")
    }

    /// The lines up to the first that begins with `prefix`, that one included.
    pub(crate) fn until(&mut self, prefix: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let found = line.starts_with(prefix);
            lines.push(line);
            if found {
                return lines;
            }
        }
    }

    /// Sends a line and gives the first that is no update.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(line);
        loop {
            let reply = self.line();
            if !reply.starts_with("update ") && !reply.starts_with("error_update ") {
                return reply;
            }
        }
    }

    /// A transcript of questions and answers, without what differs from run to run.
    pub(crate) fn talk(&mut self, lines: &str) -> String {
        let answers = lines.lines().map(|line| {
            let line = line.trim();
            let reply = self.ask(line);
            format!("> {line}\n< {}\n", masked(&reply))
        });
        answers.collect()
    }
}

impl Client<TcpStream> {
    /// Sends no more.
    pub(crate) fn half_close(&mut self) {
        self.writer.shutdown(Shutdown::Write).unwrap();
    }
}

/// The data of a line.
pub(crate) fn data(line: &str) -> serde_json::Value {
    let data = line.splitn(3, ' ').nth(2).unwrap();
    serde_json::from_str(data).unwrap()
}

/// Times, numbers of calls and whoever has a port become `_`.
pub(crate) fn masked(line: &str) -> String {
    let mut out = line.to_owned();
    for key in ["\"t\":", "\"_call\":", "\"call\":", "\"elapsed\":", "127.0.0.1:"] {
        let mut parts = out.split(key);
        let mut clean = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            clean += key;
            clean += "_";
            clean += part.trim_start_matches(|c: char| c.is_ascii_digit() || "e.-".contains(c));
        }
        out = clean;
    }
    // The simulation's word for good.
    out.replace(",\"q\":\"simulated\"", "")
}

/// Does something elsewhere while the test goes on; gives what came of it, within the watchdog's time.
pub(crate) fn beside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> impl FnOnce() -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    move || receiver.recv_timeout(WATCHDOG).expect("it ends")
}
