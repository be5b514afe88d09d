//! Why a process ended, in words for a tired human.

use rustix::process::WaitIdStatus;

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It called `exit`.
    Exited(i32),
    /// A signal ended it.
    Signal(i32),
    /// The host killed it, because of this.
    Killed(String),
    /// Nobody knows.
    Unknown,
}

impl Ending {
    pub(super) fn of(status: &WaitIdStatus) -> Ending {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ending::Exited(code),
            (None, Some(signal)) => Ending::Signal(signal),
            (None, None) => Ending::Unknown,
        }
    }

    /// `its process was killed by SIGSEGV (it used memory that is not its own)`, with what it printed last.
    pub(super) fn tell(&self, last_words: Option<&str>) -> String {
        let what = match self {
            Ending::Exited(code) => format!("its process exited with code {code}"),
            Ending::Signal(signal) => {
                let (name, meaning) = named(*signal);
                format!("its process was killed by {name}{meaning}")
            }
            Ending::Killed(why) => format!("its process was killed by the host, because {why}"),
            Ending::Unknown => "its process is gone".to_owned(),
        };
        match (self, last_words) {
            (Ending::Exited(_) | Ending::Signal(_), Some(words)) => format!("{what}; it last said: {words}"),
            _ => what,
        }
    }
}

fn named(signal: i32) -> (String, &'static str) {
    let known = [
        (4, "SIGILL", " (it ran what is no instruction)"),
        (5, "SIGTRAP", ""),
        (6, "SIGABRT", " (it gave itself up)"),
        (7, "SIGBUS", " (it used memory whose file had gone)"),
        (8, "SIGFPE", " (it divided by zero)"),
        (9, "SIGKILL", " (by hand, or because the system ran out of memory)"),
        (11, "SIGSEGV", " (it used memory that is not its own)"),
        (15, "SIGTERM", ""),
        (24, "SIGXCPU", ""),
        (25, "SIGXFSZ", ""),
        (31, "SIGSYS", ""),
    ];
    match known.iter().find(|known| known.0 == signal) {
        Some((_, name, meaning)) => ((*name).to_owned(), meaning),
        None => (format!("signal {signal}"), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p4_the_cause_is_named() {
        let told = |ending: Ending, words| ending.tell(words);
        assert_eq!(
            told(Ending::Signal(11), None),
            "its process was killed by SIGSEGV (it used memory that is not its own)"
        );
        assert_eq!(
            told(Ending::Signal(6), Some("memory allocation of 9 bytes failed")),
            "its process was killed by SIGABRT (it gave itself up); it last said: memory allocation of 9 bytes failed"
        );
        assert_eq!(told(Ending::Exited(3), None), "its process exited with code 3");
        assert_eq!(told(Ending::Signal(40), None), "its process was killed by signal 40");
        assert_eq!(
            told(
                Ending::Killed("the open did not return within 30 s".into()),
                Some("hello")
            ),
            "its process was killed by the host, because the open did not return within 30 s"
        );
    }
}
