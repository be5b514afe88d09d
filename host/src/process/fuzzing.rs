//! What holds of whatever a child sends, whose driver may have written all over its memory.

use std::{fmt::Debug, io::Write, net::Shutdown, os::unix::net::UnixStream};

use baton_plugin_api::Error;
use rustix::net::RecvFlags;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    frame::{Read, Reader, decode_as, encode},
    message::{Aside, Interrupt, Order, Outcome, Report, Said, WireError, WireValue},
};

/// So much goes through a socket without anybody who reads.
const SOCKET_BYTES: usize = 16 << 10;

/// Takes bytes as all that comes on a channel, of each kind.
///
/// A frame is one as soon as all of it is there, and no sooner; it is the same after it was written and read again; and it
/// comes out of a socket the same, however it is cut. A value that can be passed on is the value that was sent.
pub fn frames(bytes: &[u8]) {
    channel(bytes, report_holds);
    channel(bytes, aside_holds);
    channel(bytes, |_: Order, _| {});
    channel(bytes, |_: Interrupt, _| {});
}

fn channel<M: Serialize + DeserializeOwned + Debug>(bytes: &[u8], holds: impl Fn(M, Vec<u8>)) {
    let (mut rest, mut frames) = (bytes, Vec::new());
    let is_sound = loop {
        match decode_as::<M>(rest) {
            Ok(Some((message, bulk, length))) => {
                for cut in [0, 7, 8.min(length - 1), length / 2, length - 1] {
                    assert!(
                        matches!(decode_as::<M>(&rest[..cut]), Ok(None)),
                        "{message:?} after {cut} of {length} bytes"
                    );
                }
                frames.push(written(&message, &bulk));
                holds(message, bulk);
                rest = &rest[length..];
            }
            Ok(None) => break true,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                break false;
            }
        }
    };
    if bytes.len() <= SOCKET_BYTES {
        assert_eq!(received::<M>(bytes, 1 + bytes.len() % 100), (frames, is_sound));
    }
}

/// A message as it is written, which is the same when it is read and written again.
fn written<M: Serialize + DeserializeOwned + Debug>(message: &M, bulk: &[u8]) -> Vec<u8> {
    let frame = encode(message, bulk);
    let (again, carried, length) = decode_as::<M>(&frame)
        .expect("it was a message")
        .expect("all of it is there");
    assert_eq!((carried.as_slice(), length), (bulk, frame.len()));
    assert_eq!(encode(&again, &carried), frame, "{message:?} became {again:?}");
    frame
}

/// What comes out of a socket, and whether it was sound to the end.
fn received<M: Serialize + DeserializeOwned>(bytes: &[u8], at_a_time: usize) -> (Vec<Vec<u8>>, bool) {
    let (mut child, host) = UnixStream::pair().expect("a pair of sockets");
    let (mut reader, mut frames) = (Reader::<M>::new(), Vec::new());
    let mut take = |flags| loop {
        match reader.read(&host, flags) {
            Ok(Read::Message(message, bulk)) => frames.push(encode(&message, &bulk)),
            Ok(Read::Nothing) => return None,
            Ok(Read::End) => return Some(true),
            Err(_) => return Some(false),
        }
    };
    for piece in bytes.chunks(at_a_time.max(bytes.len() / 16)) {
        child.write_all(piece).expect("there is room for it");
        if let Some(is_sound) = take(RecvFlags::DONTWAIT) {
            return (frames, is_sound);
        }
    }
    child.shutdown(Shutdown::Write).expect("it was open");
    let is_sound = take(RecvFlags::empty()).expect("it waits until the end");
    (frames, is_sound)
}

fn report_holds(report: Report, bulk: Vec<u8>) {
    match report.what {
        Said::Done(Ok(Outcome::Value(value))) | Said::Set(_, value) | Said::Call(_, value) => value_holds(&value, bulk),
        Said::Done(Err(error)) => error_holds(error),
        Said::Done(Ok(_)) | Said::Get(_) | Said::Sleep(_) | Said::Ask | Said::Progress(_) => {}
    }
}

fn aside_holds(aside: Aside, bulk: Vec<u8>) {
    match aside {
        Aside::Send(_, _, value) | Aside::Publish(_, _, value, _) => value_holds(&value, bulk),
        Aside::Stopped(_, Err(error)) => error_holds(error),
        Aside::Stopped(_, Ok(())) | Aside::Log(..) | Aside::Traffic(..) | Aside::Forget(_) => {}
    }
}

/// What the driver interface takes of a value is all of it.
fn value_holds(value: &WireValue, bulk: Vec<u8>) {
    let Ok(raw) = value.clone().raw(bulk.clone()) else {
        return;
    };
    let Ok((again, carried)) = WireValue::of(&raw) else {
        panic!("{value:?} cannot be read again");
    };
    assert_eq!(encode(&again, &[]), encode(value, &[]), "{value:?} became {again:?}");
    assert!(
        !matches!(value, WireValue::Array(..)) || carried == bulk,
        "{value:?} lost its elements"
    );
}

fn error_holds(error: WireError) {
    let shown = Error::from(error.clone());
    assert_eq!(
        Error::from(WireError::from(shown.clone())).message(),
        shown.message(),
        "{error:?}"
    );
}

/// Messages as they are said, by name.
#[cfg(test)]
pub(crate) fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    use super::message::{Entry, Load, Moment, Opening, What};
    let report = |what| Report { asides: 3, what };
    let done = |value| report(Said::Done(Ok(Outcome::Value(value))));
    let failed = || WireError::from(Error::hardware("smoke").with_detail(serde_json::json!({ "code": 7 })));
    let at = Moment {
        now: 1_700_000_000_000_000_000,
        ends: u64::MAX,
        cancelled: false,
    };
    let order = |what| encode(&Order { at, what }, &[]);
    let opening = || Opening {
        handle: 1,
        name: "stage".into(),
        kind: "motor".into(),
        options: "{}".into(),
    };
    let load = Load {
        copy: "/tmp/driver.so".into(),
        first: vec!["libvendor.so".into()],
        file: "driver.so".into(),
        plugin_api: "0.1.0".into(),
        clock: Some(12),
        traffic: true,
    };
    let enter = |entry| What::Enter { device: 1, entry };
    let values = [
        WireValue::Unit,
        WireValue::Bool(true),
        WireValue::Int(-7),
        WireValue::Float(1.5),
        WireValue::Text("µm".into()),
        WireValue::Json("[1,2]".into()),
    ];
    let arrays = [
        encode(&done(WireValue::Array(1, vec![6])), b"\0\x01\x02\x03\x04\x05"),
        encode(&done(WireValue::Array(9, vec![2, 1])), &[0; 16]),
        encode(
            &report(Said::Set("a.b".into(), WireValue::Array(10, vec![2]))),
            &[0; 16],
        ),
    ];
    let questions = [
        Said::Get("stage.position".into()),
        Said::Set("stage.position".into(), WireValue::Float(2.0)),
        Said::Call("stage.home".into(), WireValue::Unit),
        Said::Sleep(1_000_000),
        Said::Ask,
        Said::Progress(0.5),
        Said::Done(Err(failed())),
        Said::Done(Ok(Outcome::Opened { stopper: true })),
        Said::Done(Ok(Outcome::Nanoseconds(5))),
    ];
    let asides = [
        encode(&Aside::Send(1, "limit".into(), WireValue::Text("upper".into())), &[]),
        encode(&Aside::Publish(1, "position".into(), WireValue::Float(2.0), 99), &[]),
        encode(&Aside::Log(1, 2, "warm".into()), &[]),
        encode(&Aside::Traffic(1, 0), b"IN_PV_00\r"),
        encode(&Aside::Stopped(4, Err(failed())), &[]),
        encode(&Aside::Stopped(4, Ok(())), &[]),
        encode(&Aside::Forget(1), &[]),
    ];
    let orders = [
        order(What::Load(load)),
        order(What::OpenController(opening())),
        order(What::OpenDevice(opening())),
        order(enter(Entry::Write(2, WireValue::Float(2.0)))),
        order(enter(Entry::Status)),
        order(What::Answer(Ok(WireValue::Int(3)))),
        order(What::Slept(true)),
        order(What::End),
    ];
    vec![
        ("values", values.map(|value| encode(&done(value), &[])).concat()),
        ("arrays", arrays.concat()),
        ("questions", questions.map(|said| encode(&report(said), &[])).concat()),
        ("asides", asides.concat()),
        ("orders", orders.concat()),
        ("interrupts", encode(&Interrupt::Stop { id: 1, device: 2 }, &[])),
    ]
}
