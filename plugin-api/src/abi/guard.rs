//! No panic crosses the ABI, in either direction.
//!
//! Unguarded, a panic in a function of an `abi_stable` trait ends the whole process with exit code 1.

use std::{
    any::Any,
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
        let message = message_of(payload);
        if noted.is_empty() { message } else { noted }
    })
}

/// What a panic says.
fn message_of(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<&'static str>() {
        Ok(text) => return (*text).to_owned(),
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => {
            // Its `Drop` is the author's code and may panic again.
            std::mem::forget(payload);
            "a value that is no text".to_owned()
        }
    }
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
        match inside {
            Ok(Some(())) => {}
            Ok(None) => {
                let thread = std::thread::current();
                let name = thread.name().unwrap_or("unnamed");
                eprintln!("driver {driver}: thread `{name}` panicked: {message}{place}");
            }
            // `current` might panic by now, and a panic in here ends the process.
            Err(_) => eprintln!("driver {driver}: a thread panicked while it ended: {message}{place}"),
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
    fn a_text_that_a_panic_carries_is_its_message() {
        let message = |body: fn()| caught(body).unwrap_err();
        assert_eq!(message(|| panic!("plain")), "plain");
        assert_eq!(message(|| panic!("{}", 7)), "7");
        assert_eq!(message(|| std::panic::panic_any(7)), "a value that is no text");
    }

    #[test]
    fn a_panic_while_the_thread_ends_is_contained() {
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                assert!(PANIC.try_with(|_| ()).is_err(), "the note is dropped first");
                assert_eq!(contained(|| panic!("too late")), None::<()>);
            }
        }
        thread_local!(static LATE: Late = const { Late });
        let thread = std::thread::spawn(|| {
            // Dropped in the reverse order of first use.
            LATE.with(|_| ());
            contained(|| ());
        });
        thread.join().expect("nothing got out");
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
