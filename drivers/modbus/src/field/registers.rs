//! Registers and what is in them: whole numbers, floats, BCD, text, in either order of bytes and words.

use std::fmt;

use super::Raw;

/// One register or several that belong together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registers {
    pub(crate) kind: Kind,
    pub(crate) count: u16,
    pub(crate) order: Order,
    /// The part of the whole number that is meant, if not all of it.
    pub(crate) bits: Option<Bits>,
    /// Most characters of a text, or most digits of a BCD number.
    pub(crate) length: u16,
}

/// How registers are to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unsigned,
    Signed,
    /// IEEE 754, in two registers or four.
    Float,
    /// One decimal digit in four bits.
    Bcd,
    /// One character in a byte; spaces and zeros at the end are none.
    Text,
}

/// The order in which a value is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Whether the low byte of a register comes first.
    pub(crate) swapped_bytes: bool,
    /// Whether the least significant register comes first.
    pub(crate) swapped_words: bool,
}

/// Bits `low` to `high` of a whole number, both included; bit 0 is the least significant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    pub(crate) low: u8,
    pub(crate) high: u8,
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.low == self.high {
            true => write!(f, "bit {}", self.low),
            false => write!(f, "bits {} to {}", self.low, self.high),
        }
    }
}

impl Bits {
    fn width(self) -> u32 {
        u32::from(self.high - self.low) + 1
    }

    fn mask(self) -> u64 {
        (u64::MAX >> (64 - self.width())) << self.low
    }
}

impl Registers {
    /// What is in the registers.
    ///
    /// # Errors
    /// If that is no BCD, or no text.
    pub(super) fn decode(&self, words: &[u16]) -> Result<Raw, String> {
        let bytes = self.bytes(words);
        let pattern = || bytes.iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        if let Some(bits) = self.bits {
            return Ok(Raw::Integer(((pattern() & bits.mask()) >> bits.low).into()));
        }
        match self.kind {
            Kind::Unsigned => Ok(Raw::Integer(pattern().into())),
            Kind::Signed => {
                let unused = 64 - 16 * u32::from(self.count);
                Ok(Raw::Integer((((pattern() << unused) as i64) >> unused).into()))
            }
            Kind::Float if self.count == 2 => Ok(Raw::Float(shortest(f32::from_bits(pattern() as u32)))),
            Kind::Float => Ok(Raw::Float(f64::from_bits(pattern()))),
            Kind::Bcd => from_bcd(&bytes),
            Kind::Text => text(&bytes),
        }
    }

    /// The registers for what is to be in them.
    ///
    /// # Errors
    /// If it does not fit, with what would.
    pub(super) fn encode(&self, raw: &Raw, current: &[u16]) -> Result<Vec<u16>, String> {
        let size = usize::from(self.count) * 2;
        let bytes = match (self.kind, raw) {
            (Kind::Text, Raw::Text(text)) => self.text_bytes(text, size)?,
            (Kind::Float, Raw::Float(x)) if self.count == 2 => {
                let single = *x as f32;
                if single.is_infinite() {
                    return Err(format!(
                        "{x:e} does not fit into a 32-bit float, which goes to {:e}",
                        f32::MAX
                    ));
                }
                single.to_be_bytes().to_vec()
            }
            (Kind::Float, Raw::Float(x)) => x.to_be_bytes().to_vec(),
            (Kind::Bcd, Raw::Integer(n)) => bcd(*n, size),
            (_, Raw::Integer(n)) => {
                let pattern = match self.bits {
                    // The conversion to 64 bits keeps the two's complement of what was looked at to fit.
                    None => *n as u64,
                    Some(bits) => {
                        let rest = self
                            .bytes(current)
                            .iter()
                            .fold(0, |all, byte| all << 8 | u64::from(*byte));
                        rest & !bits.mask() | (*n as u64) << bits.low & bits.mask()
                    }
                };
                pattern.to_be_bytes()[8 - size..].to_vec()
            }
            (kind, raw) => return Err(format!("{raw:?} is not {kind:?}")),
        };
        Ok(self.words(&bytes))
    }

    /// Smallest and greatest whole number that fits.
    pub(super) fn range(&self) -> (i128, i128) {
        let width = self.bits.map_or(16 * u32::from(self.count), Bits::width);
        match self.kind {
            Kind::Bcd => (0, 10_i128.pow(u32::from(self.length)) - 1),
            Kind::Signed if self.bits.is_none() => (-(1 << (width - 1)), (1 << (width - 1)) - 1),
            _ => (0, (1 << width.min(64)) - 1),
        }
    }

    /// All bytes, the most significant first.
    fn bytes(&self, words: &[u16]) -> Vec<u8> {
        let mut words = words.to_vec();
        if self.swaps_words() {
            words.reverse();
        }
        let bytes = words.into_iter().map(|word| match self.order.swapped_bytes {
            true => word.to_le_bytes(),
            false => word.to_be_bytes(),
        });
        bytes.flatten().collect()
    }

    fn words(&self, bytes: &[u8]) -> Vec<u16> {
        let pairs = bytes.chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        let mut words: Vec<u16> = match self.order.swapped_bytes {
            true => pairs.map(u16::from_le_bytes).collect(),
            false => pairs.map(u16::from_be_bytes).collect(),
        };
        if self.swaps_words() {
            words.reverse();
        }
        words
    }

    /// A text begins with its first register, in whatever order the instrument has its numbers.
    fn swaps_words(&self) -> bool {
        self.order.swapped_words && self.kind != Kind::Text
    }

    fn text_bytes(&self, text: &str, size: usize) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::with_capacity(size);
        for c in text.chars() {
            match u8::try_from(u32::from(c)) {
                Ok(byte) if byte != 0 => bytes.push(byte),
                _ => return Err(format!("the character {c:?} cannot be written: one byte holds each")),
            }
        }
        let most = usize::from(self.length);
        if bytes.len() > most {
            return Err(format!(
                "{} characters do not fit: there is room for {most}",
                bytes.len()
            ));
        }
        bytes.resize(size, 0);
        Ok(bytes)
    }
}

/// The decimal number that people mean by a 32-bit float: 0.1, not 0.10000000149011612.
fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or_else(|_| x.into())
}

fn from_bcd(bytes: &[u8]) -> Result<Raw, String> {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let number = digits
        .clone()
        .try_fold(0_i128, |all, digit| (digit < 10).then(|| all * 10 + i128::from(digit)));
    let shown: String = digits.map(|digit| format!("{digit:X}")).collect();
    number.map(Raw::Integer).ok_or(format!("0x{shown} is no BCD number"))
}

fn bcd(number: i128, size: usize) -> Vec<u8> {
    let digits = format!("{number:0width$}", width = size * 2);
    let digits: Vec<u8> = digits.bytes().map(|digit| digit - b'0').collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Characters up to the first zero, one a byte as in Latin-1, without the spaces that fill up.
fn text(bytes: &[u8]) -> Result<Raw, String> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text: String = bytes[..end].iter().copied().map(char::from).collect();
    Ok(Raw::Text(text.trim_end_matches(' ').to_owned()))
}
