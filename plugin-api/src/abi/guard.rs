//! No panic crosses the ABI, in either direction.
//!
//! Unguarded, a panic in a function of an `abi_stable` trait ends the whole process with exit code 1.

use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use abi_stable::std_types::{RErr, ROk};

use super::RawResult;
use crate::{Error, ErrorKind, Result};

thread_local! {
    /// Where the entry that runs on this thread panicked; `None` outside of an entry.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs one entry of a driver (or callback of a host); a panic becomes an error that names the entry.
pub fn entry<T>(name: &str, body: impl FnOnce() -> Result<T>) -> RawResult<T> {
    match caught(body) {
        Ok(Ok(value)) => ROk(value),
        Ok(Err(error)) => RErr(error.into()),
        Err(what) => RErr(Error::new(ErrorKind::Panic, format!("{name} panicked: {what}")).into()),
    }
}

/// Runs what has no way to report an error; a panic ends here.
pub fn contained<T>(body: impl FnOnce() -> T) -> Option<T> {
    caught(body).ok()
}

/// Runs `body`; a panic becomes its message and place.
fn caught<T>(body: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let outer = note(Some(String::new()));
    let outcome = catch_unwind(AssertUnwindSafe(body));
    let noted = note(outer).unwrap_or_default();
    outcome.map_err(|payload| {
        let message = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a value that is no text".to_owned());
        // Its `Drop` is the author's code and may panic again.
        std::mem::forget(payload);
        if noted.is_empty() { message } else { noted }
    })
}

/// Replaces the note; does nothing while the thread ends, when its thread-locals are gone.
fn note(new: Option<String>) -> Option<String> {
    PANIC.try_with(|noted| noted.replace(new)).ok().flatten()
}

/// Notes message and place of a panic inside an entry, and keeps stderr quiet about it; reports one on a thread of the
/// driver's own, which would be silent otherwise.
///
/// Each driver library has a standard library of its own, so this hook is the driver's, not the host's.
pub(super) fn install_hook(driver: &'static str) {
    std::panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or("a value that is no text");
        let place = info.location().map(|at| format!(" at {at}")).unwrap_or_default();
        let inside = PANIC.try_with(|noted| {
            noted
                .borrow_mut()
                .as_mut()
                .map(|noted| *noted = format!("{message}{place}"))
        });
        if !matches!(inside, Ok(Some(()))) {
            let thread = std::thread::current();
            eprintln!(
                "driver {driver}: thread `{}` panicked: {message}{place}",
                thread.name().unwrap_or("unnamed")
            );
        }
    }));
}

#[cfg(test)]
mod tests {
    use abi_stable::std_types::RResult;

    use super::*;

    #[test]
    fn a_panic_becomes_an_error_that_names_the_entry() {
        let outcome: RawResult<()> = entry("read of `position`", || panic!("index {} is out of range", 7));
        let RResult::RErr(error) = outcome else {
            panic!("it should have failed")
        };
        assert_eq!(error.kind, ErrorKind::Panic.number());
        assert_eq!(error.message, "read of `position` panicked: index 7 is out of range");
    }

    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        assert_eq!(contained(|| std::panic::panic_any(Bomb)), None::<()>);
    }
}
