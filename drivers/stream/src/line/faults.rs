//! Every kind of line against an instrument that does everything wrong, in random order. It numbers its answers as the
//! questions are numbered, so that an answer to another question than the last is found out.
//!
//! What the line promises depends on how late an answer is, and a fake on a busy machine is later than it is meant to be. So
//! it measures that: a wrong answer is excused, and everything tried again, only if the fake did not keep its time.

mod fake;

use std::{
    io::ErrorKind as Io,
    net::TcpListener,
    sync::{Arc, Mutex},
};

use baton_plugin_api::line::{Address, Limits};
use proptest::prelude::*;

use fake::{Clock, FAULTS, Fake, Fault, Served, over_serial, over_tcp, over_udp};

use super::*;
use crate::text::show;

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

const REPLY_TIMEOUT: Duration = Duration::from_millis(25);

/// How late the fake may be where it means to answer at once. Half of what the line bears: the rest is for the way.
const IN_TIME: Duration = Duration::from_millis(37);

/// How often it is tried to find the machine less busy.
const TRIES: usize = 50;

/// Notes when each question was sent.
struct Timed {
    transport: Box<dyn Transport>,
    clock: Clock,
}

impl Transport for Timed {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.clock.asked(bytes.trim_ascii_end());
        self.transport.send(bytes)
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        self.transport.receive(received, wait)
    }

    fn reconnect(&mut self) -> io::Result<()> {
        self.transport.reconnect()
    }

    fn has_connections(&self) -> bool {
        self.transport.has_connections()
    }
}

/// Opens the line anew where it was lost, as the host does.
fn line(address: &str, clock: &Clock, lost: &mut Option<Line>) -> Line {
    match lost.take() {
        Some(line) if line.broken.is_none() => line,
        _ => {
            let address: Address = address.parse().unwrap();
            let transport = address.connect(&Limits::default()).unwrap();
            let clock = clock.clone();
            Line::new("the instrument".into(), Box::new(Timed { transport, clock }))
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

/// Asks through all faults, and then until three answers are right; again, if the machine was too busy for the fake.
fn check(faults: &[Fault], echo: bool, serve: impl Fn(Fake) -> Served) -> Result<(), TestCaseError> {
    for _ in 0..TRIES {
        let fake = Fake {
            faults: Arc::new(Mutex::new(faults.iter().copied().collect())),
            echo,
            late: Vec::new(),
            clock: Clock::default(),
        };
        let (left, clock) = (Arc::clone(&fake.faults), fake.clock.clone());
        let served = serve(fake);
        let checked = check_once(&served.address, echo, &left, &clock);
        (served.end)();
        if checked.is_ok() || clock.latest() <= IN_TIME {
            return checked;
        }
    }
    panic!("the machine is too busy: the instrument was late {TRIES} times when it meant to be in time");
}

fn check_once(address: &str, echo: bool, left: &Mutex<VecDeque<Fault>>, clock: &Clock) -> Result<(), TestCaseError> {
    let manner = manner(echo, REPLY_TIMEOUT);
    let mut open = None;
    let (mut right, mut number) = (0, 0);
    while right < 3 {
        number += 1;
        prop_assert!(number < 200, "it does not recover");
        let mut line = line(address, clock, &mut open);
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
