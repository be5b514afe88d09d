//! An instrument that misbehaves in every way, seen from a lab: the right kind of error, no wrong value, and back by itself.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, mpsc},
    thread,
    time::Instant,
};

use baton_host::{
    executor::WaitError,
    failure::{Failure, Refusal},
    lab::{Lab, Owner},
};
use baton_plugin_api::ErrorKind;
use baton_tests::lab::{Follower, WATCHDOG, done, lab, number, skip_inline};
use tempfile::TempDir;

/// What the instrument does with the next question.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Nothing comes.
    Stalled,
    /// The first half of the answer comes, and no more.
    Half,
    /// The answer comes with the next one.
    Late,
    /// Something else comes.
    Garbage,
    WrongChecksum,
    /// The connection ends in the middle of the answer.
    Cut,
    OneByteAtATime,
    /// Two answers at once.
    Twice,
    /// An answer that nobody asked for comes with this one.
    Before,
    /// What is repeated is not what was sent.
    WrongEcho,
}

#[derive(Default)]
struct State {
    fault: Option<Fault>,
    /// How often it was asked.
    asked: usize,
    late: Vec<u8>,
}

/// An instrument that answers `P?` by how often it was asked.
struct Instrument {
    state: Arc<Mutex<State>>,
    heard: mpsc::Receiver<String>,
    /// What it says by itself.
    stream: Arc<(Mutex<Option<TcpStream>>, Condvar)>,
    folder: TempDir,
    address: String,
}

const FILE: &str = r#"
    [instrument]
    name = "Box"
    [line]
    terminator = "\n"
    reply_timeout = "150 ms"
    [parameters.count]
    type = "integer"
    read = { send = "P?", expect = "{:d}*{!sum8:02X}" }
    poll = "0 s"
"#;

impl Instrument {
    fn new(file: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state: Arc<Mutex<State>> = Arc::default();
        let stream: Arc<(Mutex<Option<TcpStream>>, Condvar)> = Arc::default();
        let (tell, heard) = mpsc::channel();
        let has_echo = file.contains("echo = true");
        let (shared, shown) = (Arc::clone(&state), Arc::clone(&stream));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                *shown.0.lock().unwrap() = Some(stream.try_clone().unwrap());
                shown.1.notify_all();
                serve(&mut stream, &shared, &tell, has_echo);
                *shown.0.lock().unwrap() = None;
                drop(stream.shutdown(std::net::Shutdown::Both));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("box.toml"), file).unwrap();
        Instrument {
            state,
            heard,
            stream,
            folder,
            address,
        }
    }

    fn lab(&self) -> Lab {
        lab(&format!(
            "[devices.box]\ndriver = \"stream\"\ntype = \"instrument\"\n\
             options = {{ file = \"{}\", address = \"{}\" }}\n",
            self.folder.path().join("box.toml").display(),
            self.address
        ))
    }

    fn will(&self, fault: Fault) {
        self.state.lock().unwrap().fault = Some(fault);
    }

    fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// Says something by itself.
    fn say(&self, text: &str) {
        let (stream, connected) = &*self.stream;
        let stream = connected
            .wait_while(stream.lock().unwrap(), |stream| stream.is_none())
            .unwrap();
        stream.as_ref().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits until it has heard this.
    fn hears(&self, text: &str) {
        while self.heard.recv_timeout(WATCHDOG).expect("it hears something") != text {}
    }
}

fn serve(stream: &mut TcpStream, state: &Mutex<State>, tell: &mpsc::Sender<String>, has_echo: bool) {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).is_ok_and(|came| came > 0) {
        if byte[0] != b'\n' {
            line.push(byte[0]);
            continue;
        }
        let question = String::from_utf8(std::mem::take(&mut line)).unwrap();
        let (says, fault) = state.lock().unwrap().answer(&question, has_echo);
        let _ = tell.send(question);
        let said = match fault {
            Fault::OneByteAtATime => says.iter().try_for_each(|byte| {
                thread::yield_now();
                stream.write_all(&[*byte])
            }),
            _ => stream.write_all(&says),
        };
        if said.is_err() || fault == Fault::Cut {
            return;
        }
    }
}

impl State {
    fn answer(&mut self, question: &str, has_echo: bool) -> (Vec<u8>, Fault) {
        if question != "P?" {
            return (Vec::new(), Fault::None);
        }
        let fault = self.fault.take().unwrap_or(Fault::None);
        self.asked += 1;
        let answer = numbered(self.asked);
        let echo = match (has_echo, fault) {
            (false, _) => Vec::new(),
            (true, Fault::WrongEcho) => b"P!\n".to_vec(),
            (true, _) => b"P?\n".to_vec(),
        };
        let half = answer.len() / 2;
        let says = match fault {
            Fault::None | Fault::OneByteAtATime | Fault::WrongEcho => [echo, answer].concat(),
            Fault::Stalled => return (Vec::new(), fault),
            Fault::Late => {
                self.late = [echo, answer].concat();
                return (Vec::new(), fault);
            }
            Fault::Half | Fault::Cut => [&echo, &answer[..half]].concat(),
            Fault::Garbage => [&echo[..], b"\x00\xff?!\n"].concat(),
            Fault::WrongChecksum => [&echo[..], b"7*00\n"].concat(),
            Fault::Twice => [echo, answer.clone(), answer].concat(),
            Fault::Before => [echo, answer, numbered(4711)].concat(),
        };
        ([std::mem::take(&mut self.late), says].concat(), fault)
    }
}

fn numbered(number: usize) -> Vec<u8> {
    let text = format!("{number}*");
    let sum = text.bytes().fold(0u8, u8::wrapping_add);
    format!("{text}{sum:02X}\n").into_bytes()
}

/// Asks until there is an answer, which has to be the one to the last question.
fn recovers(instrument: &Instrument, me: &Owner) {
    let deadline = Instant::now() + WATCHDOG;
    loop {
        assert!(Instant::now() < deadline, "it does not recover");
        match me.get("box").map(|call| call.wait(WATCHDOG)) {
            Ok(Ok(reading)) => {
                assert_eq!(reading.value.as_f64(), Some(instrument.asked() as f64));
                return;
            }
            Ok(Err(WaitError::Failed(_))) | Err(Refusal::Down { .. }) => thread::yield_now(),
            other => panic!("{other:?}"),
        }
    }
}

/// Each fault in its turn, with the error that it has to be; nothing if it is none.
fn check(file: &str, cases: &[(Fault, Option<ErrorKind>)]) {
    let instrument = Instrument::new(file);
    let lab = instrument.lab();
    let me = lab.owner("test");
    recovers(&instrument, &me);
    for (fault, kind) in cases {
        instrument.will(*fault);
        match (me.get("box").expect("it is up").wait(WATCHDOG), kind) {
            (Ok(reading), None) => assert_eq!(reading.value.as_f64(), Some(instrument.asked() as f64), "{fault:?}"),
            (Err(WaitError::Failed(Failure::Driver { error, .. })), Some(kind)) => {
                assert_eq!(error.kind(), *kind, "{fault:?}: {}", error.message());
            }
            (other, _) => panic!("{fault:?}: {other:?}"),
        }
        recovers(&instrument, &me);
        recovers(&instrument, &me);
    }
}

const FAULTS: &[(Fault, Option<ErrorKind>)] = &[
    (Fault::None, None),
    (Fault::Stalled, Some(ErrorKind::Timeout)),
    (Fault::Half, Some(ErrorKind::Timeout)),
    (Fault::Late, Some(ErrorKind::Timeout)),
    (Fault::Garbage, Some(ErrorKind::ReadFailed)),
    (Fault::WrongChecksum, Some(ErrorKind::ReadFailed)),
    (Fault::Cut, Some(ErrorKind::CommunicationFailed)),
    (Fault::OneByteAtATime, None),
    (Fault::Twice, None),
    (Fault::Before, None),
];

#[test]
fn each_fault_is_the_right_error_and_is_over_by_itself() {
    check(FILE, FAULTS);
}

#[test]
fn each_fault_is_the_right_error_where_lines_are_repeated() {
    let file = FILE.replace("[line]", "[line]\n    echo = true");
    check(&file, FAULTS);
    check(&file, &[(Fault::WrongEcho, Some(ErrorKind::ReadFailed))]);
}

#[test]
fn s1_a_stop_gets_through_to_an_instrument_that_does_not_answer() {
    if skip_inline("the call that hangs is on the thread that would stop it") {
        return;
    }
    let file =
        FILE.replace("150 ms", "60 s") + "[commands.jump]\nsend = \"J\"\nexpect = \"OK\"\n[stop]\nsend = \"H\"\n";
    let instrument = Instrument::new(&file);
    let lab = instrument.lab();
    let me = lab.owner("test");
    let call = me.call("box.jump", ()).unwrap();
    instrument.hears("J");
    done(me.stop("box"));
    instrument.hears("H");
    assert!(matches!(
        call.wait(WATCHDOG),
        Err(WaitError::Failed(Failure::Stopped { .. }))
    ));
}

#[test]
fn what_an_instrument_says_by_itself_is_a_reading_although_nobody_asks() {
    let file = FILE.to_owned()
        + "[parameters.level]\n[unsolicited.level]\nexpect = \"!L {level:f}\"\n\
           [unsolicited.alarm]\nexpect = \"!A {:s}\"\n";
    let instrument = Instrument::new(&file);
    let lab = instrument.lab();
    let mut follower = Follower::new(&lab, &["box"]);
    // In pieces, and in the middle of it a question of somebody.
    instrument.say("!L 4.5\n!A lid open\n!L 4.");
    follower.until("box.level 4.5");
    follower.until("box says alarm");
    let me = lab.owner("test");
    instrument.say("75\n");
    assert_eq!(number(me.get("box")), instrument.asked() as f64);
    follower.until("box.level 4.75");
}

/// Known once as a gap: a reply to a stop whose file says nothing of it was taken for the answer to the next question.
#[test]
fn a_reply_to_a_stop_that_the_file_does_not_expect_is_nobodys_answer() {
    let instrument = Instrument::new(&(FILE.to_owned() + "[stop]\nsend = \"P?\"\n"));
    let lab = instrument.lab();
    let me = lab.owner("test");
    for _ in 0..5 {
        done(me.stop("box"));
        assert_eq!(number(me.get("box")), instrument.asked() as f64);
    }
}
