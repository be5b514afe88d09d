//! The instrument that does everything wrong, on every kind of line.

use std::{
    collections::{HashMap, VecDeque},
    io::{Read, Write},
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// What the instrument does with one question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// Nothing wrong.
    Prompt,
    /// The answer in single bytes.
    Bytewise,
    /// Half of the answer, and never the rest.
    Half,
    /// The answer together with that to the next question that is answered.
    Late,
    /// As `Late`, but half of it at once.
    HalfLate,
    /// No answer; but those that are late come.
    Never,
    /// Something else instead of the answer.
    Garbage,
    /// Something else before the answer.
    GarbageFirst,
    /// The answer twice.
    Twice,
    /// The connection ends in the middle of the answer.
    Cut,
    /// The echo, if there is one, is another.
    WrongEcho,
}

pub(super) const FAULTS: [Fault; 11] = [
    Fault::Prompt,
    Fault::Bytewise,
    Fault::Half,
    Fault::Late,
    Fault::HalfLate,
    Fault::Never,
    Fault::Garbage,
    Fault::GarbageFirst,
    Fault::Twice,
    Fault::Cut,
    Fault::WrongEcho,
];

/// How late the instrument was at most when it meant to be in time. Bytes stay in their order, so that the first time that
/// it hears a question is the first time that it was sent.
#[derive(Clone, Default)]
pub(super) struct Clock(Arc<Mutex<Times>>);

#[derive(Default)]
struct Times {
    sent: HashMap<Vec<u8>, VecDeque<Instant>>,
    latest: Duration,
}

impl Clock {
    pub(super) fn asked(&self, question: &[u8]) {
        let mut times = self.0.lock().unwrap();
        times
            .sent
            .entry(question.to_vec())
            .or_default()
            .push_back(Instant::now());
    }

    /// What was to be said at once to the question has been said.
    fn answered(&self, question: &[u8]) {
        let mut times = self.0.lock().unwrap();
        if let Some(sent) = times.sent.get_mut(question).and_then(VecDeque::pop_front) {
            times.latest = times.latest.max(sent.elapsed());
        }
    }

    pub(super) fn latest(&self) -> Duration {
        self.0.lock().unwrap().latest
    }
}

/// An instrument with faults to come.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) faults: Arc<Mutex<VecDeque<Fault>>>,
    pub(super) echo: bool,
    /// What was not said yet.
    pub(super) late: Vec<u8>,
    pub(super) clock: Clock,
}

/// What it says to one question.
struct Says {
    pieces: Vec<Vec<u8>>,
    then_cuts: bool,
}

impl Fake {
    fn hear(&mut self, question: &str) -> Says {
        let fault = self.faults.lock().unwrap().pop_front().unwrap_or(Fault::Prompt);
        let answer = format!("{}\r\n", question.replace('Q', "A")).into_bytes();
        let (first, rest) = answer.split_at(answer.len() / 2);
        let echo = match (self.echo, fault) {
            (false, _) => Vec::new(),
            (true, Fault::WrongEcho) => format!("Z{question}\n").into_bytes(),
            (true, _) => format!("{question}\n").into_bytes(),
        };
        let late = |fake: &mut Fake| std::mem::take(&mut fake.late);
        let pieces = match fault {
            Fault::Prompt | Fault::Cut | Fault::WrongEcho => vec![late(self), echo, answer.clone()],
            Fault::Bytewise => {
                let whole = [late(self), echo, answer.clone()].concat();
                return Says {
                    pieces: whole.iter().map(|byte| vec![*byte]).collect(),
                    then_cuts: false,
                };
            }
            Fault::Half => vec![late(self), echo, first.to_vec()],
            Fault::Late => {
                self.late.extend([echo, answer.clone()].concat());
                vec![]
            }
            Fault::HalfLate => {
                let before = late(self);
                self.late = rest.to_vec();
                vec![before, echo, first.to_vec()]
            }
            Fault::Never => vec![late(self)],
            Fault::Garbage => vec![late(self), echo, b"?!\r\n".to_vec()],
            Fault::GarbageFirst => vec![late(self), echo, b"?!\r\n".to_vec(), answer.clone()],
            Fault::Twice => vec![late(self), echo, answer.clone(), answer.clone()],
        };
        let mut whole = pieces.concat();
        if fault == Fault::Cut {
            whole.truncate(whole.len() - answer.len() / 2);
        }
        Says {
            pieces: vec![whole],
            then_cuts: fault == Fault::Cut,
        }
    }

    /// Serves a stream until it ends, or is to be cut.
    fn serve(&mut self, mut end: impl Read + Write) {
        let mut line = Vec::new();
        let mut byte = [0];
        while end.read(&mut byte).is_ok_and(|came| came > 0) {
            if byte[0] != b'\n' {
                line.push(byte[0]);
                continue;
            }
            let question = std::mem::take(&mut line);
            let says = self.hear(std::str::from_utf8(&question).unwrap());
            let said = says.pieces.iter().try_for_each(|piece| end.write_all(piece));
            self.clock.answered(&question);
            if said.is_err() {
                return;
            }
            if says.then_cuts {
                return;
            }
        }
    }
}

/// Where the instrument is, and what has to be done to end it.
pub(super) struct Served {
    pub(super) address: String,
    pub(super) end: Box<dyn FnOnce()>,
}

/// An instrument of one's own, which forgets what it had to say when the connection ends; or one behind a serial server,
/// which says it on the next.
pub(super) fn over_tcp(mut fake: Fake, is_server: bool) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let is_over = Arc::new(Mutex::new(false));
    let over = Arc::clone(&is_over);
    let thread = thread::spawn(move || {
        for stream in listener.incoming() {
            if *over.lock().unwrap() {
                return;
            }
            if !is_server {
                fake.late.clear();
            }
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            fake.serve(&stream);
        }
    });
    Served {
        address: here.to_string(),
        end: Box::new(move || {
            *is_over.lock().unwrap() = true;
            drop(std::net::TcpStream::connect(here));
            thread.join().unwrap();
        }),
    }
}

/// An instrument that answers each datagram to where it came from, however late.
pub(super) fn over_udp(mut fake: Fake, fixed: bool) -> Served {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let here = socket.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut late: Option<SocketAddr> = None;
        let mut buffer = [0; 100];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let Some(question) = buffer[..length].strip_suffix(b"\n") else {
                return;
            };
            if let Some(late) = late.filter(|late| *late != from) {
                let _ = socket.send_to(&std::mem::take(&mut fake.late), late);
            }
            let says = fake.hear(std::str::from_utf8(question).unwrap());
            late = (!fake.late.is_empty()).then_some(from);
            for piece in says.pieces {
                let _ = socket.send_to(&piece, from);
            }
            fake.clock.answered(question);
        }
    });
    let local = match fixed {
        true => {
            let free = UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
            format!("?local={free}")
        }
        false => String::new(),
    };
    Served {
        address: format!("udp://{here}{local}"),
        end: Box::new(move || {
            let last = UdpSocket::bind("127.0.0.1:0").unwrap();
            last.send_to(b"end", here).unwrap();
            thread.join().unwrap();
        }),
    }
}

/// An instrument on a serial line.
pub(super) fn over_serial(mut fake: Fake) -> Served {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&end).unwrap();
    unlockpt(&end).unwrap();
    let path = ptsname(&end, Vec::new()).unwrap().into_string().unwrap();
    // Held open, so that the line does not end with each Line on it.
    let hold = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let mut settings = rustix::termios::tcgetattr(&hold).unwrap();
    settings.make_raw();
    rustix::termios::tcsetattr(&hold, rustix::termios::OptionalActions::Now, &settings).unwrap();
    let thread = thread::spawn(move || fake.serve(std::fs::File::from(end)));
    Served {
        address: format!("pty://{path}"),
        end: Box::new(move || {
            drop(hold);
            thread.join().unwrap();
        }),
    }
}
