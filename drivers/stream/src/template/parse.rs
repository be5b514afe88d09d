//! Reads a template.

use std::{iter::Peekable, ops::Range, str::CharIndices};

use super::{Piece, Placeholder, Template, spec};
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
        match spec::placeholder(&self.text[start + 1..span.end - 1]) {
            Ok((whose, conversion)) => self.pieces.push(Piece::Placeholder(Placeholder {
                span,
                whose,
                conversion,
            })),
            Err((message, help)) => self.slip(span, message, help),
        }
    }

    fn close_brace(&mut self, start: usize) {
        if self.rest.next_if(|(_, c)| *c == '}').is_some() {
            return self.push(b"}");
        }
        self.slip(start..start + 1, "a brace closes nothing", "write `}}` for a brace");
    }
}
