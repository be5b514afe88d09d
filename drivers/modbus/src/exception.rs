//! Exceptions: what an instrument answers instead of what it was asked for.

use baton_plugin_api::{Error, ErrorKind};

use crate::{
    pdu::Request,
    place::{Place, describe},
};

/// The exception code of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    code: u8,
}

/// Code, name in the specification, and the kind of error that it becomes.
const KNOWN: [(u8, &str, ErrorKind); 9] = [
    (1, "illegal function", ErrorKind::NotImplemented),
    (2, "illegal data address", ErrorKind::Impossible),
    (3, "illegal data value", ErrorKind::RangeError),
    (4, "device failure", ErrorKind::HardwareError),
    (5, "acknowledge, but not done yet", ErrorKind::IsBusy),
    (6, "device busy", ErrorKind::IsBusy),
    (8, "memory parity error", ErrorKind::HardwareError),
    (10, "gateway path unavailable", ErrorKind::CommunicationFailed),
    (
        11,
        "gateway target device failed to respond",
        ErrorKind::CommunicationFailed,
    ),
];

impl Exception {
    /// The exception of a code.
    pub(crate) fn new(code: u8) -> Self {
        Exception { code }
    }

    /// Whether what was asked for is not there: the function, the address, or so many items of it.
    pub(crate) fn says_not_there(self) -> bool {
        (1..=3).contains(&self.code)
    }

    /// Whether it is a gateway's word that the unit does not answer.
    pub(crate) fn is_gateways(self) -> bool {
        matches!(self.code, 10 | 11)
    }

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        let known = KNOWN.iter().find(|row| row.0 == self.code);
        known.map_or("an exception that the specification does not know", |row| row.1)
    }

    /// The error for whoever made the request.
    pub(crate) fn to_error(self, request: &Request) -> Error {
        let known = KNOWN.iter().find(|row| row.0 == self.code);
        let kind = match known.map_or(ErrorKind::HardwareError, |row| row.2) {
            // What was asked for is no value that somebody chose.
            ErrorKind::RangeError if !request.writes() => ErrorKind::Impossible,
            kind => kind,
        };
        let message = format!("{request}: {} (exception {})", self.name(), self.code);
        Error::new(kind, format!("{message}{}", self.hint(request)))
    }

    /// What may be wrong in the file, where that is likely.
    fn hint(self, request: &Request) -> String {
        let place = request.place();
        match self.code {
            1 if matches!(request, Request::Mask { .. }) => {
                "; without `function = \"mask\"` the register is read, changed and written".to_owned()
            }
            1 if matches!(request, Request::WriteOne { .. }) => "; try `function = \"multiple\"`".to_owned(),
            1 if matches!(request, Request::WriteMany { .. }) && request.count() == 1 => {
                "; try `function = \"single\"`".to_owned()
            }
            2 => as_manual(place).map_or(String::new(), |meant| {
                let (number, meant) = (place.address, describe(meant, 1));
                format!("; if {number} is the manual's number, write `at = \"{number}\"`, which is {meant}")
            }),
            _ => String::new(),
        }
    }
}

/// What an address would be if it were a manual's number: `holding 40001` is an address, but hardly ever a meant one.
fn as_manual(place: Place) -> Option<Place> {
    let meant = Place::parse(&format!("{:05}", place.address)).ok()?;
    (meant.space == place.space && place.address >= 10000).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Items;

    fn told(code: u8, request: &Request) -> String {
        let error = Exception::new(code).to_error(request);
        format!("{}: {}", error.kind(), error.message())
    }

    #[test]
    fn each_exception_is_an_error_of_its_kind() {
        let place = Place::parse("holding 7").unwrap();
        let read = Request::Read { place, count: 2 };
        let item = Items::Words(vec![1]);
        let write = Request::WriteOne { place, item };
        assert_eq!(
            told(2, &read),
            "Impossible: reading holding registers 7 to 8 (40008 to 40009 in manuals): illegal data address (exception 2)"
        );
        assert!(told(3, &read).starts_with("Impossible: "));
        assert_eq!(
            told(3, &write),
            "RangeError: writing holding register 7 (40008 in manuals): illegal data value (exception 3)"
        );
        assert_eq!(
            told(1, &write),
            "NotImplemented: writing holding register 7 (40008 in manuals): illegal function (exception 1); try \
             `function = \"multiple\"`"
        );
        let kinds = [4, 5, 6, 8, 10, 11, 99].map(|code| Exception::new(code).to_error(&read).kind().class());
        assert_eq!(
            kinds,
            [
                "HardwareError",
                "IsBusy",
                "IsBusy",
                "HardwareError",
                "CommunicationFailed",
                "CommunicationFailed",
                "HardwareError"
            ]
        );
    }

    #[test]
    fn an_address_that_looks_like_a_manuals_number_is_told() {
        let place = Place::parse("holding 40011").unwrap();
        let text = told(2, &Request::Read { place, count: 1 });
        assert!(
            text.ends_with("; if 40011 is the manual's number, write `at = \"40011\"`, which is holding register 10 (40011 in manuals)"),
            "{text}"
        );
    }
}
