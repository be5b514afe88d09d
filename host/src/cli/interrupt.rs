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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let interrupts: Signal = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    thread::spawn(move || runtime.block_on(deliver(interrupts, &sender)));
    Ok(())
}

async fn deliver(mut interrupts: Signal, sender: &Sender<Incoming>) {
    while interrupts.recv().await.is_some() {
        if sender.send(Incoming::Interrupt).is_err() {
            return;
        }
    }
}
