//! Numbers as bytes: integers of one to eight bytes, floats of four and eight, binary coded decimals.

/// How a number lies in the bytes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) kind: RawKind,
    /// From 1 to 8; 4 or 8 for a float.
    pub(crate) bytes: u8,
    pub(crate) order: Order,
}

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RawKind {
    /// `u16be`
    Unsigned,
    /// `i16be`, two's complement.
    Signed,
    /// `f32be`, as in IEEE 754.
    Float,
    /// `4bcd`: so many decimal digits, two in each byte, the upper half first.
    Bcd {
        /// From 1 to 16; with an odd number the upper half of the first byte is zero.
        digits: u8,
    },
}

/// Which byte comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The one that counts most.
    Big,
    /// The one that counts least.
    Little,
}

/// A number that was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// A whole one; an unsigned one of eight bytes is greater than an `i64` can be.
    Whole(i128),
    Fraction(f64),
}

impl Raw {
    /// `u8`, `i16be`, `u24le`, `f32le`, `4bcd`. `Ok(None)` if it is no such number at all.
    ///
    /// # Errors
    /// What to write instead, for one that is nearly right.
    pub(crate) fn parse(spec: &str) -> Result<Option<Raw>, String> {
        if let Some(found) = bcd(spec)? {
            return Ok(Some(found));
        }
        let Some((kind, rest)) = spec.split_at_checked(1) else {
            return Ok(None);
        };
        let kind = match kind {
            "u" => RawKind::Unsigned,
            "i" => RawKind::Signed,
            "f" => RawKind::Float,
            _ => return Ok(None),
        };
        let digits = rest.trim_end_matches(|c: char| c.is_ascii_lowercase());
        let Ok(bits) = digits.parse::<u8>() else {
            return Ok(None);
        };
        let letter = &spec[..1];
        let is_float = kind == RawKind::Float;
        let fits = if is_float {
            matches!(bits, 32 | 64)
        } else {
            bits % 8 == 0 && (8..=64).contains(&bits)
        };
        if !fits {
            return Err(match is_float {
                true => "a float has 32 or 64 bits: `{:f32be}`".to_owned(),
                false => format!("an integer has 8, 16, 24, … 64 bits: `{{:{letter}16be}}`"),
            });
        }
        let order = match &rest[digits.len()..] {
            "be" => Order::Big,
            "le" => Order::Little,
            "" if bits == 8 => Order::Big,
            "" => {
                return Err(format!(
                    "say which byte comes first: `{{:{spec}be}}` for the one that counts most, `{{:{spec}le}}` for the one that counts least"
                ));
            }
            _ => return Ok(None),
        };
        let bytes = bits / 8;
        Ok(Some(Raw { kind, bytes, order }))
    }

    /// Bytes that it takes.
    pub(crate) fn size(&self) -> usize {
        usize::from(self.bytes)
    }

    /// Smallest and greatest whole number; `None` for a float.
    pub(crate) fn range(&self) -> Option<(i128, i128)> {
        let bits = u32::from(self.bytes) * 8;
        match self.kind {
            RawKind::Unsigned => Some((0, (1 << bits) - 1)),
            RawKind::Signed => Some((-(1 << (bits - 1)), (1 << (bits - 1)) - 1)),
            RawKind::Bcd { digits } => Some((0, 10_i128.pow(u32::from(digits)) - 1)),
            RawKind::Float => None,
        }
    }

    /// The bytes of a whole number, if they can hold it.
    pub(crate) fn print_whole(&self, n: i128) -> Option<Vec<u8>> {
        let Some((least, most)) = self.range() else {
            return self.print_float(n as f64);
        };
        if n < least || n > most {
            return None;
        }
        let n = match self.kind {
            RawKind::Bcd { .. } => to_bcd(n),
            _ => n,
        };
        // Two's complement: the lowest bytes are the same in every width.
        let all = n.to_be_bytes();
        Some(self.ordered(&all[all.len() - self.size()..]))
    }

    /// The bytes of a number; a whole one is rounded to.
    pub(crate) fn print_float(&self, x: f64) -> Option<Vec<u8>> {
        match (self.kind, self.bytes) {
            (RawKind::Float, 4) => {
                let x = x as f32;
                x.is_finite().then(|| self.ordered(&x.to_be_bytes()))
            }
            (RawKind::Float, _) => Some(self.ordered(&x.to_be_bytes())),
            _ => self.print_whole(super::number::to_whole(x)?),
        }
    }

    /// The number that such bytes are.
    ///
    /// # Errors
    /// Why they are none.
    pub(crate) fn scan(&self, bytes: &[u8]) -> Result<Number, String> {
        let big_endian = self.ordered(bytes);
        let unsigned = big_endian.iter().fold(0_i128, |n, byte| n << 8 | i128::from(*byte));
        let bits = u32::from(self.bytes) * 8;
        Ok(match self.kind {
            RawKind::Unsigned => Number::Whole(unsigned),
            RawKind::Signed => Number::Whole(unsigned << (128 - bits) >> (128 - bits)),
            RawKind::Bcd { .. } => Number::Whole(self.unpack(unsigned)?),
            RawKind::Float => {
                let x = match self.bytes {
                    4 => f64::from(f32::from_bits(unsigned as u32)),
                    _ => f64::from_bits(unsigned as u64),
                };
                if !x.is_finite() {
                    return Err(format!("{} is not finite", crate::text::show(bytes)));
                }
                Number::Fraction(x)
            }
        })
    }

    fn unpack(self, packed: i128) -> Result<i128, String> {
        let mut n = 0;
        for place in (0..self.size() * 2).rev() {
            let digit = packed >> (4 * place) & 0xf;
            if digit > 9 {
                return Err(format!("`{digit:x}` is no decimal digit"));
            }
            n = n * 10 + digit;
        }
        match self.range() {
            Some((_, most)) if n > most => Err(format!("{n} has too many digits")),
            _ => Ok(n),
        }
    }

    /// From the order of the line to the one with the most counting byte first, and back.
    fn ordered(&self, bytes: &[u8]) -> Vec<u8> {
        match self.order {
            Order::Big => bytes.to_vec(),
            Order::Little => bytes.iter().rev().copied().collect(),
        }
    }

    /// What people call it.
    pub(crate) fn noun(&self) -> String {
        let signed = match self.kind {
            RawKind::Float => return format!("a float of {} bytes", self.bytes),
            RawKind::Bcd { digits } => return format!("{digits} binary coded digits"),
            RawKind::Unsigned => "an unsigned",
            RawKind::Signed => "a signed",
        };
        match self.bytes {
            1 => format!("{signed} byte"),
            bytes => format!("{signed} integer of {bytes} bytes"),
        }
    }
}

/// `4bcd`, `4bcdle`.
fn bcd(spec: &str) -> Result<Option<Raw>, String> {
    let (digits, order) = match (spec.strip_suffix("bcd"), spec.strip_suffix("bcdle")) {
        (Some(digits), _) => (digits, Order::Big),
        (None, Some(digits)) => (digits, Order::Little),
        _ => return Ok(None),
    };
    match digits.parse() {
        Ok(digits @ 1..=16_u8) => Ok(Some(Raw {
            kind: RawKind::Bcd { digits },
            bytes: digits.div_ceil(2),
            order,
        })),
        _ => Err("say how many digits, from 1 to 16: `{:4bcd}` for two bytes".to_owned()),
    }
}

fn to_bcd(mut n: i128) -> i128 {
    let mut packed = 0;
    let mut place = 0;
    while n > 0 {
        packed |= (n % 10) << place;
        n /= 10;
        place += 4;
    }
    packed
}
