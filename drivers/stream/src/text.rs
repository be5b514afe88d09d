//! Characters, bytes, and how both look in a message.

use baton_plugin_api::Value;

use crate::file::Encoding;

/// The bytes of a character, if the encoding has it.
pub(crate) fn encode_char(c: char, encoding: Encoding) -> Option<Vec<u8>> {
    match encoding {
        Encoding::Utf8 => Some(c.to_string().into_bytes()),
        Encoding::Ascii => c.is_ascii().then(|| vec![c as u8]),
        Encoding::Bytes => c.is_ascii().then(|| vec![c as u8]),
        Encoding::Latin1 => u8::try_from(u32::from(c)).ok().map(|byte| vec![byte]),
    }
}

/// The bytes of a text, or the first character that the encoding does not have.
pub(crate) fn encode(text: &str, encoding: Encoding) -> Result<Vec<u8>, char> {
    if encoding == Encoding::Bytes {
        return unescape(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        bytes.extend(encode_char(c, encoding).ok_or(c)?);
    }
    Ok(bytes)
}

/// The text that bytes are, if they are one.
pub(crate) fn decode(bytes: &[u8], encoding: Encoding) -> Option<String> {
    match encoding {
        Encoding::Ascii if !bytes.is_ascii() => None,
        Encoding::Latin1 => Some(bytes.iter().copied().map(char::from).collect()),
        Encoding::Utf8 | Encoding::Ascii => String::from_utf8(bytes.to_vec()).ok(),
        Encoding::Bytes => Some(bytes.iter().map(|byte| escape(*byte)).collect()),
    }
}

/// A byte as text that says which: what can be seen is itself.
fn escape(byte: u8) -> String {
    match byte {
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    }
}

/// The bytes that a text of [`escape`]s says, or the first character that is none of them.
fn unescape(text: &str) -> Result<Vec<u8>, char> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let hex = rest.strip_prefix("\\x").and_then(|rest| rest.get(..2));
        let byte = match hex.filter(|hex| !hex.starts_with('+')) {
            Some(hex) => u8::from_str_radix(hex, 16).ok().map(|byte| (byte, 4)),
            None if rest.starts_with("\\\\") => Some((b'\\', 2)),
            None => Some((c as u8, 1)).filter(|_| c.is_ascii() && c != '\\'),
        };
        let (byte, length) = byte.ok_or(c)?;
        bytes.push(byte);
        rest = &rest[length..];
    }
    Ok(bytes)
}

/// Most bytes of a line that a message quotes.
const MOST_SHOWN: usize = 120;

/// Bytes for a message, in backticks, with escapes for what cannot be seen; of very many only the first.
pub(crate) fn show(bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(MOST_SHOWN)];
    let mut text = String::from("`");
    for chunk in shown.utf8_chunks() {
        for c in chunk.valid().chars() {
            show_char(c, &mut text);
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('`');
    if bytes.len() > MOST_SHOWN {
        text.push_str(&format!("… ({} bytes)", bytes.len()));
    }
    text
}

/// Text of an instrument file for a message: as the file has it, with escapes for what cannot be seen.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("`");
    for c in text.chars() {
        match c {
            '\\' => quoted.push(c),
            c => show_char(c, &mut quoted),
        }
    }
    quoted.push('`');
    quoted
}

/// A value for a message.
pub(crate) fn show_value(value: &Value) -> String {
    match value {
        Value::Text(text) => show(text.as_bytes()),
        Value::Int(n) => n.to_string(),
        // The form that turns to an exponent where a number becomes long.
        Value::Float(x) => format!("{x:?}"),
        Value::Bool(b) => b.to_string(),
        Value::Array(array) if array.element_type() == baton_plugin_api::ElementType::U8 => show(array.bytes()),
        other => other.noun().to_owned(),
    }
}

fn show_char(c: char, text: &mut String) {
    match c {
        '\r' => text.push_str("\\r"),
        '\n' => text.push_str("\\n"),
        '\t' => text.push_str("\\t"),
        '\\' => text.push_str("\\\\"),
        c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", c as u32)),
        c if c.is_control() => text.push_str(&format!("\\u{{{:x}}}", c as u32)),
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        assert_eq!(show(b"24.0\r\n\x02\xff\\"), "`24.0\\r\\n\\x02\\xff\\\\`");
        assert_eq!(show("20 °C".as_bytes()), "`20 °C`");
        assert!(show(&[b'x'; 500]).ends_with("x`… (500 bytes)"));
    }

    #[test]
    fn each_encoding_has_its_characters() {
        assert_eq!(encode("5 µ", Encoding::Latin1), Ok(b"5 \xb5".to_vec()));
        assert_eq!(encode("5 µ", Encoding::Ascii), Err('µ'));
        assert_eq!(decode(b"\xb0C", Encoding::Latin1).as_deref(), Some("°C"));
        assert_eq!(decode(b"\xb0C", Encoding::Utf8), None);
        assert_eq!(decode("°C".as_bytes(), Encoding::Ascii), None);
        assert_eq!(decode(b"a\\\x02\xff", Encoding::Bytes).as_deref(), Some(r"a\\\x02\xff"));
        assert_eq!(encode(r"a\\\x02\xff", Encoding::Bytes), Ok(b"a\\\x02\xff".to_vec()));
        for (wrong, c) in [("µ", 'µ'), (r"\q", '\\'), (r"\x0", '\\'), ("\\", '\\')] {
            assert_eq!(encode(wrong, Encoding::Bytes), Err(c), "{wrong}");
        }
    }
}
