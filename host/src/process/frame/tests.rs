use std::{io::Write, os::unix::net::UnixStream};

use proptest::prelude::*;

use super::*;
use crate::process::message::{Aside, Outcome, Said, WireValue};

fn report(value: WireValue) -> Report {
    Report {
        asides: 7,
        what: Said::Done(Ok(Outcome::Value(value))),
    }
}

fn array(bytes: usize) -> (Report, Vec<u8>) {
    let bulk = (0..bytes).map(|i| i as u8).collect();
    (report(WireValue::Array(1, vec![bytes as u64])), bulk)
}

#[test]
fn messages_of_any_length_come_in_order_however_they_are_cut() {
    for piece in [1, 3, 1000, 1 << 16] {
        let (mut host, child) = UnixStream::pair().unwrap();
        let messages = [
            (report(WireValue::Float(1.5)), Vec::new()),
            array(100_000),
            (report(WireValue::Text("x".repeat(70_000))), Vec::new()),
            array(0),
            array(17),
        ];
        let bytes: Vec<u8> = messages
            .iter()
            .flat_map(|(message, bulk)| encode(message, bulk))
            .collect();
        let writer = std::thread::spawn(move || {
            for piece in bytes.chunks(piece) {
                host.write_all(piece).unwrap();
            }
        });
        let mut reader = Reader::<Report>::new();
        for (message, bulk) in messages {
            let read = reader.read(&child, RecvFlags::empty()).unwrap();
            assert_eq!(read, Read::Message(message, bulk));
        }
        assert_eq!(reader.read(&child, RecvFlags::empty()).unwrap(), Read::End);
        writer.join().unwrap();
    }
}

#[test]
fn a_bulk_goes_out_behind_its_message() {
    let (host, child) = UnixStream::pair().unwrap();
    let (message, bulk) = array(3 << 20);
    let sender = {
        let (bulk, message) = (bulk.clone(), array(0).0);
        std::thread::spawn(move || {
            send(&host, &array(3 << 20).0, &bulk).unwrap();
            send(&host, &message, &[]).unwrap();
        })
    };
    let mut reader = Reader::<Report>::new();
    assert_eq!(
        reader.read(&child, RecvFlags::empty()).unwrap(),
        Read::Message(message, bulk)
    );
    let next = reader.read(&child, RecvFlags::empty()).unwrap();
    assert_eq!(next, Read::Message(array(0).0, Vec::new()));
    sender.join().unwrap();
}

#[test]
fn nothing_is_there_until_it_has_come() {
    let (mut host, child) = UnixStream::pair().unwrap();
    let mut reader = Reader::<Report>::new();
    let frame = encode(&array(5).0, &array(5).1);
    host.write_all(&frame[..frame.len() - 1]).unwrap();
    assert_eq!(reader.read(&child, RecvFlags::DONTWAIT).unwrap(), Read::Nothing);
    host.write_all(&frame[frame.len() - 1..]).unwrap();
    assert!(matches!(
        reader.read(&child, RecvFlags::DONTWAIT).unwrap(),
        Read::Message(..)
    ));
}

#[test]
fn a_claimed_length_takes_no_memory() {
    let mut frame = Vec::new();
    frame.extend_from_slice(&5u32.to_le_bytes());
    frame.extend_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(decode(&frame), Err(FrameError::TooLong(_))));
    let (mut host, child) = UnixStream::pair().unwrap();
    let message = encode(&array(0).0, &[]);
    let mut frame = message.clone();
    frame[4..8].copy_from_slice(&(BULK_MAX as u32).to_le_bytes());
    host.write_all(&frame).unwrap();
    let mut reader = Reader::<Report>::new();
    assert_eq!(reader.read(&child, RecvFlags::DONTWAIT).unwrap(), Read::Nothing);
    let (_, bulk, length) = reader.partial.as_ref().unwrap();
    assert_eq!(*length, BULK_MAX);
    assert!(bulk.capacity() <= FIRST);
}

#[test]
fn what_follows_a_message_in_its_head_is_refused() {
    let mut frame = encode(&array(0).0, &[]);
    let length = u32::from_le_bytes(frame[..4].try_into().unwrap()) + 1;
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame.push(0);
    assert!(matches!(decode(&frame), Err(FrameError::Nonsense(_))));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
        let _ = decode_as::<Aside>(&bytes);
        // With lengths that fit, so that the messages themselves are looked at.
        let mut frame = (bytes.len() as u32).to_le_bytes().to_vec();
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(&bytes);
        let _ = decode(&frame);
        let _ = decode_as::<Aside>(&frame);
    }
}
