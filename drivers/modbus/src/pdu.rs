//! Requests and their answers, without what carries them: the protocol data unit.
//!
//! Their form on the line is `modbus-core`'s business. What is checked here is that an answer is one to this very request:
//! the same function, the same address, as many items as were asked for.

use std::fmt;

use modbus_core::{Coils, Data, Encode, FunctionCode, Request as Wire, Response};

use crate::{
    exception::Exception,
    field::Items,
    place::{Place, Space, describe},
};

/// Most bytes of a PDU (Modbus application protocol V1.1b3, 4.1).
pub(crate) const MOST: usize = 253;

/// Most items that one request may write (6.11 and 6.12).
pub(crate) const MOST_WRITTEN: (u16, u16) = (123, 1968);

/// What an instrument is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    /// Functions 1 to 4.
    Read { place: Place, count: u16 },
    /// Functions 5 and 6.
    WriteOne { place: Place, item: Items },
    /// Functions 15 and 16.
    WriteMany { place: Place, items: Items },
    /// Function 22: register = register AND `and` OR (`or` AND NOT `and`).
    Mask { place: Place, and: u16, or: u16 },
}

/// What an instrument answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    /// What was read.
    Items(Items),
    /// It was written.
    Written,
    /// It could not.
    Exception(Exception),
}

impl Request {
    /// Where it reads or writes.
    pub(crate) fn place(&self) -> Place {
        match self {
            Request::Read { place, .. }
            | Request::WriteOne { place, .. }
            | Request::WriteMany { place, .. }
            | Request::Mask { place, .. } => *place,
        }
    }

    /// Whether it writes.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self, Request::Read { .. })
    }

    /// How many items it is about.
    pub(crate) fn count(&self) -> u16 {
        match self {
            Request::Read { count, .. } => *count,
            Request::WriteMany { items, .. } => u16::try_from(items.len()).unwrap_or(u16::MAX),
            Request::WriteOne { .. } | Request::Mask { .. } => 1,
        }
    }

    /// Its function code.
    pub(crate) fn function(&self) -> u8 {
        match (self, self.place().space) {
            (Request::Read { .. }, Space::Coil) => 1,
            (Request::Read { .. }, Space::Discrete) => 2,
            (Request::Read { .. }, Space::Holding) => 3,
            (Request::Read { .. }, Space::Input) => 4,
            (Request::WriteOne { .. }, Space::Coil) => 5,
            (Request::WriteOne { .. }, _) => 6,
            (Request::WriteMany { .. }, Space::Coil) => 15,
            (Request::WriteMany { .. }, _) => 16,
            (Request::Mask { .. }, _) => 22,
        }
    }

    /// Its bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let address = self.place().address;
        let mut data = [0; MOST];
        let mask;
        let wire = match self {
            Request::Read { place, count } => match place.space {
                Space::Coil => Wire::ReadCoils(address, *count),
                Space::Discrete => Wire::ReadDiscreteInputs(address, *count),
                Space::Input => Wire::ReadInputRegisters(address, *count),
                Space::Holding => Wire::ReadHoldingRegisters(address, *count),
            },
            Request::WriteOne { item, .. } => match item {
                Items::Bits(bits) => Wire::WriteSingleCoil(address, bits.first().copied().unwrap_or_default()),
                Items::Words(words) => Wire::WriteSingleRegister(address, words.first().copied().unwrap_or_default()),
            },
            Request::WriteMany { items, .. } => match items {
                Items::Bits(bits) => {
                    let room = &mut data[..bits.len().div_ceil(8)];
                    let coils = Coils::from_bools(bits, room).expect("there is room for just these");
                    Wire::WriteMultipleCoils(address, coils)
                }
                Items::Words(words) => {
                    let room = &mut data[..2 * words.len()];
                    let words = Data::from_words(words, room).expect("there is room for just these");
                    Wire::WriteMultipleRegisters(address, words)
                }
            },
            Request::Mask { and, or, .. } => {
                let parts = [address.to_be_bytes(), and.to_be_bytes(), or.to_be_bytes()];
                mask = parts.concat();
                Wire::Custom(FunctionCode::MaskWriteRegister, &mask)
            }
        };
        let mut pdu = vec![0; MOST];
        let length = wire.encode(&mut pdu).expect("every request of ours fits into a PDU");
        pdu.truncate(length);
        pdu
    }

    /// How long the answer is, if it is no exception.
    pub(crate) fn answer_length(&self) -> usize {
        match self {
            Request::Read { place, count } if place.space.is_bits() => 2 + usize::from(*count).div_ceil(8),
            Request::Read { count, .. } => 2 + 2 * usize::from(*count),
            Request::Mask { .. } => 7,
            Request::WriteOne { .. } | Request::WriteMany { .. } => 5,
        }
    }

    /// Understands an answer.
    ///
    /// # Errors
    /// If it is one to another request: in what it differs.
    pub(crate) fn understand(&self, pdu: &[u8]) -> Result<Answer, String> {
        let function = self.function();
        match *pdu {
            [code, exception] if code == function | 0x80 => return Ok(Answer::Exception(Exception::new(exception))),
            [code, ..] if code != function => return Err(format!("function {code} answers function {function}")),
            [] => return Err("the answer is empty".to_owned()),
            _ => {}
        }
        if pdu.len() != self.answer_length() {
            let (is, should) = (pdu.len(), self.answer_length());
            return Err(format!("the answer has {is} bytes instead of {should}"));
        }
        if let Request::Mask { .. } = self {
            return self.repeated(pdu == self.encode());
        }
        let response = Response::try_from(pdu).map_err(|error| error.to_string().to_lowercase())?;
        match (self, response) {
            (Request::Read { count, .. }, Response::ReadCoils(bits) | Response::ReadDiscreteInputs(bits)) => {
                let bits: Vec<bool> = bits.into_iter().take(usize::from(*count)).collect();
                self.whole(Items::Bits(bits))
            }
            (Request::Read { .. }, Response::ReadInputRegisters(words) | Response::ReadHoldingRegisters(words)) => {
                self.whole(Items::Words(words.into_iter().collect()))
            }
            // Some answer with the state of the coil instead of what was sent; the address tells enough.
            (Request::WriteOne { place, .. }, Response::WriteSingleCoil(address)) => {
                self.repeated(address == place.address)
            }
            (Request::WriteOne { .. }, Response::WriteSingleRegister(..)) => self.repeated(pdu == self.encode()),
            (
                Request::WriteMany { place, .. },
                Response::WriteMultipleCoils(address, count) | Response::WriteMultipleRegisters(address, count),
            ) => self.repeated((address, count) == (place.address, self.count())),
            _ => Err("the answer is of another kind".to_owned()),
        }
    }

    fn whole(&self, items: Items) -> Result<Answer, String> {
        match items.len() == usize::from(self.count()) {
            true => Ok(Answer::Items(items)),
            false => Err(format!(
                "the answer has {} items instead of {}",
                items.len(),
                self.count()
            )),
        }
    }

    fn repeated(&self, is_same: bool) -> Result<Answer, String> {
        match is_same {
            true => Ok(Answer::Written),
            false => Err("the answer repeats another write".to_owned()),
        }
    }

    /// Whether an answer to `earlier`, coming late, could be taken for one to this.
    pub(crate) fn is_confused_with(&self, earlier: &Request) -> bool {
        match (self, earlier) {
            // It says neither where it was read, nor, of bits, exactly how many.
            (Request::Read { .. }, Request::Read { .. }) => {
                self.function() == earlier.function() && self.answer_length() == earlier.answer_length()
            }
            // An exception says nothing but the function.
            _ => self.function() == earlier.function(),
        }
    }
}

impl Items {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Items::Bits(bits) => bits.len(),
            Items::Words(words) => words.len(),
        }
    }
}

/// `reading holding registers 0 to 1 (40001 to 40002 in manuals)`, for messages.
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.writes() { "writing" } else { "reading" };
        write!(f, "{verb} {}", describe(self.place(), self.count()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &str, count: u16) -> Request {
        let place = Place::parse(place).unwrap();
        Request::Read { place, count }
    }

    #[test]
    fn requests_have_the_bytes_of_the_specification() {
        // Modbus application protocol V1.1b3, the examples of chapter 6.
        assert_eq!(read("coil 19", 19).encode(), [1, 0, 0x13, 0, 0x13]);
        assert_eq!(read("discrete 196", 22).encode(), [2, 0, 0xC4, 0, 0x16]);
        assert_eq!(read("holding 107", 3).encode(), [3, 0, 0x6B, 0, 3]);
        assert_eq!(read("input 8", 1).encode(), [4, 0, 8, 0, 1]);
        let place = |text| Place::parse(text).unwrap();
        let (coil, register) = (place("coil 172"), place("holding 1"));
        let on = Items::Bits(vec![true]);
        assert_eq!(
            Request::WriteOne { place: coil, item: on }.encode(),
            [5, 0, 0xAC, 0xFF, 0]
        );
        let item = Items::Words(vec![3]);
        assert_eq!(Request::WriteOne { place: register, item }.encode(), [6, 0, 1, 0, 3]);
        let bits = [true, false, true, true, false, false, true, true, true, false];
        let (place, items) = (place("coil 19"), Items::Bits(bits.to_vec()));
        assert_eq!(
            Request::WriteMany { place, items }.encode(),
            [0x0F, 0, 0x13, 0, 0x0A, 2, 0xCD, 1]
        );
        let items = Items::Words(vec![0x000A, 0x0102]);
        let many = Request::WriteMany { place: register, items };
        assert_eq!(many.encode(), [0x10, 0, 1, 0, 2, 4, 0, 0x0A, 1, 2]);
        let place = Place::parse("holding 4").unwrap();
        let (and, or) = (0x00F2, 0x0025);
        assert_eq!(
            Request::Mask { place, and, or }.encode(),
            [0x16, 0, 4, 0, 0xF2, 0, 0x25]
        );
    }

    #[test]
    fn answers_are_held_against_the_request() {
        let request = read("holding 107", 3);
        let answer = [3, 6, 2, 0x2B, 0, 0, 0, 0x64];
        assert_eq!(request.answer_length(), answer.len());
        assert_eq!(
            request.understand(&answer),
            Ok(Answer::Items(Items::Words(vec![0x022B, 0, 0x64])))
        );
        assert_eq!(request.understand(&[0x83, 2]), Ok(Answer::Exception(Exception::new(2))));
        let wrong = |pdu: &[u8]| request.understand(pdu).unwrap_err();
        assert_eq!(wrong(&[3, 2, 0, 1]), "the answer has 4 bytes instead of 8");
        assert_eq!(wrong(&[4, 6, 0, 0, 0, 0, 0, 0]), "function 4 answers function 3");
        assert_eq!(wrong(&[3, 4, 0, 0, 0, 0, 0, 0]), "the answer has 2 items instead of 3");
        assert_eq!(wrong(&[0x84, 2]), "function 132 answers function 3");
        assert_eq!(wrong(&[]), "the answer is empty");
        assert_eq!(
            read("coil 19", 3).understand(&[1, 1, 0b101]),
            Ok(Answer::Items(Items::Bits(vec![true, false, true])))
        );
    }

    #[test]
    fn a_write_is_answered_by_its_repetition() {
        let place = Place::parse("holding 1").unwrap();
        let item = Items::Words(vec![3]);
        let one = Request::WriteOne { place, item };
        assert_eq!(one.understand(&[6, 0, 1, 0, 3]), Ok(Answer::Written));
        assert_eq!(
            one.understand(&[6, 0, 1, 0, 4]).unwrap_err(),
            "the answer repeats another write"
        );
        let items = Items::Words(vec![3, 4]);
        let many = Request::WriteMany { place, items };
        assert_eq!(many.understand(&[16, 0, 1, 0, 2]), Ok(Answer::Written));
        assert!(many.understand(&[16, 0, 2, 0, 2]).is_err());
    }
}
