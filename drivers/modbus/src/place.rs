//! Where a value is: one of the four tables of Modbus, and an address in it.
//!
//! Two ways of counting are in use. In the protocol each table begins at 0: `holding 0`. Many manuals count from 1 and put
//! the number of the table in front: `40001` is the same register, `400001` too. Files say either; messages say both.

use std::fmt;

/// One of the four tables of a Modbus instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Space {
    /// Bits that can be read and written.
    Coil,
    /// Bits that can be read.
    Discrete,
    /// Registers that can be read.
    Input,
    /// Registers that can be read and written.
    Holding,
}

/// An address in one of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) space: Space,
    /// As in the protocol, from 0.
    pub(crate) address: u16,
}

const SPACES: [(Space, &str, u32); 4] = [
    (Space::Coil, "coil", 0),
    (Space::Discrete, "discrete", 1),
    (Space::Input, "input", 3),
    (Space::Holding, "holding", 4),
];

impl Space {
    /// The word for it in a file.
    pub(crate) fn word(self) -> &'static str {
        self.row().1
    }

    /// What one item of it is called.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Space::Coil => "coil",
            Space::Discrete => "discrete input",
            Space::Input => "input register",
            Space::Holding => "holding register",
        }
    }

    /// One item of it, in a sentence.
    pub(crate) fn noun_with_article(self) -> String {
        let article = if self == Space::Input { "an" } else { "a" };
        format!("{article} {}", self.noun())
    }

    /// Whether it has bits, not registers.
    pub(crate) fn is_bits(self) -> bool {
        matches!(self, Space::Coil | Space::Discrete)
    }

    /// Whether it can be written.
    pub(crate) fn is_writable(self) -> bool {
        matches!(self, Space::Coil | Space::Holding)
    }

    /// Most items that one request may read.
    pub(crate) fn most(self) -> u16 {
        if self.is_bits() { 2000 } else { 125 }
    }

    fn row(self) -> &'static (Space, &'static str, u32) {
        SPACES.iter().find(|row| row.0 == self).expect("each table has a row")
    }
}

impl Place {
    /// Reads `holding 12`, `coil 0x1F`, or a manual's `40013` and `400013`.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn parse(text: &str) -> Result<Self, (String, String)> {
        let text = text.trim();
        match text.split_once(char::is_whitespace) {
            Some((word, number)) => Self::plain(word, number.trim()),
            None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Self::manual(text),
            None => Err((
                format!("`{text}` is no place in the tables of Modbus"),
                "write the table and the address, counted from 0: `holding 12`; or the manual's number: `40013`"
                    .to_owned(),
            )),
        }
    }

    fn plain(word: &str, number: &str) -> Result<Self, (String, String)> {
        let Some(&(space, ..)) = SPACES.iter().find(|row| row.1 == word) else {
            let words = SPACES.map(|row| format!("`{}`", row.1)).join(", ");
            let meant = baton_plugin_api::diagnostic::nearest(word, SPACES.map(|row| row.1));
            let help = meant.map_or(format!("the tables are {words}"), |meant| {
                format!("did you mean `{meant}`? ({words})")
            });
            return Err((format!("there is no table `{word}`"), help));
        };
        let address = match number.strip_prefix("0x").or(number.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        };
        match address.map(u16::try_from) {
            Some(Ok(address)) => Ok(Place { space, address }),
            Some(Err(_)) => Err((
                format!("address {number} is too large"),
                format!("addresses go from 0 to 65535; a manual's number, such as `400013`, stands without `{word}`"),
            )),
            None => Err((
                format!("`{number}` is no address"),
                format!("write a whole number from 0: `{word} 12`, or `{word} 0x0C`"),
            )),
        }
    }

    /// Five or six digits: the table, and a number from 1.
    fn manual(text: &str) -> Result<Self, (String, String)> {
        let wrong = |what: String| {
            let help = "a manual's number has five or six digits, of which the first says the table: 0 coil, 1 discrete, \
                        3 input, 4 holding; `40001` is `holding 0`";
            Err((what, help.to_owned()))
        };
        if !matches!(text.len(), 5 | 6) {
            return wrong(format!("`{text}` does not say which table is meant"));
        }
        let (table, number) = text.split_at(1);
        let Some(&(space, ..)) = SPACES.iter().find(|row| row.2.to_string() == table) else {
            return wrong(format!("there is no table {table}, which `{text}` begins with"));
        };
        match number.parse::<u32>() {
            Ok(number @ 1..=65536) => Ok(Place {
                space,
                address: u16::try_from(number - 1).expect("it was looked at just now"),
            }),
            _ => wrong(format!(
                "`{text}` is no place in the tables of Modbus: they go from 1 to 65536 in this notation"
            )),
        }
    }

    /// The number that a manual has for it: `40013`, with six digits only where five are too few.
    pub(crate) fn in_manual(self) -> String {
        let number = u32::from(self.address) + 1;
        let table = self.space.row().2;
        match number {
            ..=9999 => format!("{table}{number:04}"),
            _ => format!("{table}{number:05}"),
        }
    }

    /// The place so many items further on.
    pub(crate) fn plus(self, items: u16) -> Self {
        Place {
            address: self.address.saturating_add(items),
            ..self
        }
    }
}

/// `holding 12`, as files have it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.space.word(), self.address)
    }
}

/// Several items for a message: `holding registers 12 to 13 (40013 to 40014 in manuals)`.
pub(crate) fn describe(place: Place, count: u16) -> String {
    let noun = place.space.noun();
    match count {
        0 | 1 => format!("{noun} {} ({} in manuals)", place.address, place.in_manual()),
        _ => {
            let last = place.plus(count - 1);
            let (first_number, last_number) = (place.in_manual(), last.in_manual());
            format!(
                "{noun}s {} to {} ({first_number} to {last_number} in manuals)",
                place.address, last.address
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_said_as_in_the_protocol_or_as_in_manuals() {
        let parse = |text| Place::parse(text).unwrap().to_string();
        assert_eq!(parse("holding 12"), "holding 12");
        assert_eq!(parse("coil 0x1F"), "coil 31");
        assert_eq!(parse("40001"), "holding 0");
        assert_eq!(parse("400013"), "holding 12");
        assert_eq!(parse("30005"), "input 4");
        assert_eq!(parse("10001"), "discrete 0");
        assert_eq!(parse("00017"), "coil 16");
        assert_eq!(parse("465536"), "holding 65535");
    }

    #[test]
    fn what_is_no_place_is_told_with_what_to_write() {
        let wrong = |text| {
            let (message, help) = Place::parse(text).unwrap_err();
            format!("{message} / {help}")
        };
        assert_eq!(
            wrong("holdng 12"),
            "there is no table `holdng` / did you mean `holding`? (`coil`, `discrete`, `input`, `holding`)"
        );
        assert!(wrong("holding 400001").starts_with("address 400001 is too large / addresses go from 0 to 65535"));
        assert!(wrong("holding x").starts_with("`x` is no address / write a whole number from 0: `holding 12`"));
        assert!(wrong("40000").starts_with("`40000` is no place in the tables of Modbus: they go from 1"));
        assert!(wrong("20001").starts_with("there is no table 2, which `20001` begins with"));
        assert!(wrong("17").starts_with("`17` does not say which table is meant"));
        assert!(wrong("").starts_with("`` is no place in the tables of Modbus / write the table and the address"));
    }

    #[test]
    fn messages_have_both_ways_of_counting() {
        let place = Place::parse("holding 12").unwrap();
        assert_eq!(describe(place, 1), "holding register 12 (40013 in manuals)");
        assert_eq!(
            describe(place, 2),
            "holding registers 12 to 13 (40013 to 40014 in manuals)"
        );
        assert_eq!(Place::parse("input 10000").unwrap().in_manual(), "310001");
    }
}
