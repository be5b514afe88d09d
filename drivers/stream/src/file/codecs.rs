//! How a placeholder and the kind of its value make a codec.

use baton_plugin_api::diagnostic::Diagnostic;

use super::{Kind, subjects::Subject};
use crate::template::{
    self, Codec, Conversion, Field, FloatStyle, Notation, NumberFormat, Part, Radix, Slot, TextFormat,
};
#[cfg(any(test, fuzzing))]
use crate::template::{Format, Piece, Whose};

/// A template of one subject, for tests of what it prints and scans.
#[cfg(any(test, fuzzing))]
pub(crate) fn bound(text: &str, encoding: super::Encoding, own: &Subject) -> Result<Format, String> {
    let template = template::parse(text, encoding).map_err(|slips| format!("{text}: {slips:?}"))?;
    let part = |piece: &Piece| match piece {
        Piece::Literal(bytes) => Ok(Part::Literal(bytes.clone())),
        Piece::Placeholder(placeholder) => match (&placeholder.whose, &placeholder.conversion) {
            (Whose::Frame, Conversion::Start) => Ok(Part::Start),
            (Whose::Frame, Conversion::Checksum(checksum)) => Ok(Part::Checksum(*checksum)),
            (Whose::Frame, _) => Ok(Part::End),
            (Whose::Nobody, conversion) => Ok(field(Slot::Nobody, passed_over(conversion))),
            (_, conversion) => codec(conversion, own).map(|codec| field(Slot::Own, codec)),
        },
    };
    let parts: Result<Vec<Part>, Diagnostic> = template.pieces.iter().map(part).collect();
    Ok(Format {
        text: text.to_owned(),
        parts: parts.map_err(|wrong| format!("{text}: {}", wrong.message))?,
        encoding,
        terminator: Vec::new(),
    })
}

pub(super) fn field(slot: Slot, codec: Codec) -> Part {
    Part::Field(Field { slot, codec })
}

/// How what is of no interest is passed over.
pub(super) fn passed_over(conversion: &Conversion) -> Codec {
    match conversion {
        Conversion::Width(bytes) => Codec::Anything(usize::from(*bytes)),
        Conversion::Text(format) => Codec::Anything(usize::from(format.width)),
        Conversion::Number(notation) => Codec::Number(*notation, template::Scale::NONE),
        Conversion::Quoted => Codec::Quoted,
        Conversion::Blank => Codec::Blank,
        Conversion::Plain | Conversion::Start | Conversion::End | Conversion::Checksum(_) => Codec::Anything(0),
    }
}

/// How a value becomes bytes and is read from them.
pub(super) fn codec(conversion: &Conversion, subject: &Subject) -> Result<Codec, Diagnostic> {
    let plain = |radix, width: u16| {
        let width = u8::try_from(width).unwrap_or(u8::MAX);
        Notation::Text(NumberFormat {
            width,
            ..NumberFormat::plain(radix)
        })
    };
    let width = match conversion {
        Conversion::Width(width) => *width,
        _ => 0,
    };
    let text = TextFormat { width, right: false };
    match (subject.kind, conversion) {
        (Kind::Number, Conversion::Plain | Conversion::Width(_)) => Ok(Codec::Number(
            plain(Radix::Float(FloatStyle::Fixed), width),
            subject.scale,
        )),
        (Kind::Integer, Conversion::Plain | Conversion::Width(_)) => {
            Ok(Codec::Integer(plain(Radix::Decimal, width), subject.whole))
        }
        (Kind::Text, Conversion::Plain | Conversion::Width(_)) => Ok(Codec::Text(text)),
        (Kind::Text, Conversion::Text(format)) => Ok(Codec::Text(*format)),
        (Kind::Text, Conversion::Quoted) => Ok(Codec::Quoted),
        (Kind::Bytes, Conversion::Plain | Conversion::Width(_)) => Ok(Codec::Bytes(usize::from(width))),
        (Kind::Enum | Kind::Bool, Conversion::Plain | Conversion::Width(_)) => {
            Ok(Codec::Choice(subject.choices(), usize::from(width)))
        }
        (Kind::Enum | Kind::Bool, Conversion::Number(notation)) if notation.is_whole() => {
            let members = subject.numbered().ok_or_else(|| {
                Diagnostic::error("the placeholder is for a whole number, and `values` has others")
                    .help("write `{}`: what stands for each member is in `values`")
            })?;
            Ok(Codec::Numbered(members, *notation))
        }
        (Kind::Number, Conversion::Number(notation)) => Ok(Codec::Number(*notation, subject.scale)),
        (Kind::Integer, Conversion::Number(notation)) if notation.is_whole() => {
            Ok(Codec::Integer(*notation, subject.whole))
        }
        (kind, conversion) => Err(mismatch(kind, conversion)),
    }
}

fn mismatch(kind: Kind, conversion: &Conversion) -> Diagnostic {
    let stands_for = match conversion {
        Conversion::Number(notation) => notation.noun(),
        Conversion::Blank => "white space".to_owned(),
        _ => "text".to_owned(),
    };
    let (is, help) = match kind {
        Kind::Number => ("a number", "write `{:f}`, or `type = \"text\"`"),
        Kind::Integer => ("an integer", "write `{:d}`, or `type = \"number\"`"),
        Kind::Text => ("text", "write `{:s}`, or `type = \"number\"`"),
        Kind::Enum => ("an enum", "write `{}`: what stands for each member is in `values`"),
        Kind::Bool => (
            "a bool",
            "write `{}`: what stands for `false` and `true` is in `values`",
        ),
        Kind::Bytes => ("bytes", "write `{}`, or `{:8}` for eight of them"),
    };
    Diagnostic::error(format!("the placeholder is for {stands_for}, and this is {is}")).help(help)
}
