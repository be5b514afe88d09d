//! Reading dialogues, the values in them, and the instrument that plays them.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use baton_plugin_api::{Datatype, Direction, Error, Value, source::Source};
use expect_test::{Expect, expect};

use super::{
    Action, Dialogue, Recorder, Said,
    counterpart::{Counterpart, Difference},
    parse_value, show_value,
};
use crate::{config::render, units::Unit};

fn parse(text: &str) -> Result<Dialogue, String> {
    Dialogue::parse(Source::new("a.dialogue", text)).map_err(|found| render::text(&found, false))
}

#[track_caller]
fn check_wrong(text: &str, expected: Expect) {
    expected.assert_eq(&parse(text).expect_err("there is a mistake"));
}

#[test]
fn a_dialogue_has_actions_and_what_is_said() {
    let dialogue = parse(
        "# A comment.\nwith station = 3\n\nopen\nread a\n  -> A?\\r\n<-  1\\x20\n= 1\nwrite b \"x y\"\n->x 01 0a0B\nwait 0.2 s\n! TimeoutError: no reply\n\
         hang up\nlisten\n* a = 2 V\nclose\n",
    );
    let dialogue = dialogue.expect("it is sound");
    assert_eq!(dialogue.with[0].0, "station");
    let steps: Vec<_> = dialogue
        .scenes
        .iter()
        .flat_map(|scene| scene.steps.iter().map(|step| &step.what))
        .collect();
    assert_eq!(dialogue.scenes[2].action, Action::Write("b".into(), "\"x y\"".into()));
    assert_eq!(*steps[0], Said::Sent(b"A?\r".to_vec()));
    // One blank sets the text off; the second belongs to it.
    assert_eq!(*steps[1], Said::Received(b" 1 ".to_vec()));
    assert_eq!(*steps[3], Said::Sent(vec![1, 10, 11]));
    assert_eq!(*steps[7], Said::Unasked("a".into(), "2 V".into()));
}

#[test]
fn every_mistake_has_its_place() {
    check_wrong(
        "-> A\nraed a\nread\nread a b\nopen now\n= 0\nread a\n-> a\\q\n<-x 0\n! Timeuot\nwait a while\n= 1\n= 2\nwith station\n",
        expect![[r#"
            error: nobody has asked for anything yet
             --> a.dialogue:1:4
              |
            1 | -> A
              |    ^
              |
              = help: begin with what is asked of the device, such as `read temperature`, or `open`

            error: a line does not begin with `raed`
             --> a.dialogue:2:1
              |
            2 | raed a
              | ^^^^
              |
              = help: did you mean `read`?

            error: `read` what?
             --> a.dialogue:3:1
              |
            3 | read
              | ^^^^
              |
              = help: write a parameter: `read temperature`

            error: there is one parameter to a `read`
             --> a.dialogue:4:8
              |
            4 | read a b
              |        ^

            error: `open` stands alone
             --> a.dialogue:5:6
              |
            5 | open now
              |      ^^^

            error: `\q` is no escape
             --> a.dialogue:8:5
              |
            8 | -> a\q
              |     ^^
              |
              = help: there are `\r`, `\n`, `\t`, `\0`, `\xHH`, and `\\` for the backslash itself

            error: `0` is no byte in hexadecimal digits
             --> a.dialogue:9:5
              |
            9 | <-x 0
              |     ^
              |
              = help: write two digits for each: `->x 01 03 00 0a`

            error: there is no kind of error `Timeuot`
              --> a.dialogue:10:3
               |
            10 | ! Timeuot
               |   ^^^^^^^
               |
               = help: kinds: `HardwareError`, `ReadFailed`, `TimeoutError`, `CommunicationFailed`, `RangeError`, `OutOfRange`, `IsBusy`, `IsError`, `Disabled`, `Impossible`, `WrongType`, `ReadOnly`, `InternalError`

            error: `a while` is no time
              --> a.dialogue:11:6
               |
            11 | wait a while
               |      ^^^^^^^
               |
               = help: write `wait 300 ms`

            error: an action has one outcome
              --> a.dialogue:13:3
               |
            13 | = 2
               |   ^
               |
              ::: a.dialogue:12:3
               |
            12 | = 1
               |   - the first one

            error: an option comes too late
              --> a.dialogue:14:6
               |
            14 | with station
               |      ^^^^^^^
               |
              ::: a.dialogue:2:1
               |
             2 | raed a
               | ------ the device is opened before this

            11 errors
        "#]],
    );
}

#[test]
fn an_empty_dialogue_proves_nothing() {
    check_wrong(
        "# Nothing.\n",
        expect![[r#"
        error: the dialogue is empty
         --> a.dialogue:1:1
          |
        1 | # Nothing.
          | ^
          |
          = help: write what is asked, sent and answered: `read temperature`, `-> …`, `<- …`, `= …`

        1 error
    "#]],
    );
}

#[test]
fn what_is_recorded_can_be_read() {
    let mut recorder = Recorder::new("A bath\nin a file", &[("station".into(), "3".into())]);
    recorder.action(&Action::Read("t".into()));
    recorder.said(Direction::Sent, b"T?\r");
    recorder.said(Direction::Received, b" 23.4 \xb0C\r\n");
    recorder.value(&Value::Float(23.4), "degC");
    recorder.action(&Action::Call("go".into(), None));
    recorder.said(Direction::Sent, &[1, 3, 0, 0, 0, 10]);
    recorder.failed(&Error::timeout("no reply"));
    expect![[r#"
        # A bath
        # in a file
        with station = 3

        read t
        -> T?\r
        <- \x2023.4 \xb0C\r\n
        = 23.4 degC

        call go
        ->x 01 03 00 00 00 0a
        ! TimeoutError
    "#]]
    .assert_eq(recorder.text());
    let dialogue = parse(recorder.text()).expect("what was recorded is sound");
    assert_eq!(
        dialogue.scenes[0].steps[1].what,
        Said::Received(b" 23.4 \xb0C\r\n".to_vec())
    );
}

#[test]
fn values_are_read_as_they_are_shown() {
    let unit = Unit::parse("mm");
    let text = Datatype::Text { max_chars: None };
    for (value, datatype) in [
        (Value::Float(0.1 + 0.2), Datatype::Float),
        (
            Value::Int(-3),
            Datatype::Int {
                min: i64::MIN,
                max: i64::MAX,
            },
        ),
        (Value::Text(" a\r".into()), text.clone()),
        (Value::Text("\"".into()), text.clone()),
        (Value::Text(String::new()), text.clone()),
        (Value::Text("plain words".into()), text),
        (Value::Bool(true), Datatype::Bool),
    ] {
        let unit_text = if matches!(value, Value::Float(_) | Value::Int(_)) {
            "mm"
        } else {
            ""
        };
        assert_eq!(parse_value(&show_value(&value, unit_text), &datatype, &unit), Ok(value));
    }
    assert_eq!(parse_value("2 um", &Datatype::Float, &unit), Ok(Value::Float(0.002)));
    assert!(parse_value("2 s", &Datatype::Float, &unit).is_err());
}

/// Plays steps to somebody who does this with the connection.
fn play(steps: &[Said], speak: impl FnOnce(&mut TcpStream)) -> Result<(), Difference> {
    let counterpart = Counterpart::start().expect("a port is free");
    counterpart.play(steps.iter().cloned().enumerate().collect());
    let address = counterpart.address();
    let mut stream = TcpStream::connect(address.trim_start_matches("tcp://")).expect("it listens");
    speak(&mut stream);
    counterpart.verdict()
}

#[test]
fn the_instrument_answers_as_it_is_written() {
    let steps = [
        Said::Sent(b"A?\n".to_vec()),
        Said::Received(b"1\n".to_vec()),
        Said::Sent(b"B\n".to_vec()),
    ];
    let right = play(&steps, |stream| {
        // In pieces, and with what comes later right behind it.
        stream.write_all(b"A").unwrap();
        stream.write_all(b"?\nB\n").unwrap();
        let mut reply = [0; 2];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"1\n");
    });
    assert_eq!(right, Ok(()));
    let other = play(&steps, |stream| stream.write_all(b"C?\n").unwrap());
    assert_eq!(
        other,
        Err(Difference {
            step: Some(0),
            got: b"C?\n".to_vec()
        })
    );
    let half = play(&steps, |stream| stream.write_all(b"A").unwrap());
    assert_eq!(
        half,
        Err(Difference {
            step: Some(0),
            got: b"A".to_vec()
        })
    );
    let more = play(&steps[..1], |stream| stream.write_all(b"A?\nB\n").unwrap());
    assert_eq!(
        more,
        Err(Difference {
            step: None,
            got: b"B\n".to_vec()
        })
    );
}

#[test]
fn an_instrument_that_hangs_up_can_be_called_again() {
    let steps = [Said::Sent(b"A".to_vec()), Said::HangUp, Said::Sent(b"B".to_vec())];
    let counterpart = Counterpart::start().expect("a port is free");
    counterpart.play(steps.iter().cloned().enumerate().collect());
    let address = counterpart.address();
    let connect = || TcpStream::connect(address.trim_start_matches("tcp://")).expect("it listens");
    let mut first = connect();
    first.write_all(b"A").unwrap();
    assert_eq!(first.read(&mut [0; 1]).unwrap(), 0, "it has hung up");
    connect().write_all(b"B").unwrap();
    assert_eq!(counterpart.verdict(), Ok(()));
}
