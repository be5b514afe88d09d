//! A line for tests, without anything at its end.

use std::{collections::VecDeque, io, time::Duration};

use super::Transport;

/// What a scripted line does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Exactly this is sent, in one piece or several. Nothing comes in before it was.
    Send(Vec<u8>),
    /// This comes in, in one piece.
    Receive(Vec<u8>),
    /// Nothing comes in during one wait.
    Silence,
    /// The other side closes the line.
    Close,
    /// The line is connected anew, and that works.
    Reconnect,
}

/// A line that does what it was told beforehand, in that order. Anything else than what it expects is an error; where
/// nothing can come in, a wait lasts as long as it may.
#[derive(Debug, Default)]
pub struct Scripted {
    steps: VecDeque<Step>,
}

impl Scripted {
    /// A line with these steps.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Scripted {
            steps: steps.into_iter().collect(),
        }
    }

    /// Whether all steps were done.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty()
    }

    fn unexpected(&self, what: &str) -> io::Error {
        let expected = match self.steps.front() {
            Some(step) => format!("{step:?}"),
            None => "the end".to_owned(),
        };
        io::Error::other(format!("{what}, where {expected} comes next"))
    }
}

impl Transport for Scripted {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(Step::Send(expected)) = self.steps.front_mut() else {
            return Err(self.unexpected(&format!("sent {bytes:?}")));
        };
        match expected.strip_prefix(bytes).map(<[u8]>::to_vec) {
            Some(rest) if rest.is_empty() => drop(self.steps.pop_front()),
            Some(rest) => *expected = rest,
            None => return Err(self.unexpected(&format!("sent {bytes:?}"))),
        }
        Ok(())
    }

    fn receive(&mut self, received: &mut Vec<u8>, wait: Duration) -> io::Result<usize> {
        match self.steps.front() {
            Some(Step::Receive(bytes)) => {
                let came = bytes.len();
                received.extend_from_slice(bytes);
                self.steps.pop_front();
                Ok(came)
            }
            Some(Step::Close) => Err(io::ErrorKind::UnexpectedEof.into()),
            other => {
                if other == Some(&Step::Silence) && !wait.is_zero() {
                    self.steps.pop_front();
                }
                std::thread::sleep(wait);
                Ok(0)
            }
        }
    }

    fn reconnect(&mut self) -> io::Result<()> {
        match self.steps.pop_front() {
            Some(Step::Reconnect) => Ok(()),
            Some(step) => {
                self.steps.push_front(step);
                Err(self.unexpected("connected anew"))
            }
            None => Err(self.unexpected("connected anew")),
        }
    }
}
