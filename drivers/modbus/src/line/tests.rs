//! The line against an instrument that misbehaves, over TCP, over RTU on a pseudo-terminal, and over RTU through TCP. What
//! is late is late by an event, not by a sleep.

use std::{cell::Cell, fs::File, time::Duration};

use baton_plugin_api::line::{Address, Limits, Uncancelled};

use super::*;
use crate::{
    fake::{Bank, Fake, Fault},
    field::Items,
    place::Place,
};

/// For tests in which the answer is sure to come: nobody else's load may make it late.
const PATIENT: Duration = Duration::from_secs(20);
/// For tests in which it does not come.
const SHORT: Duration = Duration::from_millis(120);

fn bank() -> Bank {
    let mut bank = Bank::new();
    bank.holding = (0..20).map(|address| (address, 100 + address)).collect();
    bank.input = (0..4).map(|address| (address, 7)).collect();
    bank.coils = (0..20).map(|address| (address, address % 3 == 0)).collect();
    bank
}

fn connected(fake: &Fake, framing: Framing) -> Line {
    let address: Address = fake.address.parse().unwrap();
    let transport = address.connect(&Limits::default()).unwrap();
    Line::new("the instrument".to_owned(), transport, framing, false)
}

fn tcp() -> (Line, Fake) {
    let fake = Fake::tcp(bank(), false);
    (connected(&fake, Framing::Tcp), fake)
}

const RTU: Framing = Framing::Rtu {
    silence: Duration::ZERO,
};

fn rtu_over_tcp() -> (Line, Fake) {
    let fake = Fake::tcp(bank(), true);
    (connected(&fake, RTU), fake)
}

fn rtu_on_a_pty() -> (Line, Fake) {
    let (line, address) = pty();
    let fake = Fake::on(line, address, bank());
    (connected(&fake, RTU), fake)
}

/// A pseudo-terminal: the instrument's end of it, and the address of the other.
fn pty() -> (File, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    (File::from(master), format!("pty://{name}"))
}

fn read(place: &str, count: u16) -> Request {
    let place = Place::parse(place).unwrap();
    Request::Read { place, count }
}

fn write(place: &str, word: u16) -> Request {
    let place = Place::parse(place).unwrap();
    let item = Items::Words(vec![word]);
    Request::WriteOne { place, item }
}

fn ask_as(line: &mut Line, unit: u8, request: &Request, reply_timeout: Duration) -> Result<Answer> {
    let call = Call {
        unit,
        reply_timeout,
        pause: Duration::ZERO,
        patience: &Uncancelled::OPENING,
        trace: &|_, _| {},
    };
    line.settle(request, &call)?;
    line.exchange(request, &call)
}

fn ask(line: &mut Line, request: &Request) -> Result<Answer> {
    ask_as(line, 1, request, PATIENT)
}

fn words(answer: Result<Answer>) -> Vec<u16> {
    match answer.unwrap() {
        Answer::Items(items) => items.words().to_vec(),
        other => panic!("{other:?}"),
    }
}

fn told(answer: Result<Answer>) -> String {
    let error = answer.unwrap_err();
    format!("{}: {}", error.kind(), error.message())
}

/// A request that is asked in vain, with what is told. The instrument has got it by then, and done all it should do wrong.
fn in_vain(line: &mut Line, fake: &Fake, request: &Request) -> String {
    let told = told(ask_as(line, 1, request, SHORT));
    while !fake.bank().faults.is_empty() {
        std::thread::yield_now();
    }
    told
}

#[test]
fn every_function_works_on_every_line() {
    for (mut line, fake) in [tcp(), rtu_over_tcp(), rtu_on_a_pty()] {
        assert_eq!(words(ask(&mut line, &read("holding 3", 2))), [103, 104]);
        assert_eq!(words(ask(&mut line, &read("input 0", 1))), [7]);
        let bits = ask(&mut line, &read("coil 0", 10)).unwrap();
        let expected: Vec<bool> = (0..10).map(|n| n % 3 == 0).collect();
        assert_eq!(bits, Answer::Items(Items::Bits(expected)));
        assert_eq!(ask(&mut line, &write("holding 3", 5)).unwrap(), Answer::Written);
        let place = Place::parse("holding 4").unwrap();
        let items = Items::Words(vec![8, 9]);
        assert_eq!(
            ask(&mut line, &Request::WriteMany { place, items }).unwrap(),
            Answer::Written
        );
        let (and, or) = (0xFF00, 0x0003);
        assert_eq!(
            ask(&mut line, &Request::Mask { place, and, or }).unwrap(),
            Answer::Written
        );
        let coil = Place::parse("coil 1").unwrap();
        let items = Items::Bits(vec![true; 9]);
        assert_eq!(
            ask(&mut line, &Request::WriteMany { place: coil, items }).unwrap(),
            Answer::Written
        );
        assert_eq!(words(ask(&mut line, &read("holding 3", 3))), [5, 3, 9]);
        assert!(fake.bank().coils[&9]);
        let missing = ask(&mut line, &read("holding 19", 2)).unwrap();
        assert_eq!(missing, Answer::Exception(crate::exception::Exception::new(2)));
    }
}

#[test]
fn an_answer_is_put_together_byte_by_byte() {
    for (mut line, fake) in [tcp(), rtu_over_tcp(), rtu_on_a_pty()] {
        fake.fault([Fault::Slow]);
        assert_eq!(words(ask(&mut line, &read("holding 3", 2))), [103, 104]);
    }
}

#[test]
fn an_answer_that_stops_in_the_middle_is_a_timeout_and_the_next_is_right() {
    for (mut line, fake) in [tcp(), rtu_over_tcp(), rtu_on_a_pty()] {
        fake.fault([Fault::Half(4)]);
        let request = read("holding 3", 2);
        let error = in_vain(&mut line, &fake, &request);
        assert!(
            error.starts_with("TimeoutError: reading holding registers 3 to 4"),
            "{error}"
        );
        assert!(
            error.contains("the answer had not ended after 120ms, but stopped at `"),
            "{error}"
        );
        if line.framing == Framing::Tcp {
            // Nobody knows where the next frame begins; the host opens the device again.
            assert!(told(ask(&mut line, &request)).starts_with("CommunicationFailed: "));
        } else {
            line.owed.iter_mut().for_each(|owed| owed.expire());
            // Where the first answer is doubtful, a second one is waited for all the time.
            assert_eq!(words(ask_as(&mut line, 1, &request, PATIENT / 10)), [103, 104]);
        }
    }
}

#[test]
fn a_connection_that_ends_in_the_middle_of_an_answer_is_gone_for_good() {
    for (mut line, fake) in [tcp(), rtu_over_tcp()] {
        fake.fault([Fault::Cut(4)]);
        let gone = "CommunicationFailed: the instrument has closed the connection";
        assert_eq!(told(ask(&mut line, &read("holding 3", 2))), gone);
        assert_eq!(told(ask(&mut line, &read("holding 3", 2))), gone);
    }
}

#[test]
fn over_tcp_a_late_answer_is_told_by_its_number() {
    let (mut line, fake) = tcp();
    fake.fault([Fault::Held]);
    assert_eq!(
        in_vain(&mut line, &fake, &read("holding 3", 1)),
        "TimeoutError: reading holding register 3 (40004 in manuals): unit 1 has not answered within 120ms"
    );
    fake.release();
    assert_eq!(words(ask(&mut line, &read("holding 4", 1))), [104]);
    fake.fault([Fault::WrongTransaction]);
    assert!(in_vain(&mut line, &fake, &read("holding 5", 1)).starts_with("TimeoutError: "));
    assert_eq!(words(ask(&mut line, &read("holding 6", 1))), [106]);
}

#[test]
fn over_tcp_the_answer_of_another_unit_is_none() {
    let (mut line, fake) = tcp();
    fake.fault([Fault::WrongUnit]);
    assert_eq!(
        told(ask(&mut line, &read("holding 5", 1))),
        "ReadFailed: reading holding register 5 (40006 in manuals): unit 2 answers instead of unit 1"
    );
    assert_eq!(words(ask(&mut line, &read("holding 6", 1))), [106]);
}

#[test]
fn over_tcp_what_is_no_modbus_ends_the_connection() {
    let (mut line, fake) = tcp();
    fake.fault([Fault::Noise(b'x', 9)]);
    let error = told(ask(&mut line, &read("holding 5", 1)));
    assert!(
        error.starts_with("CommunicationFailed: the line to the instrument failed: what came is no Modbus over TCP"),
        "{error}"
    );
}

#[test]
fn a_connection_without_a_sound_is_made_anew() {
    let (mut line, fake) = tcp();
    let request = read("holding 3", 1);
    for _ in 0..2 {
        fake.fault([Fault::Silent]);
        in_vain(&mut line, &fake, &request);
    }
    assert_eq!(line.connection(), 0);
    assert_eq!(words(ask(&mut line, &request)), [103]);
    assert_eq!(line.connection(), 1);
}

#[test]
fn a_wrong_checksum_is_no_answer_and_nothing_is_owed() {
    for (mut line, fake) in [rtu_over_tcp(), rtu_on_a_pty()] {
        fake.fault([Fault::WrongCrc, Fault::WrongCrc]);
        let error = told(ask(&mut line, &read("holding 3", 2)));
        assert!(
            error.starts_with("ReadFailed: reading holding registers 3 to 4 (40004 to 40005 in manuals): the answer is garbled: `01 03"),
            "{error}"
        );
        assert!(told(ask(&mut line, &write("holding 3", 9))).starts_with("HardwareError: writing holding register 3"));
        assert!(line.owed.is_empty());
        assert_eq!(words(ask(&mut line, &read("holding 3", 2))), [9, 104]);
    }
}

#[test]
fn noise_before_an_answer_is_passed_over() {
    for (mut line, fake) in [rtu_over_tcp(), rtu_on_a_pty()] {
        // The unit's own number is the worst noise.
        fake.fault([Fault::Noise(0, 1), Fault::Noise(1, 3), Fault::Noise(0xFF, 2)]);
        for _ in 0..3 {
            assert_eq!(words(ask(&mut line, &read("holding 3", 2))), [103, 104]);
        }
    }
}

#[test]
fn an_answer_of_another_length_is_none() {
    for (mut line, fake) in [tcp(), rtu_over_tcp()] {
        fake.fault([Fault::Short]);
        let error = told(ask(&mut line, &read("holding 3", 2)));
        assert!(error.ends_with("the answer has 4 bytes instead of 6"), "{error}");
    }
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_one() {
    for (mut line, fake) in [rtu_over_tcp(), rtu_on_a_pty()] {
        fake.fault([Fault::Held]);
        in_vain(&mut line, &fake, &read("holding 3", 1));
        line.owed[0].extend(PATIENT);
        fake.release();
        assert_eq!(words(ask(&mut line, &read("holding 4", 1))), [104]);
        assert!(line.owed.is_empty());
        assert_eq!(line.connection(), 0);
    }
}

#[test]
fn a_late_answer_of_another_kind_needs_no_wait() {
    let (mut line, fake) = rtu_on_a_pty();
    fake.fault([Fault::Held]);
    in_vain(&mut line, &fake, &read("holding 3", 1));
    line.owed[0].extend(PATIENT * 100);
    // Of another length, of another function.
    assert_eq!(words(ask(&mut line, &read("holding 4", 2))), [104, 105]);
    assert_eq!(ask(&mut line, &write("holding 4", 9)).unwrap(), Answer::Written);
    fake.release();
    assert_eq!(words(ask(&mut line, &read("holding 4", 1))), [9]);
}

#[test]
fn an_answer_that_never_came_has_the_line_connected_anew() {
    let (mut line, fake) = rtu_over_tcp();
    fake.fault([Fault::Held]);
    in_vain(&mut line, &fake, &read("holding 3", 1));
    line.owed[0].expire();
    assert_eq!(words(ask(&mut line, &read("holding 4", 1))), [104]);
    assert_eq!(line.connection(), 1);
}

#[test]
fn without_connections_the_second_answer_is_the_right_one() {
    let (mut line, fake) = rtu_on_a_pty();
    fake.fault([Fault::Held]);
    in_vain(&mut line, &fake, &read("holding 3", 1));
    line.owed[0].expire();
    // What the first request is answered with comes when the second has been made.
    fake.bank().faults.push_back(Fault::Late);
    assert_eq!(words(ask(&mut line, &read("holding 4", 1))), [104]);
    assert_eq!(words(ask(&mut line, &read("holding 5", 1))), [105]);
}

#[test]
fn neighbours_do_not_wait_for_what_another_unit_owes() {
    let (mut line, fake) = rtu_over_tcp();
    fake.bank().units.push(2);
    fake.fault([Fault::Held]);
    in_vain(&mut line, &fake, &read("holding 3", 1));
    line.owed[0].extend(PATIENT * 100);
    assert_eq!(words(ask_as(&mut line, 2, &read("holding 4", 1), PATIENT)), [104]);
    // A late one of the other unit is told by its number, and is owed no more.
    fake.release();
    fake.fault([Fault::Slow]);
    assert_eq!(words(ask_as(&mut line, 2, &read("holding 5", 1), PATIENT)), [105]);
    assert_eq!(words(ask_as(&mut line, 1, &read("holding 6", 1), PATIENT)), [106]);
    assert_eq!(line.connection(), 0);
}

#[test]
fn an_echo_is_noticed_when_something_is_read() {
    for (mut line, fake) in [rtu_over_tcp(), rtu_on_a_pty()] {
        fake.fault([Fault::Echo, Fault::Echo, Fault::Echo]);
        assert_eq!(words(ask(&mut line, &read("holding 3", 1))), [103]);
        assert!(line.echoes);
        assert_eq!(ask(&mut line, &write("holding 3", 9)).unwrap(), Answer::Written);
        assert_eq!(words(ask(&mut line, &read("holding 3", 1))), [9]);
    }
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
    let (mut line, fake) = rtu_over_tcp();
    fake.fault([Fault::Silent]);
    let call = Call {
        unit: 1,
        reply_timeout: Duration::from_secs(3600),
        pause: Duration::ZERO,
        patience: &Fickle(Cell::new(0)),
        trace: &|_, _| {},
    };
    let error = line.exchange(&read("holding 3", 1), &call).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(line.owed.len(), 1, "the answer is still owed");
}

#[test]
fn a_serial_line_is_silent_for_three_and_a_half_characters() {
    let silence = |address: &str| Framing::rtu(&address.parse().unwrap());
    let of = |silence| Framing::Rtu { silence };
    assert_eq!(
        silence("serial:///dev/ttyUSB0?baud=1100"),
        of(Duration::from_millis(35))
    );
    assert_eq!(
        silence("serial:///dev/ttyUSB0?baud=115200"),
        of(Duration::from_micros(1750))
    );
    assert_eq!(silence("tcp://127.0.0.1:1"), of(Duration::ZERO));
}
