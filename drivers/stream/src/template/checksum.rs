//! Checksums within a line.

use crc::{Algorithm as Parameters, Crc, NoTable};

use super::{Notation, Order, Raw, RawKind};

/// A checksum, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    pub(crate) notation: Notation,
}

/// How a checksum is computed; one of a list, each under its name.
#[derive(Clone, Copy)]
pub(crate) struct Algorithm {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    /// Sum of the bytes.
    Sum(u8),
    /// What makes the sum of the bytes zero: two's complement of it.
    Negative(u8),
    /// One's complement of the sum.
    Complement(u8),
    /// All bytes combined by exclusive or.
    Xor,
    /// [`Negative`](Self::Negative) of the bytes that pairs of hexadecimal digits stand for, as in Modbus ASCII.
    LrcHex,
    Crc8(&'static Parameters<u8>),
    Crc16(&'static Parameters<u16>),
    Crc32(&'static Parameters<u32>),
}

const fn named(name: &'static str, kind: Kind) -> Algorithm {
    Algorithm { name, kind }
}

const ALL: [Algorithm; 22] = [
    named("sum8", Kind::Sum(1)),
    named("sum16", Kind::Sum(2)),
    named("sum32", Kind::Sum(4)),
    named("neg8", Kind::Negative(1)),
    named("neg16", Kind::Negative(2)),
    named("not8", Kind::Complement(1)),
    named("not16", Kind::Complement(2)),
    named("xor8", Kind::Xor),
    named("lrc", Kind::Negative(1)),
    named("lrc-hex", Kind::LrcHex),
    named("crc8", Kind::Crc8(&crc::CRC_8_SMBUS)),
    named("crc8-maxim", Kind::Crc8(&crc::CRC_8_MAXIM_DOW)),
    named("crc8-sensirion", Kind::Crc8(&crc::CRC_8_NRSC_5)),
    named("crc16-arc", Kind::Crc16(&crc::CRC_16_ARC)),
    named("crc16-ccitt", Kind::Crc16(&crc::CRC_16_IBM_3740)),
    named("crc16-ccitt-1d0f", Kind::Crc16(&crc::CRC_16_SPI_FUJITSU)),
    named("crc16-kermit", Kind::Crc16(&crc::CRC_16_KERMIT)),
    named("crc16-modbus", Kind::Crc16(&crc::CRC_16_MODBUS)),
    named("crc16-xmodem", Kind::Crc16(&crc::CRC_16_XMODEM)),
    named("crc32", Kind::Crc32(&crc::CRC_32_ISO_HDLC)),
    named("crc32-mpeg2", Kind::Crc32(&crc::CRC_32_MPEG_2)),
    named("crc32c", Kind::Crc32(&crc::CRC_32_ISCSI)),
];

impl Algorithm {
    /// The algorithm of that name.
    pub(crate) fn named(name: &str) -> Option<Algorithm> {
        ALL.into_iter().find(|known| known.name == name)
    }

    /// All names.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|algorithm| algorithm.name)
    }

    /// Bytes that it has.
    pub(crate) fn bytes(self) -> u8 {
        match self.kind {
            Kind::Sum(bytes) | Kind::Negative(bytes) | Kind::Complement(bytes) => bytes,
            Kind::Xor | Kind::LrcHex | Kind::Crc8(_) => 1,
            Kind::Crc16(_) => 2,
            Kind::Crc32(_) => 4,
        }
    }

    /// How it is written where a file does not say: as bytes, the most counting one first, but for Modbus, which has them
    /// the other way round.
    pub(crate) fn notation(self) -> Notation {
        let is_modbus = self.name == "crc16-modbus";
        Notation::Raw(Raw {
            kind: RawKind::Unsigned,
            bytes: self.bytes(),
            order: if is_modbus { Order::Little } else { Order::Big },
        })
    }

    /// How it would be written in characters, as a proposal.
    pub(crate) fn characters(self) -> String {
        format!("0{}X", self.bytes() * 2)
    }

    /// Whether it takes the bits of a byte in the order that begins with the one that counts least.
    #[cfg(test)]
    pub(crate) fn is_reflected(self) -> bool {
        match self.kind {
            Kind::Crc8(parameters) => parameters.refin,
            Kind::Crc16(parameters) => parameters.refin,
            Kind::Crc32(parameters) => parameters.refin,
            _ => false,
        }
    }

    /// The checksum of `bytes`.
    pub(crate) fn of(self, bytes: &[u8]) -> u32 {
        let sum = |bytes: &[u8]| bytes.iter().fold(0_u32, |sum, byte| sum.wrapping_add(u32::from(*byte)));
        match self.kind {
            Kind::Sum(size) => sum(bytes) & mask(size),
            Kind::Negative(size) => sum(bytes).wrapping_neg() & mask(size),
            Kind::Complement(size) => !sum(bytes) & mask(size),
            Kind::Xor => bytes.iter().fold(0, |x, byte| x ^ u32::from(*byte)),
            Kind::LrcHex => sum(&from_hex(bytes)).wrapping_neg() & 0xff,
            // A table would be built anew for each line, which takes longer than the few bytes of one.
            Kind::Crc8(parameters) => Crc::<u8, NoTable>::new(parameters).checksum(bytes).into(),
            Kind::Crc16(parameters) => Crc::<u16, NoTable>::new(parameters).checksum(bytes).into(),
            Kind::Crc32(parameters) => Crc::<u32, NoTable>::new(parameters).checksum(bytes),
        }
    }
}

impl PartialEq for Algorithm {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl std::fmt::Debug for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

fn mask(bytes: u8) -> u32 {
    match bytes {
        4 => u32::MAX,
        bytes => (1 << (8 * u32::from(bytes))) - 1,
    }
}

/// The bytes that pairs of hexadecimal digits stand for; a character that is none counts as it is.
fn from_hex(text: &[u8]) -> Vec<u8> {
    let value = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        match (value(*first), after.first().and_then(|second| value(*second))) {
            (Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[1..];
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check values of the catalogue of parametrised CRC algorithms; the sums were added up by hand.
    #[test]
    fn each_algorithm_has_its_known_check_value() {
        let told: Vec<String> = ALL
            .iter()
            .map(|algorithm| {
                let digits = usize::from(algorithm.bytes()) * 2;
                format!("{} {:0digits$X}", algorithm.name, algorithm.of(b"123456789"))
            })
            .collect();
        expect_test::expect![[r#"
            sum8 DD
            sum16 01DD
            sum32 000001DD
            neg8 23
            neg16 FE23
            not8 22
            not16 FE22
            xor8 31
            lrc 23
            lrc-hex B3
            crc8 F4
            crc8-maxim A1
            crc8-sensirion F7
            crc16-arc BB3D
            crc16-ccitt 29B1
            crc16-ccitt-1d0f E5CC
            crc16-kermit 2189
            crc16-modbus 4B37
            crc16-xmodem 31C3
            crc32 CBF43926
            crc32-mpeg2 0376E6E7
            crc32c E3069283"#]]
        .assert_eq(&told.join("\n"));
    }

    #[test]
    fn pairs_of_digits_are_the_bytes_of_modbus_ascii() {
        // Modicon, PI-MBUS-300, appendix C: the LRC of a message is over its bytes, each of which is sent as two characters.
        let lrc = Algorithm::named("lrc-hex").unwrap();
        assert_eq!(lrc.of(b"1103006B0003"), 0x7E);
    }
}
