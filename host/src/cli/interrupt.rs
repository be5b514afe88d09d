//! Ctrl-C and other signals as events beside the lines of the host.

use std::io;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::client::Incoming;

/// From the return of this on, Ctrl-C no longer ends the process: it arrives at `sender`, each time it is pressed.
///
/// # Errors
/// If the operating system refuses the handler.
pub(crate) fn forward(sender: SyncSender<Incoming>) -> io::Result<()> {
    each(move || sender.send(Incoming::Interrupt).is_ok())
}

/// From the return of this on, Ctrl-C no longer ends the process, but calls `then`, on a thread of its own, each time it is
/// pressed, until that gives `false`.
///
/// # Errors
/// If the operating system refuses the handler.
pub(crate) fn each(then: impl FnMut() -> bool + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let interrupts = {
        let _inside = runtime.enter();
        signal(SignalKind::interrupt())?
    };
    thread::spawn(move || runtime.block_on(deliver(interrupts, then)));
    Ok(())
}

/// From the return of this on, no signal that can be handled ends the process: each is put into `pending`, and `sender`
/// says that there is something.
///
/// # Errors
/// If the operating system refuses a handler.
pub(crate) fn forward_all(sender: SyncSender<Incoming>, pending: Arc<Mutex<Vec<Signal>>>) -> io::Result<()> {
    const ALL: [(SignalKind, Signal); 6] = [
        (SignalKind::interrupt(), Signal::INT),
        (SignalKind::terminate(), Signal::TERM),
        (SignalKind::hangup(), Signal::HUP),
        (SignalKind::quit(), Signal::QUIT),
        (SignalKind::user_defined1(), Signal::USR1),
        (SignalKind::user_defined2(), Signal::USR2),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let inside = runtime.enter();
    for (kind, number) in ALL {
        let (signals, sender, pending) = (signal(kind)?, sender.clone(), Arc::clone(&pending));
        runtime.spawn(deliver(signals, move || {
            pending.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            sender.send(Incoming::Interrupt).is_ok()
        }));
    }
    drop(inside);
    thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    Ok(())
}

/// Tells of each signal until nobody wants to know any more.
async fn deliver(mut signals: Signals, mut then: impl FnMut() -> bool) {
    while signals.recv().await.is_some() {
        if !then() {
            return;
        }
    }
}
