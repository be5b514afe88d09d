//! What tells a line which of its instruments is meant.

use baton_plugin_api::{Error, ErrorKind, Result};

use crate::{
    bus::Station,
    line::{Line, Patience, Question},
    manner::{Manner, Turn},
};

/// A line with `{station}` in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Station(Layout),
}

/// How the station is written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Layout {
    /// Digits, with zeros before.
    width: usize,
    radix: Radix,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Radix {
    #[default]
    Decimal,
    Hex,
    UpperHex,
}

impl Template {
    /// Reads `++addr {station}` or `@{station:02X}`.
    ///
    /// # Errors
    /// What is wrong with it, and how it is right.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| {
            let help = "write `{station}`, `{station:02}` or `{station:02X}`";
            Error::new(ErrorKind::WrongType, format!("select `{text}`: {what}; {help}"))
        };
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            pieces.push(Piece::Text(before.to_owned()));
            let (inside, after) = after
                .split_once('}')
                .ok_or_else(|| wrong("a `{` has no `}`".to_owned()))?;
            let (name, layout) = inside.split_once(':').unwrap_or((inside, ""));
            if name.trim_start_matches('$') != "station" {
                return Err(wrong(format!("`{{{inside}}}` stands for nothing")));
            }
            let layout = Layout::parse(layout).ok_or_else(|| wrong(format!("`{layout}` says nothing")))?;
            pieces.push(Piece::Station(layout));
            rest = after;
        }
        if rest.contains('}') {
            return Err(wrong("a `}` has no `{`".to_owned()));
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Template { pieces })
    }

    /// Whether it differs from one station to the next.
    pub(crate) fn needs_station(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Station(_)))
    }

    /// The line for one station.
    ///
    /// # Errors
    /// If the station is a text where a number is to be laid out.
    pub(crate) fn print(&self, station: &Station) -> Result<Vec<u8>> {
        let mut text = String::new();
        for piece in &self.pieces {
            match (piece, station) {
                (Piece::Text(literal), _) => text.push_str(literal),
                (Piece::Station(layout), Station::Number(n)) => text.push_str(&layout.print(*n)),
                (Piece::Station(layout), Station::Text(name)) if *layout == Layout::default() => text.push_str(name),
                (Piece::Station(_), Station::Text(name)) => {
                    let what = format!("the line lays its stations out as numbers, and the station `{name}` is none");
                    return Err(Error::new(ErrorKind::WrongType, what));
                }
            }
        }
        Ok(text.into_bytes())
    }
}

impl Layout {
    fn parse(text: &str) -> Option<Self> {
        let (digits, radix) = match text.strip_suffix(['d', 'x', 'X']) {
            Some(digits) if text.ends_with('x') => (digits, Radix::Hex),
            Some(digits) if text.ends_with('X') => (digits, Radix::UpperHex),
            Some(digits) => (digits, Radix::Decimal),
            None => (text, Radix::Decimal),
        };
        let width = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        (width <= 20).then_some(Layout { width, radix })
    }

    fn print(self, n: i64) -> String {
        let width = self.width;
        match self.radix {
            Radix::Decimal => format!("{n:0width$}"),
            Radix::Hex => format!("{n:0width$x}"),
            Radix::UpperHex => format!("{n:0width$X}"),
        }
    }
}

/// What is sent before an instrument is spoken to, if another one was the last.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    text: Vec<u8>,
    manner: Manner,
}

impl Select {
    pub(crate) fn new(text: Vec<u8>, manner: Manner) -> Self {
        Select { text, manner }
    }

    /// Sees to it that this instrument hears what comes next.
    ///
    /// # Errors
    /// If the line is gone, or the call is cancelled.
    pub(crate) fn ensure(&self, line: &mut Line, patience: &dyn Patience) -> Result<()> {
        if line.selected().as_deref() != Some(&self.text) {
            *line.selected() = None;
            self.tell(line, patience)?;
            *line.selected() = Some(self.text.clone());
        }
        Ok(())
    }

    /// Sends it.
    ///
    /// # Errors
    /// As [`ensure`](Self::ensure).
    pub(crate) fn tell(&self, line: &mut Line, patience: &dyn Patience) -> Result<()> {
        let question = Question {
            of: 0,
            text: &self.text,
            manner: &self.manner,
            turn: &Turn::default(),
            fits: &|_| false,
            kind: ErrorKind::HardwareError,
        };
        line.tell(&question, patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(template: &str, station: Station) -> String {
        match Template::parse(template).and_then(|template| template.print(&station)) {
            Ok(text) => String::from_utf8(text).unwrap(),
            Err(error) => error.message().to_owned(),
        }
    }

    #[test]
    fn a_station_is_written_as_the_line_wants_it() {
        assert_eq!(shown("++addr {station}", Station::Number(5)), "++addr 5");
        assert_eq!(shown("@{station:02}", Station::Number(5)), "@05");
        assert_eq!(shown("{station:02X}#", Station::Number(250)), "FA#");
        assert_eq!(shown("{$station:3x}", Station::Number(250)), "0fa");
        assert_eq!(shown("sel {station}", Station::Text("A".into())), "sel A");
        assert!(!Template::parse("++auto 1").unwrap().needs_station());
    }

    #[test]
    fn what_cannot_be_written_says_why() {
        let number = Station::Number(5);
        assert_eq!(
            shown("++addr {adress}", number.clone()),
            "select `++addr {adress}`: `{adress}` stands for nothing; write `{station}`, `{station:02}` or `{station:02X}`"
        );
        assert!(shown("++addr {station", number.clone()).contains("a `{` has no `}`"));
        assert!(shown("++addr station}", number.clone()).contains("a `}` has no `{`"));
        assert!(shown("{station:.2f}", number).contains("`.2f` says nothing"));
        assert_eq!(
            shown("@{station:02}", Station::Text("A".into())),
            "the line lays its stations out as numbers, and the station `A` is none"
        );
    }
}
