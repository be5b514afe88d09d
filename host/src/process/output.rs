//! What a child prints: lines in the host's log, and the last of them as its last words.

use std::{collections::VecDeque, os::fd::OwnedFd};

use rustix::{buffer::spare_capacity, io::Errno};

/// A line longer than this is cut.
const LINE_MAX: usize = 4096;
/// So many lines are kept.
const TAIL: usize = 32;
/// Words of lines that say why a process ends; a backtrace may follow them.
const TELLING: [&str; 6] = [
    "panicked at",
    "memory allocation",
    "overflowed its stack",
    "ssertion",
    "fatal",
    "terminate",
];
/// So much is taken at a time, so that one child that prints without end does not keep the others waiting.
const TURN: usize = 64 << 10;

/// One of the two streams of a child.
pub(super) struct Output {
    /// `None` when it is closed.
    pipe: Option<OwnedFd>,
    /// What has come of a line.
    line: Vec<u8>,
    is_error: bool,
    /// The last lines that were not empty, the latest last.
    tail: VecDeque<String>,
}

impl Output {
    pub(super) fn new(pipe: OwnedFd, is_error: bool) -> Self {
        Output {
            pipe: Some(pipe),
            line: Vec::new(),
            is_error,
            tail: VecDeque::new(),
        }
    }

    /// Passes on what has been printed. `false` once there can be no more. The pipe does not block.
    pub(super) fn drain(&mut self, name: &str) -> bool {
        let mut taken = 0;
        while let Some(pipe) = &self.pipe {
            let before = self.line.len();
            self.line.reserve(LINE_MAX);
            match rustix::io::read(pipe, spare_capacity(&mut self.line)) {
                Ok(0) => {
                    self.pipe = None;
                    let rest = std::mem::take(&mut self.line);
                    self.tell(name, &rest);
                }
                Ok(count) => {
                    self.split(name, before);
                    taken += count;
                    if taken >= TURN {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => self.pipe = None,
            }
        }
        self.pipe.is_some()
    }

    pub(super) fn pipe(&self) -> Option<&OwnedFd> {
        self.pipe.as_ref()
    }

    /// What it printed last that may say why it ended: the last line, unless one before it sounds more like it.
    pub(super) fn last_words(&self) -> Option<String> {
        let telling = |line: &String| TELLING.iter().any(|word| line.contains(word));
        let at = self.tail.iter().rposition(telling).or(self.tail.len().checked_sub(1))?;
        let line = &self.tail[at];
        Some(match self.tail.get(at + 1) {
            // A panic's message is on a line of its own.
            Some(next) if line.ends_with(':') => format!("{line} {next}"),
            _ => line.clone(),
        })
    }

    /// Passes on the whole lines; `before` is where what is new begins.
    fn split(&mut self, name: &str, before: usize) {
        let mut begin = 0;
        let mut line = std::mem::take(&mut self.line);
        let mut search = before;
        while let Some(end) = line[search..].iter().position(|byte| *byte == b'\n') {
            self.tell(name, &line[begin..search + end]);
            begin = search + end + 1;
            search = begin;
        }
        line.drain(..begin);
        if line.len() >= LINE_MAX {
            self.tell(name, &line);
            line.clear();
        }
        self.line = line;
    }

    fn tell(&mut self, name: &str, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        if self.is_error {
            tracing::warn!(device = %name, "{name}: {text}");
        } else {
            tracing::info!(device = %name, "{name}: {text}");
        }
        if self.tail.len() >= TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(text.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_last_words_are_the_last_line_that_says_something() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let flags = rustix::fs::OFlags::NONBLOCK;
        rustix::fs::fcntl_setfl(&reader, flags).unwrap();
        let mut output = Output::new(reader.into(), true);
        assert!(output.drain("stage"));
        assert_eq!(output.last_words(), None);
        writer.write_all(b"first\nsecond").unwrap();
        assert!(output.drain("stage"));
        assert_eq!(output.last_words().unwrap(), "first");
        writer.write_all(b" half\n\n   \n").unwrap();
        writer.write_all(&[b'x'; 10_000]).unwrap();
        assert!(output.drain("stage"));
        assert!((LINE_MAX..10_000).contains(&output.last_words().unwrap().len()));
        writer
            .write_all(b"\nthread 'x' panicked at src/lib.rs:7:\nfar too hot\nstack backtrace:\nthe end")
            .unwrap();
        drop(writer);
        assert!(!output.drain("stage"));
        let words = output.last_words().unwrap();
        assert_eq!(words, "thread 'x' panicked at src/lib.rs:7: far too hot");
    }
}
