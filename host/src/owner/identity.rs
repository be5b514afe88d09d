//! How an owner shows itself (O3).

use std::fmt;

/// Who an owner is, as far as it is known.
///
/// What the kernel said is true. What the owner says of itself is `claimed`, and shown so: nothing that it may do depends
/// on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name of the user.
    pub user: Option<String>,
    /// The machine that it is on.
    pub host: Option<String>,
    /// What it runs: `scan.py`.
    pub program: Option<String>,
    /// Its process there.
    pub pid: Option<u32>,
    /// Where its connection comes from.
    pub address: Option<String>,
    /// Whether user, host and process are its own words.
    pub claimed: bool,
}

impl Identity {
    /// This process, as it claims to be where the kernel cannot speak for it.
    pub fn claim(program: impl Into<String>) -> Self {
        Identity {
            user: Some(user_name(rustix::process::getuid().as_raw())),
            host: Some(machine()),
            program: Some(program.into()),
            pid: Some(std::process::id()),
            address: None,
            claimed: true,
        }
    }
}

/// The name of this machine.
pub(crate) fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The name of a user of this machine.
pub(crate) fn user_name(uid: u32) -> String {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_user(&known, uid).unwrap_or_else(|| format!("user {uid}"))
}

/// The user's name in a file like `/etc/passwd`.
fn find_user(file: &str, uid: u32) -> Option<String> {
    let mut users = file.lines().map(|line| line.split(':'));
    users.find_map(|mut user| {
        let name = user.next()?;
        let number = user.nth(1)?;
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

/// `ana@beamline, scan.py, pid 4711`, with what is known.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.user, &self.host, &self.address) {
            (Some(user), Some(host), _) => write!(f, "{user}@{host}")?,
            (Some(user), None, _) => f.write_str(user)?,
            (None, Some(host), _) => write!(f, "somebody@{host}")?,
            (None, None, Some(address)) => write!(f, "somebody at {address}")?,
            (None, None, None) => f.write_str("somebody")?,
        }
        if self.claimed {
            f.write_str(" (claimed)")?;
        }
        if let Some(program) = &self.program {
            write!(f, ", {program}")?;
        }
        match self.pid {
            Some(pid) => write!(f, ", pid {pid}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_number() {
        let file = "root:x:0:0:root:/root:/bin/sh\nbroken\nana:x:1000:1000::/home/ana:/bin/bash\n";
        assert_eq!(find_user(file, 1000).as_deref(), Some("ana"));
        assert_eq!(find_user(file, 100), None);
    }

    #[test]
    fn what_is_known_is_shown_and_a_claim_is_marked() {
        let some = |text: &str| Some(text.to_owned());
        let mut identity = Identity::default();
        assert_eq!(identity.to_string(), "somebody");
        identity.address = some("127.0.0.1:40000");
        assert_eq!(identity.to_string(), "somebody at 127.0.0.1:40000");
        identity.program = some("scan.py");
        (identity.user, identity.host) = (some("ana"), some("beamline"));
        assert_eq!(identity.to_string(), "ana@beamline, scan.py");
        (identity.pid, identity.claimed) = (Some(4711), true);
        assert_eq!(identity.to_string(), "ana@beamline (claimed), scan.py, pid 4711");
    }
}
