//! What a device says of itself while a dialogue is played back.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use baton_plugin_api::{Direction, Error, Value};

use crate::executor::{Audience, Solo};

/// How long is waited for what a device should say by itself.
const UNASKED: Duration = Duration::from_secs(5);
/// Time between two looks for it.
const BETWEEN: Duration = Duration::from_millis(5);

/// A name, and the reading or the payload.
type Said = (String, Result<Value, Error>);

/// The readings and messages that a device has sent by itself since the last action.
#[derive(Default)]
pub(super) struct Heard {
    said: Mutex<Vec<Said>>,
}

impl Heard {
    fn said(&self) -> MutexGuard<'_, Vec<Said>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new action begins.
    pub(super) fn forget(&self) {
        self.said().clear();
    }

    /// The reading, or message, of that name and number.
    pub(super) fn find(&self, name: &str, number: usize) -> Option<Result<Value, Error>> {
        let said = self.said();
        let mut named = said.iter().filter(|(found, _)| found == name);
        named.nth(number).map(|(_, value)| value.clone())
    }

    /// Listens until all of these have been said, or it has taken too long.
    ///
    /// # Errors
    /// What the driver says.
    pub(super) fn listen(&self, solo: &mut Solo, names: &[&str]) -> Result<(), Error> {
        let deadline = Instant::now() + UNASKED;
        let count = |names: &mut dyn Iterator<Item = &str>, name: &str| names.filter(|found| *found == name).count();
        if names.is_empty() {
            return Ok(());
        }
        loop {
            solo.listen()?;
            let is_all = {
                let said = self.said();
                let enough = |name: &&str| {
                    count(&mut said.iter().map(|(name, _)| name.as_str()), name)
                        >= count(&mut names.iter().copied(), name)
                };
                names.iter().all(enough)
            };
            if is_all || Instant::now() >= deadline {
                return Ok(());
            }
            std::thread::sleep(BETWEEN);
        }
    }
}

impl Audience for Heard {
    fn traffic(&self, _: Direction, _: &[u8]) {}

    fn log(&self, _: u32, _: &str) {}

    fn said(&self, name: &str, value: Result<Value, Error>) {
        Heard::said(self).push((name.to_owned(), value));
    }
}
