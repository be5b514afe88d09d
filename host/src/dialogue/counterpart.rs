//! The instrument of a dialogue: the other end of a connection on this machine, in a thread of its own.
//!
//! It is told what will be said during an action, before that begins; it hears what is sent, answers, and says at the end
//! of the action where the two differ first. From then on it is gone, so that nothing waits for answers any more.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::Said;

/// How long one look at the line lasts.
const LOOK: Duration = Duration::from_millis(2);
/// For so long after an action what it has sent may still be on its way; it is waited for only if it is missing.
const GRACE: Duration = Duration::from_millis(500);
/// What was sent instead is complete when nothing came for so long.
const QUIET: Duration = Duration::from_millis(50);

/// Where a dialogue and what really happened differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The step that did not happen; `None` if something was sent after all of them.
    pub(super) step: Option<usize>,
    /// What was sent instead, as far as it is known.
    pub(super) got: Vec<u8>,
}

/// Says of one action whether all was as it should be.
pub(super) type Verdict = Result<(), Difference>;

/// The instrument of a dialogue.
pub(super) struct Counterpart {
    address: SocketAddr,
    /// `None` once it is over.
    plays: Option<Sender<Vec<(usize, Said)>>>,
    verdicts: Receiver<Verdict>,
    /// Whether the action has returned.
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Counterpart {
    /// Begins to listen on a free port of this machine.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (plays, orders) = channel::<Vec<(usize, Said)>>();
        let (report, verdicts) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let mut player = Player {
            listener: Some(listener),
            stream: None,
            ahead: Vec::new(),
            over: Arc::clone(&over),
        };
        let thread = std::thread::Builder::new().name("dialogue".to_owned()).spawn(move || {
            while let Ok(steps) = orders.recv() {
                let verdict = player.play(&steps);
                if verdict.is_err() {
                    player.leave();
                }
                if report.send(verdict).is_err() {
                    return;
                }
            }
        })?;
        Ok(Counterpart {
            address,
            plays: Some(plays),
            verdicts,
            over,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> String {
        format!("tcp://{}", self.address)
    }

    /// Begins an action: this will be said meanwhile, and nothing else.
    pub(super) fn play(&self, steps: Vec<(usize, Said)>) {
        self.over.store(false, Ordering::Release);
        if let Some(plays) = &self.plays {
            // It is there until it is dropped.
            let _ = plays.send(steps);
        }
    }

    /// Ends an action.
    pub(super) fn verdict(&self) -> Verdict {
        self.over.store(true, Ordering::Release);
        self.verdicts.recv().unwrap_or(Ok(()))
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        self.plays = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Player {
    /// `None` once it has left.
    listener: Option<TcpListener>,
    stream: Option<TcpStream>,
    /// What was sent beyond what has been looked at.
    ahead: Vec<u8>,
    over: Arc<AtomicBool>,
}

/// What one look at the line has shown.
enum Look {
    /// Something, or somebody who may say something.
    Came,
    Nothing,
    /// The connection was closed, or there is none.
    Closed,
}

impl Player {
    fn play(&mut self, steps: &[(usize, Said)]) -> Verdict {
        for (step, said) in steps {
            let differs = |got: Vec<u8>| Difference { step: Some(*step), got };
            match said {
                Said::Sent(bytes) => self.hear(bytes).map_err(differs)?,
                Said::Received(bytes) => self.say(bytes).map_err(|()| differs(Vec::new()))?,
                Said::Wait(time) => std::thread::sleep(*time),
                Said::HangUp => self.stream = None,
                Said::Value(_) | Said::Fails(..) | Said::Unasked(..) => {}
            }
        }
        self.silence()
    }

    /// Waits for these bytes. `Err` is what came instead.
    fn hear(&mut self, expected: &[u8]) -> Result<(), Vec<u8>> {
        let mut deadline = None;
        loop {
            let compared = self.ahead.len().min(expected.len());
            if self.ahead[..compared] != expected[..compared] {
                return Err(self.all());
            }
            if compared == expected.len() {
                self.ahead.drain(..compared);
                return Ok(());
            }
            match self.look() {
                Look::Came => {}
                Look::Closed if !self.ahead.is_empty() => return Err(std::mem::take(&mut self.ahead)),
                Look::Nothing | Look::Closed => {
                    if self.over.load(Ordering::Acquire) {
                        let deadline = *deadline.get_or_insert_with(|| Instant::now() + GRACE);
                        if Instant::now() >= deadline {
                            return Err(std::mem::take(&mut self.ahead));
                        }
                    }
                }
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) -> Result<(), ()> {
        // What is said before anything was sent needs somebody who listens.
        let mut deadline = None;
        while self.stream.is_none() {
            self.look();
            if self.over.load(Ordering::Acquire)
                && Instant::now() >= *deadline.get_or_insert_with(|| Instant::now() + GRACE)
            {
                return Err(());
            }
        }
        if let Some(stream) = &mut self.stream
            && stream.write_all(bytes).is_err()
        {
            // Whoever has closed the connection does not want it.
            self.stream = None;
        }
        Ok(())
    }

    /// Until the action is over, nothing more may be sent.
    fn silence(&mut self) -> Verdict {
        loop {
            let over = self.over.load(Ordering::Acquire);
            if !self.ahead.is_empty() {
                return Err(Difference {
                    step: None,
                    got: self.all(),
                });
            }
            match self.look() {
                Look::Came => {}
                Look::Nothing | Look::Closed if over => return Ok(()),
                Look::Nothing | Look::Closed => {}
            }
        }
    }

    /// All that was sent, once it has come to an end.
    fn all(&mut self) -> Vec<u8> {
        let mut quiet_since = Instant::now();
        while quiet_since.elapsed() < QUIET {
            match self.look() {
                Look::Came => quiet_since = Instant::now(),
                Look::Nothing => {}
                Look::Closed => break,
            }
        }
        std::mem::take(&mut self.ahead)
    }

    /// Looks for a moment for what has come in, or for a connection.
    fn look(&mut self) -> Look {
        let Some(stream) = &mut self.stream else {
            return match self.accept() {
                true => Look::Came,
                false => Look::Closed,
            };
        };
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => {
                self.stream = None;
                Look::Closed
            }
            Ok(came) => {
                self.ahead.extend_from_slice(&buffer[..came]);
                Look::Came
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                Look::Nothing
            }
            Err(_) => {
                self.stream = None;
                Look::Closed
            }
        }
    }

    /// Takes a connection, if one is there.
    fn accept(&mut self) -> bool {
        let accepted = self.listener.as_ref().map(TcpListener::accept);
        match accepted {
            Some(Ok((stream, _))) => {
                let ready = stream
                    .set_nonblocking(false)
                    .and_then(|()| stream.set_nodelay(true))
                    .and_then(|()| stream.set_read_timeout(Some(LOOK)));
                self.stream = ready.is_ok().then_some(stream);
            }
            _ => std::thread::sleep(LOOK),
        }
        self.stream.is_some()
    }

    /// Hangs up, and is not there any more.
    fn leave(&mut self) {
        self.listener = None;
        self.stream = None;
        self.ahead.clear();
    }
}
