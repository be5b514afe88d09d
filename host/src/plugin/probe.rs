//! A library is tried in a process of its own before it is opened in this one.
//!
//! Opening a library runs code of it, and so does asking what it offers. What crashes there, hangs, or ends its process
//! would take the host along. So each content that is new is opened and asked in a child first (`child`), all of one search
//! at the same time (`trial`). What did not survive that is *quarantined*: it is not opened, and its row says why. Verdicts
//! are kept on disk by the hash of the content (`verdicts`), so a content is tried once, and until somebody clears it.
//!
//! The child is `baton` itself, or any program that gives its arguments to [`main`] when the first is [`COMMAND`].

mod child;
mod trial;
mod verdicts;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

pub use child::{COMMAND, main};
use trial::{Outcome, Trial};
pub use verdicts::Quarantined;
use verdicts::Verdicts;

use super::{private::Copy, row::Rejection};

/// A content that does not come back within this time hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// How libraries are tried before they are opened; see [`Loader::probing`](super::Loader::probing).
#[derive(Debug)]
pub struct Probe {
    runner: PathBuf,
    limit: Duration,
    verdicts: Verdicts,
}

impl Default for Probe {
    /// With the program `baton`, and with the verdicts that this user's hosts have come to before.
    fn default() -> Probe {
        Probe {
            runner: default_runner(),
            limit: LIMIT,
            verdicts: Verdicts::in_folder(verdicts::folder()),
        }
    }
}

impl Probe {
    /// With another program, which calls [`main`] when its first argument is [`COMMAND`].
    #[must_use]
    pub fn with_runner(self, runner: impl Into<PathBuf>) -> Probe {
        let runner = runner.into();
        Probe { runner, ..self }
    }

    /// With another time that a library may take.
    #[must_use]
    pub fn with_limit(self, limit: Duration) -> Probe {
        Probe { limit, ..self }
    }

    /// With the verdicts in another folder, or `None` to forget them with the loader.
    #[must_use]
    pub fn with_verdicts_in(self, folder: Option<PathBuf>) -> Probe {
        let verdicts = Verdicts::in_folder(folder);
        Probe { verdicts, ..self }
    }

    /// All contents that are quarantined.
    pub fn quarantined(&self) -> Vec<Quarantined> {
        self.verdicts.quarantined()
    }

    /// Forgets what is known of a content, so that it is tried again.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn clear(&mut self, hash: &str) -> std::io::Result<()> {
        self.verdicts.clear(hash)
    }

    /// What is known of a content: why it is quarantined, if it is; `None` if it has to be tried.
    pub(super) fn known(&self, hash: &str) -> Option<Result<(), Rejection>> {
        let verdict = self.verdicts.of(hash)?;
        Some(verdict.map_err(|reason| quarantined(&reason, hash)))
    }

    /// Tries contents, all at the same time; gives those that are to be quarantined, by hash.
    pub(super) fn try_out(&mut self, new: &[(&str, &Path, &Copy)]) -> HashMap<String, Rejection> {
        let mut trials = Vec::new();
        for (hash, file, copy) in new {
            match Trial::start(&self.runner, copy, self.limit) {
                Ok(trial) => trials.push((*hash, *file, trial)),
                Err(error) => tracing::warn!(
                    file = %file.display(),
                    "opened without a trial: {} cannot be started: {error}",
                    self.runner.display()
                ),
            }
        }
        trial::finish(trials.iter_mut().map(|(_, _, trial)| trial).collect());
        let mut bad = HashMap::new();
        for (hash, file, trial) in trials {
            match trial.outcome() {
                Outcome::Survived => self.verdicts.keep(hash, file, Ok(())),
                Outcome::Undecided(why) => {
                    tracing::warn!(file = %file.display(), "opened without a trial: {why}");
                }
                Outcome::Died(why) => {
                    self.verdicts.keep(hash, file, Err(&why));
                    bad.insert(hash.to_owned(), quarantined(&why, hash));
                }
            }
        }
        bad
    }
}

/// What the row says.
fn quarantined(why: &str, hash: &str) -> Rejection {
    let short = hash.get(..12).unwrap_or(hash);
    let reason =
        format!("{why}; put a better build in its place, or have it tried again: baton drivers --clear {short}");
    Rejection::new(super::State::Quarantined, reason)
}

/// This program, if it is `baton`; else the one of that name beside it, or one level above, where cargo puts it; else
/// whatever the system finds by that name.
fn default_runner() -> PathBuf {
    const NAME: &str = "baton";
    let Ok(own) = std::env::current_exe() else {
        return NAME.into();
    };
    if own.file_name().is_some_and(|name| name == NAME) {
        // Also when its file was replaced since.
        return "/proc/self/exe".into();
    }
    let beside = own.ancestors().skip(1).take(2).map(|folder| folder.join(NAME));
    beside.into_iter().find(|path| path.is_file()).unwrap_or(NAME.into())
}
