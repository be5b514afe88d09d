//! What stands between the braces of a placeholder.

use super::{
    Checksum, Conversion, Fill, FloatStyle, Notation, NumberFormat, Radix, Raw, TextFormat, Whose, checksum::Algorithm,
};

/// What is wrong with a placeholder, and what to write instead.
pub(super) type Wrong = (String, String);

const PLACEHOLDERS: &str = "placeholders: `{}` the value, `{:.2f}` a number, `{:d}` `{:x}` a whole number, `{:u16be}` one as bytes, `{:s}` text, `{name}` the value of another parameter, `{_}` anything, `{!sum8}` a checksum";

/// Reads what stands between the braces.
pub(super) fn placeholder(inner: &str) -> Result<(Whose, Conversion), Wrong> {
    if let Some(frame) = inner.strip_prefix('!') {
        return frame_part(frame).map(|conversion| (Whose::Frame, conversion));
    }
    let (name, spec) = match inner.split_once(':') {
        Some((name, spec)) => (name, Some(spec)),
        None => (inner, None),
    };
    let whose = match name {
        "" => Whose::Own,
        "_" => Whose::Nobody,
        name => match name.strip_prefix('$') {
            Some(setting) if is_word(setting) => Whose::Setting(setting.to_owned()),
            None if is_word(name) => Whose::Of(name.to_owned()),
            _ => return Err(unknown(inner, name)),
        },
    };
    let conversion = match spec {
        None => Conversion::Plain,
        Some(spec) => conversion_of(spec).map_err(|help| match help {
            Some(help) => (format!("unknown placeholder `{{{inner}}}`"), help),
            None => unknown(inner, spec),
        })?,
    };
    Ok((whose, conversion))
}

fn is_word(name: &str) -> bool {
    baton_plugin_api::is_name(name)
}

/// `like_c` is what may have been meant behind a colon.
fn unknown(inner: &str, like_c: &str) -> Wrong {
    let like_c = like_c.trim_start_matches('%');
    let help = match conversion_of(like_c) {
        Ok(_) if !like_c.is_empty() => format!("did you mean `{{:{like_c}}}`?"),
        _ => PLACEHOLDERS.to_owned(),
    };
    (format!("unknown placeholder `{{{inner}}}`"), help)
}

/// What stands behind the colon.
///
/// # Errors
/// What to write instead, if that is clear.
pub(crate) fn conversion_of(spec: &str) -> Result<Conversion, Option<String>> {
    match spec {
        "" => return Err(None),
        "q" => return Ok(Conversion::Quoted),
        "w" => return Ok(Conversion::Blank),
        _ => {}
    }
    if let Some(width) = width(spec) {
        return Ok(Conversion::Width(width));
    }
    if let Some(raw) = Raw::parse(spec).map_err(Some)? {
        return Ok(Conversion::Number(Notation::Raw(raw)));
    }
    if let Some(text) = text(spec) {
        return Ok(Conversion::Text(text));
    }
    number(spec)
        .map(|format| Conversion::Number(Notation::Text(format)))
        .ok_or(None)
}

/// A number alone, as a checksum or a length is written.
///
/// # Errors
/// As [`conversion_of`].
pub(crate) fn notation_of(spec: &str) -> Result<Notation, Option<String>> {
    match conversion_of(spec)? {
        Conversion::Number(notation) => Ok(notation),
        _ => Err(None),
    }
}

fn frame_part(inner: &str) -> Result<Conversion, Wrong> {
    let wrong = |help: String| Err((format!("unknown placeholder `{{!{inner}}}`"), help));
    let (name, spec) = match inner.split_once(':') {
        Some((name, spec)) => (name, Some(spec)),
        None => (inner, None),
    };
    match (name, spec) {
        ("start", None) => return Ok(Conversion::Start),
        ("end", None) => return Ok(Conversion::End),
        _ => {}
    }
    let Some(algorithm) = Algorithm::named(name) else {
        let listed = |names: Vec<&str>| {
            names
                .iter()
                .map(|name| format!("`{{!{name}}}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let family: Vec<&str> = Algorithm::names().filter(|known| known.starts_with(name)).collect();
        let help = match baton_plugin_api::diagnostic::nearest(name, Algorithm::names()) {
            _ if family.len() > 1 && !name.is_empty() => format!("say which: {}", listed(family)),
            Some(near) => format!("did you mean `{{!{near}}}`?"),
            None => format!(
                "checksums: {}; `{{!start}}` and `{{!end}}` say what they are of",
                listed(Algorithm::names().collect())
            ),
        };
        return wrong(help);
    };
    let notation = match spec.map(notation_of) {
        None => algorithm.notation(),
        Some(Ok(notation)) if notation.is_whole() => notation,
        Some(Err(Some(help))) => return wrong(help),
        Some(_) => {
            return wrong(format!(
                "say how it is written: `{{!{name}}}` as bytes, `{{!{name}:{}}}` in characters",
                algorithm.characters()
            ));
        }
    };
    Ok(Conversion::Checksum(Checksum { algorithm, notation }))
}

/// `[<|>][width]s`
fn text(spec: &str) -> Option<TextFormat> {
    let spec = spec.strip_suffix('s')?;
    let (spec, right) = match spec.strip_prefix('>') {
        Some(rest) => (rest, true),
        None => (spec.strip_prefix('<').unwrap_or(spec), false),
    };
    let width = if spec.is_empty() { 0 } else { width(spec)? };
    Some(TextFormat { width, right })
}

/// `[<|>][+|-][0][width][.precision](f|e|E|g|d|x|X|o|b)`
fn number(spec: &str) -> Option<NumberFormat> {
    let (spec, side) = match (spec.strip_prefix('<'), spec.strip_prefix('>')) {
        (Some(rest), _) => (rest, Fill::Right),
        (None, Some(rest)) => (rest, Fill::Left),
        (None, None) => (spec, Fill::Left),
    };
    let (spec, plus) = spec.strip_prefix('+').map_or((spec, false), |rest| (rest, true));
    let (spec, complement) = spec.strip_prefix('-').map_or((spec, false), |rest| (rest, true));
    let (spec, zeros) = spec.strip_prefix('0').map_or((spec, false), |rest| (rest, true));
    let letter = spec.chars().last()?;
    let sizes = &spec[..spec.len() - letter.len_utf8()];
    let (width, precision) = match sizes.split_once('.') {
        Some((width, precision)) => (width, Some(count(precision)?)),
        None => (sizes, None),
    };
    let width = if width.is_empty() { 0 } else { count(width)? };
    if zeros && (width == 0 || side == Fill::Right) {
        return None;
    }
    let radix = match (letter, precision) {
        ('f', _) => Radix::Float(FloatStyle::Fixed),
        ('e' | 'E', _) => Radix::Float(FloatStyle::Exponent { upper: letter == 'E' }),
        ('g', None) => Radix::Float(FloatStyle::Shortest),
        ('d', None) => Radix::Decimal,
        ('x' | 'X', None) if !plus => Radix::Hexadecimal { upper: letter == 'X' },
        ('o', None) if !plus => Radix::Octal,
        ('b', None) if !plus => Radix::Binary,
        _ => return None,
    };
    let has_complement = width > 0 && !matches!(letter, 'f' | 'e' | 'E' | 'g' | 'd');
    if complement && (plus || !has_complement) {
        return None;
    }
    Some(NumberFormat {
        complement,
        radix,
        precision,
        width,
        fill: if zeros { Fill::Zeros } else { side },
        plus,
    })
}

/// A width or a precision; more than anybody prints is no count.
fn count(digits: &str) -> Option<u8> {
    let count = digits.parse().ok().filter(|n| *n <= 64)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(count)
}

/// A number of bytes, from 1 to 4096.
fn width(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|n| plain && (1..=4096).contains(n))
}
