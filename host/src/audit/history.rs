//! Reads the audit log back, newest first, from the file that is written and those that moved away.

use std::{
    collections::HashSet,
    fs::File,
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde_json::Value as Json;

use super::file::{OLD_FILES, numbered};
use crate::device::split_path;

/// What is read of a file at a time.
const CHUNK: u64 = 64 << 10;
/// No line of ours is longer; what is, is no line of ours.
const LINE_MAX: usize = 1 << 20;
/// So much is looked through for one request.
const SEARCHED_MAX: u64 = 64 << 20;

/// Which entries are wanted. What is empty wants all of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Devices, or `stage.position`: then also what was done to the device as a whole.
    pub(crate) paths: Vec<String>,
    /// A part of the owner's name, or the number of an owner.
    pub(crate) owner: Option<String>,
    /// `write`, `lock`, …
    pub(crate) events: Vec<String>,
    /// `refused`, `failed`, …
    pub(crate) outcomes: Vec<String>,
    /// Those that ended at this time or later.
    pub(crate) since: Option<Timestamp>,
}

/// What was written up to some moment.
pub(crate) struct History {
    path: PathBuf,
    /// The file that was written then, and how long it was; `None` if it could not be.
    file: Option<(File, u64)>,
}

/// Entries that a filter wants.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// Oldest first.
    pub(crate) entries: Vec<Json>,
    /// Whether there may be older ones.
    pub(crate) more: bool,
}

impl Filter {
    /// Whether it wants this entry. That entries are missing concerns everybody.
    pub(crate) fn wants(&self, entry: &Json) -> bool {
        let text = |key: &str| entry.get(key).and_then(Json::as_str).unwrap_or_default();
        let among = |list: &[String], word: &str| list.is_empty() || list.iter().any(|one| one == word);
        if self
            .since
            .is_some_and(|since| ended(entry).is_some_and(|ended| ended < since))
        {
            return false;
        }
        text("event") == "lost"
            || among(&self.events, text("event"))
                && among(&self.outcomes, text("outcome"))
                && self.wants_owner(entry, text("owner"))
                && self.wants_path(entry, text("path"))
    }

    fn wants_owner(&self, entry: &Json, label: &str) -> bool {
        let Some(wanted) = &self.owner else { return true };
        match wanted.parse::<u64>() {
            Ok(number) => entry.get("owner_id").and_then(Json::as_u64) == Some(number),
            Err(_) => label.to_lowercase().contains(&wanted.to_lowercase()),
        }
    }

    fn wants_path(&self, entry: &Json, paths: &str) -> bool {
        if self.paths.is_empty() {
            return true;
        }
        let through = entry.get("through").and_then(Json::as_array).into_iter().flatten();
        let mut touched = paths
            .split(',')
            .map(str::trim)
            .chain(through.filter_map(Json::as_str))
            .map(split_path);
        touched.any(|touched| self.paths.iter().any(|wanted| covers(split_path(wanted), touched)))
    }
}

/// Whether what was done to `touched` is of interest to whoever asks for `wanted`.
fn covers(wanted: (&str, &str), touched: (&str, &str)) -> bool {
    let same_member = wanted.1.is_empty() || touched.1.is_empty() || wanted.1.eq_ignore_ascii_case(touched.1);
    wanted.0.eq_ignore_ascii_case(touched.0) && same_member
}

/// When what it tells of was over.
fn ended(entry: &Json) -> Option<Timestamp> {
    let asked: Timestamp = entry.get("time")?.as_str()?.parse().ok()?;
    let elapsed = entry.get("elapsed").and_then(Json::as_f64).unwrap_or(0.0);
    let elapsed = jiff::SignedDuration::try_from_secs_f64(elapsed).unwrap_or_default();
    Some(asked.checked_add(elapsed).unwrap_or(asked))
}

impl History {
    /// What the file at `path` has in its first `bytes` bytes, and what lies beside it.
    pub(super) fn of(path: &Path, bytes: u64) -> History {
        let file = File::open(path).ok().filter(|_| bytes > 0);
        History {
            path: path.to_owned(),
            file: file.map(|file| (file, bytes)),
        }
    }

    /// The newest entries that `filter` wants: at most `most`, and no more than `bytes_max` bytes of them.
    ///
    /// # Errors
    /// If a file that is there cannot be read.
    pub(crate) fn newest(self, filter: &Filter, most: usize, bytes_max: usize) -> io::Result<Chosen> {
        let mut search = Search {
            filter,
            most,
            bytes_left: bytes_max,
            to_search: SEARCHED_MAX,
            seen: HashSet::new(),
            entries: Vec::new(),
        };
        let mut done = match &self.file {
            Some((file, bytes)) => search.look_through(file, *bytes)?,
            None => false,
        };
        for n in 1..=OLD_FILES {
            if done {
                break;
            }
            let file = match File::open(numbered(&self.path, n)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                file => file?,
            };
            let bytes = file.metadata()?.len();
            done = search.look_through(&file, bytes)?;
        }
        let Search { mut entries, .. } = search;
        entries.reverse();
        Ok(Chosen { entries, more: done })
    }
}

struct Search<'a> {
    filter: &'a Filter,
    most: usize,
    bytes_left: usize,
    to_search: u64,
    /// Files that were looked through: one may move away under our hands, and is met again.
    seen: HashSet<(u64, u64)>,
    /// Newest first.
    entries: Vec<Json>,
}

impl Search<'_> {
    /// Whether enough was found, although there may be more.
    fn look_through(&mut self, file: &File, bytes: u64) -> io::Result<bool> {
        let identity = file.metadata()?;
        if !self.seen.insert((identity.dev(), identity.ino())) {
            return Ok(false);
        }
        let mut lines = Backwards::new(file, bytes);
        while let Some(line) = lines.next()? {
            self.to_search = self.to_search.saturating_sub(line.len() as u64 + 1);
            // Whoever wrote it may have been cut off.
            let Ok(entry) = serde_json::from_slice::<Json>(&line) else {
                continue;
            };
            if self.filter.wants(&entry) {
                if self.entries.len() >= self.most || line.len() > self.bytes_left {
                    return Ok(true);
                }
                self.bytes_left -= line.len();
                self.entries.push(entry);
            } else if self.is_before(&entry) {
                return Ok(true);
            }
            if self.to_search == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether all that was written before this is too old as well: entries are written when they end.
    fn is_before(&self, entry: &Json) -> bool {
        let since = self.filter.since.zip(ended(entry));
        since.is_some_and(|(since, ended)| ended < since)
    }
}

/// The lines of a file, from the last to the first.
struct Backwards<'a> {
    file: &'a File,
    /// What lies before this was not read yet.
    begin: u64,
    buffer: Vec<u8>,
}

impl Backwards<'_> {
    fn new(file: &File, bytes: u64) -> Backwards<'_> {
        Backwards {
            file,
            begin: bytes,
            buffer: Vec::new(),
        }
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.buffer.iter().rposition(|byte| *byte == b'\n') {
                let line = self.buffer.split_off(end + 1);
                self.buffer.truncate(end);
                if !line.is_empty() {
                    return Ok(Some(line));
                }
            } else if self.begin == 0 {
                let line = std::mem::take(&mut self.buffer);
                return Ok((!line.is_empty()).then_some(line));
            } else {
                self.fill()?;
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.buffer.len() > LINE_MAX {
            self.buffer.clear();
        }
        let length = self.begin.min(CHUNK);
        self.begin -= length;
        let mut chunk = vec![0; length as usize];
        self.file.read_exact_at(&mut chunk, self.begin)?;
        chunk.append(&mut self.buffer);
        self.buffer = chunk;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(n: usize) -> Json {
        let (event, outcome) = if n.is_multiple_of(2) {
            ("write", "done")
        } else {
            ("lock", "refused")
        };
        let (owner, path) = [("ana@lab2", "stage.position"), ("Ben", "pump, stage.velocity")][n % 2];
        json!({
            "time": format!("2023-11-14T22:13:{:02}Z", n % 60), "event": event, "owner": owner,
            "owner_id": n % 2 + 7, "path": path, "outcome": outcome,
            "elapsed": 0.5, "n": n,
        })
    }

    /// The numbers of the entries that are found in `files`, the newest file first.
    fn found(files: &[Vec<usize>], filter: &Filter, most: usize) -> (Vec<u64>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for (n, file) in files.iter().enumerate() {
            let text: String = file.iter().map(|n| format!("{}\n", entry(*n))).collect();
            let path = if n == 0 {
                path.clone()
            } else {
                numbered(&path, n as u32)
            };
            std::fs::write(path, format!("{text}torn {{\n\n")).unwrap();
        }
        let bytes = std::fs::metadata(&path).map_or(0, |file| file.len());
        let chosen = History::of(&path, bytes).newest(filter, most, 1 << 20).unwrap();
        let numbers = chosen.entries.iter().filter_map(|entry| entry["n"].as_u64()).collect();
        (numbers, chosen.more)
    }

    #[test]
    fn x5_the_newest_come_from_all_files_in_order() {
        let files = [vec![6, 7], vec![3, 4, 5], vec![0, 1, 2]];
        let all = Filter::default();
        assert_eq!(found(&files, &all, 100), ((0..8).collect(), false));
        assert_eq!(found(&files, &all, 4), ((4..8).collect(), true));
        assert_eq!(found(&[], &all, 4), (vec![], false));
        // More than is read at a time.
        let long: Vec<usize> = (0..2000).collect();
        assert_eq!(found(&[long], &all, 5000), ((0..2000).collect(), false));
    }

    #[test]
    fn x5_a_filter_goes_by_what_who_and_when() {
        let files = [(0..10).collect::<Vec<_>>()];
        let check =
            |filter: Filter, expected: &[u64]| assert_eq!(found(&files, &filter, 100).0, expected, "{filter:?}");
        let list = |word: &str| vec![word.to_owned()];
        check(
            Filter {
                events: list("lock"),
                ..Filter::default()
            },
            &[1, 3, 5, 7, 9],
        );
        check(
            Filter {
                outcomes: list("refused"),
                ..Filter::default()
            },
            &[1, 3, 5, 7, 9],
        );
        check(
            Filter {
                owner: Some("ANA".into()),
                ..Filter::default()
            },
            &[0, 2, 4, 6, 8],
        );
        check(
            Filter {
                owner: Some("8".into()),
                ..Filter::default()
            },
            &[1, 3, 5, 7, 9],
        );
        check(
            Filter {
                paths: list("pump"),
                ..Filter::default()
            },
            &[1, 3, 5, 7, 9],
        );
        check(
            Filter {
                paths: list("pump.flow"),
                ..Filter::default()
            },
            &[1, 3, 5, 7, 9],
        );
        check(
            Filter {
                paths: list("Stage:position"),
                ..Filter::default()
            },
            &[0, 2, 4, 6, 8],
        );
        check(
            Filter {
                paths: list("stage"),
                ..Filter::default()
            },
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        );
        check(
            Filter {
                paths: list("oven"),
                ..Filter::default()
            },
            &[],
        );
        // It counts when they ended.
        let since = Some("2023-11-14T22:13:06.2Z".parse().unwrap());
        check(
            Filter {
                since,
                ..Filter::default()
            },
            &[6, 7, 8, 9],
        );
    }

    #[test]
    fn x5_that_entries_are_missing_concerns_everybody() {
        let lost = json!({ "time": "2023-11-14T22:13:20Z", "event": "lost", "count": 3 });
        let picky = Filter {
            events: vec!["write".to_owned()],
            owner: Some("ana".to_owned()),
            ..Filter::default()
        };
        assert!(picky.wants(&lost));
    }
}
