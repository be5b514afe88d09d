//! Bytes that go over a line, as text that a person can read and write, and that means exactly these bytes.

use std::fmt::Write;

/// Bytes as text: what can be seen stands for itself, the rest is escaped. [`unescape`] gives the same bytes back.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            escape_char(c, &mut text);
        }
        for byte in chunk.invalid() {
            escape_byte(*byte, &mut text);
        }
    }
    // A space at either end is easily overlooked, and lost by editors.
    if text.ends_with(' ') {
        text.replace_range(text.len() - 1.., "\\x20");
    }
    if text.starts_with(' ') {
        text.replace_range(..1, "\\x20");
    }
    text
}

fn escape_char(c: char, text: &mut String) {
    match c {
        '\r' => text.push_str("\\r"),
        '\n' => text.push_str("\\n"),
        '\t' => text.push_str("\\t"),
        '\\' => text.push_str("\\\\"),
        // A byte order mark, a soft hyphen, a directional mark: whatever would not be seen, or not as what it is.
        c if c.is_control() || !c.is_ascii() && !c.is_alphanumeric() && !"°µ²³±·Ω€‰→←–—…«»§".contains(c) => {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                escape_byte(byte, text);
            }
        }
        c => text.push(c),
    }
}

fn escape_byte(byte: u8, text: &mut String) {
    write!(text, "\\x{byte:02x}").expect("a string can be written to");
}

/// What is wrong with an escape, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadEscape {
    /// The bytes of the text that it covers.
    pub span: std::ops::Range<usize>,
}

/// The bytes that a text stands for: itself in UTF-8, with `\r`, `\n`, `\t`, `\0`, `\\` and `\xHH` for what cannot be
/// seen.
///
/// # Errors
/// The first escape that is none of these.
pub fn unescape(text: &str) -> Result<Vec<u8>, BadEscape> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let begin = text.len() - rest.len() + at;
        let (byte, length) = escaped(&rest[at + 1..]).ok_or_else(|| {
            let shown: usize = rest[at..].chars().take(2).map(char::len_utf8).sum();
            BadEscape {
                span: begin..begin + shown,
            }
        })?;
        bytes.push(byte);
        rest = &rest[at + 1 + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The byte that stands after a backslash, and how many characters say so.
fn escaped(after: &str) -> Option<(u8, usize)> {
    let byte = match after.bytes().next()? {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'x' => {
            let digits = after
                .get(1..3)
                .filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
            return Some((u8::from_str_radix(digits, 16).ok()?, 3));
        }
        _ => return None,
    };
    Some((byte, 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(escape(b"24.0\r\n\x02\xff\\"), "24.0\\r\\n\\x02\\xff\\\\");
        assert_eq!(escape("20 °C".as_bytes()), "20 °C");
        assert_eq!(escape(b" a b "), "\\x20a b\\x20");
        assert_eq!(escape(b" "), "\\x20");
        assert_eq!(escape("\u{feff}".as_bytes()), "\\xef\\xbb\\xbf");
    }

    #[test]
    fn an_escape_that_is_none_is_told_with_its_place() {
        let wrong = |text: &str| unescape(text).unwrap_err().span;
        assert_eq!(wrong("a\\q"), 1..3);
        assert_eq!(wrong("\\x4"), 0..2);
        assert_eq!(wrong("\\x+1"), 0..2);
        assert_eq!(wrong("°\\"), 2..3);
        assert_eq!(unescape("\\x0a\\0\\t"), Ok(b"\n\0\t".to_vec()));
    }

    proptest! {
        #[test]
        fn whatever_bytes_there_are_come_back(bytes: Vec<u8>, text: String) {
            prop_assert_eq!(unescape(&escape(&bytes)), Ok(bytes));
            prop_assert_eq!(unescape(&escape(text.as_bytes())), Ok(text.into_bytes()));
        }
    }
}
