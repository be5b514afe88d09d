//! Ctrl-C as an event beside the lines of the host.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::client::Incoming;

/// From the return of this on, Ctrl-C no longer ends the process: it arrives at `sender`, each time it is pressed.
///
/// # Errors
/// If the operating system refuses the handler.
pub(crate) fn forward(sender: Sender<Incoming>) -> io::Result<()> {
    each(move || sender.send(Incoming::Interrupt).is_ok())
}

/// From the return of this on, Ctrl-C no longer ends the process, but calls `then`, on a thread of its own, each time it is
/// pressed, until that gives `false`.
///
/// # Errors
/// If the operating system refuses the handler.
pub(crate) fn each(then: impl FnMut() -> bool + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let interrupts: Signal = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    thread::spawn(move || runtime.block_on(deliver(interrupts, then)));
    Ok(())
}

async fn deliver(mut interrupts: Signal, mut then: impl FnMut() -> bool) {
    while interrupts.recv().await.is_some() {
        if !then() {
            return;
        }
    }
}
