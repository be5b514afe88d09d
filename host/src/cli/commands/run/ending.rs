//! How a host ends (S5), rung by rung. Each is said before it begins, with what the next Ctrl-C does, and none takes
//! longer than it says.
//!
//! 1. SIGTERM or Ctrl-C: what moves is stopped, at once and before anything else; clients get the answers that are owed to
//!    them; the devices are closed.
//! 2. Ctrl-C again: clients and hung drivers are not waited for.
//! 3. And again: we leave as it is.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    cli::{failure::Failure, format::brief_time, output::Output},
    config::Execution,
    lab::{Closed, Lab},
    server::Server,
};

/// How long the first rung may take: two seconds for stops, three for closing, and a little for what has to be killed.
const ORDERLY: Duration = Duration::from_secs(6);
/// The same of the second.
const HURRIED: Duration = Duration::from_secs(2);

/// How often somebody has wanted the host to end.
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Counts from now on. SIGTERM counts once: it asks for the first rung, and no more.
    ///
    /// # Errors
    /// If the system refuses the handlers.
    pub(super) fn count() -> io::Result<Signals> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let (sender, receiver) = watch::channel(0_u32);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => sender.send_modify(|count| *count += 1),
                    _ = terminate.recv() => sender.send_modify(|count| *count = (*count).max(1)),
                }
            }
        });
        Ok(Signals(receiver))
    }

    /// Waits for rung `number`.
    async fn rung(&self, number: u32) {
        // Its sender lives as long as the runtime.
        let _ = self.0.clone().wait_for(|count| *count >= number).await;
    }
}

/// The end of a host.
pub(super) struct Ending {
    lab: Lab,
    signals: Signals,
    output: Output,
    /// The thread that closes the lab, once it does.
    closing: Mutex<Option<JoinHandle<Closed>>>,
}

impl Ending {
    pub(super) fn new(lab: Lab, signals: Signals, output: Output) -> Ending {
        Ending {
            lab,
            signals,
            output,
            closing: Mutex::new(None),
        }
    }

    /// Serves until the first signal, and then ends.
    pub(super) async fn after(self, server: Server) -> Result<(), Failure> {
        // An inline lab is run by its server: it can only be closed when that is over.
        let beside = self.lab.execution() == Execution::Threaded;
        let first = async {
            self.signals.rung(1).await;
            self.output.note(&format!(
                "ending: stopping what moves, then closing the devices, in {} s at most (Ctrl-C again: wait for nobody)",
                ORDERLY.as_secs()
            ));
            if beside {
                self.close();
            }
        };
        tokio::select! {
            served = server.run(first) => served?,
            () = self.signals.rung(2) => {}
        }
        self.close();
        tokio::select! {
            biased;
            () = self.signals.rung(2) => self.hurry().await,
            closed = self.closed() => self.report(closed),
        }
    }

    /// Lets the lab be closed on a thread of its own, unless that has begun.
    fn close(&self) {
        let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
        closing.get_or_insert_with(|| {
            let lab = self.lab.clone();
            std::thread::spawn(move || lab.close())
        });
    }

    /// What closing came to, without blocking the runtime.
    async fn closed(&self) -> Option<Closed> {
        let mut patience = tokio::time::interval(Duration::from_millis(5));
        loop {
            {
                let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
                if closing.as_ref().is_none_or(JoinHandle::is_finished) {
                    return closing.take()?.join().ok();
                }
            }
            patience.tick().await;
        }
    }

    /// The second rung.
    async fn hurry(&self) -> Result<(), Failure> {
        self.output.note(&format!(
            "not waiting for clients and hung drivers any more, {} s at most (Ctrl-C again: leave at once)",
            HURRIED.as_secs()
        ));
        self.lab.hurry();
        let left = |why: &str| {
            Err(Failure::Interrupted(format!(
                "{why}; look whether everything stands still"
            )))
        };
        tokio::select! {
            biased;
            () = self.signals.rung(3) => left("left without closing the devices"),
            closed = self.closed() => {
                self.report(closed)?;
                Err(Failure::Interrupted("ended without waiting for what hung".to_owned()))
            }
            () = tokio::time::sleep(HURRIED) => left("left, because closing the devices takes too long"),
        }
    }

    fn report(&self, closed: Option<Closed>) -> Result<(), Failure> {
        let Some(closed) = closed else {
            return Err(Failure::Request("closing the lab failed".to_owned()));
        };
        for report in &closed.stopped {
            match &report.error {
                Some(error) => {
                    let text = format!("{}: {}: {error}", report.device, report.outcome);
                    self.output.error(&text);
                }
                None => self.output.note(&format!("  {}: {}", report.device, report.outcome)),
            }
        }
        for hung in &closed.hung {
            let since = brief_time(Some(hung.since));
            self.output.error(&format!(
                "{} is still inside the {}, since {since}, and is left behind",
                hung.worker, hung.inside
            ));
        }
        Ok(())
    }
}
