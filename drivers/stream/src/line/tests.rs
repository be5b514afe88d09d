//! The line against an instrument that misbehaves, which is a thread of the test. What is late is late by an event, not
//! by a sleep.

use std::{cell::Cell, net::TcpListener, sync::mpsc, thread};

use baton_plugin_api::{
    ErrorKind,
    line::{Address, Limits},
};

use super::*;
use crate::fake::Served;

/// A line to an instrument that behaves as `instrument` says, and the end of the instrument.
fn line_to(instrument: impl FnOnce(TcpListener) + Send + 'static) -> (Line, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = listener.local_addr().unwrap().to_string().parse().unwrap();
    let thread = thread::spawn(move || instrument(listener));
    let manner = Manner {
        send_terminator: b"\n".to_vec(),
        reply_terminator: b"\r\n".to_vec(),
        reply_timeout: Duration::from_millis(80),
    };
    let transport = address.connect(&Limits::default()).unwrap();
    (Line::new("the instrument".into(), manner, transport), thread)
}

/// For tests in which the reply is sure to come: nobody else's load may make it late.
fn patient(line: &mut Line) {
    line.manner.reply_timeout = Duration::from_secs(20);
}

fn ask(line: &mut Line, question: &str) -> Result<String> {
    line.settle(&Uncancelled::OPENING)?;
    let reply = line.ask(question.as_bytes(), &Uncancelled::OPENING)?;
    Ok(String::from_utf8(reply).unwrap())
}

fn error(line: &mut Line, question: &str) -> (ErrorKind, String) {
    let error = ask(line, question).unwrap_err();
    (error.kind(), error.message().to_owned())
}

#[test]
fn a_reply_is_put_together_byte_by_byte() {
    let (mut line, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        assert_eq!(served.hear().as_deref(), Some("P?"));
        for byte in *b"12.5\r\n" {
            served.say([byte]);
            thread::yield_now();
        }
        assert_eq!(served.hear(), None);
    });
    patient(&mut line);
    assert_eq!(ask(&mut line, "P?").unwrap(), "12.5");
    drop(line);
    instrument.join().unwrap();
}

#[test]
fn what_came_unasked_is_no_answer() {
    let (mut line, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.say("welcome\r\nready\r\nhal");
        served.hear().unwrap();
        served.say("first\r\nand more\r\nand m");
        served.hear().unwrap();
        served.say("second\r\n");
    });
    patient(&mut line);
    // The greeting has come when there is something to discard.
    line.transport
        .receive(&mut line.received, Duration::from_secs(20))
        .unwrap();
    assert_eq!(ask(&mut line, "1").unwrap(), "first");
    assert_eq!(ask(&mut line, "2").unwrap(), "second");
    instrument.join().unwrap();
}

#[test]
fn a_late_reply_is_not_taken_for_the_next_one() {
    let (late, wait) = mpsc::channel::<()>();
    let (mut line, instrument) = line_to(move |listener| {
        let mut served = Served::accept(&listener);
        assert_eq!(served.hear().as_deref(), Some("P?"));
        served.say("12");
        wait.recv().unwrap();
        served.say(".5\r\n");
        // On the same connection: the answer that was owed has come.
        assert_eq!(served.hear().as_deref(), Some("S?"));
        served.say("idle\r\n");
    });
    let (kind, message) = error(&mut line, "P?");
    assert_eq!(kind, ErrorKind::Timeout);
    assert_eq!(
        message,
        "the reply to `P?` had not ended with `\\r\\n` after 80ms, but stopped at `12`"
    );
    patient(&mut line);
    line.debt = Some(Instant::now() + Duration::from_secs(20));
    late.send(()).unwrap();
    assert_eq!(ask(&mut line, "S?").unwrap(), "idle");
    instrument.join().unwrap();
}

#[test]
fn an_instrument_that_never_replied_is_connected_to_anew() {
    let (mut line, instrument) = line_to(|listener| {
        let mut first = Served::accept(&listener);
        assert_eq!(first.hear().as_deref(), Some("P?"));
        let mut second = Served::accept(&listener);
        // What the first connection says now is for nobody.
        first.say_into_the_void(b"99\r\n");
        assert_eq!(second.hear().as_deref(), Some("S?"));
        second.say("idle\r\n");
    });
    assert_eq!(
        error(&mut line, "P?"),
        (ErrorKind::Timeout, "no reply to `P?` within 80ms".into())
    );
    assert!(line.settle(&Uncancelled::OPENING).unwrap(), "connected anew");
    patient(&mut line);
    assert_eq!(ask(&mut line, "S?").unwrap(), "idle");
    instrument.join().unwrap();
}

#[test]
fn a_connection_that_ends_in_the_middle_of_a_reply_is_gone_for_good() {
    let (mut line, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        served.say("12.");
    });
    patient(&mut line);
    let gone = (
        ErrorKind::CommunicationFailed,
        "the instrument has closed the connection".to_owned(),
    );
    assert_eq!(error(&mut line, "P?"), gone);
    instrument.join().unwrap();
    assert_eq!(error(&mut line, "P?"), gone);
}

#[test]
fn an_instrument_that_has_gone_is_noticed_before_anything_is_sent() {
    let (mut line, instrument) = line_to(|listener| drop(Served::accept(&listener)));
    patient(&mut line);
    instrument.join().unwrap();
    assert_eq!(line.tell(b"H").unwrap_err().kind(), ErrorKind::CommunicationFailed);
}

#[test]
fn a_reply_without_end_is_cut_off() {
    let (mut line, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        // The reader leaves in the middle of it.
        served.say_into_the_void(&[b'x'; 4 * MOST_REPLY]);
    });
    patient(&mut line);
    let (kind, message) = error(&mut line, "P?");
    assert_eq!(kind, ErrorKind::CommunicationFailed);
    assert_eq!(
        message,
        "the line to the instrument failed: more than 64 KiB came without `\\r\\n`"
    );
    assert!(line.received.len() < 2 * MOST_REPLY);
    drop(line);
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
    let (mut line, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        served.hear().unwrap();
        assert_eq!(served.hear(), None);
    });
    line.manner.reply_timeout = Duration::from_secs(3600);
    let patience = Fickle(Cell::new(0));
    assert_eq!(line.ask(b"P?", &patience).unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(line.debt.is_some(), "the answer is still owed");
    drop(line);
    instrument.join().unwrap();
}

#[test]
fn a_call_that_is_overdue_sooner_waits_no_longer_than_that() {
    let short = Uncancelled::within(Some(Duration::from_millis(20)));
    let (mut line, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        while served.hear().is_some() {}
    });
    patient(&mut line);
    assert_eq!(
        line.ask(b"P?", &short).unwrap_err().message(),
        "no reply to `P?` within 20ms"
    );
    drop(line);
    instrument.join().unwrap();
}

#[test]
fn a_stop_does_not_wait_for_what_is_owed() {
    let (mut line, instrument) = line_to(|listener| {
        let mut served = Served::accept(&listener);
        assert_eq!(served.hear().as_deref(), Some("P?"));
        assert_eq!(served.hear().as_deref(), Some("H"));
        served.say("12.5\r\nstopped\r\n");
    });
    assert_eq!(error(&mut line, "P?").0, ErrorKind::Timeout);
    patient(&mut line);
    let fits = |reply: &[u8]| reply == b"stopped";
    assert_eq!(line.interrupt(b"H", fits, &Uncancelled::OPENING).unwrap(), b"stopped");
    assert!(line.debt.is_none());
    instrument.join().unwrap();
}
