//! Reads a template.

use std::{iter::Peekable, ops::Range, str::CharIndices};

use super::{Conversion, FloatStyle, NumberFormat, Piece, Placeholder, Radix, Template};
use crate::{file::Encoding, text::encode_char};

/// Something wrong in a template.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Slip {
    /// Bytes of the template's text that it is about.
    pub(crate) span: Range<usize>,
    /// What is wrong, in lower case without a full stop.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: Option<String>,
}

const PLACEHOLDERS: &str = "placeholders: `{}` the value, `{:f}` `{:.2f}` `{:e}` a number, `{:d}` `{:x}` a whole number, `{:s}` text, `{_}` anything";

/// Reads a template, and finds everything that is wrong with it.
pub(crate) fn parse(text: &str, encoding: Encoding) -> Result<Template, Vec<Slip>> {
    Parser::new(text, encoding).run(true)
}

/// Reads text that has escapes but no placeholders.
pub(crate) fn literal(text: &str, encoding: Encoding) -> Result<Vec<u8>, Vec<Slip>> {
    let template = Parser::new(text, encoding).run(false)?;
    Ok(match template.pieces.into_iter().next() {
        Some(Piece::Literal(bytes)) => bytes,
        _ => Vec::new(),
    })
}

struct Parser<'t> {
    text: &'t str,
    encoding: Encoding,
    rest: Peekable<CharIndices<'t>>,
    pieces: Vec<Piece>,
    slips: Vec<Slip>,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, encoding: Encoding) -> Self {
        let rest = text.char_indices().peekable();
        let (pieces, slips) = (Vec::new(), Vec::new());
        Parser {
            text,
            encoding,
            rest,
            pieces,
            slips,
        }
    }

    fn run(mut self, placeholders: bool) -> Result<Template, Vec<Slip>> {
        while let Some((start, c)) = self.rest.next() {
            match c {
                '\\' => self.escape(start),
                '{' if placeholders => self.open_brace(start),
                '}' if placeholders => self.close_brace(start),
                c => self.character(start, c),
            }
        }
        if !self.slips.is_empty() {
            return Err(self.slips);
        }
        Ok(Template {
            text: self.text.to_owned(),
            pieces: self.pieces,
        })
    }

    fn slip(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.slips.push(Slip {
            span,
            message: message.into(),
            help: Some(help.into()),
        });
    }

    fn push(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            Some(Piece::Literal(literal)) => literal.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Literal(bytes.to_vec())),
        }
    }

    fn character(&mut self, start: usize, c: char) {
        match encode_char(c, self.encoding) {
            Some(bytes) => self.push(&bytes),
            None => self.slip(
                start..start + c.len_utf8(),
                format!("`{c}` is no character of this encoding"),
                "set `encoding` in `[line]`, or write its bytes as `\\xHH`",
            ),
        }
    }

    fn escape(&mut self, start: usize) {
        let next = self.rest.next();
        let byte = match next.map(|(_, c)| c) {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('e') => 0x1b,
            Some('\\') => b'\\',
            Some('x') => return self.hex_escape(start),
            _ => {
                let end = next.map_or(start + 1, |(at, c)| at + c.len_utf8());
                let message = format!("unknown escape `{}`", &self.text[start..end]);
                let help = "escapes: `\\r` `\\n` `\\t` `\\e` `\\0` `\\xHH` and `\\\\` for a backslash";
                return self.slip(start..end, message, help);
            }
        };
        self.push(&[byte]);
    }

    fn hex_escape(&mut self, start: usize) {
        let digits = self.text.get(start + 2..start + 4).unwrap_or_default();
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if !digits.starts_with('+') => {
                self.rest.next();
                self.rest.next();
                self.push(&[byte]);
            }
            _ => self.slip(
                start..start + 2,
                "`\\x` needs two hexadecimal digits",
                "write `\\x02` for the byte 2",
            ),
        }
    }

    fn open_brace(&mut self, start: usize) {
        if self.rest.next_if(|(_, c)| *c == '{').is_some() {
            return self.push(b"{");
        }
        let Some(length) = self.text[start..].find('}') else {
            while self.rest.next().is_some() {}
            let help = "close it with `}`, or write `{{` for a brace";
            return self.slip(start..self.text.len(), "a placeholder is not closed", help);
        };
        let span = start..start + length + 1;
        while self.rest.next_if(|(at, _)| *at < span.end).is_some() {}
        match conversion(&self.text[start + 1..span.end - 1]) {
            Ok(conversion) => self.placeholder(span, conversion),
            Err((message, help)) => self.slip(span, message, help),
        }
    }

    fn placeholder(&mut self, span: Range<usize>, conversion: Conversion) {
        let open_ended = |c: &Conversion| matches!(c, Conversion::Text | Conversion::Skip | Conversion::Own);
        if let Some(Piece::Placeholder(before)) = self.pieces.last()
            && open_ended(&before.conversion)
        {
            let both = before.span.start..span.end;
            let help = "put the text that comes between them there";
            self.slip(both, "nothing tells where the first of these placeholders ends", help);
        }
        self.pieces.push(Piece::Placeholder(Placeholder { span, conversion }));
    }

    fn close_brace(&mut self, start: usize) {
        if self.rest.next_if(|(_, c)| *c == '}').is_some() {
            return self.push(b"}");
        }
        self.slip(start..start + 1, "a brace closes nothing", "write `}}` for a brace");
    }
}

/// What stands between the braces.
fn conversion(inner: &str) -> Result<Conversion, (String, String)> {
    let unknown = |help: &str| Err((format!("unknown placeholder `{{{inner}}}`"), help.to_owned()));
    match inner {
        "" => return Ok(Conversion::Own),
        "_" => return Ok(Conversion::Skip),
        _ => {}
    }
    let Some(spec) = inner.strip_prefix(':') else {
        let like_c = inner.strip_prefix('%').unwrap_or(inner);
        return match number_or_text(like_c) {
            Some(_) => unknown(&format!("did you mean `{{:{like_c}}}`?")),
            None => unknown(PLACEHOLDERS),
        };
    };
    match number_or_text(spec) {
        Some(conversion) => Ok(conversion),
        None => match number_or_text(spec.trim_start_matches('%')) {
            Some(_) => unknown(&format!("did you mean `{{:{}}}`?", spec.trim_start_matches('%'))),
            None => unknown(PLACEHOLDERS),
        },
    }
}

/// `[+][0][width][.precision](f|e|d|x|X|s)`.
fn number_or_text(spec: &str) -> Option<Conversion> {
    if spec == "s" {
        return Some(Conversion::Text);
    }
    let (spec, plus) = spec.strip_prefix('+').map_or((spec, false), |rest| (rest, true));
    let (spec, zeros) = spec.strip_prefix('0').map_or((spec, false), |rest| (rest, true));
    let letter = spec.chars().last()?;
    let (width, precision) = match spec[..spec.len() - letter.len_utf8()].split_once('.') {
        Some((width, precision)) => (width, Some(count(precision)?)),
        None => (&spec[..spec.len() - letter.len_utf8()], None),
    };
    let width = if width.is_empty() { 0 } else { count(width)? };
    if zeros && width == 0 {
        return None;
    }
    let radix = match (letter, precision) {
        ('f', _) => Radix::Float(FloatStyle::Fixed),
        ('e', _) => Radix::Float(FloatStyle::Exponent),
        ('d', None) => Radix::Decimal,
        ('x' | 'X', None) if !plus => Radix::Hexadecimal { upper: letter == 'X' },
        _ => return None,
    };
    Some(Conversion::Number(NumberFormat {
        radix,
        precision,
        width,
        zeros,
        plus,
    }))
}

/// A width or a precision; more than anybody prints is no count.
fn count(digits: &str) -> Option<u8> {
    digits.parse().ok().filter(|n| *n <= 40 && !digits.starts_with('+'))
}
