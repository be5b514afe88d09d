//! The line against instruments that catch up at the worst moment. They are scripted: what they say comes in when the
//! script says so, and never while the line looks whether something has come in unasked.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
};

use baton_plugin_api::{ErrorKind, line::Transport};

use super::super::*;
use crate::text::show;

/// A serial line to an instrument that is deaf for a while, and then answers everything in order, one line at a time.
struct Scripted {
    /// For so many questions nothing is heard of it.
    deaf: usize,
    /// What it says before the first answer, unasked.
    before: &'static str,
    asked: Arc<Mutex<Vec<String>>>,
    answers: VecDeque<Vec<u8>>,
    /// Whether something came in since the last question.
    has_come: bool,
}

impl Transport for Scripted {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let question = String::from_utf8(bytes.to_vec()).unwrap();
        let answer = question.trim_end().replace('Q', "A");
        self.asked.lock().unwrap().push(question.trim_end().to_owned());
        let before = std::mem::take(&mut self.before);
        if !before.is_empty() {
            self.answers.push_back(format!("{before}\r\n").into_bytes());
        }
        self.answers.push_back(format!("{answer}\r\n").into_bytes());
        self.has_come = false;
        Ok(())
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        let is_deaf = self.asked.lock().unwrap().len() <= self.deaf;
        let only_looks = self.has_come && wait.is_zero();
        let came = if is_deaf || only_looks {
            None
        } else {
            self.answers.pop_front()
        };
        let Some(came) = came else {
            std::thread::sleep(wait);
            return Ok(0);
        };
        self.has_come = true;
        received.extend(&came);
        Ok(came.len())
    }

    fn reconnect(&mut self) -> io::Result<()> {
        unreachable!("a serial line has no connections")
    }

    fn has_connections(&self) -> bool {
        false
    }
}

struct Spoken {
    line: Line,
    asked: Arc<Mutex<Vec<String>>>,
}

/// How long a reply may take where one comes, and where none does.
const COMES: Duration = Duration::from_millis(200);
const NEVER: Duration = Duration::from_millis(1);

fn line_to(deaf: usize, before: &'static str) -> Spoken {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let transport = Scripted {
        deaf,
        before,
        asked: Arc::clone(&asked),
        answers: VecDeque::new(),
        has_come: false,
    };
    let line = Line::new("the instrument".into(), Box::new(transport));
    Spoken { line, asked }
}

impl Spoken {
    fn ask(&mut self, text: &str, reply_timeout: Duration) -> Result<String> {
        let manner = Manner {
            send_terminator: b"\n".to_vec(),
            reply_end: ReplyEnd::Terminator(b"\r\n".to_vec()),
            reply_timeout,
            char_timeout: None,
            pause: Duration::ZERO,
            echo: false,
            retries: 0,
        };
        let question = Question {
            of: 0,
            text: text.as_bytes(),
            manner: &manner,
            turn: &Turn::NONE,
            fits: &|reply| reply.starts_with(b"A"),
            kind: ErrorKind::ReadFailed,
        };
        self.line.settle(&Uncancelled::OPENING)?;
        let reply = self.line.ask(&question, &Uncancelled::OPENING)?;
        Ok(show(&reply).trim_matches('`').to_owned())
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// Issue 3: never a wrong value. What was asked twice is answered twice, and the second answer is not the next one's.
#[test]
fn what_was_asked_again_in_doubt_is_not_taken_for_the_next_answer() {
    let mut spoken = line_to(1, "");
    assert_eq!(spoken.ask("Q1", NEVER).unwrap_err().kind(), ErrorKind::Timeout);
    for number in 2..5 {
        assert_eq!(spoken.ask(&format!("Q{number}"), COMES).unwrap(), format!("A{number}"));
    }
    assert_eq!(
        spoken.asked(),
        5,
        "only the first question after the silence is asked twice"
    );
}

/// Issue 3: never a wrong value, however many questions an instrument was deaf to.
#[test]
fn an_instrument_that_was_deaf_for_long_catches_up() {
    let mut spoken = line_to(9, "");
    for number in 1..10 {
        assert_eq!(
            spoken.ask(&format!("Q{number}"), NEVER).unwrap_err().kind(),
            ErrorKind::Timeout
        );
    }
    for number in 10..13 {
        assert_eq!(spoken.ask(&format!("Q{number}"), COMES).unwrap(), format!("A{number}"));
    }
    assert!(spoken.asked() < 18, "it is not asked as often as it did not answer");
}

/// Issue 3: never a wrong value. Something that was not asked for is not counted as an answer that is due.
#[test]
fn what_does_not_fit_pays_for_no_late_answer() {
    let mut spoken = line_to(1, "?!");
    assert_eq!(spoken.ask("Q1", NEVER).unwrap_err().kind(), ErrorKind::Timeout);
    for number in 2..5 {
        assert_eq!(spoken.ask(&format!("Q{number}"), COMES).unwrap(), format!("A{number}"));
    }
}
