//! What goes on until the user, the reader of our output or the host has had enough, and beyond the end of a host.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::connect;
use crate::cli::args::{Global, Until};
use crate::cli::client::{Client, Incoming, Update};
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::output::{self, Output};

/// How often we look whether anybody still reads our output.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a host that has gone is looked for: soon at first, as it may only be starting again.
const RETRY_MIN: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// The exit code after Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Something that is followed on one connection after the other.
pub(super) trait Followed {
    /// Asks for it on a new connection, and writes what there is by now. `again` is whether the host has gone and come back.
    fn begin(&mut self, client: &mut Client, lines: &mut Lines, again: bool) -> Result<(), Failure>;

    /// Something has come: an update, or a line that the client has kept.
    fn heard(&mut self, client: &mut Client, lines: &mut Lines, update: Option<Update>) -> Result<(), Failure>;
}

/// Where the lines go, as many as are wanted.
pub(super) struct Lines {
    pub(super) output: Output,
    left: Option<u64>,
}

impl Lines {
    /// Lines to `output`, without an end.
    pub(super) fn to(output: Output) -> Lines {
        Lines { output, left: None }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// If that cannot be, and when it was the last one.
    pub(super) fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.output.line(text)?;
        match &mut self.left {
            None => Ok(()),
            Some(left) => {
                *left -= 1;
                // The way out from wherever this is; nothing has failed.
                if *left == 0 { Err(Failure::Told(0)) } else { Ok(()) }
            }
        }
    }
}

/// What is new in `list` to whoever has seen `last` last: all of it, if that is not in it.
pub(super) fn news<'a>(list: &'a Json, last: &Json) -> &'a [Json] {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    match list.iter().rposition(|item| item == last) {
        Some(seen) => &list[seen + 1..],
        None => list,
    }
}

/// Follows until it is enough.
pub(super) fn run(global: &Global, until: &Until, output: Output, followed: &mut dyn Followed) -> Result<(), Failure> {
    let mut following = Following {
        global,
        no_reconnect: until.no_reconnect,
        ends: until.time.map(|time| Instant::now() + Duration::from_secs_f64(time)),
        lines: Lines {
            output,
            left: until.count,
        },
        interrupts: Interrupts::default(),
    };
    let outcome = following.run(followed);
    match (outcome, following.lines.left, until.count) {
        (Err(Failure::Interrupted(_)), ..) => Err(Failure::Told(INTERRUPTED)),
        (Ok(()), Some(left), Some(count)) if following.is_over() => {
            let came = count - left;
            Err(Failure::Timeout(format!("{came} of {count} lines came in time")))
        }
        (outcome, ..) => outcome,
    }
}

struct Following<'a> {
    global: &'a Global,
    no_reconnect: bool,
    ends: Option<Instant>,
    lines: Lines,
    interrupts: Interrupts,
}

impl Following<'_> {
    fn run(&mut self, followed: &mut dyn Followed) -> Result<(), Failure> {
        let mut client = connect(self.global)?;
        self.interrupts.start()?;
        let mut again = false;
        loop {
            self.interrupts.reach(&client);
            let address = client.address().to_string();
            let begun = followed.begin(&mut client, &mut self.lines, again);
            again |= begun.is_ok();
            match begun.and_then(|()| self.listen(&mut client, followed)) {
                Err(Failure::Gone { cause, .. }) if !self.no_reconnect => {
                    let text = format!("the host at {address} is gone: {cause}; waiting until it is back");
                    self.lines.output.note(&text);
                }
                other => return other,
            }
            let Some(back) = self.reconnect()? else { return Ok(()) };
            self.lines.output.note(&format!("the host at {address} is back"));
            client = back;
        }
    }

    fn listen(&mut self, client: &mut Client, followed: &mut dyn Followed) -> Result<(), Failure> {
        while !output::reader_has_gone() && !self.is_over() {
            let look = Instant::now() + LOOK_EVERY;
            match client.next(Some(self.ends.map_or(look, |ends| ends.min(look)))) {
                Ok(update) => followed.heard(client, &mut self.lines, update)?,
                Err(Failure::Timeout(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// A connection to the host once it is back; `None` if nobody wants it any more.
    fn reconnect(&self) -> Result<Option<Client>, Failure> {
        let mut pause = RETRY_MIN;
        while !output::reader_has_gone() && !self.is_over() {
            self.interrupts.sleep(
                self.ends
                    .map_or(pause, |ends| pause.min(ends.saturating_duration_since(Instant::now()))),
            )?;
            match connect(self.global) {
                Ok(client) => return Ok(Some(client)),
                Err(Failure::Unreachable { .. }) => pause = (2 * pause).min(RETRY_MAX),
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    fn is_over(&self) -> bool {
        self.ends.is_some_and(|ends| Instant::now() >= ends)
    }
}

/// Ctrl-C, wherever it finds us.
#[derive(Clone, Default)]
struct Interrupts {
    pressed: Arc<AtomicBool>,
    /// What waits for a line.
    waiting: Arc<Mutex<Option<SyncSender<Incoming>>>>,
}

impl Interrupts {
    fn start(&self) -> Result<(), Failure> {
        let this = self.clone();
        Ok(interrupt::each(move || {
            this.pressed.store(true, Ordering::Relaxed);
            if let Some(waiting) = &*this.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
                // It need not get this one if it has enough to look at.
                let _ = waiting.try_send(Incoming::Interrupt);
            }
            true
        })?)
    }

    /// From now on, Ctrl-C ends what waits for a line of this client.
    fn reach(&self, client: &Client) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.interrupter());
    }

    fn sleep(&self, time: Duration) -> Result<(), Failure> {
        let until = Instant::now() + time;
        while !self.pressed.load(Ordering::Relaxed) {
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => std::thread::sleep(left.min(Duration::from_millis(20))),
            }
        }
        Err(Failure::Interrupted("interrupted".to_owned()))
    }
}
