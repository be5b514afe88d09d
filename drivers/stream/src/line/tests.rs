//! The line against an instrument that misbehaves, which is a thread of the test. What is late is late by an event, not
//! by a sleep.

use std::{cell::Cell, net::TcpListener, sync::mpsc, thread};

use baton_plugin_api::{
    ErrorKind,
    line::{Address, Limits},
};

use super::*;
use crate::fake::Served;

/// A line, and how the test speaks on it.
struct Spoken {
    line: Line,
    manner: Manner,
}

/// A line to an instrument that behaves as `instrument` says, and the end of the instrument.
fn line_to(instrument: impl FnOnce(TcpListener) + Send + 'static) -> (Spoken, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let thread = thread::spawn(move || instrument(listener));
    let manner = Manner {
        send_terminator: b"\n".to_vec(),
        reply_end: ReplyEnd::Terminator(b"\r\n".to_vec()),
        reply_timeout: Duration::from_millis(80),
        char_timeout: None,
        pause: Duration::ZERO,
        echo: false,
        retries: 0,
    };
    let transport = address.connect(&Limits::default()).unwrap();
    let line = Line::new("the instrument".into(), transport);
    (Spoken { line, manner }, thread)
}

impl Spoken {
    /// For tests in which the reply is sure to come: nobody else's load may make it late.
    fn patient(&mut self) {
        self.manner.reply_timeout = Duration::from_secs(20);
    }

    fn ask(&mut self, text: &str, patience: &dyn Patience) -> Result<String> {
        let reply = self.line.ask(&question(&self.manner, text, &|_| true), patience)?;
        Ok(String::from_utf8(reply).unwrap())
    }
}

fn question<'a>(manner: &'a Manner, text: &'a str, fits: &'a dyn Fn(&[u8]) -> bool) -> Question<'a> {
    Question {
        of: 0,
        text: text.as_bytes(),
        manner,
        turn: &Turn::NONE,
        fits,
        kind: ErrorKind::ReadFailed,
    }
}

fn ask(spoken: &mut Spoken, text: &str) -> Result<String> {
    spoken.line.settle(&Uncancelled::OPENING)?;
    spoken.ask(text, &Uncancelled::OPENING)
}

fn error(spoken: &mut Spoken, question: &str) -> (ErrorKind, String) {
    let error = ask(spoken, question).unwrap_err();
    (error.kind(), error.message().to_owned())
}

#[test]
fn a_reply_is_put_together_byte_by_byte() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        assert_eq!(served.hear().as_deref(), Some("P?"));
        for byte in *b"12.5\r\n" {
            served.say([byte]);
            thread::yield_now();
        }
        assert_eq!(served.hear(), None);
    });
    spoken.patient();
    assert_eq!(ask(&mut spoken, "P?").unwrap(), "12.5");
    drop(spoken);
    instrument.join().unwrap();
}

#[test]
fn what_came_unasked_is_no_answer() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.say("welcome\r\nready\r\nhal");
        served.hear().unwrap();
        served.say("first\r\nand more\r\nand m");
        served.hear().unwrap();
        served.say("second\r\n");
    });
    spoken.patient();
    // The greeting has come when there is something to discard.
    spoken
        .line
        .transport
        .receive(&mut spoken.line.received, Duration::from_secs(20))
        .unwrap();
    assert_eq!(ask(&mut spoken, "1").unwrap(), "first");
    assert_eq!(ask(&mut spoken, "2").unwrap(), "second");
    instrument.join().unwrap();
}

#[test]
fn a_late_reply_is_not_taken_for_the_next_one() {
    let (late, wait) = mpsc::channel::<()>();
    let (mut spoken, instrument) = line_to(move |listener| {
        let mut served = Served::accept(&listener);
        assert_eq!(served.hear().as_deref(), Some("P?"));
        served.say("12");
        wait.recv().unwrap();
        served.say(".5\r\n");
        // On the same connection: the answer that was owed has come.
        assert_eq!(served.hear().as_deref(), Some("S?"));
        served.say("idle\r\n");
    });
    let (kind, message) = error(&mut spoken, "P?");
    assert_eq!(kind, ErrorKind::Timeout);
    assert_eq!(
        message,
        "the reply to `P?` had not ended with `\\r\\n` after 80ms, but stopped at `12`"
    );
    spoken.patient();
    spoken.line.debt.as_mut().unwrap().until = Instant::now() + Duration::from_secs(20);
    late.send(()).unwrap();
    assert_eq!(ask(&mut spoken, "S?").unwrap(), "idle");
    instrument.join().unwrap();
}

#[test]
fn an_instrument_that_never_replied_is_connected_to_anew() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut first = Served::accept(&listener);
        assert_eq!(first.hear().as_deref(), Some("P?"));
        let mut second = Served::accept(&listener);
        // What the first connection says now is for nobody.
        first.say_into_the_void(b"99\r\n");
        // Once more than answers may be due: behind a serial server the first of them could be the old one.
        for reply in ["moving\r\n", "idle\r\n"] {
            assert_eq!(second.hear().as_deref(), Some("S?"));
            second.say(reply);
        }
    });
    assert_eq!(
        error(&mut spoken, "P?"),
        (ErrorKind::Timeout, "no reply to `P?` within 80ms".into())
    );
    assert_eq!(ask(&mut spoken, "S?").unwrap(), "idle");
    assert_eq!((spoken.line.connections(), spoken.line.take_lost(0)), (1, true));
    instrument.join().unwrap();
}

#[test]
fn a_connection_that_ends_in_the_middle_of_a_reply_is_gone_for_good() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        served.say("12.");
    });
    spoken.patient();
    let gone = (
        ErrorKind::CommunicationFailed,
        "the instrument has closed the connection".to_owned(),
    );
    assert_eq!(error(&mut spoken, "P?"), gone);
    instrument.join().unwrap();
    assert_eq!(error(&mut spoken, "P?"), gone);
}

#[test]
fn an_instrument_that_has_gone_is_noticed_before_anything_is_sent() {
    let (mut spoken, instrument) = line_to(|listener| drop(Served::accept(&listener)));
    spoken.patient();
    instrument.join().unwrap();
    let told = spoken
        .line
        .tell(&question(&spoken.manner, "H", &|_| true), &Uncancelled::OPENING);
    assert_eq!(told.unwrap_err().kind(), ErrorKind::CommunicationFailed);
}

#[test]
fn a_reply_without_end_is_cut_off() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        // The reader leaves in the middle of it.
        served.say_into_the_void(&[b'x'; 4 * MOST_REPLY]);
    });
    spoken.patient();
    let (kind, message) = error(&mut spoken, "P?");
    assert_eq!(kind, ErrorKind::CommunicationFailed);
    assert_eq!(
        message,
        "the line to the instrument failed: more than 64 KiB came and had not ended with `\\r\\n`"
    );
    assert!(spoken.line.received.len() < 2 * MOST_REPLY);
    drop(spoken);
    instrument.join().unwrap();
}

/// Cancelled when it is asked for the third time.
struct Fickle(Cell<u32>);

impl Patience for Fickle {
    fn cancelled(&self) -> bool {
        self.0.set(self.0.get() + 1);
        self.0.get() >= 3
    }

    fn remaining(&self) -> Option<Duration> {
        None
    }
}

#[test]
fn a_cancelled_call_ends_in_the_middle_of_the_wait() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        assert_eq!(served.hear(), None);
    });
    spoken.manner.reply_timeout = Duration::from_secs(3600);
    let patience = Fickle(Cell::new(0));
    assert_eq!(spoken.ask("P?", &patience).unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(spoken.line.debt.is_some(), "the answer is still owed");
    drop(spoken);
    instrument.join().unwrap();
}

#[test]
fn a_call_that_is_overdue_sooner_waits_no_longer_than_that() {
    let short = Uncancelled::within(Some(Duration::from_millis(20)));
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        while served.hear().is_some() {}
    });
    spoken.patient();
    assert_eq!(
        spoken.ask("P?", &short).unwrap_err().message(),
        "no reply to `P?` within 20ms"
    );
    drop(spoken);
    instrument.join().unwrap();
}

#[test]
fn a_stop_does_not_wait_for_what_is_owed() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        assert_eq!(served.hear().as_deref(), Some("P?"));
        assert_eq!(served.hear().as_deref(), Some("H"));
        served.say("12.5\r\nstopped\r\n");
    });
    assert_eq!(error(&mut spoken, "P?").0, ErrorKind::Timeout);
    spoken.patient();
    let fits = |reply: &[u8]| reply == b"stopped";
    let stop = question(&spoken.manner, "H", &fits);
    let reply = spoken.line.interrupt(&stop, true, &Uncancelled::OPENING).unwrap();
    assert_eq!(reply.as_deref(), Some(&b"stopped"[..]));
    assert!(spoken.line.debt.is_none());
    instrument.join().unwrap();
}

#[test]
fn a_reply_that_stops_is_given_up_before_it_is_overdue() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        served.say("12.");
        assert_eq!(served.hear(), None);
    });
    spoken.patient();
    spoken.manner.char_timeout = Some(Duration::from_millis(30));
    assert_eq!(
        error(&mut spoken, "P?"),
        (
            ErrorKind::Timeout,
            "the reply to `P?` had not ended with `\\r\\n`, but stopped at `12.` for 30ms".into()
        )
    );
    drop(spoken);
    instrument.join().unwrap();
}

#[test]
fn a_reply_may_end_after_so_many_bytes_or_with_a_silence() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        for reply in ["1234", "12345", "\r\n"] {
            served.hear().unwrap();
            served.say(reply);
        }
        assert_eq!(served.hear(), None);
    });
    spoken.patient();
    spoken.manner.reply_end = ReplyEnd::Length(4);
    assert_eq!(ask(&mut spoken, "P?").unwrap(), "1234");
    spoken.manner.reply_end = ReplyEnd::Silence(Duration::from_millis(50));
    assert_eq!(ask(&mut spoken, "P?").unwrap(), "12345");
    assert_eq!(ask(&mut spoken, "P?").unwrap(), "\r\n");
    drop(spoken);
    instrument.join().unwrap();
}

#[test]
fn an_echo_that_does_not_come_or_is_another_is_an_error() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        served.say("P?\n12.5\r\n");
        served.hear().unwrap();
        served.say("Q?\r\n12.5\r\n");
        served.hear().unwrap();
        served.say("P?");
        assert_eq!(served.hear(), None);
    });
    spoken.manner.echo = true;
    spoken.patient();
    assert_eq!(ask(&mut spoken, "P?").unwrap(), "12.5");
    let (kind, message) = error(&mut spoken, "P?");
    assert_eq!(kind, ErrorKind::ReadFailed);
    assert!(message.starts_with("sent `P?`, but the echo is `Q?"), "{message}");
    spoken.line.debt = None;
    spoken.manner.reply_timeout = Duration::from_millis(100);
    let told = error(&mut spoken, "P?");
    assert_eq!(
        told,
        (
            ErrorKind::Timeout,
            "the echo of `P?` stopped at `P?` after 100ms".into()
        )
    );
    drop(spoken);
    instrument.join().unwrap();
}

#[test]
fn an_instrument_has_its_pause_between_two_exchanges() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        for _ in 0..3 {
            served.hear().unwrap();
            served.say("1\r\n");
        }
    });
    spoken.patient();
    spoken.manner.pause = Duration::from_millis(40);
    let begin = Instant::now();
    for _ in 0..3 {
        ask(&mut spoken, "P?").unwrap();
    }
    // At least: how long it takes at most is the machine's business.
    assert!(begin.elapsed() >= Duration::from_millis(80));
    instrument.join().unwrap();
}

#[test]
fn what_an_instrument_says_by_itself_is_kept_and_is_no_answer() {
    let (mut spoken, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.say("!1\r\n!2");
        served.hear().unwrap();
        served.say("\r\n!3\r\nanswer\r\n!4\r\n");
        served.hear().unwrap();
        served.say("answer\r\n");
    });
    spoken.patient();
    spoken.line.keep(7, Box::new(|line| line.starts_with(b"!")));
    // The first of it has come before the question, and the rest of the second comes after it.
    spoken
        .line
        .transport
        .receive(&mut spoken.line.received, Duration::from_secs(20))
        .unwrap();
    assert_eq!(ask(&mut spoken, "P?").unwrap(), "answer");
    assert_eq!(ask(&mut spoken, "P?").unwrap(), "answer");
    let heard: Vec<_> = std::iter::from_fn(|| spoken.line.take_heard(7)).collect();
    assert_eq!(heard, [&b"!1"[..], b"!2", b"!3", b"!4"]);
    instrument.join().unwrap();
}
