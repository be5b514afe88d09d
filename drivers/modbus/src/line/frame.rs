//! How a request and its answer are wrapped: with a header over TCP, with a checksum on a serial line.

use std::time::Duration;

use baton_plugin_api::line::Address;
use modbus_core::rtu::{crc16, response_pdu_len};

use crate::pdu::Request;

/// How frames are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// A header with a number for each request (MBAP).
    Tcp,
    /// The unit in front, a checksum behind.
    Rtu {
        /// How long the line has to be silent between two frames.
        silence: Duration,
    },
}

/// Bytes of the header: transaction, protocol, length, unit.
const HEADER: usize = 7;

/// A request as it goes out, and what is known of its answer.
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    /// Length of the whole frame of the answer, if that is no exception.
    pub(super) answer_length: usize,
    function: u8,
    transaction: u16,
}

/// What there was in the bytes that came in.
#[derive(Debug, PartialEq)]
pub(super) enum Taken {
    /// No whole frame.
    Nothing,
    /// The PDU of the answer.
    Answer(Vec<u8>),
    /// A frame that has nothing to do with the request.
    Another(Vec<u8>),
    /// The answer, and not as it should be.
    Wrong(String),
    /// Bytes that belong to no frame, so that nobody knows where the next one begins.
    OutOfStep(String),
}

impl Framing {
    /// RTU on a line as this one: 3.5 characters of silence, but no less than 1.75 ms (Modbus over serial line V1.02,
    /// 2.5.1.1). Where no wire is known, whoever has it sees to that.
    pub(crate) fn rtu(address: &Address) -> Self {
        let silence = match address {
            Address::Serial(serial) => {
                let character = Duration::from_secs(11) / serial.baud.max(1);
                (character * 7 / 2).max(Duration::from_micros(1750))
            }
            _ => Duration::ZERO,
        };
        Framing::Rtu { silence }
    }

    /// The frame of a request.
    pub(super) fn frame(self, transaction: u16, unit: u8, request: &Request) -> Sent {
        let pdu = request.encode();
        let (bytes, around) = match self {
            Framing::Tcp => {
                let length = u16::try_from(pdu.len() + 1).expect("a PDU has 253 bytes at most");
                let header = [transaction.to_be_bytes(), [0, 0], length.to_be_bytes()].concat();
                ([header, vec![unit], pdu].concat(), HEADER)
            }
            Framing::Rtu { .. } => {
                let mut bytes = [vec![unit], pdu].concat();
                bytes.extend(crc16(&bytes).to_be_bytes());
                (bytes, 3)
            }
        };
        Sent {
            bytes,
            answer_length: request.answer_length() + around,
            function: request.function(),
            transaction,
        }
    }

    /// Takes the first frame out of what has come in.
    pub(super) fn take(self, received: &mut Vec<u8>, sent: &Sent, unit: u8) -> Taken {
        match self {
            Framing::Tcp => take_tcp(received, sent, unit),
            Framing::Rtu { .. } => take_rtu(received, sent, unit),
        }
    }
}

impl Sent {
    /// Whether what came in begins with what was sent.
    pub(super) fn comes_back_in(&self, received: &[u8]) -> bool {
        received.starts_with(&self.bytes)
    }

    /// Whether no answer can look like the request itself, so that what does is an echo.
    pub(super) fn is_unlike_its_answer(&self) -> bool {
        !matches!(self.function, 5 | 6 | 22)
    }
}

fn take_tcp(received: &mut Vec<u8>, sent: &Sent, unit: u8) -> Taken {
    let &[
        high,
        low,
        protocol_high,
        protocol_low,
        length_high,
        length_low,
        from,
        ..,
    ] = received.as_slice()
    else {
        return Taken::Nothing;
    };
    let (protocol, length) = (
        u16::from_be_bytes([protocol_high, protocol_low]),
        usize::from(u16::from_be_bytes([length_high, length_low])),
    );
    // A unit and a PDU of at least two bytes, of at most 253.
    if protocol != 0 || !(3..=254).contains(&length) {
        return Taken::OutOfStep(format!("what came is no Modbus over TCP: {}", super::show(received)));
    }
    let end = HEADER - 1 + length;
    if received.len() < end {
        return Taken::Nothing;
    }
    let frame: Vec<u8> = received.drain(..end).collect();
    if u16::from_be_bytes([high, low]) != sent.transaction {
        return Taken::Another(frame);
    }
    match from == unit {
        true => Taken::Answer(frame[HEADER..].to_vec()),
        false => Taken::Wrong(format!("unit {from} answers instead of unit {unit}")),
    }
}

fn take_rtu(received: &mut Vec<u8>, sent: &Sent, unit: u8) -> Taken {
    // Noise may stand before the answer, where the wires change their direction; the checksum tells.
    for start in 0..received.len() {
        let rest = &received[start..];
        let length = match rest {
            [from, function, ..] if *from == unit && *function == sent.function => sent.answer_length,
            [from, function, ..] if *from == unit && *function == sent.function | 0x80 => 5,
            _ => continue,
        };
        if let Some(pdu) = rest.get(..length).and_then(checked) {
            let pdu = pdu.to_vec();
            received.drain(..start + length);
            return Taken::Answer(pdu);
        }
    }
    // A late answer, of another unit or to something else.
    let Ok(Some(length)) = response_pdu_len(received) else {
        return Taken::Nothing;
    };
    if received.get(..length + 3).and_then(checked).is_none() {
        return Taken::Nothing;
    }
    let is_of_another_length = received[0] == unit && received[1] == sent.function;
    let frame = received.drain(..length + 3).collect();
    match is_of_another_length {
        true => Taken::Wrong(format!(
            "the answer has {length} bytes instead of {}",
            sent.answer_length - 3
        )),
        false => Taken::Another(frame),
    }
}

/// The PDU of a frame whose checksum is right.
fn checked(frame: &[u8]) -> Option<&[u8]> {
    let (content, checksum) = frame.split_last_chunk::<2>()?;
    (crc16(content).to_be_bytes() == *checksum).then_some(&content[1..])
}
