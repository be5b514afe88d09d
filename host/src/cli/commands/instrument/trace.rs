//! What went over the line, for people while it happens and for programs afterwards.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anstyle::Style;
use baton_plugin_api::{Direction, Error, Value};
use serde_json::{Value as Json, json};

use crate::{
    cli::output::Output,
    dialogue::{Recorder, hexadecimal, is_text},
    executor::Audience,
    traffic::escape,
};

/// Collects what passes, and shows it.
pub(super) struct Trace {
    output: Output,
    began: Instant,
    interrupted: AtomicBool,
    state: Mutex<State>,
}

/// Name and value of what a device has said by itself.
pub(super) type Unasked = (String, Result<Value, Error>);

#[derive(Default)]
struct State {
    /// What came in since something was sent last, and when the first of it did.
    received: Option<(f64, Vec<u8>)>,
    exchanges: Vec<Json>,
    unasked: Vec<Unasked>,
    recorder: Recorder,
}

impl Trace {
    pub(super) fn new(output: Output, recorder: Recorder) -> Self {
        let state = State {
            recorder,
            ..State::default()
        };
        Trace {
            output,
            began: Instant::now(),
            interrupted: AtomicBool::new(false),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ctrl-C was pressed. Gives `false` if it was before.
    pub(super) fn interrupt(&self) -> bool {
        !self.interrupted.swap(true, Ordering::AcqRel)
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    /// Seconds since the beginning.
    pub(super) fn elapsed(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Takes part in what is recorded.
    pub(super) fn record(&self, take: impl FnOnce(&mut Recorder)) {
        take(&mut self.state().recorder);
    }

    /// What is recorded so far.
    pub(super) fn recorded(&self) -> String {
        self.state().recorder.text().to_owned()
    }

    /// Nothing more comes of what was asked: what came in last is whole. Gives what was said since the last time, on the
    /// line and by the device.
    pub(super) fn take(&self) -> (Vec<Json>, Vec<Unasked>) {
        let mut state = self.state();
        self.flush(&mut state);
        (std::mem::take(&mut state.exchanges), std::mem::take(&mut state.unasked))
    }

    fn flush(&self, state: &mut State) {
        if let Some((at, bytes)) = state.received.take() {
            self.said(state, at, Direction::Received, &bytes);
        }
    }

    fn said(&self, state: &mut State, at: f64, direction: Direction, bytes: &[u8]) {
        for line in lines(bytes) {
            state.recorder.said(direction, line);
            let text = match is_text(line) {
                true => escape(line),
                false => hexadecimal(line),
            };
            self.show(Some(at), &format!("{} {text}", direction.arrow()));
            state.exchanges.push(json!({
                "t": at, "direction": direction.arrow(), "text": escape(line), "hex": hexadecimal(line),
            }));
        }
    }

    /// A row of the listing, for people; with its time, if it has one.
    pub(super) fn show(&self, at: Option<f64>, text: &str) {
        if self.output.json {
            return;
        }
        let dimmed = Style::new().dimmed();
        let at = at.map_or_else(|| " ".repeat(9), |at| format!("{at:9.3}"));
        // Whoever does not read the listing any more is told by the outcome.
        let _ = self.output.line(&format!("{dimmed}{at}{dimmed:#}  {text}"));
    }
}

/// Lines one by one, each with its end; what is no text stays whole.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    if !is_text(bytes) {
        return vec![bytes];
    }
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

impl Audience for Trace {
    fn traffic(&self, direction: Direction, bytes: &[u8]) {
        let at = self.elapsed();
        let mut state = self.state();
        match direction {
            Direction::Sent => {
                self.flush(&mut state);
                self.said(&mut state, at, direction, bytes);
            }
            Direction::Received => state
                .received
                .get_or_insert_with(|| (at, Vec::new()))
                .1
                .extend_from_slice(bytes),
        }
    }

    fn log(&self, level: u32, text: &str) {
        // Errors and warnings; the rest is for a lab's log.
        if level <= 2 {
            self.show(Some(self.elapsed()), &format!("the driver says: {text}"));
        }
    }

    fn cancelled(&self) -> bool {
        self.is_interrupted()
    }

    fn said(&self, name: &str, value: Result<Value, Error>) {
        self.state().unasked.push((name.to_owned(), value));
    }
}
