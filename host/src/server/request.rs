//! A line from a client, taken apart: `action specifier data`. Pure.

use serde_json::Value as Json;

use super::reply::Report;

/// The longest action or specifier that makes sense: two names of 63 characters and some.
const WORD_MAX: usize = 200;

/// A well-formed line. What it asks for may still be nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request<'a> {
    /// What to do: `read`, `change`, …
    pub(super) action: &'a str,
    /// To what: `stage:target`, or a token of the client.
    pub(super) specifier: &'a str,
    /// The rest of the line; empty if there is none.
    pub(super) data: &'a str,
}

/// A line that is no request, and what the client is told.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed {
    /// The action as far as it can be shown in a reply.
    pub(super) action: String,
    /// What is wrong.
    pub(super) report: Report,
}

impl<'a> Request<'a> {
    /// Parses a line without its end; `None` for white space alone, which asks for nothing.
    pub(super) fn parse(line: &'a [u8]) -> Result<Option<Request<'a>>, Malformed> {
        let malformed = |text: &str| Malformed {
            action: printable(line),
            report: Report::protocol(text),
        };
        let text = std::str::from_utf8(line).map_err(|_| malformed("a request is a line of UTF-8 text"))?;
        let text = text.trim_end_matches(['\r', ' ']);
        if text.trim().is_empty() {
            return Ok(None);
        }
        let mut parts = text.splitn(3, ' ');
        let mut next = || parts.next().unwrap_or_default();
        let (action, specifier, data) = (next(), next(), next());
        for word in [action, specifier] {
            if word.len() > WORD_MAX || word.chars().any(char::is_control) {
                return Err(malformed(
                    "a request is an action, a name and JSON, with a blank in between; try `help`",
                ));
            }
        }
        Ok(Some(Request {
            action,
            specifier,
            data: data.trim(),
        }))
    }

    /// The data as JSON; `null` if there is none.
    ///
    /// # Errors
    /// `BadJSON`, also for what is nested too deep.
    pub(super) fn json(&self) -> Result<Json, Report> {
        if self.data.is_empty() {
            return Ok(Json::Null);
        }
        serde_json::from_str(self.data).map_err(|error| Report::new("BadJSON", format!("not JSON: {error}")))
    }

    /// Whether there is data.
    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }
}

/// The first word of anything, so that a reply can quote it on one line.
fn printable(line: &[u8]) -> String {
    let word = line.iter().take_while(|byte| **byte != b' ').take(32);
    let show = |byte: &u8| {
        if byte.is_ascii_graphic() {
            char::from(*byte)
        } else {
            '?'
        }
    };
    word.map(show).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(line: &[u8], expected: Expect) {
        let shown = match Request::parse(line) {
            Ok(None) => "nothing".to_owned(),
            Ok(Some(request)) => match request.json() {
                Ok(json) => format!("{}|{}|{json}", request.action, request.specifier),
                Err(report) => format!("{}|{}|{}", request.action, request.specifier, report.to_json()),
            },
            Err(malformed) => format!("{} {}", malformed.action, malformed.report.to_json()),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_request_has_up_to_three_parts() {
        check(b"*IDN?", expect!["*IDN?||null"]);
        check(b"read stage:value\r", expect!["read|stage:value|null"]);
        check(
            b"change stage:target  [1, \"a b\"] ",
            expect![[r#"change|stage:target|[1,"a b"]"#]],
        );
        check(b"  \r", expect!["nothing"]);
        check(b"  \t\x0b", expect!["nothing"]);
    }

    #[test]
    fn w6_junk_gets_an_error_on_one_line() {
        check(
            b"\xff\xfe\x00\n junk",
            expect![[r#"???? ["ProtocolError","a request is a line of UTF-8 text",{}]"#]],
        );
        check(
            b"re\0ad stage:value",
            expect![[
                r#"re?ad ["ProtocolError","a request is an action, a name and JSON, with a blank in between; try `help`",{}]"#
            ]],
        );
        check(
            b"change a:b {",
            expect![[r#"change|a:b|["BadJSON","not JSON: EOF while parsing an object at line 1 column 1",{}]"#]],
        );
        let deep = format!("change a:b {}", "[".repeat(100_000));
        check(
            deep.as_bytes(),
            expect![[r#"change|a:b|["BadJSON","not JSON: recursion limit exceeded at line 1 column 128",{}]"#]],
        );
    }
}
