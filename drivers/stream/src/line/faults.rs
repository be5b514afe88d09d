//! Every kind of line against an instrument that does everything wrong, in random order. It numbers its answers as the
//! questions are numbered, so that an answer to another question than the last is found out.

use std::{
    collections::VecDeque,
    io::{ErrorKind as Io, Read, Write},
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

use baton_plugin_api::line::{Address, Limits};
use proptest::prelude::*;

use super::*;

/// What the instrument does with one question.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
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

const FAULTS: [Fault; 11] = [
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

/// An instrument with faults to come.
#[derive(Clone)]
struct Fake {
    faults: Arc<Mutex<VecDeque<Fault>>>,
    echo: bool,
    /// What was not said yet.
    late: Vec<u8>,
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
            let says = self.hear(std::str::from_utf8(&std::mem::take(&mut line)).unwrap());
            for piece in says.pieces {
                if end.write_all(&piece).is_err() {
                    return;
                }
            }
            if says.then_cuts {
                return;
            }
        }
    }
}

/// Where the instrument is, and what has to be done to end it.
struct Served {
    address: String,
    end: Box<dyn FnOnce()>,
}

/// An instrument of one's own, which forgets what it had to say when the connection ends; or one behind a serial server,
/// which says it on the next.
fn over_tcp(mut fake: Fake, is_server: bool) -> Served {
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
fn over_udp(mut fake: Fake, fixed: bool) -> Served {
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
fn over_serial(mut fake: Fake) -> Served {
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

fn manner(echo: bool, reply_timeout: Duration) -> Manner {
    Manner {
        send_terminator: b"\n".to_vec(),
        reply_end: ReplyEnd::Terminator(b"\r\n".to_vec()),
        reply_timeout,
        char_timeout: None,
        pause: Duration::ZERO,
        echo,
        retries: 0,
    }
}

/// Opens the line anew where it was lost, as the host does.
fn line(address: &str, lost: &mut Option<Line>) -> Line {
    match lost.take() {
        Some(line) if line.broken.is_none() => line,
        _ => {
            let address: Address = address.parse().unwrap();
            Line::new("the instrument".into(), address.connect(&Limits::default()).unwrap())
        }
    }
}

/// Asks one numbered question.
fn ask(line: &mut Line, number: usize, kind: ErrorKind, manner: &Manner) -> Result<String> {
    let text = format!("Q{number}");
    let fits = |reply: &[u8]| reply.starts_with(b"A");
    let question = Question {
        of: 0,
        text: text.as_bytes(),
        manner,
        turn: &Turn::NONE,
        fits: &fits,
        kind,
    };
    line.settle(&Uncancelled::OPENING)?;
    let reply = line.ask(&question, &Uncancelled::OPENING)?;
    if !fits(&reply) {
        line.distrust(&question);
        return Err(Error::new(kind, format!("got {}", show(&reply))));
    }
    Ok(String::from_utf8(reply).unwrap())
}

/// Asks through all faults, and then until three answers in a row are right.
fn check(faults: &[Fault], echo: bool, serve: impl FnOnce(Fake) -> Served) -> Result<(), TestCaseError> {
    let fake = Fake {
        faults: Arc::new(Mutex::new(faults.iter().copied().collect())),
        echo,
        late: Vec::new(),
    };
    let left = Arc::clone(&fake.faults);
    let served = serve(fake);
    let manner = manner(echo, Duration::from_millis(25));
    let mut open = None;
    let (mut right, mut number) = (0, 0);
    while right < 3 {
        number += 1;
        prop_assert!(number < 200, "it does not recover");
        let mut line = line(&served.address, &mut open);
        // Whether all faults were over before the question.
        let is_over = left.lock().unwrap().is_empty();
        match ask(&mut line, number, ErrorKind::ReadFailed, &manner) {
            Ok(answer) => {
                prop_assert_eq!(answer, format!("A{}", number));
                right += usize::from(is_over);
            }
            Err(error) => {
                let kinds = [
                    ErrorKind::Timeout,
                    ErrorKind::CommunicationFailed,
                    ErrorKind::ReadFailed,
                ];
                prop_assert!(kinds.contains(&error.kind()), "{:?}", error);
            }
        }
        open = Some(line);
    }
    drop(open);
    (served.end)();
    Ok(())
}

fn faults(but: &'static [Fault]) -> impl Strategy<Value = Vec<Fault>> {
    let some: Vec<Fault> = FAULTS.into_iter().filter(|fault| !but.contains(fault)).collect();
    prop::collection::vec(prop::sample::select(some), 1..10)
}

/// Nothing to cut where there is no connection, and no half of what one does not know to be half of something.
const NO_CUT: &[Fault] = &[Fault::Cut];

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn over_tcp_no_answer_is_taken_for_that_to_another_question(faults in faults(&[]), echo: bool) {
        check(&faults, echo, |fake| over_tcp(fake, false))?;
    }

    #[test]
    fn behind_a_serial_server_no_answer_is_taken_for_that_to_another_question(faults in faults(&[]), echo: bool) {
        check(&faults, echo, |fake| over_tcp(fake, true))?;
    }

    #[test]
    fn over_udp_no_answer_is_taken_for_that_to_another_question(faults in faults(NO_CUT), echo: bool, fixed: bool) {
        check(&faults, echo, |fake| over_udp(fake, fixed))?;
    }

    #[test]
    fn on_a_serial_line_no_answer_is_taken_for_that_to_another_question(faults in faults(NO_CUT), echo: bool) {
        check(&faults, echo, over_serial)?;
    }
}

/// An answer that is late is one to be thrown away, each time.
#[test]
fn each_fault_alone_is_over_with_the_next_answers() {
    for fault in FAULTS {
        for echo in [false, true] {
            check(&[fault], echo, |fake| over_tcp(fake, false)).unwrap();
            check(&[fault], echo, |fake| over_tcp(fake, true)).unwrap();
            if fault != Fault::Cut {
                check(&[fault], echo, |fake| over_udp(fake, true)).unwrap();
                check(&[fault], echo, over_serial).unwrap();
            }
        }
    }
}

#[test]
fn a_connection_that_is_refused_is_an_error_and_later_none() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap();
    let address: Address = here.to_string().parse().unwrap();
    let mut line = Line::new("the instrument".into(), address.connect(&Limits::default()).unwrap());
    drop(listener);
    let manner = manner(false, Duration::from_millis(10));
    let first = ask(&mut line, 1, ErrorKind::ReadFailed, &manner).unwrap_err();
    assert!(
        matches!(first.kind(), ErrorKind::Timeout | ErrorKind::CommunicationFailed),
        "{first}"
    );
    let second = ask(&mut line, 2, ErrorKind::ReadFailed, &manner).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::CommunicationFailed);
    let refused = address.connect(&Limits::default()).err().map(|error| error.kind());
    assert_eq!(refused, Some(Io::ConnectionRefused));
}
