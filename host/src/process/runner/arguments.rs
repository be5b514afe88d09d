//! The arguments of a child, as the host writes them and the child reads them.

use std::ffi::OsString;

use rustix::process::Pid;

use super::COMMAND;
use crate::process::spawn::Spawn;

/// What a child may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Bytes of memory; `None` for as much as there is.
    pub(crate) memory: Option<u64>,
}

/// What a child is started with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The host.
    pub(super) parent: i32,
    /// Whether the thread that started it lives as long as the host.
    pub(super) permanent: bool,
    pub(super) limits: Limits,
}

const PARENT: &str = "--parent=";
const MEMORY: &str = "--memory=";
const PERMANENT: &str = "--permanent";

/// `driver-runner stage --parent=123 --permanent --memory=2147483648`: the name is for lists of processes.
pub(in crate::process) fn write(spawn: &Spawn, parent: Pid) -> Vec<OsString> {
    let mut arguments = vec![
        COMMAND.to_owned(),
        spawn.name.clone(),
        format!("{PARENT}{}", parent.as_raw_nonzero()),
    ];
    arguments.extend(spawn.permanent.then(|| PERMANENT.to_owned()));
    arguments.extend(spawn.limits.memory.map(|bytes| format!("{MEMORY}{bytes}")));
    arguments.into_iter().map(OsString::from).collect()
}

impl Arguments {
    /// Reads what [`write()`] has written, from behind the command.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(super) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let (mut parent, mut permanent, mut limits) = (None, false, Limits::default());
        // The first is the name.
        for argument in arguments.skip(1) {
            let text = argument.to_string_lossy();
            if let Some(number) = text.strip_prefix(PARENT) {
                parent = number.parse().ok();
            } else if let Some(number) = text.strip_prefix(MEMORY) {
                limits.memory = number.parse().ok();
            } else if text == PERMANENT {
                permanent = true;
            } else {
                return Err(format!(
                    "`{text}` is not understood; `baton {COMMAND}` is run by a host alone"
                ));
            }
        }
        let parent = parent.ok_or_else(|| format!("`baton {COMMAND}` is run by a host alone"))?;
        Ok(Arguments {
            parent,
            permanent,
            limits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let limits = Limits { memory: Some(5 << 30) };
        let spawn = Spawn {
            runner: "baton".into(),
            name: "--parent=7".to_owned(),
            limits,
            permanent: true,
        };
        let written = write(&spawn, rustix::process::getpid());
        let read = Arguments::read(written.into_iter().skip(1)).unwrap();
        let expected = Arguments {
            parent: std::process::id() as i32,
            permanent: true,
            limits,
        };
        assert_eq!(read, expected);
        assert!(Arguments::read(["stage".into()].into_iter()).is_err());
        assert!(Arguments::read(["stage".into(), "--help".into()].into_iter()).is_err());
    }
}
