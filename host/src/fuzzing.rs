//! What has to hold of whatever bytes come in, for tests and for the targets in `tests/fuzz` alone.
//!
//! Each function takes any bytes, feeds them to what has to bear them, and panics if a promise is broken. A fuzz target
//! calls one of them; a test here calls it with every file of its corpus, so that nothing that was found once comes back.

pub use crate::{plugin::fuzzing::library, process::fuzzing::frames, server::fuzzing::dialogue};

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// Feeds all files of a target's corpus to it.
    fn replay(target: &str, property: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../tests/fuzz/corpus")
            .join(target);
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for entry in entries {
            let path = entry.expect("its entries can be read").path();
            // Only a test that fails shows it.
            eprintln!("{}", path.display());
            property(&fs::read(&path).expect("a file of the corpus can be read"));
            count += 1;
        }
        assert!(count > 0, "there is nothing in {}", folder.display());
    }

    #[test]
    fn what_clients_sent_once_is_still_borne() {
        replay("secop", super::dialogue);
    }

    #[test]
    fn library_files_that_came_once_are_still_borne() {
        replay("library", super::library);
    }

    #[test]
    fn what_children_sent_once_is_still_borne() {
        replay("process", super::frames);
    }

    /// `WRITE_SEEDS=1` writes them where the fuzz target begins.
    #[test]
    fn messages_of_every_kind_are_frames() {
        for (name, bytes) in crate::process::fuzzing::seeds() {
            super::frames(&bytes);
            if std::env::var_os("WRITE_SEEDS").is_some() {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus/process");
                fs::write(folder.join(name), bytes).expect("it can be written");
            }
        }
    }
}
