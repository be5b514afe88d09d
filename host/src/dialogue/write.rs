//! Writing a dialogue down while it happens.

use std::fmt::Write;

use baton_plugin_api::{Direction, Error, Value};

use super::{Action, show_value};
use crate::traffic::escape;

/// Takes down what is asked, said and answered; its [`text`](Self::text) is a dialogue.
#[derive(Debug, Default)]
pub struct Recorder {
    text: String,
}

impl Recorder {
    /// Begins with a comment of any number of lines, and the options that the device is opened with.
    pub fn new(comment: &str, with: &[(String, String)]) -> Self {
        let mut text = String::new();
        for line in comment.lines() {
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }
        for (name, value) in with {
            writeln!(text, "with {name} = {value}").expect("a string can be written to");
        }
        Recorder { text }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Something is asked of the device.
    pub fn action(&mut self, action: &Action) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(&action.to_string());
    }

    /// Something was said.
    pub fn said(&mut self, direction: Direction, bytes: &[u8]) {
        self.line(&match is_text(bytes) {
            true => format!("{} {}", direction.arrow(), escape(bytes)),
            false => format!("{}x {}", direction.arrow(), hexadecimal(bytes)),
        });
    }

    /// It was done, with this value.
    pub fn value(&mut self, value: &Value, unit: &str) {
        if *value != Value::Unit {
            self.line(format!("= {}", show_value(value, unit)).trim_end());
        }
    }

    /// The device has said this beside it.
    pub fn unasked(&mut self, name: &str, value: &Value, unit: &str) {
        self.line(&format!("* {name} = {}", show_value(value, unit)));
    }

    /// It failed.
    pub fn failed(&mut self, error: &Error) {
        self.line(&format!("! {}", error.kind().class()));
    }

    /// Takes back what was written after the first so many bytes.
    pub fn cut(&mut self, bytes: usize) {
        self.text.truncate(bytes);
    }

    /// The dialogue so far.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// Whether bytes are worth reading as text: at most every third of them has to be escaped, not counting the line's end.
pub fn is_text(bytes: &[u8]) -> bool {
    let body = bytes.trim_ascii_end();
    let strange = body
        .iter()
        .filter(|byte| !byte.is_ascii_graphic() && **byte != b' ')
        .count();
    strange * 3 <= body.len()
}

/// Bytes as pairs of digits with blanks between them.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}
