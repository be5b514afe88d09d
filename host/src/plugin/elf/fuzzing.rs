//! What holds of every file that is taken for a library.

use std::io::Cursor;

use super::{check, exports_driver};
use crate::plugin::row::State;

/// The kind of a program header whose part of the file is mapped.
const PT_LOAD: u32 = 1;
/// Most bytes of a reason that stands on one line of a table.
const REASON_MAX: usize = 1000;

/// Checks bytes as if they were a library. What is taken promises nothing beyond its end, by a count that knows nothing of
/// how the check was made, and what is not taken says so on one line.
pub fn library(bytes: &[u8]) {
    let exports = exports_driver(Cursor::new(bytes));
    match check(bytes) {
        Ok(image) => {
            assert!(exports, "it passes the check and is no driver at a first look");
            assert_eq!(bytes[..6], *b"\x7fELF\x02\x01");
            let loaded = segments(bytes)
                .inspect(|segment| assert!(segment.lies_in(bytes), "{segment:?}"))
                .filter(|segment| segment.kind == PT_LOAD)
                .count();
            assert!(loaded > 0, "there is nothing to map");
            let names = image.needed.iter().chain(&image.run_paths);
            assert!(
                names.map(String::len).sum::<usize>() <= bytes.len().pow(2),
                "names come from nowhere"
            );
        }
        Err(rejection) => {
            assert!(matches!(rejection.state, State::Refused | State::NotADriver));
            assert!(!rejection.reason.is_empty() && rejection.reason.len() < REASON_MAX);
            assert!(!rejection.reason.contains('\n'), "{:?}", rejection.reason);
        }
    }
}

#[derive(Debug)]
struct Segment {
    kind: u32,
    offset: u64,
    size: u64,
    in_memory: u64,
}

impl Segment {
    fn lies_in(&self, bytes: &[u8]) -> bool {
        let end = u128::from(self.offset) + u128::from(self.size);
        end <= bytes.len() as u128 && (self.kind != PT_LOAD || self.size <= self.in_memory)
    }
}

/// The program headers, read by hand: ELF-64, figures 3 and 6 of its specification.
fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment> {
    let table = number(bytes, 0x20, 8);
    let (size, count) = (number(bytes, 0x36, 2), number(bytes, 0x38, 2));
    (0..count).map(move |index| {
        let at = usize::try_from(table + index * size).expect("it lies in the file");
        Segment {
            kind: number(bytes, at, 4) as u32,
            offset: number(bytes, at + 0x08, 8),
            size: number(bytes, at + 0x20, 8),
            in_memory: number(bytes, at + 0x28, 8),
        }
    })
}

/// A little-endian number.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    let bytes = &bytes[at..at + size];
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
