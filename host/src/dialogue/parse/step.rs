//! What stands behind the sign that leads a line.

use std::time::Duration;

use baton_plugin_api::ErrorKind;

use super::{Outcome, Piece, Reader, Said};
use crate::{traffic::unescape, units::Unit};

impl Reader<'_> {
    pub(super) fn sent(&self, text: Piece<'_>) -> Outcome<Said> {
        let bytes = self.bytes(text)?;
        match bytes.is_empty() {
            true => Err(self.error(text.span(), "nothing is sent").help("leave the line out")),
            false => Ok(Said::Sent(bytes)),
        }
    }

    pub(super) fn received(&self, text: Piece<'_>) -> Outcome<Said> {
        let bytes = self.bytes(text)?;
        match bytes.is_empty() {
            true => Err(self
                .error(text.span(), "nothing comes back")
                .help("leave the line out; an empty line is `<- \\r\\n`")),
            false => Ok(Said::Received(bytes)),
        }
    }

    /// What stands behind `->` or `<-`.
    fn bytes(&self, text: Piece<'_>) -> Outcome<Vec<u8>> {
        if let Some(digits) = text.text.strip_prefix("x ") {
            return self.hexadecimal(text.skip(text.text.len() - digits.len()));
        }
        // One blank sets the text off; more of them belong to it.
        let text = match text.text.starts_with(' ') {
            true => text.skip(1),
            false => text,
        };
        unescape(text.text).map_err(|wrong| {
            let span = text.at + wrong.span.start..text.at + wrong.span.end;
            let shown = &text.text[wrong.span];
            self.error(span, format!("`{shown}` is no escape"))
                .help("there are `\\r`, `\\n`, `\\t`, `\\0`, `\\xHH`, and `\\\\` for the backslash itself")
        })
    }

    fn hexadecimal(&self, digits: Piece<'_>) -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut rest = digits;
        while !rest.text.is_empty() {
            let (word, behind) = rest.word();
            let pairs = word.text.as_bytes().chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair)
                    .ok()
                    .filter(|pair| pair.len() == 2 && !pair.starts_with('+'))?;
                u8::from_str_radix(pair, 16).ok()
            });
            let pairs: Option<Vec<u8>> = pairs.collect();
            bytes.extend(pairs.ok_or_else(|| {
                let error = self.error(word.span(), format!("`{}` is no byte in hexadecimal digits", word.text));
                error.help("write two digits for each: `->x 01 03 00 0a`")
            })?);
            rest = behind;
        }
        Ok(bytes)
    }

    pub(super) fn value(&self, text: Piece<'_>) -> Outcome<Said> {
        Ok(Said::Value(text.text.trim().to_owned()))
    }

    pub(super) fn fails(&self, text: Piece<'_>) -> Outcome<Said> {
        let trimmed = text.text.trim();
        let (kind, part) = match trimmed.split_once(':') {
            Some((kind, part)) => (kind.trim(), Some(part.trim().to_owned())),
            None => (trimmed, None),
        };
        let found = ErrorKind::from_class(kind).ok_or_else(|| {
            let at = text.at + text.text.find(kind).unwrap_or(0);
            let kinds = KINDS.map(ErrorKind::class);
            self.error(at..at + kind.len(), format!("there is no kind of error `{kind}`"))
                .help_names(kind, "kinds", kinds)
        })?;
        Ok(Said::Fails(found, part.filter(|part| !part.is_empty())))
    }

    pub(super) fn unasked(&self, text: Piece<'_>) -> Outcome<Said> {
        match text.text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                Ok(Said::Unasked(name.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(self
                .error(text.span(), "no reading")
                .help("write `* temperature = 23.4 degC`")),
        }
    }

    pub(super) fn wait(&self, text: Piece<'_>) -> Outcome<Said> {
        let seconds = Unit::parse("s").quantity(text.text).ok();
        let seconds = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        match seconds {
            Some(duration) => Ok(Said::Wait(duration)),
            None => Err(self
                .error(text.span(), format!("`{}` is no time", text.text))
                .help("write `wait 300 ms`")),
        }
    }
}

/// What an instrument, or the driver on its behalf, fails with.
const KINDS: [ErrorKind; 13] = [
    ErrorKind::HardwareError,
    ErrorKind::ReadFailed,
    ErrorKind::Timeout,
    ErrorKind::CommunicationFailed,
    ErrorKind::RangeError,
    ErrorKind::OutOfRange,
    ErrorKind::IsBusy,
    ErrorKind::IsError,
    ErrorKind::Disabled,
    ErrorKind::Impossible,
    ErrorKind::WrongType,
    ErrorKind::ReadOnly,
    ErrorKind::InternalError,
];
