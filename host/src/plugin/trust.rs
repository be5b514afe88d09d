//! Whose code this process may run (X2).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use super::row::Rejection;

const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;
const OWNER_READS: u32 = 0o400;

/// Owner and permission bits of a file or folder.
#[derive(Clone, Copy)]
pub(super) struct Rights {
    owner: u32,
    mode: u32,
}

impl From<&Metadata> for Rights {
    fn from(metadata: &Metadata) -> Self {
        Self {
            owner: metadata.uid(),
            mode: metadata.mode() & 0o7777,
        }
    }
}

/// Judges a file by its own rights and those of the folder it lies in, both with links resolved.
///
/// Returns warnings. The folder's owner does not matter: what another user moves there is still that user's file.
pub(super) fn check(file: Rights, folder: Rights, me: u32) -> Result<Vec<String>, Rejection> {
    if file.mode & OWNER_READS == 0 {
        // Said even to root, who could read it: somebody has switched this driver off.
        let reason = format!(
            "no permission to read it, not even for its owner (mode {:04o})",
            file.mode
        );
        return Err(Rejection::unreadable(reason));
    }
    if file.owner != me && file.owner != 0 {
        let reason = format!(
            "it belongs to user {}: only drivers of root and of user {me}, who runs the host, are loaded",
            file.owner
        );
        return Err(Rejection::refused(reason));
    }
    let mut warnings = Vec::new();
    for (what, rights) in [("it", file), ("its folder", folder)] {
        if rights.mode & OTHERS_WRITE != 0 {
            let reason = format!("{what} is writable by everybody (mode {:04o}): chmod o-w", rights.mode);
            return Err(Rejection::refused(reason));
        }
        if rights.mode & GROUP_WRITES != 0 {
            warnings.push(format!("{what} is writable by its group (mode {:04o})", rights.mode));
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::super::row::State;
    use super::*;

    const ME: u32 = 1000;

    fn judge(owner: u32, file: u32, folder: u32) -> String {
        let folder = Rights { owner: 7, mode: folder };
        match check(Rights { owner, mode: file }, folder, ME) {
            Ok(warnings) => warnings.join("; "),
            Err(Rejection { state, reason }) => format!("{}: {reason}", state.name()),
        }
    }

    #[test]
    fn files_of_the_user_and_of_root_are_trusted() {
        assert_eq!(judge(ME, 0o755, 0o755), "");
        assert_eq!(judge(0, 0o644, 0o700), "");
        assert!(judge(1001, 0o755, 0o755).starts_with("refused: it belongs to user 1001"));
    }

    #[test]
    fn what_everybody_can_write_is_refused() {
        assert_eq!(
            judge(ME, 0o666, 0o755),
            "refused: it is writable by everybody (mode 0666): chmod o-w"
        );
        assert_eq!(
            judge(0, 0o644, 0o1777),
            "refused: its folder is writable by everybody (mode 1777): chmod o-w"
        );
    }

    #[test]
    fn what_a_group_can_write_is_warned_of() {
        assert_eq!(
            judge(ME, 0o775, 0o2775),
            "it is writable by its group (mode 0775); its folder is writable by its group (mode 2775)"
        );
    }

    #[test]
    fn a_file_that_its_owner_may_not_read_is_unreadable_even_for_root() {
        let rights = Rights { owner: 0, mode: 0 };
        let rejection = check(rights, Rights { owner: 0, mode: 0o755 }, 0).unwrap_err();
        assert_eq!(rejection.state, State::Unreadable);
        assert!(rejection.reason.contains("(mode 0000)"));
    }
}
